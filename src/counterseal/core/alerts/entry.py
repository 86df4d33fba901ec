"""An alert as it is kept: how often it happened, who has it, who answers for it. Also as data, for the disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterseal.core.alerts.model import Alert, Severity


@dataclass(slots=True)
class Entry:
    """One alert and what became of it. Times with `wall` in their name are wall time, the others monotonic.

    `waiting` are the channels it is still to go to, `sent` those that took it, with the wall time. `due_ms` is since
    when somebody should know, `window_ms` since when equal ones are only counted, `step_ms` the last escalation,
    `seen_ms` the last time that it happened.
    `more` counts alerts of the same code that are not kept one by one.
    """

    number: int
    alert: Alert
    due_ms: int
    window_ms: int
    step_ms: int
    seen_ms: int
    first_wall_ms: int
    last_wall_ms: int
    count: int = 1
    more: bool = False
    waiting: set[str] = field(default_factory=set)
    sent: dict[str, int] = field(default_factory=dict)
    is_spread: bool = False
    steps: int = 0
    acked_by: str = ""
    acked_wall_ms: int = 0

    @property
    def severity(self) -> Severity:
        """The alert's."""
        return self.alert.severity

    @property
    def is_open(self) -> bool:
        """Whether a person must still answer for it: critical ones wait for a name."""
        return self.severity is Severity.CRITICAL and not self.acked_by

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do for it."""
        return not self.is_open and not self.waiting


def entry_data(entry: Entry) -> dict[str, Any]:
    """Give an entry as JSON holds it."""
    alert = entry.alert
    return {
        "number": entry.number, "severity": alert.severity.name, "code": alert.code, "title": alert.title,
        "text": alert.text, "key": alert.dedup_key, "at_ms": alert.at_ms, "symbols": list(alert.symbols),
        "beside": alert.beside, "first_ms": entry.first_wall_ms, "last_ms": entry.last_wall_ms, "count": entry.count,
        "more": entry.more, "waiting": sorted(entry.waiting), "sent": entry.sent, "spread": entry.is_spread,
        "steps": entry.steps, "acked_by": entry.acked_by, "acked_ms": entry.acked_wall_ms,
    }  # fmt: skip


def entry_of(data: Mapping[str, Any], now_ms: int) -> Entry:
    """Read an entry; what it still has to do is due from now on. Raises ValueError for what is none."""
    try:
        texts = [data[name] for name in ("code", "title", "text", "key", "beside", "acked_by")]
        numbers = [data[name] for name in ("number", "at_ms", "first_ms", "last_ms", "count", "steps", "acked_ms")]
        lists = [*data["symbols"], *data["waiting"], *data["sent"]]
        flags = [data["more"], data["spread"]]
        sound = (
            (type(data["symbols"]), type(data["waiting"]), type(data["sent"])) == (list, list, dict)
            and all(type(text) is str for text in (*texts, *lists))
            and all(type(number) is int for number in (*numbers, *data["sent"].values()))
            and all(type(flag) is bool for flag in flags)
        )
        if not sound:
            raise ValueError("no alert")
        return _entry(data, now_ms)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError("no alert") from fault


def _entry(data: Mapping[str, Any], now_ms: int) -> Entry:
    alert = Alert(
        Severity[data["severity"]], data["code"], data["title"], data["text"], data["key"], data["at_ms"],
        tuple(data["symbols"]), data["beside"],
    )  # fmt: skip
    return Entry(
        data["number"], alert, now_ms, now_ms, now_ms, now_ms, data["first_ms"], data["last_ms"], data["count"],
        data["more"], set(data["waiting"]), dict(data["sent"]), data["spread"], data["steps"], data["acked_by"],
        data["acked_ms"],
    )  # fmt: skip
