# ruff: noqa: TID251 - real processes live in real time
"""Every broken wire, seen by a real client over TLS: what arrives, how it ends, and that the order lives."""

import gzip
import json
import re
import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import sign
from tests.paper.test_server import Running, order

from counterseal.paper.admin_socket import ask
from counterseal.paper.faults_wire import PLANNERS

TCP_CLOSE = 7  # after a RST; after a FIN alone it is CLOSE_WAIT


class Wire:
    """A raw TLS client: sends one signed order and says what came back and how it ended."""

    def __init__(self, server: Running) -> None:
        self._server = server
        plain = socket.create_connection((server.endpoint["host"], server.endpoint["port"]), timeout=5)
        self.stream = server.context.wrap_socket(plain, server_hostname="api.binance.com", suppress_ragged_eofs=False)

    def place(self, client_id: str) -> None:
        query = order(f"&newClientOrderId={client_id}")
        head = f"POST /api/v3/order?{query}&signature={sign(self._server.key, query)} HTTP/1.1\r\nHost: x\r\n"
        self.stream.settimeout(3)
        self.stream.sendall(f"{head}X-MBX-APIKEY: {self._server.key.api_key}\r\n\r\n".encode())

    def read(self, seconds: float = 3, most: int = 1 << 30) -> tuple[bytes, str]:
        """Everything until the end: `fin`, `cut` (no close_notify), `reset`, or `open` after so many silent seconds."""
        data, until = bytearray(), time.monotonic() + seconds
        self.stream.setblocking(False)
        while len(data) < most:
            left = until - time.monotonic()
            if not self.stream.pending() and not select.select([self.stream], [], [], max(0, left))[0]:
                return bytes(data), "open"
            if len(data) < 4096:
                time.sleep(0.02)  # what came together is to be seen together
            was_reset = self._is_reset()
            try:
                piece = self.stream.recv(1 << 20)
            except ssl.SSLWantReadError:
                continue  # a session ticket, or half a record
            except (ssl.SSLEOFError, ConnectionResetError):
                return bytes(data), "reset" if was_reset else "cut"
            if not piece:
                return bytes(data), "fin"
            data += piece
            until = time.monotonic() + seconds
        return bytes(data), "open"

    def _is_reset(self) -> bool:
        """Asked of the kernel before reading: Python's TLS reports a RST as if it were a FIN, and answers a FIN that
        comes without close_notify with an alert, which is met by a RST.  The first byte is the state.
        """
        return self.stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("wire") / "home"
    running = Running(home, "--volatility", "0", "--no-limits", "--max-num-orders", "999", "--dns-port", "0")
    yield running
    assert running.stop() == 0


@pytest.fixture
def wire(server: Running) -> Iterator[Wire]:
    server.connection.close()
    with Wire(server) as made:
        yield made
    ask(server.home, {"do": "fault", "clear": True})


def fault(server: Running, kind: str, **more: Any) -> None:
    ask(server.home, {"do": "fault", "fault": kind, "match": {"path": "/api/v3/order", "method": "POST"}, **more})


def lives(server: Running, client_id: str) -> bool:
    now = time.time_ns() // 1_000_000
    query = f"symbol=BTCUSDT&origClientOrderId={client_id}&timestamp={now}"
    return server.call("GET", "/api/v3/order", query)[0] == 200


def parts(data: bytes) -> tuple[bytes, bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


# Before 3.11.4 the library tells an end without close_notify as an ordinary one.
CUT = "cut" if sys.version_info >= (3, 11, 4) else "fin"
# kind: (argument, how the connection ends, seconds to look)
ENDS: dict[str, tuple[str, str, float]] = {
    "reset": ("", "reset", 3), "tls_cut": ("", CUT, 3), "close": ("", "fin", 3), "stall": ("", "open", 0.4),
    "stall_after_headers": ("", "open", 0.4), "fin_in_body": ("", "fin", 3), "reset_in_body": ("", "reset", 3),
    "slow": ("20", "open", 0.6), "wrong_length": ("-5", "open", 0.4), "two_replies": ("", "open", 0.4),
    "other_reply": ("", "open", 0.4), "huge_body": ("3", "open", 1), "gzip_bomb": ("64", "open", 1),
    "informational": ("50", "open", 0.4), "redirect": ("308:https://127.0.0.1:1/x", "open", 0.4),
    "http10": ("", "fin", 3), "long_header": ("64", "open", 0.5),
}  # fmt: skip


def test_every_wire_has_a_row() -> None:
    assert set(ENDS) == set(PLANNERS)


@pytest.mark.parametrize("kind", ENDS)
def test_what_a_client_sees_and_that_the_order_lives(server: Running, wire: Wire, kind: str) -> None:
    argument, ending, seconds = ENDS[kind]
    fault(server, f"{kind}:{argument}" if argument else kind)
    wire.place(f"w-{kind}")
    began = time.monotonic()
    data, ended = wire.read(seconds, most=12 if kind == "slow" else 1 << 30)
    assert ended == ending, data[:200]
    assert kind != "slow" or time.monotonic() - began > 0.5, "twenty bytes a second"
    assert lives(server, f"w-{kind}")
    SEEN[kind](*parts(data), data)


def _nothing(head: bytes, body: bytes, data: bytes) -> None:
    assert data == b""


def _headers_only(head: bytes, body: bytes, data: bytes) -> None:
    assert head.startswith(b"HTTP/1.1 200") and body == b""


def _half(head: bytes, body: bytes, data: bytes) -> None:
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < length


def _whole(head: bytes, body: bytes, data: bytes) -> None:
    assert json.loads(body)["status"] == "NEW"


def _slow(head: bytes, body: bytes, data: bytes) -> None:
    assert data == b"HTTP/1.1 200"


def _short_length(head: bytes, body: bytes, data: bytes) -> None:
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert length == len(body) - 5


def _two(head: bytes, body: bytes, data: bytes) -> None:
    assert data.count(b"HTTP/1.1 200 OK") == 2


def _other(head: bytes, body: bytes, data: bytes) -> None:
    assert b"w-other_reply" not in body and json.loads(body) is not None


def _huge(head: bytes, body: bytes, data: bytes) -> None:
    assert len(body) > 3 << 20
    assert json.loads(body)["clientOrderId"] == "w-huge_body"


def _bomb(head: bytes, body: bytes, data: bytes) -> None:
    assert b"Content-Encoding: gzip" in head
    assert len(body) < 200_000
    assert len(gzip.decompress(body)) > 64 << 20


def _hints(head: bytes, body: bytes, data: bytes) -> None:
    assert data.count(b"HTTP/1.1 103") == 50
    assert b"HTTP/1.1 200" in data


def _moved(head: bytes, body: bytes, data: bytes) -> None:
    assert head.startswith(b"HTTP/1.1 308") and b"Location: https://127.0.0.1:1/x" in head


def _old(head: bytes, body: bytes, data: bytes) -> None:
    assert head.startswith(b"HTTP/1.0 200") and b"Content-Length" not in head
    _whole(head, body, data)


def _long(head: bytes, body: bytes, data: bytes) -> None:
    assert len(head) > 65_536
    _whole(head, body, data)


SEEN: dict[str, Any] = {
    "reset": _nothing, "tls_cut": _whole, "close": _nothing, "stall": _nothing, "stall_after_headers": _headers_only,
    "fin_in_body": _half, "reset_in_body": _half, "slow": _slow, "wrong_length": _short_length, "two_replies": _two,
    "other_reply": _other, "huge_body": _huge, "gzip_bomb": _bomb, "informational": _hints, "redirect": _moved,
    "http10": _old, "long_header": _long,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["reset", "stall", "close", "fin_in_body"])
def test_without_execution_no_order_lives(server: Running, wire: Wire, kind: str) -> None:
    fault(server, kind, when="before")
    wire.place(f"b-{kind}")
    wire.read(0.3)
    assert not lives(server, f"b-{kind}")


def test_a_reset_during_the_request_executes_nothing(server: Running, wire: Wire) -> None:
    fault(server, "reset_during")
    wire.place("during")
    assert wire.read() == (b"", "reset")
    assert not lives(server, "during")
    last = [json.loads(line) for line in (server.home / "journal.jsonl").read_text("utf-8").splitlines()]
    assert any(row.get("fault") == "reset_during" and row["executed"] is False for row in last)


def test_a_late_order_is_executed_after_the_client_has_left(server: Running, wire: Wire) -> None:
    fault(server, "late:600")
    wire.place("late")
    assert not lives(server, "late")
    wire.stream.close()
    time.sleep(0.8)
    assert lives(server, "late")


def test_a_delayed_answer_comes_late_and_the_order_is_there_at_once(server: Running, wire: Wire) -> None:
    fault(server, "delay:500")
    began = time.monotonic()
    wire.place("delayed")
    assert lives(server, "delayed")
    data, _ = wire.read(2, most=1)
    assert data.startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began > 0.45


def test_the_next_order_on_the_same_connection_is_served_after_a_fault_that_leaves_it(
    server: Running, wire: Wire
) -> None:
    fault(server, "informational:3")
    wire.place("first")
    wire.read(0.3)
    wire.place("second")
    assert b'"clientOrderId":"second"' in wire.read(0.3)[0]


# the listening socket and the certificate


def connects(server: Running) -> str:
    """What a new client meets."""
    try:
        plain = socket.create_connection((server.endpoint["host"], server.endpoint["port"]), timeout=1.2)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "no syn-ack"
    with plain:
        try:
            with server.context.wrap_socket(plain, server_hostname="api.binance.com"):
                return "ok"
        except TimeoutError:
            return "silent"
        except ssl.SSLCertVerificationError as error:
            return error.verify_message


def disturb(server: Running, kind: str, seconds: int = 0, argument: str = "") -> None:
    ask(server.home, {"do": "rim", "kind": kind, "seconds": seconds, "argument": argument})


@pytest.mark.parametrize(("kind", "met"), [("refuse", "refused"), ("silence", "silent"), ("blackhole", "no syn-ack")])
def test_the_door_is_shut_for_a_while(server: Running, kind: str, met: str) -> None:
    assert connects(server) == "ok"
    disturb(server, kind, 2)
    assert connects(server) == met
    time.sleep(2.2)
    assert connects(server) == "ok"
    server.connection.close()
    assert server.call("GET", "/api/v3/ping")[0] == 200


@pytest.mark.parametrize(
    ("which", "met"),
    [("other-authority", "self-signed|local issuer|signature failure"), ("expired", "expired"),
     ("other-name", "mismatch"),
     ("rotated", "^ok$")],
)  # fmt: skip
def test_the_certificate_is_exchanged_while_it_runs(server: Running, which: str, met: str) -> None:
    disturb(server, "certificate", 0, which)
    assert re.search(met, connects(server))
    disturb(server, "certificate", 0, "server")
    assert connects(server) == "ok"


def test_connections_fall_silent_or_are_reset_at_once(server: Running) -> None:
    for kind, ending in (("half_open", "open"), ("reset_all", "reset"), ("close_all", "fin")):
        with Wire(server) as held:
            held.place(f"before-{kind}")
            held.read(0.3)
            disturb(server, kind)
            if kind == "half_open":
                held.place("into the void")
            assert held.read(0.5) == (b"", ending)
    server.connection.close()
    assert server.call("GET", "/api/v3/ping")[0] == 200
    assert not lives(server, "into the void".replace(" ", "-"))


def resolve(server: Running, name: str, kind: int = 1) -> tuple[int, list[str]] | None:
    """(response code, addresses) by a plain DNS query, or None when nobody answers."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(0.4)
        query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
        asked.sendto(query, (server.endpoint["host"], server.endpoint["dns"]))
        try:
            reply = asked.recv(512)
        except TimeoutError:
            return None
    number, flags, _, answers = struct.unpack_from(">HHHH", reply)
    assert (number, flags & 0x8000) == (7, 0x8000)
    return flags & 15, [socket.inet_ntoa(reply[-4:])] if answers else []


def test_names_resolve_until_they_do_not(server: Running) -> None:
    assert resolve(server, "api.binance.com") == (0, ["127.0.0.1"])
    assert resolve(server, "FAPI.Binance.com") == (0, ["127.0.0.1"])
    assert resolve(server, "api.binance.com", kind=28) == (0, []), "no AAAA, and no error either"
    assert resolve(server, "example.org") == (5, [])
    disturb(server, "dns_nxdomain")
    assert resolve(server, "api.binance.com") == (3, [])
    disturb(server, "dns_address", argument="127.0.0.9")
    assert resolve(server, "api.binance.com") == (0, ["127.0.0.9"])
    disturb(server, "dns_silence", 1)
    assert resolve(server, "api.binance.com") is None
    time.sleep(1.1)
    assert resolve(server, "api.binance.com") == (0, ["127.0.0.1"])


def test_the_admin_socket_is_its_owners_alone(server: Running) -> None:
    assert (server.home / "admin.sock").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="no such command"):
        ask(server.home, {"do": "fish"})
    with pytest.raises(ValueError, match="one of refuse"):
        ask(server.home, {"do": "rim", "kind": "fish"})
    with pytest.raises(OSError, match=r"no paper exchange|No such file"):
        ask(Path("/nonexistent"), {"do": "state"})
