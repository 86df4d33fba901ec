"""CORE-1, and the signer's life: no crash leaves a core file or a secret, a killed signer needs nobody, a passphrase is
asked for once.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from memory import MEMFD_SECRET, LackingStack, has_debugger, look, without
from stack import SOURCE, Stack, child_environ, wait
from test_kill_nine_loses_nothing import OPTIONS, Retrier, check, kill_and_wait
from tests import leaks, passphrases
from tests.leaks import Scanner

from counterseal.adapters import age_box, control_socket
from counterseal.adapters.home import replace_private
from counterseal.adapters.process import die_with_parent
from counterseal.core.secret import Secret

PASSPHRASE = "correct horse battery staple 17"
IDENTITY_HEAD = len("AGE-SECRET-KEY-1")  # the same in every identity
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


# -- CORE-1


@dataclass
class CrashStack(Stack):
    """A stack in a folder of its own that may write core files as large as it likes."""

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        def prepare() -> None:
            die_with_parent()
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        folder = self.root / "cwd"
        folder.mkdir(exist_ok=True)
        with (self.root / f"{verb[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "counterseal.cli.main", *verb],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True,
                env={**child_environ(), "PYTHONFAULTHANDLER": "1"}, preexec_fn=prepare,
            )  # fmt: skip


@pytest.mark.threat(27)
@pytest.mark.threat(28)
def test_a_crash_leaves_no_core_file_and_no_secret(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Even where core files are allowed and Python is told to write its state when it crashes."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    if limits[1] == 0:
        pytest.skip("the limit on core files is 0 for these tests already")
    crashes = 0
    with CrashStack(tmp_path_factory.mktemp("core"), exchange_kind="hmac", paper_options=OPTIONS) as stack:
        for name in ("signer", "gateway", "supervisor"):
            for number in (signal.SIGSEGV, signal.SIGABRT):
                assert stack.call("POST", "/api/v3/order", ORDER).status == 200
                crash(stack, name, number)
                crashes += 1
                assert [path for path in stack.root.rglob("core*") if path.is_file()] == [], (name, number)
        text = (stack.root / "up.log").read_text()
        assert text.count("Fatal Python error") == crashes == 6, "each did write its state"
        found, _, size = Scanner(stack.exchange_secrets + stack.virtual_secrets).scan_files(stack.root)
        assert found == []
        assert size > 10_000


def crash(stack: CrashStack, name: str, number: signal.Signals) -> None:
    """Have a process crash and wait until all is well again."""
    pid = stack.pids()[name]
    os.kill(pid, number)
    if name == "supervisor":
        assert stack.supervisor is not None
        assert stack.supervisor.wait(10) == -number
        stack.up()
        return

    def is_back() -> bool:
        child = stack.status()["children"][name]
        return bool(child["ready"] and child["pid"] != pid)

    wait(is_back, 10, f"another {name}")


@pytest.mark.threat(27)
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_of_the_opener_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """The process that has the keys in ordinary memory for a moment, stopped while it writes them."""
    with CrashStack(tmp_path / "stack", exchange_kind="hmac", paper_options=OPTIONS) as stack:
        assert stack.down() == 0
        ours, theirs = os.pipe()
        # A pipe that is full holds the opener up when everything is in its memory.
        os.set_blocking(theirs, False)
        filled = 0
        while True:
            try:
                filled += os.write(theirs, bytes(4096))
            except BlockingIOError:
                break
        os.set_blocking(theirs, True)
        log = (stack.root / "opener.log").open("wb")
        words = ("--home", str(stack.home.root), "--out-fd", str(theirs))
        with log, subprocess.Popen(
            [sys.executable, "-m", "counterseal.signer.opener", *words],
            pass_fds=[theirs], stderr=log, cwd=stack.root / "cwd",
            env={"PYTHONPATH": SOURCE, "PATH": os.environ["PATH"], "PYTHONFAULTHANDLER": "1"},
        ) as opener:  # fmt: skip
            wait(
                lambda: Path(f"/proc/{opener.pid}/wchan").read_text() in ("pipe_write", "anon_pipe_write"),
                10,
                "it to write",
            )
            if os.geteuid() == 0:
                seen = look("opener", opener.pid, Scanner(stack.exchange_secrets))
                assert seen.leaks, "it holds the keys now"
            assert "Max core file size        0                    0" in Path(f"/proc/{opener.pid}/limits").read_text()
            opener.send_signal(number)
            assert opener.wait(10) == -number
        os.close(theirs)
        os.close(ours)
        assert [path for path in stack.root.rglob("core*") if path.is_file()] == []
        assert Scanner(stack.exchange_secrets).scan_files(stack.root)[0] == []


# -- restarts


def restarts(stack: Stack, count: int, seed: int) -> None:
    """Kill the signer so often under eight bots; every answer is checked against both journals."""
    rng = random.Random(seed)
    stop = threading.Event()
    bots = [Retrier(stack, number, stop) for number in range(8)]
    for bot in bots:
        bot.start()
    took = []
    try:
        for _ in range(count):
            time.sleep(rng.uniform(0.05, 0.5))
            took.append(kill_and_wait(stack, "signer"))
        time.sleep(0.3)
    finally:
        stop.set()
        for bot in bots:
            bot.join(35)
    check(stack, bots, took)
    answers = [answer for bot in bots for answer in bot.answers.values()]
    assert len(answers) > 10 * count
    assert {status for status, _ in answers} == {200}, "without a signature nothing was sent: no answer is UNKNOWN"
    assert stack.status()["children"]["signer"]["restarts"] == count


@pytest.mark.threat(55)
@pytest.mark.slow  # ten restarts, each waited for
def test_ten_restarts_of_the_signer_lose_no_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The size for every run, in passphrase mode: nobody is there to give it again."""
    with LockedStack(tmp_path_factory.mktemp("restarts"), exchange_kind="hmac", paper_options=OPTIONS) as stack:
        restarts(stack, 10, 24)


@pytest.mark.slow
@pytest.mark.threat(55)
def test_a_hundred_restarts_of_the_signer_lose_no_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A hundred, or COUNTERSEAL_KILLS of them; CI runs a part."""
    with LockedStack(tmp_path_factory.mktemp("restarts"), exchange_kind="ed25519", paper_options=OPTIONS) as stack:
        restarts(stack, int(os.environ.get("COUNTERSEAL_KILLS", "100")), 25)


# -- passphrase


@dataclass
class LockedStack(LackingStack):
    """A stack whose signer has a passphrase, given through a pipe, a line for each of `lines`."""

    lines: tuple[str, ...] = (PASSPHRASE,)
    identity: Secret = field(default_factory=lambda: Secret(b""))
    locked: bool = False

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        if verb[0] != "up":
            return super()._start(*verb)
        self.lock()
        ours, theirs = os.pipe()
        os.write(theirs, "".join(f"{line}\n" for line in self.lines).encode())
        os.close(theirs)
        apply = without(*self.lacking)

        def prepare() -> None:
            die_with_parent()
            apply()

        with (self.root / "up.log").open("ab") as log:
            try:
                return subprocess.Popen(
                    [sys.executable, "-m", "counterseal.cli.main", *verb],
                    stdin=ours, stdout=log, stderr=log, env=child_environ(), start_new_session=True, preexec_fn=prepare,
                )  # fmt: skip
            finally:
                os.close(ours)

    def lock(self) -> None:
        """Seal the identity with the passphrase, once."""
        if not self.locked:
            self.locked = True
            self.identity = age_box.identity_secret(self.home, "signer")
            leaks.plant("signer's identity", self.identity.reveal()[IDENTITY_HEAD:])
            leaks.plant("passphrase", PASSPHRASE.encode())
            replace_private(self.home.signer_identity, passphrases.lock(self.identity, Secret(PASSPHRASE.encode())))
            password_file(self)

    def log_text(self) -> str:
        """What the supervisor and its children said."""
        return (self.root / "up.log").read_text()


def password_file(stack: Stack) -> Path:
    """Give a file with the passphrase, outside the folder whose every file is searched for it."""
    path = stack.root / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    leaks.exempt(path)
    return path


@pytest.mark.threat(24)
@pytest.mark.threat(28)
def test_a_passphrase_is_given_once_and_kept_by_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A wrong line costs a wait and a sentence; after the right one kill -9, key add and removal need nobody."""
    root = tmp_path_factory.mktemp("passphrase")
    lines = ("wrong-passphrase-here", PASSPHRASE)
    with LockedStack(root, exchange_kind="hmac", paper_options=OPTIONS, lines=lines) as stack:
        assert "signer: the passphrase from standard input is wrong; waiting 1 s" in stack.log_text()
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        for _ in range(3):
            kill_and_wait(stack, "signer")
            assert stack.call("POST", "/api/v3/order", ORDER).status == 200

        stack.write_config(stack.config_text() + f'\n[signer]\npassphrase_file = "{root}/passphrase"\n')
        (root / "more").write_text('{"apiKey": "another-api-key", "secretKey": "another-secret-of-the-exchange"}')
        stack.verb("key", "add", "more", "--kind", "hmac", "--home", str(stack.home.root), "--file", str(root / "more"))
        (root / "more").unlink()
        assert stack.status()["gateway"]["keys"] == ["main", "more"]
        stack.verb("key", "remove", "more", "--home", str(stack.home.root))
        assert stack.status()["gateway"]["keys"] == ["main"]
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        if os.geteuid() == 0:
            secret = leaks.Planted("removed", b"another-secret-of-the-exchange")
            identity = leaks.Planted("identity", stack.identity.reveal()[IDENTITY_HEAD:])
            passphrase = leaks.Planted("passphrase", PASSPHRASE.encode())
            for name, pid in stack.pids().items():
                if name != "paper":
                    assert look(name, pid, Scanner([secret, identity, passphrase])).leaks == [], name
        for what in ("cmdline", "environ"):
            for name, pid in stack.pids().items():
                assert PASSPHRASE.encode() not in Path(f"/proc/{pid}/{what}").read_bytes(), name


def test_a_passphrase_that_is_put_on_while_running_is_asked_for_at_the_next_start_only(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The running signer's keys can still be changed: the opened identity was kept."""
    with LockedStack(
        tmp_path_factory.mktemp("later"), exchange_kind="hmac", paper_options=OPTIONS, locked=True
    ) as stack:
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        stack.locked = False
        stack.lock()
        control_socket.call(stack.home.control_socket, "restart_signer", 10)
        kill_and_wait(stack, "signer")
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        assert stack.down() == 0
        stack.up()
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200


def test_without_memfd_secret_a_passphrase_needs_an_operator_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It says so at the start and when it happens; the supervisor stays, does not try again, and ends in order."""
    root = tmp_path_factory.mktemp("no-memfd")
    with LockedStack(root, exchange_kind="hmac", paper_options=OPTIONS, lacking=(MEMFD_SECRET,)) as stack:
        assert "without memfd_secret the passphrase is needed again each time the signer ends" in stack.log_text()
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        os.kill(stack.pids()["signer"], signal.SIGKILL)
        wait(lambda: "is not started again before an operator" in stack.log_text(), 10, "it to be said")
        assert "signer: the signer needs its passphrase from an operator" in stack.log_text()
        assert stack.call("GET", "/api/v3/account").reason == "signer_unavailable"
        time.sleep(1)
        assert stack.status()["children"]["signer"]["pid"] is None
        assert stack.log_text().count("needs its passphrase from an operator") == 1
        stack.down()
        stack.up()
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200


def test_a_passphrase_file_is_read_again_without_memfd_secret(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file can be asked twice: no operator is needed."""
    root = tmp_path_factory.mktemp("file")
    with LockedStack(root, exchange_kind="hmac", paper_options=OPTIONS, lacking=(MEMFD_SECRET,)) as stack:
        assert stack.down() == 0
        stack.lines = ()
        stack.write_config(stack.config_text() + f'\n[signer]\npassphrase_file = "{root}/passphrase"\n')
        stack.up()
        kill_and_wait(stack, "signer")
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200


def test_a_wrong_passphrase_alone_starts_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each wrong line waits longer than the one before; then there is no other, and `up` ends with 1."""
    with LockedStack(tmp_path_factory.mktemp("wrong"), paper_options=OPTIONS) as stack:
        assert stack.down() == 0
        stack.lines = ("wrong-one", "wrong-two")
        began = time.monotonic()
        process = stack._start("up", "--home", str(stack.home.root))
        assert process.wait(30) == 1
        assert time.monotonic() - began > 1 + 2
        text = stack.log_text()
        assert "is wrong; waiting 1 s\n" in text
        assert "is wrong; waiting 2 s\n" in text
        assert "wrong-one" not in text
        stack.lines = ()
        assert stack._start("up", "--home", str(stack.home.root)).wait(30) == 1
        assert "needs its passphrase from an operator" in stack.log_text()


def test_the_debugger_is_there_or_its_part_is_left_out() -> None:
    """So that nobody takes a run without gdb for one with it: what is left out is printed."""
    print("core files by gdb: " + ("searched" if has_debugger() else "LEFT OUT, there is no gdb or we are not root"))
