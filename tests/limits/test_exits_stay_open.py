"""Laws L6 and L7 before the paper exchange: in every state of the gate orders stop, and what rests or is held can be
taken back, for as long as the exchange is reachable.
"""

import asyncio
import json
import random  # noqa: TID251 - seeded
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.cells import proves
from tests.limits.gateway_side import GatewaySide
from tests.limits.house import House, Network
from tests.limits.lines import Answer
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

from counterseal.adapters.host_probes import HostProbes
from counterseal.adapters.unrecorded import Unrecorded
from counterseal.core.failing import TABLE, Kind
from counterseal.core.failures import Sign
from counterseal.gateway.health import Health

MONDAY_MS = 1_795_392_000_000
SPOT, FUTURES, ACCOUNT = "/api/v3/order", "/fapi/v1/order", "/api/v3/account"
TIME, PRICES = b"/v3/time", b"ticker/price"
GATED = [row.name for row in TABLE.values() if row.gated]


@dataclass
class Desk:
    """A bot with one spot order at rest and a futures position, and the gateway between."""

    house: House
    network: Network
    gateway: GatewaySide
    health: Health
    count: int = 0

    async def ask(self, method: str, path: str, query: str = "") -> tuple[Answer, Any]:
        """Ask as the bot; also the body."""
        credential = self.gateway.line.credential("bot00", "")
        answer = await self.gateway.line.ask(credential, method, path, query, signed=True)
        return answer, json.loads(answer.body)

    async def place(self) -> Answer:
        """Place a spot order far from the price."""
        self.count += 1
        terms = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=80000.00"
        return (await self.ask("POST", SPOT, f"{terms}&newClientOrderId=desk-{self.count}"))[0]

    async def begin(self) -> None:
        """Have an order rest and a position open."""
        assert (await self.place()).status == 200
        opened, _ = await self.ask("POST", FUTURES, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01")
        assert opened.status == 200

    async def orders_stop(self, reasons: Sequence[str]) -> None:
        """An order is refused with one of these and since when, and none arrives."""
        before = len(self.house.served)
        refused = await self.place()
        assert refused.headers["x-counterseal-reason"] in reasons
        assert MONDAY_MS <= int(refused.headers["x-counterseal-since"]) <= self.house.exchange.now_ms()
        assert not [one for one in self.house.served[before:] if one.method == "POST"]

    async def exits_go_on(self) -> None:
        """The order is cancelled and the position is closed, at the exchange."""
        cancelled, body = await self.ask("DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId=desk-1")
        assert (cancelled.status, body["status"]) == (200, "CANCELED")
        terms = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01&reduceOnly=true"
        closed, body = await self.ask("POST", FUTURES, f"{terms}&newClientOrderId=close-{self.count}")
        assert (closed.status, body["clientOrderId"]) == (200, f"close-{self.count}")
        changes = [(one.method, one.path, one.status) for one in self.house.served if one.method in ("POST", "DELETE")]
        assert changes[-2:] == [("DELETE", SPOT, 200), ("POST", FUTURES, 200)]


Story = Callable[[Desk], Coroutine[Any, Any, None]]


def play(story: Story) -> None:
    """Let a story happen on virtual time."""
    with tempfile.TemporaryDirectory() as home:
        run_virtually(lambda loop: _play(story, loop, Path(home)))


async def _play(story: Story, loop: VirtualLoop, home: Path) -> None:
    clock = LoopClock(loop, MONDAY_MS)
    house = House(home, clock, ["main"])
    network = Network(house, clock, random.Random("exits"), fixed_s=0.02)
    gateway = GatewaySide(network, clock, {"bot00": "main"})
    gateway.plane.gate._unrecorded = Unrecorded(lambda line: None)
    await gateway.start()
    health = Health(
        gateway.state, gateway.plane.gate, gateway.refresher, HostProbes(), lambda: False, gateway.tasks
    )  # fmt: skip
    health.start()
    desk = Desk(house, network, gateway, health)
    await desk.begin()
    await story(desk)
    health.stop()
    await gateway.end()


@pytest.mark.parametrize("name", GATED)
def test_in_each_state_orders_stop_and_exits_go_on(name: str) -> None:
    """The state is noted as the watcher would; what it lets through is carried out at the exchange."""
    row = TABLE[name]

    async def story(desk: Desk) -> None:
        desk.health.stop()
        scope = "spot" if name == "rules_old" else ""
        desk.gateway.plane.gate.note(Sign(name, is_failing=True, scope=scope))
        await asyncio.sleep(0.5)
        await desk.orders_stop(row.reasons)
        read, _ = await desk.ask("GET", ACCOUNT)
        assert (read.status != 200) == row.refuses(Kind.READ)
        assert (read.headers.get("x-counterseal-reason") in row.reasons) == row.refuses(Kind.READ)
        await desk.exits_go_on()

    play(story)


@proves("clock_uncertain", "increase", "exits", "reads")
def test_an_exchange_that_does_not_tell_the_time() -> None:
    """A quarter of an hour later orders stop; ten seconds after it tells the time again they go on."""

    async def story(desk: Desk) -> None:
        desk.network.closed.add(TIME)
        await asyncio.sleep(1_100)
        await desk.orders_stop(["clock_uncertain"])
        assert (await desk.ask("GET", ACCOUNT))[0].status == 200
        await desk.exits_go_on()
        desk.network.closed.clear()
        await asyncio.sleep(8)
        await desk.orders_stop(["clock_uncertain"])
        await asyncio.sleep(5)
        assert (await desk.place()).status == 200

    play(story)


@proves("prices_old", "increase", "exits", "reads")
def test_an_exchange_that_does_not_tell_prices() -> None:
    """Orders under a limit in money stop after five seconds and go on ten seconds after prices are read again."""

    async def story(desk: Desk) -> None:
        _limit_in_money(desk)
        assert (await desk.place()).status == 200
        desk.network.closed.add(PRICES)
        await asyncio.sleep(9)
        await desk.orders_stop(["price_unknown"])
        assert (await desk.ask("GET", ACCOUNT))[0].status == 200
        await desk.exits_go_on()
        desk.network.closed.clear()
        await asyncio.sleep(8)
        await desk.orders_stop(["price_unknown"])
        await asyncio.sleep(6)
        assert (await desk.place()).status == 200

    play(story)


def _limit_in_money(desk: Desk) -> None:
    """Give the bot a notional limit, as a reload would."""
    config = desk.gateway.state.config
    bot = replace(config.bots["bot00"], max_order_notional=Decimal(1_000_000))
    desk.gateway.state.config = replace(config, bots={**config.bots, "bot00": bot})


@proves("maintenance", "increase", "exits", "reads")
def test_maintenance_is_heard_of_within_half_a_minute() -> None:
    """Orders stop, and go on ten seconds after its end was heard of."""

    async def story(desk: Desk) -> None:
        assert desk.house.exchange.spot.maintenance is False
        desk.house.exchange.spot.maintenance = True
        await asyncio.sleep(31)
        await desk.orders_stop(["venue_maintenance"])
        assert (await desk.ask("GET", ACCOUNT))[0].status == 200
        await desk.exits_go_on()
        desk.house.exchange.spot.maintenance = False
        await asyncio.sleep(30)
        await desk.orders_stop(["venue_maintenance"])
        await asyncio.sleep(11)
        assert (await desk.place()).status == 200

    play(story)


@proves("banned", "increase", "exits", "reads")
def test_a_ban_closes_everything_and_says_since_when() -> None:
    """L6 ends where the exchange is not reachable; nothing of ours makes the ban longer."""

    async def story(desk: Desk) -> None:
        desk.gateway.state.wall.note("spot", 418, 120, desk.gateway.state.monotonic_ms())
        since = str(desk.gateway.state.told_ms(desk.gateway.state.monotonic_ms()))
        await asyncio.sleep(5)
        before = len(desk.house.served)
        for method, path, query in (
            ("POST", SPOT, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=80000.00"),
            ("DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId=desk-1"),
            ("GET", ACCOUNT, ""),
        ):
            refused, _ = await desk.ask(method, path, query)
            assert refused.headers["x-counterseal-reason"] == "venue_ban"
            assert refused.headers["x-counterseal-since"] == since
        assert len(desk.house.served) == before
        await asyncio.sleep(116)
        await desk.exits_go_on()

    play(story)
