"""An exchange with true windows, and a gateway's view of it through latency, loss and an uncertain clock.

It knows nothing of the ledger's ways: it counts what arrives when it arrives, in windows of its own time, and its
headers tell what it has counted. The simulation drives a ledger and an exchange along one line of true milliseconds.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random  # noqa: TID251 - seeded by hypothesis, the entropy of the simulation
from typing import Any

import counterseal
from counterseal.core.binance.catalogue import Catalogue, build
from counterseal.core.budget.charge import Plan, plan
from counterseal.core.budget.hearing import Foreign
from counterseal.core.budget.ledger import Ask, Ledger, Reservation, Short
from counterseal.core.budget.pools import DAY_MS, POOLS, Pool
from counterseal.core.budget.share import UNBOUNDED, Lane, Quotas, Shares
from counterseal.core.budget.window import Moment, Window

# A minute, a day and everything between begin here: 2026-11-19 00:00 UTC.
MIDNIGHT = 1_795_046_400_000
MONOTONIC = 7_000_000
Headers = dict[str, str]
# The longest that a request is under way.
_LONGEST_MS = 12_000


@cache
def catalogue() -> Catalogue:
    """The shipped catalogue."""
    rows = Path(counterseal.__file__).parent / "data" / "rest_endpoints.json"
    return build(json.loads(rows.read_text(encoding="utf-8")))


@cache
def plan_of(name: str) -> Plan:
    """The plan of an endpoint by its name, one object each."""
    found = catalogue().get(*name.split(" "))
    assert found is not None, name
    return plan(found)


def most_of(limit: int, lane: Lane) -> int:
    """Up to which use of a pool a bot may spend in a lane; exits are lent what is set aside for the guard."""
    return Shares().exits(limit) if lane is Lane.RISK else Shares().ceilings(limit)[lane]


def ask_for(
    name: str,
    bot: str = "a",
    lane: Lane = Lane.TRADE,
    share: int = 1,
    quotas: Quotas = UNBOUNDED,
    egress: str = "ip",
    **values: str,
) -> Ask:
    """An ask of a bot on the account "main"."""
    charges = plan_of(name)
    return Ask(bot, share, lane, "main", egress, charges, charges.amounts(values), quotas)


def moment(at_ms: int, uncertainty_ms: int = 0, error_ms: int = 0) -> Moment:
    """A moment of true exchange time, as seen with an error."""
    return Moment(at_ms + error_ms, uncertainty_ms, at_ms - MIDNIGHT + MONOTONIC)


@dataclass
class Exchange:
    """True counts by pool and true window: ours and others', and the most that ours ever were in it."""

    limits: dict[str, list[tuple[int, int]]] = field(
        default_factory=lambda: {name: [(0, pool.limit)] for name, pool in POOLS.items()}
    )
    ours: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    theirs: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    peak: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def arrive(self, charges: Plan, amounts: tuple[int, ...], at_ms: int, status: int) -> Headers:
        """Count a request of ours at its arrival; give the headers of its answer."""
        headers = {}
        for number, (pool, amount) in enumerate(zip(charges.pools, amounts, strict=True)):
            key = (pool.id, at_ms // pool.window_ms)
            self.ours[key] += amount
            self.peak[key] = max(self.peak[key], self.ours[key])
            if number == 0 and charges.gives_back and status == 200:
                self.ours[key] -= amount
            if pool.header:
                headers[pool.header] = str(self.total(pool, at_ms))
        return headers

    def set_limit(self, name: str, limit: int, at_ms: int) -> None:
        """Another limit from this moment on."""
        self.limits[name].append((at_ms, limit))

    def most(self, name: str, index: int) -> int:
        """The highest limit in force when a request that arrived in a true window can have been let go."""
        width = POOLS[name].window_ms
        known, begin = self.limits[name], index * width - _LONGEST_MS
        before = [limit for at_ms, limit in known if at_ms <= begin][-1]
        return max([before, *(limit for at_ms, limit in known if begin < at_ms < (index + 1) * width)])

    def spend(self, pool: Pool, amount: int, at_ms: int) -> None:
        """Somebody else's call."""
        self.theirs[(pool.id, at_ms // pool.window_ms)] += amount

    def total(self, pool: Pool, at_ms: int) -> int:
        """All that is counted in the window of a moment."""
        key = (pool.id, at_ms // pool.window_ms)
        return self.ours[key] + self.theirs[key]


@dataclass
class World:
    """What may go wrong. Chances are per cent."""

    latency_ms: int = 60
    slow: int = 2
    lost: int = 3
    never_sent: int = 2
    rejected: int = 10
    uncertainty_ms: int = 40
    foreign: int = 0
    # Per cent of steps at which the clock begins to lie, beyond what it declares, for less than ten seconds.
    lies: int = 0
    # Per cent of steps at which exchangeInfo brings other limits.
    changes: int = 0
    garble: Callable[[Random, Headers], Headers] | None = None


CALLS: tuple[tuple[str, Lane, dict[str, str]], ...] = (
    ("spot GET /api/v3/depth", Lane.MARKET, {"limit": "5000"}),
    ("spot GET /api/v3/ticker/price", Lane.MARKET, {"symbol": "BTCUSDT"}),
    ("spot GET /api/v3/account", Lane.ACCOUNT, {}),
    ("spot POST /api/v3/order", Lane.TRADE, {}),
    ("spot POST /api/v3/orderList/otoco", Lane.TRADE, {}),
    ("spot DELETE /api/v3/order", Lane.RISK, {}),
    ("usdm POST /fapi/v1/order", Lane.TRADE, {}),
    ("usdm POST /fapi/v1/batchOrders", Lane.TRADE, {}),
    ("usdm DELETE /fapi/v1/order", Lane.RISK, {}),
    ("usdm GET /fapi/v1/klines", Lane.MARKET, {"limit": "1500"}),
    ("usdm GET /fapi/v1/fundingRate", Lane.MARKET, {}),
    ("options POST /eapi/v1/order", Lane.TRADE, {}),
    ("spot GET /sapi/v1/margin/allAssets", Lane.ACCOUNT, {}),
)


class Simulation:
    """One run: bots that ask as fast as they can, an exchange, and a clock that is as wrong as it says it may be."""

    def __init__(self, chance: Random, world: World, start_ms: int) -> None:
        self.chance = chance
        self.world = world
        self.now_ms = start_ms
        self.ledger = Ledger()
        self.exchange = Exchange()
        self.open = 0
        self.refused = 0
        self.sent = 0
        self.found: list[Foreign] = []
        self._due: dict[int, list[Callable[[], None]]] = defaultdict(list)
        self.error_ms = 0
        self.uncertainty_ms = world.uncertainty_ms
        self.lie_ms = 0
        self.measure()

    # -- time

    def measure(self) -> None:
        """A new reading of the clock, within what it declares."""
        self.uncertainty_ms = self.chance.randint(0, self.world.uncertainty_ms)
        self.error_ms = self.chance.randint(-self.uncertainty_ms, self.uncertainty_ms)

    def moment(self) -> Moment:
        return moment(self.now_ms, self.uncertainty_ms, self.error_ms + self.lie_ms)

    def lie(self) -> None:
        """A reading that is plainly wrong, until a true one comes: soon, before a window of any pool is over."""
        self.lie_ms = self.chance.choice((-1, 1)) * self.chance.choice((700, 9_000, 61_000, 86_400_000, 40_000_000_000))
        self.after(self.chance.randint(1, 9_000), self._tell_the_truth)

    def _tell_the_truth(self) -> None:
        self.lie_ms = 0

    def after(self, delay_ms: int, what: Callable[[], None]) -> None:
        self._due[self.now_ms + max(1, delay_ms)].append(what)

    def pass_time(self, span_ms: int) -> None:
        """Let true time pass, and happen what is due."""
        end = self.now_ms + span_ms
        while True:
            due = min((at for at in self._due if at <= end), default=None)
            if due is None:
                break
            self.now_ms = due
            for what in self._due.pop(due):
                what()
        self.now_ms = end

    # -- requests

    def call(self, ask: Ask) -> bool:
        """Ask the ledger, and send when it lets us."""
        held = self.ledger.reserve(ask, self.moment())
        if isinstance(held, Short):
            self.refused += 1
            return False
        self.open += 1
        self.sent += 1
        fate = self.chance.randint(1, 100)
        if fate <= self.world.never_sent:
            self.after(self._latency(), lambda: self._close(lambda: self.ledger.release(held, self.moment())))
        else:
            self.after(self.chance.randint(0, 5), lambda: self._send(held, is_lost=fate <= 2 + self.world.lost))
        return True

    def _latency(self) -> int:
        is_slow = self.chance.randint(1, 100) <= self.world.slow
        return self.chance.randint(1, 5_000 if is_slow else self.world.latency_ms)

    def _send(self, held: Reservation, *, is_lost: bool) -> None:
        sent, there, back = self.moment(), self._latency(), self._latency()
        status = 400 if self.chance.randint(1, 100) <= self.world.rejected else 200
        arrives = not is_lost or self.chance.random() < 0.7
        answer: list[Headers] = []
        if arrives:
            self.after(there, lambda: answer.append(self._arrive(held, status)))
        if is_lost:
            # Given up at any time, even up to a second before it arrives.
            self.after(
                max(1, there + self.chance.randint(-900, 900)),
                lambda: self._close(lambda: self.ledger.keep(held, self.moment())),
            )
        else:
            self.after(there + back, lambda: self._close(lambda: self._answer(held, status, answer[0], sent)))

    def _arrive(self, held: Reservation, status: int) -> Headers:
        return self.exchange.arrive(held.plan, held.amounts, self.now_ms, status)

    def _answer(self, held: Reservation, status: int, headers: Headers, sent: Moment) -> None:
        if self.world.garble is not None:
            headers = self.world.garble(self.chance, headers)
        self.found += self.ledger.settle(held, status, None, headers, sent, self.moment())
        for window in held.route.windows:
            check_sums(window)

    def _close(self, how: Callable[[], None]) -> None:
        self.open -= 1
        how()

    # -- what is asked at random

    def step(self, lane: Lane | None = None, bots: int = 5) -> None:
        """Some calls, all in one lane if so wanted, some of others' spending, sometimes a new reading; time passes."""
        for _ in range(self.chance.choice((0, 1, 3, 10, 40))):
            name, its_lane, values = self.chance.choice(CALLS)
            self.call(ask_for(name, f"bot{self.chance.randrange(bots)}", its_lane if lane is None else lane, **values))
        if self.chance.randint(1, 100) <= self.world.foreign:
            pool = self.chance.choice([pool for pool in POOLS.values() if pool.header])
            self.exchange.spend(pool, self.chance.randint(1, pool.limit // 20), self.now_ms)
        if self.chance.randint(1, 100) <= 5:
            self.measure()
        if self.chance.randint(1, 100) <= self.world.lies and not self.lie_ms:
            self.lie()
        if self.chance.randint(1, 100) <= self.world.changes:
            self.change_limits()
        self.pass_time(self.chance.choice((1, 5, 20, 100, 400, 1_500)))

    def change_limits(self) -> None:
        """The exchange changes what it allows on spot; a window in which it sank may hold what was allowed before."""
        weight, orders = self.chance.randint(1, 12_000), self.chance.randint(1, 200)
        self.ledger.learn_limits(
            "spot",
            [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": orders},
                {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 0},
            ],
        )
        assert self.ledger.limit("spot_weight") == weight
        self.exchange.set_limit("spot_weight", weight, self.now_ms)
        self.exchange.set_limit("spot_orders_10s", orders, self.now_ms)

    def settle_all(self) -> None:
        """Let everything come back."""
        while self.open:
            self.pass_time(1_000)

    def rest(self) -> None:
        """The clock tells the truth, nobody asks, and every window turns: twice, as after a lie it may take."""
        self.settle_all()
        self.lie_ms = 0
        for _ in range(2):
            self.pass_time(2 * DAY_MS + 90_000)
            self.ledger.report(self.moment())


def check_sums(window: Window) -> None:
    """The sum over bots equals the whole, and nothing is negative."""
    seats = window.seats.values()
    assert sum(seat.spent for seat in seats) == window.spent
    assert sum(seat.in_flight for seat in seats) == window.in_flight
    assert min(window.spent, window.in_flight, window.loose, window.level, *(seat.spent for seat in seats)) >= 0
    assert window.pool.sinks or window.level >= window.spent


def overspent(simulation: Simulation, lane: Lane = Lane.RISK) -> list[Any]:
    """Every true window in which more of ours arrived than a lane may spend of the limit."""
    found = []
    for (name, index), peak in simulation.exchange.peak.items():
        ceiling = most_of(simulation.exchange.most(name, index), lane)
        if peak > ceiling:
            found.append((name, index, peak, ceiling))
    return found
