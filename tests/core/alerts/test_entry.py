"""An entry as it is kept on disk."""

import json
from typing import Any

import pytest
from tests.core.alerts.makers import WALL, alert, entry

from counterseal.core.alerts.entry import entry_data, entry_of
from counterseal.core.alerts.model import Severity


def full() -> dict[str, Any]:
    return entry_data(
        entry(
            7, alert=alert(symbols=("BTCUSDT",), beside="mail"), count=3, more=True, waiting={"sms", "pager"},
            sent={"chat": WALL}, is_spread=True, steps=2, acked_by="alice", acked_wall_ms=WALL,
        )
    )  # fmt: skip


def test_what_is_written_is_read_again() -> None:
    data = json.loads(json.dumps(full()))
    found = entry_of(data, 50)
    assert entry_data(found) == data
    assert (found.due_ms, found.window_ms, found.step_ms) == (50, 50, 50)


@pytest.mark.parametrize("name", [*full()])
@pytest.mark.parametrize("value", [None, 1.5, "x", ["x", 1], {"x": "y"}, [[]]])
def test_what_is_of_another_type_is_no_entry(name: str, value: Any) -> None:
    data = full() | {name: value}
    fits = name in ("code", "title", "text", "key", "beside", "acked_by") and value == "x"
    if fits:
        entry_of(data, 0)
        return
    with pytest.raises(ValueError, match="no alert"):
        entry_of(data, 0)


@pytest.mark.parametrize("name", [*full()])
def test_what_lacks_a_field_is_no_entry(name: str) -> None:
    data = full()
    del data[name]
    with pytest.raises(ValueError, match="no alert"):
        entry_of(data, 0)


def test_a_critical_one_is_open_until_somebody_answers() -> None:
    one = entry()
    assert one.is_open and not one.is_settled
    one.acked_by = "alice"
    assert not one.is_open and one.is_settled
    quiet = entry(alert=alert(severity=Severity.INFO), waiting={"mail"})
    assert not quiet.is_open and not quiet.is_settled
    quiet.waiting.clear()
    assert quiet.is_settled
