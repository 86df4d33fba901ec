"""What the parameters of typed endpoints may hold, and which deviations of clients are tolerated.

An endpoint is typed when the paper exchange serves it, so that a judged order can be compared with a parsed one. A
mutating endpoint that is not typed is refused: a parameter we cannot judge could change what the order means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The grammar of a value."""

    TEXT = "text"
    SYMBOL = "symbol"
    SYMBOLS = "symbols"
    DECIMAL = "decimal"
    INT = "int"
    BOOL = "bool"
    ENUM = "enum"
    CLIENT_ID = "client_id"
    INT_LIST = "int_list"
    CLIENT_ID_LIST = "client_id_list"
    LEGS = "legs"


def _names(text: str, kind: Kind) -> dict[str, Kind]:
    return dict.fromkeys(text.split(), kind)


# What one order of an order list may state, its name behind the order's own: abovePrice, pendingBelowStopPrice.
_LISTED = ("above", "below", "working", "pending", "pendingAbove", "pendingBelow")


def _listed(text: str, kind: Kind) -> dict[str, Kind]:
    return {prefix + name: kind for prefix in _LISTED for name in text.split()}


_KINDS: Mapping[str, Kind] = {
    **_names("symbol pair marginAsset", Kind.SYMBOL),
    **_names("symbols", Kind.SYMBOLS),
    **_names(
        "quantity price stopPrice quoteOrderQty icebergQty stopLimitPrice limitIcebergQty stopIcebergQty triggerPrice"
        " activatePrice activationPrice callbackRate amount newQty workingQuantity pendingQuantity",
        Kind.DECIMAL,
    ),
    **_listed("Price StopPrice IcebergQty", Kind.DECIMAL),
    **_names(
        "orderId cancelOrderId orderListId algoId limit startTime endTime fromId leverage trailingDelta strategyId"
        " strategyType limitStrategyId limitStrategyType stopStrategyId stopStrategyType goodTillDate modifyId"
        " pegOffsetValue page fromAllocationId preventedMatchId fromPreventedMatchId fromExecutionId",
        Kind.INT,
    ),
    **_listed("TrailingDelta StrategyId StrategyType PegOffsetValue", Kind.INT),
    **_names(
        "reduceOnly closePosition priceProtect dualSidePosition multiAssetsMargin omitZeroBalances"
        " computeCommissionRates",
        Kind.BOOL,
    ),
    **_names(
        "newClientOrderId origClientOrderId cancelOrigClientOrderId cancelNewClientOrderId listClientOrderId"
        " limitClientOrderId stopClientOrderId clientAlgoId",
        Kind.CLIENT_ID,
    ),
    **_listed("ClientOrderId", Kind.CLIENT_ID),
    **_names(
        "side type timeInForce positionSide newOrderRespType selfTradePreventionMode workingType cancelReplaceMode"
        " cancelRestrictions orderRateLimitExceededMode stopLimitTimeInForce marginType priceMatch algoType"
        " pegPriceType pegOffsetType autoCloseType incomeType workingSide pendingSide",
        Kind.ENUM,
    ),
    **_listed("Type TimeInForce PegPriceType PegOffsetType", Kind.ENUM),
    "orderIdList": Kind.INT_LIST,
    "origClientOrderIdList": Kind.CLIENT_ID_LIST,
    "batchOrders": Kind.LEGS,
}

# Where a name means something else than elsewhere: 1 adds margin, 2 takes it away.
_KINDS_ON: Mapping[tuple[str, str], Kind] = {
    (f"{root}/v1/{path}", "type"): Kind.INT
    for root in ("/fapi", "/dapi")
    for path in ("positionMargin", "positionMargin/history")
}

_TYPED_TEXT = """
spot POST /api/v3/order /api/v3/order/test /api/v3/order/cancelReplace /api/v3/order/oco /api/v3/orderList/oco
spot POST /api/v3/orderList/oto /api/v3/orderList/otoco /api/v3/orderList/opo /api/v3/orderList/opoco
spot POST /api/v3/sor/order /api/v3/sor/order/test
spot PUT /api/v3/order/amend/keepPriority
spot DELETE /api/v3/order /api/v3/openOrders /api/v3/orderList
spot GET /api/v3/order /api/v3/openOrders /api/v3/allOrders /api/v3/orderList /api/v3/allOrderList /api/v3/openOrderList
spot GET /api/v3/account /api/v3/account/commission /api/v3/myTrades /api/v3/rateLimit/order /api/v3/myAllocations
spot GET /api/v3/myFilters /api/v3/myPreventedMatches /api/v3/order/amendments
usdm POST /fapi/v1/order /fapi/v1/order/test /fapi/v1/batchOrders /fapi/v1/algoOrder /fapi/v1/leverage
usdm POST /fapi/v1/marginType /fapi/v1/positionMargin /fapi/v1/positionSide/dual /fapi/v1/multiAssetsMargin
usdm PUT /fapi/v1/order /fapi/v1/batchOrders
usdm DELETE /fapi/v1/order /fapi/v1/batchOrders /fapi/v1/allOpenOrders /fapi/v1/algoOrder /fapi/v1/algoOpenOrders
usdm GET /fapi/v1/order /fapi/v1/openOrder /fapi/v1/openOrders /fapi/v1/allOrders /fapi/v1/userTrades
usdm GET /fapi/v1/algoOrder /fapi/v1/openAlgoOrders /fapi/v2/positionRisk /fapi/v3/positionRisk
usdm GET /fapi/v1/leverageBracket /fapi/v1/commissionRate /fapi/v1/symbolConfig /fapi/v1/accountConfig
usdm GET /fapi/v1/adlQuantile /fapi/v1/allAlgoOrders /fapi/v1/apiTradingStatus /fapi/v1/feeBurn /fapi/v1/forceOrders
usdm GET /fapi/v1/income /fapi/v1/multiAssetsMargin /fapi/v1/orderAmendment /fapi/v1/positionMargin/history
usdm GET /fapi/v1/positionSide/dual /fapi/v1/rateLimit/order /fapi/v2/account /fapi/v2/balance /fapi/v3/account
usdm GET /fapi/v3/balance
coinm POST /dapi/v1/order /dapi/v1/batchOrders /dapi/v1/algoOrder
coinm POST /dapi/v1/leverage /dapi/v1/marginType /dapi/v1/positionMargin /dapi/v1/positionSide/dual
coinm PUT /dapi/v1/order /dapi/v1/batchOrders
coinm DELETE /dapi/v1/order /dapi/v1/batchOrders /dapi/v1/allOpenOrders /dapi/v1/algoOrder /dapi/v1/algoOpenOrders
coinm GET /dapi/v1/order /dapi/v1/openOrder /dapi/v1/openOrders /dapi/v1/allOrders /dapi/v1/userTrades
coinm GET /dapi/v1/openAlgoOrders /dapi/v1/leverageBracket /dapi/v2/leverageBracket /dapi/v1/commissionRate
coinm GET /dapi/v1/account /dapi/v1/adlQuantile /dapi/v1/balance /dapi/v1/forceOrders /dapi/v1/income
coinm GET /dapi/v1/orderAmendment /dapi/v1/positionMargin/history /dapi/v1/positionRisk /dapi/v1/positionSide/dual
"""
_TYPED = {
    (family, method, path)
    for family, method, *paths in (line.split() for line in _TYPED_TEXT.strip().splitlines())
    for path in paths
}


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Names beyond the schema: aliases (wire name -> true name), repeatable names, names read and then dropped."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


_NONE = Tolerances()
# ccxt sends lower-case list names when it cancels a batch.
_LOWER_CASE_LISTS = Tolerances(aliases={"orderidlist": "orderIdList", "origclientorderidlist": "origClientOrderIdList"})
# Each entry with the client that needs it.
_TOLERANCES: Mapping[tuple[str, str, str], Tolerances] = {
    ("usdm", "DELETE", "/fapi/v1/batchOrders"): _LOWER_CASE_LISTS,
    ("coinm", "DELETE", "/dapi/v1/batchOrders"): _LOWER_CASE_LISTS,
    # ccxt repeats `asset`; the endpoint itself is refused, but its reason should be that and not the repetition.
    ("spot", "POST", "/sapi/v1/asset/dust"): Tolerances(lists=frozenset({"asset"})),
}


def kind_of(name: str, path: str = "") -> Kind:
    """Give the kind of a parameter on a path; unknown names are TEXT."""
    return _KINDS_ON.get((path, name)) or _KINDS.get(name, Kind.TEXT)


def typed(family: str, method: str, path: str) -> bool:
    """Tell whether every value of the endpoint is judged by its kind."""
    return (family, method, path) in _TYPED


def tolerances_of(family: str, method: str, path: str) -> Tolerances:
    """Give the documented deviations of one endpoint."""
    return _TOLERANCES.get((family, method, path), _NONE)
