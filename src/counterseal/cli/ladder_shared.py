"""What the verbs of the ladder share: the scope, the operator, a typed confirmation, and what came of it."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterseal.adapters import control_socket
from counterseal.cli.shared import CONFIRM_S, FAILED, OK, UsageError, say, show_ms
from counterseal.core.config.grammar import parse_label
from counterseal.core.ladder import Kind, Scope, scope_of

# How long the verbs look on while the guard cancels and closes.
WATCH_S = 15.0
STEP_S = 0.1
SCOPES = "fleet, bot NAME, strategy NAME, symbol NAME or account NAME"


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add whom the verb is about, and who answers for it."""
    parser.add_argument("scope", metavar="SCOPE", nargs="+", help=SCOPES)
    parser.add_argument("--operator", metavar="WHO", required=True, help="who answers for it; goes into the journal")


def add_confirm(parser: argparse.ArgumentParser) -> None:
    """Add what a script gives in the place of a typed confirmation."""
    parser.add_argument("--confirm", metavar="SCOPE", help="the scope once more, for scripts: nothing is asked then")


def scope(args: argparse.Namespace) -> Scope:
    """Give the scope. Raises UsageError."""
    try:
        return scope_of(" ".join(args.scope))
    except ValueError:
        raise UsageError(f"a scope is {SCOPES}") from None


def told(args: argparse.Namespace, chosen: Scope) -> dict[str, str]:
    """Give what every verb tells the guard. Raises UsageError."""
    if parse_label(args.operator) is None:
        raise UsageError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
    return {"scope": str(chosen), "operator": args.operator}


def is_confirmed(given: str | None, chosen: Scope, what: str) -> bool:
    """Have the scope typed once more. Raises UsageError when a script gave another one."""
    if given is not None:
        if given != str(chosen):
            raise UsageError(f'--confirm must be "{chosen}"; nothing was changed')
        return True
    sys.stderr.write(f'Type "{chosen}" to {what}: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip() == str(chosen):
        return True
    say("nothing was changed: that is not the scope")
    return False


def line(trip: Mapping[str, Any]) -> str:
    """Write one scope that is not active."""
    chosen = Scope(Kind(trip["kind"]), trip["name"])
    orders = ", orders are cancelled" if trip["cancels"] else ""
    return f"{chosen}: {trip['rung']} since {show_ms(trip['at_ms'])} by {trip['who']} ({trip['cause']}){orders}"


def act_lines(act: Mapping[str, Any]) -> list[str]:
    """Write what was done for a trip, and how it is proven."""
    return [f"{act['scope']}: {_step(step)}" for step in act["steps"]]


def _step(step: Mapping[str, Any]) -> str:
    state = {True: "proven", False: "NOT PROVEN", None: "under way"}[step["done"]]
    left = f"; left: {', '.join(map(_shown, step['left']))}" if step["left"] else ""
    return f"{step['what']}: {state}: {step['text']}{left}"


def _shown(name: str) -> str:
    """Names of orders are the bots' own: one that could pass for something else is shown escaped."""
    return name if name.isascii() and name.isprintable() else json.dumps(name)


def watch(socket: Path, done: Mapping[str, Any]) -> int:
    """Say what is in force, look on until everything was done, and say how it is proven. Raises ControlError."""
    trip = done["trip"]
    say(line(trip))
    act, deadline = done["act"], time.monotonic() + WATCH_S
    while not act["over"] and time.monotonic() < deadline:
        time.sleep(STEP_S)  # noqa: TID251
        act = _newest(control_socket.call(socket, "guard_status", CONFIRM_S)["acts"], act)
    for each in act_lines(act):
        say(each)
    if not act["over"]:
        say("it is still under way; see: counterseal status")
    return OK if act["proven"] else FAILED


def _newest(acts: list[dict[str, Any]], act: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((each for each in acts if each["scope"] == act["scope"]), act)
