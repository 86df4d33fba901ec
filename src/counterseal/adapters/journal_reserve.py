"""Room on the disk that is taken in advance: what exits write there when the journal's own segment takes no more."""

import errno
import os
from pathlib import Path

from counterseal.adapters.journal_segments import RESERVE, scan_file
from counterseal.core import record

FULL = errno.ENOSPC


class Reserve:
    """A file of `size` bytes. It begins as a segment does; behind its records it holds zeros.

    A reserve that cannot be made is `broken`; it is tried again at the next start.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._path, self._size = folder / RESERVE, size
        self._file = -1
        self._at = 0
        self.broken = ""

    def clear(self) -> None:
        """Empty it and take its room. Raises OSError when it held records and cannot be emptied."""
        file = self._opened()
        if os.fstat(file).st_size != self._size or self._holds_something(file):
            os.ftruncate(file, 0)
            self._make(file)
        self._at = len(record.MAGIC)

    def go_on(self) -> None:
        """Write behind the records that it holds already."""
        try:
            file = self._opened()
            self._at = scan_file(self._path).end
            if not self._at:
                self._make(file)
                self._at = len(record.MAGIC)
        except OSError as fault:
            self.broken = str(fault.strerror)

    def write(self, data: bytes) -> None:
        """Write whole records. Raises OSError when there is no room or the disk fails."""
        if self.broken or self._file < 0 or self._at + len(data) > self._size:
            raise OSError(FULL, self.broken or "the reserve is used up")
        if os.pwrite(self._file, data, self._at) != len(data):
            raise OSError(FULL, "the reserve takes no more")
        self._at += len(data)

    def sync(self) -> None:
        """Make what was written durable. Raises OSError."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _opened(self) -> int:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def _holds_something(self, file: int) -> bool:
        head = os.pread(file, len(record.MAGIC) + 1, 0)
        return head[:-1] != record.MAGIC or head[-1:] != b"\x00"

    def _make(self, file: int) -> None:
        try:
            os.posix_fallocate(file, 0, self._size)
            os.pwrite(file, record.MAGIC, 0)
            os.fsync(file)
            self.broken = ""
        except OSError as fault:
            self.broken = str(fault.strerror)
