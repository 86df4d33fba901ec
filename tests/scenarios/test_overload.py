"""Far more is asked than can be done: reads and orders are refused by one code, cancels are forwarded, all is kept."""

# ruff: noqa: TID251 - real processes live in real time
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from laws import check_l1_l2_l4
from stack import Stack, child_environ, wait

CROWD = Path(__file__).resolve().parents[2] / "bench" / "load_bots.py"
BOTS = tuple(f"bot{number}" for number in range(8))
PER_BOT = 40
OPTIONS = ("--no-limits", "--volatility", "0", "--balance", "USDT=1000000000000", "--max-num-orders", "1000000")
SHED = "gateway_overloaded"
# What the loop is late for is no affair of the exchange.
MAY_REFUSE = {f"503 {SHED}", "503 loop_lagging"}


def crowd(stack: Stack, seconds: float, per_bot: int) -> dict[str, Any]:
    """All bots on so many connections each, with a request of each on its way at every moment; gives what became."""
    plan = {
        "port": stack.port,
        "host": f"127.0.0.1:{stack.port}",
        "bots": [[stack.keys[name].key_id, stack.keys[name].secret] for name in BOTS],
        "seconds": seconds,
        "per_bot": per_bot,
        "cancels": "own",
    }
    file = stack.root / "plan.json"
    file.write_text(json.dumps(plan))
    command = [sys.executable, str(CROWD), str(file)]
    try:
        done = subprocess.run(command, input="\n", capture_output=True, text=True, env=child_environ(), timeout=120)
    finally:
        file.unlink()
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def descriptors(stack: Stack) -> int:
    """Open descriptors of supervisor, signer and gateway together."""
    ours = [pid for name, pid in stack.pids().items() if name != "paper"]
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in ours)


@pytest.mark.slow
@pytest.mark.threat(65)
def test_an_overload_is_shed_and_every_cancel_goes_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    """320 connections that never rest; then everything is as before."""
    root = tmp_path_factory.mktemp("overload")
    with Stack(root, bots=dict.fromkeys(BOTS, "hmac"), paper_options=OPTIONS, connections=1024) as stack:
        calm = crowd(stack, 0.5, 1)
        assert all(set(row["answers"]) == {"200"} for row in calm["kinds"].values()), calm
        before = descriptors(stack)
        loaded = crowd(stack, 6.0, PER_BOT)
        print(json.dumps(loaded["kinds"]))
        judge(loaded)
        told = Counter[str]()
        for row in loaded["kinds"].values():
            told.update(row["answers"])
        on_record = refusals(stack)
        assert on_record[SHED] == told[f"503 {SHED}"] > 0
        after(stack, before)
        counted = check_l1_l2_l4(stack)
        placed = loaded["kinds"]["order"]["answers"]["200"] + calm["kinds"]["order"]["answers"]["200"]
        assert (counted.orders_accepted, counted.unknown) == (placed + 1, 0)
        events = [row for row in stack.journal() if row.get("what") == "failing" and row["state"] == "overloaded"]
        assert events
        assert {row["phase"] for row in events} == {"began", "ended"}


def judge(loaded: dict[str, Any]) -> None:
    """Nothing is left without an answer, nothing refused by another code, no cancel refused at all."""
    kinds = loaded["kinds"]
    assert loaded["broken"] == 0
    assert set(kinds["cancel"]["answers"]) == {"200"}
    assert kinds["cancel"]["answers"]["200"] > 0
    for kind in ("order", "read"):
        assert set(kinds[kind]["answers"]) - {"200"} <= MAY_REFUSE, kinds[kind]
    for kind, row in kinds.items():
        assert sum(row["answers"].values()) == row["sent"], (kind, row)
        assert row["wrong"] == 0, row["faults"]


def refusals(stack: Stack) -> Counter[str]:
    """How many refusals the journal has by reason, sums included."""
    time.sleep(0.6)  # sums are written four times a second
    found = Counter[str]()
    for row in stack.journal():
        if row["type"] == "denied":
            found[row["reason"]] += row.get("count", 1)
    return found


def after(stack: Stack, before: int) -> None:
    """A new order goes at once; within half a minute no descriptor is left over, and no state is in force."""
    order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
    wait(lambda: not stack.status()["gateway"]["failing"], 30, "all states to end")
    assert stack.call("POST", "/api/v3/order", order, bot=BOTS[0]).status == 200
    wait(lambda: descriptors(stack) <= before, 35, "descriptors to be given back")
