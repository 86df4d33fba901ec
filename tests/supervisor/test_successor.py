"""A signer is replaced by one that has its keys already; where that cannot be, the one that serves stays."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
from tests.supervisor.conftest import Running, wait_until

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.home import Home
from counterseal.supervisor import successor

LOADED = 'import json, os, sys; os.write(int(sys.argv[2]), json.dumps({"loaded": "mlock"}).encode())'
WAITS = "; os.read(int(sys.argv[3]), 1)"
SILENT = "import os, sys; os.read(int(sys.argv[1]), 1)"
OTHER = LOADED.replace("mlock", "none") + WAITS


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def made(program: str, within_s: float = 10.0) -> successor.Successor | None:
    def start(named: Sequence[tuple[str, int]], page: int | None) -> "subprocess.Popen[bytes]":
        fds = [fd for _, fd in named]
        assert [name for name, _ in named] == ["--lifeline-fd", "--ready-fd", "--after-fd"]
        return subprocess.Popen(
            [sys.executable, "-c", program, *map(str, fds)], pass_fds=fds, stderr=subprocess.DEVNULL
        )

    page = os.memfd_create("page")
    return asyncio.run(successor.make(start, page, "mlock", within_s))


@pytest.mark.parametrize(("program", "within_s"), [(SILENT, 0.3), ("1 / 0", 10.0), (OTHER, 10.0), ("", 10.0)])
def test_one_that_does_not_get_there_leaves_nothing_behind(program: str, within_s: float) -> None:
    """It says nothing in time, breaks, has weaker memory, or just ends: no process and no descriptor stays."""
    before = descriptors()
    assert made(program, within_s) is None
    assert descriptors() == before


def test_one_that_has_its_keys_waits_for_its_turn() -> None:
    before = descriptors()
    found = made(LOADED + WAITS)
    assert found is not None and found.process.poll() is None
    os.close(found.pipes.after)
    assert found.process.wait(10) == 0
    for fd in (found.pipes.lifeline, found.pipes.ready, found.page):
        assert fd is not None
        os.close(fd)
    assert descriptors() == before


def test_a_system_that_starts_nothing_more_leaves_nothing_behind() -> None:
    before = descriptors()

    def refuses(_named: Sequence[tuple[str, int]], _page: int | None) -> "subprocess.Popen[bytes]":
        raise OSError(11, "no more processes")

    with pytest.raises(OSError, match="no more processes"):
        asyncio.run(successor.make(refuses, os.memfd_create("page"), "mlock", 1.0))
    assert descriptors() == before


def test_a_key_file_that_cannot_be_opened_takes_no_signer_away(supervisor: Running, home: Home) -> None:
    """Asked to keep the one that serves: the same process signs on, and the answer says so."""
    before, sealed = supervisor.pids()["signer"], home.exchange_keys.read_bytes()
    home.exchange_keys.write_bytes(b"no age file")
    path = home.control_socket
    with pytest.raises(control_socket.ControlError, match="serves on"):
        control_socket.call(path, "restart_signer", 15, {"keep": "yes"})
    assert supervisor.pids()["signer"] == before
    assert supervisor.connect()
    home.exchange_keys.write_bytes(sealed)
    control_socket.call(path, "restart_signer", 15, {"keep": "yes"})
    after = supervisor.pids()["signer"]
    assert after != before and supervisor.connect()
    assert not os.path.exists(f"/proc/{before}")


@pytest.mark.slow
def test_one_that_took_over_is_replaced_like_any_other(supervisor: Running, home: Home) -> None:
    """By another successor, and after kill -9 out of the memory that it was filled into."""
    for _ in range(2):
        supervisor.call("restart_signer")
    key = key_file.read(home)["main"]
    pid = supervisor.pids()["signer"]
    os.kill(pid, 9)
    wait_until(lambda: supervisor.pids()["signer"] not in (None, pid) and supervisor._serves())
    assert key.api_key and supervisor.connect()
    assert supervisor.end() == 0
