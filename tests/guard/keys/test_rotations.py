"""What the rotator has people told: known codes of named keys in one line, and each time is news."""

import asyncio

import pytest

from counterseal.adapters.control_link import ControlError
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.codes import CODES as KNOWN
from counterseal.core.alerts.model import Alert
from counterseal.guard.keys.rotations import CODES, RotationVerbs

GOOD = {"code": "rotation_waits", "name": "main", "text": "main.2: it waits for its API key"}


def told(clock: VirtualClock, **changes: str) -> list[Alert]:
    raised: list[Alert] = []
    asyncio.run(RotationVerbs(raised.append, clock).table()["rotation_told"]({**GOOD, **changes, "uid": 0}))
    return raised


def test_people_are_told_with_the_code_s_own_severity() -> None:
    assert set(KNOWN) >= CODES
    for code in CODES:
        (alert,) = told(VirtualClock(), code=code)
        assert (alert.code, alert.severity, alert.text) == (code, KNOWN[code].severity, GOOD["text"])
        assert "main" in alert.title


@pytest.mark.parametrize(
    "changes", [{"code": "ladder_halted"}, {"name": "No Name"}, {"text": ""}, {"text": "x" * 501}, {"text": "a\nb"}]
)
def test_anything_else_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ControlError, match="nothing that a rotation tells"):
        told(VirtualClock(), **changes)
