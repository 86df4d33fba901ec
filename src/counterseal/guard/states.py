"""What fails on the guard's side, told to the gateway, which closes by it: at each change, and from time to time."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.ports.clock import Clock

LOOK_S = 0.5
AGAIN_NS = 5_000_000_000

# A row of the failing table with what an operator should know, and the accounts alone that it is about (none is all).
Failing = Mapping[str, tuple[str, tuple[str, ...]]]


class States:
    """Asks `failing` every half second and tells by `send`."""

    def __init__(self, failing: Callable[[], Failing], send: Callable[[Mapping[str, Any]], None], clock: Clock) -> None:
        self._failing, self._send, self._clock = failing, send, clock
        self._since_ns: dict[str, int] = {}
        self._told: Failing = {}
        self._told_ns: int | None = None

    def look(self) -> None:
        """Tell what fails, if that is news or a while ago."""
        now_ns, found = self._clock.monotonic_ns(), dict(self._failing())
        self._since_ns = {name: self._since_ns.get(name, now_ns) for name in found}
        if self._told_ns is not None and found == self._told and now_ns - self._told_ns < AGAIN_NS:
            return
        self._told, self._told_ns = found, now_ns
        rows = {
            name: {
                "since_ms_ago": (now_ns - self._since_ns[name]) // 1_000_000, "detail": detail,
                "accounts": list(accounts),
            }
            for name, (detail, accounts) in found.items()
        }  # fmt: skip
        self._send({"type": "states", "failing": rows})

    def again(self) -> None:
        """Tell a new gateway."""
        self._told_ns = None
        self.look()
