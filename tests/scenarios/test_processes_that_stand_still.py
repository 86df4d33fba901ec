"""CRASH-3: gateway or signer stand still under load and go on: no order doubled, none lost, nobody has to do anything.

A process that is stopped is what a host looks like that swaps, that is paused by its hypervisor, that debugs. How long
is drawn between one second and `CRASH3_LONGEST_S` (60 in the whole); `CRASH3_STOPS` is how often (200 in the whole).
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import os
import random
import signal
import threading
import time

import pytest
from laws import check_l1_l2_l4
from stack import Stack, wait
from test_kill_nine_loses_nothing import OPTIONS, PATIENCE_S, Retrier

STOPS, LONGEST_S = int(os.environ.get("CRASH3_STOPS", "6")), float(os.environ.get("CRASH3_LONGEST_S", "5"))
READY_S = 5.0


def stand_still(stack: Stack, name: str, seconds: float) -> float:
    """Stop one process for a while; give the seconds from its waking until all serve again."""
    pid = stack.pids()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    woken = time.monotonic()
    wait(lambda: _serves(stack), READY_S, f"everything to serve after the {name} stood still")
    return time.monotonic() - woken


def _serves(stack: Stack) -> bool:
    status = stack.status()
    return all(child["ready"] for child in status["children"].values()) and (status["gateway"] or {}).get("serving")


@pytest.mark.slow
@pytest.mark.threat(55)
def test_crash_3(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Six bots go on asking meanwhile; every order of theirs ends in what both journals say."""
    rng = random.Random(57)
    with Stack(tmp_path_factory.mktemp("still"), paper_options=OPTIONS) as stack:
        stop = threading.Event()
        bots = [Retrier(stack, number, stop) for number in range(6)]
        for bot in bots:
            bot.start()
        took = []
        try:
            for _ in range(STOPS):
                time.sleep(rng.uniform(0.1, 0.5))
                took.append(stand_still(stack, rng.choice(("gateway", "signer")), rng.uniform(1.0, LONGEST_S)))
            time.sleep(0.3)
        finally:
            stop.set()
            for bot in bots:
                bot.join(PATIENCE_S + 5)
        assert [fault for bot in bots for fault in bot.faults] == []
        counted = check_l1_l2_l4(stack)
        code, printed = stack.attempt("audit", "verify")
        assert code == 0, printed
    print(f"CRASH-3: {STOPS} of 200 stops, serving again at most {max(took):.2f} s after waking, {counted}")
