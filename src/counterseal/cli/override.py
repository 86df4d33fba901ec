"""`counterseal override`: loosen one limit of one bot for a while, by two persons where the settings name two."""

import argparse
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli.shared import CONFIRM_S, FAILED, OK, UsageError, add_home, home_of, say, show_ms, table
from counterseal.core.config.grammar import parse_label
from counterseal.core.ladder import AGREE_MS
from counterseal.core.overrides import LIMITS, REFUSALS, Place, place_of, span_ms

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

# Where one person decides alone, there is a pause to read what it means.
PAUSE_S = 3.0
_HEAD = ("BOT", "LIMIT", "SYMBOL", "VALUE", "UNTIL", "BY", "CAUSE")


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    override = subparsers.add_parser("override", help="loosen a limit of a bot for a while")
    verbs = override.add_subparsers(required=True, metavar="VERB")
    setting = verbs.add_parser(
        "set",
        help="loosen a limit until a time; then what counterseal.toml says holds again by itself",
        description="Where guard.operators names two or more, two of them must say exactly the same; its time begins "
        "with the second. Otherwise it is typed once more, after a wait. Exit status: 0 when it holds, 1 when not.",
    )
    end = verbs.add_parser("end", help="end it before its time")
    listing = verbs.add_parser("list", help="show what is loosened")
    for parser in (setting, end):
        parser.add_argument("bot", metavar="BOT", help="as in [bots.NAME] of counterseal.toml")
        parser.add_argument("limit", metavar="LIMIT", choices=tuple(LIMITS), help=", ".join(LIMITS))
    setting.add_argument("value", metavar="VALUE", help="as in counterseal.toml")
    for parser in (setting, end):
        parser.add_argument("--symbol", default="", metavar="SYMBOL", help='of a limit per symbol; "*" for its default')
        parser.add_argument(
            "--operator", metavar="WHO", required=True, help="who answers for it; on the guard's record"
        )
    setting.add_argument("--until", metavar="90m|4h", required=True, help="for how long, at most 24h")
    setting.add_argument("--cause", metavar="TEXT", required=True, help="why; on the guard's record")
    setting.add_argument("--confirm", metavar="LIMIT", help="the limit once more, for scripts: nothing is asked then")
    for parser, action in ((setting, _set), (end, _end), (listing, _list)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError, HomeError and ControlError."""
    code: int = args.action(home_of(args), args)
    return code


def _set(home: Home, args: argparse.Namespace) -> int:
    place, told = _place(args), _told(args)
    if span_ms(args.until) is None:
        raise UsageError(REFUSALS["malformed_until"])
    known = control_socket.call(home.control_socket, "override_list", CONFIRM_S)
    if len(known["operators"]) < 2 and not _confirmed_alone(args, place):
        return FAILED
    told |= {"value": args.value, "until": args.until, "cause": args.cause}
    done = control_socket.call(home.control_socket, "override_set", CONFIRM_S, told)
    if not done["is_done"]:
        say(
            f"noted; the limit stays as it is until another operator gives the same command within "
            f"{AGREE_MS // 60_000} minutes with --operator OTHER"
        )
        return FAILED
    say(f"{place} is {args.value} until {show_ms(done['override']['until_ms'])}; then the settings hold again")
    return OK


def _end(home: Home, args: argparse.Namespace) -> int:
    place = _place(args)
    control_socket.call(home.control_socket, "override_end", CONFIRM_S, _told(args))
    say(f"{place}: the settings hold again")
    return OK


def _list(home: Home, _args: argparse.Namespace) -> int:
    known = control_socket.call(home.control_socket, "override_list", CONFIRM_S)
    if known["overrides"]:
        print(table([_HEAD, *map(_row, known["overrides"])]))
    else:
        print("no limit is loosened")
    for wish in known["wishes"]:
        say(f"bot {wish['bot']} {wish['limit']} {wish['symbol']}".strip()
            + f": {wish['operator']} wants {wish['value']}; a second operator must agree")  # fmt: skip
    return OK


def _row(held: Mapping[str, Any]) -> tuple[str, ...]:
    by = " and ".join(held["operators"])
    return (held["bot"], held["limit"], held["symbol"] or "-", held["value"], show_ms(held["until_ms"]), by,
            held["cause"])  # fmt: skip


def _place(args: argparse.Namespace) -> Place:
    found = place_of(args.bot, args.limit, args.symbol)
    if not isinstance(found, Place):
        raise UsageError(REFUSALS[found.reason])
    return found


def _told(args: argparse.Namespace) -> dict[str, str]:
    if parse_label(args.operator) is None:
        raise UsageError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
    return {"bot": args.bot, "limit": args.limit, "symbol": args.symbol, "operator": args.operator}


def _confirmed_alone(args: argparse.Namespace, place: Place) -> bool:
    if args.confirm is not None:
        if args.confirm != args.limit:
            raise UsageError(f'--confirm must be "{args.limit}"; nothing was changed')
        return True
    say(f"{place} will be {args.value} for {args.until}: more can be lost in that time than the settings allow")
    time.sleep(PAUSE_S)  # noqa: TID251 - a person is waiting
    sys.stderr.write(f'Type "{args.limit}" to loosen it: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip() == args.limit:
        return True
    say("nothing was changed: that is not the limit")
    return False
