"""Canaries, with real processes: whoever uses one is answered as a stranger, and people hear of it."""

import json
from typing import Any

from stack import BotKey, Reply, Stack, wait
from websockets.sync.client import connect

from counterseal.adapters import control_socket

TIMELESS = ("server-timing", "date")


def test_a_planted_credential_tells_who_used_it(shared_stack: Stack) -> None:
    stack = shared_stack
    planted = stack.mint("build-server", "hmac", "--canary")
    unknown = BotKey("hmac", "U" * 64, "S" * 64)
    with stack.nothing_received():
        for method, path, query in (
            ("GET", "/api/v3/account", ""), ("POST", "/api/v3/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1"),
            ("GET", "/api/v3/time", ""), ("POST", "/fapi/v1/listenKey", ""),
        ):  # fmt: skip
            answers = [stack.call(method, path, query, key=key) for key in (planted, unknown)]
            assert shown(answers[0]) == shown(answers[1]) and answers[0].code == -2015
        assert by_socket(stack, planted)["error"]["code"] == -2015
        unsigned = stack.send("POST", "/api/v3/userDataStream", {"X-MBX-APIKEY": planted.key_id, "User-Agent": "t/1"})
        assert unsigned.status == 404, "what nobody is served"

    def alerts() -> list[dict[str, str]]:
        known = control_socket.call(stack.home.control_socket, "alert_list", 5.0)["alerts"]
        return [alert for alert in known if alert["code"] == "canary_used"]

    wait(lambda: alerts(), 5, "the alert")
    [alert] = alerts()
    assert alert["severity"] == "CRITICAL" and "build-server" in alert["title"] and "127.0.0.1" in alert["text"]
    [record] = [entry for entry in stack.journal() if entry.get("what") == "canary"]
    assert (record["bot"], record["source"], record["path"]) == ("build-server", "127.0.0.1", "/api/v3/account")
    wait(lambda: sum(stack.status()["gateway"]["canaries_used"].values()) == 6, 5, "all of them to be counted")
    listed = stack.verb("bot", "list", "--home", str(stack.home.root))
    assert "hmac, canary" in listed
    stack.attempt("bot", "revoke", "build-server")
    for text in (json.dumps(record), json.dumps(alert), (stack.home.logs / "gateway.jsonl").read_text()):
        assert planted.key_id not in text and planted.secret not in text


def shown(reply: Reply) -> tuple[Any, ...]:
    """All that a thief sees but the time."""
    return reply.status, reply.body, {k: v for k, v in reply.headers.items() if k not in TIMELESS}


def by_socket(stack: Stack, key: BotKey) -> dict[str, dict[str, int]]:
    """Log on by the WebSocket API."""
    with connect(f"ws://127.0.0.1:{stack.port}/ws-api/v3") as socket:
        stamp = "1795392000000"
        params = {"apiKey": key.key_id, "timestamp": stamp}
        signature = key.sign(f"apiKey={key.key_id}&timestamp={stamp}")
        socket.send(json.dumps({"id": 1, "method": "session.logon", "params": {**params, "signature": signature}}))
        answer: dict[str, dict[str, int]] = json.loads(socket.recv(5))
        return answer
