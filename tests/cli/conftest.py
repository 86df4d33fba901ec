"""The command line in this process, with a home, a pipe as standard input, and what it printed."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterseal.adapters.home import Home
from counterseal.cli.main import main

API_KEY = "A1b2" * 16
SECRET = "S3cr" * 16


@dataclass(frozen=True)
class Outcome:
    """Exit code and both outputs."""

    code: int
    out: str
    err: str


class _Pipe(io.TextIOWrapper):
    def isatty(self) -> bool:
        return False


Run = Callable[..., Outcome]


@pytest.fixture(name="run")
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COUNTERSEAL_HOME", str(tmp_path / "home"))

    def run(*argv: str | Path, given: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", _Pipe(io.BytesIO(given.encode())))
        capsys.readouterr()
        try:
            code = main([str(word) for word in argv])
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture(name="home")
def _home(run: Run, tmp_path: Path) -> Home:
    assert run("init").code == 0
    return Home(tmp_path / "home")


def as_json(api_key: str = API_KEY, secret: str = SECRET) -> str:
    """A key in the form that the exchange's page copies."""
    return json.dumps({"apiKey": api_key, "secretKey": secret})
