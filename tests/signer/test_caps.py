"""The caps at work: what is capped, what is exempt, how rates are counted."""

import json
import random  # noqa: TID251 - seeded, to draw cases
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests.signer.desks import TABLE, ask, desk, futures, good

from counterseal.core.caps import Caps
from counterseal.core.messages import Refused, Sign, Signed
from counterseal.signer.bucket import Bucket
from counterseal.signer.caps import MINUTE_NS, SECOND_NS, CapsJudge
from counterseal.signer.changes import changes_of

SIZED = Caps(max_quantity={"BTCUSDT": Decimal("0.5"), "*": Decimal(10)}, max_quote_quantity={"BTCUSDT": Decimal(5000)})
ONE = Caps(symbols=frozenset({"BTCUSDT"}), max_quantity={"BTCUSDT": Decimal("0.5")}, max_leverage=5)


def reason(caps: Caps, *requests: Sign) -> list[str]:
    """The reasons of a desk with these caps for every key; "signed" where there is none."""
    answers = ask(desk({"*": caps}), *(request._replace(id=number) for number, request in enumerate(requests)))
    return [answer.reason if isinstance(answer, Refused) else "signed" for answer in answers]


def spot(**values: str) -> Sign:
    return good(pairs=(("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "MARKET"), *values.items()))


def usdm(symbol: str = "BTCUSDT", **values: str) -> Sign:
    return futures(pairs=(("symbol", symbol), ("side", "BUY"), ("type", "MARKET"), *values.items()))


def batch(*legs: object, method: str = "POST", text: str | None = None) -> Sign:
    return futures(
        method=method,
        path="/fapi/v1/batchOrders",
        pairs=(("batchOrders", json.dumps(legs) if text is None else text),),
    )


def leg(symbol: str = "BTCUSDT", quantity: str = "0.5", **more: str) -> dict[str, str]:
    return {"symbol": symbol, "side": "BUY", "type": "MARKET", "quantity": quantity, **more}


# -- sizes


@pytest.mark.threat(43)
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (spot(quantity="0.5"), "signed"),
        (spot(quantity="0.500000000000000000"), "signed"),
        (spot(quantity="0.500000000000000001"), "over_quantity_cap"),
        (spot(quantity="999999999999999999"), "over_quantity_cap"),
        (spot(quoteOrderQty="5000"), "signed"),
        (spot(quoteOrderQty="5000.01"), "over_quote_cap"),
        (spot(quantity="0.1", quoteOrderQty="5001"), "over_quote_cap"),
        (spot(quantity="0.6", quoteOrderQty="1"), "over_quantity_cap"),
        (spot(), "size_missing"),
        (usdm("ETHUSDT", quantity="10"), "signed"),
        (usdm("ETHUSDT", quantity="10.1"), "over_quantity_cap"),
        (good(pairs=(("symbol", "ETHUSDT"), ("quoteOrderQty", "1"))), "over_quote_cap"),
        (usdm("btcusdt", quantity="0.1"), "over_quantity_cap"),
        (usdm("BTCU\u017fDT", quantity="0.1"), "over_quantity_cap"),
        (good(pairs=(("side", "BUY"), ("quantity", "10"))), "signed"),
        (good(pairs=(("side", "BUY"), ("quantity", "11"))), "over_quantity_cap"),
        (good(path="/api/v3/order/test", pairs=(("symbol", "BTCUSDT"), ("quantity", "1"))), "over_quantity_cap"),
        (good(path="/api/v3/order/oco", pairs=(("symbol", "BTCUSDT"), ("quantity", "1"))), "over_quantity_cap"),
        (good(path="/api/v3/orderList/oco", pairs=(("symbol", "BTCUSDT"), ("quantity", "1"))), "over_quantity_cap"),
        (good(path="/api/v3/orderList/oco", pairs=(("symbol", "BTCUSDT"), ("quantity", "0.4"))), "signed"),
        (
            good(path="/api/v3/order/cancelReplace", pairs=(("symbol", "BTCUSDT"), ("quantity", "1"))),
            "over_quantity_cap",
        ),
        (futures(method="PUT", pairs=(("symbol", "BTCUSDT"), ("quantity", "0.6"))), "over_quantity_cap"),
        (futures(method="PUT", pairs=(("symbol", "BTCUSDT"), ("quantity", "0.5"))), "signed"),
        (futures(path="/fapi/v1/algoOrder", pairs=(("symbol", "BTCUSDT"), ("quantity", "1"))), "over_quantity_cap"),
    ],
)
def test_sizes_are_held_to_the_cap_of_their_symbol(request_: Sign, expected: str) -> None:
    assert reason(SIZED, request_) == [expected]


def waiting(name: str, **values: str) -> Sign:
    """An order list whose working order calls pending ones."""
    return good(
        path=f"/api/v3/orderList/{name}", pairs=(("symbol", "BTCUSDT"), ("workingSide", "BUY"), *values.items())
    )


def amendment(**values: str) -> Sign:
    return good(method="PUT", path="/api/v3/order/amend/keepPriority", pairs=(("symbol", "BTCUSDT"), *values.items()))


def routed(path: str = "/api/v3/sor/order", **values: str) -> Sign:
    return good(path=path, pairs=(("symbol", "BTCUSDT"), ("side", "BUY"), *values.items()))


@pytest.mark.threat(12)
@pytest.mark.threat(43)
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        *(
            (waiting(name, workingQuantity=working, pendingQuantity=pending), expected)
            for name in ("oto", "otoco")
            for working, pending, expected in (
                ("0.5", "0.5", "signed"),
                ("0.51", "0.1", "over_quantity_cap"),
                ("0.1", "0.51", "over_quantity_cap"),
                ("0.1", "1e3", "malformed_size"),
                ("", "0.1", "malformed_size"),
            )
        ),
        *(
            (waiting(name, workingQuantity=working), expected)
            for name in ("opo", "opoco")
            for working, expected in (("0.5", "signed"), ("0.51", "over_quantity_cap"))
        ),
        (waiting("opo", workingQuantity="0.1", pendingQuantity="0.1"), "unknown_parameter"),
        (waiting("oto"), "size_missing"),
        (waiting("oto", workingQuantity="0.1", quantity="0.1"), "unknown_parameter"),
        (amendment(newQty="0.5", orderId="1"), "signed"),
        (amendment(newQty="0.51", orderId="1"), "over_quantity_cap"),
        (amendment(newQty="+1", orderId="1"), "malformed_size"),
        (amendment(orderId="1"), "size_missing"),
        (amendment(quantity="0.1", newQty="0.1", orderId="1"), "unknown_parameter"),
        (routed(quantity="0.5"), "signed"),
        (routed(quantity="0.51"), "over_quantity_cap"),
        (routed("/api/v3/sor/order/test", quantity="0.51"), "over_quantity_cap"),
        (routed(quoteOrderQty="1"), "unknown_parameter"),
        (routed(), "size_missing"),
    ],
)
def test_no_order_of_a_list_no_amendment_and_no_routed_order_gets_around_the_cap(request_: Sign, expected: str) -> None:
    assert reason(SIZED, request_) == [expected]


CONTRACTS = Caps(max_quantity={"BTCUSD_PERP": Decimal(3), "*": Decimal("0.5")}, symbols=frozenset({"BTCUSD_PERP"}))


def contracts(path: str = "/dapi/v1/order", method: str = "POST", **values: str) -> Sign:
    pairs = (("symbol", "BTCUSD_PERP"), *values.items()) if path != "/dapi/v1/batchOrders" else tuple(values.items())
    return good(family="coinm", method=method, path=path, pairs=pairs)


@pytest.mark.threat(43)
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (contracts(quantity="3"), "signed"),
        (contracts(quantity="4"), "over_quantity_cap"),
        (contracts(quantity="4", reduceOnly="true"), "over_quantity_cap"),
        (contracts(type="STOP_MARKET", closePosition="true"), "signed"),
        (contracts(type="STOP_MARKET", closePosition="true", quantity="4"), "over_quantity_cap"),
        (contracts(method="PUT", quantity="4"), "over_quantity_cap"),
        (contracts(method="PUT", price="4"), "size_missing"),
        (contracts("/dapi/v1/algoOrder", quantity="4"), "over_quantity_cap"),
        (contracts("/dapi/v1/batchOrders", batchOrders=json.dumps([leg("BTCUSD_PERP", "3")])), "signed"),
        (contracts("/dapi/v1/batchOrders", batchOrders=json.dumps([leg("BTCUSD_PERP", "4")])), "over_quantity_cap"),
        (contracts("/dapi/v1/batchOrders", batchOrders=json.dumps([leg("ETHUSD_PERP", "0.1")])), "outside_symbol_cap"),
        (
            contracts(
                "/dapi/v1/batchOrders", "PUT", batchOrders=json.dumps([{"symbol": "BTCUSD_PERP", "quantity": "4"}])
            ),
            "over_quantity_cap",
        ),
        (good(pairs=(("symbol", "BTCUSDT"), ("quantity", "0.1"))), "outside_symbol_cap"),
        (contracts("/dapi/v1/positionMargin", amount="1", type="1"), "signed"),
        (contracts("/dapi/v1/positionMargin", amount="1", type="MARKET"), "malformed_size"),
    ],
)
def test_a_coin_margined_symbol_is_capped_in_contracts(request_: Sign, expected: str) -> None:
    assert reason(CONTRACTS, request_) == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"closePosition": "true"}, "signed"),
        ({"closePosition": "true", "positionSide": "LONG"}, "signed"),
        ({"closePosition": "true", "quantity": "0.6"}, "over_quantity_cap"),
        ({"closePosition": "false"}, "size_missing"),
        ({"reduceOnly": "true", "quantity": "0.6"}, "over_quantity_cap"),
        ({"reduceOnly": "true"}, "size_missing"),
    ],
)
def test_closing_a_position_needs_no_size_and_nothing_else_does_without(values: dict[str, str], expected: str) -> None:
    pairs = (("symbol", "BTCUSDT"), ("side", "SELL"), ("type", "STOP_MARKET"), *values.items())

    assert reason(SIZED, futures(path="/fapi/v1/algoOrder", pairs=pairs)) == [expected]


def test_a_unit_without_a_cap_is_refused_once_sizes_are_capped() -> None:
    assert reason(Caps(max_quantity={"*": Decimal(1)}), spot(quoteOrderQty="1")) == ["over_quote_cap"]
    assert reason(Caps(max_quote_quantity={"*": Decimal(1)}), spot(quantity="1")) == ["over_quantity_cap"]
    assert reason(Caps(max_per_second=5), spot(quantity="1"), spot(quoteOrderQty="1"), spot()) == ["signed"] * 3


@pytest.mark.threat(14)
@pytest.mark.parametrize("capped", [True, False])
@pytest.mark.parametrize(
    "values",
    [
        *(
            {"quantity": text}
            for text in ("", "1e3", "+1", "-1", " 1", "1_000", "\uff11", "0x10", ".5", "1.", "NaN", "01")
        ),
        {"quoteOrderQty": "1e9"},
        {"quantity": "1" * 40},
    ],
)
def test_a_size_in_another_form_is_refused_with_and_without_caps(values: dict[str, str], *, capped: bool) -> None:
    assert reason(SIZED if capped else Caps(), spot(**values)) == ["malformed_size"]


def test_flags_are_true_or_false_and_nothing_else() -> None:
    for word in ("TRUE", "True", "1", "yes", "", "true "):
        assert reason(Caps(), usdm(quantity="1", reduceOnly=word)) == ["malformed_size"]
    assert reason(Caps(), usdm(quantity="1", reduceOnly="false")) == ["signed"]


# -- batches


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ([leg()], "signed"),
        ([leg(), leg("ETHUSDT", "10")], "signed"),
        ([leg(), leg(quantity="0.6")], "over_quantity_cap"),
        ([leg(), leg("ETHUSDT", "11")], "over_quantity_cap"),
        ([leg(quantity="1e3")], "malformed_size"),
        ([leg(), {**leg(), "quantity": 0.5}], "malformed_size"),
        ([{**leg(), "reduceOnly": True}], "malformed_size"),
        ([{**leg(), "quantity": ["0.5"]}], "malformed_size"),
        ([{"symbol": "BTCUSDT", "side": "BUY"}], "size_missing"),
        ([{**leg(), "quoteOrderQty": "1"}], "unknown_parameter"),
        ([{**leg(), "Quantity": "9"}], "unknown_parameter"),
        ([{**leg(), "batchOrders": "[]"}], "unknown_parameter"),
        ([["symbol", "BTCUSDT"]], "malformed_size"),
        ([], "malformed_size"),
        ([leg()] * 11, "malformed_size"),
        ([leg()] * 10, "signed"),
    ],
)
def test_every_leg_of_a_batch_is_judged(legs: Sequence[object], expected: str) -> None:
    assert reason(SIZED, batch(*legs)) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        "null",
        json.dumps(json.dumps([leg()])),
        '[{"symbol":"BTCUSDT","quantity":"0.1","quantity":"9"}]',
        '[{"symbol":"BTCUSDT","quantity":NaN}]',
        '[{"symbol":"BTCUSDT","quantity":"0.1"}] ,',
        '[{"symbol":"BTCUSDT","quantity":"0.1","side":"\\ud800"}]',
    ],
)
def test_a_batch_that_can_be_read_in_two_ways_is_refused(text: str) -> None:
    assert reason(SIZED, batch(text=text)) == ["malformed_size"]


def test_a_batch_without_its_list_is_refused_and_a_modification_is_judged_by_its_new_size() -> None:
    assert reason(SIZED, futures(path="/fapi/v1/batchOrders", pairs=())) == ["malformed_size"]
    change = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.6", "price": "1", "orderId": "1"}
    assert reason(SIZED, batch(change, method="PUT")) == ["over_quantity_cap"]
    assert reason(SIZED, batch({**change, "quantity": "0.4"}, method="PUT")) == ["signed"]
    assert reason(SIZED, batch({**change, "reduceOnly": "true"}, method="PUT")) == ["unknown_parameter"]


# -- symbols, leverage, settings


def setting(path: str, **values: str) -> Sign:
    return futures(path=f"/fapi/v1/{path}", pairs=tuple(values.items()))


@pytest.mark.threat(23)
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (usdm("ETHUSDT", quantity="0.1"), "outside_symbol_cap"),
        (usdm("ETHUSDT", closePosition="true"), "unknown_parameter"),
        (batch(leg(), leg("ETHUSDT", "0.1")), "outside_symbol_cap"),
        (good(pairs=(("side", "BUY"), ("quantity", "0.1"))), "outside_symbol_cap"),
        (setting("leverage", symbol="BTCUSDT", leverage="5"), "signed"),
        (setting("leverage", symbol="BTCUSDT", leverage="6"), "over_leverage_cap"),
        (setting("leverage", symbol="BTCUSDT", leverage="9" * 19), "over_leverage_cap"),
        (setting("leverage", symbol="BTCUSDT", leverage="5.0"), "malformed_size"),
        (setting("leverage", symbol="ETHUSDT", leverage="1"), "outside_symbol_cap"),
        (setting("marginType", symbol="ETHUSDT", marginType="ISOLATED"), "outside_symbol_cap"),
        (setting("multiAssetsMargin", multiAssetsMargin="false"), "outside_symbol_cap"),
        (setting("positionSide/dual", dualSidePosition="false"), "outside_symbol_cap"),
        (setting("positionMargin", symbol="BTCUSDT", amount="1", type="1"), "signed"),
        (setting("positionMargin", symbol="BTCUSDT", amount="1", type="FAST"), "malformed_size"),
        (setting("positionMargin", symbol="BTCUSDT", amount="1e9", type="1"), "malformed_size"),
    ],
)
def test_symbols_and_leverage_are_held_to_the_caps(request_: Sign, expected: str) -> None:
    assert reason(ONE, request_) == [expected]


def test_account_wide_settings_are_signed_where_no_symbols_are_named() -> None:
    assert reason(SIZED, setting("multiAssetsMargin", multiAssetsMargin="false")) == ["signed"]


CANCELS = [
    (family, path, tuple((name, "1") for name in sorted(entry.allowed) if name != "symbol"))
    for (family, method, path), entry in TABLE.items()
    if method == "DELETE"
]


@pytest.mark.parametrize(("family", "path", "pairs"), CANCELS, ids=[path for _, path, _ in CANCELS])
def test_a_cancel_is_stopped_by_no_cap(family: str, path: str, pairs: tuple[tuple[str, str], ...]) -> None:
    caps = Caps(symbols=frozenset(), max_quantity={}, max_quote_quantity={}, max_per_second=1, max_per_minute=1)
    symbol = (("symbol", "ETHUSDT"),) if "symbol" in TABLE[family, "DELETE", path].allowed else ()
    cancel = good(family=family, method="DELETE", path=path, pairs=symbol + pairs)

    assert reason(caps, *[cancel] * 50) == ["signed"] * 50


# -- keys


def test_a_key_s_own_caps_come_before_those_of_every_key() -> None:
    own = desk({"main": Caps(max_quantity={"*": Decimal(2)}), "*": Caps(max_quantity={"*": Decimal(1)})})
    other = desk({"other": Caps(max_quantity={"*": Decimal(1)})})

    assert isinstance(ask(own, spot(quantity="2"))[0], Signed)
    assert isinstance(ask(other, spot(quantity="999"))[0], Signed)


# -- rates


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


def outcomes(at: Any, requests: Sequence[Sign], first: int) -> list[bool]:
    answers = ask(at, *(request._replace(id=first + number) for number, request in enumerate(requests)))
    return [isinstance(answer, Signed) for answer in answers]


def test_a_rate_is_a_bucket_that_refills_evenly_by_the_signer_s_own_clock() -> None:
    clock = Clock()
    at = desk({"*": Caps(max_per_second=3)}, clock)
    order = spot(quantity="1")

    assert outcomes(at, [order] * 4, 0) == [True, True, True, False]
    clock.now_ns += SECOND_NS // 3 - 1
    assert outcomes(at, [order], 10) == [False]
    clock.now_ns += 2
    assert outcomes(at, [order] * 2, 20) == [True, False]
    clock.now_ns += 100 * SECOND_NS
    assert outcomes(at, [order] * 4, 30) == [True, True, True, False]


def test_both_rates_hold_and_what_one_refuses_the_other_has_not_counted() -> None:
    clock = Clock()
    at = desk({"*": Caps(max_per_second=2, max_per_minute=3)}, clock)
    order = spot(quantity="1")

    assert outcomes(at, [order] * 10, 0) == [True, True] + [False] * 8
    clock.now_ns += SECOND_NS
    assert outcomes(at, [order] * 10, 20) == [True] + [False] * 9
    clock.now_ns += MINUTE_NS // 3
    assert outcomes(at, [order] * 10, 40) == [True] + [False] * 9


def test_what_is_refused_for_another_reason_is_not_counted() -> None:
    at = desk({"*": replace_sizes(max_per_second=1)}, Clock())

    assert outcomes(at, [spot(quantity="9"), spot(quantity="x"), spot(quantity="0.1")], 0) == [False, False, True]


def replace_sizes(**more: Any) -> Caps:
    return Caps(max_quantity=SIZED.max_quantity, max_quote_quantity=SIZED.max_quote_quantity, **more)


def test_exits_are_signed_when_the_rate_is_spent() -> None:
    at = desk({"*": replace_sizes(max_per_second=1, max_per_minute=1)}, Clock())
    reduces = usdm(quantity="0.1", reduceOnly="true")
    both = usdm(quantity="0.1", reduceOnly="true", positionSide="BOTH")
    hedged = usdm(quantity="0.1", reduceOnly="true", positionSide="LONG")
    close = futures(path="/fapi/v1/algoOrder", pairs=(("symbol", "BTCUSDT"), ("closePosition", "true")))
    read = good(method="GET", path="/api/v3/account", pairs=())
    tried = [
        usdm(quantity="0.1"),
        usdm(quantity="0.1"),
        reduces,
        both,
        hedged,
        close,
        read,
        batch(leg(reduceOnly="true")),
    ]

    assert outcomes(at, tried, 0) == [True, False, True, True, False, True, True, True]


def test_each_leg_of_a_batch_counts_and_exits_among_them_do_not() -> None:
    at = desk({"*": Caps(max_per_second=3)}, Clock())
    exits = [leg(reduceOnly="true")] * 5

    assert outcomes(at, [batch(*[leg()] * 4), batch(*[leg()] * 2, *exits), batch(leg(), leg()), batch(leg())], 0) == [
        False, True, False, True,
    ]  # fmt: skip


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("request_", "orders"),
    [
        (waiting("oto", workingQuantity="1", pendingQuantity="1"), 2),
        (waiting("otoco", workingQuantity="1", pendingQuantity="1"), 3),
        (waiting("opo", workingQuantity="1"), 2),
        (waiting("opoco", workingQuantity="1"), 3),
        (routed("/api/v3/orderList/oco", quantity="1"), 2),
        (routed("/api/v3/order/oco", quantity="1"), 2),
        (amendment(newQty="1"), 1),
        (routed(quantity="1"), 1),
    ],
)
def test_each_order_of_a_list_counts(request_: Sign, orders: int) -> None:
    at = desk({"*": Caps(max_per_second=6)}, Clock())

    assert outcomes(at, [request_] * 7, 0) == [number < 6 // orders for number in range(7)]


def test_settings_and_modifications_count() -> None:
    at = desk({"*": Caps(max_per_second=2)}, Clock())
    change = futures(method="PUT", pairs=(("symbol", "BTCUSDT"), ("quantity", "1")))

    assert outcomes(at, [change, setting("leverage", symbol="A", leverage="1"), change], 0) == [True, True, False]


@pytest.mark.parametrize("seed", range(20))
def test_the_bucket_agrees_with_exact_arithmetic(seed: int) -> None:
    draw = random.Random(seed)
    limit, period = draw.randrange(1, 50), draw.choice([7, 1000, SECOND_NS])
    bucket, tokens, now = Bucket(limit, period), Fraction(limit), 0

    for _ in range(500):
        step = draw.choice([0, 1, period // 7, period, 3 * period])
        now, count = now + step, draw.randrange(1, 4)
        tokens = min(Fraction(limit), tokens + Fraction(step * limit, period))
        expected = tokens >= count
        assert bucket.has(count, now) == expected
        if expected:
            bucket.take(count)
            tokens -= count


def test_a_bucket_is_full_from_the_first_nanosecond() -> None:
    for now_ns in (0, 1):
        bucket = Bucket(1, 10)
        assert bucket.has(1, now_ns)
        bucket.take(1)
        assert not bucket.has(1, now_ns + 9)
        assert bucket.has(1, now_ns + 10)


@pytest.mark.parametrize(
    ("caps", "period_ns"), [(Caps(max_per_second=1), 1_000_000_000), (Caps(max_per_minute=1), 60_000_000_000)]
)
def test_a_rate_is_full_again_after_its_second_or_minute(caps: Caps, period_ns: int) -> None:
    now_ns = [5]
    judge = CapsJudge({"*": caps}, lambda: now_ns[0])
    entry = TABLE["spot", "POST", "/api/v3/order"]
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    told = []
    for later_ns in (5, 5, 5 + period_ns - 1, 5 + period_ns, 5 + period_ns):
        now_ns[0] = later_ns
        told.append(judge.refuse("main", entry, order))
    assert told == [None, "over_rate_cap", "over_rate_cap", None, "over_rate_cap"]


def test_a_leg_may_have_every_name_of_the_single_order() -> None:
    entry = TABLE["usdm", "POST", "/fapi/v1/batchOrders"]
    assert entry.leg is not None
    leg = dict.fromkeys(entry.leg.allowed, "1") | {"reduceOnly": "false"}
    leg |= {"closePosition": "false"} if "closePosition" in entry.leg.allowed else {}
    assert isinstance(changes_of(entry, {"batchOrders": json.dumps([leg])}), tuple)
    assert changes_of(entry, {"batchOrders": json.dumps([leg | {"more": "1"}])}) == "unknown_parameter"


def test_a_position_that_is_closed_with_a_size_is_no_exit() -> None:
    entry = TABLE["usdm", "POST", "/fapi/v1/algoOrder"]
    closing = {"symbol": "BTCUSDT", "closePosition": "true"}
    for more, expected in (({}, (True, True)), ({"quantity": "1"}, (False, False))):
        changes = changes_of(entry, closing | more)
        assert isinstance(changes, tuple)
        assert [(change.closes, change.exits) for change in changes] == [expected]


@pytest.mark.parametrize(("direction", "is_read"), [("1", True), ("2", True), ("3", False), ("", False)])
def test_margin_is_added_or_taken_away(direction: str, is_read: bool) -> None:
    entry = TABLE["usdm", "POST", "/fapi/v1/positionMargin"]
    changes = changes_of(entry, {"symbol": "BTCUSDT", "amount": "1", "type": direction})
    assert isinstance(changes, tuple) is is_read


@pytest.mark.parametrize("name", ["closePosition", "reduceOnly"])
def test_a_flag_is_true_or_false(name: str) -> None:
    entry = TABLE["usdm", "POST", "/fapi/v1/algoOrder"]
    order = {"symbol": "BTCUSDT", "quantity": "1"}
    for text in ("yes", "TRUE", "1", ""):
        assert changes_of(entry, order | {name: text}) == "malformed_size"
    for text in ("true", "false"):
        assert isinstance(changes_of(entry, order | {name: text}), tuple)
