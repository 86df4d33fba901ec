"""Events and snapshots together: what is stated is believed, whose it is is booked, and where they differ is named."""

from decimal import Decimal
from typing import Any

from tests.core.positions.shapes import CONTRACTS, RULES, D, account_update, spot_fill, usdm_fill

from counterseal.core.positions.agreement import LAG_MS, SETTLE_MS
from counterseal.core.positions.books import FOREIGN
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Held, Statement
from counterseal.core.positions.truth import MOST_UNOWNED, REMEMBERED, Truth

BTC = Place("BTCUSDT")
START_MS = 1_000_000


def whole(amount: str | None = None, **balances: str) -> Statement:
    """Give a snapshot."""
    positions = {} if amount is None else {BTC: Held(D(amount), D(100), D(101))}
    return Statement(positions, {asset: D(value) for asset, value in balances.items()}, whole=True)


def known(amount: str | None = None, family: str = "usdm", **balances: str) -> Truth:
    """Give a truth that has been read once."""
    truth = Truth(family, RULES)
    truth.snapshot(whole(amount, **balances), START_MS, START_MS)
    return truth


def tell(truth: Truth, body: dict[str, Any], owner: str | None, at_ms: int) -> Any:
    """Let it hear an event."""
    return truth.event(body["e"], body, owner, START_MS + at_ms)


def test_the_first_snapshot_is_believed_and_is_nobody_s() -> None:
    truth = known("2", USDT="50")
    assert truth.is_known
    assert truth.positions == {BTC: Held(D(2), D(100), D(101))}
    assert truth.books.sub(FOREIGN, BTC).lot.average == 100
    assert truth.books.balance("USDT") == 50
    assert truth.settle(START_MS + 60_000) == []


def test_a_bot_s_fill_is_the_bot_s_and_explains_the_next_snapshot() -> None:
    truth = known(USDT="50")
    tell(truth, account_update({"BTCUSDT": "2"}, {"USDT": "49"}), None, 1_000)
    fill, moved = tell(truth, usdm_fill("BUY", "2", "100", n="1"), "alpha", 1_001)
    assert (fill.signed, moved) == (2, ())
    truth.snapshot(whole("2", USDT="49"), START_MS + 2_000, START_MS + 2_100)
    assert truth.settle(START_MS + 60_000) == []
    assert truth.books.sub("alpha", BTC).lot.amount == 2
    assert truth.positions[BTC].amount == 2


def test_an_answer_that_is_behind_changes_nothing() -> None:
    truth = known()
    tell(truth, account_update({"BTCUSDT": "2"}), None, 5_000)
    tell(truth, usdm_fill("BUY", "2", "100"), "alpha", 5_000)
    truth.snapshot(whole(), START_MS + 5_000 + LAG_MS - 1, START_MS + 8_000)
    assert truth.positions[BTC].amount == 2
    truth.snapshot(whole(), START_MS + 5_000 + LAG_MS, START_MS + 9_000)
    assert truth.positions[BTC].amount == 0


def test_what_no_event_told_is_named_and_is_nobody_s() -> None:
    truth = known(USDT="50")
    truth.snapshot(whole("3", USDT="40"), START_MS + 10_000, START_MS + 10_000)
    assert truth.settle(START_MS + 10_000 + SETTLE_MS - 1) == []
    assert sorted(map(str, truth.settle(START_MS + 10_000 + SETTLE_MS))) == [
        "balance USDT: booked 50, stated 40", "position BTCUSDT: booked 0, stated 3",
    ]  # fmt: skip
    assert truth.books.sub(FOREIGN, BTC).lot.amount == 3
    truth.snapshot(whole("3", USDT="40"), START_MS + 20_000, START_MS + 20_000)
    assert truth.settle(START_MS + 60_000) == []


def test_a_difference_that_has_gone_meanwhile_is_none() -> None:
    truth = known()
    truth.snapshot(whole("3"), START_MS + 10_000, START_MS + 10_000)
    tell(truth, usdm_fill("BUY", "1", "100"), "alpha", 10_100)
    tell(truth, usdm_fill("BUY", "2", "100"), "alpha", 10_200)
    assert truth.settle(START_MS + 60_000) == []
    assert truth.heard_since(BTC, START_MS + 10_150)
    assert not truth.heard_since(BTC, START_MS + 10_200)
    assert not truth.heard_since("USDT", 0)


def test_money_that_moves_is_nobody_s_and_funding_is_whose_the_position_is() -> None:
    truth = known(USDT="50")
    tell(truth, usdm_fill("BUY", "2", "100"), "alpha", 1_000)
    _, moved = tell(truth, account_update(balances={"USDT": "60"}, reason="DEPOSIT", USDT="10"), None, 2_000)
    assert [(each.amount, each.reason) for each in moved] == [(10, "DEPOSIT")]
    tell(truth, account_update(balances={"USDT": "59"}, reason="FUNDING_FEE", USDT="-1"), None, 3_000)
    assert truth.books.assets["USDT"] == {FOREIGN: D(60), "alpha": D(-1)}
    assert truth.settle(START_MS + 60_000) == []


def test_an_event_twice_is_one_fill() -> None:
    truth = known()
    body = usdm_fill("BUY", "2", "100")
    assert tell(truth, body, "alpha", 1_000)[0] is not None
    assert tell(truth, body, "alpha", 1_001)[0] is None
    assert truth.books.amount(BTC) == 2


def test_only_so_many_fills_are_remembered() -> None:
    truth = known()
    body = usdm_fill("BUY", "1", "100")
    tell(truth, body, None, 1_000)
    assert truth.is_unowned("BTCUSDT", body["o"]["i"])
    truth._booked.update({("X", number, number): None for number in range(REMEMBERED - 1)})
    for _ in range(MOST_UNOWNED):
        tell(truth, usdm_fill("BUY", "1", "100"), None, 1_000)
    assert not truth.is_unowned("BTCUSDT", body["o"]["i"])
    assert tell(truth, body, None, 1_000)[0] is not None


def test_what_was_nobody_s_becomes_its_owner_s() -> None:
    truth = known(USDT="50")
    body = usdm_fill("BUY", "2", "100", n="1")
    tell(truth, body, None, 1_000)
    assert truth.claim("BTCUSDT", body["o"]["i"], "alpha", START_MS + 1_500)
    assert not truth.claim("BTCUSDT", body["o"]["i"], "alpha", START_MS + 1_500)
    assert truth.books.sub("alpha", BTC).lot.amount == 2
    assert truth.books.sub(FOREIGN, BTC).lot.amount == 0
    assert truth.books.balance("USDT") == 49
    nothing = usdm_fill("BUY", "1", "100", rp=None)
    tell(truth, nothing, None, 2_000)
    assert truth.claim("BTCUSDT", nothing["o"]["i"], "beta", START_MS + 2_000)


def test_what_the_guard_sold_is_taken_from_who_held_it() -> None:
    truth = known()
    tell(truth, usdm_fill("BUY", "2", "100"), "alpha", 1_000)
    tell(truth, usdm_fill("SELL", "1", "100"), "guard", 1_000)
    assert truth.books.sub("alpha", BTC).lot.amount == 1
    assert "guard" not in truth.books.owners()
    body = usdm_fill("SELL", "1", "100", c="autoclose-1")
    tell(truth, body, None, 1_000)
    assert truth.books.sub("alpha", BTC).lot.amount == 0
    assert FOREIGN not in truth.books.places[BTC]
    assert not truth.is_unowned("BTCUSDT", body["o"]["i"])


def test_what_a_late_event_states_is_not_believed() -> None:
    truth = known("5")
    body = account_update({"BTCUSDT": "1"})
    truth.event(body["e"], body, None, START_MS + 1_000, is_late=True)
    assert truth.positions[BTC].amount == 5


def test_an_event_before_the_first_snapshot_is_booked_and_what_it_states_is_not() -> None:
    truth = Truth("usdm", RULES)
    tell(truth, account_update({"BTCUSDT": "2"}), None, -10)
    tell(truth, usdm_fill("BUY", "2", "100"), "alpha", -10)
    truth.snapshot(whole("2"), START_MS, START_MS)
    assert truth.books.sub("alpha", BTC).lot.amount == 2
    assert FOREIGN not in truth.books.places[BTC]


def test_what_happened_while_the_guard_was_away_is_named_and_balances_are_believed() -> None:
    truth = Truth("usdm", RULES)
    truth.books.fill("alpha", known_fill())
    truth.is_restored = True
    truth.snapshot(whole("2", USDT="5"), START_MS, START_MS)
    assert list(map(str, truth.settle(START_MS))) == ["position BTCUSDT: booked 1, stated 2"]
    assert truth.settle(START_MS) == []


def known_fill() -> Any:
    """Give a fill of one."""
    found, _ = known().event("ORDER_TRADE_UPDATE", usdm_fill("BUY", "1", "100"), "alpha", START_MS)
    assert found is not None
    return found


def test_spot_is_compared_by_its_balances() -> None:
    truth = known(None, "spot", BTC="1", USDT="1000")
    tell(truth, spot_fill("BUY", "1", "100", n="0.001", N="BTC"), "alpha", 1_000)
    balances = {"e": "outboundAccountPosition", "u": 1,
                "B": [{"a": "BTC", "f": "1.999", "l": "0"}, {"a": "USDT", "f": "900", "l": "0"}]}  # fmt: skip
    tell(truth, balances, None, 1_000)
    truth.snapshot(whole(None, BTC="1.999", USDT="900"), START_MS + 9_000, START_MS + 9_000)
    assert truth.settle(START_MS + 60_000) == []
    assert truth.books.sub("alpha", BTC).lot.amount == 1
    assert truth.positions == {}


def test_what_rounding_leaves_is_no_difference() -> None:
    truth = known(USDT="50")
    tell(truth, usdm_fill("BUY", "1", "100", n="0.000000004"), "alpha", 1_000)
    truth.snapshot(whole("1", USDT="49.99999999"), START_MS + 9_000, START_MS + 9_000)
    assert truth.settle(START_MS + 60_000) == []
    assert truth.books.balance("USDT") == D("49.99999999")


def test_a_position_that_is_gone_is_remembered_only_where_somebody_had_it() -> None:
    truth = known()
    tell(truth, account_update({"ETHUSDT": "0"}), None, 1_000)
    assert truth.positions == {}
    truth.snapshot(whole("2"), START_MS + 5_000, START_MS + 5_000)
    truth.snapshot(whole(), START_MS + 8_000, START_MS + 8_000)
    assert Place("ETHUSDT") not in truth.positions


def test_contracts_know_their_size() -> None:
    truth = Truth("coinm", CONTRACTS)
    place = Place("BTCUSD_PERP")
    truth.snapshot(Statement({place: Held(D(10), D(50_000))}, {"BTC": D(1)}, whole=True), START_MS, START_MS)
    assert truth.books.sub(FOREIGN, place).lot.contract == 100
    assert truth.books.sub(FOREIGN, place).lot.worth(Decimal(1)) == 1_000
    body = usdm_fill("SELL", "10", "40000", s="BTCUSD_PERP", ma="BTC", rp="-0.005", N="BTC")
    tell(truth, body, "alpha", 1_000)
    truth.snapshot(Statement({}, {"BTC": D("0.995")}, whole=True), START_MS + 9_000, START_MS + 9_000)
    assert truth.settle(START_MS + 60_000) == []


def test_what_is_free_on_spot_is_the_newest_that_was_stated() -> None:
    truth = Truth("spot", RULES)
    money = {"BTC": D(3), "USDT": D(9)}
    truth.snapshot(Statement(balances=money, free={"BTC": D(1), "USDT": D(9)}, whole=True), START_MS, START_MS)
    assert truth.free == {"BTC": D(1), "USDT": D(9)}
    told = {"e": "outboundAccountPosition", "u": 1, "B": [{"a": "BTC", "f": "2", "l": "1"}]}
    tell(truth, told, None, 3_000)
    truth.snapshot(Statement(balances=money, free={"BTC": D(1)}, whole=True), START_MS + 4_000, START_MS + 4_000)
    assert truth.free == {"BTC": D(2), "USDT": D(0)}, "an event that is newer than the snapshot's question counts"


def test_when_a_position_was_stated() -> None:
    truth = known("5")
    assert truth.told_ms(BTC, START_MS) == START_MS
    tell(truth, account_update({"BTCUSDT": "4"}), None, 5_000)
    assert truth.told_ms(BTC, START_MS) == START_MS + 5_000
    assert truth.told_ms(BTC, START_MS + 6_000) == START_MS + 5_000, "that snapshot may be behind the event"
    assert truth.told_ms(BTC, START_MS + 9_000) == START_MS + 9_000
