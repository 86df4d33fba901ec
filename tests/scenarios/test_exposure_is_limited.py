"""A limit over all orders of a bot and an account: exact, over a kill, after a reload, with fills that nobody told."""

import os
import signal
from decimal import Decimal

import pytest
from laws import check_l1_l2_l4
from stack import Reply, Stack, wait

from counterseal.adapters import control_socket

OPTIONS = ("--no-limits", "--volatility", "0", "--balance", "USDT=100000000")
POLICY = """
[bots.alpha]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["BTCUSDT", "ETHUSDT"]
max_repeats = 0
max_exposure = {exposure}
[accounts.main]
max_exposure = {account}
"""


def place(stack: Stack, price: Decimal, quantity: str, side: str = "BUY", path: str = "/api/v3/order") -> Reply:
    """Place a limit order."""
    query = f"symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price:.1f}"
    return stack.call("POST", path, query)


def sums(stack: Stack) -> dict[str, Decimal]:
    """What `counterseal limits` says of bot and account."""
    return {row["of"]: Decimal(row["dollars"]) for row in stack.limits()["exposure"]}


@pytest.mark.threat(42)
def test_fills_resting_orders_and_what_a_kill_left_count(tmp_path_factory: pytest.TempPathFactory) -> None:
    policies = {"alpha": POLICY.format(exposure=1_000_000, account=2_000_000)}
    folder = tmp_path_factory.mktemp("exposed")
    with Stack(folder, bots={"alpha": "hmac"}, policies=policies, paper_options=OPTIONS) as stack:
        price = Decimal(stack.send("GET", "/api/v3/ticker/price?symbol=BTCUSDT").body["price"])
        one = (Decimal(300_000) / price).quantize(Decimal("0.001"))
        # One that is filled at once, one that rests, one on USD-M; the next is too much.
        assert place(stack, price * Decimal("1.01"), str(one)).status == 200
        assert place(stack, price * Decimal("0.9"), str(one)).status == 200
        resting = place(stack, price * Decimal("0.9"), str(one), path="/fapi/v1/order")
        assert resting.status == 200
        known = sums(stack)
        assert Decimal(890_000) < known["bot"] < Decimal(910_000)
        assert known["account"] == known["bot"]
        assert place(stack, price * Decimal("0.9"), str(one)).reason == "exposure_bot"
        # A sale of what was bought adds nothing.
        assert place(stack, price * Decimal("1.05"), str(one), "SELL").status == 200
        killed = stack.pids()["gateway"]
        os.kill(killed, signal.SIGKILL)
        wait(lambda: _serves_again(stack, killed), 20, "the gateway to serve again")
        assert sums(stack) == known
        assert place(stack, price * Decimal("0.9"), str(one)).reason == "exposure_bot"
        number = resting.body["orderId"]
        assert stack.call("DELETE", "/fapi/v1/order", f"symbol=BTCUSDT&orderId={number}").status == 200
        assert sums(stack)["bot"] < known["bot"] - 250_000
        assert place(stack, price * Decimal("0.9"), str(one)).status == 200
        _limits_change(stack, price, str(one))
        check_l1_l2_l4(stack)


def _serves_again(stack: Stack, killed: int) -> bool:
    """By the supervisor's word: a request that nobody answers would take all the time that there is for it."""
    try:
        status = stack.status()
    except control_socket.ControlError:
        return False
    is_new = status["children"]["gateway"]["pid"] not in (None, killed)
    return is_new and bool((status.get("gateway") or {}).get("serving"))


def _limits_change(stack: Stack, price: Decimal, quantity: str) -> None:
    """A tighter limit of the account holds at once; without any, nothing does; a new one counts what was there."""
    text = stack.config_text()
    known = sums(stack)
    stack.write_config(text.replace("max_exposure = 2000000", "max_exposure = 500000"))
    assert stack.attempt("reload")[0] == 0
    assert place(stack, price * Decimal("0.9"), quantity, path="/fapi/v1/order").reason in (
        "exposure_account",
        "exposure_bot",
    )
    without = text[: text.index("[accounts.main]")].replace("max_exposure = 1000000\n", "")
    stack.write_config(without)
    assert stack.attempt("reload")[0] == 0
    assert stack.limits()["exposure"] == []
    assert place(stack, price * Decimal("0.9"), "0.001").status == 200
    stack.write_config(text)
    assert stack.attempt("reload")[0] == 0
    wait(lambda: sums(stack)["bot"] > known["bot"], 20, "the journal to be read")
    assert sums(stack)["bot"] < known["bot"] + price / 500
