"""Folders that Python needs are allowed without what lies below the home."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.sandbox import paths
from counterseal.adapters.sandbox.landlock import READ, READ_DIR, READ_FILE, Grant


def readable(grants: tuple[Grant, ...], path: Path) -> bool:
    """Whether Landlock would let these grants read a file: a rule on it or on any folder above."""
    return any(grant.rights & READ_FILE and path.is_relative_to(grant.path) for grant in grants)


def test_a_folder_beside_the_home_is_allowed_whole(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    assert list(paths.beside(tmp_path / "lib", tmp_path / "home")) == [Grant(tmp_path / "lib", READ)]


def test_a_folder_inside_the_home_is_not_allowed(tmp_path: Path) -> None:
    (tmp_path / "home" / "venv").mkdir(parents=True)
    assert list(paths.beside(tmp_path / "home" / "venv", tmp_path / "home")) == []
    assert list(paths.beside(tmp_path / "home", tmp_path / "home")) == []


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4))
def test_a_folder_around_the_home_is_allowed_but_for_the_home(
    tmp_path_factory: pytest.TempPathFactory, way: list[str]
) -> None:
    top = tmp_path_factory.mktemp("top").resolve()
    home = top.joinpath(*way)
    home.mkdir(parents=True)
    beside = []
    for depth in range(len(way)):
        file = top.joinpath(*way[:depth]) / f"file-{depth}"
        file.write_text("x")
        beside.append(file)
    (top / "link").symlink_to(home)
    grants = tuple(paths.beside(top, home))

    assert all(readable(grants, file) for file in beside)
    assert not readable(grants, home / "keys" / "exchange.age")
    # Names may still be listed: Landlock has no way to allow that for one folder alone.
    assert Grant(top, READ_DIR) in grants


def test_python_and_its_libraries_are_allowed_and_a_home_is_not(tmp_path: Path) -> None:
    grants = paths.python(tmp_path)
    assert readable(grants, Path(sys.base_prefix).resolve() / "lib" / "x.py")
    assert readable(grants, paths.package_directory() / "core" / "secret.py")
    assert readable(grants, Path("/usr/lib/x.so"))
    assert not readable(grants, tmp_path / "keys" / "exchange.age")
    assert not readable(grants, Path("/home/somebody/.ssh/id_ed25519"))
    assert not readable(grants, Path("/proc/1/environ"))


def test_names_and_certificates_are_allowed(tmp_path: Path) -> None:
    grants = paths.network(tmp_path)
    assert readable(grants, Path("/etc/resolv.conf").resolve())
    assert readable(grants, Path("/etc/hosts"))
    assert not readable(grants, Path("/run/credentials/counterseal.service/passphrase"))
