"""What an operator may ask, in which words, and what the journal keeps of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.core.test_reach import TEXT

from counterseal.adapters.control_link import ControlError
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.ladder import FLEET, Actor, Kind, Ladder, Rung, Scope, Trip, trip_data
from counterseal.core.reach import Reach
from counterseal.guard.acting import Act
from counterseal.guard.ladder_keeper import LadderKeeper
from counterseal.guard.stopping import Stopping
from counterseal.guard.telling import Telling
from counterseal.guard.verbs import MAX_CAUSE, Verbs
from counterseal.ports.journal import JournalError

TWO = '[guard]\noperators = ["jane", "joe"]\n'


class Desk:
    """The verbs over a ladder in memory; it is the book, the acts and the log too, and notes what they are asked."""

    def __init__(self, more: str = "", *, has_settings: bool = True) -> None:
        found = load(TEXT + more)
        assert isinstance(found, Config), found
        self.config = found if has_settings else None
        self.clock = VirtualClock()
        self.records: list[dict[str, Any]] = []
        self.acts: list[tuple[Trip, Sequence[Reach]]] = []
        self.forgotten: list[Scope] = []
        self.alerts: list[str] = []
        self.is_broken = False
        self.keeper = LadderKeeper(Ladder(), self, self.clock, lambda _trips, is_urgent: 1)
        telling = Telling(self._alert, self.clock)
        self.stopping = Stopping(self.keeper, self, telling, lambda: self.config, self)  # type: ignore[arg-type]
        self.verbs = Verbs(self.stopping, lambda: self.config, self.clock)

    def ask(self, verb: str, **args: str) -> dict[str, Any]:
        given = {"operator": "jane", "uid": 1000, **args}
        answer: dict[str, Any] = asyncio.run(getattr(self.verbs, verb)(given))
        return answer

    def refusal(self, verb: str, **args: str) -> str:
        with pytest.raises(ControlError) as refused:
            self.ask(verb, **args)
        assert not self.acts
        return str(refused.value)

    def rungs(self) -> dict[str, str]:
        return {str(scope): trip.rung.name for scope, trip in self.keeper.ladder.trips.items()}

    # the book, the acts, the log, the alerts

    def write(self, record: Mapping[str, Any]) -> None:
        if self.is_broken:
            raise JournalError("full")
        self.records.append(dict(record))

    def try_write(self, record: Mapping[str, Any]) -> bool:
        self.records.append(dict(record))
        return True

    def start(self, trip: Trip, _number: int, reached: Sequence[Reach]) -> Act:
        self.acts.append((trip, reached))
        return Act(trip)

    def forget(self, scope: Scope) -> None:
        self.forgotten.append(scope)

    def critical(self, *_: object, **__: object) -> None:
        """What is logged is logged elsewhere."""

    def _alert(self, alert: Alert) -> None:
        self.alerts.append(alert.code)


@pytest.mark.parametrize(
    ("scope", "cancel", "cancels"),
    [
        ("bot alpha", "", False), ("bot alpha", "yes", True), ("symbol BTCUSDT", "", False),
        ("strategy grid", "", False), ("account main", "", True), ("fleet", "", True),
    ],
)  # fmt: skip
def test_a_halt_of_an_account_or_of_all_cancels_too(scope: str, cancel: str, cancels: bool) -> None:
    desk = Desk()
    answer = desk.ask("halt", scope=scope, cancel=cancel, cause="odd fills")
    assert desk.rungs() == {scope: "HALTED"}
    assert (answer["trip"]["cancels"], answer["trip"]["cause"]) == (cancels, "odd fills")
    ((trip, reached),) = desk.acts
    assert trip.cancels is cancels and reached
    (record,) = desk.records
    assert (record["who"], record["uid"], record["rung"]) == ("jane", 1000, "HALTED")
    assert desk.alerts == ["ladder_halted"]


def test_a_flatten_is_the_highest_rung_and_tells_people() -> None:
    desk = Desk()
    desk.ask("halt", scope="account main")
    desk.ask("flatten", scope="account main")
    assert desk.rungs() == {"account main": "FLATTEN"}
    assert desk.alerts == ["ladder_halted", "ladder_flatten"]


@pytest.mark.threat(62)
@pytest.mark.parametrize("scope", ["bot alpha", "bot beta"])
def test_a_bot_that_shares_its_account_is_flattened_for_itself_alone(scope: str) -> None:
    """What is reached names the bot, by which the hands close its part and nobody else's."""
    desk = Desk()
    assert desk.ask("flatten", scope=scope)["trip"]["rung"] == "FLATTEN"
    ((_, reached),) = desk.acts
    assert {one.bots for one in reached} == {(scope.split()[1],)}


@pytest.mark.threat(62)
def test_only_operators_of_the_settings_flatten_and_resume_and_whoever_is_there_may_halt() -> None:
    desk = Desk(TWO)
    assert "not among guard.operators" in desk.refusal("flatten", scope="fleet", operator="mallory")
    desk.ask("halt", scope="bot alpha", operator="mallory")
    desk.acts.clear()
    assert "not among guard.operators" in desk.refusal("resume", scope="bot alpha", operator="mallory")
    assert desk.ask("resume", scope="bot alpha")["is_done"]
    assert desk.forgotten == [Scope(Kind.BOT, "alpha")]


def test_the_fleet_takes_two_and_the_first_is_told_so() -> None:
    desk = Desk(TWO)
    desk.ask("halt", scope="fleet")
    assert not desk.ask("resume", scope="fleet")["is_done"]
    assert desk.rungs() == {"fleet": "HALTED"} and not desk.forgotten
    desk.acts.clear()
    assert "already asked" in desk.refusal("resume", scope="fleet")
    assert desk.ask("resume", scope="fleet", operator="joe")["is_done"]
    assert [record.get("act") for record in desk.records] == ["trip", "wish", "reset"]
    assert desk.alerts == ["ladder_halted", "ladder_resumed"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"scope": ""}, "a scope is fleet"),
        ({"scope": "planet mars"}, "a scope is fleet"),
        ({"scope": "bot ../x"}, "no name that a bot can have"),
        ({"scope": "symbol *"}, "no name that a symbol can have"),
        ({"scope": "symbol btcusdt"}, "no name that a symbol can have"),
        ({"scope": "bot alhpa"}, "the settings name no bot alhpa"),
        ({"scope": "account mian"}, "the settings name no account mian"),
        ({"scope": "fleet", "operator": ""}, "an operator's name"),
        ({"scope": "fleet", "operator": "jane; rm"}, "an operator's name"),
        ({"scope": "fleet", "cause": "a\nb"}, "a cause is one line"),
        ({"scope": "fleet", "cause": "x" * (MAX_CAUSE + 1)}, "a cause is one line"),
    ],
)
@pytest.mark.parametrize("verb", ["halt", "flatten"])
def test_what_cannot_be_meant_is_refused_and_changes_nothing(verb: str, args: dict[str, str], said: str) -> None:
    desk = Desk()
    assert said in desk.refusal(verb, **args)
    assert desk.rungs() == {} and not desk.records


def test_what_left_the_settings_can_still_be_given_back() -> None:
    desk = Desk()
    desk.ask("halt", scope="bot alpha")
    found = load(TEXT.replace("bots.alpha", "bots.omega"))
    assert isinstance(found, Config)
    desk.config = found
    assert desk.ask("resume", scope="bot alpha")["is_done"]


def test_what_is_not_halted_is_not_given_back() -> None:
    assert "there is nothing to resume" in Desk().refusal("resume", scope="bot alpha")


@pytest.mark.threat(61)
def test_without_settings_anybody_can_be_halted_and_nobody_given_back() -> None:
    desk = Desk(has_settings=False)
    desk.ask("halt", scope="bot whoever")
    desk.ask("flatten", scope="fleet")
    assert desk.rungs() == {"bot whoever": "HALTED", "fleet": "FLATTEN"}
    assert [reached for _, reached in desk.acts] == [(), ()]
    desk.acts.clear()
    assert "settings could not be read" in desk.refusal("resume", scope="fleet")


def test_what_cannot_be_recorded_is_not_given_back() -> None:
    desk = Desk()
    desk.ask("halt", scope="bot alpha")
    desk.is_broken = True
    desk.acts.clear()
    assert "nothing is given back" in desk.refusal("resume", scope="bot alpha")
    assert desk.rungs() == {"bot alpha": "HALTED"}


@pytest.mark.threat(62)
def test_what_the_guard_sees_again_is_done_and_told_once() -> None:
    desk = Desk()
    breach = Trip(Scope(Kind.BOT, "alpha"), Rung.HALTED, Actor.GUARD, "guard", "daily loss", 1, cancels=True)
    assert isinstance(desk.stopping.stop(breach, {}), Act)
    for _ in range(5):
        assert desk.stopping.stop(breach, {}) is None
    assert len(desk.acts) == 1 and desk.alerts == ["ladder_halted"]
    # What stands lower than what is asked for is news again, and a person's word is always carried out.
    desk.ask("halt", scope="bot alpha")
    assert len(desk.acts) == 2


@pytest.mark.threat(61)
def test_what_the_supervisor_remembers_raises_rungs_and_lowers_none() -> None:
    desk = Desk()
    desk.ask("flatten", scope="fleet")
    before = len(desk.records)
    lower = Trip(FLEET, Rung.HALTED, Actor.OPERATOR, "jane", "", 1)
    lost = Trip(Scope(Kind.BOT, "alpha"), Rung.HALTED, Actor.GUARD, "guard", "daily loss", 1)
    desk.stopping.remember([trip_data(lower), trip_data(lost), {"kind": "planet"}, 7])
    assert desk.rungs() == {"fleet": "FLATTEN", "bot alpha": "HALTED"}
    assert [record["by"] for record in desk.records[before:]] == ["supervisor"]
    # It is remembered, not carried out: a start does nothing of itself.
    assert len(desk.acts) == 1
    for nothing in (None, "x", {}, 7):
        desk.stopping.remember(nothing)
