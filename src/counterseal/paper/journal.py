"""The exchange's own journal: one JSON line for each request received, written before its answer.

Lines of requests have a `method`.  What happens between requests (fills by the market, liquidations, scenarios, faults
ordered) has an `event` instead, and null where a request has its method and path.
"""

from __future__ import annotations

import os
from hashlib import blake2b
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

    def answered(self, line: dict[str, object], action: str, body: bytes, skew_ms: int) -> None:
        """A request's line, with what goes out: the body's length and digest, and how the connection is treated."""
        line["sent"] = {"bytes": len(body), "digest": blake2b(body, digest_size=8).hexdigest()}
        if action != "send":
            line["action"] = action
        if skew_ms:
            line["skew"] = skew_ms
        self.write(line)

    def happened(self, now_ms: int, event: str, **what: object) -> None:
        """A line of something that no request did."""
        nothing: dict[str, object] = {"method": None, "path": None, "host": None, "params": [], "key": None,
                                      "headers": [], "status": None, "code": None}  # fmt: skip
        self.write({"t": now_ms, **nothing, "event": event, **what})

    def close(self) -> None:
        os.close(self._file)
