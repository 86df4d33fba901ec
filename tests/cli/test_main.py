"""The command line as a whole: verbs, codes, sentences instead of tracebacks."""

import argparse
import subprocess
import sys

import pytest
from tests.cli.conftest import SECRET, Run
from tests.homes import SOURCE

from counterseal.adapters.home import Home
from counterseal.cli import status as status_module
from counterseal.cli.main import VERBS, build_parser

NAMES = ("init", "check-config", "key", "bot", "up", "status", "limits", "reload")


def test_every_verb_has_help_and_its_own_module() -> None:
    (subparsers,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]

    assert len(VERBS) >= len(NAMES)
    assert set(NAMES) <= set(subparsers.choices)
    assert all(choice.help for choice in subparsers._choices_actions)


def test_a_secret_given_as_an_argument_is_not_repeated(run: Run, home: Home) -> None:
    outcome = run("key", "add", "main", "--kind", "hmac", SECRET)

    assert outcome.code == 2
    assert "never given as arguments" in outcome.err
    assert SECRET not in outcome.out + outcome.err


@pytest.mark.parametrize(
    "argv",
    [("status",), ("limits",), ("reload",), ("up",), ("key", "list"), ("bot", "list"), ("bot", "revoke", "x")],
)
def test_without_a_home_every_verb_names_init(run: Run, argv: tuple[str, ...]) -> None:
    outcome = run(*argv)

    assert outcome.code == 1
    assert "counterseal init" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_bug_is_one_sentence_without_its_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_args: argparse.Namespace) -> int:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(status_module, "run", broken)
    outcome = run("status")

    assert outcome.code == 1
    assert "unexpected RuntimeError at test_main.py" in outcome.err
    assert SECRET not in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "counterseal.cli.main", "--help"]
    environ = {"PYTHONPATH": str(SOURCE)}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)

    assert all(name in found.stdout for name in NAMES)
