"""From the parameters of a futures order to an `Order` or an `AlgoOrder`."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper import futures_filters
from counterseal.paper.algo import TYPES, AlgoOrder
from counterseal.paper.errors import ApiError, invalid, mandatory, not_required
from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order
from counterseal.paper.params import Params, boolean, decimal, integer
from counterseal.paper.price_match import MATCHES, matched_price

STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


def build(market: FuturesMarket, account: FuturesAccount, params: Params, now_ms: int) -> Order:
    """A plain order (LIMIT or MARKET) from checked texts; conditional types answer -4120."""
    kind = params["type"]
    if kind in TYPES:
        raise ApiError(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
                       "instead.")  # fmt: skip
    if kind not in ("LIMIT", "MARKET"):
        raise ApiError(-1116, "Invalid orderType.")
    symbol = market.symbol(params["symbol"])
    side = position_side(account, params)
    _check_combination(kind, params)
    order = Order(
        order_id=market.store.next_id(),
        client_id=params.get("newClientOrderId") or market.token(22),
        account=account.name,
        symbol=symbol.name,
        side=params["side"],
        type=kind,
        tif=params.get("timeInForce", "GTC"),
        price=decimal(params, "price") or ZERO,
        qty=decimal(params, "quantity") or ZERO,
        created_ms=now_ms,
        stp=_stp(params),
        position_side=side,
        reduce_only=_reduce_only(account, params),
        good_till_ms=_good_till(params, now_ms),
        price_match=params.get("priceMatch", "NONE"),
    )
    if order.price_match != "NONE":
        order.price = matched_price(market, order.symbol, order.side, order.price_match, now_ms)
    return order


def _check_combination(kind: str, params: Params) -> None:
    if "quantity" not in params:
        raise mandatory("quantity")
    if kind == "MARKET":
        for name in ("price", "timeInForce", "priceMatch"):
            if name in params and params[name] != "NONE":
                raise not_required(name)
        return
    if "timeInForce" not in params:
        raise mandatory("timeInForce")
    if params.get("priceMatch", "NONE") == "NONE":
        if "price" not in params:
            raise mandatory("price")
    elif "price" in params:
        raise not_required("price")


def position_side(account: FuturesAccount, params: Params) -> str:
    """BOTH in one-way mode, LONG or SHORT in hedge mode; -4061 when the mode does not match."""
    side = params.get("positionSide", "BOTH")
    if side not in ("BOTH", "LONG", "SHORT"):
        raise ApiError(-4060, "Invalid position side.")
    if (side == "BOTH") == account.is_hedged:
        raise ApiError(-4061, "Order's position side does not match user's setting.")
    return side


def _reduce_only(account: FuturesAccount, params: Params) -> bool:
    if account.is_hedged and "reduceOnly" in params:
        raise not_required("reduceonly")
    return boolean(params, "reduceOnly")


def _stp(params: Params) -> str:
    mode = params.get("selfTradePreventionMode", "EXPIRE_MAKER")
    if mode not in STP_MODES:
        raise invalid("selfTradePreventionMode")
    return mode


def _good_till(params: Params, now_ms: int) -> int:
    if params.get("timeInForce") != "GTD":
        return 0
    until = integer(params, "goodTillDate")
    if until is None:
        raise mandatory("goodTillDate")
    if until < now_ms + 600_000:
        raise ApiError(-5040, "Invalid goodTillDate.")
    return until // 1000 * 1000


def build_algo(market: FuturesMarket, account: FuturesAccount, params: Params, now_ms: int) -> AlgoOrder:
    """A conditional order from checked texts."""
    if params["algoType"] != "CONDITIONAL":
        raise invalid("algoType")
    kind = params["type"]
    if kind not in TYPES:
        raise ApiError(-1116, "Invalid orderType.")
    symbol = market.symbol(params["symbol"])
    side = position_side(account, params)
    algo = AlgoOrder(
        algo_id=market.algos.next_id(),
        client_id=params.get("clientAlgoId") or market.token(22),
        account=account.name,
        symbol=symbol.name,
        side=params["side"],
        position_side=side,
        type=kind,
        tif=params.get("timeInForce", "GTC"),
        qty=decimal(params, "quantity") or ZERO,
        price=decimal(params, "price") or ZERO,
        trigger=decimal(params, "triggerPrice") or ZERO,
        created_ms=now_ms,
        working_type=params.get("workingType", "CONTRACT_PRICE"),
        close_position=boolean(params, "closePosition"),
        reduce_only=_reduce_only(account, params),
        price_protect=boolean(params, "priceProtect"),
        stp=_stp(params),
        activate=decimal(params, "activatePrice") or ZERO,
        callback=decimal(params, "callbackRate") or ZERO,
        price_match=params.get("priceMatch", "NONE"),
        good_till_ms=_good_till(params, now_ms),
    )
    _check_algo(algo, params)
    _check_algo_filters(market, algo)
    return algo


def _check_algo(algo: AlgoOrder, params: Params) -> None:
    if algo.type == "TRAILING_STOP_MARKET":
        if not Decimal("0.1") <= algo.callback <= 20:
            raise ApiError(-2007, "Invalid callBack rate.")
    elif "triggerPrice" not in params:
        raise mandatory("triggerPrice")
    if algo.working_type not in ("MARK_PRICE", "CONTRACT_PRICE"):
        raise ApiError(-4031, "Invalid working type.")
    is_limit = algo.type in ("STOP", "TAKE_PROFIT")
    if algo.price_match != "NONE" and (not is_limit or algo.price_match not in MATCHES or "price" in params):
        raise invalid("priceMatch")
    if is_limit and "price" not in params and algo.price_match == "NONE":
        raise mandatory("price")
    if algo.close_position:
        _check_close_position(algo, params)
    elif "quantity" not in params:
        raise mandatory("quantity")
    if (algo.position_side, algo.side) in (("LONG", "BUY"), ("SHORT", "SELL")) and algo.close_position:
        raise ApiError(-1128, "Combination of optional parameters invalid.")


def _check_close_position(algo: AlgoOrder, params: Params) -> None:
    if algo.type not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
        raise not_required("closePosition")
    if "quantity" in params:
        raise ApiError(-4137, "Quantity must be zero with closePosition equals true")
    if "reduceOnly" in params:
        raise not_required("reduceonly")


def _check_algo_filters(market: FuturesMarket, algo: AlgoOrder) -> None:
    symbol = market.symbols[algo.symbol]
    for price in (algo.trigger, algo.price, algo.activate):
        if price:
            futures_filters.check_price(symbol, price)
    if not algo.close_position:
        sized = Order(0, "", "", algo.symbol, algo.side, "LIMIT", "GTC", algo.price, algo.qty, 0)
        futures_filters.check_quantity(symbol, sized)
