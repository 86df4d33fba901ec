"""The table of what stays open and what is closed, and the states of it that are in force."""

import pytest

from counterseal.core.failing import TABLE, WELL_MS, Cell, Ends, Kind, row_of
from counterseal.core.failures import Change, Failures, Sign
from counterseal.core.reasons import REASONS


def test_each_reason_is_of_one_row_and_exists() -> None:
    """A distinct code for each state; a row that refuses anything today has one, or says why it needs none."""
    given = [reason for row in TABLE.values() for reason in row.reasons]
    assert len(given) == len(set(given))
    assert set(given) <= set(REASONS)
    nameless = {"policy_absent", "credentials_away"}
    for row in TABLE.values():
        closes = row.exists and any(row.refuses(kind) for kind in Kind)
        assert bool(row.reasons) == (closes and row.name not in nameless), row.name


def test_no_two_states_of_one_row_share_a_code_with_another() -> None:
    """The row of a reason, and of one that is no failure of anything."""
    for row in TABLE.values():
        for reason in row.reasons:
            assert row_of(reason) is row
    assert row_of("symbol_not_allowed") is None


@pytest.mark.parametrize("name", TABLE)
def test_law_l6_exits_stay_open(name: str) -> None:
    """Closed for exits is only what leaves nothing to send with, or nobody to send for."""
    nothing_to_send_with = {"signer_dead", "banned", "credentials_away", "policy_absent", "draining"}
    assert TABLE[name].refuses(Kind.EXIT) == (name in nothing_to_send_with)


@pytest.mark.parametrize("name", TABLE)
def test_law_l7_doubt_closes(name: str) -> None:
    """Open for what raises risk is only what tells nothing about it."""
    tells_nothing = {
        "alert_channel_down", "secrets_away", "policy_load_failed", "secrets_away_at_start",
    }  # fmt: skip
    assert TABLE[name].refuses(Kind.INCREASE) == (name not in tells_nothing)


def test_a_rule_that_today_differs() -> None:
    """The rule stays in the table beside what is."""
    row = TABLE["draining"]
    assert (row.rule(Kind.EXIT), row.cell(Kind.EXIT)) == (Cell.OPEN, Cell.CLOSED)
    assert row.rule(Kind.INCREASE) is row.cell(Kind.INCREASE) is Cell.CLOSED


def test_rows_that_exist_say_how_they_end() -> None:
    """And those to come do not: nothing ends them."""
    for row in TABLE.values():
        assert (row.ends is Ends.NEVER) == (not row.exists), row.name
        assert not row.gated or row.exists


CLOCK, BAD = "clock_uncertain", Sign("clock_uncertain", is_failing=True, detail="600 ms")
GOOD = Sign(CLOCK, is_failing=False)


def test_it_begins_once_and_ends_ten_seconds_after_the_last_fault() -> None:
    """A fault in between begins the ten seconds anew, and not the state."""
    failures = Failures()
    assert failures.note(GOOD, 0) is None
    began = failures.note(BAD, 1_000)
    assert isinstance(began, Change)
    assert (began.ended, began.failure.since_ms, began.failure.reason) == (False, 1_000, CLOCK)
    assert failures.note(BAD, 2_000) is None
    assert failures.note(GOOD, 3_000) is None
    assert failures.note(GOOD, 3_000 + WELL_MS - 1) is None
    assert failures.note(BAD, 14_000) is None
    assert failures.note(GOOD, 15_000) is None
    assert failures.note(GOOD, 15_000 + WELL_MS - 1) is None
    failure = failures.get(CLOCK)
    assert failure is not None
    assert failure.since_ms == 1_000
    assert list(failures) == [failure]
    assert failures.refusing(Kind.INCREASE, "spot") is failure
    assert failures.note(GOOD, 15_000 + WELL_MS) == Change(failure, ended=True)
    assert (list(failures), failures.gated, failures.get(CLOCK)) == ([], {}, None)


def test_what_is_latched_stays() -> None:
    """However well the input is."""
    failures = Failures()
    failures.note(Sign("journal_failing", is_failing=True), 0)
    for now_ms in (1, 10_001, 10_000_000):
        assert failures.note(Sign("journal_failing", is_failing=False), now_ms) is None
    assert failures.refusing(Kind.INCREASE, "spot") is not None


def test_a_reload_ends_it_at_once() -> None:
    """What does not wait for ten seconds; a state without a code of its own refuses nothing by itself."""
    failures = Failures()
    failures.note(Sign("policy_load_failed", is_failing=True), 0)
    assert [failure.reason for failure in failures] == [""]
    assert failures.gated == {}
    ended = failures.note(Sign("policy_load_failed", is_failing=False), 1)
    assert ended is not None
    assert ended.ended


def test_a_scope_is_one_family() -> None:
    """The other families go on, and so do exits."""
    failures = Failures()
    failures.note(Sign("rules_old", is_failing=True, scope="usdm"), 0)
    assert failures.refusing(Kind.INCREASE, "spot") is None
    assert failures.refusing(Kind.EXIT, "usdm") is None
    assert failures.refusing(Kind.INCREASE, "usdm") is not None


def test_what_only_refusals_show_ends_when_there_are_none() -> None:
    """Each of them prolongs it; one after its end is a new state, and the old one is told as ended first."""
    failures = Failures()
    first = failures.meet("exchange_away", "spot", 900, 1_000, 10_000)
    assert [(change.ended, change.failure.since_ms) for change in first] == [(False, 900)]
    assert failures.meet("exchange_away", "spot", 5_000, 5_000, 10_000) == []
    assert failures.expire(15_000) == []
    again = failures.meet("exchange_away", "spot", 15_001, 15_001, 10_000)
    assert [(change.ended, change.failure.since_ms) for change in again] == [(True, 900), (False, 15_001)]
    assert [change.ended for change in failures.expire(25_002)] == [True]
    assert list(failures) == []


def test_who_asks_again_and_again_does_not_keep_a_watched_state_closed() -> None:
    """A state that is looked at ends by what is seen; one that a look confirms is looked at from then on."""
    failures = Failures()
    failures.meet("prices_old", "usdm", 0, 0, 10_000)
    assert not failures.watched("prices_old", "usdm")
    assert failures.note(Sign("prices_old", is_failing=False, scope="usdm"), 1) is None
    failures.note(Sign("prices_old", is_failing=True, scope="usdm", since_ms=0), 2)
    assert failures.watched("prices_old", "usdm")
    assert failures.note(Sign("prices_old", is_failing=False, scope="usdm"), 1_000) is None
    assert failures.meet("prices_old", "usdm", 5_000, 5_000, 10_000) == []
    assert failures.note(Sign("prices_old", is_failing=False, scope="usdm"), 1_000 + WELL_MS) is not None
    assert not failures.watched("prices_old", "usdm")


def test_a_beginning_that_is_known_better_counts() -> None:
    """Than the look that found it."""
    failures = Failures()
    failures.note(Sign("rules_old", is_failing=True, scope="spot", since_ms=40), 250)
    assert [failure.since_ms for failure in failures] == [40]
