"""`counterseal alert`: what it asks, what it shows, how it ends."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters import alert_needs, control_socket
from counterseal.cli import main as cli
from counterseal.cli.alert import show

WALL = 1_795_000_000_000
ALERT = {
    "number": 7, "severity": "CRITICAL", "code": "ladder_halted", "title": "trading was halted",
    "text": "bot grid\x1b[2J",
    "first_ms": WALL, "last_ms": WALL, "count": 3, "acked_by": "",
}  # fmt: skip
CHANNEL = {"state": "well", "detail": "", "proven_ms": WALL, "waiting": 0}
EMPTY = {"alerts": [], "left_off": 0, "lost": 0, "spool": "", "channels": {}, "open": 0}


class Socket:
    """What the supervisor would answer; remembers what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, Mapping[str, str] | None]] = []
        self.answers: dict[str, Any] = {}
        monkeypatch.setattr(control_socket, "call", self.call)

    def call(self, _path: Path, verb: str, _timeout_s: float, args: Mapping[str, str] | None = None) -> Any:
        self.asked.append((verb, args))
        return self.answers[verb]


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> str:
    assert cli.main(["init", "--home", str(tmp_path / "home")]) == 0
    return str(tmp_path / "home")


@pytest.fixture(name="socket")
def _socket(monkeypatch: pytest.MonkeyPatch) -> Socket:
    return Socket(monkeypatch)


def test_the_list_is_shown_or_given_as_json(home: str, socket: Socket, capsys: pytest.CaptureFixture[str]) -> None:
    socket.answers["alert_list"] = EMPTY | {"alerts": [ALERT], "channels": {"mail": CHANNEL}}
    capsys.readouterr()
    assert cli.main(["alert", "list", "--home", home]) == 0
    shown = capsys.readouterr().out
    assert "OPEN  7       CRITICAL" in shown and "ladder_halted: bot grid?[2J" in shown and "\x1b" not in shown
    assert "mail     well   2026-11-18T11:06Z" in shown
    assert cli.main(["alert", "list", "--json", "--home", home]) == 0
    assert json.loads(capsys.readouterr().out)["alerts"][0]["number"] == 7


def test_what_is_answered_is_not_open_and_faults_are_told() -> None:
    answered = show(EMPTY | {"alerts": [ALERT | {"acked_by": "alice", "text": ""}], "channels": {"mail": CHANNEL}})
    assert "OPEN" not in answered and "alice" in answered and "ladder_halted: trading was halted" in answered
    told = show(EMPTY | {"left_off": 4, "lost": 2, "spool": "No space left on device"})
    for part in ("no alerts", "and 4 more", "2 were dropped", "memory alone: No space", "no channels: nobody is told"):
        assert part in told


def test_an_answer_names_numbers_and_who(home: str, socket: Socket, capsys: pytest.CaptureFixture[str]) -> None:
    socket.answers["alert_ack"] = {"7": "alice", "8": "bob"}
    assert cli.main(["alert", "ack", "7", "8", "--operator", "alice", "--home", home]) == 0
    assert socket.asked == [("alert_ack", {"numbers": "7,8", "operator": "alice"})]
    assert "alert 8: bob answers for it" in capsys.readouterr().err
    assert cli.main(["alert", "ack", "7", "--operator", "a b", "--home", home]) == 2


@pytest.mark.parametrize(("why", "code", "says"), [("", 0, "taken; did it arrive?"), ("answered 403", 1, "NOT TAKEN")])
def test_a_test_says_what_the_other_side_answered(
    why: str, code: int, says: str, home: str, socket: Socket, capsys: pytest.CaptureFixture[str]
) -> None:
    socket.answers["alert_test"] = {"channels": {"mail": why}}
    assert cli.main(["alert", "test", "mail", "--home", home]) == code
    assert f"mail: {says}" in capsys.readouterr().err
    assert cli.main(["alert", "test", "--home", home]) == code
    assert socket.asked == [("alert_test", {"channel": "mail"}), ("alert_test", None)]


def test_a_library_that_is_missing_is_a_fault_of_the_settings(
    tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the one command that installs it; nothing is started."""
    file = Path(home) / "counterseal.toml"
    file.write_text('[venue]\nenvironment = "testnet"\n[alerts.channels.chat]\nkind = "slack"\n')
    file.chmod(0o600)
    monkeypatch.setattr(alert_needs.importlib.util, "find_spec", lambda _name: None)
    for verb in (["check-config"], ["up"]):
        capsys.readouterr()
        assert cli.main([*verb, "--home", home]) == 2
        assert "run: pip install 'counterseal[alerts]'" in capsys.readouterr().err
