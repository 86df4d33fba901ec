"""The verbs that speak to a running supervisor: a real one, a real signer, a tiny gateway in the gateway's place."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import SECRET, Run, as_json
from tests.supervisor.conftest import Running

from counterseal.adapters import key_file
from counterseal.adapters.home import Home
from counterseal.supervisor import main as supervisor_module


@pytest.fixture(name="supervisor")
def _supervisor(home: Home, run: Run) -> "Running":
    assert run("key", "add", "main", "--kind", "hmac", given=as_json()).code == 0
    return Running(home)


def test_operators_verbs_against_what_runs(supervisor: Running, run: Run, home: Home) -> None:
    with supervisor.process:
        try:
            _exercise(supervisor, run, home)
        finally:
            assert supervisor.end() == 0
    assert run("status").code == 1
    assert "counterseal up" in run("status").err


def _exercise(supervisor: Running, run: Run, home: Home) -> None:
    status = run("status")
    assert status.code == 0
    assert "signer: serving" in status.out
    assert json.loads(run("status", "--json").out)["supervisor"]["pid"] == supervisor.process.pid

    assert run("reload").code == 0
    limits = run("limits")
    assert (limits.code, limits.err) == (1, "counterseal: no limits here\n")

    minted = run("bot", "mint", "first")
    assert (minted.code, "taken it up" in minted.err) == (0, True)
    revoked = run("bot", "revoke", "first")
    assert (revoked.code, "taken it up" in revoked.err) == (0, True)

    before = supervisor.pids()["signer"]
    added = run("key", "add", "other", "--kind", "hmac", given=as_json())
    assert (added.code, "taken it up" in added.err) == (0, True)
    assert supervisor.pids()["signer"] != before
    assert SECRET not in added.out + added.err
    assert sorted(key_file.read(home)) == ["main", "other"]

    good = home.config.read_text()
    home.config.write_text(good + "\n[bogus]\n")
    reload = run("reload")
    assert reload.code == 2
    assert "nothing was changed" in reload.err
    home.config.write_text(good)


def test_up_prints_every_fault_and_starts_nothing(
    run: Run, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def up(_home: Home, address: str, *_setting: object, **_ways: object) -> int:
        started.append(address)
        return 0

    monkeypatch.setattr(supervisor_module, "up", up)
    good = home.config.read_text()

    home.config.write_text(good.replace('environment = "paper"', 'environment = "moon"') + "\n[bogus]\n")
    refused = run("up")
    assert refused.code == 2
    assert len(refused.err.splitlines()) >= 2
    assert started == []

    home.config.write_text(good)
    assert run("up").code == 0
    assert started == ["127.0.0.1:8180"]
