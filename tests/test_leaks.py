"""LEAK-1's own test: what the scanner must find is planted in 200 ways, 200 are found; where nothing is, nothing is."""

# ruff: noqa: TID251 - randomness is seeded
import base64
import binascii
import bz2
import gzip
import io
import json
import lzma
import pprint
import quopri
import random
import textwrap
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_from_bytes, urlencode

import pytest
from tests import leaks
from tests.leaks import Planted, Scanner, encodings

RNG = random.Random(7)
TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BECH32 = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
SECRETS = {
    "hmac secret": bytes(RNG.choices(TOKEN, k=64)),
    "hmac secret with signs": bytes(RNG.choices(TOKEN + b"+/=-_.~!$&'()*", k=64)),
    "ed25519 seed": RNG.randbytes(32),
    "rsa prime": RNG.randbytes(128),
    "age identity": bytes(RNG.choices(BECH32, k=58)),
}
NOISE = b'abcdefghij ,:{}"0123456789\n'


def dump(data: bytes, *, words: bool = False) -> bytes:
    """What `hexdump -C` prints, or with `words` what `xxd` prints."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        if words:
            pairs = " ".join(row[pair : pair + 2].hex() for pair in range(0, len(row), 2))
            lines.append(f"{at:08x}: {pairs:<39}  {shown}")
        else:
            lines.append(f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{shown}|")
    return "\n".join(lines).encode()


def zipped(data: bytes) -> bytes:
    """A packed file whose text is not packed: stored as it is."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("key", data)
    return target.getvalue()


def uu(data: bytes) -> bytes:
    return b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))


# How other programs write, by code that shares nothing with the scanner's.
WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "a line of a log": lambda s: b"level=info secret=" + s + b" order=1",
    "base64 in lines of 76": base64.encodebytes,
    "base64 in lines of 64": lambda s: "\n".join(textwrap.wrap(base64.b64encode(b"0\x2e" + s).decode(), 64)).encode(),
    "url-safe base64 without padding": lambda s: base64.urlsafe_b64encode(b"x" + s).rstrip(b"="),
    "Basic authorization": lambda s: b"Authorization: Basic " + base64.b64encode(b"user:" + s),
    "PEM": lambda s: b"-----BEGIN X-----\n" + base64.encodebytes(b"\x30\x2e\x02\x01\x00" + s) + b"-----END X-----",
    "base64 of base64": lambda s: base64.b64encode(base64.b64encode(s)),
    "base64 of hex": lambda s: base64.b64encode(b"k=" + s.hex().encode()),
    "base32": lambda s: base64.b32encode(b"abc" + s),
    "base85": lambda s: base64.b85encode(s),
    "Ascii85": lambda s: base64.a85encode(b"ab" + s, adobe=True),
    "uuencode": uu,
    "hexdump -C": dump,
    "xxd": lambda s: dump(s, words=True),
    "xxd -p": lambda s: "\n".join(textwrap.wrap(s.hex(), 60)).encode(),
    "od -An -tx1": lambda s: b"\n".join(b" " + s[at : at + 16].hex(" ").encode() for at in range(0, len(s), 16)),
    "a fingerprint": lambda s: s.hex(":").upper().encode(),
    "a C array": lambda s: b"{ " + b", ".join(b"0x%02x" % byte for byte in s) + b" }",
    "a C string": lambda s: b'"' + b"".join(b"\\x%02x" % byte for byte in s) + b'"',
    "octal": lambda s: b"".join(b"\\%03o" % byte for byte in s),
    "JSON": lambda s: json.dumps({"key": s.decode("latin-1")}).encode(),
    "JSON in JSON": lambda s: json.dumps({"log": json.dumps({"key": s.decode("latin-1")})}).encode(),
    "an array of numbers": lambda s: json.dumps(list(s)).encode(),
    "a compact array of numbers": lambda s: json.dumps(list(s), separators=(",", ":")).encode(),
    "numbers as Go prints them": lambda s: str(list(s)).replace(",", "").encode(),
    "numbers as pprint writes them": lambda s: pprint.pformat(list(s), width=1 << 20).encode(),
    "an integer": lambda s: b"d=%d" % int.from_bytes(s, "big"),
    "repr": lambda s: repr({"key": s}).encode(),
    "repr of a bytearray": lambda s: repr(bytearray(s)).encode(),
    "a query": lambda s: urlencode({"a": "1", "key": s}, encoding="latin-1").encode(),
    "a path, encoded twice": lambda s: quote("".join(f"%{byte:02X}" for byte in s), safe="").encode(),
    "percent-encoded": lambda s: quote_from_bytes(s, safe="").encode(),
    "quoted-printable": lambda s: b"".join(b"=%02X" % byte for byte in s),
    "quopri": lambda s: quopri.encodestring(s) if s.isalnum() else b"".join(b"=%02X" % byte for byte in s),
    "entities": lambda s: "".join(f"&#{byte};" for byte in s).encode(),
    "UTF-8": lambda s: s.decode("latin-1").encode(),
    "UTF-16": lambda s: s.decode("latin-1").encode("utf-16"),
    "UTF-32": lambda s: s.decode("latin-1").encode("utf-32"),
    "gzip": lambda s: gzip.compress(b"log " + s),
    "zlib": lambda s: zlib.compress(b"log " + s),
    "bzip2": lambda s: bz2.compress(b"log " + s),
    "xz": lambda s: lzma.compress(b"log " + s),
    "a stored file in a zip": zipped,
    "bits": lambda s: "".join(f"{byte:08b}" for byte in s).encode(),
    "backwards": lambda s: s[::-1],
}
PACKED = ("gzip", "zlib", "bzip2", "xz")


def noise(size: int) -> bytes:
    return bytes(RNG.choices(NOISE, k=size))


@pytest.mark.threat(70)
def test_200_planted_are_200_found() -> None:
    """Every secret in every way of writing, each in a file of its own, at a place of its own."""
    scanner = Scanner([Planted(name, secret) for name, secret in SECRETS.items()])
    planted = found = 0
    missed = []
    for writer, write in WRITERS.items():
        for name, secret in SECRETS.items():
            text = write(secret)
            if writer not in PACKED:
                text = noise(RNG.randint(0, 3000)) + text + noise(RNG.randint(0, 3000))
            planted += 1
            names = {leak.name for leak in scanner.scan("file", text)}
            assert names <= {name}, "what is found is what was planted"
            if names:
                found += 1
            else:
                missed.append((writer, name))
    print(f"{planted} planted in {len(WRITERS)} ways, {found} found")
    assert missed == []
    assert planted == found >= 200


def test_every_encoding_is_found_whole_and_as_a_piece_at_every_alignment() -> None:
    scanner = Scanner([Planted(name, secret) for name, secret in SECRETS.items()])
    for name, secret in SECRETS.items():
        known = list(encodings(secret))
        assert len({encoding for encoding, _, _ in known}) == len(known) > 100
        for encoding, text, length in known:
            for shift in range(8):
                at = RNG.randrange(0, len(text) - length + 1)
                piece = b"~" * shift + text[at : at + length] + b"~~"
                assert name in {leak.name for leak in scanner.scan("x", piece)}, (encoding, shift)


def test_nothing_is_found_where_nothing_is() -> None:
    scanner = Scanner([Planted(name, secret) for name, secret in SECRETS.items()])
    for _ in range(100):
        other = RNG.randbytes(400)
        for write in WRITERS.values():
            assert scanner.scan("x", write(other)) == []
    for secret in SECRETS.values():
        assert scanner.scan("x", b"~" + secret[:15] + b"~" * 9) == [], "fifteen bytes are below what counts"


def test_a_report_shows_no_secret() -> None:
    secret = SECRETS["hmac secret"]
    found = leaks.Scanner([Planted("own", secret)]).scan("file", secret)
    assert secret.decode() not in str(found)
