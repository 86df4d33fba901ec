"""The copy of what a store elsewhere holds: who makes it, what never replaces it, and what `key import` does beside it.

The store is the real adapter; what answers it is a KV engine in this process.
"""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from tests.homes import HMAC_SECRET
from tests.stores.conftest import section, settle

from counterseal.adapters import age_box, key_file, key_source
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.key_file import StoredKey
from counterseal.adapters.store_vault import VaultStore
from counterseal.cli.main import main
from counterseal.core.secret import Secret
from counterseal.signer import key_page, opener, store_watch

VAULT = {"kind": "vault", "url": "https://127.0.0.1:9", "path": "a", "role": "a", "role_id": "a", "login_file": "s"}
PAPER = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "ca.pem"\n' + section({**VAULT})
KEY = StoredKey("main", "hmac", "api-key-of-main", Secret(HMAC_SECRET), "paper", 1)
OTHER = StoredKey("other", "hmac", "api-key-of-other", Secret(HMAC_SECRET), "paper", 1)
CLEAR = {"apiKey": "A1b2" * 16, "secretKey": HMAC_SECRET.decode()}


class Engine:
    """The calls of KV version 2 that the adapter makes."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []

    def read_secret_version(self, *_path: str, **_more: object) -> dict[str, Any]:
        return {"data": {"data": self.versions[-1], "metadata": {"version": len(self.versions)}}}

    def create_or_update_secret(self, *_path: str, secret: dict[str, Any], cas: int, **_more: object) -> dict[str, Any]:
        assert cas == len(self.versions)
        self.versions.append(secret)
        return {"data": {"version": len(self.versions)}}


class Store(VaultStore):
    """The adapter, with the engine in the place of a client and its connection."""

    def __init__(self, home: Home, engine: Engine) -> None:
        super().__init__(home, key_source.settings_of(home), lambda: (Secret(b""), ""))
        self._engine = SimpleNamespace(secrets=SimpleNamespace(kv=SimpleNamespace(v2=engine)))

    def _within(self, work: Any) -> Any:
        return work(self._engine)


class Desk:
    """A home and its store."""

    def __init__(self, home: Home) -> None:
        self.home, self.engine = settle(home, PAPER), Engine()
        self.store = Store(home, self.engine)
        key_source.put(home, key_source.settings_of(home), self.store)

    def put(self, *keys: StoredKey, **more: object) -> bytes:
        """Have somebody else write these, sealed; gives the envelope."""
        document = {"format": key_file.FORMAT, "keys": [{**key_file._entry(key), **more} for key in keys]}
        sealed = age_box.seal(self.home, "signer", json.dumps(document).encode())
        self.store.read() if self.engine.versions else None
        self.store.write(sealed)
        return sealed

    def open(self) -> list[str]:
        """Open them as the signer's helper does; gives what it would hand over."""
        pieces = opener._opened(self.home, age_box.identity_secret(self.home, "signer"))
        return [entry[0] for entry in json.loads(pieces[1])["keys"]]

    @property
    def copy(self) -> bytes:
        """What lies here."""
        return self.home.exchange_keys.read_bytes()


@pytest.fixture(name="desk")
def _desk(home: Home) -> Desk:
    return Desk(home)


def test_who_only_looks_hides_no_new_keys_from_the_signer(desk: Desk) -> None:
    """The watch compares the store with the copy: the copy is what the signer has taken up, and nothing newer."""
    first = desk.put(KEY)
    assert list(key_file.read(desk.home)) == ["main"] and key_source.fetched(desk.home) is None
    assert desk.open() == ["main"] and desk.copy == first
    assert store_watch.look(desk.home)["digest"] == ""

    second = desk.put(KEY, OTHER)
    assert list(key_file.read(desk.home)) == ["main", "other"] and desk.copy == first
    assert store_watch.look(desk.home)["digest"]
    assert desk.open() == ["main", "other"] and desk.copy == second
    assert store_watch.look(desk.home)["digest"] == ""


def test_who_looks_renews_the_lease_of_what_is_kept(desk: Desk) -> None:
    desk.put(KEY)
    desk.open()
    key_source._note_path(desk.home).write_text(json.dumps({"format": 1, "fetched_ms": 1}))
    key_file.read(desk.home)
    note = key_source.fetched(desk.home)
    assert note is not None and note.fetched_ms > 1


@pytest.mark.parametrize("fault", ["material", "room"])
def test_what_the_signer_could_not_use_replaces_no_good_copy(
    desk: Desk, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = desk.put(KEY)
    desk.open()
    if fault == "material":
        desk.put(KEY, OTHER, secret="first\nsecond")
        sentence = "key main is damaged"
    else:
        desk.put(KEY, OTHER)
        monkeypatch.setattr(key_page, "MAX_KEYS", len(HMAC_SECRET))
        sentence = "more keys than secret memory holds"
    assert desk.open() == ["main"] and desk.copy == first
    said = capsys.readouterr().err
    assert sentence in said and "the copy of" in said and said.count("\n") == 1
    assert store_watch.look(desk.home)["digest"]

    key_source._note_path(desk.home).unlink()
    with pytest.raises(HomeError, match=sentence):
        desk.open()


def test_the_copy_before_stays_until_we_have_written_ourselves(desk: Desk) -> None:
    first = desk.put(KEY)
    desk.open()
    desk.put(KEY, OTHER)
    desk.open()
    previous = key_source.previous_of(desk.home)
    assert previous.read_bytes() == first and previous.stat().st_mode & 0o777 == 0o600
    key_file.write(desk.home, {"other": OTHER})
    assert not previous.exists()


def adopt(desk: Desk, name: str) -> int:
    return main(["key", "import", name, "--kind", "hmac", "--home", str(desk.home.root)])


def test_a_key_in_the_clear_over_sealed_ones_costs_none_of_them(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The copy gives what the store no longer shows; to be destroyed is named only what was in the clear."""
    desk.put(KEY, OTHER)
    desk.open()
    desk.engine.versions.append(CLEAR)

    assert adopt(desk, "third") == 0

    printed = capsys.readouterr()
    assert "-versions=2 a" in printed.out + printed.err and "sealed: main, other, third" in printed.out + printed.err
    found = key_file.read(desk.home)
    assert list(found) == desk.open() == ["main", "other", "third"]
    assert found["main"].api_key == KEY.api_key and found["third"].api_key == CLEAR["apiKey"]


def test_a_key_that_is_named_takes_the_place_of_its_versions_alone(desk: Desk) -> None:
    desk.put(KEY, OTHER)
    desk.open()
    desk.engine.versions.append(CLEAR)
    assert adopt(desk, "main") == 0
    found = key_file.read(desk.home)
    assert found["main"].api_key == CLEAR["apiKey"] and found["other"].api_key == OTHER.api_key
