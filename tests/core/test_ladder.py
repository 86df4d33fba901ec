"""The ladder: who may go down it, who may come up, and that nothing but a reset lowers a rung."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.ladder import (
    AGREE_MS,
    FLEET,
    REFUSALS,
    Actor,
    Given,
    Kind,
    Ladder,
    Refusal,
    Rung,
    Scope,
    Trip,
    Wish,
    scope_of,
    trip_data,
    trip_of,
)

ALPHA, BETA = Scope(Kind.BOT, "alpha"), Scope(Kind.BOT, "beta")
BTC, MAIN, GRID = Scope(Kind.SYMBOL, "BTCUSDT"), Scope(Kind.ACCOUNT, "main"), Scope(Kind.STRATEGY, "grid")
SCOPES = (ALPHA, BETA, BTC, MAIN, GRID, FLEET)
TWO = ("jane", "joe")


def by_hand(scope: Scope, rung: Rung = Rung.HALTED, cause: str = "by hand", *, cancels: bool = False) -> Trip:
    return Trip(scope, rung, Actor.OPERATOR, "jane", cause, 1_000, cancels)


def by_bot(name: str, scope: Scope, rung: Rung = Rung.HALTED) -> Trip:
    return Trip(scope, rung, Actor.BOT, name, "its own limit", 1_000)


def tripped(*trips: Trip) -> Ladder:
    ladder = Ladder()
    for trip in trips:
        found = ladder.trip(trip)
        assert isinstance(found, Ladder)
        ladder = found
    return ladder


def given_back(found: Given | Refusal) -> Given:
    assert isinstance(found, Given)
    return found


# -- down


def test_a_scope_that_nobody_tripped_is_active() -> None:
    assert Ladder().rung([ALPHA, FLEET]) is None


def test_the_highest_rung_of_all_that_one_belongs_to_holds() -> None:
    ladder = tripped(by_hand(ALPHA, Rung.REDUCING), by_hand(FLEET, Rung.HALTED), by_hand(BETA, Rung.FLATTEN))
    found = ladder.rung([ALPHA, BTC, FLEET])
    assert found is not None and (found.scope, found.rung) == (FLEET, Rung.HALTED)
    assert ladder.rung([BTC]) is None


def test_a_higher_trip_takes_the_place_of_a_lower_one_and_never_the_other_way_round() -> None:
    low, high = by_hand(ALPHA, Rung.REDUCING, "low"), by_hand(ALPHA, Rung.FLATTEN, "high")
    assert tripped(low, high).trips[ALPHA].cause == "high"
    assert tripped(high, low).trips[ALPHA].cause == "high"
    # Of two equal ones the first tells why.
    assert tripped(by_hand(ALPHA, cause="first"), by_hand(ALPHA, cause="second")).trips[ALPHA].cause == "first"


@pytest.mark.parametrize("first", [True, False])
def test_that_orders_shall_be_cancelled_is_never_taken_back(first: bool) -> None:
    ladder = tripped(by_hand(ALPHA, cancels=first), by_hand(ALPHA, cancels=not first))
    assert ladder.trips[ALPHA].cancels


@pytest.mark.threat(62)
def test_a_bot_may_halt_itself_and_nobody_else() -> None:
    assert tripped(by_bot("alpha", ALPHA)).trips[ALPHA].actor is Actor.BOT
    for scope in SCOPES:
        if scope != ALPHA:
            assert Ladder().trip(by_bot("alpha", scope)) == Refusal("not_its_own")
    assert Ladder().trip(by_bot("alpha", ALPHA, Rung.FLATTEN)) == Refusal("needs_operator")


# -- up


def test_a_named_operator_gives_back_a_scope() -> None:
    ladder = tripped(by_hand(ALPHA), by_hand(BTC))
    found = given_back(ladder.reset(ALPHA, "jane", TWO, 2_000))
    assert found.is_done and set(found.ladder.trips) == {BTC}


def test_what_is_active_is_not_given_back() -> None:
    assert tripped(by_hand(ALPHA)).reset(BETA, "jane", TWO, 2_000) == Refusal("not_tripped")


def test_a_name_that_is_no_operators_gives_nothing_back() -> None:
    assert tripped(by_hand(ALPHA)).reset(ALPHA, "mallory", TWO, 2_000) == Refusal("unknown_operator")


@pytest.mark.parametrize("operators", [(), ("jane",)])
def test_one_operator_alone_gives_back_the_fleet_where_there_is_one(operators: tuple[str, ...]) -> None:
    assert given_back(tripped(by_hand(FLEET)).reset(FLEET, "jane", operators, 2_000)).is_done


def test_the_fleet_takes_two_where_there_are_two() -> None:
    first = given_back(tripped(by_hand(FLEET), by_hand(ALPHA)).reset(FLEET, "jane", TWO, 2_000))
    assert not first.is_done and first.ladder.wishes == {FLEET: Wish("jane", 2_000)}
    assert first.ladder.rung([FLEET]) is not None
    assert first.ladder.reset(FLEET, "jane", TWO, 3_000) == Refusal("second_operator")
    second = given_back(first.ladder.reset(FLEET, "joe", TWO, 3_000))
    assert second.is_done and set(second.ladder.trips) == {ALPHA} and not second.ladder.wishes


@pytest.mark.parametrize(("at_ms", "is_done"), [(2_000 + AGREE_MS, True), (2_001 + AGREE_MS, False), (1_999, False)])
def test_two_must_agree_within_their_time_by_a_clock_that_did_not_step(at_ms: int, is_done: bool) -> None:
    first = given_back(tripped(by_hand(FLEET)).reset(FLEET, "jane", TWO, 2_000))
    later = given_back(first.ladder.reset(FLEET, "joe", TWO, at_ms))
    assert later.is_done is is_done
    if not is_done:
        assert later.ladder.wishes == {FLEET: Wish("joe", at_ms)}


def test_a_trip_forgets_the_wish_to_give_its_scope_back() -> None:
    first = given_back(tripped(by_hand(FLEET)).reset(FLEET, "jane", TWO, 2_000))
    again = first.ladder.trip(by_hand(FLEET))
    assert isinstance(again, Ladder) and not again.wishes
    assert not given_back(again.reset(FLEET, "joe", TWO, 2_500)).is_done


def test_every_refusal_has_its_words() -> None:
    codes = {"not_its_own", "needs_operator", "not_tripped", "unknown_operator", "second_operator", "unreadable"}
    assert set(REFUSALS) == codes


# -- whatever happens

scopes = st.sampled_from(SCOPES)
trips = st.builds(
    Trip,
    scopes,
    st.sampled_from([Rung.REDUCING, Rung.HALTED, Rung.FLATTEN]),
    st.sampled_from(Actor),
    st.sampled_from(["alpha", "beta", "jane"]),
    st.text(max_size=5),
    st.integers(0, 10_000),
    st.booleans(),
)
resets = st.tuples(scopes, st.sampled_from(["jane", "joe", "alpha"]), st.integers(0, 2 * AGREE_MS))


@pytest.mark.threat(62)
@settings(max_examples=300)
@given(st.lists(trips | resets, max_size=30), st.sampled_from([(), ("jane",), TWO]))
def test_nothing_but_an_operators_reset_lowers_a_rung(steps: list[Any], operators: tuple[str, ...]) -> None:
    ladder = Ladder()
    for step in steps:
        before = {scope: trip.rung for scope, trip in ladder.trips.items()}
        if isinstance(step, Trip):
            found = ladder.trip(step)
            ladder = found if isinstance(found, Ladder) else ladder
            assert all(ladder.trips[scope].rung >= rung for scope, rung in before.items())
            continue
        scope, who, now_ms = step
        answer = ladder.reset(scope, who, operators, now_ms)
        if isinstance(answer, Refusal):
            continue
        assert not operators or who in operators
        ladder = answer.ladder
        lost = before.keys() - ladder.trips.keys()
        assert lost == ({scope} if answer.is_done else set())
        assert all(ladder.trips[other].rung == rung for other, rung in before.items() if other not in lost)


@pytest.mark.threat(62)
@settings(max_examples=300)
@given(st.lists(trips.filter(lambda trip: trip.actor is Actor.BOT), max_size=30))
def test_a_bot_reaches_nobody_but_itself_whatever_it_says(said: list[Trip]) -> None:
    ladder = Ladder()
    for trip in said:
        found = ladder.trip(trip)
        ladder = found if isinstance(found, Ladder) else ladder
    names = {trip.who for trip in said}
    assert set(ladder.trips) <= {Scope(Kind.BOT, name) for name in names}
    assert all(trip.rung < Rung.FLATTEN for trip in ladder.trips.values())


# -- as data


@given(trips)
def test_a_trip_comes_back_from_its_data(trip: Trip) -> None:
    assert trip_of(trip_data(trip)) == trip


@pytest.mark.parametrize(
    "spoilt",
    [
        {"at_ms": "1"}, {"at_ms": True}, {"cancels": 0}, {"who": None}, {"cause": 7}, {"name": 1}, {"kind": "planet"},
        {"rung": "PAUSED"}, {"rung": []}, {"actor": "god"},
    ],
)  # fmt: skip
def test_what_is_no_trip_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a trip|is not a valid"):
        trip_of({**trip_data(by_hand(ALPHA)), **spoilt})


def test_a_trip_without_one_of_its_parts_is_refused() -> None:
    for name in trip_data(by_hand(ALPHA)):
        with pytest.raises(ValueError, match="not a trip"):
            trip_of({key: value for key, value in trip_data(by_hand(ALPHA)).items() if key != name})


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_comes_back_from_its_words(scope: Scope) -> None:
    assert scope_of(str(scope)) == scope


@pytest.mark.parametrize("text", ["", "bot", "bot ", "fleet x", "planet mars", "BOT alpha"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"scope|is not a valid"):
        scope_of(text)
