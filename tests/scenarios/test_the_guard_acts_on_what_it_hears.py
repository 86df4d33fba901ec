"""The real processes, sandboxed: the guard hears prices by the streams, and cuts at once what is too large."""

import time
from typing import Any

import pytest
from stack import WIDE_BOT, Stack, wait

from counterseal.adapters import control_socket

OPTIONS = ("--no-limits", "--volatility", "0", "--balance", "USDT=1000000")
LIMITED = WIDE_BOT.format(name="alpha", key="main") + "max_position = 100000\n"


def watch_of(stack: Stack) -> dict[str, Any]:
    """Give what the watch shows."""
    found: dict[str, Any] = control_socket.call(stack.home.control_socket, "guard_status", 5.0)["watch"]
    return found


def amount(stack: Stack) -> float:
    """Give what is held of BTCUSDT."""
    rows = stack.call("GET", "/fapi/v3/positionRisk", "symbol=BTCUSDT").body
    return sum(float(row["positionAmt"]) for row in rows)


def orders(stack: Stack, since: int) -> list[dict[str, Any]]:
    """Give the orders of USD-M that the exchange has received of the guard."""
    rows = stack.received_of_guard()[since:]
    return [row for row in rows if (row["method"], row["path"]) == ("POST", "/fapi/v1/order")]


@pytest.mark.slow
@pytest.mark.threat(62)
def test_what_is_too_large_is_cut_within_a_second(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stack(tmp_path_factory.mktemp("heard"), policies={"alpha": LIMITED}, paper_options=OPTIONS) as stack:
        stack.settled()
        standing = {"usdm": True, "spot": True}
        wait(lambda: {name: watch_of(stack)["streams"].get(name) for name in standing} == standing, 15, "the streams")
        price = float(stack.send("GET", "/fapi/v1/ticker/price?symbol=BTCUSDT").body["price"])
        # Just above the threshold of 80 per cent, to be cut to where the warning begins.
        size = round(85_000 / price, 3)
        before, begun_ms = len(stack.received_of_guard()), time.time_ns() / 1e6
        order = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity={size}"
        assert stack.call("POST", "/fapi/v1/order", order).status == 200
        wait(lambda: amount(stack) * price < 61_000, 10, "the position to be cut")
        assert 58_000 < amount(stack) * price < 61_000
        wait(lambda: len(orders(stack, before)) == 1, 5, "the guard's order to be on record")
        assert orders(stack, before)[0]["t"] - begun_ms < 1_000
        assert watch_of(stack)["failing"] == []
