"""From judged values to order legs: what executes, at which prices, and whether it can only shrink a position."""

from decimal import Decimal

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.schema import Kind
from counterseal.core.intent import Leg
from counterseal.core.legs import AMEND, BATCHES, TESTS, id_names, is_reducing, leg_of, legs_of, places

CATALOGUE = load_catalogue()


def test_an_order_is_read_with_money_as_decimal() -> None:
    values = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "quantity": "0.10", "price": "100.50"}
    assert leg_of(values) == Leg("BTCUSDT", "SELL", "LIMIT", Decimal("0.10"), None, (Decimal("100.50"),), False)


def test_what_is_absent_is_empty() -> None:
    assert leg_of({}) == Leg("", "", "", None, None, (), False)
    assert leg_of({"quoteOrderQty": "25"}).quote_quantity == Decimal(25)


@pytest.mark.threat(43)
def test_every_price_that_a_typed_order_can_name_counts() -> None:
    """Taken from the catalogue, so that a new price parameter cannot go unseen."""
    named = {
        (e.path, p.name)
        for e in CATALOGUE
        if e.typed and e.mutating
        for p in e.params.values()
        if p.kind is Kind.DECIMAL and p.name.lower().endswith("price")
    }
    assert len({name for _, name in named}) == 17
    for path, name in named:
        prices = [leg.prices for leg in legs_of(path, {name: "7.5"})]
        assert (Decimal("7.5"),) in prices, (path, name)


LISTED = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "90", "workingQuantity": "3",
    "pendingSide": "SELL", "pendingQuantity": "2", "pendingType": "STOP_LOSS_LIMIT", "pendingPrice": "70",
    "pendingStopPrice": "71", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "110",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "80",
}  # fmt: skip
WORKING = Leg("BTCUSDT", "BUY", "LIMIT", Decimal(3), None, (Decimal(90),), False)


def _pending(kind: str, quantity: int, *prices: int) -> Leg:
    return Leg("BTCUSDT", "SELL", kind, Decimal(quantity), None, tuple(map(Decimal, (*prices, 90))), False)


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("name", "pending"),
    [
        ("oto", [_pending("STOP_LOSS_LIMIT", 2, 70, 71)]),
        ("opo", [_pending("STOP_LOSS_LIMIT", 3, 70, 71)]),
        ("otoco", [_pending("LIMIT_MAKER", 2, 110), _pending("STOP_LOSS", 2, 80)]),
        ("opoco", [_pending("LIMIT_MAKER", 3, 110), _pending("STOP_LOSS", 3, 80)]),
    ],
)
def test_every_order_of_a_waiting_list_is_a_leg(name: str, pending: list[Leg]) -> None:
    """The pending ones cost what the working order's price says too; an OPO's sell at most what was bought."""
    assert legs_of(f"/api/v3/orderList/{name}", LISTED) == (WORKING, *pending)


def test_an_amendment_states_a_new_size_and_nothing_else() -> None:
    (leg,) = legs_of(AMEND, {"symbol": "BTCUSDT", "newQty": "0.4", "orderId": "7"})
    assert leg == Leg("BTCUSDT", "", "", Decimal("0.4"), None, (), False)


@pytest.mark.threat(11)
@pytest.mark.parametrize(
    ("values", "reducing"),
    [
        ({}, False),
        ({"reduceOnly": "true"}, True),
        ({"reduceOnly": "false"}, False),
        ({"closePosition": "true"}, True),
        ({"closePosition": "false", "reduceOnly": "false"}, False),
        ({"closePosition": "false", "reduceOnly": "true"}, True),
        ({"reduceOnly": "true", "positionSide": "BOTH"}, True),
        ({"reduceOnly": "true", "positionSide": "LONG"}, False),
        ({"reduceOnly": "true", "positionSide": "SHORT"}, False),
        ({"closePosition": "true", "positionSide": "LONG"}, False),
        ({"reduceOnly": "true", "positionSide": "X"}, False),
        ({"reduceOnly": "TRUE"}, False),
        ({"reduceOnly": "1"}, False),
    ],
)
def test_only_one_way_orders_with_the_flag_reduce(values: dict[str, str], reducing: bool) -> None:
    assert is_reducing(values) is reducing
    assert leg_of(values).reduces is reducing


@pytest.mark.threat(12)
def test_every_typed_trade_post_places_but_the_batch() -> None:
    """What would create an order and is not known as such would be judged without a leg."""
    posts = {(e.method, e.path) for e in CATALOGUE if e.typed and e.purpose == "trade" and e.method == "POST"}
    assert {key for key in posts if not places(*key)} == {("POST", path) for path in BATCHES}
    others = [e for e in CATALOGUE if (e.method, e.path) not in posts and places(e.method, e.path)]
    assert [e.name for e in others] == []


@pytest.mark.threat(54)
def test_every_placing_request_has_a_name_for_its_id_and_the_name_is_in_its_schema() -> None:
    for e in CATALOGUE:
        names = id_names(e.method, e.path)
        assert set(names) <= set(e.params), e.name
        if e.typed and places(e.method, e.path):
            assert bool(names) is (e.path not in TESTS), e.name
            # Every own-order id of the schema is among them; ids that name the order to cancel are not.
            created = {p for p in e.params if p.endswith(("ClientOrderId", "clientAlgoId", "listClientOrderId"))}
            assert created - set(names) <= {"cancelNewClientOrderId", "cancelOrigClientOrderId", "newClientOrderId"}
            assert len(names) == len(created & set(names)), e.name
            if names:
                assert ("newClientOrderId" in e.params) is ("newClientOrderId" in names)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_neither_place_nor_name_but_the_amendment(method: str) -> None:
    """An amended order takes a new id; the order itself is there already."""
    for e in CATALOGUE:
        assert not places(method, e.path)
        assert id_names(method, e.path) == (("newClientOrderId",) if (method, e.path) == ("PUT", AMEND) else ())
