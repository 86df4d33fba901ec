"""WebSockets of the real process: over TLS and TCP, with the `websockets` client, beside REST on one connection."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.paper.test_server import Running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: stream.binance.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("paper"), "--fault-control", "--step-ms", "100")
    yield running
    running.stop()


def dial(server: Running, path: str, host: str, **options: Any) -> Any:
    return connect(
        f"wss://{host}{path}", ssl=server.context, sock=_socket(server), server_hostname=host, proxy=None,
        close_timeout=1, **options,
    )  # fmt: skip


def _socket(server: Running) -> socket.socket:
    return socket.create_connection((server.endpoint["host"], server.endpoint["port"]), timeout=5)


async def some(connection: ClientConnection, count: int) -> list[Any]:
    return [json.loads(await asyncio.wait_for(connection.recv(), 5)) for _ in range(count)]


@pytest.mark.parametrize(("path", "host", "kind"), [
    ("/ws/btcusdt@trade", "stream.binance.com", "trade"),
    ("/stream?streams=btcusdt@depth@100ms", "stream.binance.com", ""),
    ("/public/ws/btcusdt@bookTicker", "fstream.binance.com", "bookTicker"),
    ("/market/ws/btcusdt@aggTrade", "fstream.binance.com", "aggTrade"),
])  # fmt: skip
def test_streams_flow(server: Running, path: str, host: str, kind: str) -> None:
    async def listen() -> list[Any]:
        async with dial(server, path, host) as connection:
            return await some(connection, 3)

    rows = asyncio.run(listen())
    assert all(row["e"] == kind if kind else row["data"]["e"] == "depthUpdate" for row in rows)


def test_compression_is_offered_and_declined(server: Running) -> None:
    async def listen() -> tuple[str | None, list[Any]]:
        async with dial(server, "/ws/btcusdt@trade", "stream.binance.com", compression="deflate") as connection:
            assert connection.request is not None
            assert connection.response is not None
            assert "permessage-deflate" in connection.request.headers["Sec-WebSocket-Extensions"]
            return connection.response.headers.get("Sec-WebSocket-Extensions"), await some(connection, 1)

    assert asyncio.run(listen())[0] is None


def test_an_order_by_websocket_is_told_on_the_user_stream(server: Running) -> None:
    from tests.paper.harness import sign

    def signed(method: str, number: int, **params: Any) -> str:
        params = {"apiKey": server.key.api_key, "timestamp": time.time_ns() // 1_000_000} | params
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return json.dumps({"id": number, "method": method, "params": params | {"signature": sign(server.key, payload)}})

    async def trade() -> list[Any]:
        async with dial(server, "/ws-api/v3", "ws-api.binance.com") as connection:
            await connection.send(signed("userDataStream.subscribe.signature", 1))
            await connection.send(
                signed("order.place", 2, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
            )
            return await some(connection, 5)

    rows = asyncio.run(trade())
    assert rows[0]["id"] == 1
    assert {row["event"]["e"] for row in rows if "event" in row} == {"executionReport", "outboundAccountPosition"}
    assert next(row for row in rows if row.get("id") == 2)["result"]["status"] == "FILLED"


def test_rest_first_then_a_websocket_on_the_same_connection(server: Running) -> None:
    with server.raw() as stream:
        stream.settimeout(5)
        stream.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: api.binance.com\r\n\r\n")
        assert stream.recv(4096).startswith(b"HTTP/1.1 200")
        # the first frame stands right behind the handshake: LIST_SUBSCRIPTIONS, masked with zeros
        command = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'
        stream.sendall(HANDSHAKE % b"/ws" + bytes([0x81, 0x80 | len(command), 0, 0, 0, 0]) + command)
        data = b""
        while b'"id":1' not in data:
            data += stream.recv(4096)
        assert data.startswith(b"HTTP/1.1 101")
        assert data.endswith(b'{"result":[],"id":1}')


def test_a_handshake_behind_a_slow_request_waits_for_it(server: Running) -> None:
    body = json.dumps({"match": {"path": "/api/v3/time"}, "fault": "delay:300"})
    server.connection.request("POST", "/paper/faults", body=body)
    assert server.connection.getresponse().read()
    with server.raw() as stream:
        stream.settimeout(5)
        stream.sendall(b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n" + HANDSHAKE % b"/ws")
        data = b""
        while b"101 Switching" not in data:
            data += stream.recv(4096)
        assert data.startswith(b"HTTP/1.1 200")


def test_another_protocol_is_not_granted(server: Running) -> None:
    with server.raw() as stream:
        stream.settimeout(5)
        head = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        stream.sendall(head + b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        while data.count(b"HTTP/1.1 200") < 2:
            data += stream.recv(4096)


def test_what_is_no_websocket_path_is_refused(server: Running) -> None:
    async def knock() -> int:
        try:
            async with dial(server, "/api/v3/ping", "api.binance.com"):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(knock()) == 404


def test_closing_is_answered(server: Running) -> None:
    async def leave() -> int | None:
        connection = await dial(server, "/ws", "stream.binance.com")
        await connection.close(1000)
        return connection.close_code

    assert asyncio.run(leave()) == 1000


def test_a_flood_of_pings_is_cut(server: Running) -> None:
    async def flood() -> int | None:
        async with dial(server, "/ws", "stream.binance.com", ping_interval=None) as connection:
            try:
                for _ in range(20):
                    await connection.ping()
                await connection.recv()
            except ConnectionClosed:
                pass
            return connection.close_code

    assert asyncio.run(flood()) == 1008


def test_the_end_of_the_process_is_announced(tmp_path: Path) -> None:
    running = Running(tmp_path / "home")

    async def watch() -> tuple[list[Any], int | None]:
        async with dial(running, "/ws", "stream.binance.com") as connection:
            running.process.terminate()
            rows = await some(connection, 1)
            with pytest.raises(ConnectionClosed):
                await connection.recv()
            return rows, connection.close_code

    rows, code = asyncio.run(watch())
    assert (rows[0]["e"], code) == ("serverShutdown", 1001)
    assert running.process.wait(10) == 0
    running.connection.close()
    running.process.stdout.close()  # type: ignore[union-attr]


def test_a_rude_end_leaves_the_server_well(server: Running) -> None:
    for _ in range(20):
        with server.raw() as stream:
            stream.sendall(HANDSHAKE % b"/stream?streams=btcusdt@trade/btcusdt@depth@100ms")
            assert stream.recv(4096)
    with pytest.raises(ssl.SSLError), server.raw() as stream:
        stream.settimeout(5)
        stream.sendall(HANDSHAKE % b"/ws/btcusdt@trade" + b"\xff" * 100)
        while stream.recv(4096):
            pass
        raise ssl.SSLError("ended in order")
    assert server.call("GET", "/api/v3/ping")[0] == 200
