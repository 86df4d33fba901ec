"""Weight of others: a warning by default, and what the settings say where somebody wants more."""

from typing import Any

import pytest
from tests.guard.test_verbs import Desk

from counterseal.core.alerts.codes import CODES
from counterseal.core.alerts.model import Alert, Severity
from counterseal.guard.foreign_spend import ForeignSpend
from counterseal.guard.telling import Telling

WEIGHT = {"type": "event", "what": "foreign_spend", "pool": "spot_weight", "key": "10.0.0.5", "endpoint": "",
          "header": 900, "ours": 20, "in_flight": 1}  # fmt: skip
COUNTS = {**WEIGHT, "pool": "spot_orders_1d", "key": "main"}


def after(response: str, message: dict[str, Any]) -> tuple[list[Alert], dict[str, str]]:
    text = f'[guard]\non_foreign_spend = "{response}"\n' if response else ""
    desk, told = Desk(text), list[Alert]()
    ForeignSpend(desk.stopping, Telling(told.append, desk.clock), lambda: desk.config, desk.clock).hear(message)
    return told, desk.rungs()


@pytest.mark.parametrize("message", [WEIGHT, COUNTS])
def test_by_default_it_is_a_warning_and_stops_nobody(message: dict[str, Any]) -> None:
    (alert,), rungs = after("", message)
    assert (alert.code, alert.severity, rungs) == ("foreign_weight", Severity.MEDIUM, {})
    assert "the exchange counts 900, ours are 20" in alert.text


@pytest.mark.parametrize(
    ("response", "message", "rungs"),
    [
        ("alert", WEIGHT, {}),
        ("halt", COUNTS, {"account main": "HALTED"}),
        ("halt", WEIGHT, {"fleet": "HALTED"}),
        ("emergency", COUNTS, {"account main": "FLATTEN"}),
    ],
)
def test_it_is_as_critical_as_the_settings_say(response: str, message: dict[str, Any], rungs: dict[str, str]) -> None:
    (alert,), found = after(response, message)
    assert (alert.code, alert.severity, found) == ("intruder_weight", Severity.CRITICAL, rungs)


def test_other_events_are_none_of_it_and_without_settings_it_is_told() -> None:
    assert after("halt", {"type": "event", "what": "order"}) == ([], {})
    desk, told = Desk(has_settings=False), list[Alert]()
    ForeignSpend(desk.stopping, Telling(told.append, desk.clock), lambda: desk.config, desk.clock).hear(WEIGHT)
    assert [alert.code for alert in told] == ["foreign_weight"]


@pytest.mark.parametrize("code", ["intruder_order", "intruder_fill", "intruder_transfer", "intruder_rights"])
def test_what_takes_money_or_rights_is_critical_whatever_the_settings(code: str) -> None:
    assert CODES[code].severity is Severity.CRITICAL
