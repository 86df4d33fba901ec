"""Each limit of a bot at one tick below, at, and above it: over it nothing is signed."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from laws import check_l1_l2_l4
from stack import Stack

POLICY = """
[bots.{name}]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["BTCUSDT", "ETHUSDT"]
{limits}
"""
LIMITS = {
    "money": "max_order_notional = 500",
    "amount": 'max_order_quantity = {{ BTCUSDT = 0.002, "*" = 0.05 }}',
    "collar": "price_collar_percent = 5",
    "lever": "max_leverage = 5",
    "still": "",
}


@pytest.fixture(scope="module", name="bounded")
def _bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    policies = {
        name: POLICY.format(name=name, limits=limits.replace("{{", "{").replace("}}", "}"))
        for name, limits in LIMITS.items()
    }
    options = ("--no-limits", "--volatility", "0", "--balance", "USDT=100000000")
    with Stack(
        tmp_path_factory.mktemp("bounded"), bots=dict.fromkeys(LIMITS, "hmac"), policies=policies, paper_options=options
    ) as stack:
        yield stack
        check_l1_l2_l4(stack)


def order(quantity: str, price: str, symbol: str = "BTCUSDT", side: str = "BUY") -> str:
    """Give a limit order's query."""
    return f"symbol={symbol}&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"


def last_price(stack: Stack, symbol: str = "BTCUSDT") -> Decimal:
    """The price that does not move in this installation."""
    return Decimal(stack.send("GET", f"/api/v3/ticker/price?symbol={symbol}").body["price"])


def refused(stack: Stack, bot: str, path: str, query: str, reason: str) -> None:
    """Expect a refusal with this reason and nothing at the exchange."""
    with stack.nothing_received():
        reply = stack.call("POST", path, query, bot=bot)
        assert reply.reason == reason, (query, reply)
        assert reply.code in (-2010, -1002, -1121)


def test_notional(bounded: Stack) -> None:
    """Price times quantity in dollars; a market order at the last price; a low limit price does not hide the last
    price.
    """
    last = last_price(bounded)
    most = (Decimal(500) / last).quantize(Decimal("0.00001"), rounding="ROUND_DOWN")
    over = most + Decimal("0.00001")
    low = (last * Decimal("0.97")).quantize(Decimal("0.01"))
    assert bounded.call("POST", "/api/v3/order", order(str(most), str(low)), bot="money").status == 200
    for query in (
        order(str(over), str(low)),
        order("1", "100.00"),
        f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity={over}",
        "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=500.01",
        f"symbol=BTCUSDT&side=SELL&type=MARKET&quantity={over}",
    ):
        for path in ("/api/v3/order", "/api/v3/order/test"):
            refused(bounded, "money", path, query, "notional_over_limit")
    assert (
        bounded.call(
            "POST", "/api/v3/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=500", bot="money"
        ).status
        == 200
    )


def test_quantity(bounded: Stack) -> None:
    """Per symbol, and the default for the others; also by way of quoteOrderQty."""
    price = str(last_price(bounded).quantize(Decimal("0.01")))
    assert bounded.call("POST", "/api/v3/order/test", order("0.002", price), bot="amount").status == 200
    eth = str(last_price(bounded, "ETHUSDT").quantize(Decimal("0.01")))
    for query in (
        order("0.00201", price),
        order("0.002000000000000001", price),
        order("0.051", eth, "ETHUSDT"),
        "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=5000",
    ):
        refused(bounded, "amount", "/api/v3/order", query, "quantity_over_limit")


def test_collar(bounded: Stack) -> None:
    """Five per cent of the last price to both sides, for every price of an order."""
    last = last_price(bounded)
    inside, outside = (
        (last * Decimal("0.951")).quantize(Decimal("0.01")),
        (last * Decimal("0.949")).quantize(Decimal("0.01")),
    )
    above = (last * Decimal("1.051")).quantize(Decimal("0.01"))
    assert bounded.call("POST", "/api/v3/order", order("0.001", str(inside)), bot="collar").status == 200
    for price in (outside, above):
        refused(
            bounded,
            "collar",
            "/api/v3/order",
            order("0.001", str(price), side="SELL" if price > last else "BUY"),
            "price_outside_collar",
        )
    # A conditional order trades where its trigger will then be the market: that is what its limit is compared with.
    trigger = (last * Decimal("0.9")).quantize(Decimal("0.01"))
    stop = "symbol=BTCUSDT&side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.001&price={}&stopPrice={}".format
    refused(
        bounded,
        "collar",
        "/api/v3/order",
        stop((trigger * Decimal("0.94")).quantize(Decimal("0.01")), trigger),
        "price_outside_collar",
    )
    assert bounded.call("POST", "/api/v3/order/test", stop(trigger, trigger), bot="collar").status == 200
    oco = (
        f"symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice={above}&belowType=STOP_LOSS"
        f"&belowStopPrice={inside}"
    )
    refused(bounded, "collar", "/api/v3/orderList/oco", oco, "price_outside_collar")


def test_leverage_and_settings(bounded: Stack) -> None:
    """At most the cap; margin only to isolated; a bot without a cap sets none."""
    assert bounded.call("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5", bot="lever").status == 200
    refused(bounded, "lever", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=6", "leverage_over_cap")
    refused(bounded, "still", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=1", "leverage_over_cap")
    refused(bounded, "lever", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=CROSSED", "setting_raises_risk")
    refused(bounded, "lever", "/fapi/v1/positionMargin", "symbol=BTCUSDT&amount=1&type=2", "setting_raises_risk")
    refused(bounded, "lever", "/fapi/v1/multiAssetsMargin", "multiAssetsMargin=true", "setting_raises_risk")


def test_symbols(bounded: Stack) -> None:
    """Known but not this bot's, and unknown to the exchange."""
    refused(bounded, "still", "/api/v3/order", order("1", "600.00", "BNBUSDT"), "symbol_not_allowed")
    refused(bounded, "still", "/fapi/v1/order", order("1", "600.0", "BNBUSDT"), "symbol_not_allowed")
    with bounded.nothing_received():
        for path in ("/fapi/v1/countdownCancelAll",):
            assert (
                bounded.call("POST", path, "symbol=BTCUSDT&countdownTime=0", bot="still").reason == "endpoint_refused"
            )


@pytest.mark.threat(12)
def test_every_leg_is_judged_by_the_limits(bounded: Stack) -> None:
    """A batch with one leg over a limit, at any place: nothing of it is sent. cancelReplace is an order too."""
    import json
    from urllib.parse import quote

    last = last_price(bounded)
    good = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.001",
        "price": f"{last * Decimal('0.98'):.1f}",
    }
    for bot, bad, reason in (
        ("money", {**good, "quantity": "0.9"}, "notional_over_limit"),
        ("amount", {**good, "quantity": "0.003"}, "quantity_over_limit"),
        ("collar", {**good, "price": f"{last * 2:.1f}"}, "price_outside_collar"),
        ("still", {**good, "symbol": "BNBUSDT"}, "symbol_not_allowed"),
    ):
        for place in range(4):
            legs = [bad if number == place else good for number in range(4)]
            refused(bounded, bot, "/fapi/v1/batchOrders", f"batchOrders={quote(json.dumps(legs), safe='')}", reason)
    replace = f"{order('0.9', str(last))}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1"
    refused(bounded, "money", "/api/v3/order/cancelReplace", replace, "notional_over_limit")


def test_exits_stay_open(bounded: Stack) -> None:
    """Cancels and reduce-only orders pass whatever the limits say."""
    for bot in ("money", "amount", "collar"):
        reply = bounded.call(
            "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=50&reduceOnly=true", bot=bot
        )
        assert reply.reason is None, reply
        assert bounded.call("DELETE", "/api/v3/order", "symbol=BTCUSDT&orderId=1", bot=bot).code == -2011
