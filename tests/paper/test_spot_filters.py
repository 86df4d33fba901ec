"""The listed filters are enforced, each at its edge."""

import pytest
from tests.paper.harness import Rig


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"price": "96000.001"}, "PRICE_FILTER"), ({"price": "1000001"}, "PRICE_FILTER"),
        ({"price": "19999"}, "PERCENT_PRICE_BY_SIDE"), ({"price": "500001"}, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.000001"}, "LOT_SIZE"), ({"quantity": "0.010001"}, "LOT_SIZE"),
        ({"quantity": "9001"}, "LOT_SIZE"), ({"type": "MARKET", "quantity": "121"}, "MARKET_LOT_SIZE"),
        ({"quantity": "0.00001"}, "NOTIONAL"), ({"type": "MARKET", "quantity": "0.00001"}, "NOTIONAL"),
        ({"quantity": "100"}, "NOTIONAL"), ({"icebergQty": "0.00001", "quantity": "1"}, "ICEBERG_PARTS"),
    ],
)  # fmt: skip
def test_a_broken_filter_is_named(rig: Rig, changes: dict[str, str], name: str) -> None:
    answer = rig.order(**changes)
    assert (answer.code, answer.body["msg"]) == (-1013, f"Filter failure: {name}")


@pytest.mark.parametrize(
    "changes",
    [{"quantity": "0.00006", "price": "96000"}, {"price": "95999.99"}, {"price": "20000"},
     {"type": "MARKET", "quantity": "0.00005"}],
)  # fmt: skip
def test_just_inside_is_fine(rig: Rig, changes: dict[str, str]) -> None:
    assert rig.order(**changes).status == 200


def test_the_number_of_open_orders_is_bounded(tmp_path_factory: pytest.TempPathFactory) -> None:
    rig = Rig(tmp_path_factory.mktemp("few"), max_num_orders=3, limits={"spot_orders_10s": 1000})
    for _ in range(3):
        assert rig.order().status == 200
    assert rig.order().body["msg"] == "Filter failure: MAX_NUM_ORDERS"
    rig.journal.close()


def test_the_number_of_open_stops_is_bounded(rig: Rig) -> None:
    stop = {"type": "STOP_LOSS", "side": "SELL", "timeInForce": None, "price": None, "stopPrice": "95000"}
    for _ in range(5):
        assert rig.order(**stop).status == 200
    assert rig.order(**stop).body["msg"] == "Filter failure: MAX_NUM_ALGO_ORDERS"


def test_exchange_info_lists_what_is_enforced(rig: Rig) -> None:
    symbol = rig.public("/api/v3/exchangeInfo", symbol="BTCUSDT").body["symbols"][0]
    filters = {row["filterType"]: row for row in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert filters["MAX_NUM_ORDERS"]["maxNumOrders"] == 200
