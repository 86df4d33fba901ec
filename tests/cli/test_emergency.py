"""`counterseal emergency`, with what runs played by the test: a step that fails holds up no other, and the exit status
tells whether all is proven.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import API_KEY, Run

from counterseal.adapters import control_socket, credential_file, hsm_file, key_file
from counterseal.adapters.control_socket import ControlError, NotRunningError
from counterseal.adapters.home import Home, HomeError, locked
from counterseal.adapters.hsm_file import HsmKey, PinSource, TokenPlace
from counterseal.adapters.key_file import StoredKey
from counterseal.cli import emergency, emergency_bot, emergency_course, emergency_key
from counterseal.core.emergency import PLANS, Subject
from counterseal.core.rotation import Stage
from counterseal.core.secret import Secret

SPARE_KEY, OTHER_KEY = "Spar3" * 12 + "Spar", "0ther" * 12 + "0the"
BLOCK = {"what": "block", "done": True, "text": "the gateway has acknowledged it after 1 ms", "left": []}
CANCEL = {"what": "cancel spot main", "done": True, "text": "nothing is open", "left": []}
KEY = ("emergency", "key", "main", "--operator", "jane", "--yes", "--wait", "1")


class World:
    """Guard, signer, gateway and exchange. `alive` are the API keys that the exchange takes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.alive = {API_KEY: "uid 7", SPARE_KEY: "uid 7"}
        self.dies_after: int | None = 3
        self.probes = 0
        self.steps: list[dict[str, Any]] = [BLOCK, CANCEL]
        self.broken: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.held: dict[str, StoredKey] = {}
        self.refill()

    def refill(self) -> None:
        self.held = {ref: key for ref, key in key_file.read(self.home).items() if key.is_held}

    def call(self, _path: Path, verb: str, _timeout_s: float, args: Mapping[str, str] | None = None) -> Any:
        given = dict(args or {})
        self.asked.append((verb, given))
        if verb in self.broken:
            raise ControlError(self.broken[verb])
        return getattr(self, f"_{verb}")(given)

    def _halt(self, args: Mapping[str, str]) -> Any:
        return {"act": {"scope": args["scope"], "over": False, "proven": False, "steps": []}}

    def _guard_status(self, _args: Mapping[str, str]) -> Any:
        scopes = [args["scope"] for verb, args in self.asked if verb == "halt"]
        return {"acts": [{"scope": scope, "over": True, "proven": True, "steps": self.steps} for scope in scopes]}

    def _key_probe(self, args: Mapping[str, str]) -> Any:
        key = self.held.get(args["ref"])
        if key is None:
            return {"signature": False, "code": None, "text": f"the signer holds no key {args['ref']}"}
        return self._told(key.api_key or "", is_signed=True)

    def _key_refused(self, args: Mapping[str, str]) -> Any:
        return self._told(args["api_key"], is_signed=False)

    def _told(self, api_key: str, *, is_signed: bool) -> Any:
        self.probes += 1
        if self.dies_after is not None and self.probes > self.dies_after:
            self.alive.pop(API_KEY, None)
        if api_key not in self.alive:
            return {"signature": False, "code": -2015, "account": None, "text": "refused"}
        code = None if is_signed else -1022
        return {"signature": is_signed, "code": code, "account": self.alive[api_key], "text": "taken"}

    def _restart_signer(self, _args: Mapping[str, str]) -> Any:
        self.refill()
        return {}

    def _emergency(self, _args: Mapping[str, str]) -> Any:
        return {"journalled": True}

    def _reload_bots(self, _args: Mapping[str, str]) -> Any:
        return {}

    def _status(self, _args: Mapping[str, str]) -> Any:
        return {"gateway": {"keys": list(self.held)}}

    # what a test asks

    def stages(self) -> dict[str, str]:
        return {ref: key.stage for ref, key in key_file.read(self.home).items()}

    def noted(self) -> list[tuple[str, str]]:
        notes = [args for verb, args in self.asked if verb == "emergency"]
        assert all(note["operator"] == "jane" for note in notes)
        return [(note["step"] or note["act"], note["done"]) for note in notes]


def stored(home: Home, *, spare: bool) -> None:
    secret, _ = key_file.new_ed25519()
    keys = {"main": StoredKey("main", "ed25519", API_KEY, secret, "paper", 1)}
    if spare:
        keys["main.2"] = StoredKey("main.2", "ed25519", SPARE_KEY, key_file.new_ed25519()[0], "paper", 2,
                                   stage=Stage.SPARE.value)  # fmt: skip
    keys["other"] = StoredKey("other", "hmac", OTHER_KEY, Secret(b"s" * 64), "paper", 1)
    key_file.write(home, keys)


@pytest.fixture(name="world")
def _world(home: Home, monkeypatch: pytest.MonkeyPatch) -> World:
    stored(home, spare=True)
    world = World(home)
    monkeypatch.setattr(control_socket, "call", world.call)
    monkeypatch.setattr(emergency_key, "PROBE_S", 0.02)
    monkeypatch.setattr(emergency_course, "STEP_S", 0.001)
    monkeypatch.setattr(emergency_course, "WATCH_S", 0.05)
    monkeypatch.setattr(emergency_key, "BUSY_S", 0.05)
    return world


def test_a_key_with_a_spare_is_frozen_replaced_and_proven_dead(world: World, run: Run) -> None:
    done = run(*KEY, "--cause", "it leaked")
    assert done.code == 0, done.err
    assert ("halt", {"scope": "bot first", "operator": "jane", "cause": "it leaked", "cancel": "yes"}) in world.asked
    assert world.stages() == {"main": "revoked", "main.2": "active", "other": "active"}
    assert key_file.read(world.home)["main"].secret.reveal() == b""
    assert set(world.held) == {"main.2", "other"}
    names = [step.name for step in PLANS[Subject.KEY]]
    assert world.noted() == [("begin", ""), *[(name, "yes") for name in names], ("end", "yes")]
    assert API_KEY not in done.out + done.err and f"{API_KEY[:8]}…" in done.err
    assert "resume bot NAME --operator jane" in done.err


def test_the_signer_holds_the_old_version_no_longer_while_it_lives(world: World, run: Run) -> None:
    world.dies_after = None
    done = run(*KEY)
    assert done.code == 1 and "revoke: NOT PROVEN" in done.err and "not refused by the exchange within 1 s" in done.err
    assert world.stages()["main"] == "retired" and set(world.held) == {"main.2", "other"}
    assert world.noted()[-1] == ("end", "no")


def test_without_a_successor_it_stays_until_it_is_refused_and_then_nothing_is_left(world: World, run: Run) -> None:
    stored(world.home, spare=False)
    world.refill()
    done = run(*KEY)
    assert done.code == 0, done.err
    assert "no other key sees the account" in done.err
    assert world.stages() == {"other": "active"} and list(world.held) == ["other"]
    assert dict(world.noted())["fall back"] == dict(world.noted())["drop"] == ""
    assert "key_refused" not in [verb for verb, _ in world.asked]


def test_it_can_be_dropped_at_once_and_is_proven_dead_without_a_signature(world: World, run: Run) -> None:
    stored(world.home, spare=False)
    world.refill()
    done = run(*KEY, "--drop-now")
    assert done.code == 0, done.err
    verbs = [verb for verb, _ in world.asked]
    assert verbs.index("restart_signer") < verbs.index("key_refused")
    assert world.stages() == {"other": "active"}


@pytest.mark.parametrize("verb", ["halt", "guard_status", "emergency", "key_probe", "restart_signer"])
def test_whatever_does_not_answer_holds_up_no_other_step(world: World, run: Run, verb: str) -> None:
    world.broken[verb] = "it does not answer"
    done = run(*KEY)
    names = [line.split()[1].rstrip(":") for line in done.err.splitlines() if line[:2].isdigit()]
    assert [name for name in names if name != "key"] == [step.name.split()[0] for step in PLANS[Subject.KEY]]
    assert done.code == (0 if verb == "emergency" else 1)
    assert "Revoke main" in done.err, "a person is told how in any case"
    if verb == "emergency":
        assert "not on the guard's record" in done.err


def test_with_nothing_running_the_key_file_is_changed_all_the_same(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: Any) -> Any:
        raise NotRunningError("nothing is running on this home; start it with: counterseal up")

    monkeypatch.setattr(control_socket, "call", gone)
    done = run(*KEY)
    assert done.code == 1
    assert world.stages() == {"main": "retired", "main.2": "active", "other": "active"}


def test_a_key_that_was_never_seen_alive_is_not_called_dead(world: World, run: Run) -> None:
    del world.alive[API_KEY]
    done = run(*KEY)
    assert done.code == 1 and "it may only be closed to this address" in done.err
    assert world.stages()["main"] == "retired"


def test_a_spare_of_another_account_or_that_is_dead_is_told(world: World, run: Run) -> None:
    world.alive[SPARE_KEY] = "uid 8"
    done = run(*KEY)
    assert done.code == 1 and "ANOTHER account" in done.err
    stored(world.home, spare=True)
    world.refill()
    world.alive = {API_KEY: "uid 7"}
    world.probes = 0
    done = run(*KEY)
    assert done.code == 1 and "the exchange does not take it" in done.err


def test_orders_that_are_left_are_named(world: World, run: Run) -> None:
    world.steps = [BLOCK, {**CANCEL, "done": False, "text": "time is up", "left": ["BTCUSDT 7"]}]
    done = run(*KEY)
    assert done.code == 1 and "cancel: NOT PROVEN" in done.err and "BTCUSDT 7" in done.err


def test_a_rotation_that_holds_the_key_file_is_waited_for_and_named(world: World, run: Run) -> None:
    world.dies_after = None
    with locked(world.home, emergency_key.LOCK):
        done = run(*KEY)
    assert done.code == 1 and "fall back: NOT PROVEN" in done.err and "another process holds" in done.err
    assert world.stages()["main"] == "active"


def test_a_store_that_is_down_holds_up_neither_freeze_nor_proof(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: Any, **_more: Any) -> Any:
        raise HomeError("the store does not answer")

    monkeypatch.setattr(key_file, "read", down)
    done = run(*KEY)
    assert done.code == 1 and "going by what the signer holds" in done.err
    noted = dict(world.noted())
    assert (noted["freeze"], noted["try"], noted["fall back"], noted["revoke"]) == ("yes", "yes", "no", "yes")
    assert noted["forget"] == "no" and "forget: NOT PROVEN" in done.err


def test_settings_that_cannot_be_read_freeze_the_fleet(world: World, run: Run) -> None:
    world.home.config.write_text("nonsense")
    run(*KEY)
    assert [args["scope"] for verb, args in world.asked if verb == "halt"] == ["fleet"]


def test_a_key_that_no_bot_uses_and_nobody_has_stored(world: World, run: Run) -> None:
    done = run("emergency", "key", "nobodys", "--operator", "jane", "--yes", "--wait", "1")
    assert done.code == 1 and "freeze: nothing to do" in done.err and "no version of nobodys" in done.err


def test_a_key_of_another_environment_is_not_asked_about_here(world: World, run: Run) -> None:
    keys = key_file.read(world.home)
    key_file.write(world.home, {**keys, "main": replace(keys["main"], environment="testnet")})
    done = run(*KEY)
    assert done.code == 1 and world.alive == {API_KEY: "uid 7", SPARE_KEY: "uid 7"}
    assert "testnet.binance.vision" in done.err


def test_a_key_in_a_token_is_proven_dead_and_forgotten_here(world: World, run: Run) -> None:
    keys = key_file.read(world.home)
    key_file.write(world.home, {"other": keys["other"]})
    place = TokenPlace("/usr/lib/a.so", "desk", None, (), PinSource("prompt"))
    hsm_file.write(world.home, {"main": HsmKey("main", "ed25519", API_KEY, "paper", 1, place, "main", None)})
    world.held = {"main": replace(keys["main"])}
    done = run(*KEY)
    assert done.code == 0, done.err
    assert hsm_file.read(world.home) == {} and "no other key sees the account" in done.err


# -- what must be typed


@pytest.mark.parametrize(("typed", "code"), [("key main\n", 0), ("main\n", 1), ("", 1)])
def test_it_is_typed_once_more(world: World, run: Run, typed: str, code: int) -> None:
    done = run("emergency", "key", "main", "--operator", "jane", "--wait", "1", given=typed)
    assert done.code == code and bool(world.asked) == (code == 0)


@pytest.mark.parametrize(
    "words",
    [("--operator", "x y"), ("--wait", "0"), ("--wait", "90000"), ("--cause", ""), ("--cause", "a" * 201)],
)
def test_what_the_guard_would_refuse_is_refused_before_anything_begins(world: World, run: Run, words: Any) -> None:
    done = run("emergency", "key", "main", "--yes", *words)
    assert done.code == 2 and world.asked == []


def test_names_are_as_in_the_settings(world: World, run: Run) -> None:
    assert run("emergency", "bot", "First!", "--yes").code == 2
    assert world.asked == []


def test_who_gives_no_name_answers_by_that_of_the_system(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency.getpass, "getuser", lambda: "ops")
    run("emergency", "key", "main", "--yes", "--wait", "1")
    assert {args["operator"] for verb, args in world.asked if verb == "emergency"} == {"ops"}


# -- bots


def minted(run: Run, home: Home) -> str:
    assert run("bot", "mint", "first").code == 0
    assert run("bot", "mint", "first", "--canary").code == 0
    home.supervisor_file.write_text(json.dumps({"listen": "127.0.0.1:1"}))
    return next(c.key_id for c in credential_file.load_all(home).by_key_id.values() if not c.canary)


def test_a_bot_is_frozen_and_its_credentials_are_shown_to_be_dead(
    world: World, run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = minted(run, home)
    tried: list[str] = []
    monkeypatch.setattr(emergency_bot, "_reason", lambda _listen, key: tried.append(key) or "credential_or_signature")
    done = run("emergency", "bot", "first", "--operator", "jane", "--yes")
    assert done.code == 0, done.err
    assert tried == [key_id] and key_id not in done.err
    assert [c.canary for c in credential_file.load_all(home).by_key_id.values()] == [True]
    names = [step.name for step in PLANS[Subject.BOT]]
    assert world.noted() == [("begin", ""), *[(name, "yes") for name in names], ("end", "yes")]


def test_a_credential_that_is_served_still_is_not_dead(
    world: World, run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted(run, home)
    monkeypatch.setattr(emergency_bot, "_reason", lambda _listen, _key: "with 200")
    done = run("emergency", "bot", "first", "--operator", "jane", "--yes")
    assert done.code == 1 and "refused: NOT PROVEN" in done.err and "is answered with 200" in done.err


def test_nobody_at_the_gateway_s_address_is_no_proof(world: World, run: Run, home: Home) -> None:
    minted(run, home)
    done = run("emergency", "bot", "first", "--operator", "jane", "--yes")
    assert done.code == 1 and "refused: NOT PROVEN" in done.err


def test_a_bot_without_a_credential_and_a_file_that_nobody_can_read(world: World, run: Run, home: Home) -> None:
    done = run("emergency", "bot", "first", "--operator", "jane", "--yes")
    assert done.code == 0 and "it has no credential" in done.err
    broken = home.bots / "0123456789abcdef.age"
    broken.write_bytes(b"junk")
    broken.chmod(0o600)
    done = run("emergency", "bot", "first", "--operator", "jane", "--yes")
    assert done.code == 1 and "of 1 files nobody can tell whose they are" in done.err


@pytest.mark.parametrize("text", ["{}", "not json", "[]"])
def test_a_file_of_the_supervisor_s_that_is_none_holds_up_no_later_step(
    world: World, run: Run, home: Home, text: str
) -> None:
    minted(run, home)
    home.supervisor_file.write_text(text)
    done = run("emergency", "bot", "first", "--operator", "jane", "--yes")
    assert done.code == 1 and "refused: NOT PROVEN" in done.err and "a fault of ours" in done.err
    assert world.noted()[-2:] == [("cancel", "yes"), ("end", "no")]
