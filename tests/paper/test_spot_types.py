"""Self-trade prevention, icebergs, trails, pegs, routing, amendments: what single orders can be."""

from decimal import Decimal
from typing import Any

import pytest
from tests.paper.harness import Rig

SYMBOL = {"symbol": "BTCUSDT"}


def query(rig: Rig, client_id: str, key: Any = None) -> dict[str, Any]:
    body: dict[str, Any] = rig.signed("GET", "/api/v3/order", key=key, **SYMBOL, origClientOrderId=client_id).body
    return body


def pass_time(rig: Rig, ms: int = 500) -> None:
    rig.wait(ms)
    rig.public("/api/v3/ping")


def best(rig: Rig, side: str) -> Decimal:
    row = rig.public("/api/v3/ticker/bookTicker", **SYMBOL).body
    return Decimal(row["askPrice" if side == "BUY" else "bidPrice"])


def inside(rig: Rig) -> str:
    """A price between the house's best bid and ask."""
    return str((best(rig, "BUY") + best(rig, "SELL")) / 2)


# self-trade prevention


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED"), ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
     ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"), ("NONE", "FILLED", "FILLED")],
)  # fmt: skip
def test_a_mode_says_who_expires(rig: Rig, mode: str, maker: str, taker: str) -> None:
    rig.order(price=inside(rig), quantity="0.5", newClientOrderId="maker")
    rig.order(side="SELL", type="MARKET", quantity="0.5", selfTradePreventionMode=mode, newClientOrderId="taker")
    assert query(rig, "maker")["status"] == maker
    found = query(rig, "taker")
    assert found["status"] == taker
    rows = rig.signed("GET", "/api/v3/myPreventedMatches", **SYMBOL, orderId=found["orderId"]).body
    assert len(rows) == (mode != "NONE")
    if rows:
        assert rows[0]["preventedMatchId"] == found["preventedMatchId"]
        assert rows[0]["makerPreventedQuantity"] == "0.50000000"
    assert rig.balance("BTC")[1] == "0.00000000"
    assert rig.balance("USDT")[1] == ("50000.00000000" if maker == "NEW" else "0.00000000")


def test_decrement_shrinks_both(rig: Rig) -> None:
    price = inside(rig)
    rig.order(price=price, quantity="0.5", newClientOrderId="maker", timeInForce="GTC")
    answer = rig.order(side="SELL", price=price, quantity="0.8", selfTradePreventionMode="DECREMENT",
                       newClientOrderId="taker").body  # fmt: skip
    assert (answer["preventedQuantity"], answer["executedQty"], answer["status"]) == (
        "0.50000000", "0.00000000", "NEW")  # fmt: skip
    assert query(rig, "maker")["status"] == "EXPIRED_IN_MATCH"
    assert rig.balance("BTC")[1] == "0.30000000"
    assert rig.balance("USDT")[1] == "0.00000000"


def test_decrement_can_end_the_taker_and_leave_the_maker(rig: Rig) -> None:
    price = inside(rig)
    rig.order(price=price, quantity="0.5", newClientOrderId="maker")
    rig.order(side="SELL", price=price, quantity="0.2", selfTradePreventionMode="DECREMENT", newClientOrderId="taker")
    assert query(rig, "taker")["status"] == "EXPIRED_IN_MATCH"
    assert (query(rig, "maker")["status"], query(rig, "maker")["preventedQuantity"]) == ("NEW", "0.20000000")
    assert Decimal(rig.balance("USDT")[1]) == Decimal("0.3") * Decimal(price)


# icebergs


def test_only_a_part_of_an_iceberg_stands_in_the_book(rig: Rig) -> None:
    price = inside(rig)
    rig.order(price=price, quantity="2", icebergQty="0.25")
    pass_time(rig)
    bids = rig.public("/api/v3/depth", **SYMBOL).body["bids"]
    assert bids[0] == [f"{Decimal(price):.8f}", "0.25000000"]


def test_an_iceberg_s_next_part_queues_behind_its_price(rig: Rig) -> None:
    other = rig.add_key("other")
    price = inside(rig)
    rig.order(price=price, quantity="1", icebergQty="0.25", newClientOrderId="iceberg")
    rig.order(price=price, quantity="0.5", newClientOrderId="plain")
    rig.order(side="SELL", type="MARKET", quantity="0.6", key=other)
    assert query(rig, "iceberg")["executedQty"] == "0.25000000"
    assert query(rig, "plain")["executedQty"] == "0.35000000"
    rig.order(side="SELL", type="MARKET", quantity="0.2", key=other)
    assert query(rig, "plain")["executedQty"] == "0.50000000"
    assert query(rig, "iceberg")["executedQty"] == "0.30000000"
    rig.order(side="SELL", type="MARKET", quantity="0.7", key=other)
    assert query(rig, "iceberg")["status"] == "FILLED"
    assert rig.order(icebergQty="2", quantity="1").body["msg"] == "IcebergQty exceeds QTY."


# trails


@pytest.mark.parametrize(
    ("side", "path", "turn"),
    [("SELL", ("103000", "106000", "104950"), "104940"), ("BUY", ("97000", "95000", "95940"), "95950")],
)  # fmt: skip
def test_a_trail_follows_the_good_side_and_triggers_on_the_turn(
    rig: Rig, side: str, path: tuple[str, ...], turn: str
) -> None:
    rig.order(side=side, type="STOP_LOSS", timeInForce=None, price=None, quantity="1", trailingDelta="100",
              newClientOrderId="trail")  # fmt: skip
    for price in path:
        rig.set_price("spot", "BTCUSDT", price)
    found = query(rig, "trail")
    assert (found["status"], found["trailingDelta"], found["trailingTime"]) == ("NEW", 100, rig.now_ms)
    rig.set_price("spot", "BTCUSDT", turn)
    assert query(rig, "trail")["status"] == "FILLED"
    assert rig.balance("USDT")[1] == "0.00000000"


def test_a_trail_with_a_stop_price_waits_for_it(rig: Rig) -> None:
    rig.order(side="SELL", type="TAKE_PROFIT", timeInForce=None, price=None, quantity="1", trailingDelta="100",
              stopPrice="110000", newClientOrderId="trail")  # fmt: skip
    rig.set_price("spot", "BTCUSDT", "105000")
    rig.set_price("spot", "BTCUSDT", "100000")
    assert query(rig, "trail")["trailingTime"] == -1
    rig.set_price("spot", "BTCUSDT", "112000")
    rig.set_price("spot", "BTCUSDT", "110800")
    assert query(rig, "trail")["status"] == "FILLED"


@pytest.mark.parametrize("delta", ["9", "2001"])
def test_a_trail_s_delta_is_bounded(rig: Rig, delta: str) -> None:
    answer = rig.order(side="SELL", type="STOP_LOSS", timeInForce=None, price=None, trailingDelta=delta)
    assert answer.body["msg"] == "Filter failure: TRAILING_DELTA"


# pegs


@pytest.mark.parametrize(("kind", "side", "taker"), [("PRIMARY_PEG", "BUY", "SELL"), ("MARKET_PEG", "BUY", "BUY"),
                                                     ("PRIMARY_PEG", "SELL", "BUY")])  # fmt: skip
def test_a_peg_takes_its_price_from_the_book(rig: Rig, kind: str, side: str, taker: str) -> None:
    expected = best(rig, taker)
    body = rig.order(side=side, price=None, quantity="0.01", pegPriceType=kind).body
    assert Decimal(body["peggedPrice"]) == expected
    assert body["pegPriceType"] == kind
    assert body["status"] == ("FILLED" if kind == "MARKET_PEG" else "NEW")


def test_a_peg_can_stand_levels_behind(rig: Rig) -> None:
    bids = rig.public("/api/v3/depth", **SYMBOL).body["bids"]
    body = rig.order(price=None, pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL", pegOffsetValue="3").body
    assert body["peggedPrice"] == bids[3][0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"pegPriceType": "FISH", "price": None}, -1210), ({"pegPriceType": "PRIMARY_PEG"}, -1106),
     ({"pegPriceType": "PRIMARY_PEG", "price": None, "pegOffsetValue": "1"}, -1128),
     ({"pegPriceType": "PRIMARY_PEG", "price": None, "pegOffsetType": "FISH", "pegOffsetValue": "1"}, -1211),
     ({"type": "MARKET", "pegPriceType": "PRIMARY_PEG"}, -1106),
     ({"type": "LIMIT_MAKER", "timeInForce": None, "price": None, "pegPriceType": "MARKET_PEG"}, -2010)],
)  # fmt: skip
def test_a_wrong_peg_is_refused(rig: Rig, changes: dict[str, Any], code: int) -> None:
    assert rig.order(**changes).code == code


# routing


def test_an_order_is_routed_to_the_cheaper_book(rig: Rig) -> None:
    rig.set_price("spot", "BTCUSDC", "99000")
    body = rig.signed("POST", "/api/v3/sor/order", **SYMBOL, side="BUY", type="MARKET", quantity="0.5").body
    assert body["usedSor"] is True
    assert body["status"] == "FILLED"
    assert all(Decimal(fill["price"]) < 99_500 for fill in body["fills"])
    assert {fill["matchType"] for fill in body["fills"]} == {"ONE_PARTY_TRADE_REPORT"}
    rows = rig.signed("GET", "/api/v3/myAllocations", **SYMBOL).body
    assert [row["allocationId"] for row in rows] == [fill["allocId"] for fill in body["fills"]]
    assert rig.signed("GET", "/api/v3/myTrades", **SYMBOL).body == []
    assert Decimal(rig.balance("BTC")[0]) == 100 + Decimal("0.5") * Decimal("0.999")
    assert Decimal(rig.balance("USDC")[0]) == 1_000_000  # paid in the order's own quote asset


def test_routing_is_listed_and_refused_where_there_is_one_book(rig: Rig) -> None:
    sors = {row["baseAsset"]: row["symbols"] for row in rig.public("/api/v3/exchangeInfo").body["sors"]}
    assert set(sors["BTC"]) == {"BTCUSDT", "BTCUSDC"}
    order = {"symbol": "LTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    assert rig.signed("POST", "/api/v3/sor/order", **order).code == -2010
    assert rig.signed("POST", "/api/v3/sor/order/test", **{**order, "symbol": "BTCUSDT"}).body == {}


# amend and replace


def amend(rig: Rig, qty: str, **changes: str) -> Any:
    return rig.signed("PUT", "/api/v3/order/amend/keepPriority", **SYMBOL, newQty=qty, **changes)


def test_an_amended_order_keeps_its_place_and_gives_money_back(rig: Rig) -> None:
    other, price = rig.add_key("other"), inside(rig)
    rig.order(price=price, quantity="1", newClientOrderId="first")
    rig.order(price=price, quantity="1", newClientOrderId="second")
    body = amend(rig, "0.4", origClientOrderId="first", newClientOrderId="renamed").body
    assert body["amendedOrder"]["qty"] == "0.40000000"
    assert body["amendedOrder"]["origClientOrderId"] == "first"
    assert Decimal(rig.balance("USDT")[1]) == Decimal("1.4") * Decimal(price)
    rig.order(side="SELL", type="MARKET", quantity="0.4", key=other)
    assert query(rig, "renamed")["status"] == "FILLED"
    assert query(rig, "second")["executedQty"] == "0.00000000"
    rows = rig.signed("GET", "/api/v3/order/amendments", **SYMBOL, orderId=body["amendedOrder"]["orderId"]).body
    assert [(row["origQty"], row["newQty"]) for row in rows] == [("1.00000000", "0.40000000")]


def test_amending_down_to_what_is_filled_ends_the_order(rig: Rig) -> None:
    other, price = rig.add_key("other"), inside(rig)
    rig.order(price=price, quantity="1", newClientOrderId="a")
    rig.order(side="SELL", type="MARKET", quantity="0.4", key=other)
    assert amend(rig, "0.3", origClientOrderId="a").code == -2038
    assert amend(rig, "0.4", origClientOrderId="a").body["amendedOrder"]["status"] == "EXPIRED"
    assert rig.balance("USDT")[1] == "0.00000000"


def test_an_amendment_that_is_none_is_refused(rig: Rig) -> None:
    rig.order(quantity="1", newClientOrderId="a")
    assert amend(rig, "1", origClientOrderId="a").code == -2038
    assert amend(rig, "0.000001", origClientOrderId="a").body["msg"] == "Filter failure: LOT_SIZE"
    assert amend(rig, "0.5", origClientOrderId="b").code == -2011
    for number in range(10):
        order_id = amend(rig, f"0.{90 - number}", orderId=query(rig, "a")["orderId"]).body["amendedOrder"]["orderId"]
    assert amend(rig, "0.1", orderId=order_id).body["msg"] == "Filter failure: MAX_NUM_ORDER_AMENDS"


def test_beyond_the_order_count_a_replace_does_nothing_unless_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    rig = Rig(tmp_path_factory.mktemp("few"), limits={"spot_orders_10s": 2})
    rig.order(newClientOrderId="a")
    rig.order(newClientOrderId="b")
    base = {**SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "95000",
            "cancelReplaceMode": "ALLOW_FAILURE"}  # fmt: skip
    assert rig.signed("POST", "/api/v3/order/cancelReplace", **base, cancelOrigClientOrderId="a").status == 429
    assert query(rig, "a")["status"] == "NEW"
    answer = rig.signed("POST", "/api/v3/order/cancelReplace", **base, cancelOrigClientOrderId="a",
                        orderRateLimitExceededMode="CANCEL_ONLY")  # fmt: skip
    assert (answer.status, answer.body["data"]["cancelResult"]) == (409, "SUCCESS")
    assert query(rig, "a")["status"] == "CANCELED"
    rig.journal.close()


# fees and symbols


def test_maker_and_taker_pay_what_is_set(tmp_path_factory: pytest.TempPathFactory) -> None:
    rig = Rig(tmp_path_factory.mktemp("fees"), spot_maker_fee=Decimal("0.0002"), spot_taker_fee=Decimal("0.0007"))
    other = rig.add_key("other")
    rig.order(price=inside(rig), quantity="1")
    rig.order(side="SELL", type="MARKET", quantity="1", key=other)
    maker = rig.signed("GET", "/api/v3/myTrades", **SYMBOL).body[0]
    taker = rig.signed("GET", "/api/v3/myTrades", key=other, **SYMBOL).body[0]
    assert (maker["commission"], maker["commissionAsset"]) == ("0.00020000", "BTC")
    assert Decimal(taker["commission"]) == Decimal(taker["quoteQty"]) * Decimal("0.0007")
    assert rig.signed("GET", "/api/v3/account/commission", **SYMBOL).body["standardCommission"]["taker"] == "0.00070000"
    rig.journal.close()


def test_sixty_symbols_trade_and_one_is_not_ascii(rig: Rig) -> None:
    symbols = rig.public("/api/v3/exchangeInfo").body["symbols"]
    assert len(symbols) == 60
    assert [row["symbol"] for row in symbols if not row["symbol"].isascii()] == ["币安人生USDT"]
    prices = {row["symbol"]: Decimal(row["price"]) for row in rig.public("/api/v3/ticker/price").body}
    for row in symbols:
        filters = {item["filterType"]: item for item in row["filters"]}
        step = Decimal(filters["LOT_SIZE"]["stepSize"])
        least = Decimal(filters["NOTIONAL"]["minNotional"]) / prices[row["symbol"]]
        qty = (least * 2 // step + 1) * step
        answer = rig.signed("POST", "/api/v3/order/test", symbol=row["symbol"], side="BUY", type="MARKET", quantity=qty)
        assert answer.status == 200, (row["symbol"], answer.body)
