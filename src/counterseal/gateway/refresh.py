"""Keeps what decisions rest on fresh: exchange time, last prices, the exchange's symbols (ruling 18)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from counterseal.adapters.tasks import Tasks
from counterseal.core.exchange_clock import Reading
from counterseal.core.market import parse_prices, parse_rules
from counterseal.core.venue_wall import seconds_of
from counterseal.gateway.state import State
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Lost, NotSent, Venue, VenueReply

OFFSET_S, PRICES_S, RULES_S = 30.0, 2.0, 3600.0
RETRY_S = 1.0
SAMPLES = 3
# Where each product's time, prices and symbols are read.
_TIME = (("spot", "/api/v3/time"), ("usdm", "/fapi/v1/time"), ("coinm", "/dapi/v1/time"))
_PRICES = {"spot": "/api/v3/ticker/price", "usdm": "/fapi/v2/ticker/price", "coinm": "/dapi/v1/ticker/price"}
_RULES = {"spot": "/api/v3/exchangeInfo", "usdm": "/fapi/v1/exchangeInfo", "coinm": "/dapi/v1/exchangeInfo"}
Take = Callable[[str, Any, int], None]
_decode = msgspec.json.Decoder().decode


class Refresher:
    """Periodic reads on the gateway's own account of weight."""

    def __init__(self, state: State, venue: Venue, clock: Clock, tasks: Tasks, warn: Callable[..., None]) -> None:
        self._state = state
        self._venue = venue
        self._clock = clock
        self._tasks = tasks
        self._warn = warn
        self._tried: set[str] = set()
        self._silent: set[str] = set()

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

    async def _every(self, period_s: float, work: Callable[[], Any]) -> None:
        while True:
            try:
                succeeded = await work()
            except Exception as error:  # noqa: BLE001 - whatever the exchange sent, the next period tries again
                self._warn("refresh failed", why=type(error).__name__)
                succeeded = False
            self._tried.add(work.__name__)
            await self._clock.sleep(period_s if succeeded else min(RETRY_S, period_s))

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
            self._state.reading = best
        return best is not None

    async def _sample(self, family: str, path: str) -> Reading | None:
        answer = await self._get(family, path)
        if answer is None:
            return None
        body = _decode(answer.body)
        server_ms = body.get("serverTime") if isinstance(body, dict) else None
        if not isinstance(server_ms, int):
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
        market.rules, market.rules_at_ms = parse_rules(body["symbols"]), at_ms

    async def _read_into(self, family: str, path: str, take: Take) -> bool:
        answer = await self._get(family, path)
        if answer is None:
            return False
        try:
            # The age counts from before the request: the content cannot be older than that.
            take(family, _decode(answer.body), answer.sent_ns // 1_000_000)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            self._warn("unreadable answer", path=path)
            return False
        return True

    async def _get(self, family: str, path: str) -> VenueReply | None:
        if self._state.wall.closed(family, self._state.monotonic_ms()):
            return None
        request = f"GET {path} HTTP/1.1\r\nHost: {self._state.hosts[family]}\r\nAccept: application/json\r\n\r\n"
        try:
            answer = await self._venue.send(family, request.encode())
        except (NotSent, Lost) as error:
            self._tell(path, "refresh failed", why=str(error))
            return None
        seconds = seconds_of(answer.headers.get("retry-after", ""))
        self._state.wall.note(family, answer.status, seconds, self._state.monotonic_ms())
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
