"""core.guard_states: what the guard says of itself becomes signs, and what it no longer says ends."""

from typing import Any

import pytest

from counterseal.core.failing import TABLE
from counterseal.core.failures import Sign
from counterseal.core.guard_states import TOLD, Told, read_states, signs

NOW = 1_000_000


def shown(told: list[Told]) -> list[tuple[str, int, str, tuple[str, ...]]]:
    return [(one.name, one.since_ms, one.detail, one.accounts) for one in told]


def test_what_is_told_are_rows_of_the_table() -> None:
    """Each exists, and what it closes it closes by a code of its own."""
    for name in TOLD:
        assert TABLE[name].exists
        assert TABLE[name].gated == bool(TABLE[name].reasons)


def test_a_state_is_read_whole() -> None:
    """Since when, why, and for whom; what is no row of the guard's is left out."""
    failing = {
        "monitor_stale": {"since_ms_ago": 400, "detail": "snapshot 11 s old", "accounts": ["main", "other"]},
        "clock_uncertain": {"since_ms_ago": 1},
        "nonsense": {},
    }
    assert shown(read_states(failing, NOW)) == [("monitor_stale", NOW - 400, "snapshot 11 s old", ("main", "other"))]


@pytest.mark.parametrize(
    "row",
    [
        None, 7, {}, {"since_ms_ago": -1}, {"since_ms_ago": True}, {"since_ms_ago": "1"}, {"accounts": "main"},
        {"accounts": [1]}, {"accounts": ["main"] * 1_001}, {"detail": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_read_fails_for_everybody_from_now_on(row: Any) -> None:
    """Doubt closes."""
    assert shown(read_states({"foreign_order": row}, NOW)) == [("foreign_order", NOW, "", ())]


def test_a_long_detail_is_cut() -> None:
    """It goes into log and journal."""
    (one,) = read_states({"alerts_down": {"detail": "x" * 1_000}}, NOW)
    assert one.detail == "x" * 256


@pytest.mark.parametrize("failing", [None, [], "monitor_stale", 1])
def test_what_is_no_statement_raises(failing: Any) -> None:
    """Then the last one stands."""
    with pytest.raises(ValueError, match="not states"):
        read_states(failing, NOW)


def test_signs_of_what_fails_and_of_what_has_ended() -> None:
    """By account where accounts are named; other rows are none of the guard's."""
    told = read_states({"monitor_stale": {"since_ms_ago": 5, "accounts": ["b", "c"]}, "foreign_order": {}}, NOW)
    in_force = [
        ("monitor_stale", "account a"), ("monitor_stale", "account b"), ("clock_uncertain", ""),
        ("alert_channel_down", ""),
    ]  # fmt: skip
    assert signs(told, in_force, NOW) == [
        Sign("monitor_stale", is_failing=True, scope="account b", since_ms=NOW - 5),
        Sign("monitor_stale", is_failing=True, scope="account c", since_ms=NOW - 5),
        Sign("foreign_order", is_failing=True, since_ms=NOW),
        Sign("monitor_stale", is_failing=False, scope="account a"),
        Sign("alert_channel_down", is_failing=False),
    ]
    assert signs([], [], NOW) == []


def test_what_counts_after_five_minutes() -> None:
    """All alert channels down: not before, and from the beginning it was told with."""
    told = read_states({"alerts_down": {"since_ms_ago": 299_000}}, NOW)
    assert signs(told, [], NOW) == []
    assert signs(told, [], NOW + 999) == []
    (sign,) = signs(told, [], NOW + 1_000)
    assert (sign.name, sign.is_failing, sign.since_ms) == ("alerts_down", True, NOW - 299_000)
