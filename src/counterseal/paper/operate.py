"""Verbs for who rehearses with a running exchange: faults, scenarios, rim, raw commands, the view, the checker."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.paper import check, gateway_journal, rim
from counterseal.paper.admin_socket import ask
from counterseal.paper.errors import Json
from counterseal.paper.faults import AFTER, BEFORE, MATCHES
from counterseal.paper.watch import REDRAW_MS, Watch

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FOUND = 1


def add(commands: Commands) -> None:
    """Add the verbs."""
    _add_fault(commands.add_parser("fault", help="order faults of a running exchange").add_subparsers(required=True))
    scenario = _verb(commands, "scenario", "let a scripted event begin")
    scenario.add_argument("name", metavar="NAME[:ASSETS]")
    scenario.add_argument("--after", type=int, default=0, metavar="SECONDS")
    scenario.set_defaults(run=_scenario)
    edge = _verb(commands, "rim", "break the listening socket, the connections or the certificate")
    edge.add_argument("kind", choices=rim.KINDS)
    edge.add_argument("--seconds", type=int, default=0, help="until it is whole again; 0 leaves it so")
    edge.add_argument("--argument", default="", help="which certificate")
    edge.set_defaults(run=_rim)
    raw = _verb(commands, "admin", "send one command as JSON")
    raw.add_argument("command", type=json.loads, metavar="JSON")
    raw.set_defaults(run=lambda arguments: _show(ask(arguments.home, arguments.command)))
    watch = _verb(commands, "watch", "show what a running exchange does; Ctrl-C ends it")
    watch.set_defaults(run=_watch)
    _add_check(commands)


def _verb(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--home", type=Path, required=True, help="home directory of the running exchange")
    return parser


def _add_fault(commands: Commands) -> None:
    new = _verb(commands, "add", "order a fault")
    new.add_argument("fault", metavar="KIND[:ARGUMENT]", help="see `fault kinds`")
    for name in MATCHES:
        new.add_argument(f"--{name.replace('_', '-')}", help="hit only requests that match")
    new.add_argument("--when", choices=(BEFORE, AFTER), help="instead of executing the request, or after it")
    new.add_argument("--times", type=int, help="how often (default once; without end with --nth or --probability)")
    new.add_argument("--nth", type=int, help="every so many-th matching request")
    new.add_argument("--probability", help="share of the matching requests, 0 to 1")
    new.set_defaults(run=_fault)
    remove = _verb(commands, "remove", "take a fault back")
    remove.add_argument("number", type=int)
    remove.set_defaults(run=_remove)
    for name, text, command in (
        ("list", "the faults in force", {"do": "faults"}),
        ("clear", "take all faults back", {"do": "fault", "clear": True}),
        ("kinds", "everything that can be ordered", {"do": "catalogue"}),
    ):
        _verb(commands, name, text).set_defaults(
            run=lambda arguments, command=command: _show(ask(arguments.home, command))
        )


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="compare the gateway's journal with the exchange's",
        description="Laws L1, L2 and L4 on both journals.",
    )
    parser.add_argument("--home", type=Path, required=True, help="folder of the gateway's installation")
    parser.add_argument("--paper-journal", type=Path, required=True, help="journal.jsonl of the paper exchange")
    parser.add_argument("--journal", type=Path, help="the gateway's journal, when it is elsewhere")
    parser.add_argument("--key", action="append", default=[], help="beginning of an API key of ours")
    parser.set_defaults(run=_check)


def _show(reply: Json) -> int:
    print(json.dumps(reply, indent=1, ensure_ascii=False))  # noqa: T201 - a command line prints
    return 0


def _fault(arguments: argparse.Namespace) -> int:
    match = {name: getattr(arguments, name) for name in MATCHES if getattr(arguments, name) is not None}
    command: Json = {"do": "fault", "fault": arguments.fault, "match": match}
    command |= {name: value for name in ("when", "times", "nth", "probability") if (value := getattr(arguments, name))}
    return _show(ask(arguments.home, command))


def _remove(arguments: argparse.Namespace) -> int:
    return _show(ask(arguments.home, {"do": "fault", "remove": arguments.number}))


def _scenario(arguments: argparse.Namespace) -> int:
    return _show(ask(arguments.home, {"do": "scenario", "name": arguments.name, "after_ms": arguments.after * 1000}))


def _rim(arguments: argparse.Namespace) -> int:
    command: Json = {"do": "rim", "kind": arguments.kind, "seconds": arguments.seconds, "argument": arguments.argument}
    return _show(ask(arguments.home, command))


def _watch(arguments: argparse.Namespace) -> int:
    view = Watch(sys.stdout, lambda: ask(arguments.home, {"do": "state"}))
    try:
        while True:
            view.look(time.time_ns() // 1_000_000)
            time.sleep(REDRAW_MS / 1000)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


def _check(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the journals agree, 1 when they do not."""
    gateway = gateway_journal.read(arguments.journal or arguments.home / "journal")
    report = check.compare(gateway, check.read_exchange(arguments.paper_journal), arguments.key)
    for finding in report.findings:
        print(finding)  # noqa: T201  for who started it
    told = f"{report.intents} intents, {report.changes} changes arrived, {report.orders} orders made"
    cut = f", {report.lost} lost by a power cut" if report.lost else ""
    print(f"{told}, {report.unknown} unknown{cut}: {len(report.findings)} disagreements")  # noqa: T201  for who started it
    return FOUND if report.findings else 0
