"""What the guard does of itself: a warning is told, an emergency reduces, a limit stops, an intruder is answered."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from tests.core.test_reach import TEXT

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.guardrails.breach import Breach, Cut
from counterseal.core.guardrails.limits import Action, Level
from counterseal.core.holdings import Holding
from counterseal.core.ladder import Kind, Ladder, Refusal, Scope, Trip
from counterseal.core.positions.reading import Place
from counterseal.core.reach import Reach
from counterseal.guard.acting import Act
from counterseal.guard.ladder_keeper import LadderKeeper
from counterseal.guard.responding import Responding, Targets
from counterseal.guard.stopping import Stopping
from counterseal.guard.telling import Telling
from counterseal.guard.watch.intruders import Intruder

ALPHA, GAMMA, MAIN = Scope(Kind.BOT, "alpha"), Scope(Kind.BOT, "gamma"), Scope(Kind.ACCOUNT, "main")
BTC, ETH = Place("BTCUSDT"), Place("ETHUSDT")
CUT = Cut("main", "usdm", BTC, Decimal("0.4"))
ITS = CUT._replace(owner="alpha", held=Decimal("-0.7"))


class Shown(NamedTuple):
    """A proof."""

    done: bool = True
    left: Sequence[str] = ()
    text: str = ""


class House:
    """Everything that is told or done, in memory."""

    def __init__(self) -> None:
        found = load(TEXT)
        assert isinstance(found, Config)
        self.config, self.clock = found, VirtualClock()
        self.alerts: list[str] = []
        self.trips: list[Trip] = []
        self.reduced: list[tuple[str, str, Decimal | None]] = []
        self.fresh: list[Sequence[Holding] | None] = []
        self.bots: list[str] = []
        self.asked: list[Callable[[Holding], Decimal | None]] = []
        self.its: dict[tuple[str, str], Decimal] | None = None
        self.picture: list[Holding] | None = None
        self.proof = Shown()
        self.held = asyncio.Event()
        keeper = LadderKeeper(Ladder(), self, self.clock, lambda _trips, is_urgent: 1)
        telling = Telling(self._alert, self.clock)
        self.stopping = Stopping(keeper, self, telling, lambda: self.config, self)  # type: ignore[arg-type]
        tasks = Tasks(lambda _name, _error: None)
        self.responding = Responding(
            self.stopping, telling, lambda: self, lambda: self.config, self.clock, tasks, self,
            lambda _account, _family: self.picture, lambda _account, _family, _bot: self.its,
        )  # fmt: skip

    def rungs(self) -> dict[str, str]:
        return {str(scope): trip.rung.name for scope, trip in self.stopping.ladder.trips.items()}

    async def reduce(
        self, account: str, family: str, targets: Callable[[Holding], Decimal | None], *,
        fresh: Sequence[Holding] | None = None, bot: str = "",
    ) -> Shown:  # fmt: skip
        self.fresh.append(fresh)
        self.bots.append(bot)
        self.asked.append(targets)
        self.reduced.append((account, family, targets(Holding("BTCUSDT", "BOTH", Decimal("-1")))))
        await self.held.wait()
        return self.proof

    def write(self, record: Mapping[str, Any]) -> None: ...

    def try_write(self, _record: Mapping[str, Any]) -> bool:
        return True

    def start(self, trip: Trip, _number: int, _reached: Sequence[Reach]) -> Act | Refusal:
        self.trips.append(trip)
        return Act(trip)

    def critical(self, *_: object, **__: object) -> None: ...

    warning = critical

    def _alert(self, alert: Alert) -> None:
        self.alerts.append(alert.code)


def breach(scope: Scope, level: Level, action: Action, *cuts: Cut) -> Breach:
    return Breach(scope, "max_position", Decimal(90), Decimal(100), level, action, "BTCUSDT", cuts)


def after(story: Callable[[House], None]) -> House:
    async def run() -> House:
        house = House()
        story(house)
        await house.clock.advance(1.0)
        house.held.set()
        await house.clock.advance(1.0)
        return house

    return asyncio.run(run())


def test_a_warning_is_told_and_changes_nothing() -> None:
    house = after(lambda house: house.responding.on_breach(breach(ALPHA, Level.WARN, Action.ALERT)))
    assert (house.alerts, house.rungs(), house.reduced) == (["limit_warning"], {}, [])


def test_an_emergency_stops_increases_and_makes_the_position_smaller_by_what_has_to_go() -> None:
    house = after(lambda house: house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, CUT)))
    assert house.rungs() == {"bot alpha": "REDUCING"}
    assert house.trips[0].cancels
    assert house.reduced == [("main", "usdm", Decimal("0.6"))]
    assert house.alerts == ["limit_threshold", "ladder_reducing"]


@pytest.mark.parametrize("seen", [None, [Holding("BTCUSDT", "BOTH", Decimal("-1"))]])
def test_what_the_watch_knows_is_handed_to_the_hands(seen: list[Holding] | None) -> None:
    def story(house: House) -> None:
        house.picture = seen
        house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, CUT))

    assert after(story).fresh == [seen]


def test_what_is_closed_for_one_bot_is_booked_on_it_alone() -> None:
    bots = after(lambda house: house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, ITS))).bots
    all_ = after(lambda house: house.responding.on_breach(breach(MAIN, Level.EMERGENCY, Action.REDUCE, CUT))).bots
    assert (bots, all_) == (["alpha"], [""])


def test_one_reduction_at_a_time() -> None:
    def story(house: House) -> None:
        for _ in range(3):
            house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, CUT, CUT))

    house = after(story)
    assert len(house.reduced) == 1 and len(house.trips) == 1


def test_others_are_reduced_meanwhile_each_for_itself() -> None:
    """Two bots of a strategy hold the same: neither's cut takes the other's place, nor waits for it."""
    beta = ITS._replace(owner="beta", amount=Decimal("0.1"))
    other = ITS._replace(place=ETH)

    def story(house: House) -> None:
        house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, ITS, beta))
        house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, ITS, other, beta))
        house.responding.on_breach(breach(MAIN, Level.EMERGENCY, Action.REDUCE, CUT))

    house = after(story)
    assert list(zip(house.bots, [row[2] for row in house.reduced], strict=True)) == [
        ("alpha", Decimal("0.6")), ("beta", Decimal("0.9")), ("alpha", None), ("", Decimal("0.6")),
    ]  # fmt: skip
    assert house.asked[2](Holding("ETHUSDT", "BOTH", Decimal(-1))) == Decimal("0.6")


@pytest.mark.threat(62)
def test_what_others_hold_the_other_way_is_not_made_larger_for_a_bot_and_people_hear_of_it() -> None:
    """It has 2, others -3, the account -1: to close that would buy what nobody of it has."""
    cut = ITS._replace(amount=Decimal(2), held=Decimal(2))
    house = after(lambda house: house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, cut)))
    assert house.reduced == [("main", "usdm", None)] and "reduce_stuck" in house.alerts


def test_what_a_bot_has_closed_itself_is_not_closed_again() -> None:
    def story(house: House) -> None:
        house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, ITS))

    house = after(story)
    (targets,), one = house.asked, Holding("BTCUSDT", "BOTH", Decimal(-1))
    for its, target in (("-0.7", "0.6"), ("-0.5", "0.8"), ("-0.3", None), ("0.7", None), ("-0.9", "0.6")):
        house.its = {("BTCUSDT", ""): Decimal(its)}
        assert targets(one) == (None if target is None else Decimal(target)), its
    house.its = {}
    assert targets(one) is None


def test_a_reduction_that_is_over_leaves_room_for_the_next_and_one_that_failed_is_told() -> None:
    async def run() -> House:
        house = House()
        house.held.set()
        house.proof = Shown(done=False, text="0.4 is still open")
        for _ in range(2):
            house.responding.on_breach(breach(ALPHA, Level.EMERGENCY, Action.REDUCE, CUT))
            await house.clock.advance(1.0)
        return house

    house = asyncio.run(run())
    assert len(house.reduced) == 2 and house.alerts.count("reduce_stuck") == 2


@pytest.mark.parametrize(("action", "rung"), [(Action.HALT, "HALTED"), (Action.FLATTEN, "FLATTEN")])
def test_a_limit_that_is_passed_stops_as_the_settings_say(action: Action, rung: str) -> None:
    house = after(lambda house: house.responding.on_breach(breach(MAIN, Level.LIMIT, action, CUT)))
    assert house.rungs() == {"account main": rung}
    # What a flatten closes is the act's; cuts would be a second order for the same.
    assert len(house.reduced) == (0 if action is Action.FLATTEN else 1)


@pytest.mark.threat(62)
def test_of_what_others_hold_too_only_its_own_part_goes() -> None:
    house = after(lambda house: house.responding.on_breach(breach(ALPHA, Level.LIMIT, Action.FLATTEN, CUT)))
    assert house.rungs() == {"bot alpha": "HALTED"} and len(house.reduced) == 1
    alone = after(lambda house: house.responding.on_breach(breach(GAMMA, Level.LIMIT, Action.FLATTEN, CUT)))
    assert alone.rungs() == {"bot gamma": "FLATTEN"}


@pytest.mark.parametrize(
    ("response", "rungs", "cancels"),
    [
        ("alert", {}, None),
        ("halt", {"account main": "HALTED"}, False),
        ("emergency", {"account main": "FLATTEN"}, True),
    ],
)
def test_an_intruder_is_told_and_answered_as_the_settings_say(
    response: str, rungs: dict[str, str], cancels: bool | None
) -> None:
    intruder = Intruder("intruder_order", "main", "spot", "order 7 did not come through the gateway", response)
    house = after(lambda house: house.responding.on_intruder(intruder))
    assert house.alerts[0] == "intruder_order" and house.rungs() == rungs
    assert [trip.cancels for trip in house.trips] == ([] if cancels is None else [cancels])


def test_targets_are_worked_out_once_and_are_never_below_zero() -> None:
    targets = Targets([CUT, Cut("main", "usdm", Place("ETHUSDT", "SHORT"), Decimal(9))])
    assert targets(Holding("BTCUSDT", "BOTH", Decimal("1.0"))) == Decimal("0.6")
    # It is smaller by now: the target stays.
    assert targets(Holding("BTCUSDT", "BOTH", Decimal("0.7"))) == Decimal("0.6")
    assert targets(Holding("ETHUSDT", "SHORT", Decimal(-5))) == 0
    assert targets(Holding("ETHUSDT", "LONG", Decimal(5))) is None
    assert targets(Holding("XRPUSDT", "BOTH", Decimal(5))) is None
