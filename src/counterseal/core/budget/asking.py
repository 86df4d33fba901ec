"""What a call asks of the ledger, and what it gets: a reservation, or the pool that is short."""

from typing import NamedTuple

from counterseal.core.budget.charge import Amounts, Plan
from counterseal.core.budget.reporting import Tally
from counterseal.core.budget.share import LANE_NAMES, UNBOUNDED, Lane, Quotas
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
    """A bot's seats in the windows that a plan charges, and where its use is tallied."""

    __slots__ = ("seats", "tally", "windows")

    def __init__(self, windows: tuple[Window, ...], seats: tuple[Seat, ...], tally: Tally) -> None:
        self.windows = windows
        self.seats = seats
        self.tally = tally


class Claim:
    """An ask with the windows that it charges: found once, taken by every call that asks for the same.

    `places` are window, seat and amount of each pool; `rank` is the lane as a plain number, which indexes faster, and
    `work` its name. `way` names the host, by the address from which it is reached.
    """

    __slots__ = (
        "amounts", "ask", "gives_back", "is_bounded", "is_exit", "lane", "places", "plan", "rank", "route", "way",
        "work",
    )  # fmt: skip

    def __init__(self, ask: Ask, route: Route) -> None:
        self.ask = ask
        self.route = route
        self.plan = ask.plan
        self.amounts = ask.amounts
        self.lane = ask.lane
        self.rank = int(ask.lane)
        self.work = LANE_NAMES[ask.lane]
        self.way = f"{ask.plan.family} from {ask.egress}" if ask.egress else ask.plan.family
        self.is_exit = ask.lane is Lane.RISK
        # Exits have no bounds of their own.
        self.is_bounded = ask.quotas is not UNBOUNDED and not self.is_exit
        self.gives_back = ask.plan.gives_back
        self.places = tuple(zip(route.windows, route.seats, ask.amounts, strict=True))


class Reservation:
    """What one request holds until it is settled, released or kept; after that `amounts` are what stayed spent."""

    __slots__ = ("amounts", "claim", "era", "is_open", "latest_ms", "marks")

    def __init__(self, claim: Claim, marks: list[Mark], era: int, latest_ms: int) -> None:
        self.claim = claim
        self.amounts = claim.amounts
        self.marks = marks
        # How often exchange time had stepped by then, and how late it was at the most.
        self.era = era
        self.latest_ms = latest_ms
        self.is_open = True

    @property
    def plan(self) -> Plan:
        """What it is charged by."""
        return self.claim.plan

    @property
    def route(self) -> Route:
        """Where it is charged."""
        return self.claim.route

    @property
    def weight(self) -> int:
        """Request weight it holds, or has cost once it is closed."""
        return self.amounts[0] if self.claim.plan.weighs else 0


class LearntLimits(NamedTuple):
    """What exchangeInfo changed: (pool id, limit before, limit now), and how many rows were nonsense."""

    changed: tuple[tuple[str, int, int], ...]
    ignored: int
