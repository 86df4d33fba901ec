"""What people are told of limits and of the dead-man's switch: one way, by the table of codes."""

from decimal import Decimal

import pytest

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert, Severity
from counterseal.core.guardrails.breach import Breach
from counterseal.core.guardrails.limits import Action, Level
from counterseal.core.ladder import Kind, Scope
from counterseal.core.resting import Place
from counterseal.guard.telling import Telling

LIMIT = Breach(Scope(Kind.BOT, "grid"), "max_position", Decimal(80), Decimal(100), Level.WARN, Action.ALERT, "BTCUSDT")


def told() -> tuple[Telling, list[Alert]]:
    alerts: list[Alert] = []
    return Telling(alerts.append, VirtualClock()), alerts


@pytest.mark.parametrize(
    ("level", "code", "severity"),
    [
        (Level.WARN, "limit_warning", Severity.MEDIUM),
        (Level.EMERGENCY, "limit_threshold", Severity.CRITICAL),
        (Level.LIMIT, "limit_passed", Severity.CRITICAL),
    ],
)
def test_a_breach_is_told_as_loudly_as_its_level(level: Level, code: str, severity: Severity) -> None:
    """And the same limit again is the same thing, whatever the figure is by then."""
    telling, alerts = told()
    telling.limit(LIMIT._replace(level=level))
    telling.limit(LIMIT._replace(level=level, value=Decimal(85)))
    assert [(each.code, each.severity) for each in alerts] == [(code, severity)] * 2
    assert len({each.dedup_key for each in alerts}) == 1 and alerts[0].symbols == ("BTCUSDT",)
    telling.limit(LIMIT._replace(level=Level.CLEAR))
    assert len(alerts) == 2


def test_the_dead_man_s_firing_is_told_with_its_place() -> None:
    telling, alerts = told()
    telling.dead_man("fired", Place("main", "usdm", "BTCUSDT"), "the gateway was not heard")
    (alert,) = alerts
    assert (alert.code, alert.severity, alert.symbols) == ("deadman_fired", Severity.CRITICAL, ("BTCUSDT",))
    assert alert.title.endswith(": main usdm BTCUSDT") and alert.text == "the gateway was not heard"
