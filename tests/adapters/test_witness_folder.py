"""The witness's files: what was signed is appended, and read again whatever stands behind it."""

from pathlib import Path

import pytest
from tests.journals import Log

from counterseal.adapters.witness_folder import WitnessFolder, notes

DAY_MS = 24 * 3600 * 1000
T = 1_795_000_000_000
LOG, OTHER = Log(), Log(name="counterseal/other")


def note_of(size: int, log: Log = LOG) -> str:
    return log.sign(size, size.to_bytes(32, "big"))


def test_what_is_kept_is_read_again_over_days_and_logs(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path)
    for number in range(6):
        folder.keep(note_of(number), T + number * DAY_MS // 2)
    folder.keep(note_of(99, OTHER), T)
    assert list(folder.all(LOG.name)) == [note_of(number) for number in range(6)]
    assert (folder.newest(LOG.name), folder.newest(OTHER.name)) == (note_of(5), note_of(99, OTHER))
    assert folder.newest("counterseal/nobody") is None
    assert len(list(tmp_path.iterdir())) == 4
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_torn_note_hides_no_other(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path)
    folder.keep(note_of(1), T)
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write(note_of(2)[:-30])
    assert folder.newest(LOG.name) == note_of(1)
    assert list(notes("")) == []


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        folder.keep(note_of(1), T)
    with pytest.raises(NotADirectoryError):
        list(folder.all(LOG.name))


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path)
    folder.keep(note_of(1), T)
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        folder.keep(note_of(2), T)
