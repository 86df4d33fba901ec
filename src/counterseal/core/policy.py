"""What a bot may do. Deny wins, nothing is allowed by default, every denial has its reason code."""

from collections.abc import Iterator
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import Bot
from counterseal.core.credential import source_allowed, within_hours
from counterseal.core.intent import Intent, Leg
from counterseal.core.judge import Denial
from counterseal.core.market import FamilyMarket

_STREAM_CLASSES = frozenset({"stream"})


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
    yield from _symbols(bot, intent)
    if intent.endpoint.purpose == "settings":
        yield from _settings(bot, intent)
    for leg in intent.legs:
        yield from _tradable(leg, market, now_ms)
        if not leg.reduces:
            yield from _quantity(bot, leg)
            yield from _money(bot, intent, leg, market, now_ms)


def _symbols(bot: Bot, intent: Intent) -> Iterator[Denial]:
    if bot.symbols == ("*",) or intent.endpoint.purpose == "read":
        return
    for symbol in intent.symbols:
        if symbol not in bot.symbols:
            yield Denial("symbol_not_allowed", "symbol")
    if not intent.symbols and intent.endpoint.mutating and "symbol" in intent.endpoint.params:
        yield Denial("all_symbols_not_allowed", "symbol")


def _settings(bot: Bot, intent: Intent) -> Iterator[Denial]:
    values, path = intent.values, intent.endpoint.path
    if path.endswith("/leverage") and (bot.max_leverage is None or int(values["leverage"]) > bot.max_leverage):
        yield Denial("leverage_over_cap", "leverage")
    raises = (
        (path.endswith("/marginType") and values["marginType"] != "ISOLATED")
        or (path.endswith("/positionMargin") and values["type"] != "1")
        or (path.endswith("/multiAssetsMargin") and values["multiAssetsMargin"] != "false")
    )
    if raises:
        yield Denial("setting_raises_risk")


def _tradable(leg: Leg, market: FamilyMarket, now_ms: int) -> Iterator[Denial]:
    if leg.reduces:
        return
    if not market.rules_fresh(now_ms):
        yield Denial("rules_stale")
    elif (rule := market.rules.get(leg.symbol)) is None:
        yield Denial("unknown_symbol", "symbol")
    elif not rule.trading:
        yield Denial("symbol_closed", "symbol")


def _quantity(bot: Bot, leg: Leg) -> Iterator[Denial]:
    cap = bot.max_order_quantity.get(leg.symbol, bot.max_order_quantity.get("*"))
    if cap is not None and leg.quantity is not None and leg.quantity > cap:
        yield Denial("quantity_over_limit", "quantity")


def _money(bot: Bot, intent: Intent, leg: Leg, market: FamilyMarket, now_ms: int) -> Iterator[Denial]:
    """Judge notional and collar. A test order is judged like a real one: that is what it is for."""
    last = market.price(leg.symbol, now_ms)
    needs_quantity_price = "*" in bot.max_order_quantity or leg.symbol in bot.max_order_quantity
    if last is None and (
        bot.max_order_notional is not None
        or bot.price_collar_percent is not None
        or (needs_quantity_price and leg.quantity is None)
    ):
        yield Denial("price_unknown")
        return
    if needs_quantity_price and leg.quantity is None and last is not None and leg.quote_quantity is not None:
        cap = bot.max_order_quantity.get(leg.symbol, bot.max_order_quantity.get("*", Decimal(0)))
        if leg.quote_quantity / last > cap:
            yield Denial("quantity_over_limit", "quoteOrderQty")
    if bot.price_collar_percent is not None and last is not None:
        yield from _collar(bot.price_collar_percent, leg, last)
    if bot.max_order_notional is not None and last is not None:
        yield from _notional(bot.max_order_notional, leg, last, market.dollars(leg.symbol, now_ms))


def _collar(percent: Decimal, leg: Leg, last: Decimal) -> Iterator[Denial]:
    width = last * percent / 100
    if any(abs(price - last) > width for price in leg.prices):
        yield Denial("price_outside_collar", "price")


def _notional(limit: Decimal, leg: Leg, last: Decimal, dollars: Decimal | None) -> Iterator[Denial]:
    if dollars is None:
        yield Denial("price_unknown")
        return
    worst = max((*leg.prices, last))
    money = leg.quote_quantity if leg.quote_quantity is not None else (leg.quantity or Decimal(0)) * worst
    if money * dollars > limit:
        yield Denial("notional_over_limit", "quantity")
