"""The compiled table: what is in it, what is not, and where a signature could go that covers no path."""

import pytest
from tests.signer.desks import TABLE, ask, desk, good

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.binance.schema import Kind
from counterseal.core.messages import Refused, Signed
from counterseal.signer import table
from counterseal.signer.table import HARMLESS_ALONE, OWN_PARAMETERS, Act, Money

CATALOGUE = list(load_catalogue())
CHANGING = [e for e in CATALOGUE if e.signed and e.method != "GET" and e.purpose not in ("account", "read")]
# Sizes and prices of what the table holds, by name. A new one must be put on one of the two sides.
PRICES = frozenset({
    "price", "stopPrice", "stopLimitPrice", "abovePrice", "aboveStopPrice", "belowPrice", "belowStopPrice",
    "triggerPrice", "activatePrice", "activationPrice", "callbackRate", "workingPrice", "pendingPrice",
    "pendingStopPrice", "pendingAbovePrice", "pendingAboveStopPrice", "pendingBelowPrice", "pendingBelowStopPrice",
})  # fmt: skip
VISIBLE_PARTS = frozenset({
    "icebergQty", "limitIcebergQty", "stopIcebergQty", "aboveIcebergQty", "belowIcebergQty", "workingIcebergQty",
    "pendingIcebergQty", "pendingAboveIcebergQty", "pendingBelowIcebergQty",
})  # fmt: skip


def _place(endpoint: Endpoint) -> table.Place:
    return endpoint.family, endpoint.method, endpoint.path


def _needs(endpoint: Endpoint) -> frozenset[str]:
    return frozenset(endpoint.required) - OWN_PARAMETERS


@pytest.mark.threat(22)
def test_nothing_that_moves_funds_out_or_makes_keys_is_in_the_table() -> None:
    suspects = ("withdraw", "transfer", "apiKey", "sub-account", "broker", "loan", "borrow", "convert")
    found = [place for place in TABLE if place[1] != "GET" and any(word in place[2] for word in suspects)]

    assert found == []
    assert ("spot", "POST", "/api/v3/order") in TABLE
    assert ("usdm", "POST", "/fapi/v1/leverage") in TABLE
    assert ("coinm", "POST", "/dapi/v1/order") in TABLE


def test_a_purpose_that_is_refused_in_the_catalogue_is_in_no_row_of_the_table() -> None:
    assert {e.purpose for e in CATALOGUE if _place(e) in TABLE} == {"account", "trade", "settings"}


def test_the_signer_s_own_parameters_are_nobody_s_to_give() -> None:
    assert all(OWN_PARAMETERS.isdisjoint(entry.allowed) for entry in TABLE.values())


def test_no_entry_takes_the_parameter_of_a_session() -> None:
    """`apiKey` and `timestamp`, signed, log a WebSocket session on, and that could trade without any signature."""
    assert not [place for place, entry in TABLE.items() if {"apiKey", "apikey"} & entry.allowed]


@pytest.mark.threat(11)
def test_every_number_that_an_order_takes_is_a_price_or_a_size_that_is_capped() -> None:
    for endpoint in CATALOGUE:
        entry = TABLE.get(_place(endpoint))
        if entry is not None and entry.act not in (Act.READ, Act.CANCEL):
            numbers = {name for name, param in endpoint.params.items() if param.kind is Kind.DECIMAL}
            assert numbers - PRICES - VISIBLE_PARTS == {n for n, m in entry.money.items() if m in _SIZES}, endpoint.name


_SIZES = (Money.QUANTITY, Money.QUOTE, Money.MARGIN)


def test_every_order_states_a_size_and_every_batch_has_legs() -> None:
    for place, entry in TABLE.items():
        if entry.act is Act.ORDER:
            assert {Money.QUANTITY, Money.QUOTE} & set(entry.money.values()), place
        assert (entry.leg is not None) == (entry.act is Act.BATCH) == ("batchOrders" in entry.allowed), place
        assert entry.leg is None or entry.leg.act is Act.ORDER


@pytest.mark.threat(12)
def test_every_order_that_a_list_brings_is_counted() -> None:
    """By the client ids that each order can be given: a list with more of them than we count would outrun a rate."""
    for endpoint in CATALOGUE:
        entry = TABLE.get(_place(endpoint))
        if entry is not None and endpoint.method == "POST" and "listClientOrderId" in endpoint.params:
            own = [name for name in endpoint.params if name.endswith("ClientOrderId")]
            assert entry.orders == len(own) - 1, endpoint.name
        elif entry is not None:
            assert entry.orders == 1, endpoint.name


def test_an_order_whose_size_has_an_unknown_name_is_not_in_the_table() -> None:
    order = next(e for e in CATALOGUE if _place(e) == ("spot", "POST", "/api/v3/order"))
    params = {name: param for name, param in order.params.items() if name not in ("quantity", "quoteOrderQty")}
    cut = _changed(order, params=params)

    assert table.table([order]).keys() == {_place(order)}
    assert table.table([cut]) == {}
    assert table.table([_changed(order, lists=frozenset({"quantity"}))]) == {}


def test_a_batch_without_its_single_order_is_not_in_the_table() -> None:
    batch = [e for e in CATALOGUE if e.path == "/fapi/v1/batchOrders" and e.method == "POST"]
    single = [e for e in CATALOGUE if e.path == "/fapi/v1/order" and e.method == "POST"]

    assert table.table(batch) == {}
    assert len(table.table(batch + single)) == 2


def _changed(endpoint: Endpoint, **changes: object) -> Endpoint:
    fields = {name: getattr(endpoint, name) for name in Endpoint.__slots__}
    return Endpoint(**(fields | changes))


# -- where a signature could go


@pytest.mark.threat(22)
@pytest.mark.parametrize("place", [p for p, e in TABLE.items() if e.act in (Act.READ, Act.CANCEL)], ids=" ".join)
def test_no_read_or_cancel_can_be_sent_to_what_changes_something_but_by_one_harmless_name(place: table.Place) -> None:
    """Every set of names that suffices anywhere contains one that the entry refuses, or is harmless by itself."""
    entry = TABLE[place]
    for endpoint in CHANGING:
        needs = _needs(endpoint)
        if needs <= entry.allowed and needs and _place(endpoint) != place:
            assert any(names <= needs for names in entry.elsewhere) or (len(needs) == 1 and needs <= HARMLESS_ALONE), (
                endpoint.name
            )


def test_what_can_be_reached_in_spite_of_the_table_is_known() -> None:
    """Frozen: what a signature for something else would do at endpoints of refused classes. docs say the same."""
    refused = [e for e in CHANGING if e.purpose == "refused"]
    unconditional = {e.name for e in refused if not _needs(e)}
    by_one_name = {next(iter(_needs(e))) for e in refused if len(_needs(e)) == 1 and _needs(e) <= HARMLESS_ALONE}
    by_margin = {
        e.path
        for e in refused
        if _needs(e) and _needs(e) <= TABLE["usdm", "POST", "/fapi/v1/positionMargin"].allowed
        if not (len(_needs(e)) == 1 and _needs(e) <= HARMLESS_ALONE)
    }

    assert "spot POST /sapi/v1/account/enableFastWithdrawSwitch" in unconditional
    assert not [name for name in unconditional if "apply" in name.rpartition("/")[2] and "credit" not in name]
    assert by_one_name <= HARMLESS_ALONE
    assert by_margin == {
        "/sapi/v1/sol-staking/sol/redeem", "/sapi/v1/sol-staking/sol/stake", "/sapi/v1/eth-staking/wbeth/wrap",
        "/sapi/v1/eth-staking/eth/redeem", "/sapi/v2/eth-staking/eth/stake", "/sapi/v1/bfusd/redeem",
        "/sapi/v1/rwusd/redeem",
    }  # fmt: skip
    for entry in TABLE.values():
        for endpoint in refused:
            if entry.act not in (Act.READ, Act.CANCEL) and len(_needs(endpoint)) > 1 and endpoint.path not in by_margin:
                assert not _needs(endpoint) <= entry.allowed, endpoint.name


@pytest.mark.threat(22)
@pytest.mark.parametrize(
    "needs",
    sorted(
        {
            tuple(sorted(_needs(e)))
            for e in CHANGING
            if e.refusal in ("withdraw", "transfer", "key_management", "borrow")
            if _needs(e) and not (len(_needs(e)) == 1 and _needs(e) <= HARMLESS_ALONE)
        }
    ),
    ids=",".join,
)
def test_no_request_of_any_entry_carries_what_a_withdrawal_or_transfer_needs(needs: tuple[str, ...]) -> None:
    """Each entry is asked to sign exactly the names that a fund-moving endpoint needs."""
    at = desk()
    for number, (family, method, path) in enumerate(TABLE):
        request = good(id=number, family=family, method=method, path=path, pairs=tuple((n, "1") for n in needs))
        (answer,) = ask(at, request)
        assert isinstance(answer, Refused), (family, method, path)


def test_the_deposit_address_is_signed_without_and_refused_with_an_amount() -> None:
    where = {"method": "GET", "path": "/sapi/v1/capital/deposit/address"}
    pairs = (("coin", "BTC"), ("network", "LIGHTNING"), ("amount", "1"))

    bare, full = ask(desk(), good(pairs=pairs[:2], **where), good(id=2, pairs=pairs, **where))

    assert isinstance(bare, Signed)
    assert full == Refused(2, "reaches_elsewhere")


# -- rules, on endpoints that the catalogue does not have

ORDER = next(e for e in CATALOGUE if _place(e) == ("spot", "POST", "/api/v3/order"))
HARMLESS = (
    "symbol", "type", "orderId", "algoId", "underlying", "asset", "assets", "email", "productId", "positionId",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"signed": False}, False),
        ({"typed": False}, False),
        ({"typed": False, "method": "GET"}, True),
        ({"typed": False, "purpose": "account"}, True),
        ({"purpose": "settings"}, True),
        ({"purpose": "settings", "typed": False}, False),
        ({"purpose": "account"}, True),
        ({"purpose": "read"}, False),
        ({"purpose": "refused"}, False),
        ({"purpose": "account", "signed": False}, False),
    ],
)
def test_what_changes_something_is_signed_with_types_alone(changes: dict[str, object], expected: bool) -> None:
    assert table.is_signable(_changed(ORDER, **changes)) is expected


@pytest.mark.threat(22)
@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, [False]),
        ({"purpose": "refused"}, [True]),
        ({"purpose": "settings"}, [False]),
        ({"signed": False}, []),
        ({"method": "GET"}, []),
        ({"purpose": "account"}, []),
        ({"purpose": "read"}, []),
        ({"required": ("timestamp", "recvWindow", "signature")}, []),
    ],
)
def test_a_target_is_what_a_signed_query_could_change(changes: dict[str, object], refused: list[bool]) -> None:
    assert [target.refused for target in table.targets([_changed(ORDER, **changes)])] == refused


@pytest.mark.threat(22)
@pytest.mark.parametrize("name", [*HARMLESS, "coin", "amount", "addressFlag"])
def test_one_name_is_harmless_when_it_states_neither_a_sum_nor_where_it_should_go(name: str) -> None:
    assert (table.targets([_changed(ORDER, required=(name, "timestamp"))]) == []) is (name in HARMLESS)
    (both,) = table.targets([_changed(ORDER, required=(name, "x", "signature"))])
    assert both.names == {name, "x"}
    assert len(table.targets([_changed(ORDER, required=("symbol", "orderId"))])) == 1


def test_what_the_signer_sets_itself_is_never_allowed() -> None:
    own = dict.fromkeys(("timestamp", "recvWindow", "signature"), ORDER.params["symbol"])
    (entry,) = table.table([_changed(ORDER, params={**ORDER.params, **own})]).values()
    assert entry.allowed == set(ORDER.params) - {"recvWindow"}


def test_an_entry_brings_one_order_and_logs_on_nowhere_unless_it_says_so() -> None:
    entry = table.Entry(frozenset())
    assert (entry.orders, entry.logs_on, entry.act, entry.leg) == (1, False, Act.READ, None)


def _aim(names: str, *, refused: bool = False) -> table.Target:
    return table.Target(("spot", "POST", f"/{names}"), refused, frozenset(names))


@pytest.mark.threat(22)
@pytest.mark.parametrize(
    ("aims", "of_reads", "of_orders"),
    [
        ([_aim("bc")], ["bc"], []),
        ([_aim("bc", refused=True)], ["bc"], ["bc"]),
        ([_aim("abc", refused=True)], ["abc"], ["abc"]),
        ([_aim("abcd", refused=True), _aim("d", refused=True)], [], []),
        # What its own mandatory name suffices for cannot be kept away from.
        ([_aim("a", refused=True)], ["a"], []),
        ([_aim("abc", refused=True), _aim("bc", refused=True), _aim("b")], ["b"], ["bc"]),
        ([_aim("c", refused=True), _aim("b", refused=True), _aim("bc", refused=True)], ["b", "c"], ["b", "c"]),
        ([_aim("bc"), table.Target(("spot", "PUT", "/bc"), True, frozenset("bc"))], ["bc"], ["bc"]),
        ([table.Target(("spot", "POST", "/own"), True, frozenset("bc"))], [], []),
        ([], [], []),
    ],
)
def test_the_smallest_sets_that_would_do_elsewhere(
    aims: list[table.Target], of_reads: list[str], of_orders: list[str]
) -> None:
    params = dict.fromkeys("abc", ORDER.params["symbol"])
    endpoint = _changed(ORDER, path="/own", params=params, required=("a",))
    for act in Act:
        expected = of_reads if act in (Act.READ, Act.CANCEL) else of_orders
        assert table.reaches(endpoint, act, aims) == tuple(map(frozenset, expected)), act


@pytest.mark.parametrize(
    ("changes", "act"),
    [
        ({}, Act.ORDER),
        ({"method": "PUT"}, Act.ORDER),
        ({"method": "DELETE"}, Act.CANCEL),
        ({"method": "GET"}, Act.READ),
        ({"purpose": "account"}, Act.READ),
        ({"purpose": "account", "method": "DELETE"}, Act.READ),
        ({"purpose": "settings"}, Act.SETTING),
        ({"purpose": "settings", "method": "DELETE"}, Act.SETTING),
    ],
)
def test_what_a_request_can_do_is_told_by_purpose_and_method(changes: dict[str, object], act: Act) -> None:
    (entry,) = table.table([_changed(ORDER, **changes)]).values()
    assert entry.act is act
    assert bool(entry.money) is (act in (Act.ORDER, Act.SETTING)), "a read or cancel states no money"


def test_a_list_brings_as_many_orders_as_the_most_that_its_names_say() -> None:
    names = dict.fromkeys(("aboveType", "pendingType", "pendingAboveType"), ORDER.params["type"])
    (entry,) = table.table([_changed(ORDER, params={**ORDER.params, **names})]).values()
    assert entry.orders == 3
