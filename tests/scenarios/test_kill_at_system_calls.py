"""CRASH-1: gateway or signer is killed as it enters its Nth system call of a kind, while something is going on.

What goes on: an order is placed, filled at once, cancelled, of unknown fate; the configuration is taken up anew; a
checkpoint is signed; the journal goes on in a new segment. First each is watched without a kill, so that every call
that it makes is a point. `CRASH1_POINTS` sets how many of them are tried; strace does the killing.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import http.client
import os
import random
import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import inject
import pytest
from laws import check_l1_l2_l4
from stack import Stack, signed, wait

CI = os.environ.get("COUNTERSEAL_CI") == "1"
POINTS = int(os.environ.get("CRASH1_POINTS", "40" if CI else "300"))
PER_STACK = 20
READY_S = 5.0
CALLS = "write,writev,pwrite64,fsync,fdatasync,sendto,sendmsg,rename,openat,unlink,close"
SPOT = "/api/v3/order"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
TAKER = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001"
OPTIONS = ("--fault-control", "--no-limits", "--volatility", "0", "--balance", "USDT=1000000000000",
           "--max-num-orders", "1000000")  # fmt: skip
MIB = 1 << 20


class Point(NamedTuple):
    """A kill: during what, of whom, at which call of which kind."""

    work: str
    target: str
    call: str
    number: int


def impossible() -> str | None:
    """Why it cannot be done here, with the way out; None where it can."""
    if shutil.which("strace") is None:
        return "strace is missing; install it with: sudo apt-get install strace"
    return inject.impossible()


@pytest.fixture(autouse=True)
def _needs_strace() -> None:
    reason = impossible()
    assert reason is None or not CI, f"CI must not skip this: {reason}"
    if reason is not None:
        pytest.skip(reason)


class CrashStack(Stack):
    """With segments and checkpoints as small and as frequent as they get."""

    def config_text(self) -> str:
        return f"{super().config_text()}\n[journal]\nsegment_mib = 1\ncheckpoint_ms = 100\n"


class Bot:
    """Sends, and bears that the other end dies. `names` are the ids of all orders that were tried."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._count = 0
        self.names: list[str] = []
        self._orders: dict[str, str] = {}

    def ask(self, method: str, query: str, connection: http.client.HTTPConnection | None = None) -> int | None:
        """Give the status, None when there was no answer."""
        made = connection or http.client.HTTPConnection("127.0.0.1", self._stack.port, timeout=15)
        key = self._stack.keys["alpha"]
        try:
            headers = {"X-MBX-APIKEY": key.key_id, "Content-Length": "0"}
            made.request(method, f"{SPOT}?{signed(key, query)}", headers=headers)
            answer = made.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            if connection is None:
                made.close()

    def place(self, times: int = 1, connection: http.client.HTTPConnection | None = None, order: str = ORDER) -> None:
        """Place orders under new ids."""
        for _ in range(times):
            self._count += 1
            self.names.append(f"p{self._count}")
            self._orders[self.names[-1]] = f"{order}&newClientOrderId={self.names[-1]}"
            self.ask("POST", self._orders[self.names[-1]], connection)

    def cancel(self) -> None:
        """Cancel the newest order."""
        self.ask("DELETE", f"symbol=BTCUSDT&origClientOrderId={self.names[-1]}")

    def repeat(self, names: Sequence[str]) -> None:
        """Repeat orders under their ids until each is answered: none may be placed twice."""
        for name in names:
            wait(lambda name=name: self.ask("POST", self._orders[name]) is not None,  # type: ignore[misc]
                 10, f"an answer to {name}")  # fmt: skip

    def fill(self, path: Path) -> None:
        """Let the open segment grow until the next few orders begin a new one."""
        connection = http.client.HTTPConnection("127.0.0.1", self._stack.port, timeout=15)
        while path.stat().st_size < MIB - 8_000:
            self.place(2, connection)
        connection.close()


def works(stack: Stack, bot: Bot) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """What goes on, by name: what comes before, and what is killed."""

    def reload() -> None:
        stack.attempt("reload")

    def lost() -> None:
        stack.fault("reset_after_execute", "POST", SPOT)

    def checkpoint() -> None:
        bot.place()
        time.sleep(0.25)

    def nothing() -> None:
        """Nothing comes before."""

    return {
        "place": (nothing, bot.place),
        "fill": (nothing, lambda: bot.place(order=TAKER)),
        "cancel": (bot.place, bot.cancel),
        "unknown": (lost, bot.place),
        "reload": (nothing, reload),
        "checkpoint": (nothing, checkpoint),
        "rotation": (lambda: bot.fill(stack.journal_path), lambda: bot.place(6)),
    }


TARGETS = [(work, "gateway") for work in ("place", "fill", "cancel", "unknown", "reload", "checkpoint", "rotation")] + [
    ("place", "signer"), ("checkpoint", "signer"),
]  # fmt: skip


class Traced:
    """strace at a running process; `options` say what it does there."""

    def __init__(self, pid: int, *options: str) -> None:
        command = ["strace", "-f", "-qq", "-p", str(pid), *options]
        self._strace = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: _is_traced(pid), 5, "strace")

    def end(self) -> None:
        """Let go of it."""
        if self._strace.poll() is None:
            self._strace.terminate()
        try:
            self._strace.wait(1)
        except subprocess.TimeoutExpired:
            # The kernel lets go of what a tracer leaves behind.
            self._strace.kill()
            self._strace.wait(5)


def _is_traced(pid: int) -> bool:
    """With each of its threads; also when it has met its end already."""
    with suppress(OSError):
        return all(
            "TracerPid:\t0\n" not in (task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()
        )
    return True


def watch(stack: Stack, bot: Bot, out: Path) -> list[Point]:
    """Let everything go on once without a kill, and give every point that it has."""
    points = []
    for name, target in TARGETS:
        before, work = works(stack, bot)[name]
        before()
        traced = Traced(stack.pids()[target], "-e", f"trace={CALLS}", "-o", str(out))
        work()
        time.sleep(0.05)
        traced.end()
        counts = Counter(re.findall(r"^\d+ +(\w+)\(", out.read_text(), re.MULTILINE))
        points += [Point(name, target, call, n) for call, most in sorted(counts.items()) for n in range(1, most + 1)]
    return points


def kill_at(stack: Stack, bot: Bot, point: Point) -> float | None:
    """Give the seconds until it serves again, None when the call was not reached this time."""
    before, work = works(stack, bot)[point.work]
    wait(lambda: point.target in stack.pids(), READY_S, f"the {point.target}")
    before()
    first, pid = len(bot.names), stack.pids()[point.target]
    rule = f"inject={point.call}:signal=SIGKILL:when={point.number}"
    traced = Traced(pid, "-e", f"trace={point.call}", "-e", rule)
    worker = threading.Thread(target=work)
    worker.start()
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline and (worker.is_alive() or point.work == "checkpoint") and _lives(pid):
        time.sleep(0.002)
    killed_at = time.monotonic()
    traced.end()
    was_killed = not _lives(pid)
    took = _ready_after(stack, point.target, pid, killed_at) if was_killed else None
    worker.join(20)
    bot.repeat(bot.names[first:])
    return took


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def _ready_after(stack: Stack, target: str, pid: int, killed_at: float) -> float:
    while time.monotonic() < killed_at + 2 * READY_S:
        with suppress(Exception):
            status = stack.status()
            children = status["children"]
            serves = all(child["ready"] for child in children.values()) and (status["gateway"] or {}).get("serving")
            if serves and children[target]["pid"] not in (pid, None):
                return time.monotonic() - killed_at
        time.sleep(0.01)
    raise AssertionError(f"{target} did not serve again")


def judge(stack: Stack, point: Point) -> None:
    """L1, L2 and L4 on both journals, and L8: the journal verifies."""
    check_l1_l2_l4(stack)
    code, printed = stack.attempt("audit", "verify")
    assert code == 0, f"{point}: {printed}"


def crash_1(root: Path, choose: Callable[[list[Point]], list[Point]]) -> None:
    """Kill at the chosen points, twenty an installation, and judge after each."""
    chosen: list[Point] | None = None
    took, missed, total, done = [], 0, 0, 0
    while chosen is None or done < len(chosen):
        with CrashStack(root / str(done), paper_options=OPTIONS) as stack:
            bot = Bot(stack)
            if chosen is None:
                points = watch(stack, bot, root / "calls")
                total, chosen = len(points), choose(points)
            for point in chosen[done : done + PER_STACK]:
                seconds = kill_at(stack, bot, point)
                judge(stack, point)
                took += [] if seconds is None else [seconds]
                missed += seconds is None
            done += PER_STACK
    print(
        f"CRASH-1: {len(chosen)} of {total} points ({missed} not reached), ready again after "
        f"{sum(took) / len(took):.2f} s (at most {max(took):.2f})"
    )
    assert len(took) * 2 >= len(chosen), "half of the points are reached at least"
    assert max(took) <= READY_S, took


@pytest.mark.threat(55)
def test_one_point_of_each_kind(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For every run: a few, those of the journal among them."""
    wanted = [("place", "gateway", "write"), ("rotation", "gateway", "openat"), ("checkpoint", "signer", "sendto"),
              ("reload", "gateway", "sendto")]  # fmt: skip

    def choose(points: list[Point]) -> list[Point]:
        rng = random.Random(55)
        kinds = [[point for point in points if point[:3] == kind] for kind in wanted]
        return [rng.choice(kind) for kind in kinds if kind]

    crash_1(tmp_path_factory.mktemp("points"), choose)


@pytest.mark.slow
@pytest.mark.threat(55)
def test_crash_1(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`CRASH1_POINTS` of them, drawn."""
    crash_1(tmp_path_factory.mktemp("points"), lambda points: random.Random(1).sample(points, min(POINTS, len(points))))
