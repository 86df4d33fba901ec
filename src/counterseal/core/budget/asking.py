"""What a call asks of the ledger, and what it gets: a reservation, or the pool that is short."""

from typing import NamedTuple

from counterseal.core.budget.charge import Amounts, Plan
from counterseal.core.budget.reporting import Tally
from counterseal.core.budget.share import UNBOUNDED, Lane, Quotas
from counterseal.core.budget.window import Mark, Seat, Window


class Ask(NamedTuple):
    """What one call of a bot needs.

    `share` is the bot's weight beside the others, `account` names whose key signs it ("" for public data), `egress` the
    address it leaves from. `amounts` are `plan.amounts(values)`.
    """

    bot: str
    share: int
    lane: Lane
    account: str
    egress: str
    plan: Plan
    amounts: Amounts
    quotas: Quotas = UNBOUNDED


class Short(NamedTuple):
    """Not now: which pool is short (the one that stays so longest), with the reason code.

    `retry_after_ms` is when its window has turned with certainty. `may_free`: something in flight could give back room
    before.
    """

    pool: str
    key: str
    reason: str
    retry_after_ms: int
    may_free: bool


class Route:
    """A bot's seats in the windows that a plan charges, `places` both in pairs, and where its use is tallied."""

    __slots__ = ("places", "seats", "share", "tally", "windows")

    def __init__(self, windows: tuple[Window, ...], seats: tuple[Seat, ...], tally: Tally, share: int) -> None:
        self.windows = windows
        self.seats = seats
        self.places = tuple(zip(windows, seats, strict=True))
        self.tally = tally
        self.share = share


class Reservation:
    """What one request holds until it is settled, released or kept; after that `amounts` are what stayed spent."""

    __slots__ = ("amounts", "era", "is_open", "lane", "latest_ms", "marks", "plan", "route")

    def __init__(self, route: Route, ask: Ask, marks: list[Mark], era: int, latest_ms: int) -> None:
        self.route = route
        self.plan = ask.plan
        self.lane = ask.lane
        self.amounts = ask.amounts
        self.marks = marks
        # How often exchange time had stepped by then, and how late it was at the most.
        self.era = era
        self.latest_ms = latest_ms
        self.is_open = True

    @property
    def weight(self) -> int:
        """Request weight it holds, or has cost once it is closed."""
        return self.amounts[0] if self.plan.weighs else 0


class LearntLimits(NamedTuple):
    """What exchangeInfo changed: (pool id, limit before, limit now), and how many rows were nonsense."""

    changed: tuple[tuple[str, int, int], ...]
    ignored: int
