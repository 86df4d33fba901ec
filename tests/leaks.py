"""Finds secrets in whatever a run wrote: each in about seventy encodings, whole or a piece of sixteen bytes of it.

Stacks `plant` what must never be seen; the session's end reads every file below the run's folder (tests/conftest.py).
"""

import base64
import bz2
import gzip
import json
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
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

    A file is compared block by block (eight bytes, aligned) with a set of blocks of all encodings; only where one fits
    is looked at how far the text goes on. A piece of L bytes holds (L - 7) // 8 blocks whatever its offset, so that of
    as many blocks in a row one is enough in the set.
    """

    def __init__(self, secrets: Iterable[Planted]) -> None:
        self._texts: list[tuple[str, str, bytes, int]] = []
        self._anchors: dict[int, tuple[tuple[int, int], ...]] = {}
        known: set[tuple[str, bytes]] = set()
        for found in secrets:
            for encoding, text, length in encodings(found.secret):
                if (found.name, text) not in known:
                    known.add((found.name, text))
                    self._add(found.name, encoding, text, min(length, len(text)))

    def _add(self, name: str, encoding: str, text: bytes, length: int) -> None:
        number = len(self._texts)
        self._texts.append((name, encoding, text, length))
        every = max(1, (length - 7) // _ANCHOR)
        for at in range(len(text) - _ANCHOR + 1):
            if at // _ANCHOR % every == 0:
                block = int.from_bytes(text[at : at + _ANCHOR], sys.byteorder)
                self._anchors[block] = (*self._anchors.get(block, ()), (number, at))

    def scan(self, where: str, data: bytes) -> list[Leak]:
        """Give what is found in the bytes, each secret and encoding once."""
        found = {hit for form in _forms(data) for hit in self._hits(form)}
        return [Leak(where, name, encoding) for name, encoding in sorted(found)]

    def _hits(self, data: bytes) -> Iterator[tuple[str, str]]:
        blocks = memoryview(data)[: len(data) - len(data) % _ANCHOR].cast("Q")
        if self._anchors.keys().isdisjoint(blocks):
            return
        for place, block in enumerate(blocks):
            for number, at in self._anchors.get(block, ()):
                name, encoding, text, length = self._texts[number]
                if _run(data, place * _ANCHOR, text, at) >= length:
                    yield name, encoding

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


def _run(data: bytes, place: int, text: bytes, at: int) -> int:
    """Give how long data around `place` and text around `at` are the same."""
    before = 0
    while before < min(place, at) and data[place - before - 1] == text[at - before - 1]:
        before += 1
    after, most = 0, min(len(data) - place, len(text) - at)
    while after < most and data[place + after] == text[at + after]:
        after += 1
    return before + after


def encodings(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    """Give (name, encoded secret, length of a piece that betrays it) for each way to write it."""
    yield "raw", secret, PIECE
    yield "reversed", secret[::-1], PIECE
    yield from _hexadecimal(secret)
    yield from _numbers(secret)
    yield from _base64(secret, "", PIECE)
    yield from _other_bases(secret)
    yield from _escaped(secret)
    yield from _text(secret)
    yield from _twice(secret)


def _hexadecimal(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    digits = secret.hex()
    yield "hex", digits.encode(), 2 * PIECE
    yield "upper-case hex", digits.upper().encode(), 2 * PIECE
    yield "reversed hex", digits.encode()[::-1], 2 * PIECE
    for name, separator in (("spaces", " "), ("colons", ":"), ("dashes", "-")):
        # A line of a dump may hold no more than eight bytes in one run.
        yield f"hex with {name}", secret.hex(separator).encode(), 3 * 8 - 1
        yield f"upper-case hex with {name}", secret.hex(separator).upper().encode(), 3 * 8 - 1
    yield "hex as a list", ", ".join(f"0x{byte:02x}" for byte in secret).encode(), 6 * 8 - 2
    for offset in range(2):
        pairs = [secret[at : at + 2] for at in range(offset, len(secret) - 1, 2)]
        yield f"dump in pairs at offset {offset}", " ".join(pair.hex() for pair in pairs).encode(), 5 * 4 - 1
        yield f"dump in words at offset {offset}", " ".join(pair[::-1].hex() for pair in pairs).encode(), 5 * 4 - 1


def _numbers(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    for name, separator in (("list of numbers", ", "), ("numbers and commas", ","), ("numbers and spaces", " ")):
        yield name, separator.join(map(str, secret)).encode(), 3 * PIECE
    yield "numbers line by line", "\n".join(map(str, secret)).encode(), 3 * PIECE
    yield "signed numbers", ", ".join(str(byte - 256 * (byte > 127)) for byte in secret).encode(), 3 * PIECE
    yield "bits", "".join(f"{byte:08b}" for byte in secret).encode(), 8 * PIECE
    for order in ("big", "little"):
        yield f"one number, {order}-endian", str(int.from_bytes(secret, order)).encode(), 39  # type: ignore[arg-type]


def _base64(secret: bytes, prefix: str, piece: int) -> Iterator[tuple[str, bytes, int]]:
    for offset in range(3):
        # What stands before shifts the secret within its groups of three bytes; the mixed characters at both ends go.
        text = base64.b64encode(b"\0" * offset + secret)
        inner = text[(0, 2, 3)[offset] :].rstrip(b"=")[:-1]
        yield f"{prefix}base64 at offset {offset}", inner, piece
        yield f"{prefix}url-safe base64 at offset {offset}", inner.replace(b"+", b"-").replace(b"/", b"_"), piece
    yield f"{prefix}base64 with escaped slashes", base64.b64encode(secret).replace(b"/", b"\\/")[:-4], piece


_UU = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b"`" + bytes(range(0x21, 0x60))
)


def _other_bases(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + secret)
        yield f"uuencode at offset {offset}", text[(0, 2, 3)[offset] :].rstrip(b"=")[:-1].translate(_UU), PIECE
    for offset in range(5):
        text = base64.b32encode(b"\0" * offset + secret).rstrip(b"=")
        inner = text[(0, 2, 4, 5, 7)[offset] : -1]
        yield f"base32 at offset {offset}", inner, PIECE
        yield f"lower-case base32 at offset {offset}", inner.lower(), PIECE
    for offset in range(4):
        # Groups of four bytes: the broken ones at both ends go.
        whole = secret[(4 - offset) % 4 :]
        whole = whole[: len(whole) // 4 * 4]
        yield f"base85 at offset {offset}", base64.b85encode(whole), PIECE
        yield f"Ascii85 at offset {offset}", base64.a85encode(whole), PIECE


def _escaped(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    for name, form in (
        ("percent-encoded throughout", "%{:02X}"),
        ("percent-encoded lower case", "%{:02x}"),
        ("percent-encoded twice", "%25{:02X}"),
        ("JSON escapes", "\\u{:04x}"),
        ("upper-case JSON escapes", "\\u{:04X}"),
        ("C escapes", "\\x{:02x}"),
        ("upper-case C escapes", "\\x{:02X}"),
        ("octal escapes", "\\{:03o}"),
        ("quoted-printable", "={:02X}"),
        ("decimal entities", "&#{};"),
        ("hexadecimal entities", "&#x{:x};"),
    ):
        yield name, "".join(form.format(byte) for byte in secret).encode(), 3 * PIECE


def _text(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    for name, write in _AS_TEXT.items():
        # Sixteen bytes of a secret that is no text grow; as few of its signs as of a text's would be found anywhere.
        sixteen = max(len(write(secret[at : at + PIECE])) for at in range(max(1, len(secret) - PIECE)))
        yield name, write(secret), sixteen
    for name, size in (("utf-16-le", 2), ("utf-16-be", 2), ("utf-32-le", 4), ("utf-32-be", 4)):
        yield name.upper(), secret.decode("latin-1").encode(name), size * PIECE
    yield "swapped case", secret.swapcase(), PIECE
    yield "ROT13", secret.translate(_ROT13), PIECE


_AS_TEXT: dict[str, Callable[[bytes], bytes]] = {
    "percent-encoded": lambda secret: quote_from_bytes(secret, safe="").encode(),
    "JSON": lambda secret: json.dumps(secret.decode("latin-1"))[1:-1].encode(),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret.decode("latin-1")))[3:-3].encode(),
    "repr": lambda secret: repr(secret)[2:-1].encode(),
    "UTF-8 of Latin-1": lambda secret: secret.decode("latin-1").encode(),
    "EBCDIC": lambda secret: secret.decode("latin-1").encode("cp500"),
}
_ROT13 = bytes(
    (byte - base + 13) % 26 + base if (base := 65 if 65 <= byte <= 90 else 97 if 97 <= byte <= 122 else 0) else byte
    for byte in range(256)
)


def _twice(secret: bytes) -> Iterator[tuple[str, bytes, int]]:
    digits = secret.hex().encode()
    yield from _base64(digits, "hex in ", 40)
    for offset in range(3):
        once = base64.b64encode(b"\0" * offset + secret)[(0, 2, 3)[offset] :].rstrip(b"=")[:-1]
        yield f"base64 in hex at offset {offset}", once.hex().encode(), 2 * PIECE
        yield from _base64(once, f"base64 at offset {offset} in ", 24)


def _forms(data: bytes) -> Iterator[bytes]:
    """Give the bytes, and what they unpack to where they are packed."""
    yield data
    for magics, unpack in _PACKED:
        if data.startswith(magics):
            try:
                yield unpack(data)
            except (OSError, zlib.error, lzma.LZMAError, EOFError, ValueError):
                continue


_PACKED: tuple[tuple[tuple[bytes, ...], Callable[[bytes], bytes]], ...] = (
    ((b"\x1f\x8b",), gzip.decompress),
    ((b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x78\x5e"), zlib.decompress),
    ((b"BZh",), bz2.decompress),
    ((b"\xfd7zXZ\0", b"\x5d\0\0"), lzma.decompress),
)
