"""`counterseal alert`: what people were told, who answers for it, and whether the channels work."""

import argparse
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli.shared import CONFIRM_S, FAILED, OK, UsageError, add_home, home_of, say, show_ms, table
from counterseal.core.config.grammar import parse_label

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

# Each channel is asked for some seconds.
TEST_S = 15.0
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]")
_HEAD = ("", "number", "severity", "since", "times", "what", "answered by")


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    alert = subparsers.add_parser("alert", help="alerts: show them, answer for them, test the channels")
    verbs = alert.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="show alerts and channels")
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    ack = verbs.add_parser(
        "ack",
        help="answer for alerts: they are not told again",
        description="A critical alert is told again, on one channel after the other, until somebody answers for it.",
    )
    ack.add_argument("number", metavar="NUMBER", nargs="+", type=int, help="as the list shows it")
    ack.add_argument("--operator", metavar="WHO", required=True, help="who answers for it; goes into the journal")
    test = verbs.add_parser(
        "test",
        help="send a test message by each channel, or by one",
        description="Exit status: 0 when every channel took it, 1 when not.",
    )
    test.add_argument("channel", metavar="CHANNEL", nargs="?", help="only this one")
    for parser, action in ((listing, _list), (ack, _ack), (test, _test)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError, HomeError and ControlError."""
    code: int = args.action(home_of(args), args)
    return code


def _list(home: Home, args: argparse.Namespace) -> int:
    found = control_socket.call(home.control_socket, "alert_list", CONFIRM_S)
    print(json.dumps(found, indent=1) if args.json else show(found))
    return OK


def _ack(home: Home, args: argparse.Namespace) -> int:
    if parse_label(args.operator) is None:
        raise UsageError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
    told = {"numbers": ",".join(map(str, args.number)), "operator": args.operator}
    found = control_socket.call(home.control_socket, "alert_ack", CONFIRM_S, told)
    for number, operator in found.items():
        say(f"alert {number}: {operator} answers for it")
    return OK


def _test(home: Home, args: argparse.Namespace) -> int:
    told = {"channel": args.channel} if args.channel else None
    found = control_socket.call(home.control_socket, "alert_test", TEST_S, told)["channels"]
    for name, why in found.items():
        say(f"{name}: {f'NOT TAKEN: {why}' if why else 'taken; did it arrive?'}")
    return FAILED if any(found.values()) else OK


def show(found: Mapping[str, Any]) -> str:
    """Write alerts and channels for people: what waits for an answer first."""
    parts = [
        table([_HEAD, *map(_row, found["alerts"])]) if found["alerts"] else "no alerts",
        f"and {found['left_off']} more" if found["left_off"] else "",
        f"{found['lost']} were dropped because there were too many" if found["lost"] else "",
        f"alerts are kept in memory alone: {_plain(found['spool'])}" if found["spool"] else "",
        _channels(found["channels"]),
    ]
    return "\n".join(part for part in parts if part)


def _row(alert: Mapping[str, Any]) -> tuple[str, ...]:
    is_open = alert["severity"] == "CRITICAL" and not alert["acked_by"]
    since, what = show_ms(alert["first_ms"]), alert["text"] or alert["title"]
    return (
        "OPEN" if is_open else "", str(alert["number"]), alert["severity"], since, str(alert["count"]),
        f"{alert['code']}: {_plain(what)}", alert["acked_by"] or "-",
    )  # fmt: skip


def _channels(channels: Mapping[str, Any]) -> str:
    if not channels:
        return "no channels: nobody is told; add a section [alerts.channels.NAME] to counterseal.toml"
    rows: list[tuple[str, ...]] = [("channel", "state", "proven", "waiting", "detail")]
    rows += [
        (name, channel["state"], show_ms(channel["proven_ms"]), str(channel["waiting"]), _plain(channel["detail"]))
        for name, channel in channels.items()
    ]
    return "\n" + table(rows)


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)
