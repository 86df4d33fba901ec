"""What a rotation does now, from nothing under way to a version that is proven dead; and what it never does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.rotation import HELD, Event, Refusal, Stage, Version, apply, fault_of
from counterseal.core.rotation_step import REFUSALS, Do, Facts, Probe, Step, next_step, unfit

ACTIVE = Version("main", Stage.ACTIVE)
RIGHTS = {"enableReading": True, "enableFutures": True, "ipRestrict": False, "enableWithdrawals": False}
GOOD = Probe(is_taken=True, account="spot uid 7", rights=RIGHTS)
REFUSED = Probe(is_taken=False, code=-2015, text="the exchange answered 401 with code -2015")
ALIVE = Probe(is_taken=False, code=-1022, text="the exchange answered 400 with code -1022")


def facts(*versions: Version, **more: Any) -> Facts:
    """What is known where everything runs and the signer holds what it should."""
    held = {each.ref: each.stage.value for each in versions if each.stage in HELD and each.has_api_key}
    return replace(Facts(held=held, in_use={}), **more)


def step(*others: Version, active: Version = ACTIVE, **more: Any) -> Step:
    return next_step((active, *others), facts(active, *others, **more))


def test_with_nothing_under_way_there_is_nothing_to_do() -> None:
    assert step().do is Do.DONE
    assert step(Version("main.2", Stage.SPARE), Version("main.3", Stage.REVOKED)).do is Do.DONE


def test_a_rotation_begins_with_the_oldest_spare_or_a_pair() -> None:
    spares = (Version("main.10", Stage.SPARE), Version("main.9", Stage.SPARE))
    assert step(*spares, is_wanted=True)[:2] == (Do.APPLY, "main.9")
    assert step(is_wanted=True).do is Do.MAKE
    refused = step(is_wanted=True, from_spare=True)
    assert refused.do is Do.WAIT and "key spare add" in refused.why


def test_one_under_way_comes_first() -> None:
    assert step(Version("main.2", Stage.STAGED, has_api_key=False), is_wanted=True).do is Do.WAIT
    assert step(Version("main.2", Stage.STAGED), is_wanted=True).event is Event.COMPLETE
    assert step(Version("main.2", Stage.VALIDATED), is_wanted=True).event is Event.PROMOTE


def test_a_signer_that_holds_something_else_takes_up_the_file_first() -> None:
    pending = Version("main.2", Stage.PENDING)
    assert next_step((ACTIVE, pending), facts(ACTIVE)).do is Do.REFILL
    assert next_step((ACTIVE,), Facts(held={"main": "draining"}, in_use={})).do is Do.REFILL
    assert next_step((replace_key(ACTIVE),), Facts(held={}, in_use={})).do is Do.DONE


def replace_key(version: Version) -> Version:
    return version._replace(has_api_key=False)


def test_both_are_tried_before_one_is_validated() -> None:
    pending = Version("main.2", Stage.PENDING)
    assert step(pending)[:2] == (Do.PROBE, "main")
    assert step(pending, probes={"main": GOOD})[:2] == (Do.PROBE, "main.2")
    assert step(pending, probes={"main": GOOD, "main.2": GOOD}).event is Event.VALIDATE


@pytest.mark.parametrize(
    ("new", "active", "why"),
    [
        (GOOD, REFUSED, "nothing can be compared"),
        (REFUSED, GOOD, "does not take it"),
        (replace(GOOD, account="spot uid 8"), GOOD, "another account"),
        (replace(GOOD, account=None, text="no answer came"), GOOD, "account of both: no answer came"),
        (GOOD, replace(GOOD, account=None), "account of both: no name came"),
        (replace(GOOD, rights=None), GOOD, "one of the two only"),
        (replace(GOOD, rights={**RIGHTS, "enableWithdrawals": True}), GOOD, "enableWithdrawals"),
        (replace(GOOD, rights={**RIGHTS, "enableFutures": False}), GOOD, "enableFutures"),
        (replace(GOOD, rights={**RIGHTS, "enableMargin": True}), GOOD, "enableMargin"),
        (GOOD, replace(GOOD, rights={**RIGHTS, "ipRestrict": True}), "ipRestrict"),
        (replace(GOOD, rights={**RIGHTS, "ipRestrict": True}), GOOD, ""),
        (replace(GOOD, account=None), replace(GOOD, account=None), "account of both"),
        (replace(GOOD, rights=None), replace(GOOD, rights=None), ""),
        (GOOD, GOOD, ""),
    ],
)
def test_only_a_key_of_the_same_account_with_the_same_rights_follows(new: Probe, active: Probe, why: str) -> None:
    """One that is bound to addresses may follow one that is not."""
    said = unfit(new, active)
    assert why in said if why else said == ""
    found = step(Version("main.2", Stage.PENDING), probes={"main": active, "main.2": new})
    assert (found.event is Event.VALIDATE) == (why == "")
    assert why == "" or (found.do, found.why) == (Do.WAIT, said)


def test_where_nothing_runs_nothing_is_promoted_or_retired() -> None:
    nothing = Facts()
    for stage in (Stage.PENDING, Stage.VALIDATED):
        assert next_step((ACTIVE, Version("main.2", stage)), nothing).do is Do.WAIT
    for stage in (Stage.DRAINING, Stage.RETIRED):
        assert next_step((ACTIVE, Version("main.2", stage)), nothing).do is Do.WAIT


def test_the_old_one_is_retired_when_nothing_stands_on_it() -> None:
    draining, active = Version("main", Stage.DRAINING), Version("main.2", Stage.ACTIVE)
    waits = step(draining, active=active, in_use={"main": 3, "main.2": 9})
    assert waits.do is Do.DRAIN and "3 requests" in waits.why
    assert step(draining, active=active, in_use={"main.2": 9})[3] is Event.DRAINED


def test_the_old_one_is_dead_when_it_alone_is_refused() -> None:
    retired, active = Version("main", Stage.RETIRED), Version("main.2", Stage.ACTIVE)

    def after(**probes: Probe) -> Step:
        named = {ref.replace("_", "."): probe for ref, probe in probes.items()}
        return step(retired, active=active, probes=named)

    assert after()[:2] == (Do.PROBE, "main.2")
    assert after(main_2=GOOD)[:2] == (Do.PROBE, "main")
    assert after(main_2=GOOD, main=REFUSED).event is Event.REFUSED
    alive = after(main_2=GOOD, main=ALIVE)
    assert alive.do is Do.WAIT and "delete it there" in alive.why
    nothing_proven = after(main_2=REFUSED, main=REFUSED)
    assert nothing_proven.do is Do.WAIT and "not taken either" in nothing_proven.why
    assert after(main_2=GOOD, main=Probe(is_taken=False, text="no answer")).do is Do.WAIT


def test_of_several_retired_ones_the_dead_are_told_from_the_living() -> None:
    retired = (Version("main", Stage.RETIRED), Version("main.2", Stage.RETIRED))
    active = Version("main.3", Stage.ACTIVE)
    probes = {"main.3": GOOD, "main": ALIVE, "main.2": REFUSED}
    assert step(*retired, active=active, probes=probes)[:2] == (Do.APPLY, "main.2")


def test_a_file_that_cannot_be_is_left_alone() -> None:
    assert next_step((), Facts(is_wanted=True)).do is Do.WAIT


_probes = st.sampled_from([GOOD, REFUSED, ALIVE, Probe(is_taken=False), replace(GOOD, account="spot uid 9")])


@given(
    st.lists(st.tuples(st.sampled_from(Stage), st.booleans()), max_size=4),
    st.dictionaries(st.integers(1, 5), _probes),
    st.dictionaries(st.integers(1, 5), st.integers(0, 2)),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_known_every_step_is_possible_and_one_stays_active(
    others: list[tuple[Stage, bool]], probes: Mapping[int, Probe], in_use: Mapping[int, int], wanted: bool, runs: bool
) -> None:
    """Steps to apply are steps of the table; without a good probe of both nothing is validated; the used stay."""
    versions = (ACTIVE, *(Version(f"main.{number}", *each) for number, each in enumerate(others, 2)))
    named = {"main" if number == 1 else f"main.{number}": probe for number, probe in probes.items()}
    uses = {"main" if number == 1 else f"main.{number}": count for number, count in in_use.items()}
    known = facts(*versions, probes=named, in_use=uses, is_wanted=wanted) if runs else Facts(is_wanted=wanted)
    found = next_step(versions, known)
    if fault_of(versions) is not None:
        assert found.do is Do.WAIT
    if found.do is not Do.APPLY:
        return
    assert found.event is not None and not isinstance(apply(versions, found.ref, found.event, 0), Refusal)
    if found.event is Event.VALIDATE:
        assert named["main"].is_taken and named[found.ref] == named["main"]
    if found.event is Event.DRAINED:
        assert runs and not uses.get(found.ref)
    if found.event is Event.REFUSED:
        assert named["main"].is_taken and named[found.ref].code in REFUSALS
