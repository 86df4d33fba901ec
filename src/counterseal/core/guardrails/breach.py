"""A limit that is neared or passed: told when it happens, again while it lasts, and not for one that wavers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, NamedTuple

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO, subtract
from counterseal.core.guardrails.limits import Action, Level, Limit
from counterseal.core.ladder import Scope
from counterseal.core.positions.reading import Place

# A level that stands is told again after so long: what was done about it may have failed.
AGAIN_MS = 5_000
# A level ends when the value has fallen this far below where it begins.
_BACK = Decimal("0.95")
_divide = Context(prec=12, rounding=ROUND_DOWN).divide
_ONE = Decimal(1)


class Cut(NamedTuple):
    """A position that shall become smaller, by so much (base units or contracts, without sign).

    `owner` is the bot whose part of it that is, and `held` all that it has of it, with its sign; "" where it is the
    account's as it is stated.
    """

    account: str
    family: str
    place: Place
    amount: Decimal
    owner: str = ""
    held: Decimal = ZERO


class Breach(NamedTuple):
    """What the guard has to do something about. `scope` is whom the ladder is tripped for.

    `value` and `limit` are in US dollars (a count, or a multiple, where the limit is one). `cuts` brings a position
    back to its target; it is worked out anew at every telling.
    """

    scope: Scope
    limit_name: str
    value: Decimal
    limit: Decimal
    level: Level
    action: Action
    symbol: str = ""
    cuts: tuple[Cut, ...] = ()

    def __str__(self) -> str:
        where = f" {self.symbol}" if self.symbol else ""
        return f"{self.scope}{where}: {self.limit_name} {self.value:.8g} of {self.limit:f}, {self.level.name.lower()}"


class Finding(NamedTuple):
    """A limit and the value that was measured for it; `symbol` is which, where the limit is per symbol."""

    limit: Limit
    value: Decimal
    symbol: str = ""


class Telling(NamedTuple):
    """A level that has to be told; `is_again` where it has been told, and lasts."""

    level: Level
    is_again: bool


@dataclass(slots=True)
class _Standing:
    level: Level
    told_ms: int


@dataclass(slots=True)
class Watched:
    """Which limits stand at which level. All times are monotonic ms."""

    _standing: dict[tuple[Scope, str, str], _Standing] = field(default_factory=dict)

    def judge(self, finding: Finding, now_ms: int) -> "Telling | None":
        """Give what has to be told now, None when there is nothing to tell."""
        limit = finding.limit
        if not self._standing and finding.value < limit.warns_at:
            return None
        key = (limit.scope, limit.measure.value, finding.symbol)
        standing, level = self._standing.get(key), limit.level(finding.value)
        if standing is None:
            if level is Level.CLEAR:
                return None
            self._standing[key] = _Standing(level, now_ms)
            return Telling(level, is_again=False)
        if level < standing.level:
            level = max(level, min(standing.level, limit.level(_divide(finding.value, _BACK))))
            standing.level = level
        if level is Level.CLEAR:
            del self._standing[key]
            return None
        is_again = level <= standing.level
        if is_again and (level < Level.EMERGENCY or now_ms - standing.told_ms < AGAIN_MS):
            return None
        standing.level, standing.told_ms = level, now_ms
        return Telling(level, is_again=is_again)

    def symbols(self, limit: Limit) -> set[str]:
        """Give the symbols for which a limit stands at some level."""
        scope, name = limit.scope, limit.measure.value
        return {symbol for of, measure, symbol in self._standing if of == scope and measure == name}

    def again_ms(self) -> int | None:
        """Give when something that lasts is due to be told again, None when nothing is."""
        due = [each.told_ms for each in self._standing.values() if each.level >= Level.EMERGENCY]
        return min(due) + AGAIN_MS if due else None

    def levels(self) -> dict[tuple[Scope, str, str], Level]:
        """Give all that stand: scope, setting, symbol."""
        return {key: standing.level for key, standing in self._standing.items()}


def part_to_cut(finding: Finding, level: Level) -> Decimal:
    """Give which part of the positions has to go, 0 to 1.

    Of a size that is too large, so much that it comes below the warning; of a loss, all but what the settings keep. A
    limit that is passed at once includes what its emergency would have done.
    """
    limit = finding.limit
    if limit.action(level) is Action.FLATTEN:
        return _ONE
    if limit.action(min(level, Level.EMERGENCY)) is not Action.REDUCE:
        return ZERO
    if limit.measure.is_loss:
        return subtract(_ONE, limit.keep)
    return subtract(_ONE, min(_ONE, _divide(product(limit.limit, limit.warn), finding.value)))


def cuts_of(positions: Iterable[Cut], part: Decimal) -> tuple[Cut, ...]:
    """Give the same part of every position; `amount` of these is the whole."""
    if not part:
        return ()
    return tuple([each._replace(amount=product(each.amount, part)) for each in positions])


def breach_data(breach: Breach) -> dict[str, Any]:
    """Give a breach as status and journal show it."""
    return {
        "scope": str(breach.scope), "limit": breach.limit_name, "symbol": breach.symbol, "value": f"{breach.value:.8g}",
        "of": f"{breach.limit:f}", "level": breach.level.name, "action": breach.action.value,
    }  # fmt: skip
