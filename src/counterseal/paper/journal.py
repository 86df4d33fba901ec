"""The exchange's own journal: one JSON line for each request received, written before its answer."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Journal:
    """Appends lines to a file of mode 0600 without a buffer of its own."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._encoder = msgspec.json.Encoder()
        self._count = 0

    def write(self, line: dict[str, object]) -> None:
        """Number a line and hand it to the kernel whole."""
        self._count += 1
        data = self._encoder.encode({"n": self._count, **line}) + b"\n"
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        os.close(self._file)
