"""`counterseal override`: what must be typed, what is told, what the exit status says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli import override
from counterseal.core.overrides import Override, Place, override_data

SET = (
    "override",
    "set",
    "first",
    "max_order_notional",
    "500",
    "--until",
    "2h",
    "--operator",
    "jane",
    "--cause",
    "a roll",
)
HELD = Override(Place("first", "max_order_notional"), "500", 1_795_007_200_000, 1_795_000_000_000, ("jane",), "a roll")


class Guard:
    """The running guard: it remembers what it was asked and answers as a test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.operators: list[str] = []
        self.is_done = True
        self.wishes: list[dict[str, Any]] = []
        self.held: list[dict[str, Any]] = []

    def call(self, _path: Path, verb: str, _timeout_s: float, args: Mapping[str, str] | None = None) -> Any:
        if verb == "override_list":
            return {"operators": self.operators, "overrides": self.held, "wishes": self.wishes}
        self.asked.append((verb, dict(args or {})))
        return {"is_done": self.is_done, "override": override_data(HELD)}


@pytest.fixture(name="guard")
def _guard(home: Home, monkeypatch: pytest.MonkeyPatch) -> Guard:
    guard = Guard()
    monkeypatch.setattr(control_socket, "call", guard.call)
    monkeypatch.setattr(override, "PAUSE_S", 0.0)
    return guard


@pytest.mark.parametrize(("typed", "code"), [("max_order_notional\n", 0), ("yes\n", 1), ("", 1)])
def test_one_person_types_the_limit_once_more(guard: Guard, run: Run, typed: str, code: int) -> None:
    done = run(*SET, given=typed)
    assert done.code == code and len(guard.asked) == (code == 0)
    if code == 0:
        told = {"bot": "first", "limit": "max_order_notional", "symbol": "", "operator": "jane", "value": "500",
                "until": "2h", "cause": "a roll"}  # fmt: skip
        assert guard.asked == [("override_set", told)]
        assert "until 2026-11-18T13:06Z; then the settings hold again" in done.err


def test_a_script_gives_it_as_an_option(guard: Guard, run: Run) -> None:
    assert run(*SET, "--confirm", "max_order_notional").code == 0
    assert run(*SET, "--confirm", "max_leverage").code == 2
    assert len(guard.asked) == 1


def test_where_two_are_named_nothing_is_typed_and_the_first_is_not_enough(guard: Guard, run: Run) -> None:
    guard.operators, guard.is_done = ["jane", "joe"], False
    done = run(*SET)
    assert done.code == 1 and "another operator" in done.err and len(guard.asked) == 1


@pytest.mark.parametrize(
    "words",
    [
        (*SET[:6], "25h", *SET[7:]), (*SET[:3], "share", *SET[4:]), (*SET, "--symbol", "BTCUSDT"),
        (*SET[:2], "First!", *SET[3:]), (*SET[:8], "x y", *SET[9:]),
    ],
)  # fmt: skip
def test_what_is_no_override_is_refused_before_anybody_is_asked(guard: Guard, run: Run, words: tuple[str, ...]) -> None:
    assert run(*words, given="max_order_notional\n").code == 2
    assert guard.asked == []


def test_it_is_ended_and_listed(guard: Guard, run: Run) -> None:
    assert run("override", "list").out == "no limit is loosened\n"
    guard.held = [override_data(HELD)]
    guard.wishes = [{"bot": "first", "limit": "max_leverage", "symbol": "", "value": "20", "operator": "joe"}]
    done = run("override", "list")
    assert "max_order_notional" in done.out and "a roll" in done.out
    assert "bot first max_leverage: joe wants 20; a second operator must agree" in done.err
    assert run("override", "end", "first", "max_order_notional", "--operator", "joe").code == 0
    assert guard.asked == [
        ("override_end", {"bot": "first", "limit": "max_order_notional", "symbol": "", "operator": "joe"})
    ]
