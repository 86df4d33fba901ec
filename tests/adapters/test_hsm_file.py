"""The entries of keys in tokens: whole or not at all, no PIN among them, nothing that could steer the loader."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.homes import make_home

from counterseal.adapters import hsm_file
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.hsm_file import HsmKey, PinSource, TokenPlace

PLACE = TokenPlace("/usr/lib/libtoken.so", "desk", None, (("TOKEN_CONF", "/etc/token.conf"),), PinSource("prompt"))
KEY = HsmKey("main", "ed25519", "api-key", "paper", 5, PLACE, "label", "00ff")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def test_what_is_written_is_read_back(home: Home) -> None:
    place = replace(PLACE, label=None, serial="77", settings=(), pin=PinSource("file", "/run/pin"))
    waiting = replace(KEY, ref="other", api_key=None, key_id=None, kind="hmac", token=place)

    assert hsm_file.read(home) == {}
    hsm_file.write(home, {"main": KEY, "other": waiting})

    assert hsm_file.read(home) == {"main": KEY, "other": waiting}
    assert hsm_file.path_of(home).stat().st_mode & 0o777 == 0o600
    assert hsm_file.path_of(home).parent == home.exchange_keys.parent


def test_no_repr_shows_the_api_key() -> None:
    assert "api-key" not in repr(KEY)


def test_a_token_is_called_by_what_names_it() -> None:
    assert PLACE.name == "token desk"
    assert replace(PLACE, label=None, serial="77").name == "token of serial number 77"
    assert PLACE.address != replace(PLACE, module="/other.so").address


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ref": "../x"}, "1 to 32 of"),
        ({"kind": "dsa"}, "kind must be"),
        ({"token": replace(PLACE, module="libtoken.so")}, "absolute path"),
        ({"token": replace(PLACE, label=None)}, "label or its serial"),
        ({"key_label": None, "key_id": None}, "label or its id"),
        ({"key_id": "0"}, "even number of hex"),
        ({"key_id": "0G"}, "even number of hex"),
        ({"key_label": "a\nb"}, "printable"),
        ({"token": replace(PLACE, label="a\x00")}, "printable"),
        *(
            ({"token": replace(PLACE, settings=((name, "/x"),))}, "loader")
            for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "GLIBC_TUNABLES", "PATH=", "lower", "X", "")
        ),
        ({"token": replace(PLACE, settings=(("TOKEN_CONF", "relative"),))}, "absolute"),
        ({"token": replace(PLACE, pin=PinSource("argument", "1234"))}, "prompt, file or credential"),
        ({"token": replace(PLACE, pin=PinSource("file", "relative"))}, "absolute path"),
        ({"token": replace(PLACE, pin=PinSource("credential", "../x/y"))}, "credential's name"),
    ],
)
def test_an_entry_that_cannot_be_is_told_and_not_read(home: Home, change: dict[str, Any], sentence: str) -> None:
    bad = replace(KEY, **change)

    found = hsm_file.fault(bad)

    assert found is not None and sentence in found
    hsm_file.write(home, {"main": bad})
    with pytest.raises(HomeError, match="damaged"):
        hsm_file.read(home)


def test_a_good_entry_has_no_fault() -> None:
    assert hsm_file.fault(KEY) is None


@pytest.mark.parametrize(
    "document", ["", "[]", "{", '{"format": 1}', '{"format": 1, "keys": [7]}', '{"format": 1, "keys": 7}']
)
def test_damage_is_a_sentence(home: Home, document: str) -> None:
    path = hsm_file.path_of(home)
    path.write_text(document)
    path.chmod(0o600)

    with pytest.raises(HomeError, match="damaged"):
        hsm_file.read(home)


def test_an_unknown_format_two_of_one_name_and_an_open_file_are_refused(home: Home) -> None:
    path = hsm_file.path_of(home)
    hsm_file.write(home, {"main": KEY})
    document = json.loads(path.read_text())
    for changed, sentence in (
        ({**document, "format": 2}, "does not know"),
        ({**document, "keys": document["keys"] * 2}, "one name twice"),
    ):
        path.write_text(json.dumps(changed))
        with pytest.raises(HomeError, match=sentence):
            hsm_file.read(home)
    path.chmod(0o644)
    with pytest.raises(HomeError, match="open to other users"):
        hsm_file.read(home)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["ref", "kind", "api_key", "environment", "created_ms", "token", "key_label", "key_id"]),
    value=JSON,
)
def test_any_value_in_any_field_is_read_or_refused_in_a_sentence(home: Home, name: str, value: Any) -> None:
    hsm_file.write(home, {"main": KEY})
    path = hsm_file.path_of(home)
    document = json.loads(path.read_text())
    document["keys"][0][name] = value
    path.write_text(json.dumps(document))

    try:
        found = hsm_file.read(home)
    except HomeError as fault:
        assert "\n" not in str(fault)
    else:
        assert all(hsm_file.fault(key) is None for key in found.values())
