"""One pool in one scope, window after window: what we spent, what is in flight, what the exchange says.

Exchange time is known to within an uncertainty, and when a request arrives is known only to lie between its sending and
its answer. So whatever may lie in a window counts in it:

- what is in flight counts in every window until it is settled;
- what was settled while a boundary may have passed counts on both sides of it;
- a window turns only when exchange time minus its uncertainty has passed the boundary;
- when two readings of the clock contradict each other (`core.budget.steps`), all that was counted goes on counting for
  one whole window of the monotonic clock, whichever of the two was wrong; and for as long every turn is in doubt too.
  Of others' use that holds until a header tells it anew.

The headers of answers are heard in `core.budget.hearing`.
"""

from collections.abc import Iterator

from counterseal.core.budget.pools import Kind, Pool
from counterseal.core.budget.share import Ceilings, Lane, Quotas, Shares, easy_of, may_take
from counterseal.core.exchange_clock import DRIFT_MS_PER_MS

# A request that we gave up may still be on its way for this long.
LATE_MS = 1_000
# In whose name others' use is held.
_OTHERS = ""
# What is held is kept in steps of this part of a window, so that a clock that jumps for ever adds up to no more.
_HELD_STEPS = 4

# What a window knew when a request was reserved: which window it was, and two of its counters by then.
Mark = tuple[int, int, int]


class Moment:
    """One moment on both clocks: exchange time with its uncertainty, and the monotonic clock, in milliseconds.

    `low_ms` and `high_ms` are exchange time by then at the least and at the most.
    """

    __slots__ = ("exchange_ms", "high_ms", "low_ms", "monotonic_ms", "uncertainty_ms")

    def __init__(self, exchange_ms: int, uncertainty_ms: int, monotonic_ms: int) -> None:
        self.exchange_ms = exchange_ms
        self.uncertainty_ms = uncertainty_ms
        self.monotonic_ms = monotonic_ms
        self.low_ms = exchange_ms - uncertainty_ms
        self.high_ms = exchange_ms + uncertainty_ms


class Seat:
    """One bot in a window. `spent` is settled in this window; `asked` tells that it asked in vain; `loose` is what of
    `in_flight` comes back when it succeeds.

    `was_active`: it spent or asked in the window before.
    """

    __slots__ = ("asked", "bot", "in_flight", "loose", "share", "spent", "was_active")

    def __init__(self, bot: str, share: int) -> None:
        self.bot = bot
        self.share = share
        self.spent = 0
        self.in_flight = 0
        self.loose = 0
        self.asked = False
        self.was_active = False


class Window:
    """Counts one pool for one scope. Everything is changed on the event loop, in one piece.

    Public to the ledger: `level` is what is counted as used besides what is in flight, ours or not; `loose` is what of
    `in_flight` comes back when it succeeds; `easy` and `ceilings` are by lane. `top` to `told` belong to
    `core.budget.hearing`.
    """

    __slots__ = (
        "adopted", "ahead", "begin_ms", "ceilings", "cleared", "doubted", "doubtful_until_ms", "easy", "end_ms",
        "endpoint", "epoch", "exits", "header", "held", "in_flight", "is_partial", "key", "lanes", "level", "limit",
        "loose", "mark", "noise", "pool", "seats", "shares", "sinks", "spent", "told", "top", "unheard", "width_ms",
    )  # fmt: skip

    def __init__(self, pool: Pool, key: str, endpoint: str, limit: int, shares: Shares, now: Moment) -> None:
        self.pool = pool
        self.key = key
        self.endpoint = endpoint
        self.shares = shares
        self.width_ms = pool.window_ms
        self.header = pool.header
        self.sinks = pool.sinks
        self.seats: dict[str, Seat] = {}
        self.in_flight = 0
        self.loose = 0
        self.unheard: dict[str, int] = {}
        # What also counts in later windows: (end of the last of them, bot) -> amount.
        self.ahead: dict[tuple[int, str], int] = {}
        # After contradictions of the clock: monotonic ms until which it counts -> amounts by bot.
        self.held: dict[int, dict[str, int]] = {}
        self.doubtful_until_ms = now.monotonic_ms
        self.epoch = 0
        self.end_ms = 0
        self.set_limit(limit)
        self._enter(now, now.low_ms // self.width_ms)
        # Somebody, we ourselves in another life, may have spent before we began to count.
        self.is_partial = True

    @property
    def used(self) -> int:
        """What may be spent of the pool by now, by us and by others, with what is in flight."""
        return self.level + self.in_flight

    @property
    def foreign(self) -> int:
        """What of it may be others': the exchange's number above ours."""
        return max(0, self.level - self.spent)

    def set_limit(self, limit: int) -> None:
        """Take a limit, also in the middle of a window."""
        self.limit = limit
        self.ceilings: Ceilings = self.shares.ceilings(limit)
        self.easy: Ceilings = easy_of(self.ceilings)
        self.exits = self.shares.exits(limit)
        self.noise = max(2 if self.pool.kind is Kind.ORDERS else 20, limit // 50)

    def seat(self, bot: str, share: int) -> Seat:
        """Give the bot's seat, with its present share."""
        found = self.seats.get(bot)
        if found is None:
            found = self.seats[bot] = Seat(bot, share)
        found.share = share
        return found

    # -- room

    def most(self, lane: Lane, share: int) -> int:
        """Give up to which use of the pool a lane may spend; what is lent to exits is for bots, which have a share."""
        return self.exits if share and lane is Lane.RISK else self.ceilings[lane]

    def has_room(self, seat: Seat, lane: Lane, amount: int, low_ms: int) -> bool:
        """Tell whether a bot may take `amount` in a lane, beside what the others are entitled to.

        Who has no share (the gateway itself) divides with nobody.
        """
        capacity, used = self.most(lane, seat.share), self.level + self.in_flight
        if amount == 0 or used + amount <= self.easy[lane]:
            return True
        if not seat.share or used + amount > capacity:
            return used + amount <= capacity
        left = min(max(0, self.end_ms - low_ms), self.width_ms)
        own = (seat.spent + seat.in_flight, seat.share)
        divided = capacity - self.easy[lane]
        return may_take(capacity, divided, used, amount, own, list(self._others(seat)), (left, self.width_ms))

    def within(self, seat: Seat, amount: int, quotas: Quotas) -> bool:
        """Tell whether `amount` more stays within a bot's own bounds."""
        bound = quotas.bound(self.pool, self.limit)
        return bound is None or seat.spent + seat.in_flight + amount <= bound

    def _others(self, seat: Seat) -> Iterator[tuple[int, int]]:
        """(used, share) of the other bots that are active: they spent or asked, in this window or the last."""
        for other in self.seats.values():
            use = other.spent + other.in_flight
            if other is not seat and (use or other.asked or other.was_active):
                yield use, other.share

    # -- settling

    def count_ahead(self, bot: str, amount: int, latest_ms: int) -> None:
        """Let what was spent count in later windows too: it arrived at the exchange by `latest_ms`, no sooner known."""
        key = (latest_ms // self.width_ms, bot)
        self.ahead[key] = self.ahead.get(key, 0) + amount

    # -- time

    def turn(self, now: Moment) -> None:
        """Bring the window to a moment that is not surely inside it."""
        low = now.low_ms
        if low < self.begin_ms:
            if now.high_ms >= self.begin_ms:
                return  # a weaker statement than before, not a contrary one: the boundary was surely passed
            self.hold(now.monotonic_ms)
        elif low < self.end_ms:
            return
        elif now.monotonic_ms < self.doubtful_until_ms:
            self.hold(now.monotonic_ms)
        self._enter(now, low // self.width_ms)

    def step(self, monotonic_ms: int) -> None:
        """Exchange time stepped: nobody knows in which window what was spent before and from now on is counted."""
        self.hold(monotonic_ms)
        self.doubtful_until_ms = monotonic_ms + self.width_ms

    def hold(self, monotonic_ms: int) -> None:
        """Keep all that counts now for a whole window more; what is held already keeps its own time."""
        fresh = {seat.bot: seat.spent for seat in self.seats.values() if seat.spent}
        fresh[_OTHERS] = self.foreign
        for amounts in self.held.values():
            for bot, amount in amounts.items():
                fresh[bot] = fresh.get(bot, 0) - amount
        for bot, amount in fresh.items():
            if amount > 0:
                self.hold_also(bot, amount, monotonic_ms)
        # All of it is in what is held.
        self.ahead.clear()

    def hold_also(self, bot: str, amount: int, monotonic_ms: int) -> None:
        """Keep what was just settled for a whole window more, whatever the exchange's time is then."""
        step = self.width_ms // _HELD_STEPS
        until = monotonic_ms + self.width_ms + self.width_ms // DRIFT_MS_PER_MS + LATE_MS
        slot = self.held.setdefault(-(-until // step) * step, {})
        slot[bot] = slot.get(bot, 0) + amount

    def _enter(self, now: Moment, index: int) -> None:
        """Begin a window with what still counts of the ones before."""
        counts = self._still_counting(now.monotonic_ms, index)
        foreign = counts.pop(_OTHERS, 0)
        follows = self.end_ms == index * self.width_ms
        for seat in self.seats.values():
            seat.was_active = follows and (seat.asked or seat.spent + seat.in_flight > 0)
            seat.asked = False
            seat.spent = counts.get(seat.bot, 0)
        self.is_partial = False
        self.begin_ms = index * self.width_ms
        self.end_ms = self.begin_ms + self.width_ms
        self._begin(sum(counts.values()), foreign)

    def _begin(self, spent: int, foreign: int) -> None:
        self.spent, self.level = spent, spent + foreign
        self.lanes = [0, 0, 0, 0]
        # Whether the exchange counts in this window what we carry over into it is open.
        self.top, self.doubted, self.cleared, self.adopted, self.told = 0, self.level, 0, 0, 0
        self.epoch += 1
        self.mark: Mark = (self.epoch, 0, spent if self.sinks else self.doubted)

    def _still_counting(self, monotonic_ms: int, index: int) -> dict[str, int]:
        counts: dict[str, int] = {}
        for (last, bot), amount in self.ahead.items():
            if last >= index:
                counts[bot] = counts.get(bot, 0) + amount
        self.ahead = {key: amount for key, amount in self.ahead.items() if key[0] > index}
        self.held = {until: amounts for until, amounts in self.held.items() if monotonic_ms < until}
        for amounts in self.held.values():
            for bot, amount in amounts.items():
                counts[bot] = counts.get(bot, 0) + amount
        return counts
