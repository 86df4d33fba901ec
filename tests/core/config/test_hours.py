"""Hours: as they are written, so they hold; what is written reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.hours import parse_hours, show_hours
from counterseal.core.config.model import HourRange
from counterseal.core.credential import within_hours

ALL_DAYS = frozenset(range(7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("08:00-18:00", HourRange(480, 1080, ALL_DAYS)),
        ("Mon-Fri 22:00-02:00", HourRange(1320, 120, frozenset(range(5)))),
        ("Sat-Mon 00:00-24:00", HourRange(0, 1440, frozenset({5, 6, 0}))),
        ("Mon,Wed-Thu,Sun 00:01-00:02", HourRange(1, 2, frozenset({0, 2, 3, 6}))),
        ("Tue 09:30-10:00", HourRange(570, 600, frozenset({1}))),
    ],
)
def test_a_range(text: str, expected: HourRange) -> None:
    assert parse_hours(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8:00-18:00",
        "08:00",
        "08:00-08:00",
        "24:00-08:00",
        "08:60-09:00",
        "08:00-24:01",
        "99:00-01:00",
        "mon 08:00-09:00",
        "Mon-Fri  08:00-09:00",
        "Mon- 08:00-09:00",
        "Mon,, 08:00-09:00",
        "08:00-18:00 ",
        "0８:00-18:00",
        "08:00-18:00\n",
    ],
)
def test_no_range(text: str) -> None:
    assert parse_hours(text) is None


@given(
    st.builds(
        HourRange,
        st.integers(0, 1439),
        st.integers(0, 1440),
        st.frozensets(st.integers(0, 6), min_size=1),
    ).filter(lambda hours: hours.start_minute != hours.end_minute)
)
def test_what_is_written_reads_back(hours: HourRange) -> None:
    assert parse_hours(show_hours(hours)) == hours


def test_a_range_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    hours = parse_hours("Fri 22:00-02:00")
    assert hours is not None
    friday = 1 * 86_400_000  # 1970-01-02
    assert not within_hours((hours,), friday + 1 * 3_600_000)
    assert within_hours((hours,), friday + 23 * 3_600_000)
    assert within_hours((hours,), friday + 25 * 3_600_000)
    assert not within_hours((hours,), friday + 26 * 3_600_000)
