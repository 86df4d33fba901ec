"""What follows a trip: block, then cancel, then close; each proven or told; nothing of it by a restart alone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import pytest

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.ladder import FLEET, Actor, Kind, Rung, Scope, Trip
from counterseal.core.ladder_records import tripped
from counterseal.core.reach import Reach
from counterseal.guard.acting import Act, Acts, Proof, proven_before

SPOT, USDM = Reach("main", "spot"), Reach("main", "usdm")
ALPHA = Scope(Kind.BOT, "alpha")


class Shown(NamedTuple):
    """A proof."""

    done: bool = True
    left: tuple[str, ...] = ()
    text: str = "nothing left"


class Rig:
    """Acts with a gateway and hands that do as they are told, and note in which order."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.order: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.over: list[Act] = []
        self.faults: list[str] = []
        self.how = "acknowledged"
        self.answers: dict[tuple[str, str], Proof | Exception | None] = {}
        self.has_hands = True
        tasks = Tasks(lambda name, _: self.faults.append(name))
        self.acts = Acts(
            self, lambda: self if self.has_hands else None, self._record, self.over.append,
            lambda where, _: self.faults.append(where), self.clock, tasks,
        )  # fmt: skip

    def _record(self, record: Mapping[str, Any]) -> None:
        self.records.append(dict(record))

    async def blocked(self, number: int, within_s: float) -> str:
        await self.clock.sleep(0.1)
        self.order.append(f"block {number}")
        return self.how

    async def cancel(self, reached: Reach) -> Proof:
        return await self._do("cancel", reached)

    async def flatten(self, reached: Reach) -> Proof:
        return await self._do("close", reached)

    async def _do(self, what: str, reached: Reach) -> Proof:
        self.order.append(f"{what} {reached.family}")
        answer = self.answers.get((what, reached.family), Shown())
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.get_running_loop().create_future()
        assert answer is not None
        return answer


def trip(rung: Rung = Rung.HALTED, *, cancels: bool = False, scope: Scope = FLEET) -> Trip:
    return Trip(scope, rung, Actor.OPERATOR, "jane", "by hand", 5, cancels)


def with_acts(story: Callable[[Rig], Awaitable[None]]) -> Rig:
    async def run() -> Rig:
        rig = Rig()
        await story(rig)
        return rig

    return asyncio.run(run())


def after(tripped_by: Trip, prepare: Callable[[Rig], None] = lambda _rig: None) -> Rig:
    """Everything that follows one trip."""

    async def story(rig: Rig) -> None:
        prepare(rig)
        rig.acts.start(tripped_by, 7, (SPOT, USDM))
        await rig.clock.advance(1.0)

    return with_acts(story)


def test_a_halt_stops_the_gateway_and_that_is_all() -> None:
    rig = after(trip())
    assert rig.order == ["block 7"]
    (act,) = rig.over
    assert act.is_proven and [step.what for step in act.steps] == ["block"]


def test_a_halt_with_cancels_cancels_once_nothing_new_can_leave() -> None:
    assert after(trip(cancels=True)).order == ["block 7", "cancel spot", "cancel usdm"]


def test_a_flatten_closes_when_everything_is_cancelled() -> None:
    rig = after(trip(Rung.FLATTEN))
    assert rig.order == ["block 7", "cancel spot", "cancel usdm", "close spot", "close usdm"]
    assert [(row["what"], row["done"]) for row in rig.records] == [
        ("block", True), ("cancel spot main", True), ("cancel usdm main", True), ("close spot main", True),
        ("close usdm main", True), ("all", True),
    ]  # fmt: skip


@pytest.mark.threat(61)
def test_a_gateway_that_neither_hears_nor_ends_does_not_keep_orders_from_being_cancelled() -> None:
    def prepare(rig: Rig) -> None:
        rig.how = "silent"

    rig = after(trip(cancels=True), prepare)
    assert rig.order == ["block 7", "cancel spot", "cancel usdm"]
    assert not rig.over[0].is_proven and not rig.over[0].steps[0].done


@pytest.mark.threat(61)
def test_what_fails_in_one_place_does_not_keep_the_others_from_being_done() -> None:
    def prepare(rig: Rig) -> None:
        rig.answers["cancel", "spot"] = ZeroDivisionError("a fault of ours")

    rig = after(trip(Rung.FLATTEN), prepare)
    assert rig.order == ["block 7", "cancel spot", "cancel usdm", "close spot", "close usdm"]
    assert rig.faults == ["cancel spot main"]
    assert [step.what for step in rig.over[0].steps if not step.done] == ["cancel spot main"]


def test_what_could_not_be_proven_is_told() -> None:
    def prepare(rig: Rig) -> None:
        rig.answers["cancel", "usdm"] = Shown(done=False, left=("BTCUSDT 7",), text="1 order is left")

    rig = after(trip(cancels=True), prepare)
    (view,) = rig.acts.view()
    assert (view["over"], view["proven"]) == (True, False)
    assert view["steps"][-1] == {
        "what": "cancel usdm main", "done": False, "text": "1 order is left", "left": ["BTCUSDT 7"],
    }  # fmt: skip
    assert rig.records[-1]["done"] is False


def test_without_a_way_to_the_exchange_it_says_so() -> None:
    def prepare(rig: Rig) -> None:
        rig.has_hands = False

    rig = after(trip(cancels=True), prepare)
    assert {step.text for step in rig.over[0].steps[1:]} == {"the guard has no way to the exchange"}
    assert not rig.over[0].is_proven


def test_while_it_is_under_way_status_says_so() -> None:
    async def story(rig: Rig) -> None:
        rig.answers["cancel", "spot"] = None
        rig.acts.start(trip(cancels=True), 7, (SPOT, USDM))
        await rig.clock.advance(1.0)
        (view,) = rig.acts.view()
        assert not view["over"] and [step["done"] for step in view["steps"]] == [True, None, True]

    with_acts(story)


def test_the_newest_act_of_a_scope_counts_and_one_that_was_given_back_is_forgotten() -> None:
    async def story(rig: Rig) -> None:
        for number in (1, 2):
            rig.acts.start(trip(), number, ())
            await rig.clock.advance(1.0)
        rig.acts.start(trip(scope=ALPHA), 3, ())
        await rig.clock.advance(1.0)
        assert [view["scope"] for view in rig.acts.view()] == ["fleet", "bot alpha"]
        rig.acts.forget(FLEET)
        assert [view["scope"] for view in rig.acts.view()] == ["bot alpha"]

    with_acts(story)


@pytest.mark.threat(62)
def test_a_restart_carries_nothing_out_and_knows_what_was() -> None:
    """KILL-5: a guard that begins anew cancels and closes nothing of itself."""
    whole, cut = trip(Rung.FLATTEN), trip(cancels=True, scope=ALPHA)
    records = [tripped(whole, {}), *after(whole).records, tripped(cut, {}), *after(cut).records[:-1]]
    assert proven_before(records) == {"fleet"}
    # A newer trip of the same scope is another matter.
    assert proven_before([*records, tripped(whole, {})]) == frozenset()

    async def story(rig: Rig) -> None:
        rig.acts.of_before(whole, is_proven=True)
        rig.acts.of_before(cut, is_proven=False)
        await rig.clock.advance(60.0)
        assert rig.order == [] and rig.records == []
        assert [view["proven"] for view in rig.acts.view()] == [True, False]

    with_acts(story)


@pytest.mark.parametrize("has_hands", [True, False])
def test_a_guard_without_settings_and_hands_has_cancelled_nothing(has_hands: bool) -> None:
    """It does not know what the trip reaches; with hands, it knows that it reaches nothing."""

    async def story(rig: Rig) -> None:
        rig.has_hands = has_hands
        for asked in (trip(cancels=True), trip(Rung.FLATTEN), trip()):
            rig.acts.start(asked, 7, ())
            await rig.clock.advance(1.0)

    rig = with_acts(story)
    assert [act.is_proven for act in rig.over] == [has_hands, has_hands, True]
    if not has_hands:
        assert [(step.what, step.done) for step in rig.over[0].steps] == [("block", True), ("cancel", False)]
