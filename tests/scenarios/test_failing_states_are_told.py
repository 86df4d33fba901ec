"""The real processes, sandboxed: what fails is watched, told and shown, and a healthy gateway shows nothing."""

import json

import pytest
from stack import Stack, wait
from tests.gateway.cells import proves

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


@proves("policy_load_failed", "increase", "exits", "reads", "alert")
def test_a_policy_that_cannot_be_taken_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The old one stays in force: orders, reads and cancels go on; journal, log and status tell it until a sound one
    comes.
    """
    with Stack(tmp_path_factory.mktemp("failing"), paper_options=("--no-limits", "--volatility", "0")) as stack:
        # The probes of disk and memory work behind the sandbox: what cannot be measured counts as failing.
        assert stack.status()["gateway"]["failing"] == []
        good = stack.config_text()
        stack.write_config("[venue")
        assert stack.attempt("reload")[0] == 2
        assert [state["state"] for state in stack.status()["gateway"]["failing"]] == ["policy_load_failed"]
        stack.write_config(good + "\n[journal]\nkeep_days = 30\n")
        code, said = stack.attempt("reload")
        assert code != 0
        assert "old configuration stays in force" in said
        (state,) = stack.status()["gateway"]["failing"]
        assert (state["state"], state["scope"], state["reason"]) == ("policy_load_failed", None, None)
        assert stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=old-policy").status == 200
        assert stack.call("GET", "/api/v3/account", "").status == 200
        cancelled = stack.call("DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=old-policy")
        assert cancelled.status == 200
        stack.write_config(good)
        assert stack.attempt("reload")[0] == 0
        assert stack.status()["gateway"]["failing"] == []
        events = [entry for entry in stack.journal() if entry["type"] == "event" and entry["what"] == "failing"]
        assert [(entry["state"], entry["phase"]) for entry in events] == [
            ("policy_load_failed", "began"), ("policy_load_failed", "ended"),
        ]  # fmt: skip
        assert {entry["since_ms"] for entry in events} == {state["since_ms"]}
        told = [("critical", "began"), ("warning", "ended")]
        wait(lambda: logged(stack, "policy_load_failed") == told, 2, "the log")


def logged(stack: Stack, state: str) -> list[tuple[str, str]]:
    """Level and phase of the log's lines about a state; lines are written within 50 ms."""
    lines = [json.loads(line) for line in (stack.home.logs / "gateway.jsonl").read_text().splitlines()]
    return [(line["level"], line["phase"]) for line in lines if line.get("state") == state]
