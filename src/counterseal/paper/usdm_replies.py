"""USD-M orders, trades and conditional orders in the exchange's JSON."""

from __future__ import annotations

from counterseal.paper.algo import AlgoOrder
from counterseal.paper.errors import Json
from counterseal.paper.money import fixed, plain
from counterseal.paper.orders import Order, Trade
from counterseal.paper.symbols import Symbol
from counterseal.paper.usdm_accounts import MARGIN_ASSET


def order(symbol: Symbol, item: Order) -> Json:
    """The reply to placing, changing and cancelling: no average price since 2026."""
    qty = symbol.qty_places
    return {
        "orderId": item.order_id, "symbol": item.symbol, "status": item.status, "clientOrderId": item.client_id,
        "price": fixed(item.price, symbol.price_places), "origQty": fixed(item.qty, qty),
        "executedQty": fixed(item.filled, qty), "cumQty": fixed(item.filled, qty), "timeInForce": item.tif,
        "type": item.type, "reduceOnly": item.reduce_only, "closePosition": item.close_position,
        "side": item.side, "positionSide": item.position_side, "stopPrice": "0.00",
        "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": item.type,
        "priceMatch": item.price_match, "selfTradePreventionMode": item.stp, "goodTillDate": item.good_till_ms,
        "updateTime": item.updated_ms,
    }  # fmt: skip


def acknowledged(symbol: Symbol, item: Order) -> Json:
    """An ACK says NEW, whatever has happened to the order since."""
    qty = symbol.qty_places
    zero = fixed(item.filled * 0, qty)
    return order(symbol, item) | {"status": "NEW", "executedQty": zero, "cumQty": zero}


def modified(symbol: Symbol, item: Order) -> Json:
    return order(symbol, item) | {"pair": item.symbol, "modifyId": item.modify_id}


def query(symbol: Symbol, item: Order) -> Json:
    average = fixed(item.average, symbol.price_places)
    reply = order(symbol, item) | {"avgPrice": average, "cumQuote": plain(item.spent), "time": item.created_ms}
    del reply["cumQty"]
    return reply


def trade(symbol: Symbol, item: Trade) -> Json:
    return {
        "symbol": item.order.symbol, "pair": item.order.symbol, "id": item.trade_id, "orderId": item.order.order_id,
        "side": item.order.side, "price": fixed(item.price, symbol.price_places),
        "qty": fixed(item.qty, symbol.qty_places), "realizedPnl": plain(item.pnl),
        "marginAsset": MARGIN_ASSET, "quoteQty": plain(item.quote), "baseQty": fixed(item.qty, symbol.qty_places),
        "commission": plain(item.fee), "commissionAsset": item.fee_asset, "time": item.time_ms,
        "positionSide": item.order.position_side, "buyer": item.order.side == "BUY", "maker": item.is_maker,
    }  # fmt: skip


def algo(symbol: Symbol, item: AlgoOrder) -> Json:
    price = symbol.price_places
    actual = item.actual
    return {
        "algoId": item.algo_id, "clientAlgoId": item.client_id, "algoType": "CONDITIONAL", "orderType": item.type,
        "symbol": item.symbol, "side": item.side, "positionSide": item.position_side, "timeInForce": item.tif,
        "quantity": fixed(item.qty, symbol.qty_places), "algoStatus": item.status,
        "actualOrderId": str(actual.order_id) if actual else "",
        "actualPrice": fixed(actual.average, price) if actual else fixed(item.qty * 0, price),
        "triggerPrice": fixed(item.trigger, price), "price": fixed(item.price, price), "icebergQuantity": None,
        "tpTriggerPrice": "0.000", "tpPrice": "0.000", "slTriggerPrice": "0.000", "slPrice": "0.000",
        "tpOrderType": "", "selfTradePreventionMode": item.stp, "workingType": item.working_type,
        "priceMatch": "NONE", "closePosition": item.close_position, "priceProtect": item.price_protect,
        "reduceOnly": item.reduce_only, "activatePrice": fixed(item.activate, price) if item.activate else "",
        "callbackRate": plain(item.callback) if item.callback else "", "createTime": item.created_ms,
        "updateTime": item.updated_ms, "triggerTime": item.triggered_ms, "goodTillDate": 0,
    }  # fmt: skip
