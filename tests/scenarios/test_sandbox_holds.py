"""The running processes themselves are held: a debugger makes each of them try, and orders pass all the same.

Profiles are tried call by call in tests/adapters/test_sandbox.py; here it is the real signer, gateway and supervisor.
"""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import inject
import pytest
from stack import SOURCE, Stack, child_environ, wait

from counterseal.adapters.process import die_with_parent
from counterseal.adapters.sandbox import landlock, seccomp

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
PROCESSES = ("supervisor", "signer", "gateway")
WITHOUT = Path(__file__).parents[1] / "adapters" / "kernel_without.py"
READ, WRITE = os.O_RDONLY, os.O_WRONLY | os.O_CREAT
HERE = -100  # AT_FDCWD
SOCKET, CONNECT, BIND, OPENAT, EXECVE, FORK, CLONE, MMAP, KILL, PRCTL, IO_URING, DUP = (
    41, 42, 49, 257, 59, 57, 56, 9, 62, 157, 425, 32,
)  # fmt: skip
no_seccomp = pytest.mark.skipif(seccomp.lack() is not None, reason=str(seccomp.lack()))


@pytest.fixture(name="stack", scope="module")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("held"), paper_options=("--no-limits", "--volatility", "0")) as stack:
        yield stack


def kernel_says(pid: int) -> dict[str, str]:
    """What /proc tells of a process, which it cannot make up itself."""
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


@no_seccomp
@pytest.mark.threat(28)
@pytest.mark.parametrize("name", PROCESSES)
def test_the_kernel_confirms_what_status_says(stack: Stack, name: str) -> None:
    status = stack.status()
    told = (status["supervisor"] if name == "supervisor" else status["children"].get(name, {})).get("sandbox")
    report = told or status["gateway"]["sandbox"]
    found = kernel_says(stack.pids()[name])
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert {found[kind] for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}
    assert (report["profile"], report["no_new_privs"], report["seccomp"]) == (name, True, True)
    assert report["landlock"] == landlock.abi()


def test_status_shows_it_to_people(stack: Stack) -> None:
    code, said = stack.attempt("status")
    assert code == 0
    for name in PROCESSES:
        (line,) = [line for line in said.splitlines() if line.startswith(f"{name} sandbox: ")]
        assert "no_new_privs yes" in line and f"seccomp {'no' if seccomp.lack() else 'yes'}" in line


@no_seccomp
@pytest.mark.threat(22)
@pytest.mark.threat(28)
@pytest.mark.skipif(inject.impossible() is not None, reason=str(inject.impossible()))
def test_the_real_signer_can_do_nothing_but_serve(stack: Stack) -> None:
    """SIGN-1: no socket, no connection, no program, no file, no process, no code."""
    pid = stack.pids()["signer"]
    key_file = str(stack.home.exchange_keys).encode() + b"\0"
    tried = {
        "socket": inject.call(pid, SOCKET, 2, 1, 0),
        "unix socket": inject.call(pid, SOCKET, 1, 1, 0),
        "connect": inject.call(pid, CONNECT, 3, b"\x02\x00\x00\x50\x7f\x00\x00\x01" + bytes(8), 16),
        "exec": inject.call(pid, EXECVE, b"/bin/true\0", 0, 0),
        "open a key": inject.call(pid, OPENAT, HERE, key_file, READ, 0),
        "open anything": inject.call(pid, OPENAT, HERE, b"/etc/hosts\0", READ, 0),
        "fork": inject.call(pid, FORK),
        "thread": inject.call(pid, CLONE, 0x3D0F00, 0, 0, 0, 0),
        "code": inject.call(pid, MMAP, 0, 4096, 5, 0x22, -1, 0),
        "another descriptor": inject.call(pid, DUP, 0),
        "signal": inject.call(pid, KILL, stack.pids()["gateway"], 0),
        "readable again": inject.call(pid, PRCTL, 4, 1, 0, 0, 0),
        "io_uring": inject.call(pid, IO_URING, 1, bytes(120)),
    }
    assert tried == dict.fromkeys(tried, -errno.EPERM)
    assert inject.call(pid, 39) == pid  # that a call can be injected at all
    assert stack.call("POST", "/api/v3/order", ORDER).status == 200


@no_seccomp
@pytest.mark.threat(28)
@pytest.mark.skipif(inject.impossible() is not None, reason=str(inject.impossible()))
@pytest.mark.skipif(not landlock.abi(), reason="the kernel has no Landlock")
def test_the_real_gateway_reads_no_key_and_starts_nothing(stack: Stack) -> None:
    pid, home = stack.pids()["gateway"], stack.home

    def opened(path: Path, how: int = READ) -> int:
        return inject.call(pid, OPENAT, HERE, str(path).encode() + b"\0", how, 0o600)

    closed = {
        "keys": opened(home.exchange_keys),
        "identity": opened(home.signer_identity),
        "another program's secret": opened(stack.paper_home / "keys.json"),
        "memory of the signer": opened(Path(f"/proc/{stack.pids()['signer']}/mem")),
        "write settings": opened(home.config, WRITE),
        "write keys": opened(home.root / "keys" / "planted", WRITE),
        "write code": opened(Path(SOURCE) / "counterseal" / "planted.py", WRITE),
    }
    assert closed == dict.fromkeys(closed, -errno.EACCES)
    refused = {
        "exec": inject.call(pid, EXECVE, b"/bin/true\0", 0, 0),
        "fork": inject.call(pid, FORK),
        "unix socket": inject.call(pid, SOCKET, 1, 1, 0),
        "raw socket": inject.call(pid, SOCKET, 2, 3, 1),
        "bind": inject.call(pid, BIND, 0, b"\x02" + bytes(15), 16),
        "signal": inject.call(pid, KILL, stack.pids()["signer"], 0),
        "io_uring": inject.call(pid, IO_URING, 1, bytes(120)),
    }
    assert refused == dict.fromkeys(refused, -errno.EPERM)
    assert opened(home.bots) > 0
    assert stack.call("POST", "/api/v3/order", ORDER).status == 200


@no_seccomp
@pytest.mark.skipif(inject.impossible() is not None, reason=str(inject.impossible()))
@pytest.mark.skipif(not landlock.abi(), reason="the kernel has no Landlock")
def test_the_real_supervisor_writes_no_key_and_no_code(stack: Stack) -> None:
    pid = stack.pids()["supervisor"]
    for path in (stack.home.root / "keys" / "planted", stack.home.config, Path(SOURCE) / "counterseal" / "planted.py"):
        assert inject.call(pid, OPENAT, HERE, str(path).encode() + b"\0", WRITE, 0o600) == -errno.EACCES


def test_reload_takes_up_files_that_were_replaced(stack: Stack) -> None:
    """Editors and deployments replace by rename; twice, so that no descriptor of the first is what is read."""
    for leverage in (100, 90):
        beside = stack.home.config.with_suffix(".new")
        beside.write_text(stack.config_text().replace("max_leverage = 125", f"max_leverage = {leverage}"))
        beside.chmod(0o600)
        before = stack.status()["gateway"]["policy"]
        beside.replace(stack.home.config)
        assert stack.attempt("reload")[0] == 0
        assert stack.status()["gateway"]["policy"] != before
    later = stack.mint("alpha", "ed25519")
    assert stack.call("GET", "/api/v3/account", key=later).status == 200


def test_a_reload_without_a_file_changes_nothing(stack: Stack) -> None:
    text = stack.home.config.read_text()
    before = stack.status()["gateway"]["policy"]
    stack.home.config.unlink()
    try:
        assert stack.attempt("reload")[0] == 2
    finally:
        stack.write_config(text)
    assert stack.status()["gateway"]["policy"] == before


@pytest.mark.parametrize("name", ["gateway", "signer"])
def test_who_was_killed_comes_back_into_its_sandbox(stack: Stack, name: str) -> None:
    pid = stack.pids()[name]
    os.kill(pid, signal.SIGKILL)
    wait(lambda: stack.pids().get(name, pid) != pid and stack._ready(), 20, f"the {name} to come back")
    wait(lambda: stack.call("POST", "/api/v3/order", ORDER).status == 200, 20, "an order to pass")
    assert kernel_says(stack.pids()[name])["Seccomp"] == ("0" if seccomp.lack() else "2")


class WithoutLandlock(Stack):
    """An installation on a kernel that looks as if it had no Landlock."""

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        with (self.root / f"{verb[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(WITHOUT), "landlock", "-m", "counterseal.cli.main", *verb],
                stdout=log, stderr=log, env=child_environ(), start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip


@no_seccomp
def test_an_older_kernel_serves_and_says_what_it_lacks(tmp_path_factory: pytest.TempPathFactory) -> None:
    with WithoutLandlock(tmp_path_factory.mktemp("older")) as stack:
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        said = stack.attempt("status")[1]
        for name in PROCESSES:
            assert f"{name} sandbox: no_new_privs yes, seccomp yes, Landlock no; lacking: no Landlock" in said
        assert stack.down() == 0

        stack.write_config(stack.config_text() + '\n[process]\nsandbox = "require"\n')
        refused = stack._start("up", "--home", str(stack.home.root))
        assert refused.wait(20) == 1
        said = (stack.root / "up.log").read_text()
        assert (
            said.count('process.sandbox is "require" and the kernel lacks Landlock ABI 4, Linux 6.7 (found none)') == 1
        )


@pytest.mark.skipif(landlock.abi() < landlock.ABI_TCP, reason=f"Landlock here is version {landlock.abi()}")
@no_seccomp
def test_a_kernel_that_has_it_all_serves_where_it_is_required(tmp_path_factory: pytest.TempPathFactory) -> None:
    class Strict(Stack):
        def config_text(self) -> str:
            return super().config_text() + '\n[process]\nsandbox = "require"\n'

    with Strict(tmp_path_factory.mktemp("strict")) as stack:
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        arguments = Path(f"/proc/{stack.pids()['signer']}/cmdline").read_bytes().split(b"\0")
        assert b"require" in arguments
