"""Futures orders, trades and conditional orders in the exchange's JSON, USD-M and COIN-M."""

from __future__ import annotations

from counterseal.paper.algo import AlgoOrder
from counterseal.paper.errors import Json
from counterseal.paper.money import fixed, plain, round8
from counterseal.paper.orders import Amendment, Order, Trade
from counterseal.paper.symbols import Symbol


def order(symbol: Symbol, item: Order) -> Json:
    """The reply to placing, changing and cancelling: no average price since 2026."""
    qty = symbol.qty_places
    reply: Json = {
        "orderId": item.order_id, "symbol": item.symbol, "status": item.status, "clientOrderId": item.client_id,
        "price": fixed(item.price, symbol.price_places), "origQty": fixed(item.qty, qty),
        "executedQty": fixed(item.filled, qty), "cumQty": fixed(item.filled, qty), "timeInForce": item.tif,
        "type": item.type, "reduceOnly": item.reduce_only, "closePosition": item.close_position,
        "side": item.side, "positionSide": item.position_side, "stopPrice": "0.00",
        "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": item.type,
        "priceMatch": item.price_match, "selfTradePreventionMode": item.stp, "goodTillDate": item.good_till_ms,
        "updateTime": item.updated_ms,
    }  # fmt: skip
    if symbol.contract_size:
        reply["pair"] = symbol.pair
    return reply


def acknowledged(symbol: Symbol, item: Order) -> Json:
    """An ACK says NEW, whatever has happened to the order since."""
    qty = symbol.qty_places
    zero = fixed(item.filled * 0, qty)
    return order(symbol, item) | {"status": "NEW", "executedQty": zero, "cumQty": zero}


def modified(symbol: Symbol, item: Order) -> Json:
    return order(symbol, item) | {"pair": symbol.pair, "modifyId": item.modify_id}


def query(symbol: Symbol, item: Order) -> Json:
    reply = order(symbol, item) | {"avgPrice": fixed(item.average, symbol.price_places), "time": item.created_ms}
    reply["cumBase" if symbol.contract_size else "cumQuote"] = plain(round8(item.spent))
    del reply["cumQty"]
    return reply


def forced(symbol: Symbol, item: Order) -> Json:
    """A liquidation or deleveraging, as `forceOrders` lists it."""
    reply = query(symbol, item)
    if symbol.contract_size:
        base, quote = item.spent, item.filled * symbol.contract_size
    else:
        base, quote = item.filled, item.spent
    return reply | {"pair": symbol.pair, "cumBase": plain(round8(base)), "cumQuote": plain(round8(quote))}


def trade(symbol: Symbol, item: Trade) -> Json:
    if symbol.contract_size:
        base, quote = item.quote, item.qty * symbol.contract_size
    else:
        base, quote = item.qty, item.quote
    return {
        "symbol": item.order.symbol, "pair": symbol.pair, "id": item.trade_id, "orderId": item.order.order_id,
        "side": item.order.side, "price": fixed(item.price, symbol.price_places),
        "qty": fixed(item.qty, symbol.qty_places), "realizedPnl": plain(item.pnl),
        "marginAsset": symbol.margin_asset, "quoteQty": plain(round8(quote)), "baseQty": plain(round8(base)),
        "commission": plain(item.fee), "commissionAsset": item.fee_asset, "time": item.time_ms,
        "positionSide": item.order.position_side, "buyer": item.order.side == "BUY", "maker": item.is_maker,
    }  # fmt: skip


def amendment(symbol: Symbol, item: Order, change: Amendment) -> Json:
    """One row of `orderAmendment`."""
    price, qty = symbol.price_places, symbol.qty_places
    return {
        "amendmentId": change.number, "symbol": item.symbol, "pair": symbol.pair, "orderId": item.order_id,
        "clientOrderId": item.client_id, "time": change.time_ms,
        "amendment": {
            "price": {"before": fixed(change.price[0], price), "after": fixed(change.price[1], price)},
            "origQty": {"before": fixed(change.qty[0], qty), "after": fixed(change.qty[1], qty)},
            "count": change.number, "modifyId": change.modify_id,
        },
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
        "priceMatch": item.price_match, "closePosition": item.close_position, "priceProtect": item.price_protect,
        "reduceOnly": item.reduce_only, "activatePrice": fixed(item.activate, price) if item.activate else "",
        "callbackRate": plain(item.callback) if item.callback else "", "createTime": item.created_ms,
        "updateTime": item.updated_ms, "triggerTime": item.triggered_ms, "goodTillDate": item.good_till_ms,
    }  # fmt: skip
