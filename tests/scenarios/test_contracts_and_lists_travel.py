"""COIN-M contracts, lists with pending orders, amendments and routed orders: all the way, and held to the limits."""

import json
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from laws import check_l1_l2_l4
from stack import Reply, Stack

POLICY = """
[bots.{name}]
keys = ["main"]
products = ["spot", "coinm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["BTCUSDT", "BTCUSD_PERP", "ETHUSD_PERP"]
sees_account = true
{limits}
"""
LIMITS = {
    "wide": "max_leverage = 125",
    "money": "max_order_notional = 500",
    "amount": "max_order_quantity = { BTCUSDT = 0.002, BTCUSD_PERP = 3 }",
    "collar": "price_collar_percent = 5",
}
CONTRACT = {"symbol": "BTCUSD_PERP", "side": "BUY"}
OTOCO, AMEND = "/api/v3/orderList/otoco", "/api/v3/order/amend/keepPriority"


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    policies = {name: POLICY.format(name=name, limits=limits) for name, limits in LIMITS.items()}
    options = ("--no-limits", "--volatility", "0", "--balance", "USDT=100000000", "--balance", "BTC=100")
    with Stack(
        tmp_path_factory.mktemp("contracts"), bots=dict.fromkeys(LIMITS, "hmac"), policies=policies,
        paper_options=options,
    ) as stack:  # fmt: skip
        yield stack
        check_l1_l2_l4(stack)


def ask(stack: Stack, method: str, path: str, values: dict[str, str], bot: str = "wide") -> Reply:
    return stack.call(method, path, urlencode(values, quote_via=quote), bot=bot)


def good(stack: Stack, method: str, path: str, **values: str) -> Reply:
    """Ask as the bot without limits; it must work."""
    reply = ask(stack, method, path, values)
    assert (reply.status, reply.reason) == (200, None), reply
    return reply


def refused(stack: Stack, bot: str, path: str, values: dict[str, str], reason: str, method: str = "POST") -> None:
    """Expect this reason and nothing at the exchange."""
    with stack.nothing_received():
        reply = ask(stack, method, path, values, bot)
        assert reply.reason == reason, (values, reply)


def price(stack: Stack, ratio: str = "1", symbol: str = "BTCUSDT") -> str:
    """The price that does not move in this installation, or a part of it, on the tick."""
    path = "/dapi/v1/ticker/price" if "_" in symbol else "/api/v3/ticker/price"
    body = stack.send("GET", f"{path}?symbol={symbol}").body
    last = Decimal((body[0] if isinstance(body, list) else body)["price"])
    return str((last * Decimal(ratio)).quantize(Decimal("0.1" if "_" in symbol else "0.01")))


def contracts(quantity: str, **more: str) -> dict[str, str]:
    return {**CONTRACT, "type": "MARKET", "quantity": quantity, **more}


def resting(stack: Stack, quantity: str, ratio: str = "0.96", **more: str) -> dict[str, str]:
    limit = price(stack, ratio, "BTCUSD_PERP")
    return {**CONTRACT, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity, "price": limit, **more}


def otoco(stack: Stack, **changes: str) -> dict[str, str]:
    """Buy at 97 % of the market; then sell at 99 %, or by a stop at 95 %."""
    return {
        "symbol": "BTCUSDT", "workingType": "LIMIT", "workingTimeInForce": "GTC", "workingSide": "BUY",
        "workingPrice": price(stack, "0.97"), "workingQuantity": "0.001", "pendingSide": "SELL",
        "pendingQuantity": "0.001", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": price(stack, "0.99"),
        "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": price(stack, "0.95"), **changes,
    }  # fmt: skip


# -- COIN-M


def test_a_contract_is_placed_found_changed_and_cancelled(stack: Stack) -> None:
    placed = good(stack, "POST", "/dapi/v1/order", **resting(stack, "2", newClientOrderId="coin-1")).body
    assert (placed["pair"], placed["clientOrderId"], placed["origQty"]) == ("BTCUSD", "coin-1", "2")
    changed = good(stack, "PUT", "/dapi/v1/order", **CONTRACT, origClientOrderId="coin-1", quantity="3",
                   price=price(stack, "0.95", "BTCUSD_PERP")).body  # fmt: skip
    assert (changed["orderId"], changed["origQty"]) == (placed["orderId"], "3")
    found = good(stack, "GET", "/dapi/v1/order", symbol="BTCUSD_PERP", origClientOrderId="coin-1").body
    assert (found["orderId"], found["status"]) == (placed["orderId"], "NEW")
    gone = good(stack, "DELETE", "/dapi/v1/order", symbol="BTCUSD_PERP", orderId=str(placed["orderId"])).body
    assert gone["status"] == "CANCELED"


def test_a_contract_is_filled_and_its_position_closed(stack: Stack) -> None:
    assert good(stack, "POST", "/dapi/v1/leverage", symbol="BTCUSD_PERP", leverage="5").body["leverage"] == 5
    filled = good(stack, "POST", "/dapi/v1/order", **contracts("2", newOrderRespType="RESULT")).body
    assert filled["status"] == "FILLED"
    assert filled["clientOrderId"].startswith("cs-")
    rows = good(stack, "GET", "/dapi/v1/positionRisk", pair="BTCUSD").body
    assert [row["positionAmt"] for row in rows if row["symbol"] == "BTCUSD_PERP"] == ["2"]
    closing = contracts("2", side="SELL", reduceOnly="true", newOrderRespType="RESULT")
    assert good(stack, "POST", "/dapi/v1/order", **closing).body["status"] == "FILLED"
    assert len(good(stack, "GET", "/dapi/v1/userTrades", symbol="BTCUSD_PERP").body) >= 2


def test_contracts_in_a_batch_and_by_a_trigger(stack: Stack) -> None:
    legs = [resting(stack, "1"), resting(stack, "2", "0.95")]
    placed = good(stack, "POST", "/dapi/v1/batchOrders", batchOrders=json.dumps(legs)).body
    assert all(leg["clientOrderId"].startswith("cs-") for leg in placed)
    ids = json.dumps([leg["orderId"] for leg in placed])
    gone = good(stack, "DELETE", "/dapi/v1/batchOrders", symbol="BTCUSD_PERP", orderidlist=ids).body
    assert [leg["status"] for leg in gone] == ["CANCELED", "CANCELED"]
    stop = {**CONTRACT, "algoType": "CONDITIONAL", "type": "STOP_MARKET", "quantity": "1",
            "triggerPrice": price(stack, "1.1", "BTCUSD_PERP")}  # fmt: skip
    waiting = good(stack, "POST", "/dapi/v1/algoOrder", **stop).body
    assert waiting["clientAlgoId"].startswith("cs-")
    assert [row["algoId"] for row in good(stack, "GET", "/dapi/v1/openAlgoOrders").body] == [waiting["algoId"]]
    # Cancelled without naming a symbol: only by the bot whose it is.
    number = {"algoId": str(waiting["algoId"])}
    refused(stack, "money", "/dapi/v1/algoOrder", number, "all_symbols_not_allowed", "DELETE")
    good(stack, "DELETE", "/dapi/v1/algoOrder", **number)
    for name in ("allOpenOrders", "algoOpenOrders"):
        good(stack, "DELETE", f"/dapi/v1/{name}", symbol="BTCUSD_PERP")


@pytest.mark.threat(12)
def test_contracts_are_held_to_every_limit(stack: Stack) -> None:
    """A contract of BTCUSD_PERP is 100 dollars, one of ETHUSD_PERP 10, at any price; a quantity is contracts."""
    order, eth = "/dapi/v1/order", {"symbol": "ETHUSD_PERP"}
    assert ask(stack, "POST", order, contracts("5"), "money").status == 200
    assert ask(stack, "POST", order, contracts("50", **eth), "money").status == 200
    assert ask(stack, "POST", order, contracts("3"), "amount").status == 200
    refused(stack, "money", order, contracts("6"), "notional_over_limit")
    refused(stack, "money", order, resting(stack, "6", "0.5"), "notional_over_limit")
    refused(stack, "money", order, contracts("51", **eth), "notional_over_limit")
    refused(stack, "amount", order, contracts("4"), "quantity_over_limit")
    refused(stack, "collar", order, resting(stack, "1", "0.94"), "price_outside_collar")
    refused(stack, "money", order, {**contracts("1"), "symbol": "BNBUSD_PERP"}, "symbol_not_allowed")
    changed = {**CONTRACT, "orderId": "1", "price": price(stack, "1", "BTCUSD_PERP"), "quantity": "6"}
    refused(stack, "money", order, changed, "notional_over_limit", "PUT")
    legs = {"batchOrders": json.dumps([resting(stack, "1"), resting(stack, "6")])}
    refused(stack, "money", "/dapi/v1/batchOrders", legs, "notional_over_limit")
    stop = {**CONTRACT, "algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": "1"}
    refused(stack, "money", "/dapi/v1/algoOrder", {**stop, "quantity": "6"}, "notional_over_limit")
    refused(stack, "money", "/dapi/v1/algoOrder", stop, "mandatory_parameter")
    # An exit of any size stays open.
    assert ask(stack, "POST", order, contracts("55", side="SELL", reduceOnly="true"), "money").reason is None


@pytest.mark.threat(23)
def test_settings_of_contracts_only_lower_risk(stack: Stack) -> None:
    one = {"symbol": "BTCUSD_PERP"}
    refused(stack, "money", "/dapi/v1/leverage", {**one, "leverage": "1"}, "leverage_over_cap")
    refused(stack, "wide", "/dapi/v1/marginType", {**one, "marginType": "CROSSED"}, "setting_raises_risk")
    refused(stack, "wide", "/dapi/v1/positionMargin", {**one, "amount": "1", "type": "2"}, "setting_raises_risk")
    refused(stack, "wide", "/dapi/v1/positionSide/dual", {"dualSidePosition": "true"}, "setting_raises_risk")
    refused(stack, "wide", "/dapi/v1/positionSide/dual", {"dualSidePosition": "false"}, "all_symbols_not_allowed")
    refused(stack, "wide", "/dapi/v1/countdownCancelAll", {**one, "countdownTime": "0"}, "endpoint_refused")


# -- lists whose pending orders wait


def test_a_waiting_list_is_placed_filled_and_cancelled(stack: Stack) -> None:
    """Every order has an id of ours; the pending ones come alive when the working one is filled."""
    placed = good(stack, "POST", OTOCO, **otoco(stack)).body
    ids = [placed["listClientOrderId"], *[order["clientOrderId"] for order in placed["orders"]]]
    assert len({name for name in ids if name.startswith("cs-")}) == 4
    good(stack, "DELETE", "/api/v3/orderList", symbol="BTCUSDT", orderListId=str(placed["orderListId"]))
    at_once = otoco(stack, workingPrice=price(stack, "1.001"), pendingAbovePrice=price(stack, "1.03"))
    filled = good(stack, "POST", OTOCO, **at_once).body
    for order in filled["orders"]:
        found = good(stack, "GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=order["clientOrderId"]).body
        assert found["status"] == ("FILLED" if found["side"] == "BUY" else "NEW"), found
    good(stack, "DELETE", "/api/v3/orderList", symbol="BTCUSDT", listClientOrderId=filled["listClientOrderId"])


@pytest.mark.parametrize("kind", ["oto", "opo", "opoco"])
def test_the_other_waiting_lists_travel_too(stack: Stack, kind: str) -> None:
    """One pending order or two; the size of an OPO's follows from what the working order buys."""
    values = otoco(stack)
    if kind != "oto":
        del values["pendingQuantity"]
    if kind != "opoco":
        values = {name: value for name, value in values.items() if "Above" not in name and "Below" not in name}
        values |= {"pendingType": "LIMIT_MAKER", "pendingPrice": price(stack, "0.99")}
    placed = good(stack, "POST", f"/api/v3/orderList/{kind}", **values).body
    assert len(placed["orders"]) == (3 if kind == "opoco" else 2)
    good(stack, "DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("bot", "changes", "reason"),
    [
        ("money", {"workingQuantity": "0.1"}, "notional_over_limit"),
        ("money", {"pendingQuantity": "0.1"}, "notional_over_limit"),
        ("money", {"pendingAbovePrice": "900000.00"}, "notional_over_limit"),
        ("amount", {"workingQuantity": "0.003"}, "quantity_over_limit"),
        ("amount", {"pendingQuantity": "0.003"}, "quantity_over_limit"),
        ("collar", {"workingPrice": "0.94"}, "price_outside_collar"),
        ("collar", {"pendingAbovePrice": "1.03"}, "price_outside_collar"),
        ("collar", {"pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowPrice": "0.9"}, "price_outside_collar"),
        ("wide", {"symbol": "ETHUSDT"}, "symbol_not_allowed"),
        ("wide", {"pendingBelowClientOrderId": "x", "workingClientOrderId": "x"}, "duplicate_client_order_id"),
    ],
)
def test_a_pending_order_is_held_to_the_limits_like_the_working_one(
    stack: Stack, bot: str, changes: dict[str, str], reason: str
) -> None:
    made = {
        name: price(stack, value) if name.endswith("Price") and bot == "collar" else value
        for name, value in changes.items()
    }
    refused(stack, bot, OTOCO, otoco(stack, **made), reason)


# -- amendments and routed orders


def spot(stack: Stack, quantity: str, ratio: str = "0.97", **more: str) -> dict[str, str]:
    return {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity,
            "price": price(stack, ratio), **more}  # fmt: skip


def test_an_amended_order_keeps_its_number_and_has_a_new_id(stack: Stack) -> None:
    placed = good(stack, "POST", "/api/v3/order", **spot(stack, "0.003", newClientOrderId="whole")).body
    changed = good(stack, "PUT", AMEND, symbol="BTCUSDT", origClientOrderId="whole", newQty="0.002").body
    order = changed["amendedOrder"]
    assert (order["orderId"], Decimal(order["qty"])) == (placed["orderId"], Decimal("0.002"))
    assert order["clientOrderId"].startswith("cs-")
    kept = good(stack, "PUT", AMEND, symbol="BTCUSDT", origClientOrderId=order["clientOrderId"],
                newClientOrderId=order["clientOrderId"], newQty="0.001").body  # fmt: skip
    assert kept["amendedOrder"]["clientOrderId"] == order["clientOrderId"]
    # Neither id may name another order, and more than there was is refused by the exchange.
    for name in ("whole", order["clientOrderId"]):
        again = spot(stack, "0.001", "0.96", newClientOrderId=name)
        refused(stack, "wide", "/api/v3/order", again, "duplicate_client_order_id")
    more = ask(stack, "PUT", AMEND, {"symbol": "BTCUSDT", "orderId": str(placed["orderId"]), "newQty": "1"})
    assert (more.code, more.reason) == (-2038, None)
    gone = good(stack, "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=order["clientOrderId"]).body
    assert (gone["orderId"], gone["status"]) == (placed["orderId"], "CANCELED")
    amendments = good(stack, "GET", "/api/v3/order/amendments", symbol="BTCUSDT", orderId=str(placed["orderId"])).body
    assert len(amendments) == 2


def test_a_routed_order_is_tested_filled_and_cancelled(stack: Stack) -> None:
    values = spot(stack, "0.001", newClientOrderId="routed-1")
    assert good(stack, "POST", "/api/v3/sor/order/test", **values).body == {}
    placed = good(stack, "POST", "/api/v3/sor/order", **values).body
    assert (placed["status"], placed["usedSor"], placed["clientOrderId"]) == ("NEW", True, "routed-1")
    assert good(stack, "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="routed-1").body
    bought = good(stack, "POST", "/api/v3/sor/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001")
    assert bought.body["status"] == "FILLED"
    assert bought.body["clientOrderId"].startswith("cs-")


@pytest.mark.threat(12)
def test_amendments_and_routed_orders_are_held_to_the_limits(stack: Stack) -> None:
    amendment = {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.003"}
    refused(stack, "amount", AMEND, amendment, "quantity_over_limit", "PUT")
    refused(stack, "money", AMEND, {**amendment, "newQty": "1"}, "notional_over_limit", "PUT")
    refused(stack, "wide", AMEND, {**amendment, "symbol": "ETHUSDT"}, "symbol_not_allowed", "PUT")
    for path in ("/api/v3/sor/order", "/api/v3/sor/order/test"):
        refused(stack, "amount", path, spot(stack, "0.003"), "quantity_over_limit")
        refused(stack, "money", path, spot(stack, "1"), "notional_over_limit")
        refused(stack, "collar", path, spot(stack, "0.001", "0.9"), "price_outside_collar")


def test_every_new_id_is_in_the_journal(stack: Stack) -> None:
    """What was made for the bot stands in the intent, so that each order can be asked for after a crash."""
    intents = [entry for entry in stack.journal() if entry["type"] == "intent" and entry["path"] == OTOCO]
    assert intents and all(len(entry["client_ids"]) == 4 for entry in intents)
    amended = [entry for entry in stack.journal() if entry["type"] == "intent" and entry["path"] == AMEND]
    assert [len(entry["client_ids"]) for entry in amended] == [1, 0, 1]
