"""Streams on real sockets and real TLS: how connections begin, end and break where frames alone cannot tell."""

# ruff: noqa: TID251 - sockets take real time

import asyncio
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.gateway.rig import HOST
from tests.gateway.streams.floods import CLOSE, PING, UNMASKED, command, frame
from tests.gateway.streams.rig import Rig
from tests.homes import make_home

from counterseal.adapters import ca_store
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls_server import ServerTls
from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.gateway.connect import Front, Named

NAME = "stream.binance.com"
ASKED = command("SUBSCRIBE", '["btcusdt@trade"]') + command("LIST_SUBSCRIPTIONS", asked="2")
ANSWERS = [{"result": None, "id": 1}, {"result": ["btcusdt@trade"], "id": 2}]


@pytest.fixture(name="home", scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = make_home(tmp_path_factory.mktemp("home") / "home")
    ca_store.keep_current(home, SystemClock().wall_ns() // 1_000_000)
    return home


def handshake(host: str) -> bytes:
    """A client's request."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    return f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode()


class Line:
    """A bot's connection, blocking. With TLS the bot has the records in its own hands: it can half-close."""

    def __init__(self, port: int, trust: Path | None) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = None
        if trust is not None:
            context = ssl.create_default_context(cafile=str(trust))
            self._tls = context.wrap_bio(self._in, self._out, server_hostname=NAME)
            self._retry(self._tls.do_handshake)
        self.buffer = b""

    def _retry(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                self._push()
                data = self.sock.recv(65_536)
                self._in.write(data) if data else self._in.write_eof()
            finally:
                self._push()

    def _push(self) -> None:
        if data := self._out.read():
            self.sock.sendall(data)

    def send(self, data: bytes, piece: int = 65_536) -> None:
        """Send it in pieces, each of them a TLS record where there is TLS."""
        for start in range(0, len(data), piece):
            if self._tls is None:
                self.sock.sendall(data[start : start + piece])
            else:
                self._tls.write(data[start : start + piece])
                self._push()

    def half_close(self) -> None:
        """Say that nothing more is sent, and go on reading."""
        if self._tls is None:
            self.sock.shutdown(socket.SHUT_WR)
            return
        with pytest.raises(ssl.SSLWantReadError):
            # What is here already must not come behind our end.
            while self._tls.read(65_536):
                pass
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._push()

    def recv(self) -> bytes:
        """Give what comes; nothing at an orderly end, raises at any other."""
        if self._tls is None:
            return self.sock.recv(65_536)
        tls = self._tls
        try:
            return bytes(self._retry(lambda: tls.read(65_536)))
        except ssl.SSLZeroReturnError:
            return b""

    def opened(self) -> "Line":
        """Read the answer to the handshake."""
        while b"\r\n\r\n" not in self.buffer:
            more = self.recv()
            assert more, self.buffer
            self.buffer += more
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        return self

    def frame(self) -> tuple[int, bytes]:
        """Read one frame of the gateway: its first byte and what is in it."""
        while len(self.buffer) < 2 or len(self.buffer) < 2 + self.buffer[1]:
            more = self.recv()
            assert more, "the end came in the midst of a frame"
            self.buffer += more
        first, end = self.buffer[0], 2 + self.buffer[1]
        data, self.buffer = self.buffer[2:end], self.buffer[end:]
        return first, data

    def answers(self) -> list[Any]:
        """Read the answers to what was asked, whatever else comes."""
        found: list[Any] = []
        while len(found) < len(ANSWERS):
            first, data = self.frame()
            if first == 0x81 and b'"result"' in data:
                found.append(json.loads(data))
        return found

    def code(self) -> int:
        """Read on to the goodbye; gives its code."""
        while True:
            first, data = self.frame()
            if first == 0x88:
                return int.from_bytes(data[:2], "big")

    def reset(self) -> None:
        """Be gone, as a host that has crashed tells it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Rim:
    """Where bots reach the gateway: as a base URL, and under the exchange's name by TLS."""

    def __init__(self, plain: int, tls: int, trust: Path) -> None:
        self._plain, self._tls, self._trust = plain, tls, trust
        self.bots = 0

    @contextmanager
    def line(self, way: str) -> Iterator[Line]:
        """Connect by the way A (plain) or C (TLS)."""
        line = Line(self._plain, None) if way == "A" else Line(self._tls, self._trust)
        with line.sock:
            yield line

    @contextmanager
    def stream(self, way: str, piece: int = 65_536) -> Iterator[Line]:
        """Connect, and ask for the other protocol."""
        with self.line(way) as line:
            line.send(handshake(HOST if way == "A" else NAME), piece)
            yield line.opened()

    def until(self, bots: int) -> float:
        """Wait until the gateway knows of so many bots; gives the seconds."""
        begun = time.monotonic()
        while self.bots != bots:
            assert time.monotonic() - begun < 5, f"{self.bots} bots"
            time.sleep(0.005)
        return time.monotonic() - begun


def on_the_rim(home: Home, folder: Path, bot: Callable[[Rim], None]) -> None:
    """Run a bot's blocking code in a thread while time passes; nothing is left behind, and nothing was raised."""

    async def run() -> None:
        faults: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, fault: faults.append(fault))
        rig = Rig(folder)
        front = Front(rig.door, ServerTls(CaFiles(home).leaf), BOT_HOSTS["paper"], rig.gateway.log)
        listener = socket.create_server(("127.0.0.1", 0))
        front.open(Named(None, (listener,)))
        server = await loop.create_server(rig.connection, "127.0.0.1", 0)
        rim = Rim(server.sockets[0].getsockname()[1], listener.getsockname()[1], CaFiles(home).certificate())
        work = loop.run_in_executor(None, bot, rim)
        try:
            while not work.done() or rig.door.open:
                await rig.wait(0.1)
                rim.bots = rig.hub.report()["bots"]
                # At most ten times as fast as the bot's thread lives: no deadline is over because a host is busy.
                await asyncio.sleep(0.01)
            await work
        finally:
            # Left open, the end of the loop would wait for them for ever.
            front.drain()
            server.close()
            listener.close()
            for held in list(rig.door.open):
                held.drain()
        assert (rig.door.open, dict(rig.door.per_source), faults) == (set(), {}, [])
        await rig.end()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(run(), 20))


ways = pytest.mark.parametrize("way", ["A", "C"])


@ways
def test_byte_by_byte(home: Home, tmp_path: Path, way: str) -> None:
    """Each byte a packet, and with TLS a record: handshake, commands, goodbye."""

    def bot(rim: Rim) -> None:
        with rim.stream(way, piece=1) as line:
            line.send(ASKED, piece=1)
            assert line.answers() == ANSWERS
            line.send(frame(CLOSE, b"\x03\xe8"), piece=1)
            assert line.code() == 1000
            assert line.recv() == b""

    on_the_rim(home, tmp_path, bot)


@ways
def test_a_bot_that_says_no_more_is_answered_and_let_go(home: Home, tmp_path: Path, way: str) -> None:
    """Half-closed behind its commands: the answers come, then an orderly end, and nobody listens any more."""

    def bot(rim: Rim) -> None:
        with rim.stream(way) as line:
            line.send(ASKED)
            assert line.answers() == ANSWERS
            rim.until(bots=1)
            line.half_close()
            while line.recv():
                pass
            rim.until(bots=0)

    on_the_rim(home, tmp_path, bot)


@ways
@pytest.mark.parametrize("manner", ["ended", "reset"])
def test_a_bot_that_vanishes_is_forgotten(home: Home, tmp_path: Path, way: str, manner: str) -> None:
    """Without a goodbye and without an end of its TLS session, in the midst of a frame, while it is being sent to."""

    def bot(rim: Rim) -> None:
        for sent in (b"", ASKED, ASKED[:20], frame(PING) * 50, UNMASKED):
            with rim.stream(way) as line:
                rim.until(bots=1)
                line.send(sent)
                if manner == "reset":
                    line.reset()
            assert rim.until(bots=0) < 2

    on_the_rim(home, tmp_path, bot)


@ways
def test_a_goodbye_is_read_whatever_was_sent_behind_the_fault(home: Home, tmp_path: Path, way: str) -> None:
    """It is not lost to a reset because bytes were left unread."""

    def bot(rim: Rim) -> None:
        with rim.stream(way) as line:
            line.send(UNMASKED + b"x" * 100_000)
            time.sleep(0.1)
            assert line.code() == 1002
            assert line.recv() == b""

    on_the_rim(home, tmp_path, bot)


@ways
def test_a_bot_that_does_not_go_is_hung_up_on(home: Home, tmp_path: Path, way: str) -> None:
    """It was told, and neither answers nor ends: two seconds later there is no connection, on this clock soon."""

    def bot(rim: Rim) -> None:
        with rim.stream(way) as line:
            line.send(UNMASKED)
            assert line.code() == 1002
            line.sock.settimeout(5)
            with pytest.raises(OSError):  # a reset or a broken pipe
                for _ in range(500):
                    line.sock.sendall(b"x")
                    time.sleep(0.01)

    on_the_rim(home, tmp_path, bot)


def test_a_flood_behind_the_goodbye_is_cut_off(home: Home, tmp_path: Path) -> None:
    """Without waiting: what is thrown away is read too."""

    def bot(rim: Rim) -> None:
        with rim.stream("A") as line:
            begun = time.monotonic()
            with pytest.raises(OSError):  # a reset or a broken pipe
                for _ in range(1_000):
                    line.send(frame(PING) * 10_000)
            assert time.monotonic() - begun < 5

    on_the_rim(home, tmp_path, bot)
