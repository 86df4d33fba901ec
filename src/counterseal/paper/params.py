"""Parameters: which an endpoint takes, what their text may look like, and how it becomes a value."""

from __future__ import annotations

import re
from decimal import Decimal

from counterseal.paper.errors import ApiError, illegal, mandatory, too_precise

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
LONG = r"^[0-9]{1,20}$"
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
# the exchange prints Java's class subtraction; the pattern below says the same in Python
SYMBOL_SHOWN = r"^[\w\-._&&[^a-z]]{1,50}$"
SYMBOL = r"^(?:(?![a-z])[\w\-.]){1,50}$"

_DECIMALS = (
    "quantity price stopPrice quoteOrderQty icebergQty stopLimitPrice stopIcebergQty limitIcebergQty abovePrice"
    " aboveStopPrice aboveIcebergQty belowPrice belowStopPrice belowIcebergQty triggerPrice activatePrice"
    " callbackRate amount newQty workingPrice workingQuantity workingIcebergQty pendingPrice pendingStopPrice"
    " pendingQuantity pendingIcebergQty pendingAbovePrice pendingAboveStopPrice pendingAboveIcebergQty"
    " pendingBelowPrice pendingBelowStopPrice pendingBelowIcebergQty"
)
_LONGS = (
    "orderId orderListId cancelOrderId limit fromId startTime endTime strategyId strategyType trailingDelta"
    " leverage countdownTime algoId goodTillDate page size modifyId type_margin pegOffsetValue fromExecutionId"
    " aboveTrailingDelta belowTrailingDelta pendingTrailingDelta pendingAboveTrailingDelta"
    " pendingBelowTrailingDelta fromAllocationId preventedMatchId fromPreventedMatchId"
)
_CLIENT_IDS = (
    "newClientOrderId origClientOrderId listClientOrderId limitClientOrderId stopClientOrderId"
    " aboveClientOrderId belowClientOrderId cancelNewClientOrderId cancelOrigClientOrderId clientAlgoId"
    " workingClientOrderId pendingClientOrderId pendingAboveClientOrderId pendingBelowClientOrderId"
)
_ENUMS: dict[str, tuple[frozenset[str], ApiError]] = {
    **{
        name: (frozenset({"BUY", "SELL"}), ApiError(-1117, "Invalid side."))
        for name in ("side", "workingSide", "pendingSide")
    },
    "timeInForce": (frozenset({"GTC", "IOC", "FOK", "GTX", "GTD"}), ApiError(-1115, "Invalid timeInForce.")),
}

_PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {}
for _names, _legal in ((_DECIMALS, DECIMAL), (_LONGS, LONG), (_CLIENT_IDS, CLIENT_ID)):
    _PATTERNS.update({name: (re.compile(_legal), _legal) for name in _names.split()})
_PATTERNS["symbol"] = (re.compile(SYMBOL), SYMBOL_SHOWN)
_MONEY = frozenset(_DECIMALS.split())

Params = dict[str, str]


class Spec:
    """The parameters of one endpoint, from its table row (`name?` is optional)."""

    def __init__(self, names: list[str], signed: bool, is_strict: bool) -> None:
        self.mandatory = [name for name in names if not name.endswith("?")]
        self.known = frozenset(name.rstrip("?") for name in names)
        self.is_strict = is_strict
        if signed:
            self.known |= {"timestamp", "recvWindow", "signature"}

    def check(self, params: Params) -> None:
        """Raise the exchange's error for the first thing that is wrong with the parameters."""
        for name in self.mandatory:
            if not params.get(name):
                raise mandatory(name)
        if self.is_strict:
            self._check_unread(params)
        for name, value in params.items():
            check_value(name, value)

    def _check_unread(self, params: Params) -> None:
        unread = [name for name in params if name not in self.known]
        if not unread:
            return
        if not self.known:
            raise ApiError(-1101, f"Too many parameters; expected '0' and received '{len(params)}'.")
        read = len(params) - len(unread)
        text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(params)}'."
        raise ApiError(-1104, text)


def check_value(name: str, value: str) -> None:
    """Raise when a value's text is not what a parameter of that name may hold."""
    if not value:
        raise ApiError(-1105, f"Parameter '{name}' was empty.")
    found = _PATTERNS.get(name)
    if found is not None and not found[0].match(value):
        raise illegal(name, found[1])
    known = _ENUMS.get(name)
    if known is not None and value not in known[0]:
        raise ApiError(known[1].code, known[1].msg)


def decimal(params: Params, name: str) -> Decimal | None:
    """A checked decimal parameter, or None when it was not sent.  At most eight decimals (-1111)."""
    text = params.get(name)
    if text is None:
        return None
    _, _, fraction = text.partition(".")
    if len(fraction) > 8 and fraction[8:].strip("0"):
        raise too_precise(name)
    return Decimal(text)


def integer(params: Params, name: str, default: int | None = None) -> int | None:
    text = params.get(name)
    return default if text is None else int(text)


def limit_of(params: Params, default: int, most: int) -> int:
    """The `limit` parameter, cut to the endpoint's maximum."""
    value = integer(params, "limit", default)
    return max(1, min(value or default, most))


def boolean(params: Params, name: str, default: bool = False) -> bool:
    """Booleans come as true, TRUE or True."""
    text = params.get(name)
    if text is None:
        return default
    if text.lower() not in ("true", "false"):
        raise illegal(name, "^(true|false)$")
    return text.lower() == "true"
