"""`counterseal status` for people: which keys are held back, why, and when they are tried again."""

from typing import Any

import pytest

from counterseal.cli.status import show

STATUS: dict[str, Any] = {
    "supervisor": {"listen": "127.0.0.1:1", "started_ms": 0, "pid": 7, "sandbox": None},
    "children": {},
    "gateway": {"serving": True},
    "guard": {"error": "it gave no answer"},
}
SHUT = {"key": "main", "what": "all of it", "phase": "shut", "cause": "address", "why": "it left the list"}
SUSPECT = {"key": "main", "what": "all of it", "phase": "suspect", "cause": None, "why": "it is being tried"}
REFUSED = {"key": "main", "what": "all but exits", "phase": "refused by the settings", "cause": "settings"}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (SHUT | {"probe_in_ms": 29_001},
         "key main: all of it is held back (address): it left the list; it is tried in 30 s"),
        (SUSPECT | {"probe_in_ms": 0},
         "key main: all of it is held back (suspect): it is being tried; it is tried in 0 s"),
        (REFUSED | {"why": "it can withdraw", "probe_in_ms": None},
         "key main: all but exits is held back (settings): it can withdraw"),
    ],
)  # fmt: skip
def test_each_key_that_is_held_back_has_its_line(row: dict[str, Any], line: str) -> None:
    told = show(STATUS | {"gateway": {"serving": True, "quarantine": [row]}}).splitlines()
    assert told[-1] == line


def test_without_any_nothing_is_said_of_it() -> None:
    assert "held back" not in show(STATUS)
    assert "quarantine" not in show(STATUS | {"gateway": {"serving": True, "quarantine": []}})
