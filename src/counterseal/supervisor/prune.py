"""`python -m counterseal.supervisor.prune --home DIR`: removes segments of the journal that are old enough, and ends.

The gateway itself may not remove files there; this helper, which the supervisor starts every hour, talks to nobody.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from counterseal.adapters import config_file
from counterseal.adapters.home import Home
from counterseal.adapters.journal_prune import prune
from counterseal.adapters.process import harden
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.config.model import Config
from counterseal.core.record import JournalDamaged
from counterseal.supervisor.child import spawn
from counterseal.supervisor.children import PYTHON

HELPER = (*PYTHON, "counterseal.supervisor.prune")
EVERY_S = 3600.0


def main(argv: list[str] | None = None) -> int:
    """0 when what could go is gone; 1 after a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="counterseal.supervisor.prune")
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args(argv).home)
    harden()
    config = config_file.read(home.config)
    if not isinstance(config, Config) or config.journal.keep_days is None:
        return 0
    try:
        removed = prune(home.journal, SystemClock().wall_ns() // 1_000_000, config.journal.keep_days)
    except (OSError, JournalDamaged) as fault:
        sys.stderr.write(f"counterseal: no segment of the journal is removed: {fault}\n")
        return 1
    for name in removed:
        sys.stderr.write(f"counterseal: {name} is older than journal.keep_days and is removed\n")
    return 0


class Pruning:
    """The helper's hours. To be used inside the running event loop."""

    def __init__(self, home: Home, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._argv = (*HELPER, "--home", str(home.root))
        self._environ, self._say = environ, say

    def start(self) -> None:
        """Look every hour from now on."""
        asyncio.get_running_loop().call_later(EVERY_S, self._look)

    def _look(self) -> None:
        try:
            process = spawn(self._argv, (), self._environ)
        except OSError as fault:
            self._say(f"the helper that removes old segments cannot be started: {fault.strerror}")
        else:
            self._reap_later(process)
        self.start()

    def _reap_later(self, process: "subprocess.Popen[bytes]") -> None:
        loop, pidfd = asyncio.get_running_loop(), os.pidfd_open(process.pid)

        def reap() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            process.wait()

        loop.add_reader(pidfd, reap)


if __name__ == "__main__":
    sys.exit(main())
