"""Limits of exposure between a bot's order and the exchange: reserved before the send, settled by what became of it."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.core.config.model import Config
from counterseal.core.exposure.book import Scope
from counterseal.core.exposure.claims import changes_of
from counterseal.core.exposure.money import ZERO, Rate, subtract
from counterseal.core.exposure.order import Where
from counterseal.core.exposure.replay import Replay, statement
from counterseal.core.exposure.tracker import Limit, Owner, Tracker
from counterseal.core.market import MAX_PRICE_AGE_MS
from counterseal.core.messages import HeldKey
from counterseal.core.outcome import Outcome
from counterseal.gateway import answers
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.state import State
from counterseal.ports.venue import VenueReply

# Positions that the exchange has stated longer ago than this are not known.
STATED_MS = 30_000
# When everything is written down: this long after something happened, and so often in any case, so that there is one
# statement in the part of the journal that is kept.
STATEMENT_MS, IDLE_MS = 60_000, 6 * 3_600_000
# So many groups of symbols have their limits at hand: a bot chooses which symbols it puts together in a batch.
MAX_LIMITS = 4_096
# The rows of `counterseal limits` travel in one packet.
MAX_ROWS = 40
# What of orders bots ask, by the end of the path.
_QUERIES = frozenset(
    {"order", "openOrder", "openOrders", "allOrders", "algoOrder", "openAlgoOrders", "allAlgoOrders"}
    | {"orderList", "openOrderList", "allOrderList"}
)
_FUTURES = frozenset({"usdm", "coinm"})
_NONE: frozenset[str] = frozenset()
Whose = tuple[str, str]
Record = Callable[[Mapping[str, Any]], None]


class Held(NamedTuple):
    """A request that has reserved something, by the number that its intent will have."""

    request: str


class Exposures:
    """`active` tells that some limit of exposure is configured: only then the rest is asked."""

    def __init__(self, state: State, record: Record) -> None:
        self._state = state
        self._record = record
        self.tracker = Tracker(self._rate)
        self.active = False
        self.covered: frozenset[Whose] = frozenset()
        self._read_for: frozenset[Whose] = frozenset()
        self._limits: dict[tuple[str, str, tuple[str, ...]], tuple[Limit, ...]] = {}
        self._owners: dict[tuple[str, str], Owner] = {}
        self._states: dict[str, frozenset[str]] = {}
        self._stated_ms: dict[Whose, int] = {}
        self._prices: dict[str, Mapping[str, Decimal]] = {}
        self._dirty = False
        self._statement_ms = 0
        # Whether events of an account are missing, as its feeds know it.
        self.is_blind: Callable[[str], bool] = lambda _: False
        self.configure()

    # -- what is limited

    def configure(self) -> None:
        """Take up the configuration of this moment. Who is newly limited has to be read first."""
        config = self._state.config
        self.covered = covered(config)
        self.active = bool(self.covered)
        self._limits, self._owners = {}, {}
        self._read_for &= self.covered
        self._states = {name: _futures_of(config, name) for name in config.accounts}

    def limits(self, account: str) -> bool:
        """Tell whether some limit rests on what happens on an account."""
        return any(whose[1] == account for whose in self.covered)

    @property
    def must_read(self) -> bool:
        """Whether somebody is limited whose past has not been read."""
        return not self.covered <= self._read_for

    def replay(self) -> Replay:
        """Begin to make the book anew from the journal."""
        return Replay(Tracker(self._rate), self._state.account_of, self.covered)

    def take_over(self, replay: Replay) -> None:
        """Put a book in force that is made from every record that there is."""
        for where, place in self.tracker.book.places.items():
            if place.stated is not None:
                replay.tracker.book.state(where, place.stated, place.since())
        self.tracker, self._limits, self._prices = replay.tracker, {}, {}
        # Whoever has lost the limit meanwhile is not followed from here on, and has to be read again.
        self._read_for = replay.covers & self.covered
        now_ms = self._state.monotonic_ms()
        for order in replay.tracker.book.orders():
            # The journal's times are none of this clock: the exchange's reads may be behind all of them.
            order.since_ms = now_ms
        self._dirty = True
        self._state_all(now_ms)

    def _limits_of(self, bot: str, account: str, symbols: tuple[str, ...]) -> tuple[Limit, ...]:
        found = self._limits.get((bot, account, symbols))
        if found is None:
            if len(self._limits) >= MAX_LIMITS:
                self._limits.clear()
            found = self._limits[(bot, account, symbols)] = tuple(self._each_limit(bot, account, symbols))
        return found

    def _each_limit(self, bot: str, account: str, symbols: tuple[str, ...]) -> Iterable[Limit]:
        book, config = self.tracker.book, self._state.config
        policy, limits = config.bots.get(bot), config.accounts.get(account)
        if policy is not None and policy.max_exposure is not None:
            yield Limit(book.bot(bot), policy.max_exposure, "exposure_bot")
        if limits is None:
            return
        for symbol in symbols:
            dollars = limits.max_symbol_exposure.get(symbol, limits.max_symbol_exposure.get("*"))
            if dollars is not None:
                yield Limit(book.symbol(account, symbol), dollars, "exposure_symbol")
        if limits.max_exposure is not None:
            yield Limit(book.account(account), limits.max_exposure, "exposure_account")

    # -- prices

    def _rate(self, family: str, symbol: str) -> Rate | None:
        market, now_ms = self._state.market(family), self._state.monotonic_ms()
        last, rule = market.price(symbol, now_ms), market.rules.get(symbol)
        dollars = market.dollars(symbol, now_ms)
        if last is None or rule is None or dollars is None:
            return None
        return Rate(last, rule.contract_size, dollars)

    def _reprice(self, now_ms: int) -> frozenset[str]:
        """Count anew where prices have been read since; gives the products whose prices are too old."""
        stale = _NONE
        for family, market in self._state.markets.items():
            if self._prices.get(family) is not market.prices:
                self._prices[family] = market.prices
                self.tracker.book.reprice(family)
            if market.prices_at_ms is None or now_ms - market.prices_at_ms > MAX_PRICE_AGE_MS:
                stale |= {family}
        return stale

    # -- before the send

    def hold(self, request: str, inquiry: Inquiry, admitted: Admitted, key: HeldKey) -> Held | str | None:
        """Reserve what a request may come to: None where nothing limits it, else what it holds, or why it is refused.

        `request` is the number that its intent will have. Where this breaks, exits go on.
        """
        try:
            return self._hold(request, inquiry, admitted, key)
        except Exception as error:  # noqa: BLE001 - what cannot be judged is refused, and told
            self._fault(error, id=request)
            return None if admitted.intent.reduces else "exposure_unread"

    def _hold(self, request: str, inquiry: Inquiry, admitted: Admitted, key: HeldKey) -> Held | str | None:
        intent, bot = admitted.intent, admitted.bot
        if not intent.legs:
            return None
        owner = self._owners.get((bot, key.ref))
        if owner is None:
            owner = self._owners[(bot, key.ref)] = Owner(bot, self._state.account_of(key.ref), key.ref)
        account = owner.account
        if (bot, account) not in self.covered:
            return None
        endpoint = admitted.endpoint
        changes = changes_of(endpoint.method, endpoint.path, intent.values, intent.client_ids, intent.legs)
        if not changes:
            return None
        now_ms = inquiry.begun_ns // 1_000_000
        limits, stale = self._limits_of(bot, account, intent.symbols), self._reprice(now_ms)
        reservation = self.tracker.reserve(request, owner, endpoint.family, changes, limits, stale)
        over = reservation.over
        if not over and not intent.reduces:
            over = self._unsure(bot, account, now_ms)
        if over and not self._only_reports(inquiry, admitted, over):
            self.tracker.release(request, reservation.parts)
            return over
        self.tracker.begin(request, endpoint.path, reservation.parts)
        for order, _ in reservation.parts:
            # A read may show it before its own answer comes, and the next one may be behind.
            order.since_ms = max(order.since_ms, now_ms)
        self._dirty = True
        return Held(request)

    def release(self, held: Held | str | None) -> None:
        """Nothing of the request has been written or sent, nor will be."""
        if isinstance(held, Held):
            self.tracker.settle(held.request, Outcome.NOT_SENT, None, 0)

    def _unsure(self, bot: str, account: str, now_ms: int) -> str:
        """Give the reason why the sums may be too small, "" when they are not."""
        if self._unread(bot, account, now_ms):
            return "exposure_unread"
        return "user_stream_gap" if self.is_blind(account) else ""

    def _unread(self, bot: str, account: str, now_ms: int) -> bool:
        if (bot, account) not in self._read_for:
            return True
        for family in self._states.get(account, ()):
            stated_ms = self._stated_ms.get((account, family))
            if stated_ms is None or now_ms - stated_ms > STATED_MS:
                return True
        return False

    def _only_reports(self, inquiry: Inquiry, admitted: Admitted, reason: str) -> bool:
        if admitted.policy is None or admitted.policy.mode != "report":
            return False
        inquiry.would_deny = inquiry.would_deny or reason
        self._state.counter(admitted.bot).would_deny += 1
        return True

    # -- afterwards

    def settle(self, request: str, key: str, family: str, outcome: Outcome, body: Any) -> None:
        """Take over the outcome of a request, at once or when it is resolved; its own record tells it to a restart.

        Whatever breaks here leaves reserved what was: the bot has its answer all the same.
        """
        self._dirty = True
        try:
            self.tracker.settle(request, outcome, body, self._state.monotonic_ms())
            if outcome is Outcome.ACCEPTED:
                self.tracker.see(self._state.account_of(key), family, body)
        except Exception as error:  # noqa: BLE001 - see above
            self._fault(error, id=request)

    def read(self, admitted: Admitted, key: HeldKey, answer: VenueReply) -> None:
        """Learn from the answer to a bot's own query of orders; the bot gets it whatever it holds."""
        endpoint = admitted.endpoint
        if answer.status != 200 or endpoint.path.rpartition("/")[2] not in _QUERIES:
            return
        try:
            self.learn(key.ref, endpoint.family, answers.parse(answer).body)
        except Exception as error:  # noqa: BLE001 - see above
            self._fault(error)

    def learn(self, key: str, family: str, body: Any) -> None:
        """Take over what the answer to a read tells of orders, and write down what is new in it."""
        self._take_rows(self._state.account_of(key), family, body)

    def heard(self, account: str, family: str, row: Mapping[str, Any]) -> None:
        """Take over what an event tells of an order, as a read would have."""
        try:
            self._take_rows(account, family, row)
        except Exception as error:  # noqa: BLE001 - see above
            self._fault(error)

    def _take_rows(self, account: str, family: str, body: Any) -> None:
        rows = self.tracker.learn(account, family, body)
        if rows:
            self._dirty = True
            self._record({"type": "learnt", "account": account, "family": family, "rows": rows})

    def _fault(self, error: Exception, **more: str) -> None:
        self._record({"type": "event", "what": "exposure_fault", "error": type(error).__name__, **more})

    def held(self, account: str, family: str) -> dict[Where, Decimal]:
        """Give what all bots hold together, by place."""
        places = self.tracker.book.places.items()
        return {where: place.held() for where, place in places if where[:2] == (account, family)}

    def state(
        self,
        account: str,
        family: str,
        positions: Mapping[tuple[str, str], Decimal],
        at_ms: int,
        before: Mapping[Where, Decimal] | None = None,
    ) -> None:
        """Take over the positions that the exchange states, by symbol and side; what it leaves out is none.

        `before` is what was `held` when it was asked, None where nothing was filled meanwhile.
        """
        self._stated_ms[account, family] = at_ms
        held = self.held(account, family)
        stated = {Where(account, family, symbol, side): position for (symbol, side), position in positions.items()}
        for where in {**held, **stated}:
            now = held.get(where, ZERO)
            since = ZERO if before is None else subtract(now, before.get(where, ZERO))
            self.tracker.book.state(where, stated.get(where, ZERO), since)

    def keep(self, now_ms: int) -> None:
        """Write down everything from time to time, so that a start need not read the whole journal."""
        due_ms = self._statement_ms + (STATEMENT_MS if self._dirty else IDLE_MS)
        if self.active and now_ms >= due_ms and not self.must_read:
            self._state_all(now_ms)

    def _state_all(self, now_ms: int) -> None:
        self._dirty, self._statement_ms = False, now_ms
        for part in statement(self.tracker, self._read_for):
            self._record({"type": "exposure", **part})

    # -- what is asked for

    def stated(self) -> dict[Whose, int | None]:
        """Give the accounts and products whose positions a limit needs, each with when they were stated last."""
        wanted = [(account, family) for account, families in self._states.items() for family in sorted(families)]
        return {whose: self._stated_ms.get(whose) for whose in wanted}

    def report(self) -> list[dict[str, Any]]:
        """Give every sum that has a limit, the fullest first."""
        book, config = self.tracker.book, self._state.config
        rows = [_row("bot", bot.name, book.bot(bot.name), bot.max_exposure) for bot in config.bots.values()]
        for account in config.accounts.values():
            rows.append(_row("account", account.name, book.account(account.name), account.max_exposure))
            for (owner, symbol), scope in book.symbols.items():
                limit = account.max_symbol_exposure.get(symbol, account.max_symbol_exposure.get("*"))
                if owner == account.name and scope.families:
                    rows.append(_row("symbol", f"{owner} {symbol}", scope, limit))
        told = [row for row in rows if row is not None]
        return sorted(told, key=lambda row: -row["part"])[:MAX_ROWS]


def covered(config: Config) -> frozenset[Whose]:
    """Give the bots, with an account of theirs each, whose orders count under some limit."""
    return frozenset(
        (bot.name, config.keys[key].account)
        for bot in config.bots.values()
        for key in bot.keys
        if bot.max_exposure is not None or config.keys[key].account in config.accounts
    )


def _futures_of(config: Config, account: str) -> frozenset[str]:
    """Give the futures products that bots may trade on an account with limits."""
    bots = [bot for bot in config.bots.values() if any(config.keys[key].account == account for key in bot.keys)]
    return frozenset(product for bot in bots if "trade" in bot.purposes for product in bot.products) & _FUTURES


def _row(kind: str, name: str, scope: Scope, limit: Decimal | None) -> dict[str, Any] | None:
    if limit is None:
        return None
    part = float(scope.total / limit)
    return {"of": kind, "name": name, "dollars": f"{scope.total:.2f}", "limit": f"{limit:f}", "part": round(part, 4)}
