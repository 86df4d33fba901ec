"""What the exchange asks of connections: pongs, few messages, few attempts, and an end after a day."""

from pathlib import Path

import pytest
from tests.paper.harness import Rig
from tests.paper.ws_harness import Api, Client, idle, run

from counterseal.paper import ws_terms

FUTURES = "fstream.binance.com"
DAY_MS = 86_400_000


@pytest.mark.parametrize(("host", "target", "found"), [
    ("stream.binance.com:9443", "/ws/btcusdt@trade", ("spot", "all", False, ("btcusdt@trade",))),
    ("data-stream.binance.vision", "/stream?streams=a/b", ("spot", "all", True, ("a", "b"))),
    ("127.0.0.1:8000", "/ws", ("spot", "all", False, ())),
    ("fstream.binance.com", "/ws/a", ("usdm", "legacy", False, ("a",))),
    ("demo-fstream.binance.com", "/public/stream?streams=a", ("usdm", "public", True, ("a",))),
    ("127.0.0.1", "/private/ws?listenKey=K&events=A/B", ("usdm", "private", False, ("K",))),
    ("127.0.0.1", "/private/stream?listenKey=K&listenKey=L", ("usdm", "private", True, ("K", "L"))),
    ("127.0.0.1", "/stream.binance.com/ws/x@kline_1d@+08:00", ("spot", "all", False, ("x@kline_1d@+08:00",))),
    ("stream.binance.com", "/stream?streams=x@kline_1d@+08:00", ("spot", "all", True, ("x@kline_1d@+08:00",))),
])  # fmt: skip
def test_where_streams_are(host: str, target: str, found: tuple[object, ...]) -> None:
    service = ws_terms.locate(host, target.encode())
    assert service is not None
    assert (service.market, service.route, service.is_combined, service.names) == found


@pytest.mark.parametrize("target", ["/", "/api/v3/ping", "/wss/x", "/public", "/public/x", "/ws-api/v2"])
def test_where_nothing_is(rig: Rig, target: str) -> None:
    assert ws_terms.locate("x", target.encode()) is None
    assert Client(rig, target).status == 404


# ping and pong


@pytest.mark.parametrize(("path", "host", "ping_s", "pong_s"), [
    ("/ws", "stream.binance.com", 20, 60), ("/ws-api/v3", "ws-api.binance.com", 20, 60),
    ("/market/ws", FUTURES, 180, 600), ("/ws-fapi/v1", "ws-fapi.binance.com", 180, 600),
])  # fmt: skip
def test_a_missing_pong_ends_the_connection(rig: Rig, path: str, host: str, ping_s: int, pong_s: int) -> None:
    mute, polite = Client(rig, path, host), Client(rig, path, host)
    mute.is_mute = True
    idle(rig, ping_s * 1000 - 1000, 1000)
    assert mute.pings == []
    idle(rig, 1000, 1000)
    assert mute.pings == [str(rig.now_ms).encode()]
    idle(rig, pong_s * 1000 - 1000, 1000)
    assert mute.is_open
    idle(rig, 1000, 1000)
    assert (mute.is_open, mute.close_code) == (False, 1008)
    assert polite.is_open


def test_a_pong_must_have_the_payload_of_the_ping(rig: Rig) -> None:
    liar, late = Client(rig, "/ws"), Client(rig, "/ws")
    liar.is_mute = late.is_mute = True
    for _ in range(8):
        idle(rig, 10_000, 1000)
        liar.pong(b"")
        if late.pings:
            late.pong(late.pings[-1])
    assert not liar.is_open
    assert late.is_open  # the last ping's answer does for those before it


def test_an_unasked_pong_is_allowed(rig: Rig) -> None:
    client = Client(rig, "/ws")
    client.pong(b"keep-alive")
    assert client.is_open


# messages


@pytest.mark.parametrize(("path", "host", "most"), [("/ws", "stream.binance.com", 5), ("/public/ws", FUTURES, 10)])
def test_too_many_messages_in_a_second(rig: Rig, path: str, host: str, most: int) -> None:
    client = Client(rig, path, host)
    for _ in range(3):
        for number in range(most):
            assert client.ask({"method": "LIST_SUBSCRIPTIONS", "id": number})["id"] == number
        run(rig, 1000, 1000)
    for number in range(most):
        client.ask({"method": "LIST_SUBSCRIPTIONS", "id": number})
    client.pong(b"")  # pongs count too
    assert (client.is_open, client.close_code) == (False, 1008)


def test_the_websocket_api_has_weights_instead(rig: Rig) -> None:
    api = Api(rig)
    for _ in range(50):
        assert api.call("ping")["status"] == 200


def test_the_futures_api_takes_five_pings_and_pongs_a_second(rig: Rig) -> None:
    api = Api(rig, "usdm")
    for _ in range(5):
        api.pong(b"")
        assert api.call("ticker.price", symbol="BTCUSDT")["status"] == 200
    api.pong(b"")
    assert api.close_code == 1008


def test_an_unknown_time_unit_is_refused(rig: Rig) -> None:
    client = Client(rig, "/ws/btcusdt@trade?timeUnit=FORTNIGHT")
    assert client.status == 400
    assert b"-1194" in client.raw


# the end


@pytest.mark.parametrize("path", ["/ws", "/ws-api/v3"])
def test_a_connection_lives_a_day(rig: Rig, path: str) -> None:
    client = Client(rig, path)
    idle(rig, DAY_MS - 20_000, 20_000)
    assert client.is_open
    idle(rig, 20_000, 20_000)
    assert (client.is_open, client.close_code) == (False, 1001)


def test_server_shutdown_is_announced_on_spot(rig: Rig) -> None:
    raw, combined, api = Client(rig, "/ws"), Client(rig, "/stream"), Api(rig)
    futures = Client(rig, "/market/ws", FUTURES)
    rig.exchange.realtime.shut_down(5000)
    event = {"e": "serverShutdown", "E": rig.now_ms}
    assert raw.read() == [event]
    assert combined.read() == [{"stream": "!serverShutdown", "data": event}]
    assert api.read() == [{"event": event}]
    assert futures.read() == []
    run(rig, 4900)
    assert raw.is_open
    run(rig, 100)
    assert [client.close_code for client in (raw, combined, api, futures)] == [1001] * 4
    assert len(rig.exchange.realtime) == 0


# attempts


def test_attempts_of_an_address_are_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"spot_ws_attempts": 3}, ban_after=2)
    statuses = [Client(rig, "/ws").status for _ in range(6)]
    assert statuses == [101, 101, 101, 429, 429, 418]
    assert Client(rig, "/ws", peer="127.0.0.2").status == 101
    assert Client(rig, "/market/ws", FUTURES).status == 101
    assert rig.public("/api/v3/ping").status == 418
    rig.journal.close()


def test_the_default_is_300_in_five_minutes(rig: Rig) -> None:
    assert {Client(rig, "/ws").status for _ in range(300)} == {101}
    refused = Client(rig, "/ws")
    assert (refused.status, refused.is_open) == (429, False)
    assert int(refused.response.headers["Retry-After"]) <= 300  # type: ignore[union-attr]
    rig.wait(300_000)
    assert Client(rig, "/ws").status == 101


# what the client may not send


def test_binary_messages_and_unmasked_frames_end_it(rig: Rig) -> None:
    client = Client(rig, "/ws")
    client._protocol.send_binary(b"x")
    client.give(b"".join(client._protocol.data_to_send()))
    assert client.close_code == 1003
    other = Client(rig, "/ws")
    other.give(b"\x81\x01x")
    assert other.close_code == 1002


def test_a_message_in_parts_is_one(rig: Rig) -> None:
    client = Client(rig, "/ws")
    client._protocol.send_text(b'{"method":"LIST_SUB', fin=False)
    client._protocol.send_continuation(b'SCRIPTIONS","id":1}', fin=True)
    client.give(b"".join(client._protocol.data_to_send()))
    assert client.read() == [{"result": [], "id": 1}]


def test_a_client_that_does_not_read_is_cut_off(rig: Rig) -> None:
    client = Client(rig, "/ws/btcusdt@trade")
    client.get_write_buffer_size = lambda: 1 << 24  # type: ignore[method-assign]
    run(rig, 500)
    assert (client.is_open, client.is_dropped) == (False, True)


@pytest.mark.parametrize("header", ["Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_an_incomplete_handshake_is_refused(rig: Rig, header: str) -> None:
    from counterseal.paper.wire import Request

    headers = {"host": "x", "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
               "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    del headers[header.lower()]
    sink = Client(rig, "/ws")
    sink.raw = b""
    sink.write = lambda data: setattr(sink, "raw", sink.raw + data)  # type: ignore[method-assign]
    assert rig.exchange.realtime.open(Request("GET", b"/ws", headers, [], b"", "127.0.0.1"), sink) is None
    assert sink.raw.startswith(b"HTTP/1.1 400")
