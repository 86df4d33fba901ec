"""`counterseal up` on a terminal: it asks, shows nothing of the answer; Ctrl-C ends it and gives the terminal back."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest
from stack import Stack, child_environ, wait
from tests import passphrases

from counterseal.adapters import age_box
from counterseal.adapters.home import replace_private
from counterseal.core.secret import Secret

PASSPHRASE = b"five words that nobody guesses"
PROMPT = b"passphrase of the signer's identity (not shown): "


class Terminal:
    """A process on a terminal of its own; `shown` is all that it showed."""

    def __init__(self, *words: str) -> None:
        self.primary, self.terminal = pty.openpty()
        self.shown = b""

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "counterseal.cli.main", *words], env=child_environ(),
            stdin=self.terminal, stdout=self.terminal, stderr=self.terminal, preexec_fn=own_terminal,
        )  # fmt: skip

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def until(self, text: bytes, seconds: float = 20) -> None:
        """Read until the text was shown."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.primary], [], [], 0.1)[0]:
                self.shown += os.read(self.primary, 4096)

    def type(self, text: bytes) -> None:
        wait(lambda: not self.echoes, 5, "the echo to go off")
        os.write(self.primary, text)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)
        os.close(self.primary)
        os.close(self.terminal)


@pytest.fixture(name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that is down, with a passphrase on its signer."""
    with Stack(tmp_path_factory.mktemp("prompt"), paper_options=("--no-limits", "--volatility", "0")) as stack:
        assert stack.down() == 0
        identity = age_box.identity_secret(stack.home, "signer")
        replace_private(stack.home.signer_identity, passphrases.lock(identity, Secret(PASSPHRASE)))
        yield stack


def test_a_wrong_then_the_right_passphrase_is_typed(stack: Stack) -> None:
    """Then it serves without the terminal, also after kill -9."""
    terminal = Terminal("up", "--home", str(stack.home.root))
    try:
        terminal.until(PROMPT)
        terminal.type(b"a wrong one\n")
        terminal.until(b"signer: the passphrase that was entered is wrong; waiting 1 s")
        first, terminal.shown = terminal.shown, b""
        terminal.until(PROMPT)
        terminal.type(PASSPHRASE + b"\n")
        terminal.until(b"serving on 127.0.0.1:")
        stack.supervisor = terminal.process
        os.kill(stack.pids()["signer"], 9)
        wait(lambda: bool(stack.status()["children"]["signer"]["ready"]), 10, "the next signer")
        assert terminal.echoes
        os.write(terminal.primary, b"\x03")
        terminal.until(b"counterseal: ended")
        assert terminal.process.wait(15) == 0
        assert b"a wrong one" not in first + terminal.shown
        assert PASSPHRASE not in first + terminal.shown
    finally:
        terminal.close()


def test_ctrl_c_at_the_prompt_ends_all_and_gives_the_terminal_back(stack: Stack) -> None:
    terminal = Terminal("up", "--home", str(stack.home.root))
    try:
        terminal.until(PROMPT)
        wait(lambda: not terminal.echoes, 5, "the echo to go off")
        os.write(terminal.primary, b"\x03")
        assert terminal.process.wait(15) == 0
        assert terminal.echoes
        terminal.until(b"counterseal: ended")
        assert b"serving" not in terminal.shown
    finally:
        terminal.close()


def test_without_anybody_to_ask_nothing_starts(stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counterseal.cli.main", "up", "--home", str(stack.home.root)],
        stdin=subprocess.DEVNULL, capture_output=True, env=child_environ(), timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"has a passphrase, and there is nobody to ask for it; set signer.passphrase_file or" in done.stderr
