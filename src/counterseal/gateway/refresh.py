"""Keeps what decisions rest on fresh: exchange time, last prices, the exchange's symbols (ruling 18)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from counterseal.adapters.tasks import Tasks
from counterseal.core.exchange_clock import Reading
from counterseal.core.market import parse_prices, parse_rules
from counterseal.gateway.budget import OWN, Budget, NoRoom
from counterseal.gateway.exchange import Exchange
from counterseal.gateway.stampede import keep_answer
from counterseal.gateway.state import State
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Lost, NotSent, VenueReply

# A reading that is younger than this is not taken anew because an answer doubted it.
NEW_ENOUGH_MS = 1_000
OFFSET_S, PRICES_S, RULES_S = 30.0, 2.0, 3600.0
RETRY_S = 1.0
SAMPLES = 3
# The exchange was founded in 2017; what is before, or after 2099, is no time of its.
_SINCE_MS, _UNTIL_MS = 1_483_228_800_000, 4_102_444_800_000
# Where each product's time, prices and symbols are read.
_TIME = (("spot", "/api/v3/time"), ("usdm", "/fapi/v1/time"), ("coinm", "/dapi/v1/time"))
_PRICES = {"spot": "/api/v3/ticker/price", "usdm": "/fapi/v2/ticker/price", "coinm": "/dapi/v1/ticker/price"}
# Where the exchange tells of its maintenance, and where that address exists.
_STATUS = "/sapi/v1/system/status"
_TOLD_IN = frozenset({"production", "paper"})
_RULES = {"spot": "/api/v3/exchangeInfo", "usdm": "/fapi/v1/exchangeInfo", "coinm": "/dapi/v1/exchangeInfo"}
Take = Callable[[str, Any, int], None]
_decode = msgspec.json.Decoder().decode


class Refresher:
    """Periodic reads on the gateway's own account of weight."""

    def __init__(
        self, state: State, budget: Budget, exchange: Exchange, clock: Clock, tasks: Tasks, warn: Callable[..., None]
    ) -> None:
        self._state = state
        self._budget = budget
        self._exchange = exchange
        self._clock = clock
        self._tasks = tasks
        self._warn = warn
        self._tried: set[str] = set()
        self._measuring: asyncio.Task[None] | None = None
        self._doubted_ms: int | None = None
        self._has_measured = False
        self._silent: set[str] = set()
        self._catching_up: asyncio.Task[None] | None = None

    @property
    def has_tried(self) -> bool:
        """Whether each of the three reads has come back at least once, with or without success."""
        return len(self._tried) == 3

    def families(self) -> set[str]:
        """The families whose orders some bot may place."""
        products = {p for bot in self._state.config.bots.values() if "trade" in bot.purposes for p in bot.products}
        return products & set(_PRICES) & set(self._state.hosts)

    def start(self) -> None:
        """Start the periodic reads."""
        self._tasks.spawn(self._every(OFFSET_S, self.measure_offset), "measure the clock offset")
        self._tasks.spawn(self._every(PRICES_S, self.read_prices), "read prices")
        self._tasks.spawn(self._every(RULES_S, self.read_rules), "read the exchange's symbols")

    def catch_up(self) -> None:
        """Read symbols at once where they are too old or were never read: of a product that is new since a reload."""
        now_ms, is_reading = self._state.monotonic_ms(), self._catching_up is not None and not self._catching_up.done()
        if not is_reading and not all(self._state.market(family).rules_fresh(now_ms) for family in self.families()):
            self._catching_up = self._tasks.spawn(self._read_rules_now(), "read the exchange's symbols again")

    async def _read_rules_now(self) -> None:
        while not await self._succeeds(self.read_rules):
            await self._clock.sleep(RETRY_S)

    async def _every(self, period_s: float, work: Callable[[], Any]) -> None:
        while True:
            succeeded = await self._succeeds(work)
            self._tried.add(work.__name__)
            await self._clock.sleep(period_s if succeeded else min(RETRY_S, period_s))

    async def _succeeds(self, work: Callable[[], Any]) -> bool:
        try:
            return bool(await work())
        except Exception as error:  # noqa: BLE001 - whatever the exchange sent, the next period tries again
            self._warn("refresh failed", why=type(error).__name__)
            return False

    async def measure_again(self) -> bool:
        """Measure exchange time because the exchange found a timestamp too old; whether it is known anew.

        All who doubt it at once share a measurement, and there is one a second at most: a bot that signs with a window
        too short for the way would spend the limits of all.
        """
        self.doubt()
        if self._measuring is not None and not self._measuring.done():
            await asyncio.wait([self._measuring])
        return self._has_measured

    def doubt(self, pause_ms: int = NEW_ENOUGH_MS) -> None:
        """Begin to measure exchange time, unless that was done within the last `pause_ms`."""
        now_ms = self._state.monotonic_ms()
        if self._measuring is not None and not self._measuring.done():
            return
        if self._doubted_ms is None or now_ms >= self._doubted_ms + pause_ms:
            self._doubted_ms = now_ms
            self._measuring = self._tasks.spawn(self._measure_for_all(), "measure the clock offset again")

    async def _measure_for_all(self) -> None:
        self._has_measured = False
        self._has_measured = await self.measure_offset()

    async def measure_offset(self) -> bool:
        """Measure exchange time minus ours; of several samples the one with the shortest round trip counts."""
        families = self.families()
        family, path = next((place for place in _TIME if place[0] in families), _TIME[0])
        best: Reading | None = None
        for _ in range(SAMPLES):
            sample = await self._sample(family, path)
            if sample is not None and (best is None or sample.uncertainty_ms < best.uncertainty_ms):
                best = sample
        if best is not None:
            self._age(best)
            self._state.reading = best
        return best is not None

    def _age(self, reading: Reading) -> None:
        """Let what was read be as old as it is, where our monotonic clock stood still: on a host that slept."""
        before = self._state.reading
        if before is None:
            return
        slept_ms = reading.ahead_ms - reading.uncertainty_ms - before.ahead_ms - before.uncertainty_at(reading.at_ms)
        if slept_ms <= 0:
            return
        for market in self._state.markets.values():
            market.prices_at_ms = None if market.prices_at_ms is None else market.prices_at_ms - slept_ms
            market.rules_at_ms = None if market.rules_at_ms is None else market.rules_at_ms - slept_ms
        self.catch_up()

    async def _sample(self, family: str, path: str) -> Reading | None:
        answer = await self._get(family, path)
        if answer is None:
            return None
        try:
            body = _decode(answer.body)
        except (ValueError, RecursionError):
            # A bot's read may be waiting for this measurement: it must get an answer all the same.
            self._warn("unreadable answer", path=path)
            return None
        server_ms = body.get("serverTime") if isinstance(body, dict) else None
        if not isinstance(server_ms, int) or not _SINCE_MS <= server_ms < _UNTIL_MS:
            return None
        half_trip_ns = (answer.received_ns - answer.sent_ns) // 2
        ahead_ms = server_ms - (answer.received_ns - half_trip_ns) // 1_000_000
        return Reading(ahead_ms, half_trip_ns // 1_000_000 + 1, answer.received_ns // 1_000_000)

    async def read_prices(self) -> bool:
        """Read the last prices of all symbols of the families in use; False when one failed."""
        ages = {family: self._state.market(family).prices_at_ms for family in self.families()}
        return await self._read_due(ages, PRICES_S, _PRICES, self._take_prices)

    async def read_rules(self) -> bool:
        """Read exchangeInfo of the families in use; False when one failed."""
        ages = {family: self._state.market(family).rules_at_ms for family in self.families()}
        return await self._read_due(ages, RULES_S, _RULES, self._take_rules)

    async def read_maintenance(self) -> bool | None:
        """Ask whether the exchange is in maintenance; None when it does not tell."""
        if self._state.config.venue.environment not in _TOLD_IN:
            return None
        answer = await self._get("spot", _STATUS)
        if answer is None:
            return None
        try:
            body = _decode(answer.body)
        except (ValueError, RecursionError):
            return None
        status = body.get("status") if isinstance(body, dict) else None
        return None if status not in (0, 1) else status == 1

    async def _read_due(
        self, ages: Mapping[str, int | None], period_s: float, paths: Mapping[str, str], take: Take
    ) -> bool:
        """Read what is older than half its period: one family that fails is tried again without the others paying."""
        due_ms = self._state.monotonic_ms() - period_s * 500
        due = [family for family, at_ms in sorted(ages.items()) if at_ms is None or at_ms <= due_ms]
        return all([await self._read_into(family, paths[family], take) for family in due])

    def _take_prices(self, family: str, body: Any, at_ms: int) -> None:
        market = self._state.market(family)
        market.prices, market.prices_at_ms = parse_prices(body), at_ms

    def _take_rules(self, family: str, body: Any, at_ms: int) -> None:
        market = self._state.market(family)
        market.rules, market.rules_at_ms = parse_rules(family, body["symbols"]), at_ms
        self._budget.learn_limits(family, body.get("rateLimits"))

    async def _read_into(self, family: str, path: str, take: Take) -> bool:
        answer = await self._get(family, path)
        if answer is None:
            return False
        try:
            # The age counts from before the request: the content cannot be older than that.
            take(family, _decode(answer.body), answer.sent_ns // 1_000_000)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
            self._warn("unreadable answer", path=path)
            return False
        self._offer(family, path, answer)
        return True

    def _offer(self, family: str, path: str, answer: VenueReply) -> None:
        """Let bots that ask the same have it: those that start with us are served exchangeInfo at once.

        No key of ours went with the request, so that there is none in its answer to be masked.
        """
        endpoint = self._state.catalogue.get(family, "GET", path)
        read = None if endpoint is None else self._state.shared_read(endpoint, (), None)
        if read is not None:
            keep_answer(self._state.public, read, answer, self._state.monotonic_ms())

    async def _get(self, family: str, path: str) -> VenueReply | None:
        endpoint = self._state.catalogue.get(family, "GET", path)
        if endpoint is None:
            return None
        request = f"GET {path} HTTP/1.1\r\nHost: {self._state.hosts[family]}\r\nAccept: application/json\r\n\r\n"
        try:
            answer = await self._exchange.send(self._budget.take_own(endpoint, {}), request.encode(), OWN)
        except NoRoom:
            return None
        except (NotSent, Lost) as error:
            self._tell(path, "refresh failed", why=str(error))
            return None
        if answer.status != 200:
            self._tell(path, "refresh refused", status=answer.status)
            return None
        self._silent.discard(path)
        return answer

    def _tell(self, path: str, what: str, **fields: object) -> None:
        """Warn once until the path works again."""
        if path not in self._silent:
            self._silent.add(path)
            self._warn(what, path=path, **fields)
