"""Bots, the gateway's real stream objects and the real paper exchange in this process, on one virtual clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import httptools
from tests.gateway.rig import HOST
from tests.gateway.rig import Rig as GatewayRig
from tests.paper.harness import Rig as PaperRig
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.adapters.stream_link import StreamLink
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.binance.hosts import BOT_HOSTS, STREAM_HOSTS
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.paper.http import RequestReader
from counterseal.paper.ws_socket import Socket
from counterseal.ports.venue import Unreachable

STEP_S = 0.1
SERVED = {host: known.streams for host, known in BOT_HOSTS["paper"].items() if not known.families}


class Exchange(PaperRig):
    """The paper exchange by the gateway's clock. What it writes arrives in a later turn of the loop."""

    def __init__(self, home: Path, clock: VirtualClock) -> None:
        self._clock = clock
        super().__init__(home, volatility=1)
        self.is_down = False
        self.wires: list[Wire] = []
        self.dialled = 0

    @property
    def now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000

    @now_ms.setter
    def now_ms(self, _value: int) -> None:
        """The clock decides."""

    async def dial(self, _family: str, link: StreamLink) -> None:
        """Connect a link of the gateway."""
        self.dialled += 1
        if self.is_down:
            raise Unreachable("down")
        wire = Wire(self, link)
        self.wires.append(wire)
        link.connection_made(wire)

    @property
    def live(self) -> list[Wire]:
        """The connections that stand."""
        return [wire for wire in self.wires if wire.socket is not None and wire.socket.is_open]

    def announce_shutdown(self) -> list[Socket]:
        """One of the exchange's servers is about to go: gives the connections that stand on it."""
        going = self.exchange.realtime._sessions
        for session in list(going):
            session.shut_down(self.now_ms)
        return list(going.values())

    def said(self) -> list[tuple[str, str, list[str]]]:
        """What was asked of market streams so far: place, verb, names."""
        lines = (self.home / "journal.jsonl").read_text().splitlines() if self._flushed() else []
        rows = [json.loads(line) for line in lines]
        return [
            (row["host"], row["path"], [value for _, value in row["params"]])
            for row in rows
            if row["path"] in ("CONNECT", "SUBSCRIBE", "UNSUBSCRIBE")
        ]

    def _flushed(self) -> bool:
        return (self.home / "journal.jsonl").exists()


class Wire(asyncio.Transport):
    """A link's transport on one side, the exchange's sink on the other. `delay` counts turns of the loop."""

    def __init__(self, exchange: Exchange, link: StreamLink) -> None:
        super().__init__()
        self._exchange, self._link = exchange, link
        self.socket: Socket | None = None
        self.is_over = False
        # What the exchange has written on this connection, as it wrote it.
        self.written: list[bytes] = []
        self._held: list[bytes] | None = None
        self._to_gateway = _Sink(self)

    # the gateway's side

    def write(self, data: Any) -> None:
        exchange = self._exchange.exchange
        if self.socket is not None:
            self.socket.receive(bytes(data), self._exchange.now_ms)
            return
        requests: list[Any] = []
        reader = RequestReader("127.0.0.1", lambda request, _: requests.append(request))
        with suppress(httptools.HttpParserUpgrade):
            reader.feed(bytes(data))
        self.socket = exchange.realtime.open(requests[0], self._to_gateway)

    def abort(self) -> None:
        if self.socket is not None:
            self.socket.lost()
        self.lose()

    close = abort

    def pause_reading(self) -> None:
        """What arrives is taken in one turn anyway."""

    def resume_reading(self) -> None:
        """As above."""

    # the exchange's side

    def deliver(self, data: bytes) -> None:
        self.written.append(data)
        if self._held is not None:
            self._held.append(data)
        else:
            asyncio.get_running_loop().call_soon(self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if not self.is_over:
            self._link.data_received(data)

    def hold(self) -> None:
        """Keep what the exchange writes from arriving."""
        self._held = []

    def release(self) -> None:
        """Let it arrive."""
        held, self._held = self._held or [], None
        for data in held:
            asyncio.get_running_loop().call_soon(self._arrive, data)

    def lose(self) -> None:
        if not self.is_over:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self._link.connection_lost, None)


class _Sink:
    """What the exchange writes to."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def write(self, data: bytes) -> None:
        self._wire.deliver(data)

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self._wire.lose)

    def abort(self) -> None:
        self._wire.lose()

    def get_write_buffer_size(self) -> int:
        return 0


class BotWire(asyncio.Transport):
    """A bot's connection as the gateway sees it. `reads` False: the bot does not read, and says nothing."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 1)})
        self.protocol: Any = None
        self.received = b""
        self.writes = 0
        self.is_closing_ = self.is_over = False
        self.reads = True
        self._high = 64 << 10
        self._unread = 0

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = self._high if high is None else high
        if self._unread > self._high:
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self._unread

    def write(self, data: Any) -> None:
        if self.is_over or self.is_closing_:
            return
        self.writes += 1
        self.received += data
        if not self.reads:
            before, self._unread = self._unread, self._unread + len(data)
            if before <= self._high < self._unread:
                self.protocol.pause_writing()

    def read(self) -> None:
        """The bot reads again."""
        self.reads, was = True, self._unread
        self._unread = 0
        if was > self._high:
            self.protocol.resume_writing()

    def pause_reading(self) -> None:
        """Nothing comes unasked here."""

    def resume_reading(self) -> None:
        """As above."""

    def is_closing(self) -> bool:
        return self.is_closing_

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closing_ = True
        if self.reads:
            self._lose()

    def abort(self) -> None:
        self.is_closing_ = True
        self._lose()

    def _lose(self) -> None:
        if not self.is_over:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Bot:
    """A client: the `websockets` library without a socket."""

    def __init__(self, rig: Rig, path: str, peer: str = "127.0.0.1", headers: dict[str, str] | None = None) -> None:
        self.rig, self.path, self.wire = rig, path, BotWire(peer)
        connection = rig.connection()
        self.wire.protocol = connection
        connection.connection_made(self.wire)
        self._client = ClientProtocol(parse_uri(f"ws://{HOST}{path}"), max_size=None)
        request = self._client.connect()
        for name, value in (headers or {}).items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._client.send_request(request)
        self.handshake = b"".join(self._client.data_to_send())
        self.response: Response | None = None
        self.texts: list[bytes] = []

    def give(self, data: bytes) -> None:
        """Send bytes as they are."""
        if not self.wire.is_over:
            self.wire.protocol.data_received(data)

    def connect(self) -> Bot:
        """Ask for the other protocol."""
        self.give(self.handshake)
        self.look()
        return self

    def send(self, value: Any) -> None:
        """Send a command."""
        self._client.send_text(json.dumps(value, ensure_ascii=False).encode())
        self.give(b"".join(self._client.data_to_send()))

    def look(self) -> None:
        """Take in what came; pings are answered."""
        data, self.wire.received = self.wire.received, b""
        self._client.receive_data(data)
        for event in self._client.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.texts.append(bytes(event.data))
        out = b"".join(self._client.data_to_send())
        if out and self.wire.protocol is not None and self._client.state is OPEN:
            self.give(out)

    def take(self) -> list[bytes]:
        """Give the messages since the last call."""
        self.look()
        texts, self.texts = self.texts, []
        return texts

    @property
    def code(self) -> int | None:
        """The close code that came."""
        self.look()
        return None if self._client.close_rcvd is None else self._client.close_rcvd.code

    @property
    def reason(self) -> str | None:
        """The reason of a refused handshake."""
        self.look()
        return None if self.response is None else self.response.headers.get("X-Counterseal-Reason")

    @property
    def status(self) -> int:
        """The status of the handshake's answer, 0 for none."""
        self.look()
        return 0 if self.response is None else self.response.status_code


class Rig:
    """The gateway between bots and the exchange. `draw` gives the middle of what may be drawn."""

    def __init__(self, home: Path) -> None:
        self.gateway = GatewayRig()
        self.clock = self.gateway.clock
        self.exchange = Exchange(home, self.clock)
        self.told: list[dict[str, Any]] = []
        self.manner = "close"
        self.hub = Hub(
            self.clock, STREAM_HOSTS["paper"], self.exchange.dial, lambda n: n // 2, self.gateway.tasks,
            lambda **fields: self.told.append(fields), lambda: self.manner,
        )  # fmt: skip
        upgrades = Upgrades(self.hub, SERVED, self.gateway.log)
        rig = self.gateway
        turn = Turn(rig.journal, rig.signer, None, self.clock)
        plane = Plane(
            Parts(
                state=rig.state, venue=rig.venue, signer=rig.signer, verifier=SignatureVerifier(), journal=rig.journal,
                turn=turn, tasks=rig.tasks, log=rig.log, draw=lambda n: n // 2, upgrade=upgrades.judge,
            )
        )  # fmt: skip
        self.door = Door(plane.handler, turn, self.clock, rig.tasks, 512, streams=upgrades)
        self.door.start()
        self.hub.start()
        self.bots: list[Bot] = []

    def connection(self) -> asyncio.Protocol:
        """What a bot connects to."""
        return BotConnection(self.door)

    def bot(self, path: str, **more: Any) -> Bot:
        """Connect a bot."""
        bot = Bot(self, path, **more).connect()
        self.bots.append(bot)
        return bot

    async def wait(self, seconds: float, step_s: float = STEP_S) -> None:
        """Let time pass for everybody."""
        for _ in range(round(seconds / step_s)):
            await self.clock.advance(step_s)
            self.exchange.exchange.tick()
            await self.clock.advance(0)
            for bot in self.bots:
                bot.look()

    async def idle(self, seconds: float, step_s: float) -> None:
        """Let time pass for connections alone: nothing happens in the markets, and few turns of the loop settle it."""
        self.clock._settle = _a_few_turns  # type: ignore[method-assign]  # this clock's alone
        for _ in range(round(seconds / step_s)):
            await self.clock.advance(step_s)
            self.exchange.exchange.realtime.tick(self.exchange.now_ms)
            await self.clock.advance(0)
            for bot in self.bots:
                bot.look()
        del self.clock._settle

    async def end(self) -> None:
        """Stop; nothing may have failed."""
        self.hub.close()
        await self.gateway.end()


async def _a_few_turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def with_rig(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Run a test's coroutine with a rig."""

    def run(tmp_path: Path) -> None:
        async def whole() -> None:
            rig = Rig(tmp_path)
            await test(rig)
            await rig.end()

        asyncio.run(whole())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
