"""counterseal.toml on disk: real files of every kind that must not be believed."""

import os
import socket
from pathlib import Path

import pytest

from counterseal.adapters.config_file import read, read_whole
from counterseal.core.config.model import Config, Fault

TEXT = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:1"\nca_file = "paper/ca.pem"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "counterseal.toml"
    file.write_text(TEXT)
    file.chmod(0o600)
    return file


def refused(path: Path) -> Fault:
    found = read(path)
    assert not isinstance(found, Config)
    (fault,) = found
    return fault


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_a_plain_file_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert isinstance(read(path), Config)


def test_the_ca_file_is_taken_from_the_folder_of_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent.parent)
    found = read(Path(path.parent.name, path.name))
    assert isinstance(found, Config)
    assert found.venue.ca_file == str(path.parent / "paper" / "ca.pem")


def test_an_absolute_ca_file_stays(path: Path) -> None:
    path.write_text(TEXT.replace("paper/ca.pem", "/etc/paper.pem"))
    found = read(path)
    assert isinstance(found, Config) and found.venue.ca_file == "/etc/paper.pem"


def test_without_a_ca_file_nothing_is_resolved(path: Path) -> None:
    path.write_text('[venue]\nenvironment = "testnet"\n')
    found = read(path)
    assert isinstance(found, Config) and found.venue.ca_file is None


def test_faults_of_the_text_are_passed_on(path: Path) -> None:
    path.write_text(TEXT + "[x]\n[y]\n")
    found = read(path)
    assert not isinstance(found, Config)
    assert [fault.line for fault in found] == [5, 6]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    fault = refused(path)
    assert (fault.line, fault.setting) == (0, str(path))
    assert "can be written by others" in fault.cause and "chmod go-w" in fault.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    os.chown(path, 12_345, -1)
    assert "belongs to another user" in refused(path).cause


def test_roots_file_is_believed_and_a_third_users_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    found = read(path)
    assert isinstance(found, Config) is (owner == 0)


def test_a_symbolic_link_is_refused(path: Path) -> None:
    link = path.with_name("link.toml")
    link.symlink_to(path)
    assert "is a symbolic link" in refused(link).cause


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        assert refused(path).cause == "is not a plain file"


def test_a_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        assert "cannot be opened" in refused(tmp_path / "socket").cause


def test_a_missing_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    fault = refused(tmp_path / "none.toml")
    assert fault.cause == "does not exist" and "counterseal init" in fault.remedy


@pytest.mark.parametrize("name", ["a\x00b", "x" * 300, "file/below"])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be opened" in refused(tmp_path / name).cause


def test_a_file_that_may_not_be_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)  # root, who may run the tests, is denied nothing
    assert "may not be read" in refused(path).cause


def test_a_failing_read_is_a_fault() -> None:
    # A plain file by its mode, and reading its start fails: nothing is mapped there.
    assert "cannot be read" in refused(Path("/proc/self/mem")).cause


def test_bytes_that_are_no_utf8_have_a_line(path: Path) -> None:
    path.write_bytes(TEXT.encode() + b"# \xff\n")
    fault = refused(path)
    assert (fault.line, fault.cause) == (5, "is not UTF-8")


@pytest.mark.parametrize(("size", "fits"), [(1024 * 1024, True), (1024 * 1024 + 1, False), (3 * 1024 * 1024, False)])
def test_size_is_bounded(path: Path, size: int, fits: bool) -> None:
    path.write_text(TEXT + "#" * (size - len(TEXT) - 1) + "\n")
    assert isinstance(read(path), Config) is fits


@pytest.mark.threat(58)
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_file_whose_last_line_has_no_end_may_be_cut_short(path: Path, cut: int) -> None:
    """Of a number the first digits are a number too."""
    bot = '[keys.main]\nfunctions = ["trade"]\n[bots.a]\nkeys = ["main"]\nproducts = ["usdm"]\npurposes = ["trade"]\n'
    whole = f'{TEXT}{bot}symbols = ["*"]\nmax_leverage = 100\n'
    path.write_text(whole)
    assert isinstance(read(path), Config)
    path.write_text(whole[:-cut])
    fault = refused(path)
    assert (fault.line, fault.setting) == (12, str(path))
    assert "cut short" in fault.cause


def test_what_was_judged_is_given_with_what_it_means(path: Path) -> None:
    """Whoever names a policy by its bytes names those that are in force, whatever stands there a moment later."""
    loaded = read_whole(path)
    assert isinstance(loaded.found, Config)
    assert loaded.content == TEXT.encode()
    path.unlink()
    assert read_whole(path).content == b""
