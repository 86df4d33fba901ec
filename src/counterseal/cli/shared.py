"""What several verbs need: the home, the configuration, telling what runs."""

import argparse
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterseal.adapters import config_file, control_socket
from counterseal.adapters.home import Home, from_environment
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.config.model import Config

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OK, FAILED, USAGE = 0, 1, 2
# A signer that is made beside the present one, or in its place, may take eight seconds each.
CONFIRM_S = 30.0


class UsageError(Exception):
    """What the operator gave cannot be used; one sentence with the way out. Exit code 2."""


def add_home(parser: argparse.ArgumentParser) -> None:
    """Add `--home`."""
    text = "folder of the installation (default: $COUNTERSEAL_HOME or ~/.counterseal)"
    parser.add_argument("--home", metavar="DIR", help=text)


def home_of(args: argparse.Namespace) -> Home:
    """Give the chosen home, checked. Raises HomeError."""
    home = from_environment(os.environ, args.home)
    home.check()
    return home


def say(text: str) -> None:
    """Tell the operator; standard output stays free for what programs read."""
    print(text, file=sys.stderr)


def read_config(home: Home) -> Config | None:
    """Read the configuration; its faults are printed and give None."""
    found = config_file.read(home.config)
    if isinstance(found, Config):
        return found
    for fault in found:
        say(str(fault))
    return None


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return SystemClock().wall_ns() // 1_000_000


def show_ms(moment_ms: int | None) -> str:
    """Write a moment as UTC to the minute; None is "never"."""
    if moment_ms is None:
        return "never"
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


def table(rows: list[tuple[str, ...]]) -> str:
    """Align columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def confirm(home: Home, verb: str, done: str, *, idle: int, keep: bool = True) -> int:
    """Have the running supervisor take up a change and say what came of it.

    `idle` is the exit code when nothing runs. FAILED when something runs and does not confirm. With `keep` a signer
    that serves goes on where none can be made with what was changed; without, it ends all the same.
    """
    args = {"keep": "yes"} if keep and verb == "restart_signer" else None
    try:
        control_socket.call(home.control_socket, verb, CONFIRM_S, args)
    except control_socket.NotRunningError:
        say(f"{done}; nothing is running on {home.root}, so it counts from the next start on")
        return idle
    except control_socket.ControlError as fault:
        say(f"{done}, but what is running has not confirmed it: {fault}")
        return FAILED
    say(f"{done}; what is running has taken it up")
    return OK
