"""`counterseal paper ...`: the paper exchange, which stands alone and has its own command line."""

import argparse
from typing import TYPE_CHECKING

from counterseal.paper.main import main as main

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb; everything behind it belongs to the paper exchange."""
    parser = subparsers.add_parser("paper", help="run the paper exchange, make its keys", add_help=False)
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Hand over."""
    return main(args.rest)
