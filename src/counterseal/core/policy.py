"""What a bot may do. Deny wins, nothing is allowed by default, every denial has its reason code."""

from collections.abc import Iterator
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

from counterseal.core import collar
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import Bot
from counterseal.core.credential import source_allowed, within_hours
from counterseal.core.exact import product
from counterseal.core.intent import Intent, Leg
from counterseal.core.judge import Denial
from counterseal.core.market import FamilyMarket

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


def may_call(bot: Bot, endpoint: Endpoint, source: IPv4Address | IPv6Address, now_ms: int) -> Denial | None:
    """Judge bot, endpoint, source and hour; `now_ms` is exchange time in ms since the epoch."""
    if not source_allowed(bot.sources, source):
        return Denial("source_not_allowed")
    if not within_hours(bot.hours, now_ms):
        return Denial("outside_hours")
    if endpoint.product not in bot.products:
        return Denial("product_not_allowed")
    if endpoint.purpose not in bot.purposes:
        return Denial("purpose_not_allowed")
    return None


def may_ask(bot: Bot, intent: Intent, market: FamilyMarket, now_ms: int) -> Denial | None:
    """Judge symbols, orders and settings; `now_ms` is monotonic, the scale of the market's ages."""
    return next(_denials(bot, intent, market, now_ms), None)


def _denials(bot: Bot, intent: Intent, market: FamilyMarket, now_ms: int) -> Iterator[Denial]:
    if intent.endpoint.purpose == "settings":
        yield from _settings(bot, intent)
    yield from _symbols(bot, intent)
    for leg in intent.legs:
        if _raises(intent, leg):
            yield from _tradable(leg, market, now_ms)
            yield from _quantity(bot, intent, leg)
            yield from _money(bot, intent, leg, market, now_ms)


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


def _symbols(bot: Bot, intent: Intent) -> Iterator[Denial]:
    if bot.symbols == ("*",) or intent.endpoint.purpose == "read":
        return
    for symbol in intent.symbols:
        if symbol not in bot.symbols:
            yield Denial("symbol_not_allowed", "symbol")
    # A setting without a symbol holds for the whole account.
    reaches_all = "symbol" in intent.endpoint.params or intent.endpoint.purpose == "settings"
    if not intent.symbols and intent.endpoint.mutating and reaches_all:
        yield Denial("all_symbols_not_allowed", "symbol")


def _settings(bot: Bot, intent: Intent) -> Iterator[Denial]:
    values, path = intent.values, intent.endpoint.path
    if path.endswith("/leverage") and (bot.max_leverage is None or int(values["leverage"]) > bot.max_leverage):
        yield Denial("leverage_over_cap", "leverage")
    for end, (name, lower) in _ONE_WAY.items():
        if path.endswith(end) and values[name] != lower:
            yield Denial("setting_raises_risk", name)


def _tradable(leg: Leg, market: FamilyMarket, now_ms: int) -> Iterator[Denial]:
    if not market.rules_fresh(now_ms):
        yield Denial("rules_stale")
    elif (rule := market.rules.get(leg.symbol)) is None:
        yield Denial("unknown_symbol", "symbol")
    elif not rule.trading:
        yield Denial("symbol_closed", "symbol")


def _quantity(bot: Bot, intent: Intent, leg: Leg) -> Iterator[Denial]:
    cap = _cap(bot, leg)
    if leg.quantity is None and leg.quote_quantity is None and not _closes(intent):
        # An order without a size cannot be judged. (closePosition is sized by the position, in hedge mode too.)
        yield Denial("mandatory_parameter", "quantity")
    if cap is not None and leg.quantity is not None and leg.quantity > cap:
        yield Denial("quantity_over_limit", "quantity")


def _cap(bot: Bot, leg: Leg) -> Decimal | None:
    return bot.max_order_quantity.get(leg.symbol, bot.max_order_quantity.get("*"))


def _money(bot: Bot, intent: Intent, leg: Leg, market: FamilyMarket, now_ms: int) -> Iterator[Denial]:
    """Judge what needs a price. A test order is judged like a real one: that is what it is for."""
    cap = _cap(bot, leg) if leg.quote_quantity is not None else None
    if cap is None and bot.price_collar_percent is None and bot.max_order_notional is None:
        return
    last = market.price(leg.symbol, now_ms)
    if last is None:
        yield Denial("price_unknown")
    else:
        yield from _priced(bot, intent, leg, last, market.dollars(leg.symbol, now_ms))


def _priced(bot: Bot, intent: Intent, leg: Leg, last: Decimal, dollars: Decimal | None) -> Iterator[Denial]:
    cap = _cap(bot, leg)
    if cap is not None and leg.quote_quantity is not None and leg.quote_quantity > product(cap, last):
        yield Denial("quantity_over_limit", "quoteOrderQty")
    if bot.price_collar_percent is not None:
        name = collar.outside(bot.price_collar_percent, intent, leg, last)
        if name is not None:
            yield Denial("price_outside_collar", name)
    if bot.max_order_notional is not None:
        yield from _notional(bot.max_order_notional, leg, last, dollars)


def _notional(limit: Decimal, leg: Leg, last: Decimal, dollars: Decimal | None) -> Iterator[Denial]:
    """Judge the larger of what the two sizes cost, should an order state both."""
    worst = max((*leg.prices, last))
    if dollars is None:
        yield Denial("price_unknown")
    elif leg.quantity is not None and product(leg.quantity, worst, dollars) > limit:
        yield Denial("notional_over_limit", "quantity")
    elif leg.quote_quantity is not None and product(leg.quote_quantity, dollars) > limit:
        yield Denial("notional_over_limit", "quoteOrderQty")
