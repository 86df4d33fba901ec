"""What is stated is explained by what was booked shortly before or after; nothing else is, and it is said in time."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.positions.agreement import LAG_MS, MOST_MS, QUIET_MS, SETTLE_MS, Agreement

START_MS = 100_000


def agreed(*booked: tuple[int, str]) -> Agreement[str]:
    """Give an agreement with values that were booked, each at a moment after the start."""
    found: Agreement[str] = Agreement()
    for at_ms, value in booked:
        found.booked("x", Decimal(value), START_MS + at_ms)
    return found


def test_an_answer_may_be_behind_the_events() -> None:
    found = agreed((0, "1"), (100, "2"))
    found.stated("x", Decimal(1), START_MS + 1_000, START_MS + 1_100)
    assert found.open() == 0
    found.stated("x", Decimal(1), START_MS + 101 + LAG_MS, START_MS + 200 + LAG_MS)
    assert found.open() == 1


def test_an_event_may_be_behind_the_answer() -> None:
    found = agreed((0, "1"))
    found.stated("x", Decimal(3), START_MS + 5_000, START_MS + 5_000)
    found.booked("x", Decimal(2), START_MS + 5_100)
    assert list(found.due(START_MS + 5_200)) == []
    found.booked("x", Decimal(3), START_MS + 5_300)
    assert list(found.due(START_MS + 60_000)) == []


def test_what_nothing_explains_is_told_once_after_the_time() -> None:
    found = agreed((0, "1"))
    found.stated("x", Decimal(3), START_MS + 5_000, START_MS + 5_000)
    assert list(found.due(START_MS + 5_000 + SETTLE_MS - 1)) == []
    assert list(found.due(START_MS + 5_000 + SETTLE_MS)) == [("x", Decimal(1), Decimal(3))]
    assert list(found.due(START_MS + 60_000)) == []


def test_while_events_come_it_waits_but_not_for_ever() -> None:
    found = agreed((0, "1"))
    found.stated("x", Decimal(9), START_MS, START_MS)
    value, at_ms = 1, 0
    while at_ms < MOST_MS - QUIET_MS:
        at_ms += QUIET_MS - 1
        value += 10
        found.booked("x", Decimal(value), START_MS + at_ms)
        assert list(found.due(START_MS + at_ms)) == []
    assert list(found.due(START_MS + MOST_MS)) == [("x", Decimal(value), Decimal(9))]


def test_what_was_never_booked_is_nothing() -> None:
    found: Agreement[str] = Agreement()
    found.stated("x", Decimal(0), START_MS, START_MS)
    assert found.open() == 0
    found.stated("x", Decimal(1), START_MS, START_MS)
    found.stated("x", Decimal("1.5"), START_MS, START_MS + 10)
    assert list(found.due(START_MS + SETTLE_MS)) == [("x", Decimal(0), Decimal("1.5"))]


def test_a_tolerance() -> None:
    found = agreed((0, "1"))
    found.stated("x", Decimal("1.1"), START_MS, START_MS, Decimal("0.1"))
    assert found.open() == 0


@given(
    steps=st.lists(st.tuples(st.integers(1, 900), st.integers(-3, 3)), min_size=1, max_size=40),
    behind=st.integers(0, LAG_MS - 100),
    late=st.integers(0, SETTLE_MS - 100),
)
def test_honest_answers_and_events_never_differ(steps: list[tuple[int, int]], behind: int, late: int) -> None:
    """Events come late, answers are behind: whatever is done at the exchange, nothing is told."""
    truth, at_ms, value = [(START_MS - 60_000, 0)], START_MS, 0
    moments: list[tuple[int, str, int]] = []
    for wait_ms, by in steps:
        at_ms += wait_ms
        value += by
        truth.append((at_ms, value))
        moments.append((at_ms + late, "event", value))
    for asked_ms in range(START_MS, at_ms + 5_000, 700):
        shown = [known for since_ms, known in truth if since_ms <= asked_ms - behind][-1]
        moments.append((asked_ms, "answer", shown))
    found: Agreement[str] = Agreement()
    for now_ms, kind, known in sorted(moments, key=lambda each: (each[0], each[1] == "answer")):
        assert list(found.due(now_ms)) == []
        if kind == "event":
            found.booked("x", Decimal(known), now_ms)
        else:
            found.stated("x", Decimal(known), now_ms, now_ms)
