"""Orders over REST and over the WebSocket API, one after the other through the same gateway, for `ws_run.py`.

The installation and the stand-in exchange are those of `run.py`. The ways take turns after few orders, so that what
else the machine does hits them alike.
"""

from __future__ import annotations

import base64
import gc
import hmac
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import contestants
import orders
import processes
import ws_results as results
from contestants import Place, Upstream
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ours import SOURCES, Installation
from processes import Child, Cores
from programs import ProgramMissing, Programs
from ws_contestants import PRODUCT
from ws_results import OrderBatch, Orders

# (rounds, orders of each way in a round); the ways take turns after so many orders.
WHOLE, SHORT, TURN = (10, 400), (3, 80), 20
WARM_UP = 40
PATIENCE_S = 10
PARAMS = dict(parse_qsl(orders.PAIRS))
UPGRADE = (
    "GET /ws-api/v3 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, PING, PONG = 0x81, 0x89, 0x8A


@dataclass(frozen=True)
class Prepared:
    """An order whose every byte is ready; its answer begins with `begins` and holds `echo`."""

    octets: bytes
    begins: bytes
    echo: bytes


@dataclass(frozen=True)
class Way:
    """How an order goes in: `prepare` makes so many, `ask` sends one and gives its answer."""

    prepare: Callable[[int], list[Prepared]]
    ask: Callable[[bytes], bytes]


def measure(directory: Path, cores: Cores, *, is_short: bool) -> Orders:
    """Measure all ways in turn. Where a program is missing, nothing is, and `missing` says which."""
    try:
        programs = Programs.find()
    except ProgramMissing as reason:
        return Orders(missing=str(reason))
    directory.mkdir()
    place = Place(directory, cores, programs, orders.Credential.random())
    rounds, size = SHORT if is_short else WHOLE
    with ExitStack() as stack:
        upstream = contestants.start_upstream(place)
        stack.callback(upstream.child.close)
        installation = Installation(directory, upstream.port, upstream.certificates.ca, "hmac", SOURCES)
        session = _mint_for_sessions(installation, directory)
        gateway = installation.start(cores.contestant, directory / "up.log")
        stack.callback(gateway.close)
        found = _take_turns(_ways(stack, installation, *session), gateway, upstream, rounds, size)
        seen = contestants.seen_by(upstream)
        found.misdirected = installation.outbound.fault(str(seen["key"]), str(seen["pairs"])) or ""
        return found


def _take_turns(ways: Mapping[str, Way], gateway: Child, upstream: Upstream, rounds: int, size: int) -> Orders:
    found, cpu = Orders(), CpuTime(gateway)
    for way in ways.values():
        _batch(way, cpu, WARM_UP)
    before = _arrived(upstream)
    for _ in range(rounds):
        turns: dict[str, list[OrderBatch]] = {title: [] for title in ways}
        for number in range(size // TURN):
            for title in list(ways)[:: -1 if number % 2 else 1]:
                turns[title].append(_batch(ways[title], cpu, TURN))
        for title, batches in turns.items():
            found.add(title, OrderBatch.joined(batches))
    found.extra = _arrived(upstream) - before - rounds * size * len(ways)
    return found


def _arrived(upstream: Upstream) -> int:
    return int(str(contestants.seen_by(upstream)["count"]))


def _batch(way: Way, cpu: CpuTime, size: int) -> OrderBatch:
    """Time `size` orders, each to the last byte of its answer."""
    prepared, taken_ns, faults = way.prepare(size), [], []
    gc.collect(0)
    gc.disable()
    try:
        spent_ns = cpu.spent_ns()
        for one in prepared:
            begun_ns = time.perf_counter_ns()
            answer = way.ask(one.octets)
            taken_ns.append(time.perf_counter_ns() - begun_ns)
            if not answer.startswith(one.begins) or one.echo not in answer:
                faults.append(answer[:160].decode("ascii", "replace"))
        return OrderBatch(tuple(taken_ns), cpu.spent_ns() - spent_ns, tuple(faults))
    finally:
        gc.enable()


class CpuTime:
    """The CPU time of all threads of all our processes; a turn is too short for the kernel's ticks."""

    def __init__(self, gateway: Child) -> None:
        self._processes = list(processes.process_tree(gateway.pid))

    def spent_ns(self) -> int:
        """Give it so far."""
        threads = [thread for one in self._processes for thread in Path(f"/proc/{one}/task").glob("*/schedstat")]
        return sum(int(thread.read_text().split()[0]) for thread in threads)


# -- ways


def _ways(
    stack: ExitStack, installation: Installation, session_key: str, private: Ed25519PrivateKey
) -> Mapping[str, Way]:
    port = installation.port
    rest, *wires = [stack.enter_context(_connected(port)) for _ in range(3)]
    signed, logged_on = (Socket(wire, port) for wire in wires)
    _log_on(logged_on, session_key, private)
    return {
        results.REST: Way(lambda size: list(_requests(installation, size)), lambda octets: _http(rest, octets)),
        results.SIGNED: Way(lambda size: list(_frames(installation.bot, size)), signed.ask),
        results.LOGGED_ON: Way(lambda size: list(_frames(None, size)), logged_on.ask),
    }


def _requests(installation: Installation, size: int) -> Iterator[Prepared]:
    head = orders.headers(installation.bot, f"127.0.0.1:{installation.port}")
    for order in orders.sign_orders(installation.bot, size, orders.now_ms()):
        octets = f"POST {order.target} HTTP/1.1\r\n{head}".encode()
        yield Prepared(octets, b"HTTP/1.1 200 ", _echo(order.client_order_id))


_NUMBERS = count(1)


def _frames(credential: orders.Credential | None, size: int) -> Iterator[Prepared]:
    """Make `order.place` requests; without a credential the connection's session speaks for them."""
    batch = secrets.token_hex(6)
    for number in range(size):
        own_id = f"bench-{batch}-{number}"
        params = {**PARAMS, "newClientOrderId": own_id, "recvWindow": orders.RECV_WINDOW_MS}
        params["timestamp"] = orders.now_ms()
        if credential is not None:
            params["apiKey"] = credential.api_key
            params["signature"] = hmac.digest(credential.secret, _payload(params), "sha256").hex()
        asked = next(_NUMBERS)
        yield Prepared(_request("order.place", asked, params), b'{"id":%d,"status":200,' % asked, _echo(own_id))


def _echo(client_order_id: str) -> bytes:
    return b'"clientOrderId":"%b"' % client_order_id.encode()


def _payload(params: Mapping[str, Any]) -> bytes:
    return "&".join(f"{name}={value}" for name, value in sorted(params.items())).encode()


def _mint_for_sessions(installation: Installation, directory: Path) -> tuple[str, Ed25519PrivateKey]:
    """Give the bot a second credential, of the kind that may log on."""
    private = Ed25519PrivateKey.generate()
    public, minted = directory / "session.pem", directory / "session.json"
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    words = ["bot", "mint", "bench", "--kind", "ed25519", "--public-key", str(public), "--out", str(minted)]
    command = [*PRODUCT, *words, "--home", str(installation.home)]
    subprocess.run(command, check=True, capture_output=True, env=SOURCES.environ())
    return str(json.loads(minted.read_text())["apiKey"]), private


def _log_on(wire: Socket, api_key: str, private: Ed25519PrivateKey) -> None:
    params: dict[str, Any] = {"apiKey": api_key, "timestamp": orders.now_ms()}
    params["signature"] = base64.b64encode(private.sign(_payload(params))).decode()
    answer = wire.ask(_request("session.logon", 0, params))
    if b'"status":200' not in answer:
        raise processes.ProcessFailed(f"the logon was refused: {answer!r}")


# -- the wire


def _connected(port: int) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def _http(wire: socket.socket, octets: bytes) -> bytes:
    """Send a request and give head and body of its answer."""
    wire.sendall(octets)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _received(wire)
    at = data.lower().index(b"\r\ncontent-length:", 0, end + 2) + 17
    whole = end + 4 + int(data[at : data.index(b"\r\n", at)])
    while len(data) < whole:
        data += _received(wire)
    return data


def _request(method: str, asked: int, params: Mapping[str, Any]) -> bytes:
    return _masked(TEXT, json.dumps({"id": asked, "method": method, "params": params}).encode())


def _masked(opcode: int, text: bytes) -> bytes:
    """Make a frame as a client sends it."""
    size, key = len(text), secrets.token_bytes(4)
    cover = int.from_bytes((key * (size // 4 + 1))[:size])
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes((opcode,)) + length + key + (int.from_bytes(text) ^ cover).to_bytes(size)


class Socket:
    """A connection to the WebSocket API after its handshake."""

    def __init__(self, wire: socket.socket, port: int) -> None:
        self._wire = wire
        self._data = b""
        wire.sendall(UPGRADE.format(port).encode())
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            self._data += _received(wire)
        if not self._data.startswith(b"HTTP/1.1 101 "):
            raise processes.ProcessFailed(f"no WebSocket: {self._data!r}")
        self._data = self._data[end + 4 :]

    def ask(self, octets: bytes) -> bytes:
        """Send a frame and give the text of the answer; pings in between are answered."""
        self._wire.sendall(octets)
        while True:
            opcode, data = self._next()
            if opcode == TEXT:
                return data
            if opcode != PING:
                raise processes.ProcessFailed(f"the connection ended: {data!r}")
            self._wire.sendall(_masked(PONG, data))

    def _next(self) -> tuple[int, bytes]:
        """Read one frame of at most 64 KiB."""
        self._have(2)
        begin, size = 2, self._data[1]
        if size == 126:
            self._have(4)
            begin, size = 4, int.from_bytes(self._data[2:4])
        self._have(begin + size)
        opcode, data = self._data[0], self._data[begin : begin + size]
        self._data = self._data[begin + size :]
        return opcode, data

    def _have(self, size: int) -> None:
        while len(self._data) < size:
            self._data += _received(self._wire)


def _received(wire: socket.socket) -> bytes:
    data = wire.recv(65536)
    if not data:
        raise processes.ProcessFailed("the gateway hung up")
    return data
