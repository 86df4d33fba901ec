"""`counterseal unknown`: requests of which nobody knows what became, and ending one that cannot be proven."""

import argparse
import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli.shared import CONFIRM_S, FAILED, OK, UsageError, add_home, home_of, say, table
from counterseal.core.config.grammar import parse_label

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

# Where one person decides alone, there is a pause to read what it means.
PAUSE_S = 3.0
# Names are the bots' own: what could pass for something else on a terminal is shown in quotes and escaped.
_PLAIN = re.compile(r"[.:/\w-]+", re.ASCII).fullmatch
_MEANS = {
    "accepted": "it was executed: its order counts as open until a read of the exchange shows what became of it",
    "never-born": "it was not executed: what it reserved is given back, and its symbol opens again",
}


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    unknown = subparsers.add_parser("unknown", help="requests of which nobody knows what became")
    verbs = unknown.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="show them, with what the exchange last said")
    listing.add_argument("--json", action="store_true", help="for programs")
    end = verbs.add_parser(
        "end",
        help="end one that cannot be proven",
        description="Look for the order at the exchange first. The id stays taken either way, and the journal keeps "
        "who said so.",
    )
    end.add_argument("id", metavar="ID", help="as the list shows it")
    end.add_argument("--as", dest="outcome", choices=sorted(_MEANS), required=True, help="what became of it")
    end.add_argument("--operator", metavar="WHO", required=True, help="who answers for it; goes into the journal")
    for parser, action in ((listing, _list), (end, _end)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError, HomeError and ControlError."""
    code: int = args.action(home_of(args), args)
    return code


def _list(home: Home, args: argparse.Namespace) -> int:
    found = control_socket.call(home.control_socket, "unknown_list", CONFIRM_S)
    if args.json:
        print(json.dumps(found))
        return OK
    if not found["unknown"]:
        say("none")
        return OK
    rows: list[tuple[str, ...]] = [("ID", "BOT", "SYMBOLS", "AGE", "WHAT", "LAST ANSWER")]
    print(table(rows + [_row(item) for item in found["unknown"]]))
    if found["left_off"]:
        say(f"and {found['left_off']} more")
    return OK


def _row(item: dict[str, Any]) -> tuple[str, ...]:
    what = f"{item['path']} {_shown(item['client_ids'])}".rstrip()
    return item["id"], item["bot"], _shown(item["symbols"]) or "-", f"{item['age_ms'] // 1000} s", what, item["why"]


def _shown(names: list[str]) -> str:
    return ",".join([name if _PLAIN(name) else json.dumps(name) for name in names])


def _end(home: Home, args: argparse.Namespace) -> int:
    """Only what runs knows what is UNKNOWN, and journals who ended it. Raises ControlError."""
    if parse_label(args.operator) is None:
        raise UsageError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
    found = control_socket.call(home.control_socket, "unknown_list", CONFIRM_S)["unknown"]
    item = next((item for item in found if item["id"] == args.id), None)
    if item is None:
        raise UsageError("no request of that id is UNKNOWN; see: counterseal unknown list")
    say("\n".join(f"{name}: {value}" for name, value in zip(("id", "bot", "symbols", "age", "what", "last answer"),
                                                           _row(item), strict=True)))  # fmt: skip
    say(f"{args.outcome} means that {_MEANS[args.outcome]}. Its id is never used again.")
    time.sleep(PAUSE_S)  # noqa: TID251 - a person is waiting
    sys.stderr.write("Type the id to end it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != args.id:
        say("nothing was changed: that is not the id")
        return FAILED
    told = {"id": args.id, "as": args.outcome, "operator": args.operator}
    ended = control_socket.call(home.control_socket, "unknown_end", CONFIRM_S, told)
    say(f"{args.id} is {ended['outcome']} by the word of {args.operator}")
    return OK
