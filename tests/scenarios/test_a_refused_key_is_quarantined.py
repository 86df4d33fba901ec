"""A key is deleted at the exchange under a running installation, and given back: real processes, real sockets."""

import json
import time
from pathlib import Path

import pytest
from stack import Stack, wait

from counterseal.adapters import control_socket
from counterseal.paper.keys import ApiKey, KeyFile

pytestmark = pytest.mark.slow
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&newClientOrderId={}"
PATH, PROBE = "/api/v3/order", "/sapi/v1/account/apiRestrictions"
ALERT_S = 5.0


def ask(stack: Stack, verb: str, **args: str) -> dict:  # type: ignore[type-arg]
    found: dict = control_socket.call(stack.home.control_socket, verb, 12.0, args)  # type: ignore[type-arg]
    return found


def codes(stack: Stack) -> list[str]:
    return [alert["code"] for alert in ask(stack, "alert_list")["alerts"]]


def listed(stack: Stack) -> str:
    code, printed = stack.attempt("key", "list")
    assert code == 0, printed
    return printed


def reload(stack: Stack) -> None:
    code, printed = stack.attempt("reload")
    assert code == 0, printed


def the_key(stack: Stack) -> tuple[KeyFile, ApiKey]:
    file = KeyFile(stack.paper_home / "keys.json")
    key = file.find(stack.exchange_api_key)
    assert key is not None
    return file, key


@pytest.mark.threat(67)
def test_a_deleted_key_is_quarantined_told_and_taken_up_again(tmp_path: Path) -> None:
    with Stack(tmp_path / "deleted", paper_options=("--no-limits", "--volatility", "0")) as stack:
        wait(lambda: "not asked" not in listed(stack), 10, "the guard has asked for the key")
        name = next(iter(ask(stack, "key_facts")["keys"]))
        probed = ask(stack, "key_probe", ref=name)
        assert (probed["signature"], probed["code"], probed["restrictions"]["enableWithdrawals"]) == (True, None, False)
        assert probed["account"].startswith("spot uid ")
        assert stack.call("POST", PATH, ORDER.format("before")).status == 200

        file, key = the_key(stack)
        file.delete(key.api_key)
        refused_at = time.monotonic()
        first = stack.call("POST", PATH, ORDER.format("after-1"))
        assert (first.status, first.code, first.reason) in ((401, -2015, None), (401, -2015, "key_quarantined"))
        wait(lambda: "key_quarantined" in codes(stack), ALERT_S, "people are told")
        assert time.monotonic() - refused_at <= ALERT_S
        before = len(stack.received())
        for number in range(20):
            assert stack.call("POST", PATH, ORDER.format(f"closed-{number}")).reason == "key_quarantined"
        assert [row for row in stack.received()[before:] if row["path"] == PATH] == []
        shown = listed(stack)
        assert "shut: " in shown
        assert ask(stack, "key_probe", ref=name)["code"] == -2015
        quarantine = stack.status()["gateway"]["quarantine"]
        assert [(row["key"], row["phase"]) for row in quarantine] == [(name, "shut")]

        # The guard, too, has asked with it what was on its way, and then the probe.
        refused = [row["path"] for row in stack.received_of_guard() if row["code"] == -2015]
        assert refused.count(PROBE) <= 3, refused
        assert len(set(refused)) == len([path for path in refused if path != PROBE]) + 1, refused

        file.add(key)
        # An exit is let through once a second, and the first one that the exchange takes ends it.
        wait(
            lambda: stack.call("DELETE", PATH, "symbol=BTCUSDT&origClientOrderId=before").status == 200,
            5, "the cancel is taken",
        )  # fmt: skip
        assert stack.call("POST", PATH, ORDER.format("again")).status == 200
        kept = [row for row in stack.journal() if str(row.get("what", "")).startswith("key_")]
        assert [row["what"] for row in kept] == ["key_quarantined", "key_back"]
        assert key.api_key not in json.dumps(kept)


def test_a_key_that_can_withdraw_serves_exits_alone(tmp_path: Path) -> None:
    with Stack(tmp_path / "withdraws", paper_options=("--no-limits", "--volatility", "0")) as stack:
        assert stack.call("POST", PATH, ORDER.format("rests")).status == 200
        file, key = the_key(stack)
        file.change(key.api_key, {"shows": ("enableWithdrawals",)})
        reload(stack)
        wait(lambda: "key_withdrawals" in codes(stack), 10, "people are told")
        wait(
            lambda: stack.call("POST", PATH, ORDER.format(f"try-{time.monotonic_ns()}")).reason == "key_refused",
            5, "the gateway has heard it",
        )  # fmt: skip
        assert stack.call("GET", "/api/v3/account").reason == "key_refused"
        gone = stack.call("DELETE", PATH, "symbol=BTCUSDT&origClientOrderId=rests")
        assert gone.body["status"] == "CANCELED", gone
        assert "key_withdrawals (refuse)" in listed(stack)
        file.change(key.api_key, {"shows": ()})
        reload(stack)
        wait(
            lambda: stack.call("POST", PATH, ORDER.format(f"again-{time.monotonic_ns()}")).status == 200,
            30, "the key is mended",
        )  # fmt: skip
