"""Faults on WebSockets: streams that lose, repeat, reorder or stall, connections that end, replies that go wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig
from tests.paper.ws_harness import Api, Client, run

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
         "price": "96000"}  # fmt: skip


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, volatility=100)
    yield made
    made.journal.close()


def order_fault(rig: Rig, kind: str, **more: Any) -> None:
    rig.exchange.faults.take({"fault": kind, "match": {"method": "WS", **more.pop("match", {})}, **more})


def ids(client: Client) -> list[int]:
    return [row["t"] for row in client.read()]


@pytest.mark.parametrize(("kind", "shape"), [
    ("stream_gap", [1, 2]), ("stream_repeat", [0, 0, 1, 2]), ("stream_reorder", [1, 0, 2]),
])  # fmt: skip
def test_messages_lost_repeated_or_out_of_order(moving: Rig, kind: str, shape: list[int]) -> None:
    broken, sound = Client(moving, "/ws/btcusdt@trade"), Client(moving, "/ws/ethusdt@trade")
    order_fault(moving, kind, match={"path": "btcusdt@trade"})
    run(moving, 1500)
    first = ids(sound)[0]
    assert [number - first for number in ids(broken)] == shape


def test_a_stalled_stream_says_nothing_more_and_stays(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@trade")
    order_fault(moving, "stream_stall", match={"path": "btcusdt@trade"})
    run(moving, 5000)
    assert client.read() == []
    assert client.is_open


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011])
def test_a_connection_that_ends(moving: Rig, code: int) -> None:
    client = Client(moving, "/ws/btcusdt@trade")
    order_fault(moving, f"ws_close:{code}")
    run(moving, 500)
    assert not client.is_open
    assert client.close_code == (None if code == 1006 else code)
    assert client.is_dropped


def test_no_pong(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@trade")
    order_fault(moving, "no_pong")
    run(moving, 500)
    client.read()
    before = len(client.raw)
    client._protocol.send_ping(b"hello")
    client.give(b"".join(client._protocol.data_to_send()))
    assert b"hello" not in client.raw[before:]
    run(moving, 500)
    assert len(client.read()) == 1


def test_server_shutdown_by_fault(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@trade")
    order_fault(moving, "server_shutdown:1000")
    run(moving, 500)
    assert [row["e"] for row in client.read()] == ["serverShutdown", "trade"]
    run(moving, 1500)
    assert client.close_code == 1001


def test_user_events_suffer_too(rig: Rig) -> None:
    api = Api(rig)
    api.signed("userDataStream.subscribe.signature")
    order_fault(rig, "stream_gap", match={"path": "executionReport"})
    rig.order(newClientOrderId="lost")
    rig.order(newClientOrderId="told")
    reports = [row["event"] for row in api.read() if row["event"]["e"] == "executionReport"]
    assert [row["c"] for row in reports] == ["told"]


# WebSocket-API requests


def test_an_answer_that_is_not_the_truth(rig: Rig) -> None:
    api = Api(rig)
    order_fault(rig, "answer:503-unknown", match={"path": "order.place"}, when="after")
    answer = api.signed("order.place", **LIMIT, newClientOrderId="a1")
    assert (answer["status"], "result" in answer) == (503, False)
    assert answer["error"]["msg"].startswith("Unknown error")
    assert rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="a1").body["status"] == "NEW"
    order_fault(rig, "answer:429", match={"path": "order.place"})
    answer = api.signed("order.place", **LIMIT, newClientOrderId="a2")
    assert (answer["status"], answer["error"]["code"]) == (429, -1003)
    assert answer["error"]["data"]["retryAfter"] > rig.now_ms
    assert rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="a2").code == -2013


def test_no_answer_and_a_cut_connection(rig: Rig) -> None:
    silent, cut = Api(rig), Api(rig)
    order_fault(rig, "stall")
    silent.send({"id": 1, "method": "ping"})
    assert silent.read() == []
    assert silent.is_open
    order_fault(rig, "reset", when="after")
    cut.send({"id": 1, "method": "ping"})
    assert (cut.is_open, cut.close_code) == (False, None)


def test_a_late_answer(rig: Rig) -> None:
    api = Api(rig)
    order_fault(rig, "delay:700")
    api.send({"id": 1, "method": "ping"})
    run(rig, 600)
    assert api.read() == []
    run(rig, 100)
    assert api.read()[0]["id"] == 1


def test_a_spoiled_answer(rig: Rig) -> None:
    api = Api(rig)
    order_fault(rig, "wrong_client_id", match={"path": "order.place"})
    assert api.signed("order.place", **LIMIT, newClientOrderId="a1")["result"]["clientOrderId"] != "a1"
    line = next(line for line in reversed(rig.lines()) if line["path"] == "order.place")
    assert (line["fault"], line["executed"], line["order"]["clientOrderId"]) == ("wrong_client_id", True, "a1")
