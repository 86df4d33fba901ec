"""Faults that a test orders: the next requests that match are answered wrongly, late, or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass

from counterseal.paper.errors import ApiError, Json

KINDS = ("status", "status_after_execute", "reset_before", "reset_after_execute", "stall_after_execute", "delay")


@dataclass(slots=True)
class Fault:
    """One order for trouble.  `argument` is the status and text, or the delay in ms."""

    kind: str
    argument: str
    method: str | None
    path: str | None
    times: int

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (None, method) and self.path in (None, path)


class Faults:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def order(self, body: bytes) -> Json:
        """Take `{"match": {"method", "path"}, "times": N, "fault": "kind:argument"}`; -1135 when malformed.

        `{"clear": true}` drops all faults.
        """
        try:
            wanted = json.loads(body)
            if wanted.get("clear") is True:
                self._faults.clear()
                return {"faults": 0}
            self._faults.append(_fault(wanted))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ApiError(-1135, "Invalid JSON Request") from None
        return {"faults": len(self._faults)}

    def next_for(self, method: str, path: str) -> Fault | None:
        """The fault of this request, used up once."""
        if not self._faults:
            return None
        found = next((fault for fault in self._faults if fault.matches(method, path)), None)
        if found is not None:
            found.times -= 1
            self._faults = [fault for fault in self._faults if fault.times > 0]
        return found


def _fault(wanted: dict[str, object]) -> Fault:
    kind, _, argument = str(wanted["fault"]).partition(":")
    match = wanted.get("match", {})
    if kind not in KINDS or not isinstance(match, dict):
        raise ValueError(kind)
    if kind == "delay":
        int(argument)
    if kind.startswith("status"):
        int(argument.partition(":")[0])
    return Fault(kind, argument, match.get("method"), match.get("path"), int(str(wanted.get("times", 1))))


def status_reply(fault: Fault) -> tuple[int, bytes]:
    """Status and body of a `status:<number>:<text>` fault; JSON text goes out as it is."""
    number, _, text = fault.argument.partition(":")
    if text.startswith(("{", "<")):
        return int(number), text.encode()
    return int(number), json.dumps({"code": -1000, "msg": text}).encode()
