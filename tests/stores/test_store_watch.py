"""The store asked now and then: what the gateway is told, when the signer takes up new keys, and that it ends there."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.homes import HMAC_SECRET, SOURCE
from tests.stores import services
from tests.stores.conftest import section, settle, vault_settings
from tests.stores.services import MOUNT, PATH, OpenBao
from tests.supervisor.conftest import Running, wait_until

from counterseal.adapters import age_box, key_file, key_source
from counterseal.adapters.home import Home
from counterseal.adapters.key_file import StoredKey
from counterseal.core.lease import HOUR_MS
from counterseal.core.secret import Secret
from counterseal.signer import store_watch as helper
from counterseal.supervisor.store_watch import AGAIN_S, StoreWatch

PAPER = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "ca.pem"\n'
KEY = StoredKey("main", "hmac", "api", Secret(HMAC_SECRET), "paper", 1)


def sealed(home: Home, **more: Any) -> bytes:
    document = {"format": key_file.FORMAT, "keys": [{**key_file._entry(KEY), **more}]}
    return age_box.seal(home, "signer", json.dumps(document).encode())


class Heard:
    """What a watch has done."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.refills = 0
        self.is_ready = True
        self.said: list[str] = []

    def watch(self, home: Home) -> StoreWatch:
        def refill() -> bool:
            self.refills += self.is_ready
            return self.is_ready

        return StoreWatch(home, 900.0, {}, lambda: 1_000_000, self.told.append, refill, self.said.append)


def report(why: str = "", digest: str = "", age_ms: int | None = 0) -> dict[str, Any]:
    return {"why": why, "digest": digest, "age_ms": age_ms, "length_ms": 24 * HOUR_MS}


def test_the_gateway_is_told_the_lease_in_its_own_time(home: Home) -> None:
    async def work() -> Heard:
        heard = Heard()
        watch = heard.watch(home)
        assert watch._judge(report()) == 900.0
        assert watch._judge(report("gone", age_ms=60_000)) == 900.0
        watch._judge(report("gone", age_ms=120_000))
        watch._judge(report())
        watch._judge(report("gone", age_ms=None))
        return heard

    heard = asyncio.run(work())
    lease = {"length_ms": 24 * HOUR_MS}
    assert heard.told == [
        {"fetched_ms": 1_000_000, "why": "", **lease},
        {"fetched_ms": 940_000, "why": "gone", **lease},
        {"fetched_ms": 880_000, "why": "gone", **lease},
        {"fetched_ms": 1_000_000, "why": "", **lease},
    ]
    assert heard.said == ["warning: gone"] * 2 and heard.refills == 0


def test_something_new_is_taken_up_and_what_cannot_be_used_is_told_and_tried_again(home: Home) -> None:
    async def work() -> Heard:
        heard = Heard()
        watch = heard.watch(home)
        heard.is_ready = False
        assert watch._judge(report(digest="new", age_ms=None)) == AGAIN_S
        assert heard.told == [] and heard.said == []
        heard.is_ready = True
        assert watch._judge(report(digest="new", age_ms=60_000)) == AGAIN_S
        assert heard.told == [] and heard.refills == 1
        assert watch._judge(report(digest="new", age_ms=70_000)) == 900.0
        # Tried again: the reason may have been another one, and what works at last must not wait for a new version.
        assert watch._judge(report(digest="new", age_ms=80_000)) == AGAIN_S and heard.refills == 2
        assert watch._judge(report(digest="new", age_ms=90_000)) == 900.0
        heard.is_ready = False
        assert watch._judge(report(digest="new", age_ms=95_000)) == 900.0
        heard.is_ready = True
        assert watch._judge(report(digest="newer", age_ms=96_000)) == AGAIN_S and heard.refills == 3
        assert watch._judge(report()) == 900.0
        # What was taken up before and has come back is new.
        assert watch._judge(report(digest="newer", age_ms=97_000)) == AGAIN_S and heard.refills == 4
        return heard

    heard = asyncio.run(work())
    unusable = "the store holds something new that the signer could not use"
    assert [told["why"] for told in heard.told] == [unusable] * 3 + [""]
    new = "the store of keys holds something new; the signer takes it up"
    assert heard.said == [new, f"warning: {unusable}", new, new]


@pytest.mark.parametrize("words", ["{", "[]", "[" * 60_000, '{"why": "", "digest": "", "age_ms": 1e999}'])
def test_a_helper_that_hangs_or_writes_nonsense_stops_nothing(home: Home, words: str) -> None:
    """It has written and lives on: it is ended, nobody waits for it, and the store is asked again."""

    async def work() -> tuple[Heard, bool]:
        heard = Heard()
        watch = heard.watch(home)
        later: list[float] = []
        ours, theirs = os.pipe()
        process = subprocess.Popen(["sleep", "60"])
        os.write(theirs, words.encode())
        os.close(theirs)
        watch._loop = cast(Any, SimpleNamespace(
            remove_reader=lambda _fd: None, call_later=lambda wait_s, _work: later.append(wait_s)
        ))  # fmt: skip
        watch._heard(ours, process, asyncio.get_running_loop().call_later(60, process.kill))
        assert process.returncode == -signal.SIGKILL
        return heard, later == [900.0]

    heard, is_asked_again = asyncio.run(work())
    assert is_asked_again and heard.told == []
    assert heard.said == ["the helper that asks the store of keys gave a report that cannot be read"]


def test_a_helper_that_fails_is_asked_again(home: Home) -> None:
    """Its end without a word is no news."""

    async def work() -> Heard:
        heard = Heard()
        watch = heard.watch(home)
        home.config.write_text("[keystore\n")
        watch._environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
        over = asyncio.Event()
        hear = watch._heard
        watch._heard = lambda *what: (hear(*what), over.set())  # type: ignore[method-assign, assignment, func-returns-value]
        watch._look()
        await asyncio.wait_for(over.wait(), 20)
        return heard

    heard = asyncio.run(work())
    assert heard.told == [] and heard.refills == 0


# -- with a server


@pytest.fixture(name="desk")
def _desk(bao: OpenBao, home: Home) -> Home:
    settle(home, PAPER + vault_settings(bao, timeout_s=3), bao.wrapped_secret_id())
    put(bao, sealed(home))
    return home


def put(bao: OpenBao, content: bytes) -> None:
    import base64

    data = {"age": base64.b64encode(content).decode()}
    bao.client().secrets.kv.v2.create_or_update_secret(PATH, data, mount_point=MOUNT)


@pytest.mark.slow
def test_the_helper_compares_and_renews_and_keeps_nothing_unopened(bao: OpenBao, desk: Home) -> None:
    assert helper.look(desk)["digest"] and not desk.exchange_keys.exists()
    assert list(key_file.read(desk)) == ["main"] and not desk.exchange_keys.exists()
    assert list(key_file.read(desk, judge=lambda _keys: None)) == ["main"]
    copy = desk.exchange_keys.read_bytes()
    note = key_source._note_path(desk)
    note.write_text(json.dumps({"format": 1, "fetched_ms": key_source._now_ms() - HOUR_MS}))

    found = helper.look(desk)
    assert (found["why"], found["digest"]) == ("", "") and found["age_ms"] < 60_000

    put(bao, b"garbage")
    found = helper.look(desk)
    assert found["why"] == "" and len(found["digest"]) == 64
    assert desk.exchange_keys.read_bytes() == copy

    bao.seal()
    try:
        found = helper.look(desk)
        assert "cannot serve now" in found["why"] and found["age_ms"] < 60_000
    finally:
        bao.unseal()


@contextmanager
def watched(home: Home, *, waits: bool = True) -> Iterator[Running]:
    """The real supervisor, in its sandbox."""
    paths = [str(SOURCE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    script = Path(__file__).with_name("run_watched.py")
    supervisor = Path(__file__).parents[1] / "supervisor" / "run_supervisor.py"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([*paths, str(Path(__file__).parents[2])])}
    running = Running.__new__(Running)
    running.home, running.log = home, home.logs / "output"
    with running.log.open("ab") as log, ExitStack() as stack:
        running.process = stack.enter_context(subprocess.Popen(
            [sys.executable, str(script), str(supervisor), str(home.root), "127.0.0.1:0"],
            env=environ, stdout=log, stderr=log,
        ))  # fmt: skip
        try:
            if waits:
                running.wait_ready()
            yield running
            assert running.end() == 0
        finally:
            if running.process.poll() is None:
                running.process.kill()


@pytest.mark.slow
def test_new_keys_in_the_store_are_taken_up_and_a_store_that_is_away_is_told(bao: OpenBao, desk: Home) -> None:
    with watched(desk) as running:
        first = running.connect()
        log = running.log.read_text
        signer = running.pids()["signer"]
        wait_until(lambda: key_source.fetched(desk) is not None)

        put(bao, sealed(desk, secret="another-secret-of-the-same-key"))
        wait_until(lambda: "holds something new" in log() and running.pids()["signer"] not in (None, signer), 20)
        running.wait_ready()
        assert running.connect()["query"] != first["query"] and key_source.previous_of(desk).exists()

        # What nobody can open is not taken up, and the keys stay.
        copy, signer = desk.exchange_keys.read_bytes(), running.pids()["signer"]
        put(bao, b"age-encryption.org/v1\nnonsense")
        wait_until(lambda: "the signer could not use" in log(), 20)
        running.wait_ready()
        assert "&signature=" in running.connect()["query"] and desk.exchange_keys.read_bytes() == copy
        wait_until(lambda: "is used, no longer than keystore.max_lease_hours" in log())

        put(bao, copy)
        bao.seal()
        try:
            wait_until(lambda: "cannot serve now" in log(), 20)
            running.call("restart_signer")
            assert "&signature=" in running.connect()["query"]
        finally:
            bao.unseal()
    assert HMAC_SECRET.decode() not in log() and "Traceback" not in log()


@pytest.mark.slow
def test_with_the_store_away_and_no_copy_the_signer_waits_for_it(bao: OpenBao, desk: Home) -> None:
    """Nothing is signed until it is back; nobody has to do anything then."""
    bao.seal()
    with ExitStack() as stack:
        sealed_now = stack.enter_context(ExitStack())
        sealed_now.callback(bao.unseal)
        running = stack.enter_context(watched(desk, waits=False))
        wait_until(lambda: "cannot serve now" in running.log.read_text(), 20)
        assert not key_source._note_path(desk).exists()
        sealed_now.close()
        running.wait_ready()
        assert "&signature=" in running.connect()["query"]


def test_a_file_is_not_watched(home: Home) -> None:
    settle(home, PAPER + section({"kind": "file"}))
    assert key_source.settings_of(home).kind not in key_source.REMOTE
    assert services.PATH and key_source.lease_of(home) is None
