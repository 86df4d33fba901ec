"""Timestamps to the millisecond: what is fresh, and what recvWindow goes upstream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.freshness import is_fresh, parse_recv_window, parse_timestamp, upstream_recv_window

NOW = 1_795_358_729_387


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1795358729387", NOW),
        ("0", 0),
        ("1795358729387999", NOW),
        ("1000000000000000", 1_000_000_000_000),
        ("999999999999999", 999_999_999_999_999),
        (None, None),
        ("", None),
        ("-1", None),
        ("+1795358729387", None),
        ("1795358729387.0", None),
        ("1.795e12", None),
        ("01795358729387", None),
        (" 1795358729387", None),
        ("１７９５", None),
        ("1_795", None),
        ("1" * 20, None),
    ],
)
def test_timestamps_are_whole_milliseconds_or_microseconds(text: str | None, milliseconds: int | None) -> None:
    assert parse_timestamp(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        (None, 5_000),
        ("0", 0),
        ("5000", 5_000),
        ("6000.346", 6_000),
        ("0.999", 0),
        ("60000", 60_000),
        ("60000.000", 60_000),
        ("60000.001", None),
        ("60001", None),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("5000 ", None),
        ("NaN", None),
        ("٥", None),
    ],
)
def test_recv_window_is_at_most_a_minute(text: str | None, milliseconds: int | None) -> None:
    assert parse_recv_window(text) == milliseconds


@pytest.mark.threat(18)
@pytest.mark.parametrize("window", [0, 1, 1_000, 4_999, 5_000, 5_001, 60_000])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_window_ends_to_the_millisecond_on_both_sides(window: int, sign: int) -> None:
    """±min(recvWindow, 5 s); never wider, whatever the bot asks for."""
    edge = min(window, 5_000)
    assert is_fresh(NOW + sign * edge, window, NOW)
    assert not is_fresh(NOW + sign * (edge + 1), window, NOW)
    if edge:
        assert is_fresh(NOW + sign * (edge - 1), window, NOW)


@pytest.mark.threat(19)
@pytest.mark.parametrize(
    ("bots", "order", "upstream"),
    [
        (10_000, True, 2_000),
        (2_001, True, 2_000),
        (2_000, True, 2_000),
        (1_999, True, 1_999),
        (10_000, False, 5_000),
        (5_001, False, 5_000),
        (4_999, False, 4_999),
        (0, True, 1),
        (0, False, 1),
    ],
)
def test_upstream_the_window_only_shrinks(bots: int, order: bool, upstream: int) -> None:
    assert upstream_recv_window(bots, order=order, order_cap_ms=2_000) == upstream


@given(st.integers(1, 60_000), st.booleans(), st.integers(1, 5_000))
def test_upstream_is_never_more_than_the_bot_asked_for(bots: int, order: bool, cap: int) -> None:
    assert 1 <= upstream_recv_window(bots, order=order, order_cap_ms=cap) <= min(bots, cap if order else 5_000)
