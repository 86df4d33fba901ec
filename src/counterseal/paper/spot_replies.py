"""Spot orders, trades and lists in the exchange's JSON, field by field and in its order."""

from __future__ import annotations

from counterseal.paper.errors import Json
from counterseal.paper.money import fixed8
from counterseal.paper.orders import Amendment, Order, PreventedMatch, Trade
from counterseal.paper.spot_lists import OrderList


def ack(order: Order) -> Json:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }


def _amounts(order: Order) -> Json:
    return {
        "price": fixed8(order.price),
        "origQty": fixed8(order.qty),
        "executedQty": fixed8(order.filled),
        "origQuoteOrderQty": fixed8(order.quote_qty),
        "cummulativeQuoteQty": fixed8(order.spent),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
    }


def _conditional(order: Order) -> Json:
    """Fields that exist only on orders that have them."""
    fields: Json = {}
    if order.stop_price:
        fields["stopPrice"] = fixed8(order.stop_price)
    if order.iceberg_qty:
        fields["icebergQty"] = fixed8(order.iceberg_qty)
    return fields | _rare(order)


def _rare(order: Order) -> Json:
    """Fields of trails, pegs, routing, prevention and expiry, only on orders that have them."""
    fields: Json = {**order.strategy}
    if order.trailing_delta:
        fields |= {"trailingDelta": order.trailing_delta, "trailingTime": order.trailing_ms}
    if order.prevented_id >= 0:
        fields |= {"preventedMatchId": order.prevented_id, "preventedQuantity": fixed8(order.prevented_qty)}
    if order.uses_sor:
        fields |= {"usedSor": True, "workingFloor": "SOR" if order.status == "FILLED" else "EXCHANGE"}
    if order.peg is not None:
        fields |= {"pegPriceType": order.peg.kind, "pegOffsetType": "PRICE_LEVEL",
                   "pegOffsetValue": order.peg.levels, "peggedPrice": fixed8(order.price)}  # fmt: skip
    if order.expiry_reason:
        fields["expiryReason"] = order.expiry_reason
    return fields


def result(order: Order) -> Json:
    reply = ack(order) | _amounts(order) | _conditional(order)
    return reply | {"workingTime": order.working_ms, "selfTradePreventionMode": order.stp}


def full(order: Order, trades: list[Trade]) -> Json:
    fills = [
        {
            "price": fixed8(trade.price),
            "qty": fixed8(trade.qty),
            "commission": fixed8(trade.fee),
            "commissionAsset": trade.fee_asset,
            "tradeId": trade.trade_id,
            **({"matchType": "ONE_PARTY_TRADE_REPORT", "allocId": trade.alloc_id} if trade.alloc_id >= 0 else {}),
        }
        for trade in trades
    ]
    return result(order) | {"fills": fills}


def new_order(order: Order, trades: list[Trade], kind: str) -> Json:
    """The reply to a new order as `newOrderRespType` asks."""
    if kind == "ACK":
        return ack(order)
    return full(order, trades) if kind == "FULL" else result(order)


def query(order: Order) -> Json:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        **_amounts(order),
        "stopPrice": fixed8(order.stop_price),
        "icebergQty": fixed8(order.iceberg_qty),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms >= 0,
        "workingTime": order.working_ms,
        **_rare(order),
        "selfTradePreventionMode": order.stp,
    }


def cancelled(order: Order, cancel_id: str) -> Json:
    """A cancel's report: the id it was placed under and the id of the cancel."""
    reply: Json = {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
    }
    return reply | _amounts(order) | _conditional(order) | {"selfTradePreventionMode": order.stp}


def trade(item: Trade) -> Json:
    return {
        "symbol": item.order.symbol,
        "id": item.trade_id,
        "orderId": item.order.order_id,
        "orderListId": item.order.list_id,
        "price": fixed8(item.price),
        "qty": fixed8(item.qty),
        "quoteQty": fixed8(item.quote),
        "commission": fixed8(item.fee),
        "commissionAsset": item.fee_asset,
        "time": item.time_ms,
        "isBuyer": item.order.side == "BUY",
        "isMaker": item.is_maker,
        "isBestMatch": True,
    }


def allocation(item: Trade) -> Json:
    return {
        "symbol": item.order.symbol, "allocationId": item.alloc_id, "allocationType": "SOR",
        "orderId": item.order.order_id, "orderListId": item.order.list_id, "price": fixed8(item.price),
        "qty": fixed8(item.qty), "quoteQty": fixed8(item.quote), "commission": fixed8(item.fee),
        "commissionAsset": item.fee_asset, "time": item.time_ms, "isBuyer": item.order.side == "BUY",
        "isMaker": False, "isAllocator": False,
    }  # fmt: skip


def prevented(item: PreventedMatch) -> Json:
    return {
        "symbol": item.taker.symbol, "preventedMatchId": item.number, "takerOrderId": item.taker.order_id,
        "makerSymbol": item.maker.symbol, "makerOrderId": item.maker.order_id, "tradeGroupId": -1,
        "selfTradePreventionMode": item.taker.stp, "price": fixed8(item.price),
        "makerPreventedQuantity": fixed8(item.qty), "transactTime": item.time_ms,
    }  # fmt: skip


def amended(order: Order, change: Amendment) -> Json:
    """An order after an amendment, as the amendment's reply shows it."""
    return {
        "symbol": order.symbol, "orderId": order.order_id, "orderListId": order.list_id,
        "origClientOrderId": change.client_id, "clientOrderId": order.client_id, "price": fixed8(order.price),
        "qty": fixed8(order.qty), "executedQty": fixed8(order.filled), "preventedQty": fixed8(order.prevented_qty),
        "quoteOrderQty": fixed8(order.quote_qty), "cumulativeQuoteQty": fixed8(order.spent), "status": order.status,
        "timeInForce": order.tif, "type": order.type, "side": order.side, **_conditional(order),
        "workingTime": order.working_ms, "selfTradePreventionMode": order.stp,
    }  # fmt: skip


def amendment(order: Order, change: Amendment) -> Json:
    return {
        "symbol": order.symbol, "orderId": order.order_id, "executionId": change.number,
        "origClientOrderId": change.client_id, "newClientOrderId": change.new_client_id,
        "origQty": fixed8(change.qty[0]), "newQty": fixed8(change.qty[1]), "time": change.time_ms,
    }  # fmt: skip


def order_list(item: OrderList) -> Json:
    return {
        "orderListId": item.list_id,
        "contingencyType": item.kind,
        "listStatusType": item.status_type,
        "listOrderStatus": item.order_status,
        "listClientOrderId": item.client_id,
        "transactionTime": item.created_ms,
        "symbol": item.symbol,
        "orders": [
            {"symbol": leg.symbol, "orderId": leg.order_id, "clientOrderId": leg.client_id} for leg in item.legs
        ],
    }


def cancelled_list(item: OrderList, cancel_id: str) -> Json:
    return order_list(item) | {"orderReports": [cancelled(leg, cancel_id) for leg in item.legs]}


def journal(order: Order) -> Json:
    """What the journal keeps of an order, as text."""
    return {
        "orderId": str(order.order_id),
        "clientOrderId": order.client_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "timeInForce": order.tif,
        "price": fixed8(order.price),
        "stopPrice": fixed8(order.stop_price),
        "origQty": fixed8(order.qty),
        "executedQty": fixed8(order.filled),
        "status": order.status,
        "positionSide": order.position_side,
        "reduceOnly": str(order.reduce_only).lower(),
    }
