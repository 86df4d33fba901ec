"""What a bot may do. Deny wins, nothing is allowed by default, every denial has its reason code."""

from decimal import Decimal

from counterseal.core import collar
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import Bot
from counterseal.core.exact import product
from counterseal.core.intent import Intent, Leg
from counterseal.core.judge import Denial
from counterseal.core.market import FamilyMarket, SymbolRule

_STREAM_CLASSES = frozenset({"stream"})
# Settings that may only go one way: end of the path -> (parameter, the value that lowers risk or keeps it). Hedge mode
# is not on that side: reduceOnly does not exist in it, so that exits could no longer be told from entries.
_ONE_WAY = {
    "/marginType": ("marginType", "ISOLATED"),
    "/positionMargin": ("type", "1"),
    "/multiAssetsMargin": ("multiAssetsMargin", "false"),
    "/positionSide/dual": ("dualSidePosition", "false"),
}


def refusal_of(endpoint: Endpoint) -> Denial | None:
    """Refuse what nobody may do: refused classes, and changes that cannot be judged."""
    if endpoint.purpose == "refused":
        return Denial("stream_not_available" if endpoint.refusal in _STREAM_CLASSES else "endpoint_refused")
    if endpoint.purpose in ("trade", "settings") and not endpoint.typed:
        return Denial("endpoint_not_typed")
    return None


def may_call(bot: Bot, endpoint: Endpoint) -> Denial | None:
    """Judge bot and endpoint; from where and when is `core.grant`'s affair."""
    if endpoint.product not in bot.products:
        return Denial("product_not_allowed")
    if endpoint.purpose not in bot.purposes and endpoint.purpose != "session":
        return Denial("purpose_not_allowed")
    return None


def may_ask(bot: Bot, intent: Intent, market: FamilyMarket, now_ms: int) -> Denial | None:
    """Judge symbols, orders and settings; `now_ms` is monotonic, the scale of the market's ages."""
    refusal = _settings(bot, intent) if intent.endpoint.purpose == "settings" else None
    refusal = refusal or _symbols(bot, intent)
    if refusal is not None:
        return refusal
    for leg in intent.legs:
        if _raises(intent, leg):
            refusal = _tradable(leg, market, now_ms) or _quantity(bot, intent, leg)
            refusal = refusal or _money(bot, intent, leg, market, now_ms)
            if refusal is not None:
                return refusal
    return None


def _raises(intent: Intent, leg: Leg) -> bool:
    """Tell whether a leg can raise exposure, whatever it says of itself.

    A modification states a new size for an order whose own flags we do not see. closePosition with a quantity is a
    contradiction: only the exchange knows which of the two it would believe.
    """
    if not leg.reduces or intent.endpoint.method != "POST":
        return True
    return leg.quantity is not None and _closes(intent) and intent.values.get("reduceOnly") != "true"


def _closes(intent: Intent) -> bool:
    return intent.values.get("closePosition") == "true"


def _symbols(bot: Bot, intent: Intent) -> Denial | None:
    endpoint, allowed = intent.endpoint, bot.symbols
    if allowed == ("*",) or endpoint.purpose == "read":
        return None
    for symbol in intent.symbols:
        if symbol not in allowed:
            return Denial("symbol_not_allowed", "symbol")
    # A setting without a symbol holds for the whole account.
    if not intent.symbols and endpoint.mutating and ("symbol" in endpoint.params or endpoint.purpose == "settings"):
        return Denial("all_symbols_not_allowed", "symbol")
    return None


def _settings(bot: Bot, intent: Intent) -> Denial | None:
    values, path = intent.values, intent.endpoint.path
    if path.endswith("/leverage") and (bot.max_leverage is None or int(values["leverage"]) > bot.max_leverage):
        return Denial("leverage_over_cap", "leverage")
    for end, (name, lower) in _ONE_WAY.items():
        if path.endswith(end) and values[name] != lower:
            return Denial("setting_raises_risk", name)
    return None


def _tradable(leg: Leg, market: FamilyMarket, now_ms: int) -> Denial | None:
    if not market.rules_fresh(now_ms):
        return Denial("rules_stale")
    rule = market.rules.get(leg.symbol)
    if rule is None:
        return Denial("unknown_symbol", "symbol")
    return None if rule.trading else Denial("symbol_closed", "symbol")


def _quantity(bot: Bot, intent: Intent, leg: Leg) -> Denial | None:
    if leg.quantity is None:
        if leg.quote_quantity is None and not _closes(intent):
            # An order without a size cannot be judged. (closePosition is sized by the position, in hedge mode too.)
            return Denial("mandatory_parameter", "quantity")
        return None
    cap = _cap(bot, leg)
    return Denial("quantity_over_limit", "quantity") if cap is not None and leg.quantity > cap else None


def _cap(bot: Bot, leg: Leg) -> Decimal | None:
    caps = bot.max_order_quantity
    return caps[leg.symbol] if leg.symbol in caps else caps.get("*")


def _money(bot: Bot, intent: Intent, leg: Leg, market: FamilyMarket, now_ms: int) -> Denial | None:
    """Judge what needs a price. A test order is judged like a real one: that is what it is for."""
    cap = _cap(bot, leg) if leg.quote_quantity is not None else None
    if cap is None and bot.price_collar_percent is None and bot.max_order_notional is None:
        return None
    last = market.price(leg.symbol, now_ms)
    if last is None:
        return Denial("price_unknown")
    if cap is not None and leg.quote_quantity is not None and leg.quote_quantity > product(cap, last):
        return Denial("quantity_over_limit", "quoteOrderQty")
    if bot.price_collar_percent is not None:
        name = collar.outside(bot.price_collar_percent, intent, leg, last)
        if name is not None:
            return Denial("price_outside_collar", name)
    if bot.max_order_notional is not None:
        dollars = market.dollars(leg.symbol, now_ms)
        return _notional(bot.max_order_notional, leg, market.rules[leg.symbol], last, dollars)
    return None


def _notional(limit: Decimal, leg: Leg, rule: SymbolRule, last: Decimal, dollars: Decimal | None) -> Denial | None:
    """Judge the larger of what the two sizes cost, should an order state both."""
    if dollars is None:
        return Denial("price_unknown")
    if leg.quantity is not None and product(leg.quantity, rule.worth(max((*leg.prices, last))), dollars) > limit:
        return Denial("notional_over_limit", "quantity")
    if leg.quote_quantity is not None and product(leg.quote_quantity, dollars) > limit:
        return Denial("notional_over_limit", "quoteOrderQty")
    return None
