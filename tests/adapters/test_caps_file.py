"""The sealed caps: what is written is read, and nothing else is believed."""

import stat
from decimal import Decimal
from pathlib import Path

import pytest
from tests.homes import make_home

from counterseal.adapters import age_box, caps_file
from counterseal.adapters.home import Home, HomeError
from counterseal.core.caps import Caps

CAPS = {"main": Caps(max_quantity={"BTCUSDT": Decimal("0.5")}), "*": Caps(max_per_second=5)}


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def test_what_is_sealed_is_opened_and_lies_with_the_keys(home: Home) -> None:
    assert caps_file.read(home) == {}

    caps_file.write(home, CAPS)

    path = caps_file.path_of(home)
    assert caps_file.read(home) == CAPS
    assert caps_file.read(home, age_box.identity_secret(home, "signer")) == CAPS
    assert path.parent == home.exchange_keys.parent
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"BTCUSDT" not in path.read_bytes()


def test_without_any_caps_the_file_goes(home: Home) -> None:
    caps_file.write(home, CAPS)
    caps_file.write(home, {})
    caps_file.write(home, {})

    assert not caps_file.path_of(home).exists()
    assert caps_file.read(home) == {}


@pytest.mark.parametrize("plain", [b"", b"{}", b"\xff", b'{"format": 2, "keys": {}}'])
def test_what_is_damaged_inside_is_refused_and_not_taken_for_no_caps(home: Home, plain: bytes) -> None:
    caps_file.write(home, CAPS)
    caps_file.path_of(home).write_bytes(age_box.seal(home, "signer", plain))

    with pytest.raises(HomeError, match=r"caps\.age is damaged"):
        caps_file.read(home)


def test_what_is_sealed_to_another_or_cut_or_open_to_others_is_refused(home: Home, tmp_path: Path) -> None:
    caps_file.write(home, CAPS)
    path = caps_file.path_of(home)
    sealed = path.read_bytes()

    path.write_bytes(age_box.seal(make_home(tmp_path / "other"), "signer", b"{}"))
    with pytest.raises(HomeError):
        caps_file.read(home)
    path.write_bytes(sealed[:-10])
    with pytest.raises(HomeError):
        caps_file.read(home)
    path.write_bytes(sealed)
    path.chmod(0o640)
    with pytest.raises(HomeError, match="chmod"):
        caps_file.read(home)
