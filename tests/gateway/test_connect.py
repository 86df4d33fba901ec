"""Greeting of connections that name their host: the grammar of CONNECT, TLS, server names, deadlines, the cap.

Real sockets and real TLS on uvloop, in front of the rig's gateway. A bot is a thread with blocking sockets.
"""

# ruff: noqa: TID251 - deadlines of sockets are real time

import asyncio
import errno
import json
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.gateway.rig import Rig
from tests.homes import make_home

from counterseal.adapters import ca_store
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls_server import ServerTls
from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.gateway import connect
from counterseal.gateway.connect import Front, Named
from counterseal.gateway.listener import Door
from counterseal.gateway.turn import Turn

TIME = b"GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"
CAP = 4


@pytest.fixture(name="home", scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = make_home(tmp_path_factory.mktemp("home") / "home")
    ca_store.keep_current(home, SystemClock().wall_ns() // 1_000_000)
    return home


class QuietLog:
    """A log whose lines a test can look at."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **_fields: Any) -> None:
        self.lines.append(event)

    critical = error = warning = info


@dataclass
class Rim:
    """The front on real sockets, and what bots need to reach it."""

    rig: Rig
    front: Front
    door: Door
    log: QuietLog
    proxy: int
    tls: int
    trust: Path

    # -- a bot's side, blocking

    def dial(self, port: int | None = None) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.proxy if port is None else port), 5)

    def tunnel(self, target: str = "api.binance.com:443") -> socket.socket:
        sock = self.dial()
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert read_reply(sock)[0] == 200
        return sock

    def secure(self, sock: socket.socket, name: str | None = "api.binance.com", **options: Any) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.trust))
        for option, value in options.items():
            setattr(context, option, value)
        context.check_hostname = name is not None
        return context.wrap_socket(sock, server_hostname=name)

    # -- what the gateway knows

    def reasons(self) -> list[str]:
        return [entry["reason"] for entry in self.rig.journal.of("denied")]


def read_reply(sock: socket.socket) -> tuple[int, str | None, Any]:
    """Read one answer: (status, reason header, body)."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(4096)
        assert more, f"closed after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    while len(body) < int(lines.get("Content-Length", 0)):
        body += sock.recv(4096)
    return int(head.split(b" ")[1]), lines.get("X-Counterseal-Reason"), json.loads(body) if body else None


def is_closed(sock: socket.socket) -> bool:
    """Tell whether the gateway ended the connection in an orderly way: the last answer could be read."""
    sock.settimeout(3)
    return sock.recv(1) == b""


def refusal(sock: socket.socket) -> str:
    """Read a refusal that ends the connection; gives its reason."""
    status, reason, body = read_reply(sock)
    assert status >= 400 and body["code"] in (-1100, -1003, -1002) and body["msg"] and reason
    assert is_closed(sock)
    return reason


Bot = Callable[[Rim], Any]


def on_the_rim(home: Home, bot: Bot, *, after: Callable[[Rim], Awaitable[None]] | None = None) -> Rim:
    """Run a bot's blocking code in a thread against a fresh front; then nothing may be left behind."""

    async def run() -> Rim:
        rig = await Rig().warm()
        turn = Turn(rig.journal, rig.signer, None, rig.clock)
        door, log = Door(rig.handler, turn, rig.clock, rig.tasks, max_per_source=CAP), QuietLog()
        front = Front(door, ServerTls(CaFiles(home).leaf), BOT_HOSTS["paper"], log)
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        front.open(Named(listeners[0], (listeners[1],)))
        ports = [listener.getsockname()[1] for listener in listeners]
        rim = Rim(rig, front, door, log, *ports, CaFiles(home).certificate())
        await asyncio.get_running_loop().run_in_executor(None, bot, rim)
        if after is not None:
            await after(rim)
        front.drain()
        for connection in list(door.open):
            connection.drain()
        for _ in range(200):
            if not door.open and not rig.tasks._running:
                break
            await asyncio.sleep(0.01)
        assert not door.open and not door.per_source, (door.open, door.per_source)
        for listener in listeners:
            listener.close()
        await rig.end()
        return rim

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


# -- what works


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_request_through_the_proxy(home: Home, version: ssl.TLSVersion) -> None:
    """And a second one on the same connection; the record has no refusal."""

    def bot(rim: Rim) -> None:
        with rim.secure(rim.tunnel(), minimum_version=version, maximum_version=version) as sock:
            for _ in range(2):
                sock.sendall(TIME)
                status, _, body = read_reply(sock)
                assert status == 200 and "serverTime" in body

    assert on_the_rim(home, bot).reasons() == []


def test_a_request_by_tls_alone(home: Home) -> None:
    def bot(rim: Rim) -> None:
        with rim.secure(rim.dial(rim.tls), "fapi.binance.com") as sock:
            sock.sendall(b"GET /fapi/v1/time HTTP/1.1\r\nHost: fapi.binance.com\r\n\r\n")
            assert read_reply(sock)[0] == 200

    assert on_the_rim(home, bot).reasons() == []


def test_a_client_may_send_its_hello_with_the_connect(home: Home) -> None:
    """Not one byte of it is lost."""

    def bot(rim: Rim) -> None:
        context = ssl.create_default_context(cafile=str(rim.trust))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="api.binance.com")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        with rim.dial() as sock:
            sock.sendall(b"CONNECT api.binance.com:443 HTTP/1.1\r\n\r\n" + outgoing.read())
            data = b""
            while b"\r\n\r\n" not in data or len(data) < 200:
                data += sock.recv(4096)
            incoming.write(data.partition(b"\r\n\r\n")[2])
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    incoming.write(sock.recv(4096))
            assert tls.version() == "TLSv1.3"

    on_the_rim(home, bot)


def test_connect_byte_by_byte(home: Home) -> None:
    def bot(rim: Rim) -> None:
        with rim.dial() as sock:
            for byte in b"CONNECT stream.binance.com:9443 HTTP/1.1\r\nHost: stream.binance.com:9443\r\n\r\n":
                sock.sendall(bytes([byte]))
            assert read_reply(sock)[0] == 200
            with rim.secure(sock, "stream.binance.com") as secure:
                secure.sendall(
                    b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: stream.binance.com:9443\r\nUpgrade: websocket\r\n\r\n"
                )
                assert read_reply(secure)[1] == "websocket_not_available"

    on_the_rim(home, bot)


def test_sessions_are_resumed(home: Home) -> None:
    """On uvloop's TLS too."""

    def bot(rim: Rim) -> None:
        context = ssl.create_default_context(cafile=str(rim.trust))
        session = None
        for expected in (False, True):
            sock = context.wrap_socket(rim.dial(rim.tls), server_hostname="api.binance.com", session=session)
            with sock:
                sock.sendall(TIME)
                assert read_reply(sock)[0] == 200
                assert sock.session_reused is expected
                session = sock.session

    on_the_rim(home, bot)


# -- what the proxy refuses


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("CONNECT example.com:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT api.binance.com:80 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT api.binance.com:9443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT www.binance.com:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT testnet.binance.vision:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT api.binance.com.example.com:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT api.binance.com.:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        ("CONNECT api.binance.com:443 HTTP/1.1\r\nHost: fapi.binance.com:443\r\n\r\n", "host_mismatch"),
        ("GET http://api.binance.com/api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n", "connect_only"),
        ("GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n", "connect_only"),
        ("POST http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "connect_only"),
        ("connect api.binance.com:443 HTTP/1.1\r\n\r\n", "malformed_request_line"),
        ("CONNECT api.binance.com:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding"),
        ("CONNECT api.binance.com:443 HTTP/1.1\r\nX: " + "y" * 17_000 + "\r\n\r\n", "head_too_large"),
    ],
)
@pytest.mark.threat(32)
def test_the_proxy_goes_nowhere_else(home: Home, head: str, reason: str) -> None:
    """One answer in the exchange's shape, the connection ended, the refusal recorded, nothing connected."""

    def bot(rim: Rim) -> None:
        with rim.dial() as sock:
            sock.sendall(head.encode())
            assert refusal(sock) == reason

    rim = on_the_rim(home, bot)
    assert rim.reasons() == [reason]
    assert rim.rig.venue.sent == []


@pytest.mark.parametrize("way", ["proxy", "tls"])
def test_plain_bytes_where_tls_belongs(home: Home, way: str) -> None:
    """A clear answer in plain HTTP."""

    def bot(rim: Rim) -> None:
        with rim.tunnel() if way == "proxy" else rim.dial(rim.tls) as sock:
            sock.sendall(TIME)
            assert refusal(sock) == "tls_expected"

    assert on_the_rim(home, bot).reasons() == ["tls_expected"]


def test_tls_to_the_proxy_itself(home: Home) -> None:
    """An `https://` proxy is not offered: its ClientHello is no request line."""

    def bot(rim: Rim) -> None:
        with rim.dial() as sock, pytest.raises(ssl.SSLError):
            rim.secure(sock)

    assert on_the_rim(home, bot).reasons() == ["malformed_request_line"]


# -- names


@pytest.mark.parametrize("name", ["fapi.binance.com", "example.com", None])
def test_the_server_name_must_be_the_target_s(home: Home, name: str | None) -> None:
    """Another host of the exchange, a stranger, none at all. The client is told inside TLS, where it verified."""

    def bot(rim: Rim) -> None:
        sock = rim.tunnel()
        context = ssl.create_default_context(cafile=str(rim.trust))
        context.check_hostname = False
        with context.wrap_socket(sock, server_hostname=name) as secure:
            assert refusal(secure) == "server_name_mismatch"

    assert on_the_rim(home, bot).reasons() == ["server_name_mismatch"]


@pytest.mark.parametrize("name", ["example.com", "www.binance.com", "testnet.binance.vision", None])
def test_by_tls_alone_the_name_must_be_a_host(home: Home, name: str | None) -> None:
    def bot(rim: Rim) -> None:
        context = ssl.create_default_context(cafile=str(rim.trust))
        context.check_hostname = False
        with context.wrap_socket(rim.dial(rim.tls), server_hostname=name) as secure:
            secure.sendall(TIME)
            assert refusal(secure) == "server_name_mismatch"

    rim = on_the_rim(home, bot)
    assert rim.reasons() == ["server_name_mismatch"]
    assert rim.rig.venue.sent == []


@pytest.mark.parametrize("way", ["proxy", "tls"])
@pytest.mark.threat(31)
def test_the_host_header_must_be_the_server_name(home: Home, way: str) -> None:
    """The connection stays: the next request may be right."""

    def bot(rim: Rim) -> None:
        with rim.secure(rim.tunnel() if way == "proxy" else rim.dial(rim.tls)) as sock:
            sock.sendall(TIME.replace(b"Host: api", b"Host: fapi"))
            assert read_reply(sock)[:2] == (403, "host_mismatch")
            sock.sendall(TIME)
            assert read_reply(sock)[0] == 200

    assert on_the_rim(home, bot).reasons() == ["host_mismatch"]


def test_a_client_that_does_not_trust_the_ca_is_told_to_the_operator(home: Home) -> None:
    """The most usual mistake: the bot sees its own TLS error, the journal says what to do."""

    def bot(rim: Rim) -> None:
        with rim.tunnel() as sock, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(sock, server_hostname="api.binance.com")

    assert on_the_rim(home, bot, after=_settled("ca_not_trusted")).reasons() == ["ca_not_trusted"]


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x00\x05nonse", b"\x16" + b"\xff" * 300])
def test_a_broken_handshake_ends(home: Home, garbage: bytes) -> None:
    def bot(rim: Rim) -> None:
        with rim.dial(rim.tls) as sock:
            sock.sendall(garbage)
            try:
                while sock.recv(4096):
                    pass  # a TLS alert
            except ConnectionResetError:
                pass

    assert on_the_rim(home, bot, after=_settled("tls_failed")).reasons() == ["tls_failed"]


# -- time and numbers


@pytest.mark.parametrize("sent", [b"", b"CONNECT api.binance", b"CONNECT api.binance.com:443 HTTP/1.1\r\nX: 1\r\n"])
@pytest.mark.threat(36)
def test_a_slow_connect_has_a_deadline(home: Home, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "HEAD_S", 0.3)

    def bot(rim: Rim) -> None:
        with rim.dial() as sock:
            sock.sendall(sent)
            assert refusal(sock) == "header_timeout"

    assert on_the_rim(home, bot).reasons() == ["header_timeout"]


@pytest.mark.threat(36)
def test_a_dripping_connect_has_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes do not extend it."""
    monkeypatch.setattr(connect, "HEAD_S", 0.5)

    def bot(rim: Rim) -> None:
        began = time.monotonic()
        with rim.dial() as sock:
            for byte in b"CONNECT api.bi":
                sock.sendall(bytes([byte]))
                time.sleep(0.05)
            assert refusal(sock) == "header_timeout"
        assert time.monotonic() - began < 1.5

    on_the_rim(home, bot)


@pytest.mark.parametrize("way", ["proxy", "tls"])
@pytest.mark.threat(36)
def test_a_silent_client_has_a_deadline_before_tls(home: Home, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "TLS_S", 0.3)

    def bot(rim: Rim) -> None:
        with rim.tunnel() if way == "proxy" else rim.dial(rim.tls) as sock:
            assert refusal(sock) == "header_timeout"

    assert on_the_rim(home, bot).reasons() == ["header_timeout"]


@pytest.mark.threat(36)
def test_a_handshake_that_stands_still_has_a_deadline(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first bytes are there; the rest never comes."""
    monkeypatch.setattr(connect, "TLS_S", 0.5)

    def bot(rim: Rim) -> None:
        with rim.dial(rim.tls) as sock:
            sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            assert is_closed(sock)

    assert on_the_rim(home, bot, after=_settled("tls_failed")).reasons() == ["tls_failed"]


def test_a_client_that_goes_leaves_nothing(home: Home) -> None:
    """At every stage; nobody is refused, nothing is recorded."""

    def bot(rim: Rim) -> None:
        rim.dial().close()
        rim.tunnel().close()
        rim.dial(rim.tls).close()
        with rim.dial() as sock:
            sock.sendall(b"CONNECT api")

    assert on_the_rim(home, bot).reasons() == []


@pytest.mark.threat(65)
def test_every_stage_counts_among_the_connections_of_its_source(home: Home) -> None:
    """Greeted or in TLS: the cap is one for both listeners; a freed place can be taken."""

    def bot(rim: Rim) -> None:
        held: list[socket.socket] = [rim.dial(), rim.tunnel(), rim.secure(rim.tunnel()), rim.dial(rim.tls)]
        assert len(held) == CAP
        with rim.dial() as one_more:
            assert refusal(one_more) == "too_many_connections"
        with rim.dial(rim.tls) as one_more:
            assert refusal(one_more) == "too_many_connections"
        held.pop(0).close()
        time.sleep(0.1)
        with rim.secure(rim.tunnel()) as sock:
            sock.sendall(TIME)
            assert read_reply(sock)[0] == 200
        for sock in held:
            sock.close()

    assert on_the_rim(home, bot).reasons() == ["too_many_connections"] * 2


def test_of_many_at_once_as_many_as_the_cap_get_in(home: Home) -> None:
    """Those over it take no place, also while they are told."""

    def bot(rim: Rim) -> None:
        many = [rim.dial() for _ in range(3 * CAP)]
        answers = []
        for sock in many:
            try:
                sock.sendall(b"CONNECT api.binance.com:443 HTTP/1.1\r\n\r\n")
                answers.append(read_reply(sock)[0])
            except ConnectionError:
                answers.append(429)  # hung up before it could be read
        assert sorted(answers) == [200] * CAP + [429] * 2 * CAP
        for sock in many[:CAP]:
            with rim.secure(sock) as secure:
                secure.sendall(TIME)
                assert read_reply(secure)[0] == 200
        for sock in many:
            sock.close()

    assert on_the_rim(home, bot).reasons() == ["too_many_connections"] * 2 * CAP


def test_without_free_descriptors_accepting_waits_a_moment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not spin; who waits in the queue is served after it."""

    class Exhausted(socket.socket):
        """A listening socket in a process that has no descriptor left, for its first two tries."""

        tries = 0

        def accept(self) -> Any:
            Exhausted.tries += 1
            if Exhausted.tries <= 2:
                raise OSError(errno.EMFILE if Exhausted.tries == 1 else errno.ECONNABORTED, "scripted")
            return super().accept()

    async def run() -> None:
        rig = await Rig().warm()
        turn, log = Turn(rig.journal, rig.signer, None, rig.clock), QuietLog()
        front = Front(Door(rig.handler, turn, rig.clock, rig.tasks, CAP), ServerTls(CaFiles(home).leaf), {}, log)
        made = socket.create_server(("127.0.0.1", 0))
        with Exhausted(fileno=made.detach()) as listener:
            front.open(Named(listener))
            with socket.create_connection(listener.getsockname(), 5):
                await asyncio.sleep(0.2)
                assert (Exhausted.tries, log.lines) == (1, ["connections cannot be accepted"])
                await rig.clock.advance(connect.BREATH_S + 0.1)
                await asyncio.sleep(0.2)
                assert Exhausted.tries >= 3 and front.door.per_source == {"loopback": 1}
            front.drain()
            await asyncio.sleep(0.1)
        await rig.end()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def test_draining_ends_who_is_being_greeted(home: Home) -> None:
    """And idle connections at once, though they do not read."""
    held: list[socket.socket] = []

    def bot(rim: Rim) -> None:
        idle = rim.secure(rim.tunnel())
        held.extend([rim.dial(), rim.tunnel(), idle, rim.dial(rim.tls)])

    began = time.monotonic()
    on_the_rim(home, bot)
    assert time.monotonic() - began < 2
    for sock in held:
        sock.settimeout(2)
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            pass
        sock.close()


def test_a_new_leaf_is_taken_up_while_a_connection_is_open(home: Home) -> None:
    """The old connection serves on under the old certificate, the next one has the new."""
    serials: list[str] = []
    held: list[ssl.SSLSocket] = []

    def first(rim: Rim) -> None:
        held.append(rim.secure(rim.dial(rim.tls)))

    async def renew(rim: Rim) -> None:
        ca_store.renew_leaf(home, SystemClock().wall_ns() // 1_000_000)
        await rim.rig.clock.advance(connect.REFRESH_S + 0.1)
        assert "new certificate in use" in rim.log.lines
        await asyncio.get_running_loop().run_in_executor(None, second, rim)

    def second(rim: Rim) -> None:
        held.append(rim.secure(rim.dial(rim.tls)))
        for sock in held:
            sock.sendall(TIME)
            assert read_reply(sock)[0] == 200
            certificate = sock.getpeercert()
            assert certificate is not None
            serials.append(str(certificate["serialNumber"]))
            sock.close()

    on_the_rim(home, first, after=renew)
    assert len(set(serials)) == 2


def _settled(reason: str) -> Callable[[Rim], Awaitable[None]]:
    """Wait until a refusal that the client is not told is recorded."""

    async def wait(rim: Rim) -> None:
        for _ in range(300):
            if reason in rim.reasons():
                return
            await asyncio.sleep(0.01)

    return wait
