"""`counterseal check-config`: exit status, standard output and standard error."""

import argparse
from pathlib import Path

import pytest

from counterseal.cli import check_config

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "counterseal.toml"


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="counterseal")
    check_config.add_parser(parser.add_subparsers())
    args = parser.parse_args(["check-config", *arguments])
    result: int = args.run(args)
    return result


@pytest.fixture
def home(tmp_path: Path) -> Path:
    file = tmp_path / "counterseal.toml"
    file.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    file.chmod(0o600)
    return tmp_path


def test_a_good_file_is_summarized(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--home", str(home)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("venue      paper at 127.0.0.1:9443\n")
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("grid", "saver", "trend", "watcher"))] == (
        # What each may do, its limits, the countdowns of those who trade, its part.
        [*["grid", "saver", "trend", "watcher"] * 2, "grid", "saver", "trend", *["grid", "saver", "trend", "watcher"]]
    )


def test_every_fault_has_a_line_of_its_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "counterseal.toml").write_text("[venue]\nenvironment = 'paper'\n[bots.a]\nmode = 'off'\nmoed = 1\n")
    assert call("--home", str(home)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "line 1: venue.address: is missing; the paper exchange needs it; add address to [venue]",
        "line 1: venue.ca_file: is missing; the paper exchange needs it; add ca_file to [venue]",
        'line 4: bots.a.mode: is none of the words that it may be; write "enforce" or "report"',
        "line 5: bots.a.moed: is no setting of this section; did you mean mode?",
    ]


def test_the_home_comes_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSEAL_HOME", str(home))
    assert call() == 0


def test_the_home_is_a_hidden_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COUNTERSEAL_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert call() == 2
    assert f"{tmp_path}/.counterseal/counterseal.toml: does not exist" in capsys.readouterr().err


def test_a_named_file_comes_first(home: Path, tmp_path: Path) -> None:
    assert call("--home", str(tmp_path / "elsewhere"), str(home / "counterseal.toml")) == 0


def test_an_egress_that_is_not_of_this_host_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file may be meant for another host: no fault."""
    file = home / "counterseal.toml"
    file.write_text('[venue]\nenvironment = "testnet"\negress = ["127.0.0.2", "198.51.100.7"]\n', encoding="utf-8")
    assert call("--home", str(home)) == 0
    out, err = capsys.readouterr()
    assert "egress     127.0.0.2, 198.51.100.7\n" in out
    assert err == "egress: 198.51.100.7 is no address of this host, so that nothing could leave from it\n"
