"""`counterseal audit key`: the public half of the key that signs checkpoints."""

import argparse
from typing import TYPE_CHECKING

from counterseal.adapters import log_key_file
from counterseal.adapters.home import HomeError, locked
from counterseal.cli.shared import OK, add_home, confirm, home_of

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

LOCK = "keys"


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "key",
        help="show the public key that verifies checkpoints",
        description="Keep what it prints elsewhere: a verifier believes it and nothing else.",
    )
    parser.add_argument("--make", action="store_true", help="make the key of an installation that has none yet")
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the vkey. Raises HomeError when there is none."""
    home = home_of(args)
    found = log_key_file.read_public(home)
    if found is None and not args.make:
        raise HomeError("this installation has no key for checkpoints; make one with: counterseal audit key --make")
    if found is None:
        with locked(home, LOCK):
            found = log_key_file.make(home)
        print(found, flush=True)
        return confirm(home, "restart_signer", "the key for checkpoints is sealed", idle=OK)
    print(found)
    return OK
