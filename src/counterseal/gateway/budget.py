"""Room for one request: who may send now, from which address, at the cost of which of the exchange's limits.

Taken before a request leaves and settled by its answer. Nothing here waits, so that taking, settling and refusing are
one serial section; waiting is in `gateway.line`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.binance.socket_cancel import SAME_AS
from counterseal.core.breaker import Breakers, is_failure
from counterseal.core.budget.charge import Plan, plan
from counterseal.core.budget.egress import choose
from counterseal.core.budget.ledger import Ask, Claim, Ledger, Reservation, Short
from counterseal.core.budget.queue import Queue
from counterseal.core.budget.rejects import Rejects, judge
from counterseal.core.budget.share import ANONYMOUS_QUOTAS, UNBOUNDED, Lane, Quotas
from counterseal.core.budget.window import Moment
from counterseal.core.config.model import Config
from counterseal.core.exchange_clock import Reading
from counterseal.core.messages import HeldKey
from counterseal.core.venue_wall import ANY_EGRESS, EXITS_AFTER_429, SOCKET, Closed, Standing, seconds_of
from counterseal.gateway.admission import Admitted
from counterseal.gateway.stampede import Declined
from counterseal.gateway.state import ANONYMOUS, State
from counterseal.ports.venue import Unbound, Unreachable, VenueReply

# Whose spending the gateway's own reads are.
OWN = "gateway"
# Until exchange time has been measured nobody knows which window it is.
UNMEASURED_MS = 60_000
# How long an address that could not be bound is passed over.
UNBOUND_MS = 30_000
# 429 with this code: the account has placed too many orders.
TOO_MANY_ORDERS = -1015
_LANES = {"trade": Lane.TRADE, "settings": Lane.TRADE, "account": Lane.ACCOUNT, "read": Lane.MARKET}
# More kinds of asking than this are forgotten at once and worked out again.
MAX_CLAIMS = 16_384


class NoRoom(Declined):
    """A request may not leave now: the reason's code, and until when (monotonic ms).

    `may_wait` tells that room may come soon, `short_of` names the pool and whose it is.
    """

    def __init__(self, reason: str, wait_ms: int, now_ms: int, *, may_wait: bool = False, short_of: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = max(1, -(-wait_ms // 1000))
        self.until_ms = now_ms + wait_ms
        self.may_wait = may_wait
        self.short_of = short_of


class Permit:
    """One request's right to leave once. `by_socket`: by the WebSocket API, as its REST pool is closed."""

    __slots__ = ("by_socket", "endpoint", "left_ms", "reservation", "taken_ms")

    def __init__(self, endpoint: Endpoint, reservation: Reservation, taken_ms: int, *, by_socket: bool = False) -> None:
        self.endpoint = endpoint
        self.reservation = reservation
        self.taken_ms = taken_ms
        self.by_socket = by_socket
        # Monotonic, 0 as long as it has not left.
        self.left_ms = 0

    @property
    def egress(self) -> str:
        """The address that it leaves from."""
        return self.reservation.claim.ask.egress

    @property
    def is_exit(self) -> bool:
        """Whether it may use what is kept for exits."""
        return self.reservation.claim.is_exit

    @property
    def work(self) -> str:
        """The name of its lane."""
        return self.reservation.claim.work

    @property
    def weight(self) -> int:
        """What it costs, known for good once it is closed."""
        return self.reservation.weight


class Budget:
    """The ledger of limits, the ban wall, breakers and the bots that are slowed, asked in one place."""

    def __init__(self, state: State, draw: Callable[[int], int], tell: Callable[..., None]) -> None:
        """`draw(n)` gives an unforeseeable number below n; `tell` gets the fields of an event worth a record."""
        self._state = state
        self._tell = tell
        # Of the endpoints that were asked for: the catalogue has some eight hundred.
        self._plans: dict[str, Plan] = {}
        self._quotas: dict[str, Quotas] = {}
        self._config: Config | None = None
        # What a bot asks for at an endpoint with a key, as an exit or not: the same but for amounts, time after time.
        self._claims: dict[tuple[str, str, str, bool], Claim] = {}
        # The last moment told, of which reading of the clock.
        self._now = Moment(0, UNMEASURED_MS, -1)
        self._read: Reading | None = None
        self._unbound: dict[str, int] = {}
        # Of each limit: until when, and how many more exits may go although their reserve is spent.
        self._overdrafts: dict[tuple[str, str], tuple[int, int]] = {}
        self._clock = state.clock
        self.ledger = Ledger()
        self.breakers = Breakers(draw)
        self.rejects = Rejects()
        # Who waits for room, and what is called for them when something was given back or spent.
        self.queue = Queue()
        self.on_room: Callable[[], None] = _nobody
        # Told of an address that has to stop: who sends cancels by the WebSocket API, if anybody does.
        self.on_stop: Callable[[str], None] | None = None

    # -- before

    def take(self, admitted: Admitted, key: HeldKey | None) -> Permit:
        """Take what an admitted request needs, which `key` will sign, None for public data. Raises NoRoom."""
        now = self.moment()
        return self._take(admitted.endpoint, self._claim(admitted, key, now), now)

    def take_own(
        self, endpoint: Endpoint, values: Mapping[str, str], account: str = "", lane: Lane = Lane.RISK
    ) -> Permit:
        """Take what one of the gateway's own reads needs, ahead of everybody unless told otherwise. Raises NoRoom."""
        charges, now = self._plan(endpoint), self.moment()
        ask = Ask(OWN, 0, lane, account, self._some_egress(), charges, charges.amounts(values))
        return self._take(endpoint, self.ledger.claim(ask, now), now)

    def load(self, admitted: Admitted, key: HeldKey | None) -> int:
        """Give how much the bot has already of what it asks for, by its share."""
        now = self.moment()
        return self.ledger.load(self._claim(admitted, key, now).ask, now)

    def _claim(self, admitted: Admitted, key: HeldKey | None, now: Moment) -> Claim:
        if self._state.config is not self._config:
            self._read_config(self._state.config)
        endpoint, intent = admitted.endpoint, admitted.intent
        kind = (admitted.bot, endpoint.name, "" if key is None else key.ref, endpoint.mutating and intent.reduces)
        claim = self._claims.get(kind)
        if claim is None:
            if len(self._claims) >= MAX_CLAIMS:
                self._claims.clear()
            claim = self._claims[kind] = self.ledger.claim(self._new_ask(admitted, key), now)
        if claim.plan.is_fixed:
            return claim
        amounts = claim.plan.amounts(intent.values)
        return claim if amounts == claim.amounts else self.ledger.claim(claim.ask._replace(amounts=amounts), now)

    def _new_ask(self, admitted: Admitted, key: HeldKey | None) -> Ask:
        bot, policy, charges = admitted.bot, self._state.bot(admitted.bot), self._plan(admitted.endpoint)
        share = policy.share if policy is not None else 1
        account = "" if key is None else self._state.account_of(key.ref)
        amounts = charges.amounts(admitted.intent.values)
        quotas = self._quotas.get(bot, UNBOUNDED)
        return Ask(bot, share, lane_of(admitted), account, self._some_egress(), charges, amounts, quotas)

    def _plan(self, endpoint: Endpoint) -> Plan:
        return self._plans.get(endpoint.name) or self._plans.setdefault(endpoint.name, plan(endpoint))

    def _some_egress(self) -> str:
        """Give an address that exists, for a claim: where there are several, another may take its place."""
        egresses = self._state.config.venue.egress
        return egresses[0] if egresses else ANY_EGRESS

    def _take(self, endpoint: Endpoint, claim: Claim, now: Moment) -> Permit:
        if self._state.config.venue.egress:
            egress = self._egress(endpoint, claim.ask, now)
            if egress != claim.ask.egress:
                claim = self.ledger.claim(claim.ask._replace(egress=egress), now)
        walls = self._state.wall.walls
        if walls:
            self._check_walls(endpoint, claim.ask, now.monotonic_ms)
        held = self.ledger.take(claim, now)
        if isinstance(held, Short):
            if not claim.is_exit or claim.ask.bot == OWN or not self._may_overdraw(held, now.monotonic_ms):
                raise self._no_room(held, now)
            held = self.ledger.overdraw(claim.ask, now)
        by_socket = False
        if walls or self.rejects.loops or self.breakers.opened:
            by_socket = self._let_through(endpoint, held, now)
        return Permit(endpoint, held, now.monotonic_ms, by_socket=by_socket)

    def _may_overdraw(self, short: Short, now_ms: int) -> bool:
        """Tell whether this exit is one of the first that find their reserve spent in a window.

        The exchange may still take them, as it may after a 429: a refusal of ours would be certain.
        """
        turns_ms, left = self._overdrafts.get((short.pool, short.key), (0, 0))
        if now_ms >= turns_ms:
            turns_ms, left = now_ms + short.retry_after_ms, EXITS_AFTER_429
        self._overdrafts[short.pool, short.key] = (turns_ms, max(0, left - 1))
        return left > 0

    def _no_room(self, short: Short, now: Moment) -> NoRoom:
        longest_ms = self._state.config.gateway.max_wait_ms
        may_wait = short.may_free or short.retry_after_ms <= longest_ms
        name = f"{short.pool} {short.key}"
        return NoRoom(short.reason, short.retry_after_ms, now.monotonic_ms, may_wait=may_wait, short_of=name)

    def _check_walls(self, endpoint: Endpoint, ask: Ask, now_ms: int, *, takes: bool = False) -> bool:
        """Ask whether the exchange has told us to stop. Gives whether it goes by the WebSocket API. Raises NoRoom.

        With `takes` an exit becomes one of the few that a wall lets through: only when nothing else holds it back.
        """
        if self._may_by_socket(endpoint, ask) and self._state.wall.lets_by_socket(now_ms, ask.egress, takes=takes):
            return True
        self._check_rest(endpoint, ask, now_ms, takes=takes)
        return False

    def _may_by_socket(self, endpoint: Endpoint, ask: Ask) -> bool:
        return self.on_stop is not None and endpoint.name == SAME_AS and ask.bot != OWN

    def _check_rest(self, endpoint: Endpoint, ask: Ask, now_ms: int, *, takes: bool) -> None:
        wall, product, is_exit = self._state.wall, endpoint.product, ask.lane is Lane.RISK
        is_bots = is_exit and ask.bot != OWN
        closed = wall.closed(product, now_ms, is_exit=is_bots, egress=ask.egress, takes=takes)
        if closed is None and ask.plan.orders:
            closed = wall.closed(product, now_ms, is_exit=is_exit, egress=_orders_of(ask.account), takes=takes)
        if closed is not None:
            raise _walled(closed, now_ms)

    def _let_through(self, endpoint: Endpoint, held: Reservation, now: Moment) -> bool:
        """Ask the bot's own record, the breaker, and for an exit the walls. Raises NoRoom, with all given back."""
        ask, is_exit, now_ms = held.claim.ask, held.claim.is_exit, now.monotonic_ms
        try:
            wait_ms = self.rejects.ask(ask.bot, held.claim.work, now_ms, is_exit=is_exit)
            if wait_ms:
                raise NoRoom("bot_slowed", wait_ms, now_ms)
            wait_ms = self.breakers.ask(held.claim.way, held.claim.work, now_ms, is_exit=is_exit)
            if wait_ms:
                raise NoRoom("venue_breaker_open", wait_ms, now_ms)
            return is_exit and self._check_walls(endpoint, ask, now_ms, takes=True)
        except NoRoom:
            self.ledger.release(held, now)
            raise

    def _egress(self, endpoint: Endpoint, ask: Ask, now: Moment) -> str:
        """Choose the address with the most room. Raises NoRoom when none may send."""
        wall, product, now_ms = self._state.wall, endpoint.product, now.monotonic_ms
        egresses, may_by_socket = self._state.config.venue.egress, self._may_by_socket(endpoint, ask)

        def standing(egress: str) -> Standing:
            if self._unbound.get(egress, 0) > now_ms:
                return Standing.CLOSED
            if may_by_socket and wall.lets_by_socket(now_ms, egress):
                return Standing.EXITS_ONLY
            return wall.standing(product, now_ms, egress)

        def room(egress: str) -> int:
            return self.ledger.room(ask._replace(egress=egress), now)

        chosen = choose(egresses, standing, room, is_exit=ask.lane is Lane.RISK)
        if chosen is not None:
            return chosen
        closed = wall.soonest(product, now_ms, egresses)
        # None: the addresses that are open could not be bound. The first of them is tried again, and says so.
        if closed is None:
            return next(each for each in egresses if wall.standing(product, now_ms, each) is Standing.OPEN)
        raise _walled(closed, now_ms)

    def _read_config(self, config: Config) -> None:
        self._config = config
        self._claims.clear()
        self._quotas = {
            name: Quotas(weight_1m=bot.max_weight_1m or 0, orders_10s=bot.max_orders_10s or 0)
            for name, bot in config.bots.items()
            if bot.max_weight_1m or bot.max_orders_10s
        }
        self._quotas[ANONYMOUS] = ANONYMOUS_QUOTAS

    # -- after

    def settle(self, permit: Permit, reply: VenueReply, code: int | None) -> None:
        """Learn from an answer what was spent; `code` is the exchange's error code, if any."""
        now, status, sent_ms = self.moment(), reply.status, reply.sent_ns // 1_000_000
        # No surer than now, though it was: what is heard counts for less then, never for more.
        sent = Moment(now.exchange_ms - now.monotonic_ms + sent_ms, now.uncertainty_ms, sent_ms)
        claim = permit.reservation.claim
        for foreign in self.ledger.settle(permit.reservation, status, code, reply.headers, sent, now):
            self._tell(what="foreign_spend", **foreign._asdict())
        if status in (418, 429):
            self._note_wall(permit, reply, code, now.monotonic_ms)
        if status < 300 and not self.breakers.opened and not permit.by_socket:
            self.breakers.well(claim.way, claim.work, sent_ms, now.monotonic_ms)
        else:
            self._note(permit, sent_ms, now.monotonic_ms, ok=not is_failure(status))
        self._look_again()

    def _look_again(self) -> None:
        """Let who waits look again: something was given back or spent."""
        if self.queue.size:
            self.on_room()

    def _note_wall(self, permit: Permit, reply: VenueReply, code: int | None, now_ms: int) -> None:
        """Learn from 429 and 418. Too many orders are the account's affair, not the address's."""
        seconds = seconds_of(reply.headers.get("retry-after", ""))
        claim, wall = permit.reservation.claim, self._state.wall
        if code == TOO_MANY_ORDERS:
            wall.note(permit.endpoint.product, reply.status, seconds, now_ms, _orders_of(claim.ask.account))
            return
        wall.note(SOCKET if permit.by_socket else permit.endpoint.product, reply.status, seconds, now_ms, permit.egress)
        if claim.plan.weighs and claim.plan.pools[0].id == SOCKET:
            # A REST call that weighs in the WebSocket API's pool: it is that one which is spent.
            wall.note(SOCKET, reply.status, seconds, now_ms, permit.egress)
        if self.on_stop is not None:
            self.on_stop(permit.egress)

    def by_rest(self, permit: Permit) -> None:
        """Let an exit that cannot go by the WebSocket API be one of those of REST. Raises NoRoom when none is left."""
        permit.by_socket = False
        self._state.wall.at(permit.egress).return_socket_exit()
        self._check_rest(permit.endpoint, permit.reservation.claim.ask, self._state.monotonic_ms(), takes=True)

    def not_sent(self, permit: Permit, error: Exception) -> None:
        """Give back what provably never left; learn from why."""
        now = self.moment()
        self.ledger.release(permit.reservation, now)
        if isinstance(error, Unbound):
            self._unbound[permit.egress] = now.monotonic_ms + UNBOUND_MS
        elif isinstance(error, Unreachable):
            self._note(permit, now.monotonic_ms, now.monotonic_ms, ok=False)
        else:
            self._unused(permit, now.monotonic_ms)
        self._look_again()

    def close(self, permit: Permit) -> None:
        """End what was neither settled nor given back: spent when it may have left, else returned."""
        if not permit.reservation.is_open:
            return
        now = self.moment()
        if not permit.left_ms:
            self.ledger.release(permit.reservation, now)
            self._unused(permit, now.monotonic_ms)
        else:
            self.ledger.keep(permit.reservation, now)
            self._note(permit, permit.left_ms, now.monotonic_ms, ok=False)
        self._look_again()

    def told(self, bot: str, permit: Permit, status: int, code: int | None) -> None:
        """Learn whether the exchange refuses what this bot asks."""
        if not permit.is_exit:
            self.rejects.note(bot, permit.work, judge(status, code), self._state.monotonic_ms())

    def _note(self, permit: Permit, sent_ms: int, now_ms: int, *, ok: bool) -> None:
        if permit.by_socket:
            return  # another host, of which breakers know nothing
        claim = permit.reservation.claim
        self.breakers.note(claim.way, claim.work, ok=ok, sent_ms=sent_ms, now_ms=now_ms)

    def _unused(self, permit: Permit, now_ms: int) -> None:
        """Let another try a failing host in place of what stayed here."""
        if not permit.is_exit:
            claim = permit.reservation.claim
            self.breakers.unused(claim.way, claim.work, permit.taken_ms, now_ms)

    # -- what it knows

    def moment(self) -> Moment:
        """Give this moment on the exchange's clock and ours."""
        at_ms, reading = self._clock.monotonic_ns() // 1_000_000, self._state.reading
        if reading is None:
            return Moment(self._clock.wall_ns() // 1_000_000, UNMEASURED_MS, at_ms)
        if at_ms != self._now.monotonic_ms or reading is not self._read:
            self._now = Moment(at_ms + reading.ahead_ms, reading.uncertainty_at(at_ms), at_ms)
            self._read = reading
        return self._now

    def learn_limits(self, family: str, rows: Any) -> None:
        """Take the live limits of exchangeInfo."""
        learnt = self.ledger.learn_limits(family, rows)
        for pool, before, limit in learnt.changed:
            self._tell(what="limit_changed", pool=pool, before=before, limit=limit)


def lane_of(admitted: Admitted) -> Lane:
    """Give the lane of a request: exits before everything, market data last."""
    if admitted.endpoint.mutating and admitted.intent.reduces:
        return Lane.RISK
    return _LANES[admitted.endpoint.purpose]


def _orders_of(account: str) -> str:
    """Name the wall before an account's orders; no egress address has such a name."""
    return f"orders of {account}"


def _walled(closed: Closed, now_ms: int) -> NoRoom:
    return NoRoom(closed.reason, closed.until_ms - now_ms, now_ms)


def _nobody() -> None:
    """Nobody waits for room."""
