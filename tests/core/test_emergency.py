"""An emergency's steps, and what proves that a key is dead."""

from itertools import product
from typing import Any

import pytest

from counterseal.core import emergency
from counterseal.core.emergency import (
    CANCEL,
    FORGET,
    FREEZE,
    PLANS,
    REFUSED_TIMES,
    REVOKE,
    Done,
    Life,
    Subject,
    Watched,
    at_the_exchange,
    fall_back,
    forgotten,
    is_proven,
    life_of,
    shown,
    suspects_of,
    unproven,
)
from counterseal.core.rotation import Stage, Version, fault_of

KEY = "Ab3d" * 16


def done(step: emergency.Step, how: bool | None) -> Done:
    return Done(step, how, "", 0, 1)


def test_every_plan_freezes_first_and_a_key_is_revoked_last() -> None:
    assert all(plan[0] is FREEZE for plan in PLANS.values())
    assert PLANS[Subject.KEY][-2:] == (REVOKE, FORGET)
    assert all(CANCEL in plan for plan in PLANS.values())
    assert {step.name for plan in PLANS.values() for step in plan} == emergency.NAMES


def test_all_is_proven_when_no_step_is_not() -> None:
    assert not is_proven([])
    assert is_proven([done(FREEZE, True), done(CANCEL, None)])
    assert not is_proven([done(FREEZE, True), done(CANCEL, False)])
    assert unproven([done(FREEZE, False), done(CANCEL, None), done(REVOKE, False)]) == ("freeze", "revoke")
    assert [done(FREEZE, how).word for how in (True, False, None)] == ["proven", "NOT PROVEN", "nothing to do"]


@pytest.mark.parametrize(
    ("probe", "life"),
    [
        ({"signature": True, "code": None}, Life.ALIVE),
        ({"signature": True, "code": -2015}, Life.ALIVE),
        ({"signature": False, "code": -2015}, Life.REFUSED),
        ({"signature": False, "code": -2014}, Life.REFUSED),
        ({"signature": False, "code": -1022}, Life.ALIVE),
        ({"signature": False, "code": -1021}, Life.UNKNOWN),
        ({"signature": False, "code": -1003}, Life.UNKNOWN),
        ({"signature": False, "code": None}, Life.UNKNOWN),
        ({"signature": "yes"}, Life.UNKNOWN),
        ({}, Life.UNKNOWN),
    ],
)
def test_what_an_answer_says_of_a_key(probe: dict[str, Any], life: Life) -> None:
    assert life_of(probe) is life


def watched(*lives: Life) -> Watched:
    found = Watched()
    for life in lives:
        found = found.after(life)
    return found


def test_no_run_of_answers_proves_death_but_one_that_lived_and_was_refused_twice_at_last() -> None:
    """By a second reading of the rule: what is unknown is left out."""
    for length in range(6):
        for lives in product(Life, repeat=length):
            told = [life for life in lives if life is not Life.UNKNOWN]
            is_dead = told[-REFUSED_TIMES:] == [Life.REFUSED] * REFUSED_TIMES
            found = watched(*lives)
            assert found.is_dead == is_dead
            assert found.is_proven == (is_dead and Life.ALIVE in told)


@pytest.mark.parametrize("environment", ["production", "testnet", "demo", "paper"])
def test_what_a_person_does_names_the_key_and_never_shows_it(environment: str) -> None:
    text = "\n".join(at_the_exchange(environment, KEY))
    assert shown(KEY) in text and KEY not in text
    assert ("second factor" in text) == (environment in ("production", "demo"))


def test_a_short_key_is_not_shown_at_all() -> None:
    assert shown("short") == "…"


def test_the_version_that_is_proven_best_takes_the_place_in_one_stroke() -> None:
    """From every sound set of versions: one is active afterwards, and nobody has the suspect sign more than reads."""
    for stages in product([None, *Stage], repeat=3):
        for has_key in (True, False):
            others = [Version(f"main.{n}", stage, has_key) for n, stage in enumerate(stages, 2) if stage is not None]
            versions = [Version("main", Stage.ACTIVE), *others]
            if fault_of(versions) is None:
                judge_fall_back(versions)


def judge_fall_back(versions: list[Version]) -> None:
    ready = [Stage.VALIDATED, Stage.PENDING, Stage.STAGED, Stage.SPARE]
    able = [version for version in versions if version.has_api_key and version.stage in ready]
    found = fall_back(versions, 7)
    if not able:
        assert found is None
        return
    assert found is not None and fault_of(found.versions) is None
    best = min(able, key=lambda version: (ready.index(version.stage), version.ref))
    assert found.to == best.ref and "main" in found.suspects
    after = {version.ref: version for version in found.versions}
    assert after[best.ref].stage is Stage.ACTIVE and after[best.ref].since_ms == 7
    assert {after[ref].stage for ref in found.suspects} == {Stage.RETIRED}
    moved = {best.ref, *found.suspects}
    assert [after[each.ref] for each in versions if each.ref not in moved] == [
        each for each in versions if each.ref not in moved
    ]


def test_what_is_about_to_end_is_as_suspect_as_what_signs() -> None:
    versions = [Version("a", Stage.DRAINING), Version("a.2", Stage.ACTIVE), Version("a.3", Stage.SPARE)]
    assert suspects_of(versions) == ("a", "a.2")


def test_what_is_left_of_a_dead_key_is_sound_from_every_sound_set() -> None:
    for stages in product([None, *Stage], repeat=2):
        for has_key in (True, False):
            others = [Version(f"main.{n}", stage, has_key) for n, stage in enumerate(stages, 2) if stage is not None]
            versions = [Version("main", Stage.ACTIVE), *others]
            if fault_of(versions) is None:
                fallen = fall_back(versions, 7)
                before = versions if fallen is None else list(fallen.versions)
                after = forgotten(before, suspects_of(versions), 9)
                judge_forgotten(after, before, fallen is not None)


def judge_forgotten(after: tuple[Version, ...], before: list[Version], has_successor: bool) -> None:
    assert not after or fault_of(after) is None
    if has_successor:
        [main] = [version for version in after if version.ref == "main"]
        assert main.stage is Stage.REVOKED and main.since_ms == 9
        assert {version.ref for version in after} == {version.ref for version in before}
    else:
        assert "main" not in {version.ref for version in after}
        assert bool(after) == any(version.stage is Stage.STAGED for version in before)
