"""What a hostile or broken bot may send on its WebSocket: some forty shapes, each with the close code that it meets."""

import hashlib
from typing import NamedTuple

from websockets.frames import Frame, Opcode

MASK = bytes(4)
TEXT, CONT, BINARY, PING, PONG, CLOSE = (
    Opcode.TEXT, Opcode.CONT, Opcode.BINARY, Opcode.PING, Opcode.PONG, Opcode.CLOSE,
)  # fmt: skip


class Flood(NamedTuple):
    """`code` None: the connection may stay. Sent in pieces of `piece` bytes."""

    name: str
    data: bytes
    code: int | None
    piece: int = 65_536


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, data, fin).serialize(mask=True)


def header(first: int, length: bytes) -> bytes:
    """The beginning of a masked frame, as one likes."""
    return bytes((first,)) + length + MASK


def command(method: str, params: str = "[]", asked: str = "1") -> bytes:
    """A command in its frame."""
    return frame(TEXT, f'{{"method":"{method}","params":{params},"id":{asked}}}'.encode())


def _names(count: int) -> str:
    return "[" + ",".join(f'"s{number}@trade"' for number in range(count)) + "]"


def _noise() -> bytes:
    # The first byte is that of a text with all reserved bits set.
    return b"\xf1" + hashlib.shake_256(b"noise").digest(1 << 20)


NO_UTF8 = frame(TEXT, b"\xff\xfe")
UNMASKED = Frame(TEXT, b"{}").serialize(mask=False)
SUBSCRIBE = command("SUBSCRIBE", '["btcusdt@trade"]')

MANY = (
    Flood("100,000 pings", frame(PING) * 100_000, 1008),
    Flood("100,000 full pings", frame(PING, b"x" * 125) * 100_000, 1008),
    Flood("100,000 pongs", frame(PONG) * 100_000, 1008),
    Flood("100,000 full pongs", frame(PONG, b"x" * 125) * 100_000, 1008),
    Flood("100,000 goodbyes", frame(CLOSE, b"\x03\xe8") * 100_000, 1000),
    Flood("1,000,000 fragments", frame(TEXT, b"{", fin=False) + frame(CONT, b" ", fin=False) * 1_000_000, 1008),
    Flood("1,000,000 empty fragments", frame(TEXT, fin=False) + frame(CONT, fin=False) * 1_000_000, 1008),
    Flood("pings between fragments", frame(TEXT, b"{", fin=False) + frame(PING) * 10_000, 1008),
    Flood("empty messages", frame(TEXT) * 100_000, 1008),
    Flood("10,000 subscriptions", SUBSCRIBE * 10_000, 1008),
    Flood("subscriptions come and go", (SUBSCRIBE + command("UNSUBSCRIBE", '["btcusdt@trade"]')) * 10_000, 1008),
    Flood("10,000 questions", command("LIST_SUBSCRIPTIONS") * 10_000, 1008),
    Flood("10,000 changes of mind", command("SET_PROPERTY", '["combined",true]') * 10_000, 1008),
    Flood("largest messages", frame(TEXT, b"x" * 65_536) * 100, 1008),
)
LARGE = (
    Flood("giant length", header(0x81, b"\xff\x7f" + b"\xff" * 7) + b"x", 1009),
    Flood("length with its top bit set", header(0x81, b"\xff" + b"\xff" * 8) + b"x" * 1000, 1009),
    Flood("one byte too long", header(0x81, b"\xff" + (65_537).to_bytes(8, "big")) + b"x" * 100, 1009),
    Flood("too long in two fragments", frame(TEXT, b"x" * 40_000, fin=False) + frame(CONT, b"x" * 40_000), 1009),
    Flood("a message byte by byte", frame(TEXT, b"x" * 65_536)[:20_000], None, 1),
    Flood("fragments without an end", frame(TEXT, b"x" * 4_096, fin=False) + frame(CONT, b"x", fin=False) * 3, None),
    Flood("4,000 names in a command", command("SUBSCRIBE", _names(4_000)), None),
    Flood("deep nesting", frame(TEXT, b"[" * 65_536), None),
    Flood("a number of 65,000 digits", command("LIST_SUBSCRIPTIONS", asked="9" * 65_000), None),
    Flood("an id of 65,000 characters", command("LIST_SUBSCRIPTIONS", asked='"' + "x" * 65_000 + '"'), None),
    Flood("6,000 members", frame(TEXT, b"{" + b",".join(b'"%d":[]' % n for n in range(6_000)) + b"}"), None),
)
FAULTS = (
    Flood("unmasked", UNMASKED * 10_000, 1002),
    Flood("pings, then unmasked", frame(PING) * 10 + UNMASKED, 1002),
    Flood("a reserved bit", header(0xC1, b"\x80") * 10_000, 1002),
    Flood("an unknown kind of message", header(0x83, b"\x80") * 10_000, 1002),
    Flood("an unknown kind of control", header(0x8B, b"\x80") * 10_000, 1002),
    Flood("a long ping", header(0x89, b"\xfe\x00\x7e") + b"x" * 126, 1002),
    Flood("a ping in fragments", header(0x09, b"\x80") * 10_000, 1002),
    Flood("fragments of nothing", frame(CONT, b"x") * 10_000, 1002),
    Flood("a text within a text", frame(TEXT, b"x", fin=False) * 10_000, 1002),
    Flood("binary", frame(BINARY, b"{}") * 10_000, 1003),
    Flood("binary in fragments", frame(BINARY, b"{", fin=False) + frame(CONT, b" ", fin=False) * 10_000, 1003),
    Flood("no UTF-8", NO_UTF8 * 10_000, 1007),
    Flood("no UTF-8 in a fragment", frame(TEXT, b"\xed\xa0\x80", fin=False) + frame(CONT, b" ", fin=False), 1007),
    Flood("no UTF-8, then goodbye", NO_UTF8 + frame(CLOSE, b"\x03\xe8"), 1000),
    Flood("a goodbye without a code", frame(CLOSE, b"\x03"), 1002),
    Flood("a goodbye with a code that is none", frame(CLOSE, b"\x00\x00"), 1002),
    Flood("a goodbye for a reason that is no text", frame(CLOSE, b"\x03\xe8\xff"), 1007),
    Flood("another protocol", b"GET / HTTP/1.1\r\n\r\n" * 10_000, 1002),
    Flood("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10_000, 1002),
    Flood("zeros", bytes(1 << 20), 1002),
    Flood("noise", _noise(), 1002),
)
FLOODS = MANY + LARGE + FAULTS
