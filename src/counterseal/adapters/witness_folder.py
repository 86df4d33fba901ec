"""A witness: a folder on other storage, to which every signed checkpoint is appended.

It is worth what its storage is worth: storage that this user can neither rewrite nor cut keeps what was signed, a
folder under the same user on the same disk keeps nothing. One file a day and log; notes are parted by empty lines.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from counterseal.core import note
from counterseal.core.note import NoteError

SUFFIX = ".checkpoints"


class WitnessFolder:
    """The files of one witness."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, text: str, wall_ms: int) -> None:
        """Append a note durably; waits for the storage. Raises OSError."""
        origin = text.partition("\n")[0]
        day = datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y%m%d")
        path = self._folder / f"{_plain(origin)}-{day}{SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            data = f"{text}\n".encode()
            if os.write(file, data) != len(data):
                raise OSError(os.EX_IOERR, "a checkpoint was cut short")
            os.fsync(file)
        finally:
            os.close(file)

    def newest(self, origin: str) -> str | None:
        """Give the newest note that was kept of this log, None when there is none. Raises OSError."""
        last = None
        for path in sorted(self._folder.glob(f"{_plain(origin)}-*{SUFFIX}"))[-1:]:
            for each in notes(path.read_text(encoding="utf-8", errors="replace")):
                last = each
        return last

    def all(self, origin: str) -> Iterator[str]:
        """Give every note that was kept of this log, oldest first. Raises OSError."""
        if not self._folder.is_dir():
            raise NotADirectoryError(os.EX_NOINPUT, "no such folder", str(self._folder))
        for path in sorted(self._folder.glob(f"{_plain(origin)}-*{SUFFIX}")):
            yield from notes(path.read_text(encoding="utf-8", errors="replace"))


def notes(text: str) -> Iterator[str]:
    """Take notes apart that were written one after the other, each followed by an empty line; a torn one is none."""
    blocks = text.split("\n\n")
    for head, signatures in zip(blocks[::2], blocks[1::2], strict=False):
        whole = f"{head}\n\n{signatures}\n"
        try:
            note.parse(whole)
        except NoteError:
            continue
        yield whole


def _plain(origin: str) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in origin)
