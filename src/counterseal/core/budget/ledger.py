"""The ledger of limits: what may be spent is reserved before a request leaves, and settled by its answer.

All calls happen on one event loop and none waits: reserve, settle and refuse are one serial section. A reservation
takes all pools of its plan or none. Nothing here raises for what the exchange or a bot sent.
"""

from collections.abc import Mapping
from typing import Any

from counterseal.core.budget.asking import Ask, Claim, LearntLimits, Reservation, Route, Short
from counterseal.core.budget.charge import Amounts, Plan
from counterseal.core.budget.hearing import Foreign, doubt, foreign, hear
from counterseal.core.budget.partner import Spend, hear_partner, spend_of
from counterseal.core.budget.pools import POOLS, Kind, Pool, read_limits
from counterseal.core.budget.reporting import BotReport, PoolReport, Tallies, pool_report
from counterseal.core.budget.share import Lane, Shares
from counterseal.core.budget.steps import Steps
from counterseal.core.budget.window import LATE_MS, Mark, Moment, Seat, Window

__all__ = ["Ask", "Claim", "LearntLimits", "Ledger", "Reservation", "Short"]

# More ways from a bot to a set of windows than this are forgotten at once and found again.
_MAX_ROUTES = 65_536
# More claims than this are put on the bots' accounts although nobody looks.
_MAX_UNBOOKED = 4_096
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
        # Of which something is not on the bots' accounts yet.
        self._unbooked: list[Claim] = []
        # The last moment at which clock and windows were looked at: many requests share one.
        self._seen: Moment | None = None
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
        if now is not self._seen:
            self._look(now)
        rank = claim.rank
        marks: list[Mark] = []
        for window, seat, amount in claim.places:
            in_flight = window.in_flight + amount
            if window.level + in_flight > window.easy[rank] and not self._has_room(window, seat, amount, claim, now):
                return self._refuse(claim, now, window)
            marks.append(window.mark)
            window.in_flight = in_flight
        if claim.is_bounded and self._exceeds(claim):
            return self._refuse(claim, now, None)
        if not claim.taken:
            self._unbooked.append(claim)
        claim.taken += 1
        return Reservation(claim, marks, self._steps.count, now.high_ms)

    def overdraw(self, ask: Ask, now: Moment) -> Reservation:
        """Take what a request needs although there is no room: for the few exits that are worth a refusal."""
        claim = self.claim(ask, now)
        for window, _, amount in claim.places:
            window.in_flight += amount
        claim.taken = 1
        self._unbooked.append(claim)
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
        return self.answered(reservation, status, code, headers, sent.low_ms, now)

    def answered(
        self,
        reservation: Reservation,
        status: int,
        code: int | None,
        headers: Mapping[str, str],
        begun_ms: int,
        now: Moment,
    ) -> list[Foreign]:
        """Do as `settle` does, where it is known when the first byte left at the soonest, in exchange time."""
        if not reservation.is_open:
            return []
        claim = reservation.claim
        is_usual = status == 200 and code is None
        kept = claim.usual if is_usual else claim.plan.kept(reservation.amounts, status, code)
        return self._close(reservation, kept, headers, begun_ms, now, now.high_ms)

    def release(self, reservation: Reservation, now: Moment) -> None:
        """Give all back: provably no byte of the request left."""
        if reservation.is_open:
            self._close(reservation, (0,) * len(reservation.amounts), None, 0, now, 0, is_call=False)

    def keep(self, reservation: Reservation, now: Moment) -> None:
        """Count all as spent: the request left and nothing is known of it. It may still arrive for a moment."""
        if reservation.is_open:
            self._close(reservation, reservation.amounts, None, 0, now, now.high_ms + LATE_MS)

    def _close(
        self,
        held: Reservation,
        kept: Amounts,
        headers: Mapping[str, str] | None,
        begun_ms: int,
        now: Moment,
        latest_ms: int,
        is_call: bool = True,
    ) -> list[Foreign]:
        """Count what is `kept`; the request was sent at `begun_ms` at the soonest and arrived by `latest_ms`."""
        held.is_open = False
        if now is not self._seen:
            self._look(now)
        claim, is_sound = held.claim, held.era == self._steps.count
        if is_sound and latest_ms < held.latest_ms:
            latest_ms = held.latest_ms
        # Far from every boundary, as it nearly always is: inside each of its windows.
        is_inside = is_sound and begun_ms >= self._since_ms and latest_ms < self._until_ms
        found: list[Foreign] = []
        # Of one length by construction, and to have that checked is not free.
        for (window, seat, amount), stays, mark in zip(claim.places, kept, held.marks):  # noqa: B905
            window.in_flight -= amount
            if stays:
                window.spent += stays
                if not is_inside:
                    _spread(window, seat, stays, latest_ms if is_sound else None, now)
            header = window.header
            if not header:
                window.level += stays
            elif headers is None:
                doubt(window, stays)
            else:
                is_in_it = is_inside or (is_sound and begun_ms >= window.begin_ms and latest_ms < window.end_ms)
                number = hear(window, headers.get(header), stays, mark, is_in_it)
                if number > window.spent + window.noise:
                    found += foreign(window, number)
        held.amounts = kept
        if kept is not claim.usual or not is_call:
            claim.book_end(kept, is_call=is_call)
            return found
        if not claim.ended:
            self._unbooked.append(claim)
        claim.ended += 1
        return found

    def _look(self, now: Moment) -> None:
        """Bring clock and windows to a moment."""
        if len(self._unbooked) > _MAX_UNBOOKED:
            self._book()
        if now.exchange_ms - now.monotonic_ms != self._steps.ahead_ms:
            self._read_clock(now)
        self._turn(now)

    def _read_clock(self, now: Moment) -> None:
        """Take a reading of the clock that may be another one; tell all windows when exchange time stepped."""
        if self._steps.note(now):
            self._book()
            for window in self._windows.values():
                window.step(now.monotonic_ms)

    def _turn(self, now: Moment) -> None:
        """Bring all windows to a moment if one may have to be turned, and find out until when none has to be."""
        self._seen = now
        if self._since_ms <= now.low_ms < self._until_ms:
            return
        self._book()
        windows = self._windows.values()
        for window in windows:
            window.turn(now)
        self._since_ms = max((window.begin_ms for window in windows), default=0)
        self._until_ms = min((window.end_ms for window in windows), default=0)

    # -- whose it is

    def _book(self) -> None:
        """Put on the bots' accounts what was taken and what has ended since somebody looked at them.

        All that decides far from the limits is the windows' own sums: accounts can wait, and many calls are one entry.
        """
        claims, self._unbooked = self._unbooked, []
        for claim in claims:
            claim.book()

    def _has_room(self, window: Window, seat: Seat, amount: int, claim: Claim, now: Moment) -> bool:
        """Tell whether a bot may take `amount` where it is divided between them."""
        self._book()
        return window.has_room(seat, claim.lane, amount, now.low_ms)

    def _exceeds(self, claim: Claim) -> bool:
        """Tell whether what is being taken exceeds the bot's own bounds."""
        self._book()
        quotas = claim.ask.quotas
        return any(amount and not window.within(seat, amount, quotas) for window, seat, amount in claim.places)

    # -- what is short

    def _refuse(self, claim: Claim, now: Moment, first_short: Window | None) -> Short:
        """Give back what was taken of the first pools, and find of those that are short the one that stays so longest.

        That the bot asked is remembered: from now on a part is kept for it.
        """
        self._book()
        for window, _, amount in claim.places:
            if window is first_short:
                break
            window.in_flight -= amount
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
            self._until_ms, self._seen = 0, None
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
        claim = reservation.claim
        if not claim.places:
            return 0
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
        self._book()
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
        self._book()
        return [pool_report(window) for window in self._windows.values()]

    def spend(self, now: Moment) -> Spend:
        """Give what to tell the other who spends from the same limits."""
        self._read_clock(now)
        self._turn(now)
        self._book()
        return spend_of(self._windows.values())

    def hear_partner(self, pools: Mapping[str, Any], now: Moment) -> None:
        """Take what the other has spent."""
        self._read_clock(now)
        self._turn(now)
        hear_partner(self._windows.values(), pools)

    def report_bots(self) -> list[BotReport]:
        """Give what each bot called and spent since the start, by endpoint."""
        self._book()
        return self._tallies.report()


def _wait(short: Short) -> int:
    return short.retry_after_ms


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
