"""Two bots of one account, all the way: neither reaches the other's order, and one that repeats itself stays stopped
until an operator gives a name.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from stack import Reply, Stack, wait

from counterseal.adapters import control_socket
from counterseal.adapters.control_socket import ControlError

POLICY = """
[bots.{name}]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade"]
symbols = ["*"]
max_repeats = 3
"""
BUY = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price="
SPOT = "/api/v3/order"


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bots = {"alpha": "hmac", "beta": "hmac"}
    with Stack(
        tmp_path_factory.mktemp("names"), bots=bots, policies={name: POLICY.format(name=name) for name in bots},
        paper_options=("--no-limits", "--volatility", "0"),
    ) as stack:  # fmt: skip
        yield stack


def price(stack: Stack) -> str:
    return f"{float(stack.send('GET', '/api/v3/ticker/price?symbol=BTCUSDT').body['price']) * 0.9:.2f}"


def kill_gateway(stack: Stack) -> None:
    before = stack.pids()["gateway"]
    os.kill(before, signal.SIGKILL)
    wait(lambda: stack.pids().get("gateway") not in (None, before) and stack._ready(), 20, "another gateway")


@pytest.mark.threat(21)
def test_a_restart_forgets_nobodys_order(stack: Stack) -> None:
    """By the number too, which the journal keeps."""
    placed = stack.call("POST", SPOT, BUY + price(stack) + "&newOrderRespType=ACK")
    assert placed.status == 200, placed
    named = f"symbol=BTCUSDT&orderId={placed.body['orderId']}"
    for _ in range(2):
        for method, reason in (("GET", "foreign_order"), ("DELETE", "foreign_order_change")):
            with stack.nothing_received():
                assert stack.call(method, SPOT, named, bot="beta").reason == reason
        assert stack.call("GET", "/api/v3/openOrders", bot="beta").body == []
        assert [row["orderId"] for row in stack.call("GET", "/api/v3/openOrders").body] == [placed.body["orderId"]]
        kill_gateway(stack)
    assert stack.call("DELETE", SPOT, named).status == 200


def test_a_stopped_bot_is_enabled_by_a_named_operator(stack: Stack) -> None:
    """Disabled, killed, disabled still; the command needs a name, and the journal has it."""
    query = BUY + price(stack)

    def place(bot: str = "beta") -> Reply:
        return stack.call("POST", SPOT, query, bot=bot)

    assert [place().reason for _ in range(4)] == [None, None, None, "bot_disabled"]
    kill_gateway(stack)
    assert place().reason == "bot_disabled"
    assert stack.call("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT", bot="beta").status == 200
    assert place("alpha").reason is None
    status = control_socket.call(stack.home.control_socket, "status", 5)
    assert [(bot, latch["why"]) for bot, latch in status["gateway"]["disabled_bots"].items()] == [("beta", "repeats")]
    with pytest.raises(ControlError, match="operator's name"):
        control_socket.call(stack.home.control_socket, "enable_bot", 5, {"bot": "beta"})
    with pytest.raises(ControlError, match="alpha is not disabled"):
        control_socket.call(stack.home.control_socket, "enable_bot", 5, {"bot": "alpha", "operator": "jane"})
    stack.verb("bot", "enable", "beta", "--operator", "jane.doe", "--home", str(stack.home.root))
    assert place().reason is None
    records = [entry for entry in stack.journal() if entry["type"] == "latch"]
    assert [(entry["state"], entry.get("operator"), entry.get("uid")) for entry in records] == [
        ("disabled", None, None), ("enabled", "jane.doe", os.geteuid()),
    ]  # fmt: skip
    kill_gateway(stack)
    assert stack.call("GET", "/api/v3/openOrders", bot="beta").status == 200
