"""`counterseal audit prune`: remove segments that are older than the settings say."""

import argparse
from typing import TYPE_CHECKING

from counterseal.adapters.journal_prune import prune, prune_guard
from counterseal.cli.shared import FAILED, OK, USAGE, add_home, home_of, now_ms, read_config, say
from counterseal.core.record import JournalDamaged

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "prune",
        help="remove old segments, as journal.keep_days says",
        description="Removes closed segments older than journal.keep_days, also while the gateway runs. What a start "
        "needs to know of them, and what proofs need, stays.",
    )
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the names of what was removed. Raises HomeError."""
    home = home_of(args)
    config = read_config(home)
    if config is None:
        return USAGE
    if config.journal.keep_days is None:
        say("journal.keep_days is not set: everything is kept")
        return OK
    try:
        removed = prune(home.journal, now_ms(), config.journal.keep_days)
        removed += [
            f"the guard's {name}" for name in prune_guard(home.guard_journal, now_ms(), config.journal.keep_days)
        ]
    except JournalDamaged as fault:
        say(f"counterseal: {fault}; nothing is removed; see: counterseal audit verify")
        return FAILED
    for name in removed:
        print(name)
    return OK
