"""The real process over a real TLS socket."""

import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import ALL, sign

from counterseal.paper.keys import ApiKey, KeyFile, make

SOURCE = Path(__file__).parents[2] / "src"


class Running:
    """A started server, its key and one kept-alive connection."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.key: ApiKey = make("hmac", None, ALL, "main", 0)
        KeyFile(home / "keys.json").add(self.key)
        command = [sys.executable, "-m", "counterseal.paper", "serve", "--home", str(home), *options]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()
        self.endpoint = json.loads((home / "endpoint.json").read_text("utf-8"))
        self.context = ssl.create_default_context(cafile=self.endpoint["ca"])
        self.connection = self.connect()

    def connect(self) -> http.client.HTTPSConnection:
        where = (self.endpoint["host"], self.endpoint["port"])
        return http.client.HTTPSConnection(*where, context=self.context, timeout=5)

    def call(self, method: str, path: str, query: str = "", body: str = "") -> tuple[int, Any]:
        """A signed call; the signature goes where the parameters are."""
        if query or body:
            mark = f"&signature={sign(self.key, query + body)}"
            query, body = (query, body + mark) if body else (query + mark, body)
        self.connection.request(method, f"{path}?{query}" if query else path, body=body or None,
                                headers={"X-MBX-APIKEY": self.key.api_key})  # fmt: skip
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def raw(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self.endpoint["host"], self.endpoint["port"]), timeout=5)
        return self.context.wrap_socket(plain, server_hostname="api.binance.com")

    def stop(self) -> int:
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("paper") / "home", "--fault-control")
    yield running
    assert running.stop() == 0


def order(extra: str = "") -> str:
    now = time.time_ns() // 1_000_000
    return f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=90000&timestamp={now}{extra}"


def test_it_says_where_it_listens_and_keeps_its_home_private(server: Running) -> None:
    assert server.ready == f"paper exchange listening on https://127.0.0.1:{server.endpoint['port']}\n"
    assert stat.S_IMODE(os.stat(server.home).st_mode) == 0o700
    for name in ("server.pem", "keys.json", "journal.jsonl", "endpoint.json"):
        assert stat.S_IMODE(os.stat(server.home / name).st_mode) == 0o600
    assert b"PRIVATE" not in (server.home / "ca.pem").read_bytes()


def test_tls_is_1_3_and_the_name_is_the_exchanges(server: Running) -> None:
    with server.raw() as stream:
        assert stream.version() == "TLSv1.3"
    old = ssl.create_default_context(cafile=server.endpoint["ca"])
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection((server.endpoint["host"], server.endpoint["port"])) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain, server_hostname="api.binance.com")


def test_parameters_in_query_or_body_on_one_connection(server: Running) -> None:
    status, placed = server.call("POST", "/api/v3/order", order())
    assert (status, placed["status"]) == (200, "NEW")
    status, placed = server.call("POST", "/api/v3/order", body=order())
    assert (status, placed["status"]) == (200, "NEW")
    now = time.time_ns() // 1_000_000
    status, gone = server.call("DELETE", "/api/v3/openOrders", body=f"symbol=BTCUSDT&timestamp={now}")
    assert (status, len(gone)) == (200, 2)


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    paths = ["/api/v3/ping", "/api/v3/time", "/fapi/v1/ping", "/nope"]
    with server.raw() as stream:
        stream.sendall("".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths).encode())
        text = b""
        while text.count(b"HTTP/1.1 ") < 4 or not text.endswith(b"}"):
            text += stream.recv(65536)
    assert text.count(b"HTTP/1.1 200 OK") == 3
    assert text.index(b"serverTime") < text.index(b"HTTP/1.1 404")


def test_nothing_pipelined_behind_a_reset_is_executed(server: Running) -> None:
    body = json.dumps({"match": {"path": "/api/v3/ping"}, "fault": "reset_before"})
    server.connection.request("POST", "/paper/faults", body=body)
    server.connection.getresponse().read()
    with server.raw() as stream:
        stream.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\nGET /behind HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises((OSError, EOFError)):
            if not stream.recv(1):
                raise EOFError
    text = (server.home / "journal.jsonl").read_text("utf-8")
    assert "/behind" not in text


def test_what_is_no_http_is_refused_and_journalled(server: Running) -> None:
    with server.raw() as stream:
        stream.sendall(b"FISH\r\n\r\n")
        assert stream.recv(4096).startswith(b"HTTP/1.1 400")
    assert json.loads((server.home / "journal.jsonl").read_text("utf-8").splitlines()[-1])["method"] is None


def test_too_large_a_head_or_body_is_refused(server: Running) -> None:
    for request in (b"GET /" + b"a" * 40_000, b"POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + b"a" * 1_100_000):
        with server.raw() as stream:
            stream.sendall(request)
            assert stream.recv(4096).startswith(b"HTTP/1.1 400")


def test_a_reset_after_execution_leaves_the_order_and_no_answer(server: Running) -> None:
    server.connection.request("POST", "/paper/faults", body=json.dumps(
        {"match": {"path": "/api/v3/order"}, "fault": "reset_after_execute"}))  # fmt: skip
    assert server.connection.getresponse().read() == b'{"faults":1}'
    with pytest.raises((http.client.HTTPException, OSError)):
        server.call("POST", "/api/v3/order", order("&newClientOrderId=lost"))
    server.connection.close()
    now = time.time_ns() // 1_000_000
    status, found = server.call("GET", "/api/v3/order", f"symbol=BTCUSDT&origClientOrderId=lost&timestamp={now}")
    assert (status, found["status"]) == (200, "NEW")


def test_a_stalled_answer_keeps_the_connection_silent(server: Running) -> None:
    body = json.dumps({"match": {"path": "/api/v3/ping"}, "fault": "stall_after_execute"})
    server.connection.request("POST", "/paper/faults", body=body)
    server.connection.getresponse().read()
    with server.raw() as stream:
        stream.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.settimeout(0.3)
        with pytest.raises(TimeoutError):
            stream.recv(1)
    assert server.call("GET", "/api/v3/ping")[0] == 200


def test_a_restart_keeps_keys_and_certificate(tmp_path: Path) -> None:
    first = Running(tmp_path / "home")
    authority = (tmp_path / "home" / "ca.pem").read_bytes()
    assert first.stop() == 0
    second = Running(tmp_path / "home", "--seed", "7")
    assert (tmp_path / "home" / "ca.pem").read_bytes() == authority
    assert second.call("GET", "/api/v3/ping")[0] == 200
    assert second.stop() == 0
