"""The gateway hears of every account by itself: fills, what somebody else does, and its listen key is nowhere."""

import http.client
import json
import ssl
from typing import Any

import pytest
from stack import Stack, wait
from tests import leaks

pytestmark = [pytest.mark.threat(25), pytest.mark.threat(24)]


def feeds(stack: Stack) -> list[dict[str, Any]]:
    """What the status says of user data."""
    found: list[dict[str, Any]] = (stack.status().get("gateway") or {}).get("user_data", [])
    return found


def straight(stack: Stack, path: str) -> Any:
    """Ask the exchange past the gateway, with its API key alone."""
    context = ssl.create_default_context(cafile=stack.paper_ca)
    context.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", stack.paper_port, timeout=10, context=context)
    try:
        headers = {"X-MBX-APIKEY": stack.exchange_api_key, "Host": "fapi.binance.com"}
        connection.request("POST", path, headers=headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def test_every_market_is_heard(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stack(tmp_path_factory.mktemp("heard")) as stack:
        wait(lambda: [row["stands"] for row in feeds(stack)] == [True] * 3, 20, "all feeds to stand")
        # The exchange gives whoever has the API key the same listen key: nothing that this run writes may show it.
        leaks.plant("listen key", straight(stack, "/fapi/v1/listenKey")["listenKey"].encode())
        order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002"
        for path in ("/api/v3/order", "/fapi/v1/order"):
            assert stack.call("POST", path, order).status == 200
        assert stack.call("POST", "/dapi/v1/order", "symbol=BTCUSD_PERP&side=BUY&type=MARKET&quantity=1").status == 200
        wait(lambda: all(row["event_age_ms"] is not None for row in feeds(stack)), 10, "an event of each")
        assert [entry for entry in stack.journal() if entry["type"] == "event"] == []
        stack.paper.terminate()
        stack.paper.wait(10)
        wait(lambda: not any(row["stands"] for row in feeds(stack)), 10, "their loss to be noticed")
        lost = [entry for entry in stack.journal() if entry.get("what") == "user_stream_lost"]
        assert {entry["family"] for entry in lost} == {"spot", "usdm", "coinm"}
