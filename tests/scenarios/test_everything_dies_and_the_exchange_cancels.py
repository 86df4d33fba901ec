"""KILL-4 with real processes: all of ours are killed at once, and the exchange cancels by the guard's countdown.

The bot's orders on futures are gone within the countdown and a second; on spot they stay, which is the documented
limit.
"""

import http.client
import json
import os
import signal
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from stack import WIDE_BOT, Stack, wait

SECONDS = 12
POLICY = WIDE_BOT.format(name="alpha", key="main") + f"deadman_s = {SECONDS}\n"
RESTS = "symbol={}&side=BUY&type=LIMIT&timeInForce=GTC&quantity={}&price={}"


def of_exchange(stack: Stack, path: str) -> Any:
    """Ask the paper exchange what nobody needs a key for: it is the exchange's own command."""
    context = ssl.create_default_context(cafile=stack.paper_ca)
    context.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", stack.paper_port, timeout=10, context=context)
    try:
        command = {"do": "foreign", "account": "main", "method": "GET", "path": path, "params": {}}
        connection.request("POST", "/paper/admin", json.dumps(command))
        return json.loads(connection.getresponse().read())["result"]
    finally:
        connection.close()


def countdowns(stack: Stack) -> list[dict[str, Any]]:
    """The countdowns that the exchange got, by its own journal."""
    rows = [json.loads(line) for line in (stack.paper_home / "journal.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("path") == "/fapi/v1/countdownCancelAll" and row["status"] == 200]


@pytest.mark.slow
def test_all_processes_are_killed_and_the_orders_are_gone_within_the_countdown(tmp_path: Path) -> None:
    options = ("--no-limits", "--volatility", "0", "--fault-control")
    with Stack(tmp_path, policies={"alpha": POLICY}, paper_options=options) as stack:
        for path, query in (
            ("/fapi/v1/order", RESTS.format("BTCUSDT", "0.01", "80000")),
            ("/fapi/v1/order", RESTS.format("ETHUSDT", "0.1", "1500")),
            ("/api/v3/order", RESTS.format("BTCUSDT", "0.01", "90000")),
        ):
            reply = stack.call("POST", path, query)
            assert reply.status == 200, reply
        wait(lambda: len(countdowns(stack)) >= 4, 20, "both countdowns to be renewed")
        assert len(of_exchange(stack, "/fapi/v1/openOrders")) == 2

        ours = {name: pid for name, pid in stack.pids().items() if name != "paper"}
        assert {"supervisor", "gateway", "signer", "guard"} <= ours.keys()
        for pid in ours.values():
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        wait(lambda: not of_exchange(stack, "/fapi/v1/openOrders"), SECONDS + 1, "the exchange to cancel")
        took = time.monotonic() - killed

        print(f"\nKILL-4: killed {', '.join(sorted(ours))}; orders gone after {took:.1f} s of {SECONDS}")
        assert len(of_exchange(stack, "/api/v3/openOrders")) == 1
