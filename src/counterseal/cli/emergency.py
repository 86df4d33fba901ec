"""`counterseal emergency`: a key of the exchange, or a bot's credential, is in other hands."""

import argparse
import getpass
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from counterseal.adapters.system_clock import SystemClock
from counterseal.cli.emergency_bot import BotEmergency
from counterseal.cli.emergency_course import Course, Freeze, Ground, Work
from counterseal.cli.emergency_key import KeyEmergency, uses_of
from counterseal.cli.shared import FAILED, OK, UsageError, add_home, home_of, read_config, say
from counterseal.core.config.grammar import parse_label, parse_name
from counterseal.core.emergency import Subject
from counterseal.core.ladder import Kind, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterseal.adapters.home import Home
    from counterseal.cli.shared import Subparsers

WAIT_S = 3_600
MAX_WAIT_S = 86_400
# What the guard takes; a cause that it refuses must not keep anybody from being halted.
MAX_CAUSE = 200


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    emergency = subparsers.add_parser("emergency", help="a key or a bot's credential is in other hands")
    verbs = emergency.add_subparsers(required=True, metavar="VERB")
    key = verbs.add_parser(
        "key",
        help="freeze a key of the exchange, fall back to another version, prove it dead",
        description="Halts every bot that uses the key and cancels their orders, lets a spare or another version take "
        "its place, shows how it is revoked, and asks the exchange until it refuses the key. A step that fails holds "
        "up no other. Ctrl-C gives up the step that is under way. Exit status: 0 when all of it is proven, 1 when not.",
    )
    key.add_argument("name", metavar="NAME", help="as in [keys.NAME] of counterseal.toml")
    key.add_argument("--wait", type=int, default=WAIT_S, metavar="SECONDS", help="for the exchange's refusal")
    key.add_argument(
        "--drop-now", action="store_true",
        help="take it from the signer at once even where no other version takes its place; the guard then neither sees "
        "nor cancels what is done with it",
    )  # fmt: skip
    bot = verbs.add_parser(
        "bot",
        help="freeze a bot and end its credentials",
        description="Halts the bot and cancels its orders, removes its credentials, and tries that the gateway knows "
        "them no more. Canaries stay. Exit status: 0 when all of it is proven, 1 when not.",
    )
    bot.add_argument("name", metavar="NAME", help="as in [bots.NAME] of counterseal.toml")
    for parser, subject in ((key, Subject.KEY), (bot, Subject.BOT)):
        parser.add_argument("--yes", action="store_true", help="begin without a typed confirmation")
        parser.add_argument("--operator", metavar="WHO", help="who answers for it (default: the user of the system)")
        parser.add_argument("--cause", metavar="TEXT", default="emergency", help="why; goes into the journal")
        add_home(parser)
        parser.set_defaults(run=run, subject=subject)


def run(args: argparse.Namespace) -> int:
    """Carry out the steps. Raises UsageError and HomeError before the first of them only."""
    home, operator = home_of(args), operator_of(args)
    if parse_name(args.name) is None:
        raise UsageError("a name is as in counterseal.toml: 1 to 32 of a-z, 0-9, _ and -")
    if args.subject is Subject.KEY and not 0 < args.wait <= MAX_WAIT_S:
        raise UsageError(f"--wait is 1 to {MAX_WAIT_S} seconds")
    if not (args.cause.isprintable() and 0 < len(args.cause) <= MAX_CAUSE):
        raise UsageError(f"--cause is one line of at most {MAX_CAUSE} characters")
    if not args.yes and not _is_confirmed(args):
        return FAILED
    course = Course(ground(home), args.subject, args.name, operator, args.cause)
    proven = course.run(_works(course.ground, args, operator))
    _say_next(args, operator)
    return OK if proven else FAILED


def ground(home: "Home") -> Ground:
    """Give the ground of a real emergency."""
    return Ground(home, SystemClock(), say, time.sleep)  # noqa: TID251 - a person is waiting


def operator_of(args: argparse.Namespace) -> str:
    """Give who answers for it: the name given, else the user's. Raises UsageError."""
    name = parse_label(args.operator if args.operator is not None else getpass.getuser())
    if name is None:
        raise UsageError("--operator is 1 to 32 letters, digits, dots, _ and -")
    return name


def _works(here: Ground, args: argparse.Namespace, operator: str) -> "Mapping[str, Work]":
    if args.subject is Subject.BOT:
        scopes = (str(Scope(Kind.BOT, args.name)),)
        return BotEmergency(here, args.name, Freeze(here, scopes, operator, args.cause)).works()
    config = read_config(here.home)
    freeze = Freeze(here, uses_of(args.name, config), operator, args.cause)
    return KeyEmergency(here, args.name, config, freeze, _show, args.wait, drop_now=args.drop_now).works()


def _show(lines: Sequence[str]) -> None:
    say("\n  ".join(lines))


def _is_confirmed(args: argparse.Namespace) -> bool:
    wanted = f"{args.subject.value} {args.name}"
    sys.stderr.write(f'Type "{wanted}" to halt its bots, cancel their orders and end it: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip() == wanted:
        return True
    say("nothing was changed: that is not it")
    return False


def _say_next(args: argparse.Namespace, operator: str) -> None:
    """Nobody is resumed by itself."""
    if args.subject is Subject.BOT:
        say(f"give the bot a new credential with: counterseal bot mint {args.name}")
    say(f"what was halted stays so until: counterseal resume bot NAME --operator {operator}")
