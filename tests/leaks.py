"""Finds secrets in whatever a run wrote: each in many encodings, whole or a piece of sixteen bytes of it.

Stacks `plant` what must never be seen; the session's end reads every file below the run's folder (tests/conftest.py).
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

PIECE = 16
_ANCHOR = 8


@dataclass(frozen=True)
class Planted:
    """A secret and what it is called in a report, which never shows it."""

    name: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Planted({self.name!r})"


@dataclass(frozen=True)
class Leak:
    """Where a secret was found, and how it was written there."""

    where: str
    name: str
    encoding: str


planted: list[Planted] = []
_exempt: set[Path] = set()


def plant(name: str, secret: bytes) -> Planted:
    """Note a secret for the whole run."""
    assert len(secret) >= PIECE, "a secret this short would be found everywhere"
    planted.append(Planted(name, secret))
    return planted[-1]


def exempt(path: Path) -> None:
    """Name a file that may hold a secret; say why where this is called."""
    _exempt.add(path.resolve())


def is_exempt(path: Path) -> bool:
    """Tell whether the file may hold a secret."""
    return path.resolve() in _exempt


class Scanner:
    """Looks for a fixed set of secrets.

    Every piece of an encoding that is long enough to betray sixteen bytes of the secret holds an aligned block of eight
    bytes, whatever its offset; files are compared block by block with the set of all blocks, only a hit is looked at.
    """

    def __init__(self, secrets: Iterable[Planted]) -> None:
        self._pieces: dict[bytes, tuple[str, str]] = {}
        self._anchors: set[int] = set()
        self._lengths: set[int] = set()
        for found in secrets:
            for encoding, text, length in encodings(found.secret):
                self._add(found.name, encoding, text, length)

    def _add(self, name: str, encoding: str, text: bytes, length: int) -> None:
        length = min(length, len(text))
        self._lengths.add(length)
        for at in range(len(text) - length + 1):
            self._pieces.setdefault(text[at : at + length], (name, encoding))
        for at in range(len(text) - _ANCHOR + 1):
            self._anchors.add(int.from_bytes(text[at : at + _ANCHOR], "little"))

    def scan(self, where: str, data: bytes) -> list[Leak]:
        """Give what is found in the bytes, each secret and encoding once."""
        found = {hit for form in _forms(data) for hit in self._hits(form)}
        return [Leak(where, name, encoding) for name, encoding in sorted(found)]

    def _hits(self, data: bytes) -> Iterator[tuple[str, str]]:
        whole = memoryview(data)[: len(data) - len(data) % _ANCHOR]
        if self._anchors.isdisjoint(whole.cast("Q")):
            return
        longest = max(self._lengths)
        blocks = whole.cast("Q")
        for number in range(len(blocks)):
            if blocks[number] in self._anchors:
                start = max(0, number * _ANCHOR - longest)
                yield from self._around(data[start : (number + 1) * _ANCHOR + longest])

    def _around(self, region: bytes) -> Iterator[tuple[str, str]]:
        for length in self._lengths:
            for at in range(len(region) - length + 1):
                hit = self._pieces.get(region[at : at + length])
                if hit is not None:
                    yield hit

    def scan_files(self, root: Path) -> tuple[list[Leak], int, int]:
        """Read every file below `root`; gives (leaks, files read, bytes read)."""
        leaks: list[Leak] = []
        files = size = 0
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink() and not is_exempt(path):
                data = path.read_bytes()
                files, size = files + 1, size + len(data)
                leaks += self.scan(str(path), data)
                leaks += self.scan(f"the name of {path.parent}/(a file)", path.name.encode())
        return leaks, files, size


def encodings(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    """Give (name, encoded secret, length of a piece that betrays it) for each way to write it."""
    yield "raw", secret, PIECE
    yield "reversed", secret[::-1], PIECE
    yield "hex", secret.hex().encode(), 2 * PIECE
    yield "upper-case hex", secret.hex().upper().encode(), 2 * PIECE
    yield "reversed hex", secret.hex().encode()[::-1], 2 * PIECE
    for offset in range(3):
        # What stands before shifts the secret within its groups of three bytes; the mixed characters at both ends go.
        text = base64.b64encode(b"\0" * offset + secret)
        inner = text[(0, 2, 3)[offset] :].rstrip(b"=")[:-1]
        yield f"base64 at offset {offset}", inner, PIECE
        yield f"url-safe base64 at offset {offset}", inner.replace(b"+", b"-").replace(b"/", b"_"), PIECE
    yield "base64 with escaped slashes", base64.b64encode(secret).replace(b"/", b"\\/")[:-4], PIECE
    yield "percent-encoded throughout", b"".join(b"%%%02X" % byte for byte in secret), 3 * PIECE
    yield "percent-encoded lower case", b"".join(b"%%%02x" % byte for byte in secret), 3 * PIECE
    yield "percent-encoded", quote_from_bytes(secret, safe="").encode(), PIECE
    text = secret.decode("latin-1")
    yield "JSON", json.dumps(text)[1:-1].encode(), PIECE
    yield "JSON escapes", b"".join(b"\\u%04x" % byte for byte in secret), 6 * PIECE
    yield "repr", repr(secret)[2:-1].encode(), PIECE
    yield "UTF-16 LE", text.encode("utf-16-le"), 2 * PIECE
    yield "UTF-16 BE", text.encode("utf-16-be"), 2 * PIECE
    yield "list of numbers", ", ".join(map(str, secret)).encode(), 3 * PIECE


def _forms(data: bytes) -> Iterator[bytes]:
    """Give the bytes, and what they unpack to where they are packed."""
    yield data
    for unpack in (gzip.decompress, zlib.decompress):
        if data[:2] in (b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
            try:
                yield unpack(data)
            except (OSError, zlib.error, EOFError):
                continue
