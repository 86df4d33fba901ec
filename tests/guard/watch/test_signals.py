"""What lasts pages people; what only a restart of the gateway brings does not, within its bound."""

from typing import Any

import pytest
from tests.guard.alerting.sinks import Log

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert, Severity
from counterseal.guard.watch.followed import GAP
from counterseal.guard.watch.signals import LASTS_MS, RESTART_MS, RESTARTS_MS, Failing, Signals

STALE = Failing("monitor_stale", "main", 0, "positions are 12.0 s old")


class House:
    """Signals with what they say; `gap` fails from its first moment on."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.states: list[Any] = []
        self.log = Log()
        self.signals = Signals(VirtualClock(), self.states.append, self.alerts.append, self.log)

    def look(self, *failing: Failing, until_ms: int, since_ms: int = 0) -> list[tuple[str, Severity]]:
        for now_ms in range(since_ms, until_ms + 1, 100):
            self.signals.failing(failing, now_ms)
        return [(alert.code, alert.severity) for alert in self.alerts]


def gap(since_ms: int = 0) -> Failing:
    return Failing("monitor_stale", "main", since_ms, GAP)


def test_a_gap_that_lasts_is_critical() -> None:
    house = House()
    assert house.look(gap(), until_ms=LASTS_MS - 100) == []
    assert house.look(gap(), since_ms=LASTS_MS, until_ms=LASTS_MS) == [("positions_stale", Severity.CRITICAL)]


@pytest.mark.threat(45)
def test_a_restart_of_the_gateway_is_a_warning_within_its_bound_and_critical_after_it() -> None:
    """And it closes what raises risk all the same, from the first moment on."""
    house = House()
    house.signals.restarts(0)
    assert house.look(gap(), until_ms=RESTART_MS - 100) == [("stream_gap", Severity.MEDIUM)]
    assert house.states[0]["monitor_stale"]["accounts"] == ["main"]
    assert not [line for line in house.log.lines if line[0] == "critical"]
    told = house.look(gap(), since_ms=RESTART_MS, until_ms=RESTART_MS + 5_000)
    assert told == [("stream_gap", Severity.MEDIUM), ("positions_stale", Severity.CRITICAL)]


def test_what_a_restart_does_not_bring_is_critical_meanwhile() -> None:
    house = House()
    house.signals.restarts(0)
    assert house.look(STALE, until_ms=LASTS_MS) == [("positions_stale", Severity.CRITICAL)]


def test_one_that_is_over_in_time_is_told_again_the_next_time() -> None:
    house = House()
    house.signals.restarts(0)
    house.look(gap(), until_ms=3_000)
    house.look(since_ms=3_100, until_ms=RESTARTS_MS)
    assert len(house.alerts) == 1
    house.signals.restarts(RESTARTS_MS)
    told = house.look(gap(RESTARTS_MS), since_ms=RESTARTS_MS, until_ms=RESTARTS_MS + 3_000)
    assert told == [("stream_gap", Severity.MEDIUM)] * 2


def test_a_gateway_that_is_started_again_and_again_wakes_people() -> None:
    house = House()
    for at_ms in (0, 20_000):
        house.signals.restarts(at_ms)
        house.look(gap(at_ms), since_ms=at_ms, until_ms=at_ms + 3_000)
        house.look(since_ms=at_ms + 3_100, until_ms=at_ms + 19_000)
    assert [alert.code for alert in house.alerts] == ["stream_gap", "positions_stale"]
