"""The command of the README as it is typed: a flash crash in a terminal, with everything that it is watched for."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
SPEED = 10  # the crash takes forty seconds, ten after the start
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
SEEN = {
    "prices": r"^BTCUSDT +\d{5,6}\.\d", "positions": r"^crowd-4 +-0\.4 BTCUSDT 10x",
    "liquidations": r"^  crowd-\d (?:SELL|BUY) .* at \d", "bans": r"^  203\.0\.113\.7 from spot for another \d+ s",
    "the scenario": r"flash-crash at \d+ s",
}  # fmt: skip


@pytest.fixture
def terminal() -> "Terminal":
    return Terminal([sys.executable, "-m", "counterseal.cli.main", "paper", "--scenario", "flash-crash"])


class Terminal:
    """A command in a terminal of its own, in fast time."""

    def __init__(self, command: list[str]) -> None:
        mine, its = pty.openpty()
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm"}
        self.process = subprocess.Popen(["faketime", "-f", f"+0 x{SPEED}", *command], stdin=its, stdout=its,
                                        stderr=its, env=surroundings, start_new_session=True)  # fmt: skip
        os.close(its)
        self._reader = mine
        self.text = ""

    def screen(self) -> list[str]:
        """The lines of the last whole picture."""
        pictures = self.text.split("\x1b[H")
        return [CONTROL.sub("", line).rstrip() for line in (pictures[-2] if len(pictures) > 2 else "").splitlines()]

    def read(self, seconds: float) -> None:
        if select.select([self._reader], [], [], seconds)[0]:
            self.text += os.read(self._reader, 65536).decode()

    def end(self) -> int:
        """As Ctrl-C does; the exit status, which faketime passes on."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii").split()
        for child in children or [self.process.pid]:
            os.kill(int(child), signal.SIGINT)
        status = self.process.wait(20)
        os.close(self._reader)
        return status


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_flash_crash_shows_prices_positions_liquidations_and_bans(terminal: Terminal) -> None:
    missing, deadline = dict(SEEN), time.monotonic() + PATIENCE_S
    try:
        while missing and time.monotonic() < deadline:
            terminal.read(0.5)
            screen = terminal.screen()
            missing = {name: row for name, row in missing.items() if not any(re.search(row, line) for line in screen)}
    finally:
        status = terminal.end()
    assert (missing, status) == ({}, 0), terminal.text[-2000:]
