"""`counterseal key list`: a table of every version, what the exchange said of it, and what is to be done."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.cli.conftest import API_KEY, SECRET, Run

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.home import Home
from counterseal.adapters.key_file import StoredKey
from counterseal.cli import key_list
from counterseal.core.secret import Secret

DAY_MS = 86_400_000
NOW = 1_795_392_000_000
SETTINGS = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "ca.pem"
[keys.main]
functions = ["trade", "account"]
rotation_days = 30
[keys.idle]
functions = []
[keys.hours]
functions = ["account"]
rotation_days = 1
rotation_blackout = ["00:00-12:00", "12:00-00:00"]
"""


def stored(ref: str, stage: str = "active", age_days: int = 3, environment: str = "paper", **more: Any) -> StoredKey:
    api_key = more.get("api_key", API_KEY)
    return StoredKey(ref, "hmac", api_key, Secret(SECRET.encode()), environment, NOW - age_days * DAY_MS, stage=stage)


@pytest.fixture(name="keys", autouse=True)
def _keys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config.write_text(SETTINGS)
    monkeypatch.setattr(key_list, "now_ms", lambda: NOW)


def write(home: Home, *keys: StoredKey) -> None:
    key_file.write(home, {key.ref: key for key in keys})


def cells(out: str) -> dict[str, dict[str, str]]:
    """The table's rows by name and version; columns stand where their headings do."""
    head, *rows = out.splitlines()
    starts = [f" {head} ".index(f" {name} ") for name in key_list.HEAD]
    found = {}
    for row in rows:
        cut = [row[at:end].strip() for at, end in zip(starts, [*starts[1:], None], strict=True)]
        found[f"{cut[0]} {cut[1]}"] = dict(zip(key_list.HEAD, cut, strict=True))
    return found


def told(monkeypatch: pytest.MonkeyPatch, facts: Mapping[str, Any], gateway: Mapping[str, Any]) -> None:
    answers = {"key_facts": facts, "status": {"gateway": gateway}}
    monkeypatch.setattr(control_socket, "call", lambda _path, verb, _s: answers[verb])


def test_every_version_has_its_row_also_when_nothing_runs(run: Run, home: Home) -> None:
    write(home, stored("main", "draining", 31), stored("main.2", age_days=2), stored("main.10", "spare", 0))

    outcome = run("key", "list")

    assert outcome.code == 0
    rows = cells(outcome.out)
    assert list(rows) == ["main 1", "main 2", "main 10"]
    assert [row["STAGE"] for row in rows.values()] == ["draining", "active", "spare"]
    assert [row["AGE"] for row in rows.values()] == ["31 d", "2 d", "new"]
    assert rows["main 1"]["NEXT ROTATION"] == "-"
    assert rows["main 2"]["NEXT ROTATION"].startswith("2026-12-")
    assert {row["FUNCTIONS"] for row in rows.values()} == {"account, trade"}
    assert {row["LAST FACTS"] for row in rows.values()} == {"not asked"}
    assert SECRET not in outcome.out
    assert API_KEY not in outcome.out


def test_a_key_is_due_or_never(run: Run, home: Home) -> None:
    write(home, stored("main", age_days=40), stored("idle"), stored("hours", age_days=9), stored("stranger"))

    rows = cells(run("key", "list").out)

    assert rows["main 1"]["NEXT ROTATION"] == "due"
    assert rows["idle 1"]["NEXT ROTATION"] == "never"
    assert rows["idle 1"]["FUNCTIONS"] == "none"
    assert rows["hours 1"]["NEXT ROTATION"] == "never: the blackout never ends"
    assert rows["stranger 1"]["FUNCTIONS"] == "not in counterseal.toml"
    assert rows["stranger 1"]["NEXT ROTATION"] == "-"


def test_a_pair_without_its_api_key_says_so(run: Run, home: Home) -> None:
    write(home, stored("main"), stored("main.2", "staged", api_key=None))

    assert cells(run("key", "list").out)["main 2"]["STAGE"] == "staged, waits for its API key"


def test_what_the_exchange_said_stands_in_the_row_and_below_what_to_do(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, stored("main"), stored("idle"), stored("hours"), stored("new"))
    finding = {"code": "key_excess", "action": "alert", "text": "the key may do more: it has X; take it away"}
    told(
        monkeypatch,
        {
            "keys": {
                "main": {"asked_ms": NOW, "findings": [finding], "why": ""},
                "hours": {"asked_ms": NOW, "findings": [], "why": ""},
                "new": {"asked_ms": None, "findings": [], "why": "no answer came"},
            },
            "quarantine": [
                {"key": "idle", "phase": "shut", "what": "all of it", "cause": "key", "why": "it was deleted"}
            ],
        },
        {
            "quarantine": [
                {"key": "idle", "phase": "shut", "what": "all of it", "cause": "key", "why": "it was deleted"}
            ]
        },
    )

    outcome = run("key", "list")

    table, below = outcome.out.split("idle: ", 1)
    rows = cells(table)
    assert rows["main 1"]["LAST FACTS"] == "2026-11-23T00:00Z: key_excess (alert)"
    assert rows["hours 1"]["LAST FACTS"] == "2026-11-23T00:00Z: as it should be"
    assert rows["new 1"]["LAST FACTS"] == "not asked: no answer came"
    assert rows["idle 1"]["LAST FACTS"] == "shut: key"
    assert below.splitlines() == ["all of it: it was deleted", "main: the key may do more: it has X; take it away"]


def test_a_gateway_that_does_not_answer_leaves_what_the_guard_says(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, stored("main"))

    def call(_path: object, verb: str, _s: float) -> Any:
        if verb == "status":
            raise control_socket.ControlError("no answer in time")
        return {"keys": {"main": {"asked_ms": NOW, "findings": []}}, "quarantine": []}

    monkeypatch.setattr(control_socket, "call", call)

    assert cells(run("key", "list").out)["main 1"]["LAST FACTS"].endswith("as it should be")


def test_a_key_of_another_environment_is_told(run: Run, home: Home) -> None:
    write(home, stored("main", environment="production"))

    out = run("key", "list").out

    assert "production" in out.splitlines()[1]
    assert 'main: it is sealed for "production" and [venue] is "paper": it signs nothing here' in out


def test_a_file_with_faults_hides_no_key(run: Run, home: Home) -> None:
    write(home, stored("main"))
    home.config.write_text("[venue")

    outcome = run("key", "list")

    assert outcome.code == 0
    assert "main" in outcome.out


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0, "new"), (59_999, "new"), (60_000, "1 min"), (7_200_000, "2 h"), (3 * DAY_MS, "3 d"), (-5, "new")],
)
def test_an_age_is_told_in_its_largest_unit(ms: int, shown: str) -> None:
    assert key_list.age(ms) == shown


@pytest.mark.parametrize("environment", ["testnet", "demo", "production"])
def test_a_key_of_another_environment_is_not_even_sealed(run: Run, home: Home, environment: str) -> None:
    refused = run("key", "add", "main", "--kind", "hmac", "--environment", environment, given=f"{API_KEY}\n{SECRET}\n")

    assert refused.code == 2
    assert 'this installation is for "paper"' in refused.err
    assert key_file.read(home) == {}
