"""What the guard may spend of the exchange's limits: a fixed fifth of every pool, in a ledger of its own (ruling 22).

What the exchange's headers show above that is others' use, the gateway's among it: it counts against the whole pool,
never against the fifth.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.budget.charge import Plan, plan
from counterseal.core.budget.egress import choose
from counterseal.core.budget.ledger import Ask, Ledger, Reservation, Short
from counterseal.core.budget.share import Lane, Quotas, Shares
from counterseal.core.budget.window import Moment
from counterseal.core.exchange_clock import Reading
from counterseal.core.venue_wall import Closed, Standing, VenueWall, seconds_of
from counterseal.ports.clock import Clock
from counterseal.ports.venue import VenueReply

# Whose spending it is; who has no share divides with nobody.
OWN = "guard"
# Per cent of a pool up to which each lane may go: cancels and reduces have what the others leave of the fifth.
PERCENT: Mapping[Lane, int] = {Lane.RISK: 20, Lane.TRADE: 16, Lane.ACCOUNT: 12, Lane.MARKET: 8}
# No part of the ledger is anybody else's: the fifth is a bound of its own.
_WHOLE = Shares(guard=0, risk=0, account=0, market=0, kept=0)
_QUOTAS = {lane: Quotas(percent=percent) for lane, percent in PERCENT.items()}
# Until exchange time has been measured nobody knows which window it is.
_UNMEASURED_MS = 60_000
# 429 with this code: the account has placed too many orders, which is not the address's affair.
_TOO_MANY_ORDERS = -1015
_UNBOUND_MS = 30_000


class Refusal(NamedTuple):
    """Not now: why, as a code, and after how many ms it may be otherwise."""

    reason: str
    wait_ms: int


class Permit(NamedTuple):
    """One request's right to leave once, by an egress address."""

    reservation: Reservation
    endpoint: Endpoint
    egress: str
    account: str


class Purse:
    """The ledger and the walls. Nothing here waits."""

    def __init__(self, egresses: Sequence[str], clock: Clock) -> None:
        self._egresses = tuple(egresses) or ("",)
        self._clock = clock
        self.ledger = Ledger(_WHOLE)
        self.wall = VenueWall()
        self.reading: Reading | None = None
        # Told before what was taken leaves: a number of the exchange that comes first would look like somebody else's.
        self.on_taken: Callable[[], None] = _nobody
        self.on_leaving: Callable[[], None] = _nobody
        self._plans: dict[str, Plan] = {}
        self._unbound: dict[str, int] = {}

    def take(self, endpoint: Endpoint, values: Mapping[str, str], account: str, lane: Lane) -> Permit | Refusal:
        """Take what a request needs."""
        now, is_exit = self.moment(), lane is Lane.RISK
        orders = self.wall.closed(endpoint.product, now.monotonic_ms, egress=_orders_of(account))
        charges = self._plan(endpoint)
        if orders is not None and charges.orders:
            return _walled(orders, now)
        # By the ledger an exit is like everything else: its fifth is as fixed as that of the others.
        rank = Lane.TRADE if is_exit else lane
        ask = Ask(OWN, 0, rank, account, "", charges, charges.amounts(values), _QUOTAS[lane])
        egress = self._egress(endpoint, ask, now, is_exit=is_exit)
        if isinstance(egress, Closed):
            return _walled(egress, now)
        found = self.ledger.reserve(ask._replace(egress=egress), now)
        if isinstance(found, Short):
            # By the ledger the fifth is a bot's own bound.
            why = "guard_share_spent" if found.reason == "bot_quota_spent" else found.reason
            return Refusal(why, found.retry_after_ms)
        closed = self.wall.closed(endpoint.product, now.monotonic_ms, is_exit=is_exit, egress=egress)
        if closed is not None:
            self.ledger.release(found, now)
            return _walled(closed, now)
        self.on_taken()
        return Permit(found, endpoint, egress, account)

    def settle(self, permit: Permit, reply: VenueReply, code: int | None) -> None:
        """Learn from an answer what was spent, and whether to stop."""
        now, sent_ms = self.moment(), reply.sent_ns // 1_000_000
        sent = Moment(now.exchange_ms - now.monotonic_ms + sent_ms, now.uncertainty_ms, sent_ms)
        self.ledger.settle(permit.reservation, reply.status, code, reply.headers, sent, now)
        if reply.status in (418, 429):
            where = _orders_of(permit.account) if code == _TOO_MANY_ORDERS else permit.egress
            seconds = seconds_of(reply.headers.get("retry-after", ""))
            self.wall.note(permit.endpoint.product, reply.status, seconds, now.monotonic_ms, where)

    def not_sent(self, permit: Permit, *, unbound: bool = False) -> None:
        """Give back what never left; an address that is none of this host's is passed over for a while."""
        now = self.moment()
        self.ledger.release(permit.reservation, now)
        if unbound:
            self._unbound[permit.egress] = now.monotonic_ms + _UNBOUND_MS

    def lost(self, permit: Permit) -> None:
        """Count as spent what left and was not answered."""
        self.ledger.keep(permit.reservation, self.moment())

    def moment(self) -> Moment:
        """Give this moment on the exchange's clock and ours."""
        at_ms = self._clock.monotonic_ns() // 1_000_000
        if self.reading is None:
            return Moment(self._clock.wall_ns() // 1_000_000, _UNMEASURED_MS, at_ms)
        return Moment(self.reading.exchange_ms(at_ms), self.reading.uncertainty_at(at_ms), at_ms)

    def own(self, pool: str, lane: Lane, below: Lane) -> int:
        """Give what a lane has of a window of a pool for sure, whatever the lane below it spends."""
        return self.ledger.limit(pool) * (PERCENT[lane] - PERCENT[below]) // 100

    def _plan(self, endpoint: Endpoint) -> Plan:
        found = self._plans.get(endpoint.name)
        if found is None:
            found = self._plans[endpoint.name] = plan(endpoint)
        return found

    def _egress(self, endpoint: Endpoint, ask: Ask, now: Moment, *, is_exit: bool) -> str | Closed:
        now_ms, product = now.monotonic_ms, endpoint.product

        def standing(egress: str) -> Standing:
            if self._unbound.get(egress, 0) > now_ms:
                return Standing.CLOSED
            return self.wall.standing(product, now_ms, egress)

        def room(egress: str) -> int:
            return self.ledger.room(ask._replace(egress=egress), now)

        found = choose(self._egresses, standing, room, is_exit=is_exit)
        if found is not None:
            return found
        return self.wall.soonest(product, now_ms, self._egresses) or self._egresses[0]


def _nobody() -> None:
    pass


def _orders_of(account: str) -> str:
    """Name the wall before an account's orders; no egress address has such a name."""
    return f"orders of {account}"


def _walled(closed: Closed, now: Moment) -> Refusal:
    return Refusal(closed.reason, closed.until_ms - now.monotonic_ms)
