"""The guard's journal folds into the ladder that was kept, whatever was tripped, wished and given back."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.ladder import FLEET, Actor, Kind, Ladder, Refusal, Rung, Scope, Trip
from counterseal.core.ladder_records import (
    UNREADABLE,
    fold,
    given_back,
    newest_state,
    standing,
    tripped,
    unreadable,
    whole,
)

ALPHA, MAIN = Scope(Kind.BOT, "alpha"), Scope(Kind.ACCOUNT, "main")
BY: Mapping[str, Any] = {"uid": 1000}
OPERATORS = ("jane", "joe")
trips = st.builds(
    Trip,
    st.sampled_from([ALPHA, MAIN, FLEET]),
    st.sampled_from([Rung.REDUCING, Rung.HALTED, Rung.FLATTEN]),
    st.sampled_from([Actor.OPERATOR, Actor.GUARD]),
    st.sampled_from(["jane", "guard"]),
    st.text(max_size=5),
    st.integers(0, 100),
    st.booleans(),
)
steps = st.lists(trips | st.tuples(st.sampled_from([ALPHA, MAIN, FLEET]), st.sampled_from(OPERATORS)), max_size=20)


def trip(scope: Scope = ALPHA, rung: Rung = Rung.HALTED) -> Trip:
    return Trip(scope, rung, Actor.OPERATOR, "jane", "by hand", 5)


def on_disk(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a journal gives it back."""
    found: dict[str, Any] = json.loads(json.dumps({"v": 1, "seq": 1, "t": 2, "prev": "00", **record}))
    return found


@settings(max_examples=300)
@given(steps, st.booleans())
def test_what_was_written_gives_the_ladder_that_was_kept(taken: list[Any], from_state: bool) -> None:
    ladder, records = Ladder(), []
    for number, step in enumerate(taken):
        if isinstance(step, Trip):
            found = ladder.trip(step)
            assert isinstance(found, Ladder)
            ladder = found
            records.append(on_disk(tripped(step, BY)))
            continue
        answer = ladder.reset(*step, OPERATORS, number)
        if not isinstance(answer, Refusal):
            ladder = answer.ladder
            records.append(on_disk(given_back(*step, number, BY, is_done=answer.is_done)))
    if from_state:
        records = [on_disk(whole(ladder))]
    kept = fold(records, 99)
    assert (dict(kept.trips), dict(kept.wishes)) == (dict(ladder.trips), dict(ladder.wishes))


def test_other_records_are_none_of_the_ladders() -> None:
    assert fold([{"type": "guard_order"}, {"type": "alert", "act": "trip"}], 9) == Ladder()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"type": "ladder"},
        {"type": "ladder", "act": "dance", "scope": "fleet"},
        {"type": "ladder", "act": "reset", "scope": "planet mars"},
        {"type": "ladder", "act": "wish", "scope": "fleet", "operator": 7, "at_ms": 1},
        {"type": "ladder", "act": "wish", "scope": "fleet", "operator": "jane", "at_ms": "1"},
        {"type": "ladder", "act": "trip", "kind": "bot"},
        {"type": "ladder", "act": "state", "trips": 7, "wishes": []},
        {**tripped(Trip(MAIN, Rung.HALTED, Actor.BOT, "alpha", "", 1), {})},
    ],
)
def test_from_a_record_that_cannot_be_read_on_the_fleet_is_halted_until_it_is_given_back(spoilt: Any) -> None:
    found = fold([tripped(trip(), BY), spoilt], 9)
    assert found.trips[FLEET] == unreadable(9) and found.trips[FLEET].cause == UNREADABLE
    assert ALPHA in found.trips
    given_later = fold([tripped(trip(), BY), spoilt, given_back(FLEET, "jane", 10, BY, is_done=True)], 11)
    assert set(given_later.trips) == {ALPHA}


def test_only_the_newest_whole_state_and_what_follows_is_needed() -> None:
    ladder = Ladder({ALPHA: trip()})
    old, new = whole(Ladder()), whole(ladder)
    later = given_back(ALPHA, "jane", 6, BY, is_done=True)
    records = [tripped(trip(MAIN), BY), old, tripped(trip(), BY), new, {"type": "alert"}, later]
    assert newest_state(records) == [new, later]
    assert newest_state([tripped(trip(), BY), {"type": "alert"}]) == []


def test_what_the_ladder_refuses_cannot_stand() -> None:
    with pytest.raises(ValueError, match="nobody may make"):
        standing(Ladder(), Trip(MAIN, Rung.HALTED, Actor.BOT, "alpha", "", 1))
