"""The table of a version's states: every state with every event, and one active version whatever happens."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from counterseal.core.rotation import (
    HELD,
    MEANING,
    READS_ONLY,
    SUCCESSORS,
    TABLE,
    Event,
    Refusal,
    Stage,
    Version,
    aborted,
    apply,
    fault_of,
    only,
)

ACTIVE = Version("main", Stage.ACTIVE)
# Where each event leads from each stage, beside an active version; what is not here leads nowhere.
LEADS: dict[tuple[Stage, Event, bool], Stage | None] = {
    (Stage.SPARE, Event.TAKE, True): Stage.STAGED,
    (Stage.SPARE, Event.ABORT, True): None,
    (Stage.STAGED, Event.COMPLETE, True): Stage.PENDING,
    (Stage.STAGED, Event.ABORT, True): Stage.SPARE,
    (Stage.STAGED, Event.ABORT, False): None,
    (Stage.PENDING, Event.VALIDATE, True): Stage.VALIDATED,
    (Stage.PENDING, Event.CORRECT, True): Stage.STAGED,
    (Stage.PENDING, Event.ABORT, True): Stage.RETIRED,
    (Stage.VALIDATED, Event.PROMOTE, True): Stage.ACTIVE,
    (Stage.VALIDATED, Event.ABORT, True): Stage.RETIRED,
    (Stage.DRAINING, Event.DRAINED, True): Stage.RETIRED,
    (Stage.DRAINING, Event.ABORT, True): Stage.ACTIVE,
    (Stage.RETIRED, Event.REFUSED, True): Stage.REVOKED,
    (Stage.RETIRED, Event.ABORT, True): Stage.PENDING,
}


@pytest.mark.parametrize(("stage", "event"), list(product(Stage, Event)))
def test_every_state_with_every_event(stage: Stage, event: Event) -> None:
    """64 pairs, with and without an API key where a version can be without one."""
    for has_api_key in (True, False) if stage is Stage.STAGED else (True,):
        if stage is Stage.ACTIVE:
            continue
        before = (ACTIVE, Version("main.2", stage, has_api_key, 5))
        found = apply(before, "main.2", event, 77)
        if (stage, event, has_api_key) not in LEADS:
            assert isinstance(found, Refusal) and "leads nowhere" in found.why
            continue
        assert not isinstance(found, Refusal)
        to = LEADS[stage, event, has_api_key]
        stages = {version.ref: version.stage for version in found}
        assert stages.get("main.2") == to
        assert stages["main"] is (Stage.DRAINING if to is Stage.ACTIVE else Stage.ACTIVE)
        assert all(version.since_ms == 77 for version in found if version not in before)


@pytest.mark.parametrize("event", list(Event))
def test_an_active_version_alone_is_moved_by_nothing(event: Event) -> None:
    assert isinstance(apply((ACTIVE,), "main", event, 0), Refusal)


def test_the_active_version_goes_back_only_to_one_that_still_drains() -> None:
    both = (Version("main", Stage.DRAINING), Version("main.2", Stage.ACTIVE))
    for ref in ("main", "main.2"):
        found = apply(both, ref, Event.ABORT, 1)
        assert not isinstance(found, Refusal)
        assert {version.ref: version.stage for version in found} == {"main": Stage.ACTIVE, "main.2": Stage.DRAINING}


def test_a_second_one_must_wait() -> None:
    """Two on their way, or two draining, are refused in a sentence."""
    busy = (ACTIVE, Version("main.2", Stage.PENDING), Version("main.3", Stage.SPARE), Version("main.4", Stage.RETIRED))
    for ref, event in (("main.3", Event.TAKE), ("main.4", Event.ABORT)):
        found = apply(busy, ref, event, 0)
        assert isinstance(found, Refusal) and "on its way" in found.why
    drains = (ACTIVE, Version("main.2", Stage.DRAINING), Version("main.3", Stage.VALIDATED))
    found = apply(drains, "main.3", Event.PROMOTE, 0)
    assert isinstance(found, Refusal) and "still draining" in found.why
    assert isinstance(apply((ACTIVE,), "main.9", Event.ABORT, 0), Refusal)


def test_what_a_key_file_may_not_hold() -> None:
    assert fault_of(()) is not None
    assert fault_of((ACTIVE, Version("main.2", Stage.ACTIVE))) is not None
    assert fault_of((ACTIVE, Version("main.2", Stage.DRAINING), Version("main.3", Stage.DRAINING))) is not None
    assert fault_of((ACTIVE, Version("main.2", Stage.STAGED), Version("main.3", Stage.VALIDATED))) is not None
    assert fault_of((ACTIVE, Version("main.2", Stage.STAGED), Version("main.3", Stage.SPARE))) is None


def test_what_an_abort_takes_back() -> None:
    """What is on its way first, then the one that still drains, then the newest that is retired."""
    retired = (Version("main", Stage.RETIRED), Version("main.2", Stage.RETIRED), Version("main.3", Stage.ACTIVE))
    assert aborted(retired) == "main.2"
    assert aborted((*retired, Version("main.10", Stage.DRAINING))) == "main.10"
    assert aborted((*retired, Version("main.4", Stage.DRAINING), Version("main.5", Stage.STAGED))) == "main.5"
    assert aborted((ACTIVE, Version("main.2", Stage.REVOKED), Version("main.3", Stage.SPARE))) is None


def test_the_table_is_whole() -> None:
    """Every stage has a meaning, every row is of its own, every stage but revoked has a way back or forward."""
    assert set(MEANING) == set(Stage)
    keys = [(row.stage, row.event, row.api_key) for row in TABLE]
    assert len(set(keys)) == len(keys)
    assert {row.stage for row in TABLE if row.event is Event.ABORT} == set(Stage) - {Stage.REVOKED}
    assert all(row.stage is not Stage.REVOKED for row in TABLE)
    assert READS_ONLY < HELD and not READS_ONLY & {Stage.ACTIVE, Stage.DRAINING}
    assert READS_ONLY < SUCCESSORS
    assert only((ACTIVE,), Stage.SPARE) is None


class Life(RuleBasedStateMachine):
    """A key through any events in any order: versions come, move and go."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: tuple[Version, ...] = (ACTIVE,)
        self.made = 1

    @rule(has_api_key=st.booleans())
    def add(self, has_api_key: bool) -> None:
        self.made += 1
        stage = Stage.SPARE if has_api_key else Stage.STAGED
        after = (*self.versions, Version(f"main.{self.made}", stage, has_api_key))
        if fault_of(after) is None:
            self.versions = after

    @rule(event=st.sampled_from(Event), draw=st.integers(0, 10_000))
    def happens(self, event: Event, draw: int) -> None:
        before = self.versions
        found = apply(before, before[draw % len(before)].ref, event, draw)
        if not isinstance(found, Refusal):
            assert {version.ref for version in found} <= {version.ref for version in before}
            self.versions = found

    @rule()
    def abort(self) -> None:
        """Whatever is under way can be taken back."""
        ref = aborted(self.versions)
        if ref is not None:
            assert not isinstance(apply(self.versions, ref, Event.ABORT, 0), Refusal)

    @invariant()
    def one_is_active(self) -> None:
        assert [version.stage for version in self.versions].count(Stage.ACTIVE) == 1
        assert fault_of(self.versions) is None


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=30)


@given(st.permutations(list(Event)))
def test_a_revoked_version_stays_revoked(events: list[Event]) -> None:
    before = (ACTIVE, Version("main.2", Stage.REVOKED))
    assert all(isinstance(apply(before, "main.2", event, 0), Refusal) for event in events)
