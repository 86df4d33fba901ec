"""What a fault does to one reply, and what the journal says about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from counterseal.paper.faults import Fault
from counterseal.paper.faults_answers import answer
from counterseal.paper.faults_body import SPOILERS
from counterseal.paper.faults_wire import PLANNERS, Sent, Step

# What a request that was not executed is answered with when only its wire is to break.
NOT_EXECUTED = b"{}"


@dataclass(slots=True)
class Reply:
    """What the server does: send, or drop the connection, or say nothing; after a delay.

    With the action `steps` the server follows `steps`; with `hold` it hands the request in again after the delay.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    action: str = "send"  # send | close | stall | steps | hold
    delay_ms: int = 0
    steps: list[Step] = field(default_factory=list)


def unexecuted() -> Reply:
    """The starting point of a fault that keeps a request from being executed."""
    return Reply(200, NOT_EXECUTED)


def apply(fault: Fault, reply: Reply, line: dict[str, object], now_ms: int, other: bytes) -> None:
    """Spoil a reply.  `other` is the body of an earlier one, for the fault that mixes replies up."""
    line["fault"] = f"{fault.kind}:{fault.argument}" if fault.argument else fault.kind
    line["executed"] = fault.when == "after"
    if fault.kind == "answer":
        _answered(fault, reply, line, now_ms)
    elif fault.kind in SPOILERS:
        reply.body = SPOILERS[fault.kind](reply.body, fault.argument)
    elif fault.kind == "delay":
        reply.delay_ms = int(fault.argument)
    elif fault.kind == "reset":
        reply.action = "close"
    elif fault.kind == "stall":
        reply.action = "stall"
    elif fault.kind in PLANNERS:
        sent = Sent(reply.status, reply.headers, reply.body)
        reply.action, reply.steps = "steps", PLANNERS[fault.kind](sent, fault.argument, other)
    if fault.when == "before" and fault.kind != "answer":
        line.update(status=None, code=None)


def _answered(fault: Fault, reply: Reply, line: dict[str, object], now_ms: int) -> None:
    canned = answer(fault.argument, now_ms)
    kept = {name: value for name, value in reply.headers.items() if name != "Retry-After"}
    reply.status, reply.body, reply.headers = canned.status, canned.body, kept | canned.headers
    line.update(status=canned.status, code=_code_of(canned.body))


def _code_of(body: bytes) -> int | None:
    try:
        found = json.loads(body).get("code")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, int) else None
