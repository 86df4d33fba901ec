"""Faults of what is pushed: a message lost, sent twice, out of order, or its connections made to suffer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from counterseal.paper.faults import Fault, Faults

METHOD = "WS"  # how faults and the journal call what comes and goes over WebSockets


class Suffering(Protocol):
    """A connection that faults can be done to."""

    def suffer(self, fault: Fault) -> None: ...


class Disturber:
    """Asks the faults in force about each message; `name` is the stream's, or the user event's."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: dict[str, object] = {}  # the first of two messages that go out in the wrong order

    def messages(self, name: str, payload: object, members: Iterable[Suffering]) -> list[object]:
        """What is sent in place of one message."""
        if not self._held and self._faults.is_idle:
            return [payload]
        if name in self._held:
            return [payload, self._held.pop(name)]
        fault = self._faults.next_for(METHOD, name, is_stream=True)
        if fault is None:
            return [payload]
        if fault.kind == "stream_reorder":
            self._held[name] = payload
        if fault.kind in ("stream_gap", "stream_reorder"):
            return []
        if fault.kind == "stream_repeat":
            return [payload, payload]
        for member in list(members):
            member.suffer(fault)
        return [payload]
