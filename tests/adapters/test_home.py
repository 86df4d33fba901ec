"""The layout on disk: modes, atomic replacement, refusals that name the way out."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.homes import make_home

from counterseal.adapters import home as home_module
from counterseal.adapters.home import (
    MAX_PRIVATE_FILE,
    Home,
    HomeBusyError,
    HomeError,
    create_private,
    from_environment,
    locked,
    out_of_reach,
    read_private,
    remove_durably,
    replace_private,
)


def test_every_directory_is_0700_and_every_file_0600_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = make_home(tmp_path / "home")
    finally:
        os.umask(before)

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [home.root, *home.root.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert home.signer_identity.read_bytes() != home.gateway_identity.read_bytes()


def test_the_home_is_the_option_then_the_variable_then_the_default(tmp_path: Path) -> None:
    environ = {"COUNTERSEAL_HOME": str(tmp_path / "variable")}

    assert from_environment(environ, str(tmp_path / "option")).root == tmp_path / "option"
    assert from_environment(environ).root == tmp_path / "variable"
    assert from_environment({}).root == Path("~/.counterseal").expanduser()


def test_what_is_no_home_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="counterseal init"):
        Home(tmp_path / "nothing").check()


@pytest.mark.parametrize("directory", ["", "keys", "identities", "bots", "run"])
def test_a_directory_open_to_others_is_refused_with_the_chmod(tmp_path: Path, directory: str) -> None:
    home = make_home(tmp_path / "home")
    (home.root / directory).chmod(0o750)

    with pytest.raises(HomeError, match="chmod 700"):
        home.check()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_open_to_others_is_refused_with_the_chmod(tmp_path: Path, mode: int) -> None:
    create_private(tmp_path / "file", b"x")
    (tmp_path / "file").chmod(mode)

    with pytest.raises(HomeError, match="chmod 600"):
        read_private(tmp_path / "file")


def test_what_is_no_regular_file_of_ours_is_refused(tmp_path: Path) -> None:
    create_private(tmp_path / "real", b"x")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    create_private(tmp_path / "large", b"x" * (MAX_PRIVATE_FILE + 1))

    for name, sentence in [
        ("link", "cannot be opened"),
        ("pipe", "no regular file"),
        ("missing", "missing"),
        ("large", "larger"),
    ]:
        with pytest.raises(HomeError, match=sentence):
            read_private(tmp_path / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    create_private(tmp_path / "file", b"x")
    os.chown(tmp_path / "file", 12345, -1)

    with pytest.raises(HomeError, match="chown"):
        read_private(tmp_path / "file")


def test_creating_never_overwrites_and_replacing_leaves_no_temporary_file(tmp_path: Path) -> None:
    create_private(tmp_path / "file", b"old")
    with pytest.raises(HomeError, match="not overwritten"):
        create_private(tmp_path / "file", b"other")

    replace_private(tmp_path / "file", b"new")

    assert read_private(tmp_path / "file") == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failed_replacement_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_private(tmp_path / "file", b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            replace_private(tmp_path / "file", b"new")

    assert read_private(tmp_path / "file") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_removing_removes(tmp_path: Path) -> None:
    create_private(tmp_path / "file", b"x")
    remove_durably(tmp_path / "file")

    assert not (tmp_path / "file").exists()


def test_a_lock_is_held_once_and_freed_when_its_holder_is_killed(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    program = (
        "import sys, pathlib; from counterseal.adapters.home import *\n"
        "with locked(Home(pathlib.Path(sys.argv[1])), 'x'):\n"
        "  print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(home.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environ()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HomeBusyError), locked(home, "x"):
            pass
        holder.kill()

    with locked(home, "x"):
        assert (home.run / "x.lock").exists()


def _environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(home_module.__file__).parents[2])}


@pytest.mark.threat(28)
def test_a_pin_or_passphrase_below_etc_is_refused(tmp_path: Path) -> None:
    """The gateway's sandbox leaves /etc readable; a link is followed to where it leads."""
    link = tmp_path / "pin"
    link.symlink_to("/etc/counterseal/pin")
    for path in (Path("/etc/counterseal/pin"), link):
        with pytest.raises(HomeError, match="lies below /etc, which the gateway may read"):
            out_of_reach(path)
    assert out_of_reach(tmp_path / "other") == tmp_path / "other"
