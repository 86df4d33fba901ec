"""KILL-3: whatever else fails, a halt is in force a quarter of a second later, and what rests is cancelled.

Each state is one of the catalogue's, with the nearest real thing. There is no store of limits beside the gateway's own
memory: what stands for it is a signer that stands still, without which nothing can be signed. `KILL3_REPEATS` is how
often each is tried (20 in the whole).
"""

# ruff: noqa: TID251 - real processes live in real time
import importlib.util
import os
import resource
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import inject
import pytest
from stack import Stack, wait
from test_kill_switch import OPTIONS, ORDER, act_of, halt

REPEATS = int(os.environ.get("KILL3_REPEATS", "1"))
# What the gateway has to hear in, its end, and what a busy host takes for both.
IN_FORCE_MS = 1_000
NANOSLEEP = 35
NO_CHANNEL = "" if importlib.util.find_spec("httpx") else "httpx is not installed: pip install 'counterseal[alerts]'"
State = Callable[[Stack], Iterator[None]]


class Deaf(Stack):
    """An installation whose only alert channel leads nowhere."""

    def config_text(self) -> str:
        return super().config_text() + '\n[alerts.channels.pager]\nkind = "webhook"\n'

    def up(self) -> None:
        """Give the channel its address, which nobody listens on."""
        folder = self.home.root / "alerts"
        folder.mkdir(mode=0o700, exist_ok=True)
        secret = folder / "pager.secret"
        secret.write_text("https://127.0.0.1:9/nobody\n")
        secret.chmod(0o600)
        super().up()


@pytest.fixture(name="stack", scope="module")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("all-else"), paper_options=(*OPTIONS, "--fault-control")) as stack:
        yield stack


def stopped(stack: Stack, name: str) -> Iterator[None]:
    """A process stands still, and goes on afterwards if it is still there."""
    pid = stack.pids()[name]
    os.kill(pid, signal.SIGSTOP)
    yield
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def core_stopped(stack: Stack) -> Iterator[None]:
    yield from stopped(stack, "gateway")


def signer_stopped(stack: Stack) -> Iterator[None]:
    yield from stopped(stack, "signer")


def loop_blocked(stack: Stack) -> Iterator[None]:
    """The gateway's loop is within one call for 30 s."""
    pid = stack.pids()["gateway"]

    def sleep() -> None:
        with suppress(Exception):  # it is killed meanwhile
            inject.call(pid, NANOSLEEP, struct.pack("<qq", 30, 0), 0)

    sleeper = threading.Thread(target=sleep, daemon=True)
    sleeper.start()
    time.sleep(0.3)
    yield
    sleeper.join(35)


def no_byte_more(stack: Stack, *names: str) -> Iterator[None]:
    """No file of these processes can grow, as on a full disk; the journals latch, which only a new process undoes."""
    pids = [stack.pids()[name] for name in names]
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def disk_full(stack: Stack) -> Iterator[None]:
    yield from no_byte_more(stack, "gateway", "guard")


def journal_latched(stack: Stack) -> Iterator[None]:
    latched = no_byte_more(stack, "gateway")
    next(latched)
    stack.call("POST", "/api/v3/order", ORDER)
    wait(lambda: stack.status()["gateway"]["journal"] != "writing", 10, "the journal to latch")
    yield
    next(latched, None)


def monitor_stale(stack: Stack) -> Iterator[None]:
    """No read of positions is answered any more."""
    for path in ("/api/v3/account", "/fapi/v3/account", "/fapi/v2/account", "/fapi/v3/positionRisk"):
        stack.fault("status:503:", "GET", path, times=1000)
    yield
    stack.paper_control("/paper/faults", {"clear": True})


def channel_down(stack: Stack) -> Iterator[None]:
    wait(lambda: stack.status()["guard"]["alerts_failing"], 60, "the channel to be known as down")
    yield


def config_broken(stack: Stack) -> Iterator[None]:
    text = stack.home.config.read_text()
    stack.home.config.write_text("this is no configuration")
    assert stack.attempt("reload")[0] == 2
    yield
    stack.write_config(text)
    assert stack.attempt("reload")[0] == 0


STATES: dict[str, State] = {
    "the loop is blocked": loop_blocked,
    "the core stands still": core_stopped,
    "the disk is full": disk_full,
    "the journal is latched": journal_latched,
    "the signer stands still": signer_stopped,
    "the monitor is stale": monitor_stale,
    "the settings are broken": config_broken,
}
SLOW = dict.fromkeys(STATES.keys() - {"the core stands still"}, pytest.mark.slow)


@contextmanager
def order_at_rest(stack: Stack, name: str) -> Iterator[None]:
    """An order rests at the exchange, and afterwards it must not."""
    placed = stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId={name}")
    assert placed.status == 200, (placed.reason, placed.body)
    yield
    found = stack.call("GET", "/api/v3/order", f"symbol=BTCUSDT&origClientOrderId={name}")
    assert found.body.get("status") == "CANCELED", found.body


def serves(stack: Stack) -> bool:
    """Whether everything is as it should be again."""
    with suppress(Exception):
        status = stack.status()
        ready = all(child["ready"] for child in status["children"].values())
        gateway = status["gateway"]
        failing = {row["state"] for row in gateway["failing"]} - {"alert_channel_down", "alerts_down"}
        return ready and bool(gateway.get("serving")) and gateway["journal"] == "writing" and not failing
    return False


@pytest.mark.threat(61)
@pytest.mark.parametrize("state", [pytest.param(name, marks=SLOW.get(name, ())) for name in STATES])
def test_kill_3(stack: Stack, state: str) -> None:
    if state == "the loop is blocked" and inject.impossible() is not None:
        pytest.skip(str(inject.impossible()))
    for _ in range(REPEATS):
        kill_in(stack, STATES[state], signs=state != "the signer stands still")


@pytest.mark.slow
@pytest.mark.threat(61)
@pytest.mark.skipif(bool(NO_CHANNEL), reason=NO_CHANNEL)
def test_kill_3_with_the_alert_channel_down(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Deaf(tmp_path_factory.mktemp("deaf"), paper_options=OPTIONS) as stack:
        for _ in range(REPEATS):
            kill_in(stack, channel_down)


def kill_in(stack: Stack, state: State, *, signs: bool = True) -> None:
    """Halt while something fails; in force and cancelled all the same, over whatever has to be started anew."""
    wait(lambda: serves(stack), 30, "everything to serve")
    with order_at_rest(stack, f"k{os.urandom(6).hex()}"):
        failing = state(stack)
        next(failing)
        before = len(stack.received())
        triggered_ms, _ = halt(stack, "account main")
        if not signs:
            # It has the signature of nobody: what is in force is in force, what cannot be cancelled is told.
            act = act_of(stack, "account main")
            assert act["steps"][0]["done"] and not act["proven"]
            next(failing, None)
            wait(lambda: serves(stack), 30, "everything to serve again")
            halt(stack, "account main")
        act = act_of(stack, "account main")
        assert act["proven"], act
        next(failing, None)
        wait(lambda: serves(stack), 40, "everything to serve again")
        late = [row for row in stack.received()[before:] if row["method"] == "POST" and row["path"] == "/api/v3/order"]
        assert all(row["t"] - triggered_ms <= IN_FORCE_MS for row in late)
        # Over whatever restarts that took.
        assert stack.call("POST", "/api/v3/order", ORDER).reason == "halted"
    stack.verb("resume", "account", "main", "--operator", "jane", "--home", str(stack.home.root))


@pytest.mark.threat(61)
def test_a_guard_that_begins_with_broken_settings_still_stops_everybody(stack: Stack) -> None:
    """Then nothing can be cancelled, which is told; and nobody is let go before the settings are mended."""
    wait(lambda: serves(stack), 30, "everything to serve")
    text, before = stack.home.config.read_text(), stack.pids()["guard"]
    stack.home.config.write_text("this is no configuration")
    os.kill(before, signal.SIGKILL)
    wait(lambda: stack.pids().get("guard") not in (None, before) and serves(stack), 20, "another guard")
    try:
        halt(stack, "fleet")
        act = act_of(stack, "fleet")
        assert act["steps"][0]["done"]
        assert stack.call("POST", "/api/v3/order", ORDER).reason == "halted"
        code, said = stack.attempt("resume", "fleet", "--operator", "jane", "--confirm", "fleet")
        assert code == 1 and "settings could not be read" in said
    finally:
        stack.write_config(text)
    assert stack.attempt("reload")[0] == 0
    stack.verb("resume", "fleet", "--operator", "jane", "--confirm", "fleet", "--home", str(stack.home.root))
    assert stack.call("POST", "/api/v3/order", ORDER).status == 200
