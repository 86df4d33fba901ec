"""What the rotator, which ends with each run, has people told."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from counterseal.adapters.control_link import ControlError
from counterseal.core.alerts.model import Alert
from counterseal.core.config.grammar import parse_name
from counterseal.guard.alerting.sources import plain
from counterseal.ports.clock import Clock

CODES = frozenset({"rotation_waits", "rotation_stuck", "rotation_alive"})
MAX_TEXT = 500


class RotationVerbs:
    """Answers `rotation_told`. `raise_` neither waits nor fails."""

    def __init__(self, raise_: Callable[[Alert], None], clock: Clock) -> None:
        self._raise, self._clock = raise_, clock

    def table(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Give the verb by its name; it takes arguments."""
        return {"rotation_told": self.told}

    async def told(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Alert people of a rotation (`code`, `name` of the key, `text`). Raises ControlError."""
        code, name, text = (str(args.get(word, "")) for word in ("code", "name", "text"))
        if code not in CODES or parse_name(name) is None or not 0 < len(text) <= MAX_TEXT or not text.isprintable():
            raise ControlError("this is nothing that a rotation tells; do both run the same version?")
        at_ms = self._clock.wall_ns() // 1_000_000
        # The rotator says the same once a day at most: each time is news.
        self._raise(replace(plain(code, text, at_ms, f"key {name}"), dedup_key=f"{code} {name} {at_ms}"))
        return {}
