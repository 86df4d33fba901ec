"""`python -m counterseal.supervisor.prune --home DIR`: removes segments of the journal that are old enough, and ends.

The gateway itself may not remove files there; this helper, which the supervisor starts every hour, talks to nobody.
"""

import argparse
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
from counterseal.supervisor.children import PYTHON
from counterseal.supervisor.hourly import Hourly

HELPER = (*PYTHON, "counterseal.supervisor.prune")


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


def pruning(home: Home, environ: Mapping[str, str], say: Callable[[str], None]) -> Hourly:
    """Give the helper's hours."""
    argv = (*HELPER, "--home", str(home.root))
    return Hourly(argv, environ, "the helper that removes old segments cannot be started", say)


if __name__ == "__main__":
    sys.exit(main())
