"""From judged values to order legs: what executes, at which prices, and whether it can only shrink a position."""

from decimal import Decimal

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.schema import Kind
from counterseal.core.intent import Leg
from counterseal.core.legs import TESTS, id_names, is_reducing, leg_of, places

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
    names = {
        p.name
        for e in CATALOGUE
        if e.typed and e.mutating
        for p in e.params.values()
        if p.kind is Kind.DECIMAL and p.name.lower().endswith("price")
    }
    assert len(names) == 10
    for name in names:
        assert leg_of({name: "7.5"}).prices == (Decimal("7.5"),), name


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
    assert {key for key in posts if not places(*key)} == {("POST", "/fapi/v1/batchOrders")}
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
            if names:
                assert ("newClientOrderId" in e.params) is ("newClientOrderId" in names)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_neither_place_nor_name(method: str) -> None:
    for e in CATALOGUE:
        assert not places(method, e.path)
        assert id_names(method, e.path) == ()
