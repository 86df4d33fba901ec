"""CLK-1's stage: the exchange's clock, the host's clock and the monotonic clock, each moved apart from the others.

The exchange keeps true time unless an event moves it. The bot signs by the exchange's clock, as its SDK asks it to. The
gateway has its host's clock and what it measures.
"""

from __future__ import annotations

import json
import random  # noqa: TID251 - seeded
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.limits.gateway_side import GatewaySide
from tests.limits.house import House, Network
from tests.limits.lines import Answer
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

from counterseal.core.messages import Sign

TIMESTAMP = -1021
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=80000.00"
SPOT = "/api/v3/order"
MAX_UNCERTAIN_MS = 500
# Of a poor clock: what the gateway assumes of its own between two measurements.
DRIFT_PPM = 500


class Told(NamedTuple):
    """One answer to the bot: when (virtual s), to what, its status and code, and our reason if it is a refusal."""

    at_s: float
    what: str
    status: int
    code: int | None
    reason: str | None


@dataclass
class Stage:
    """One gateway, one bot, one exchange and their clocks. Milliseconds unless they say otherwise."""

    loop: VirtualLoop
    exchange_clock: LoopClock
    host_clock: LoopClock
    house: House
    network: Network
    side: GatewaySide
    told: list[Told] = field(default_factory=list)
    uncertain_orders: int = 0
    _count: int = 0
    _last_order_id: int = 1

    def now_s(self) -> float:
        """Virtual seconds."""
        return self.loop.time()

    def jump_exchange(self, ms: int) -> None:
        """The exchange's clock jumps."""
        self.house.exchange.clock.skew(offset_ms=self.house.exchange.clock.skew_ms() + ms)

    def step_host(self, ms: int) -> None:
        """The host's wall clock is set, by NTP or by hand."""
        self.host_clock.step_wall(ms)

    def suspend(self, ms: int) -> None:
        """The host stood still for so long: its wall clock is right again, its monotonic clock did not notice."""
        self.jump_exchange(ms)
        self.step_host(ms)

    def drift(self, ppm: int) -> None:
        """The exchange's clock runs too fast against ours from now on."""
        self.house.exchange.clock.skew(drift_ppm=ppm)

    async def ask(self, method: str, path: str, query: str, what: str) -> Answer:
        """Ask as the bot and note the answer."""
        line = self.side.line
        answer = await line.ask(line.credential("bot00", ""), method, path, query, signed=True)
        code = None if answer.status < 400 else json.loads(answer.body)["code"]
        self.told.append(Told(self.now_s(), what, answer.status, code, answer.headers.get("x-counterseal-reason")))
        return answer

    async def order(self, extra: str = "") -> Answer:
        """Place an order far from the price."""
        self._count += 1
        answer = await self.ask("POST", SPOT, f"{ORDER}&newClientOrderId=clk-{self._count}{extra}", "order")
        if answer.status == 200:
            self._last_order_id = json.loads(answer.body)["orderId"]
        return answer

    async def cancel(self, extra: str = "") -> Answer:
        """Cancel the last one by its number."""
        return await self.ask("DELETE", SPOT, f"symbol=BTCUSDT&orderId={self._last_order_id}{extra}", "cancel")

    async def read(self, extra: str = "") -> Answer:
        """Read the account."""
        return await self.ask("GET", "/api/v3/account", extra, "read")

    def codes_at_exchange(self) -> int:
        """How often the exchange said -1021."""
        return sum(one.code == TIMESTAMP for one in self.house.served)

    def watch(self, request: Sign) -> None:
        """Count orders that are signed while exchange time is known too poorly; by arithmetic of our own."""
        if request.method != "POST":
            return
        reading, now_ms = self.side.state.reading, self.loop.time_ns() // 1_000_000
        age_ms = 0 if reading is None else max(0, now_ms - reading.at_ms)
        if reading is None or reading.uncertainty_ms + age_ms * DRIFT_PPM / 1e6 > MAX_UNCERTAIN_MS:
            self.uncertain_orders += 1


Act = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """When the exchange says the play begins, how far the host's clock is ahead, and the way between them."""

    start_ms: int = 1_795_392_000_000
    host_ahead_ms: int = 0
    seed: int = 1
    asymmetry: float = 0.5
    trip_s: float | None = None


def on_stage(act: Act, setting: Setting) -> Stage:
    """Let `act` play on a stage whose gateway has measured the exchange's time and goes on measuring it."""
    with tempfile.TemporaryDirectory() as home:
        return run_virtually(lambda loop: _play(loop, Path(home), act, setting))


async def _play(loop: VirtualLoop, home: Path, act: Act, setting: Setting) -> Stage:
    exchange_clock = LoopClock(loop, setting.start_ms)
    host_clock = LoopClock(loop, setting.start_ms + setting.host_ahead_ms)
    house = House(home, exchange_clock, ["acct1"], volatility=0)
    network = Network(house, host_clock, random.Random(setting.seed), setting.asymmetry, fixed_s=setting.trip_s)
    side = GatewaySide(network, host_clock, {"bot00": "acct1"})
    stage = Stage(loop, exchange_clock, host_clock, house, network, side)
    side.line.stamp_ms = house.exchange.now_ms
    side.signer.on_signing = stage.watch
    await side.start_clock()
    try:
        await act(stage)
    finally:
        await side.end()
    return stage
