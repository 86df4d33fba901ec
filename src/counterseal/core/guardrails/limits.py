"""The limits that the settings name, each with whom it holds for and what is done when it is neared or passed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum

from counterseal.core.config.model import Config, Rails
from counterseal.core.exact import product
from counterseal.core.ladder import FLEET, Kind, Scope

_PERCENT = Decimal("0.01")


class Level(IntEnum):
    """How near a limit somebody is."""

    CLEAR = 0
    WARN = 1
    EMERGENCY = 2
    LIMIT = 3


class Action(Enum):
    """What is done. REDUCE lets only what lowers risk pass and makes positions smaller, HALT waits for a person."""

    ALERT = "alert"
    REDUCE = "reduce"
    HALT = "halt"
    FLATTEN = "flatten"


class Measure(Enum):
    """What is measured: the settings' names."""

    POSITION = "max_position"
    SYMBOL_POSITION = "max_symbol_position"
    OPEN_ORDERS = "max_open_orders"
    LEVERAGE = "max_effective_leverage"
    DAILY_LOSS = "max_daily_loss"
    DRAWDOWN = "max_drawdown"

    @property
    def is_loss(self) -> bool:
        """Whether making a position smaller makes the figure no smaller."""
        return self in (Measure.DAILY_LOSS, Measure.DRAWDOWN)

    @property
    def needs_all(self) -> bool:
        """Whether a part that is not known makes the figure wrong, and not only smaller than it is."""
        return self.is_loss or self is Measure.LEVERAGE


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `symbol` is "" for one over all symbols; "*" stands for every symbol that has none of its own.

    `warn` and `emergency` are parts of it (0 to 1), `keep` is the part of a position that an emergency leaves.
    """

    scope: Scope
    measure: Measure
    limit: Decimal
    symbol: str
    warn: Decimal
    emergency: Decimal
    keep: Decimal
    on_limit: Action
    warns_at: Decimal = field(init=False, repr=False, compare=False)
    acts_at: Decimal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out the thresholds once: a value is held against them very often."""
        object.__setattr__(self, "warns_at", product(self.limit, self.warn))
        object.__setattr__(self, "acts_at", product(self.limit, self.emergency))

    def level(self, value: Decimal) -> Level:
        """Tell how near a value is. What lies on a threshold has reached it."""
        if value >= self.limit:
            return Level.LIMIT
        if value >= self.acts_at:
            return Level.EMERGENCY
        return Level.WARN if value >= self.warns_at else Level.CLEAR

    def action(self, level: Level) -> Action:
        """Tell what is done at a level; it is never less than at the one below."""
        if level is Level.LIMIT and self.on_limit is not Action.ALERT:
            return self.on_limit
        # Fewer open orders are had by cancelling, which is no business of positions.
        is_reducible = level >= Level.EMERGENCY and self.measure is not Measure.OPEN_ORDERS
        return Action.REDUCE if is_reducible else Action.ALERT


def limits_of(config: Config) -> tuple[Limit, ...]:
    """Give all limits, the closest scope first."""
    found: list[Limit] = []
    for kind, named in (
        (Kind.BOT, config.bots), (Kind.STRATEGY, config.strategies), (Kind.ACCOUNT, config.accounts),
    ):  # fmt: skip
        for name, rails in named.items():
            found.extend(_limits(Scope(kind, name), rails))
    for account in config.accounts.values():
        if account.max_effective_leverage is not None:
            scope = Scope(Kind.ACCOUNT, account.name)
            found.append(_limit(scope, account, Measure.LEVERAGE, account.max_effective_leverage))
    return (*found, *_limits(FLEET, config.fleet))


def _limits(scope: Scope, rails: Rails) -> Iterator[Limit]:
    single = (
        (Measure.POSITION, rails.max_position), (Measure.DAILY_LOSS, rails.max_daily_loss),
        (Measure.DRAWDOWN, rails.max_drawdown),
        (Measure.OPEN_ORDERS, None if rails.max_open_orders is None else Decimal(rails.max_open_orders)),
    )  # fmt: skip
    for measure, limit in single:
        if limit is not None:
            yield _limit(scope, rails, measure, limit)
    for symbol, limit in rails.max_symbol_position.items():
        whose = Scope(Kind.SYMBOL, symbol) if scope == FLEET and symbol != "*" else scope
        yield _limit(whose, rails, Measure.SYMBOL_POSITION, limit, symbol)


def _limit(scope: Scope, rails: Rails, measure: Measure, limit: Decimal, symbol: str = "") -> Limit:
    warn, emergency = product(rails.warn_percent, _PERCENT), product(rails.emergency_percent, _PERCENT)
    keep = product(Decimal(rails.keep_percent), _PERCENT)
    return Limit(scope, measure, limit, symbol, warn, emergency, keep, Action(rails.on_limit))
