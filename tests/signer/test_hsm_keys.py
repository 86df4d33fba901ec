"""What the signer makes of `keys/hsm.json`: keys that sign, and a sentence for each that cannot."""

# ruff: noqa: E402 - what is imported further down exists with the extra only
import builtins
import hmac
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import tokens
from tests.homes import make_home
from tests.tokens import PIN, SoftHsm

tokens.require()

from counterseal.adapters import hsm_file
from counterseal.adapters.home import Home
from counterseal.adapters.hsm_file import HsmKey, PinSource
from counterseal.adapters.pin_source import Pin
from counterseal.adapters.signing import sign
from counterseal.core.messages import HeldKey
from counterseal.core.secret import Secret
from counterseal.signer import hsm_keys
from counterseal.signer.desk import HeldSigningKey

SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
RIGHT = hmac.new(SECRET, b"timestamp=1", "sha256").hexdigest().encode()


class Start:
    """A home and a start of the signer as far as tokens go."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.said: list[str] = []

    def load(self, prompted: Mapping[str, Pin] | None = None) -> dict[str, HeldSigningKey]:
        self.said.clear()
        return hsm_keys.load(self.home, lambda: 0, self.said.append, prompted, environ={})


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Start:
    return Start(make_home(tmp_path / "home"))


def keep(start: Start, *entries: HsmKey) -> None:
    hsm_file.write(start.home, {entry.ref: entry for entry in entries})


def test_without_entries_nothing_is_loaded_and_no_path_is_needed(start: Start) -> None:
    assert start.load() == {}
    assert (hsm_keys.paths(start.home), hsm_keys.writable_paths(start.home)) == ([], [])


def test_keys_of_two_tokens_sign_and_tell_what_the_gateway_may_know(
    start: Start, softhsm: SoftHsm, tmp_path: Path
) -> None:
    places = [tokens.with_pin_file(softhsm.token(), tmp_path / f"pin-{n}") for n in range(2)]
    entries = [tokens.put(tokens.key(place, "hmac", ref=f"k{n}"), SECRET) for n, place in enumerate(places)]
    waiting = replace(entries[0], ref="waiting", api_key=None)
    keep(start, *entries, waiting)

    held = start.load()

    assert list(held) == ["k0", "k1"]
    assert held["k0"].held == HeldKey("k0", "api-key", "hmac", "paper")
    assert {sign(key.signing, b"timestamp=1") for key in held.values()} == {RIGHT}
    assert start.said == []


def test_a_wrong_pin_is_tried_at_one_start_only_until_its_file_changes(
    start: Start, softhsm: SoftHsm, tmp_path: Path
) -> None:
    place = tokens.with_pin_file(softhsm.token(), tmp_path / "pin", "wrong pin")
    good = tokens.with_pin_file(softhsm.token(), tmp_path / "good")
    keep(
        start,
        tokens.put(tokens.key(place, "hmac"), SECRET),
        tokens.put(tokens.key(good, "hmac", ref="good"), SECRET),
    )

    assert list(start.load()) == ["good"]
    assert ["refuses the PIN" in said and "left out: main" in said for said in start.said] == [True]
    assert list(start.load()) == ["good"]
    assert ["has refused this PIN before" in said for said in start.said] == [True]
    (tmp_path / "pin").write_text(PIN)
    assert sorted(start.load()) == ["good", "main"]
    assert start.said == []
    assert "wrong pin" not in (start.home.run / "refused-pins.json").read_text()


def test_a_typed_pin_is_used_and_a_wrong_one_not_tried_by_the_next_signer(start: Start, softhsm: SoftHsm) -> None:
    place = softhsm.token()
    keep(start, tokens.put(tokens.key(place, "hmac"), SECRET))

    assert start.load() == {}
    assert ["was not asked for" in said for said in start.said] == [True]
    wrong = {place.address: Pin(Secret(b"wrong pin"), "first asking")}
    assert (start.load(wrong), "refuses the PIN" in start.said[0]) == ({}, True)
    assert (start.load(wrong), "before" in start.said[0]) == ({}, True)
    assert list(start.load({place.address: Pin(Secret(PIN.encode()), "second asking")})) == ["main"]


def test_a_key_that_is_missing_takes_no_other_with_it(start: Start, softhsm: SoftHsm, tmp_path: Path) -> None:
    place = tokens.with_pin_file(softhsm.token(), tmp_path / "pin")
    entry = tokens.put(tokens.key(place, "hmac"), SECRET)
    keep(start, entry, replace(entry, ref="lost", key_label="lost"))

    assert list(start.load()) == ["main"]
    assert len(start.said) == 1
    assert "left out: lost" in start.said[0]


def test_an_absent_token_keeps_its_keys_for_when_it_is_back(start: Start, softhsm: SoftHsm, tmp_path: Path) -> None:
    place = tokens.with_pin_file(replace(softhsm.token(), label="not yet there"), tmp_path / "pin")
    keep(start, tokens.key(place, "hmac"))

    assert list(start.load()) == ["main"]
    assert ["refuse until it is there" in said for said in start.said] == [True]


def test_a_missing_extra_names_the_command_that_installs_it(
    start: Start, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(start, tokens.key(softhsm.token(), "hmac"))
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "counterseal.adapters" and "pkcs11_token" in (args[2] or ()):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)

    assert start.load() == {}
    assert "pip install 'counterseal[hsm]'" in start.said[0]


def test_the_paths_that_a_sandbox_must_leave_open(start: Start, softhsm: SoftHsm, tmp_path: Path) -> None:
    place = tokens.with_pin_file(softhsm.token(), tmp_path / "pin")
    other = replace(place, module="/bin/true", settings=(("TOKEN_CONF", "/etc/hostname"),), pin=PinSource("prompt"))
    keep(start, tokens.key(place, "hmac"), tokens.key(other, "rsa", ref="other"))

    found = hsm_keys.paths(start.home)

    expected = {softhsm.settings, softhsm.folder, Path(place.module).resolve(), Path("/bin/true").resolve(),
                Path("/etc/hostname")}  # fmt: skip
    assert set(found) == expected
    assert tmp_path / "pin" not in found
    assert hsm_keys.writable_paths(start.home) == [softhsm.folder]
