"""Which channel takes which alerts, and in what order channels stand in for one another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from counterseal.core.alerts.model import Severity

# Kinds of channels, and from which severity on each takes alerts unless the settings say so.
KINDS: Mapping[str, Severity] = {
    "sms": Severity.CRITICAL,
    "sns": Severity.HIGH,
    "pagerduty": Severity.HIGH,
    "slack": Severity.MEDIUM,
    "webhook": Severity.MEDIUM,
    "smtp": Severity.INFO,
    "apprise": Severity.MEDIUM,
}
# From this on an alert goes to whoever lives when those it was meant for do not take it.
MUST_REACH = Severity.HIGH


@dataclass(frozen=True, slots=True)
class Route:
    """One channel: what it takes, and how long informational alerts are collected for it."""

    name: str
    severities: frozenset[Severity]
    digest_ms: int = 0


def at_least(severity: Severity) -> frozenset[Severity]:
    """Give a severity and all louder ones."""
    return frozenset(each for each in Severity if each >= severity)


def meant_for(routes: Iterable[Route], severity: Severity, beside: str) -> set[str]:
    """Give the channels that an alert is meant for; never the one that it is about."""
    return {route.name for route in routes if severity in route.severities and route.name != beside}


def ordered(names: Sequence[str], first: Sequence[str]) -> tuple[str, ...]:
    """Give all names, those of `first` in its order before the others."""
    return (*(name for name in first if name in names), *(name for name in names if name not in first))
