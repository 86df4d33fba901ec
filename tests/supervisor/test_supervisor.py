"""The supervisor with real processes: restarts, orderly end, refusals, what children may see."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tests.supervisor.conftest import PAUSE, SCRIPT, Running, wait_until

from counterseal.adapters.control_socket import ControlError, NotRunningError, call
from counterseal.adapters.home import Home


def _alive(pid: int) -> bool:
    try:
        # A dead process that nobody has reaped yet is dead.
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def _all_replaced(supervisor: Running, before: dict[str, int]) -> bool:
    return not set(before.values()) & set(supervisor.pids().values())


def test_serves_signs_and_answers_operators(supervisor: Running) -> None:
    status = supervisor.status()
    answer = supervisor.connect()

    assert status["supervisor"]["pid"] == supervisor.process.pid
    assert status["gateway"]["verb"] == "status"
    assert status["children"]["gateway"]["pid"] == answer["pid"]
    assert "&signature=" in answer["query"]
    assert supervisor.call("reload_bots")["verb"] == "reload_bots"
    assert stat.S_IMODE(supervisor.home.control_socket.stat().st_mode) == 0o600
    with pytest.raises(ControlError, match="no limits here"):
        supervisor.call("limits")
    with pytest.raises(ControlError, match="unknown verb"):
        supervisor.call("withdraw")


def test_children_see_nothing_of_the_shell(supervisor: Running) -> None:
    assert set(supervisor.status()["gateway"]["environ"]) <= {"PATH", "LANG", "TZ", "PYTHONPATH", "LC_CTYPE"}


@pytest.mark.parametrize("victim", ["signer", "gateway"])
def test_a_killed_child_is_back_within_two_seconds_and_connections_queue(supervisor: Running, victim: str) -> None:
    before = supervisor.pids()
    listen = supervisor.status()["supervisor"]["listen"]

    os.kill(before[victim], signal.SIGKILL)
    begun = time.monotonic()
    answer = supervisor.connect()

    assert "&signature=" in answer["query"]
    assert time.monotonic() - begun < 2
    supervisor.wait_ready()
    assert time.monotonic() - begun < 2
    after = supervisor.status()
    other = "gateway" if victim == "signer" else "signer"
    assert after["children"][victim]["pid"] != before[victim]
    assert after["children"][victim]["restarts"] == 1
    assert after["children"][other]["pid"] == before[other]
    assert after["supervisor"]["listen"] == listen


def test_both_killed_again_and_again_are_back(supervisor: Running) -> None:
    for _ in range(3):
        before = supervisor.pids()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(partial(_all_replaced, supervisor, before), 2)
        assert "&signature=" in supervisor.connect()["query"]
        supervisor.wait_ready()


def test_the_signer_restarts_when_asked(supervisor: Running) -> None:
    before = supervisor.pids()

    result = supervisor.call("restart_signer")

    assert result["signer"]["ready"]
    assert result["signer"]["pid"] not in (None, before["signer"])
    assert not _alive(before["signer"])
    assert "&signature=" in supervisor.connect()["query"]


def test_a_signer_that_hangs_is_killed_when_a_restart_is_asked(supervisor: Running) -> None:
    pid = supervisor.pids()["signer"]
    os.kill(pid, signal.SIGSTOP)

    with pytest.raises(ControlError, match="did not serve again"):
        supervisor.call("restart_signer")

    supervisor.wait_ready()
    assert supervisor.pids()["signer"] != pid


def test_sigterm_drains_ends_all_and_leaves_nothing(supervisor: Running) -> None:
    pids = supervisor.pids()

    assert supervisor.end() == 0

    assert not any(_alive(pid) for pid in pids.values())
    assert sorted(path.name for path in supervisor.home.run.iterdir()) == ["supervisor.lock"]
    with pytest.raises(NotRunningError, match="counterseal up"):
        call(supervisor.home.control_socket, "status", 1)


def test_children_die_with_a_killed_supervisor_and_the_next_one_starts(supervisor: Running) -> None:
    pids = supervisor.pids()

    supervisor.process.kill()
    supervisor.process.wait()

    wait_until(lambda: not any(_alive(pid) for pid in pids.values()), 2)
    again = Running(supervisor.home)
    with again.process:
        assert "&signature=" in again.connect()["query"]
        assert again.end() == 0


def test_a_second_signal_ends_at_once(home: Home) -> None:
    stubborn = Running(home, PYTHON_TINY_STUBBORN="1")
    with stubborn.process:
        pids = stubborn.pids()
        stubborn.process.send_signal(signal.SIGINT)
        PAUSE.wait(0.3)
        assert stubborn.process.poll() is None
        begun = time.monotonic()
        assert stubborn.end() == 1
        assert time.monotonic() - begun < 1
        assert not any(_alive(pid) for pid in pids.values())


def test_two_on_one_home_are_refused(supervisor: Running) -> None:
    command = [sys.executable, str(SCRIPT), str(supervisor.home.root), "127.0.0.1:0"]
    second = subprocess.run(command, capture_output=True, text=True, env=_environ(), check=False)

    assert second.returncode == 1
    assert "already being served" in second.stderr
    assert "&signature=" in supervisor.connect()["query"]


def test_a_port_in_use_is_refused_with_the_way_out(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, str(SCRIPT), str(home.root), address]
        found = subprocess.run(command, capture_output=True, text=True, env=_environ(), check=False)

    assert found.returncode == 1
    assert f"cannot listen on {address}" in found.stderr


def test_a_key_file_that_cannot_be_opened_is_told_and_retried_with_growing_pauses(supervisor: Running) -> None:
    sealed = supervisor.home.exchange_keys.read_bytes()
    supervisor.home.exchange_keys.write_bytes(b"garbage")

    os.kill(supervisor.pids()["signer"], signal.SIGKILL)
    wait_until(lambda: "cannot be opened" in supervisor.log.read_text())
    assert not supervisor.status()["children"]["signer"]["ready"]
    supervisor.home.exchange_keys.write_bytes(sealed)

    supervisor.wait_ready()
    assert "&signature=" in supervisor.connect()["query"]


def _environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(SCRIPT.parents[2] / "src")}
