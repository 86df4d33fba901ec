"""The running watch: reads accounts and prices, hears the gateway's events, holds the limits against what there is.

Two things ask for the same account: the clock, and every event of it, which prompts a read at once unless there was one
just before. Whatever comes is folded, compared and judged in one step that nothing can come between.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.model import Alert
from counterseal.core.config.model import Config
from counterseal.core.guardrails.breach import Breach
from counterseal.core.holdings import Holding
from counterseal.core.positions.keeping import restore
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Held, Margin
from counterseal.core.positions.truth import Difference
from counterseal.guard.watch.asking import Asker, Reader
from counterseal.guard.watch.followed import Followed
from counterseal.guard.watch.hearing import Hearing
from counterseal.guard.watch.intruders import Intruder, Intruders
from counterseal.guard.watch.keeper import Keeper
from counterseal.guard.watch.picture import bought, picture
from counterseal.guard.watch.plan import (
    LEVEL_MS,
    MARKS_MS,
    RIGHTS_MS,
    RULES_MS,
    Plan,
    levels_of,
    markets_of,
    plan_of,
)
from counterseal.guard.watch.prices import MarketPrices
from counterseal.guard.watch.rails import Rails
from counterseal.guard.watch.reads import Reads
from counterseal.guard.watch.rounds import Rounds
from counterseal.guard.watch.signals import Failing, Signals
from counterseal.guard.watch.streams import Links, PriceStreams
from counterseal.guard.watch.world import Whose, World
from counterseal.ports.clock import Clock

STEP_S = 0.1
# An event that comes after its difference was told explains it all the same, if it comes within this time.
LATE_S = 2.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Whom the watch tells: breaches and intruders are acted on, alerts reach people, `states` is for the gateway
    (what goes under "failing" of its message), `record` writes into the guard's journal and gives False where it could
    not.
    """

    on_breach: Callable[[Breach], None]
    on_intruder: Callable[[Intruder], None]
    raise_: Callable[[Alert], None]
    states: Callable[[Mapping[str, Any]], None]
    record: Callable[[Mapping[str, Any]], object]


class Snapshot(NamedTuple):
    """What an account has in one market. What no event has told is `age_ms` old at most; stale is not `is_fresh`."""

    positions: Mapping[Place, Held]
    balances: Mapping[str, Decimal]
    margin: Margin | None
    open_orders: int
    age_ms: int
    is_fresh: bool


class Watch:
    """Made once; `start` begins. `exchange_ms` is exchange time, which no step of this host's clock moves.

    `links` lead to the exchange's streams of prices; without them all prices are read.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        asker: Asker,
        clock: Clock,
        tasks: Tasks,
        log: Any,
        calls: Calls,
        exchange_ms: Callable[[], int],
        links: Links | None = None,
    ) -> None:
        self._tasks, self._log, self._clock = tasks, log, clock
        prices = MarketPrices(clock)
        self._world = World(config, clock, prices, Rails(prices, calls.on_breach, calls.record), exchange_ms, log)
        self._rounds = Rounds(clock, tasks)
        self._intruders = Intruders(calls.on_intruder, lambda: config().guard.on_intruder, calls.record)
        self._signals = Signals(clock, calls.states, calls.raise_, log)
        self._keeper = Keeper(calls.record)
        self._streams = None if links is None else PriceStreams(links, self._world, clock, tasks, log)
        self._reads = Reads(self._world, Reader(asker), self._intruders, self._rounds.pace)
        self._hearing = Hearing(self._world, self._intruders, self._signals, self._rounds.soon, clock)
        self.plans: dict[str, Plan] = {}
        # When nobody told of events last.
        self._ended_ms: int | None = None

    # -- life

    def fold(self, record: Mapping[str, Any]) -> None:
        """Take up a record of the guard's journal; those of others change nothing. Before `start`."""
        if record.get("type") == "watch":
            self._world.rails.fold(record)
            self._intruders.fold(record)
            self._keeper.fold(record)

    def start(self) -> None:
        """Watch from now on. What was folded is written anew first: no later start has to read further back."""
        self.reload()
        self.restate()
        self._tasks.spawn(self._run(), "watch")
        if self._streams is not None:
            self._streams.start()

    def close(self) -> None:
        """Give up the connections of its own."""
        if self._streams is not None:
            self._streams.close()

    def restate(self) -> None:
        """Write down all that a later start must know."""
        self._keeper.restate()
        self._world.rails.restate()
        self._intruders.restate()

    def reload(self) -> None:
        """Take up the configuration of this moment."""
        world, config = self._world, self._world.config()
        wanted = markets_of(config)
        families = {family for _, family in wanted}
        for family in families:
            world.rules.setdefault(family, {})
        for whose in wanted:
            if whose not in world.followed:
                self._follow(whose)
        for whose in world.followed.keys() - set(wanted):
            del world.followed[whose]
        world.prices.follow(families)
        if self._streams is not None:
            self._streams.follow(families)
        world.rails.configure(config)
        egresses = max(1, len(config.venue.egress))
        self.plans = {name: plan_of(name, sum(name == f for _, f in wanted), egresses) for name in sorted(families)}
        for family, plan in self.plans.items():
            if not plan.fits:
                self._log.critical("more accounts than the guard can read in time", family=family, weight=plan.weight)
        self._schedule(config)

    def _follow(self, whose: Whose) -> None:
        found = Followed(*whose, self._world.rules[whose[1]], self._world.now_ms())
        found.truth.is_restored = restore(found.truth.books, self._keeper.restored(*whose))
        self._world.followed[whose] = found

    def _schedule(self, config: Config) -> None:
        reads = self._reads
        works: dict[str, tuple[Callable[[], Awaitable[bool]], int, int, int]] = {}
        for family, plan in self.plans.items():
            works[f"rules {family}"] = _later(reads.rules, family), RULES_MS, RULES_MS, 0
            works[f"marks {family}"] = _later(reads.marks, family), MARKS_MS, MARKS_MS, 0
            whoses = [whose for whose in self._world.followed if whose[1] == family]
            for number, whose in enumerate(whoses):
                name, late_ms = " ".join(whose), plan.late_ms * number // len(whoses)
                works[f"account {name}"] = _later(reads.account, whose), plan.account_ms, plan.least_ms, late_ms
                works[f"orders {name}"] = _later(reads.orders, whose), plan.orders_ms, plan.orders_ms // 6, late_ms
        for account in sorted({key.account for key in config.keys.values()}):
            works[f"rights {account}"] = _later(reads.rights, account), RIGHTS_MS, RIGHTS_MS, 0
        for account, product in levels_of(config):
            works[f"level {product} {account}"] = _later(reads.level, account, product), LEVEL_MS, LEVEL_MS, 0
        for name, (work, every_ms, least_ms, late_ms) in works.items():
            self._rounds.every(name, work, every_ms, least_ms, late_ms)
        self._rounds.drop(set(works))

    async def _run(self) -> None:
        while True:
            try:
                self._rounds.step()
                self._settle()
            except Exception as error:  # noqa: BLE001 - the next step tries again, and what is not seen gets stale
                self._log.error("the watch has a fault", error=type(error).__name__)
            await self._clock.sleep(STEP_S)

    def _settle(self) -> None:
        """Say what no event has explained, what fails, and write down what has changed."""
        now_ms = self._world.now_ms()
        for whose, followed in self._world.followed.items():
            self._differ(followed, followed.settle(now_ms), now_ms)
            self._reads.unclaimed(whose)
        self._signals.failing(self.failing(), now_ms)
        self._keeper.keep({whose: each.truth.books for whose, each in self._world.followed.items()}, now_ms)

    def _differ(self, followed: Followed, differences: list[Difference], now_ms: int) -> None:
        if not differences:
            return
        self._world.touch((followed.account, followed.family))
        has_gap, was_traded = followed.has_gap or followed.is_first(now_ms), is_trade(differences)
        for each in differences:
            self._signals.differs(followed.account, followed.family, each, has_gap=has_gap)
        if not was_traded:
            for each in differences:
                dollars = self._world.dollars(str(each.item), each.stated - each.booked)
                self._world.rails.moved(followed.account, dollars, now_ms)
        self._rounds.soon(f"account {followed.account} {followed.family}")
        if not has_gap:
            self._clock.call_later(LATE_S, lambda: self._unexplained(followed, differences, now_ms))

    def _unexplained(self, followed: Followed, differences: list[Difference], since_ms: int) -> None:
        """No event has come that explains them after all: it was somebody outside, unless none can come.

        Of a gateway that hangs nothing is known yet: either it speaks again, or it turns out that it told nothing.
        """
        beat_ms = self._hearing.beat_ms
        if self._ended_ms is not None and self._ended_ms >= since_ms:
            return
        if beat_ms is not None and beat_ms < since_ms:
            self._clock.call_later(LATE_S, lambda: self._unexplained(followed, differences, since_ms))
            return
        left = [each for each in differences if not followed.truth.heard_since(each.item, since_ms)]
        if left:
            text = "; ".join(map(str, left))
            self._intruders.unexplained(followed.account, followed.family, text, was_traded=is_trade(differences))

    # -- what comes in

    def on_event(self, message: Mapping[str, Any]) -> None:
        """Take a message {"type": "event", ...} of the gateway."""
        self._hearing.event(message)

    def on_beat(self, message: Mapping[str, Any]) -> None:
        """Take a message {"type": "beat", "feeds": [[account, family], ...]}: where events come at this moment.

        One that names no feeds says nothing; then a feed counts as standing from its first event on.
        """
        self._hearing.beat(message.get("feeds"))

    def gateway_restarts(self) -> None:
        """Hear that the gateway has ended, or begins: no event comes meanwhile, and people need not be woken by it."""
        self._signals.restarts(self._world.now_ms())
        self.events_end()

    def events_end(self) -> None:
        """Hear that nobody tells of events any more: what happens from here on is no intruder's for that alone."""
        self._ended_ms = now_ms = self._world.now_ms()
        for followed in self._world.followed.values():
            if followed.stands:
                followed.gap(now_ms, stands=False)

    # -- what there is

    def positions(self, account: str, family: str) -> Snapshot | None:
        """Give what an account has in a market; None as long as that is not known."""
        followed = self._world.followed.get((account, family))
        if followed is None or not followed.truth.is_known:
            return None
        truth, now_ms = followed.truth, self._world.now_ms()
        margin = self._world.levels.get((account, "papi"), truth.margin)
        return Snapshot(dict(truth.positions), dict(truth.balances), margin, followed.orders.count(),
                        followed.age_ms(now_ms), followed.failing(now_ms) is None)  # fmt: skip

    def bought(self, account: str) -> dict[str, Decimal] | None:
        """Give what bots bought on spot and still hold, by symbol; None where nobody knows."""
        followed = self._world.followed.get((account, "spot"))
        if followed is None or not followed.truth.is_known:
            return None
        return bought(followed, self._world.config().bots)

    def picture(self, account: str, family: str) -> list[Holding] | None:
        """Give the positions to act on without another read, as they were stated; None where they cannot be told so."""
        followed = self._world.followed.get((account, family))
        return None if followed is None else picture(followed, self._world)

    def levels(self) -> dict[Whose, Margin]:
        """Give the margins of accounts by account and "sapi" (cross margin) or "papi" (portfolio margin)."""
        return dict(self._world.levels)

    def lots(self, bot: str) -> list[tuple[str, str, Place, Lot]]:
        """Give what one bot holds: account, market, place, lot."""
        return [
            (*whose, place, sub.lot) for whose, followed in self._world.followed.items()
            for place, sub in followed.truth.books.of(bot) if sub.lot.amount
        ]  # fmt: skip

    def ages(self) -> dict[str, int]:
        """Give how old (ms) each snapshot and each market's prices are."""
        now_ms = self._world.now_ms()
        ages = {f"{account} {family}": each.age_ms(now_ms) for (account, family), each in self._world.followed.items()}
        return ages | {f"prices {family}": self._world.prices.age_ms(family) for family in self.plans}

    def failing(self) -> list[Failing]:
        """Give the accounts of which nothing that raises risk may pass, since when and why."""
        found: dict[str, tuple[int, str]] = {}
        for account, since_ms, why in self._signs():
            if account not in found or since_ms < found[account][0]:
                found[account] = since_ms, why
        return [Failing("monitor_stale", account, *sign) for account, sign in sorted(found.items())]

    def _signs(self) -> Iterator[tuple[str, int, str]]:
        now_ms = self._world.now_ms()
        prices = {family: self._world.prices.failing(family) for family in self.plans}
        for (account, family), followed in self._world.followed.items():
            for sign in (followed.failing(now_ms), prices[family]):
                if sign is not None:
                    yield account, *sign

    def view(self) -> dict[str, Any]:
        """What `status` shows."""
        return {
            "ages_ms": self.ages(),
            "failing": [each._asdict() for each in self.failing()],
            "levels": self._world.rails.view(),
            "blind": sorted({f"{limit.scope} {limit.measure.value}" for limit in self._world.rails.blind}),
            "streams": {} if self._streams is None else self._streams.view(),
            "weight_per_minute": {family: plan.weight for family, plan in self.plans.items()},
        }


def _later(work: Callable[..., Awaitable[bool]], *args: Any) -> Callable[[], Awaitable[bool]]:
    return lambda: work(*args)


def is_trade(differences: list[Difference]) -> bool:
    """Tell whether differences show a trade: a position, or one balance that grew and another that fell."""
    if any(not isinstance(each.item, str) for each in differences):
        return True
    return len({each.stated > each.booked for each in differences}) > 1
