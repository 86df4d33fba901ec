"""`counterseal unknown`: what an operator sees, and the word that ends an UNKNOWN request."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli import unknown

ROW = {
    "id": "ab12-7", "bot": "alpha", "family": "spot", "path": "/api/v3/order", "symbols": ["BTCUSDT"],
    "client_ids": ["a"], "age_ms": 61_500, "why": "by its id: no sound answer",
}  # fmt: skip
END = ("unknown", "end", "ab12-7", "--as", "never-born", "--operator", "jane")


@pytest.fixture(name="asked")
def _asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What the running gateway was asked; it has one UNKNOWN request."""
    asked: list[tuple[str, dict[str, str]]] = []

    def call(path: Path, verb: str, _timeout_s: float, args: Mapping[str, str] | None = None) -> Any:
        assert path == home.control_socket
        asked.append((verb, dict(args or {})))
        return {"unknown": [ROW], "left_off": 3} if verb == "unknown_list" else {**ROW, "outcome": "ABSENT"}

    monkeypatch.setattr(control_socket, "call", call)
    monkeypatch.setattr(unknown, "PAUSE_S", 0.0)
    return asked


def test_the_list(asked: list[tuple[str, dict[str, str]]], run: Run) -> None:
    listed = run("unknown", "list")
    assert listed.code == 0
    for word in ("ab12-7", "alpha", "BTCUSDT", "61 s", "/api/v3/order a", "by its id: no sound answer"):
        assert word in listed.out
    assert "3 more" in listed.err
    assert json.loads(run("unknown", "list", "--json").out)["unknown"] == [ROW]
    assert [verb for verb, _ in asked] == ["unknown_list"] * 2


@pytest.mark.parametrize("name", ["\u202egnihton", "\x9b2J", "a  by its id: not there", "a\u0085b", "é"])
def test_a_bot_s_own_name_cannot_pass_for_something_else(
    asked: list[tuple[str, dict[str, str]]], run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(ROW, "client_ids", ["ok.:/_-1", name])
    monkeypatch.setitem(ROW, "symbols", [name])
    for shown in (run("unknown", "list").out, run(*END, given="no\n").err):
        assert name not in shown.replace(json.dumps(name), "")
        assert f"ok.:/_-1,{json.dumps(name)}" in shown
    assert len(asked) == 2


def test_one_is_ended_only_when_its_id_is_typed(asked: list[tuple[str, dict[str, str]]], run: Run) -> None:
    """What it means is told before."""
    for typed in ("", "yes\n", "ab12-70\n"):
        refused = run(*END, given=typed)
        assert (refused.code, "nothing was changed" in refused.err) == (1, True)
    assert {verb for verb, _ in asked} == {"unknown_list"}
    ended = run(*END, given="ab12-7\n")
    assert (ended.code, "ABSENT by the word of jane" in ended.err) == (0, True)
    assert "what it reserved is given back" in ended.err
    assert asked[-1] == ("unknown_end", {"id": "ab12-7", "as": "never-born", "operator": "jane"})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("unknown", "end", "other", "--as", "accepted", "--operator", "jane"), "no request of that id"),
        (("unknown", "end", "ab12-7", "--as", "accepted", "--operator", "a b"), "an operator's name is 1 to 32"),
        (("unknown", "end", "ab12-7", "--as", "gone", "--operator", "jane"), "--as"),
        (("unknown", "end", "ab12-7", "--as", "accepted"), "--operator"),
    ],
)
def test_what_cannot_be_meant(
    asked: list[tuple[str, dict[str, str]]], run: Run, words: tuple[str, ...], told: str
) -> None:
    refused = run(*words)
    assert (refused.code, told in refused.err) == (2, True)
    assert "unknown_end" not in dict(asked)


def test_nothing_runs(home: Home, run: Run) -> None:
    refused = run("unknown", "list")
    assert (refused.code, "counterseal up" in refused.err) == (1, True)
