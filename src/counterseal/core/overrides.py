"""Limits of bots that are loosened for a while: by two persons where there are two, and never for longer than a day.

An override replaces one limit of one bot by a wider one and is gone at its time. The settings stay as they are: what
they say holds again as soon as nothing else does.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from counterseal.core.config.grammar import ANY_SYMBOL, parse_label, parse_name, parse_symbol
from counterseal.core.config.model import Bot, Config
from counterseal.core.config.parsers import Parser, amount, quantities, whole
from counterseal.core.ladder import REFUSALS as OF_LADDER
from counterseal.core.ladder import Refusal, Wish, agreed

MOST_MS = 86_400_000
MAX_CAUSE = 200
# The settings of a bot that can be loosened, each read as in the settings.
LIMITS: Mapping[str, Parser] = MappingProxyType(
    {
        "max_order_notional": amount(), "max_exposure": amount(), "max_order_quantity": quantities(),
        "price_collar_percent": amount(100), "max_leverage": whole(1, 125), "max_weight_1m": whole(1, 1_000_000),
        "max_orders_10s": whole(1, 100_000), "max_position": amount(), "max_symbol_position": quantities(),
        "max_open_orders": whole(1, 100_000), "max_daily_loss": amount(), "max_drawdown": amount(),
    }
)  # fmt: skip
PER_SYMBOL = frozenset({"max_order_quantity", "max_symbol_position"})
_WHOLE = frozenset({"max_leverage", "max_weight_1m", "max_orders_10s", "max_open_orders"})
_UNITS_MS = {"m": 60_000, "h": 3_600_000}
_SPAN = re.compile(r"([1-9][0-9]{0,3})([mh])").fullmatch

REFUSALS = {
    "unknown_bot": "the settings name no bot of this name",
    "unknown_limit": f"a limit that can be loosened is one of {', '.join(LIMITS)}",
    "needs_symbol": "this limit is one per symbol; name the symbol",
    "no_symbol": "this limit is not one per symbol; name none",
    "malformed": "the value is not what the settings take for this limit",
    "not_limited": "the settings do not limit this bot so; there is nothing to loosen",
    "not_looser": "the settings allow as much already; to lower a limit, change the settings",
    "malformed_until": "until when is a span of at most 24 hours, such as 90m or 4h",
    "not_overridden": "no override of this limit is in force",
    "unknown_operator": OF_LADDER["unknown_operator"],
    "second_operator": OF_LADDER["second_operator"],
}


class Place(NamedTuple):
    """One limit of one bot; `symbol` is "" where it is not one per symbol."""

    bot: str
    limit: str
    symbol: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"bot {self.bot}", self.limit, self.symbol) if part)


class Wanted(NamedTuple):
    """What an operator asks for: the limit as text, for so long from when it is granted."""

    place: Place
    value: str
    for_ms: int


class Override(NamedTuple):
    """A loosened limit until a wall time. `operators` are the one or two who have said so, the first one first."""

    place: Place
    value: str
    until_ms: int
    at_ms: int
    operators: tuple[str, ...]
    cause: str


class Granted(NamedTuple):
    """What is in force after an operator's word. `override` is None while a second person must say the same."""

    overrides: "Overrides"
    override: Override | None


_NONE: Mapping[Place, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Overrides:
    """All overrides, and what waits for a second person (with what it wants and why)."""

    held: Mapping[Place, Override] = field(default_factory=lambda: _NONE)
    wishes: Mapping[Place, tuple[Wanted, Wish]] = field(default_factory=lambda: _NONE)

    def ask(
        self, wanted: Wanted, operator: str, operators: Collection[str], config: Config, now_ms: int, cause: str
    ) -> Granted | Refusal:
        """Take an operator's word. Where two are named, the second must say exactly the same."""
        refusal = refused(wanted, config)
        if refusal is not None:
            return refusal
        waiting, wish = self.wishes.get(wanted.place, (None, None))
        said = agreed(wish if waiting == wanted else None, operator, operators, now_ms)
        if isinstance(said, Refusal):
            return said
        if not said:
            return Granted(replace(self, wishes={**self.wishes, wanted.place: (wanted, Wish(operator, now_ms))}), None)
        first = () if wish is None or waiting != wanted or len(operators) < 2 else (wish.operator,)
        made = Override(wanted.place, wanted.value, now_ms + wanted.for_ms, now_ms, (*first, operator), cause)
        return Granted(self.with_(made), made)

    def with_(self, made: Override) -> "Overrides":
        """Give them with one more; what waited for the same place is forgotten."""
        wishes = {place: wish for place, wish in self.wishes.items() if place != made.place}
        return Overrides({**self.held, made.place: made}, wishes)

    def without(self, place: Place) -> "Overrides":
        """Give them without the one of a place."""
        return replace(self, held={other: held for other, held in self.held.items() if other != place})


# -- what is asked


def place_of(bot: str, limit: str, symbol: str) -> Place | Refusal:
    """Read which limit is meant."""
    if parse_name(bot) is None:
        return Refusal("unknown_bot")
    if limit not in LIMITS:
        return Refusal("unknown_limit")
    if (limit in PER_SYMBOL) != bool(symbol):
        return Refusal("no_symbol" if symbol else "needs_symbol")
    if symbol and parse_symbol(symbol) is None:
        return Refusal("needs_symbol")
    return Place(bot, limit, symbol)


def span_ms(text: str) -> int | None:
    """Read for how long: 90m, 4h; None for what is no span, or more than 24 hours."""
    match = _SPAN(text)
    found = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    return found if 0 < found <= MOST_MS else None


def refused(wanted: Wanted, config: Config) -> Refusal | None:
    """Tell why a wish cannot be granted beside these settings, None when it can."""
    bot = config.bots.get(wanted.place.bot)
    if bot is None:
        return Refusal("unknown_bot")
    value = _read(wanted.place, wanted.value)
    if value is None:
        return Refusal("malformed")
    present = _present(bot, wanted.place)
    if present is None:
        return Refusal("not_limited")
    return None if value > present else Refusal("not_looser")


# -- what holds


def config_with(config: Config, overrides: Iterable[Override], now_ms: int) -> Config:
    """Give the settings as they hold now: never narrower than written, and the same object where nothing is wider."""
    bots = dict(config.bots)
    for override in overrides:
        bot = bots.get(override.place.bot)
        if bot is not None and now_ms < override.until_ms:
            bots[bot.name] = _loosened(bot, override)
    is_same = all(bots[name] is bot for name, bot in config.bots.items())
    return config if is_same else replace(config, bots=MappingProxyType(bots))


def _loosened(bot: Bot, override: Override) -> Bot:
    place = override.place
    value, present = _read(place, override.value), _present(bot, place)
    # What the settings no longer limit, or limit less, is theirs to say.
    if value is None or present is None or value <= present:
        return bot
    changed: dict[str, Any] = {place.limit: value}
    if place.symbol:
        changed = {place.limit: MappingProxyType({**getattr(bot, place.limit), place.symbol: value})}
    return replace(bot, **changed)


def _present(bot: Bot, place: Place) -> Decimal | int | None:
    found = getattr(bot, place.limit)
    if place.symbol:
        found = found.get(place.symbol, found.get(ANY_SYMBOL))
    known: Decimal | int | None = found
    return known


def _read(place: Place, text: str) -> Decimal | int | None:
    """Read a value as the settings would; None for one that they would refuse."""
    faults: list[str] = []

    def report(cause: str, remedy: str, inside: tuple[str, ...] = ()) -> None:
        faults.append(cause)

    given: object = text
    if place.limit in _WHOLE:
        given = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    value = LIMITS[place.limit].read({place.symbol: given} if place.symbol else given, report)
    if faults:
        return None
    found: Decimal | int | None = value[place.symbol] if place.symbol else value
    return found


# -- as data, for the journal and for messages


def override_data(override: Override) -> dict[str, Any]:
    """Give an override as JSON holds it."""
    return {**override.place._asdict(), "value": override.value, "until_ms": override.until_ms,
            "at_ms": override.at_ms, "operators": list(override.operators), "cause": override.cause}  # fmt: skip


def override_of(data: Mapping[str, Any]) -> Override:
    """Read an override. Raises ValueError for what is none, or would hold for longer than one may."""
    texts = [data.get(name) for name in ("bot", "limit", "symbol", "value", "cause")]
    numbers, operators = [data.get("until_ms"), data.get("at_ms")], data.get("operators")
    if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
        raise ValueError("not an override")
    if not isinstance(operators, list) or not all(type(each) is str and parse_label(each) for each in operators):
        raise ValueError("not an override")
    place = place_of(str(texts[0]), str(texts[1]), str(texts[2]))
    until_ms, at_ms = int(data["until_ms"]), int(data["at_ms"])
    if isinstance(place, Refusal) or _read(place, str(texts[3])) is None or not 0 < until_ms - at_ms <= MOST_MS:
        raise ValueError("not an override")
    return Override(place, str(texts[3]), until_ms, at_ms, tuple(operators), str(texts[4]))


def fold(records: Iterable[Mapping[str, Any]], now_ms: int) -> Overrides:
    """Give what the records of the guard's journal lead to. What cannot be read loosens nothing; no wish is kept."""
    held: dict[Place, Override] = {}
    for record in records:
        if record.get("type") != "override" or record.get("act") not in ("set", "end"):
            continue
        place = place_of(str(record.get("bot")), str(record.get("limit")), str(record.get("symbol")))
        if not isinstance(place, Refusal):
            held.pop(place, None)
        if record.get("act") == "set":
            try:
                override = override_of(record)
            except ValueError:
                continue
            if override.at_ms <= now_ms < override.until_ms:
                held[override.place] = override
    return Overrides(held)
