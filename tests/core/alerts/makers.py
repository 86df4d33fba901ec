"""Alerts and desks for tests."""

from typing import Any

from counterseal.core.alerts.desk import Desk, Terms
from counterseal.core.alerts.entry import Entry
from counterseal.core.alerts.model import Alert, Severity
from counterseal.core.alerts.routing import Route, at_least

WALL = 1_795_000_000_000


def alert(key: str = "k", code: str = "gateway_stuck", severity: Severity = Severity.CRITICAL, **more: Any) -> Alert:
    fields: dict[str, Any] = {"title": "a title", "text": "a text", "at_ms": WALL}
    return Alert(severity, code, dedup_key=key, **fields | more)


def entry(number: int = 1, **more: Any) -> Entry:
    return Entry(number, more.pop("alert", alert()), 0, 0, 0, 0, WALL, WALL, **more)


def desk(terms: Terms | None = None, now_ms: int = 0, **least: Severity) -> Desk:
    """A desk whose channels take alerts from these severities on, and collect what is informational for an hour."""
    routes = [Route(name, at_least(severity), 3_600_000) for name, severity in least.items()]
    return Desk(routes, terms or Terms(), now_ms)
