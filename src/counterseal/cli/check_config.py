"""`counterseal check-config`: every fault of counterseal.toml, or what it allows."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.adapters.config_file import read
from counterseal.adapters.egress import not_of_this_host
from counterseal.adapters.home import Home
from counterseal.cli import caps
from counterseal.core.config.faults import FILE
from counterseal.core.config.model import Config
from counterseal.core.config.summary import summarize

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "check-config",
        help="check counterseal.toml and show what it allows",
        description="Check counterseal.toml without starting anything. "
        "Exit status: 0 when it has no fault, 2 when it has, each of them on a line of standard error. "
        "There too, but no fault: addresses of venue.egress that this host does not have.",
    )
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help=f"file to check (default: {FILE} of the home)"
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="folder of the installation (default: $COUNTERSEAL_HOME or ~/.counterseal)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the summary and give 0, or print the faults and give 2."""
    file = args.file or _home(args.home) / FILE
    found = read(file)
    if not isinstance(found, Config):
        for fault in found:
            print(fault, file=sys.stderr)
        return 2
    print(summarize(found), end="")
    print("", *caps.lines(Home(file.absolute().parent)), sep="\n")
    for address in not_of_this_host(found.venue.egress):
        print(f"egress: {address} is no address of this host, so that nothing could leave from it", file=sys.stderr)
    return 0


def _home(named: Path | None) -> Path:
    return named or Path(os.environ.get("COUNTERSEAL_HOME") or "~/.counterseal").expanduser()
