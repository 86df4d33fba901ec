"""Room for one request: who may send now, from which address, at the cost of which of the exchange's limits.

Taken before a request leaves and settled by its answer. Nothing here waits, so that taking, settling and refusing are
one serial section; waiting is in `gateway.line`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.breaker import Breakers, is_failure
from counterseal.core.budget.charge import Plan, plan
from counterseal.core.budget.egress import choose
from counterseal.core.budget.hearing import Foreign
from counterseal.core.budget.ledger import Ask, Ledger, Reservation, Short
from counterseal.core.budget.rejects import Rejects, judge
from counterseal.core.budget.share import ANONYMOUS_QUOTAS, LANE_NAMES, UNBOUNDED, Lane, Quotas
from counterseal.core.budget.window import Moment
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.core.venue_wall import ANY_EGRESS, EXITS_AFTER_429, Closed, Standing, seconds_of
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
MAX_ASKS = 16_384


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
    """One request's right to leave once, from `egress`. `work` names its lane."""

    __slots__ = ("account", "egress", "endpoint", "is_exit", "left_ms", "reservation", "taken_ms", "work")

    def __init__(self, endpoint: Endpoint, ask: Ask, reservation: Reservation, taken_ms: int) -> None:
        self.endpoint = endpoint
        self.work = LANE_NAMES[ask.lane]
        self.is_exit = ask.lane is Lane.RISK
        self.account = ask.account
        self.egress = ask.egress
        self.reservation = reservation
        self.taken_ms = taken_ms
        # Monotonic, 0 as long as it has not left.
        self.left_ms = 0

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
        self._plans: dict[str, Plan] = {endpoint.name: plan(endpoint) for endpoint in state.catalogue}
        self._quotas: dict[str, Quotas] = {}
        self._config: Config | None = None
        # What a bot asks for at an endpoint with a key, as an exit or not: the same but for amounts, time after time.
        self._asks: dict[tuple[str, str, str, bool], Ask] = {}
        self._unbound: dict[str, int] = {}
        # Of each limit: until when, and how many more exits may go although their reserve is spent.
        self._overdrafts: dict[tuple[str, str], tuple[int, int]] = {}
        self.ledger = Ledger()
        self.breakers = Breakers(draw)
        self.rejects = Rejects()
        # Called when something was given back or spent: who waits may look again.
        self.on_room: Callable[[], None] = _nobody

    # -- before

    def take(self, admitted: Admitted, key: HeldKey | None) -> Permit:
        """Take what an admitted request needs, which `key` will sign, None for public data. Raises NoRoom."""
        return self._take(admitted.endpoint, self._ask(admitted, key), self.moment())

    def take_own(
        self, endpoint: Endpoint, values: Mapping[str, str], account: str = "", lane: Lane = Lane.RISK
    ) -> Permit:
        """Take what one of the gateway's own reads needs, ahead of everybody unless told otherwise. Raises NoRoom."""
        charges = self._plans[endpoint.name]
        ask = Ask(OWN, 0, lane, account, ANY_EGRESS, charges, charges.amounts(values))
        return self._take(endpoint, ask, self.moment())

    def load(self, admitted: Admitted, key: HeldKey | None) -> int:
        """Give how much the bot has already of what it asks for, by its share."""
        return self.ledger.load(self._ask(admitted, key), self.moment())

    def _ask(self, admitted: Admitted, key: HeldKey | None) -> Ask:
        if self._state.config is not self._config:
            self._read_config(self._state.config)
        is_exit = admitted.endpoint.mutating and admitted.intent.reduces
        kind = (admitted.bot, admitted.endpoint.name, "" if key is None else key.ref, is_exit)
        ask = self._asks.get(kind)
        if ask is None:
            if len(self._asks) >= MAX_ASKS:
                self._asks.clear()
            ask = self._asks[kind] = self._new_ask(admitted, key)
        amounts = ask.plan.amounts(admitted.intent.values)
        return ask if amounts == ask.amounts else ask._replace(amounts=amounts)

    def _new_ask(self, admitted: Admitted, key: HeldKey | None) -> Ask:
        bot, policy, charges = admitted.bot, self._state.bot(admitted.bot), self._plans[admitted.endpoint.name]
        share = policy.share if policy is not None else 1
        account = "" if key is None else self._state.account_of(key.ref)
        amounts = charges.amounts(admitted.intent.values)
        quotas = self._quotas.get(bot, UNBOUNDED)
        return Ask(bot, share, lane_of(admitted), account, ANY_EGRESS, charges, amounts, quotas)

    def _take(self, endpoint: Endpoint, ask: Ask, now: Moment) -> Permit:
        if self._state.config.venue.egress:
            ask = ask._replace(egress=self._egress(endpoint, ask, now))
        if self._state.wall:
            self._check_walls(endpoint, ask, now.monotonic_ms)
        held = self.ledger.reserve(ask, now)
        if isinstance(held, Short):
            if ask.lane is not Lane.RISK or ask.bot == OWN or not self._may_overdraw(held, now.monotonic_ms):
                raise self._no_room(held, now)
            held = self.ledger.overdraw(ask, now)
        try:
            self._let_through(endpoint, ask, now.monotonic_ms)
            if ask.lane is Lane.RISK:
                self._check_walls(endpoint, ask, now.monotonic_ms, takes=True)
        except NoRoom:
            self.ledger.release(held, now)
            raise
        return Permit(endpoint, ask, held, now.monotonic_ms)

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

    def _check_walls(self, endpoint: Endpoint, ask: Ask, now_ms: int, *, takes: bool = False) -> None:
        """Ask whether the exchange has told us to stop. Raises NoRoom.

        With `takes` an exit becomes one of the few that a wall lets through: only when nothing else holds it back.
        """
        wall, product, is_exit = self._state.wall, endpoint.product, ask.lane is Lane.RISK
        is_bots = is_exit and ask.bot != OWN
        closed = wall.closed(product, now_ms, is_exit=is_bots, egress=ask.egress, takes=takes)
        if closed is None and ask.plan.orders:
            closed = wall.closed(product, now_ms, is_exit=is_exit, egress=_orders_of(ask.account), takes=takes)
        if closed is not None:
            raise _walled(closed, now_ms)

    def _let_through(self, endpoint: Endpoint, ask: Ask, now_ms: int) -> None:
        """Ask the bot's own record and the breaker. Raises NoRoom."""
        work, is_exit = LANE_NAMES[ask.lane], ask.lane is Lane.RISK
        wait_ms = self.rejects.ask(ask.bot, work, now_ms, is_exit=is_exit)
        if wait_ms:
            raise NoRoom("bot_slowed", wait_ms, now_ms)
        wait_ms = self.breakers.ask(_way(endpoint, ask.egress), work, now_ms, is_exit=is_exit)
        if wait_ms:
            raise NoRoom("venue_breaker_open", wait_ms, now_ms)

    def _egress(self, endpoint: Endpoint, ask: Ask, now: Moment) -> str:
        """Choose the address with the most room. Raises NoRoom when none may send."""
        wall, product, now_ms = self._state.wall, endpoint.product, now.monotonic_ms
        egresses = self._state.config.venue.egress

        def standing(egress: str) -> Standing:
            is_away = self._unbound.get(egress, 0) > now_ms
            return Standing.CLOSED if is_away else wall.standing(product, now_ms, egress)

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
        self._asks.clear()
        self._quotas = {
            name: Quotas(weight_1m=bot.max_weight_1m or 0, orders_10s=bot.max_orders_10s or 0)
            for name, bot in config.bots.items()
            if bot.max_weight_1m or bot.max_orders_10s
        }
        self._quotas[ANONYMOUS] = ANONYMOUS_QUOTAS

    # -- after

    def settle(self, permit: Permit, reply: VenueReply, code: int | None) -> None:
        """Learn from an answer what was spent; `code` is the exchange's error code, if any."""
        now, sent_ms = self.moment(), reply.sent_ns // 1_000_000
        # No surer than now, though it was: what is heard counts for less then, never for more.
        sent = Moment(now.exchange_ms - now.monotonic_ms + sent_ms, now.uncertainty_ms, sent_ms)
        for foreign in self.ledger.settle(permit.reservation, reply.status, code, reply.headers, sent, now):
            self._tell_foreign(foreign)
        if reply.status in (418, 429):
            self._note_wall(permit, reply, code, now.monotonic_ms)
        way = _way(permit.endpoint, permit.egress)
        self.breakers.note(way, permit.work, ok=not is_failure(reply.status), sent_ms=sent_ms, now_ms=now.monotonic_ms)
        self.on_room()

    def _note_wall(self, permit: Permit, reply: VenueReply, code: int | None, now_ms: int) -> None:
        """Learn from 429 and 418. Too many orders are the account's affair, not the address's."""
        seconds = seconds_of(reply.headers.get("retry-after", ""))
        egress = _orders_of(permit.account) if code == TOO_MANY_ORDERS else permit.egress
        self._state.wall.note(permit.endpoint.product, reply.status, seconds, now_ms, egress)

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
        self.on_room()

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
        self.on_room()

    def told(self, bot: str, permit: Permit, status: int, code: int | None) -> None:
        """Learn whether the exchange refuses what this bot asks."""
        if not permit.is_exit:
            self.rejects.note(bot, permit.work, judge(status, code), self._state.monotonic_ms())

    def _note(self, permit: Permit, sent_ms: int, now_ms: int, *, ok: bool) -> None:
        way = _way(permit.endpoint, permit.egress)
        self.breakers.note(way, permit.work, ok=ok, sent_ms=sent_ms, now_ms=now_ms)

    def _unused(self, permit: Permit, now_ms: int) -> None:
        """Let another try a failing host in place of what stayed here."""
        if not permit.is_exit:
            way = _way(permit.endpoint, permit.egress)
            self.breakers.unused(way, permit.work, permit.taken_ms, now_ms)

    def _tell_foreign(self, foreign: Foreign) -> None:
        self._tell(what="foreign_spend", **foreign._asdict())

    # -- what it knows

    def moment(self) -> Moment:
        """Give this moment on the exchange's clock and ours."""
        at_ms, reading = self._state.clock.monotonic_ns() // 1_000_000, self._state.reading
        if reading is None:
            return Moment(self._state.clock.wall_ns() // 1_000_000, UNMEASURED_MS, at_ms)
        return Moment(at_ms + reading.ahead_ms, reading.uncertainty_at(at_ms), at_ms)

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


def _way(endpoint: Endpoint, egress: str) -> str:
    """Name what a breaker stands for: a host, by the address from which it is reached."""
    return f"{endpoint.family} from {egress}" if egress else endpoint.family


def _orders_of(account: str) -> str:
    """Name the wall before an account's orders; no egress address has such a name."""
    return f"orders of {account}"


def _walled(closed: Closed, now_ms: int) -> NoRoom:
    return NoRoom(closed.reason, closed.until_ms - now_ms, now_ms)


def _nobody() -> None:
    """Nobody waits for room."""
