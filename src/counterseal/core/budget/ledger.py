"""The ledger of limits: what may be spent is reserved before a request leaves, and settled by its answer.

All calls happen on one event loop and none waits: reserve, settle and refuse are one serial section. A reservation
takes all pools of its plan or none. Nothing here raises for what the exchange or a bot sent.
"""

from collections.abc import Mapping
from typing import Any

from counterseal.core.budget.asking import Ask, Claim, LearntLimits, Reservation, Route, Short
from counterseal.core.budget.charge import Amounts, Plan
from counterseal.core.budget.hearing import Foreign, doubt, foreign, hear
from counterseal.core.budget.pools import POOLS, Kind, Pool, read_limits
from counterseal.core.budget.reporting import BotReport, PoolReport, Tallies, pool_report
from counterseal.core.budget.share import Lane, Shares
from counterseal.core.budget.steps import Steps
from counterseal.core.budget.window import LATE_MS, Mark, Moment, Seat, Window

__all__ = ["Ask", "Claim", "LearntLimits", "Ledger", "Reservation", "Short"]

# More ways from a bot to a set of windows than this are forgotten at once and found again.
_MAX_ROUTES = 65_536
# Room where no pool of the address bounds it.
_MANY = 1_000_000
_OWN_BOUND = "bot_quota_spent"
_SHORT_OF: Mapping[Kind, str] = {
    Kind.WEIGHT: "weight_budget_spent",
    Kind.ORDERS: "order_count_spent",
    Kind.RAW: "raw_requests_spent",
    Kind.COUNT: "raw_requests_spent",
}


class Ledger:
    """The windows of all pools, by pool, scope and endpoint."""

    def __init__(self, shares: Shares | None = None) -> None:
        self._shares = shares or Shares()
        self._windows: dict[tuple[str, str, str], Window] = {}
        self._routes: dict[tuple[Plan, str, str, str], Route] = {}
        self._tallies = Tallies()
        self._steps = Steps()
        # From when until when, in exchange time, no window has to be turned.
        self._since_ms = self._until_ms = 0
        # What each family's exchangeInfo said; where two speak of one pool the smaller stands.
        self._learnt: dict[tuple[str, str], int] = {}

    # -- one request

    def claim(self, ask: Ask, now: Moment) -> Claim:
        """Find what an ask charges: worth keeping for the next call that asks for the same, with the same share."""
        route = self._routes.get((ask.plan, ask.bot, ask.account, ask.egress)) or self._route(ask, now)
        # A seat is shared with routes to other endpoints, which were asked for with another share meanwhile, perhaps.
        for seat in route.seats:
            seat.share = ask.share
        return Claim(ask, route)

    def reserve(self, ask: Ask, now: Moment) -> Reservation | Short:
        """Take what a request needs of all its pools, or tell which pool is short and take nothing."""
        return self.take(self.claim(ask, now), now)

    def take(self, claim: Claim, now: Moment) -> Reservation | Short:
        """Do as `reserve` does, for an ask whose claim is known."""
        if now.exchange_ms - now.monotonic_ms != self._steps.ahead_ms:
            self._read_clock(now)
        self._turn(now)
        low, rank = now.low_ms, claim.rank
        marks: list[Mark] = []
        for window, seat, amount in claim.places:
            if window.level + window.in_flight + amount > window.easy[rank] and not window.has_room(
                seat, claim.lane, amount, low
            ):
                return self._refuse(claim, now, len(marks))
            marks.append(window.mark)
            window.in_flight += amount
            seat.in_flight += amount
        if claim.is_bounded and _exceeds(claim):
            return self._refuse(claim, now, len(marks))
        if claim.gives_back:
            window, seat, amount = claim.places[0]
            window.loose += amount
            seat.loose += amount
        return Reservation(claim, marks, self._steps.count, now.high_ms)

    def overdraw(self, ask: Ask, now: Moment) -> Reservation:
        """Take what a request needs although there is no room: for the few exits that are worth a refusal."""
        claim = self.claim(ask, now)
        for window, seat, amount in claim.places:
            window.in_flight += amount
            seat.in_flight += amount
        if claim.gives_back:
            window, seat, amount = claim.places[0]
            window.loose += amount
            seat.loose += amount
        return Reservation(claim, [window.mark for window, _, _ in claim.places], self._steps.count, now.high_ms)

    def settle(
        self,
        reservation: Reservation,
        status: int,
        code: int | None,
        headers: Mapping[str, str],
        sent: Moment,
        now: Moment,
    ) -> list[Foreign]:
        """Settle by a complete answer: its status, the exchange's code if any, headers by lower-case name.

        `sent` is when the first byte left, `now` when the answer was there. Gives what shows that others spend too. A
        reservation that was settled before is left as it is.
        """
        if not reservation.is_open:
            return []
        claim = reservation.claim
        kept = claim.plan.kept(reservation.amounts, status, code)
        tally = claim.route.tally
        tally.calls += 1
        if claim.plan.weighs:
            tally.weight += kept[0]
        return self._close(reservation, kept, headers, sent.low_ms, now, now.high_ms)

    def release(self, reservation: Reservation, now: Moment) -> None:
        """Give all back: provably no byte of the request left."""
        if reservation.is_open:
            self._close(reservation, (0,) * len(reservation.amounts), None, 0, now, 0)

    def keep(self, reservation: Reservation, now: Moment) -> None:
        """Count all as spent: the request left and nothing is known of it. It may still arrive for a moment."""
        if reservation.is_open:
            reservation.route.tally.calls += 1
            reservation.route.tally.weight += reservation.weight
            self._close(reservation, reservation.amounts, None, 0, now, now.high_ms + LATE_MS)

    def _close(
        self,
        held: Reservation,
        kept: Amounts,
        headers: Mapping[str, str] | None,
        begun_ms: int,
        now: Moment,
        latest_ms: int,
    ) -> list[Foreign]:
        """Count what is `kept`; the request was sent at `begun_ms` at the soonest and arrived by `latest_ms`."""
        held.is_open = False
        if now.exchange_ms - now.monotonic_ms != self._steps.ahead_ms:
            self._read_clock(now)
        self._turn(now)
        claim, is_sound = held.claim, held.era == self._steps.count
        if is_sound and latest_ms < held.latest_ms:
            latest_ms = held.latest_ms
        if claim.gives_back:
            window, seat, amount = claim.places[0]
            window.loose -= amount
            seat.loose -= amount
        # Far from every boundary, as it nearly always is: inside each of its windows.
        is_inside = is_sound and begun_ms >= self._since_ms and latest_ms < self._until_ms
        rank = claim.rank
        found: list[Foreign] = []
        for (window, seat, amount), stays, mark in zip(claim.places, kept, held.marks, strict=True):
            window.in_flight -= amount
            seat.in_flight -= amount
            if stays:
                seat.spent += stays
                window.spent += stays
                window.lanes[rank] += stays
                if not is_inside:
                    _spread(window, seat, stays, latest_ms if is_sound else None, now)
            if not window.header:
                window.level += stays
            elif headers is None:
                doubt(window, stays)
            else:
                is_in_it = is_inside or (is_sound and begun_ms >= window.begin_ms and latest_ms < window.end_ms)
                number = hear(window, headers.get(window.header), stays, mark, is_in_it)
                if number > window.spent + window.noise:
                    found += foreign(window, number)
        held.amounts = kept
        return found

    def _read_clock(self, now: Moment) -> None:
        """Take a reading of the clock that may be another one; tell all windows when exchange time stepped."""
        if self._steps.note(now):
            for window in self._windows.values():
                window.step(now.monotonic_ms)

    def _turn(self, now: Moment) -> None:
        """Bring all windows to a moment if one may have to be turned, and find out until when none has to be."""
        if self._since_ms <= now.low_ms < self._until_ms:
            return
        windows = self._windows.values()
        for window in windows:
            window.turn(now)
        self._since_ms = max((window.begin_ms for window in windows), default=0)
        self._until_ms = min((window.end_ms for window in windows), default=0)

    # -- what is short

    def _refuse(self, claim: Claim, now: Moment, taken: int) -> Short:
        """Give back what was taken of the first pools, and find of those that are short the one that stays so longest.

        That the bot asked is remembered: from now on a part is kept for it.
        """
        for window, seat, amount in claim.places[:taken]:
            window.in_flight -= amount
            seat.in_flight -= amount
        found = []
        low = now.low_ms
        for window, seat, amount in claim.places:
            seat.asked = True
            reason = _reason(window, seat, claim.ask, amount, low)
            if reason:
                wait = max(1, window.end_ms - low)
                # What others give back frees nothing of the bot's own bound.
                may_free = (seat.loose if reason == _OWN_BOUND else window.loose) > 0
                found.append(Short(window.pool.id, window.key, reason, wait, may_free))
        return max(found, key=_wait)

    # -- finding windows

    def _route(self, ask: Ask, now: Moment) -> Route:
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        windows = tuple(self._window(pool, ask, now) for pool in ask.plan.pools)
        seats = tuple(window.seat(ask.bot, ask.share) for window in windows)
        route = Route(windows, seats, self._tallies.of(ask.bot, ask.plan.name))
        self._routes[(ask.plan, ask.bot, ask.account, ask.egress)] = route
        return route

    def _window(self, pool: Pool, ask: Ask, now: Moment) -> Window:
        key = ask.egress if pool.scope in ("ip", "connection") else ask.account
        endpoint = ask.plan.name if pool.per_endpoint else ""
        window = self._windows.get((pool.id, key, endpoint))
        if window is None:
            window = Window(pool, key, endpoint, self.limit(pool.id), self._shares, now)
            self._windows[(pool.id, key, endpoint)] = window
            # It may be the next that has to be turned.
            self._until_ms = 0
            if self._steps.count:
                window.step(self._steps.stepped_ms)
        return window

    # -- limits

    def limit(self, pool_id: str) -> int:
        """Give a pool's limit as it is known now. Raises KeyError for a pool that does not exist."""
        live = [limit for (_, learnt), limit in self._learnt.items() if learnt == pool_id]
        return min(live) if live else POOLS[pool_id].limit

    def learn_limits(self, family: str, rows: Any) -> LearntLimits:
        """Take exchangeInfo's `rateLimits`, at any time; open reservations stay as they are."""
        read = read_limits(family, rows)
        before = {pool_id: self.limit(pool_id) for pool_id in read.limits}
        self._learnt.update({(family, pool_id): limit for pool_id, limit in read.limits.items()})
        now = {pool_id: self.limit(pool_id) for pool_id in before}
        for window in self._windows.values():
            if window.pool.id in now:
                window.set_limit(now[window.pool.id])
        changed = tuple((pool_id, old, now[pool_id]) for pool_id, old in before.items() if old != now[pool_id])
        return LearntLimits(changed, read.ignored)

    # -- reports

    def left(self, reservation: Reservation) -> int:
        """Give what the reservation's lane may still spend of its first pool, 0 for a plan without pools."""
        if not reservation.claim.places:
            return 0
        claim = reservation.claim
        window, seat, _ = claim.places[0]
        most = window.exits if claim.is_exit and seat.share else window.ceilings[claim.rank]
        left = most - window.level - window.in_flight
        return left if left > 0 else 0

    def room(self, ask: Ask, now: Moment) -> int:
        """Give how many more such calls its lane could send from its address in these windows: for choosing one."""
        self._read_clock(now)
        route = self._routes.get((ask.plan, ask.bot, ask.account, ask.egress)) or self._route(ask, now)
        self._turn(now)
        fits = _MANY
        for window, amount in zip(route.windows, ask.amounts, strict=True):
            if amount and window.pool.scope == "ip":
                fits = min(fits, max(0, window.most(ask.lane, ask.share) - window.used) // amount)
        return fits

    def load(self, ask: Ask, now: Moment) -> int:
        """Give how much the bot has of what it asks for, in thousandths of the pool per share: whom to serve first."""
        route = self._routes.get((ask.plan, ask.bot, ask.account, ask.egress)) or self._route(ask, now)
        loads = [
            (seat.spent + seat.in_flight) * 1_000_000 // (max(1, window.limit) * max(1, seat.share))
            for window, seat in zip(route.windows, route.seats, strict=True)
        ]
        return max(loads, default=0)

    def report(self, now: Moment) -> list[PoolReport]:
        """Give every window as it stands at a moment."""
        self._read_clock(now)
        self._turn(now)
        return [pool_report(window) for window in self._windows.values()]

    def report_bots(self) -> list[BotReport]:
        """Give what each bot called and spent since the start, by endpoint."""
        return self._tallies.report()


def _wait(short: Short) -> int:
    return short.retry_after_ms


def _exceeds(claim: Claim) -> bool:
    """Tell whether what was just taken exceeds the bot's own bounds."""
    quotas = claim.ask.quotas
    return any(amount and not window.within(seat, 0, quotas) for window, seat, amount in claim.places)


def _spread(window: Window, seat: Seat, stays: int, latest_ms: int | None, now: Moment) -> None:
    """Let what was spent count wherever it may have arrived: by `latest_ms`, or nobody knows when (None)."""
    if latest_ms is None:
        window.hold_also(seat.bot, stays, now.monotonic_ms)
    elif latest_ms >= window.end_ms:
        window.count_ahead(seat.bot, stays, latest_ms)


def _reason(window: Window, seat: Seat, ask: Ask, amount: int, low_ms: int) -> str:
    if not window.has_room(seat, ask.lane, amount, low_ms):
        return _SHORT_OF[window.pool.kind]
    if amount and ask.lane != Lane.RISK and not window.within(seat, amount, ask.quotas):
        return _OWN_BOUND
    return ""
