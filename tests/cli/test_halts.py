"""`counterseal halt`, `resume`, `flatten`: what must be typed, what is told, what the exit status says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli import ladder_shared, resume
from counterseal.core.ladder import Actor, Rung, Trip, scope_of, trip_data

STEP = {"what": "block", "done": True, "text": "the gateway has acknowledged it after 1 ms", "left": []}
LEFT = {"what": "cancel spot main", "done": False, "text": "time is up", "left": ["BTCUSDT 7", "a\u202eb"]}


class Guard:
    """The running guard: it remembers what it was asked and answers as a test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.steps: list[dict[str, Any]] = [STEP]
        self.operators: list[str] = []
        self.is_done = True
        self.looks = 0
        self.left: list[dict[str, Any]] = []

    def call(self, _path: Path, verb: str, _timeout_s: float, args: Mapping[str, str] | None = None) -> Any:
        given = dict(args or {})
        if verb == "guard_status":
            self.looks += 1
            return {"acts": [self.act()], "operators": self.operators, "ladder": [self.trip("fleet")]}
        self.asked.append((verb, given))
        if verb == "resume":
            return {"scope": given["scope"], "is_done": self.is_done, "trips": self.left}
        return {"trip": self.trip(given["scope"]), "act": {**self.act(), "over": False}}

    def act(self) -> dict[str, Any]:
        scope = self.asked[-1][1]["scope"] if self.asked else "fleet"
        return {"scope": scope, "over": True, "proven": all(step["done"] for step in self.steps), "steps": self.steps}

    def trip(self, scope: str) -> dict[str, Any]:
        return trip_data(Trip(scope_of(scope), Rung.HALTED, Actor.OPERATOR, "jane", "odd fills", 1_795_000_000_000))


@pytest.fixture(name="guard")
def _guard(home: Home, monkeypatch: pytest.MonkeyPatch) -> Guard:
    guard = Guard()
    monkeypatch.setattr(control_socket, "call", guard.call)
    monkeypatch.setattr(resume, "PAUSE_S", 0.0)
    monkeypatch.setattr(ladder_shared, "STEP_S", 0.0)
    return guard


def test_a_bot_is_halted_at_once_and_the_proof_is_told(guard: Guard, run: Run) -> None:
    done = run("halt", "bot", "alpha", "--operator", "jane", "--cause", "odd fills")
    assert (done.code, guard.looks) == (0, 1)
    assert guard.asked == [("halt", {"scope": "bot alpha", "operator": "jane", "cause": "odd fills"})]
    assert "bot alpha: HALTED since" in done.err and "by jane (odd fills)" in done.err
    assert "block: proven: the gateway has acknowledged it after 1 ms" in done.err


@pytest.mark.threat(62)
def test_what_is_left_is_named_and_is_no_success(guard: Guard, run: Run) -> None:
    guard.steps = [STEP, LEFT]
    done = run("halt", "account", "main", "--operator", "jane", "--cancel")
    assert done.code == 1
    assert 'cancel spot main: NOT PROVEN: time is up; left: BTCUSDT 7, "a\\u202eb"' in done.err
    assert guard.asked[0][1]["cancel"] == "yes"


@pytest.mark.threat(62)
@pytest.mark.parametrize("words", [("halt", "fleet"), ("flatten", "fleet"), ("flatten", "bot", "alpha")])
@pytest.mark.parametrize("typed", ["\n", "yes\n", "Fleet\n", ""])
def test_what_reaches_far_must_be_typed(guard: Guard, run: Run, words: tuple[str, ...], typed: str) -> None:
    done = run(*words, "--operator", "jane", given=typed)
    assert (done.code, guard.asked) == (1, [])
    assert "nothing was changed" in done.err
    scope = " ".join(words[1:])
    assert run(*words, "--operator", "jane", given=f"{scope}\n").code == 0
    assert guard.asked == [(words[0], {"scope": scope, "operator": "jane", "cause": ""})]


@pytest.mark.parametrize("words", [("halt", "fleet"), ("flatten", "account", "main"), ("resume", "fleet")])
def test_a_script_gives_the_scope_once_more(guard: Guard, run: Run, words: tuple[str, ...]) -> None:
    scope = " ".join(words[1:])
    refused = run(*words, "--operator", "jane", "--confirm", "bot beta")
    assert refused.code == 2 and "nothing was changed" in refused.err and guard.asked == []
    assert run(*words, "--operator", "jane", "--confirm", scope).code == 0
    assert [verb for verb, _ in guard.asked] == [words[0]]


@pytest.mark.parametrize("verb", ["halt", "resume", "flatten"])
@pytest.mark.parametrize("scope", [("planet",), ("bot",), ("fleet", "x"), ("",)])
def test_what_is_no_scope_is_wrong_usage(guard: Guard, run: Run, verb: str, scope: tuple[str, ...]) -> None:
    done = run(verb, *scope, "--operator", "jane")
    assert (done.code, guard.asked, guard.looks) == (2, [], 0)


@pytest.mark.parametrize("verb", ["halt", "resume", "flatten"])
def test_nobody_acts_without_a_name(guard: Guard, run: Run, verb: str) -> None:
    assert run(verb, "bot", "alpha").code == 2
    assert run(verb, "bot", "alpha", "--operator", "jane doe").code == 2
    assert guard.asked == []


def test_a_bot_is_resumed_without_further_ado_and_what_still_holds_is_told(guard: Guard, run: Run) -> None:
    guard.left = [guard.trip("fleet")]
    done = run("resume", "bot", "alpha", "--operator", "jane")
    assert done.code == 0
    assert "bot alpha is active again by the word of jane" in done.err and "still fleet: HALTED" in done.err


@pytest.mark.threat(62)
def test_the_fleet_is_resumed_by_one_only_where_there_is_one_and_only_when_typed(guard: Guard, run: Run) -> None:
    refused = run("resume", "fleet", "--operator", "jane", given="no\n")
    assert (refused.code, guard.asked) == (1, []) and "fleet: HALTED" in refused.err
    assert run("resume", "fleet", "--operator", "jane", given="fleet\n").code == 0


@pytest.mark.threat(62)
def test_the_first_of_two_operators_is_told_that_it_takes_another(guard: Guard, run: Run) -> None:
    guard.operators, guard.is_done = ["jane", "joe"], False
    done = run("resume", "fleet", "--operator", "jane")
    assert done.code == 1
    assert "until another operator says the same within 10 minutes" in done.err
