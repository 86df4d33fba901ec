"""WebSocket frames by RFC 6455, byte by byte, as the one side may read what the other wrote."""

from __future__ import annotations

from dataclasses import dataclass, field

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Broken(Exception):
    """The other side breaks the protocol."""


@dataclass
class Heard:
    """What bytes say: whole texts in order, contents of pings and pongs, whether it ended, and how."""

    texts: list[bytes] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    is_closed: bool = False
    is_broken: bool = False
    rest: int = 0


def read(data: bytes, *, is_masked: bool, most: int) -> Heard:
    """Read frames until there is none whole, until a goodbye, or until the protocol is broken.

    `most` is the longest message; binary messages, and what is no UTF-8, count as a break.
    """
    heard, at, begun = Heard(), 0, None
    try:
        while not heard.is_closed:
            frame = _frame(data, at, is_masked, most)
            if frame is None:
                break
            fin, opcode, payload, at = frame
            begun = _take(heard, fin, opcode, payload, begun, most)
    except (Broken, UnicodeDecodeError):
        heard.is_broken = True
    heard.rest = len(data) - at
    return heard


def _frame(data: bytes, at: int, is_masked: bool, most: int) -> tuple[bool, int, bytes, int] | None:
    """Cut one frame; None where it is not whole yet and may become so."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    fin, opcode, length = bool(first & 0x80), first & 0x0F, second & 0x7F
    at += 2
    is_known = opcode in (0, 1, 2, 8, 9, 10)
    # What the exchange sends is first cut into frames, whatever they are.
    if bool(second & 0x80) != is_masked or (is_masked and not is_known):
        raise Broken
    wide = {126: 2, 127: 8}.get(length, 0)
    if len(data) - at < wide:
        return None
    if wide:
        length = int.from_bytes(data[at : at + wide], "big")
        at += wide
    if length > most:
        raise Broken
    mask = data[at : at + 4] if is_masked else b""
    at += len(mask) if len(mask) == 4 or not is_masked else 4
    if len(data) - at < length or (is_masked and len(mask) < 4):
        return None
    # Said of the whole frame, not before: its length is bounded all the same.
    if not is_known or first & 0x70 or (opcode >= CLOSE and (length > 125 or not fin)):
        raise Broken
    payload = data[at : at + length]
    if is_masked:
        payload = bytes(byte ^ mask[place & 3] for place, byte in enumerate(payload))
    return fin, opcode, payload, at + length


def _take(heard: Heard, fin: bool, opcode: int, payload: bytes, begun: bytes | None, most: int) -> bytes | None:
    if opcode == PING:
        heard.pings.append(payload)
    elif opcode == PONG:
        heard.pongs.append(payload)
    elif opcode == CLOSE:
        _check_goodbye(payload)
        heard.is_closed = True
    elif opcode == BINARY or (opcode == CONTINUED) != (begun is not None):
        raise Broken
    else:
        whole = (begun or b"") + payload
        if len(whole) > most:
            raise Broken
        if not fin:
            _check_begun(whole)
            return whole
        whole.decode()
        heard.texts.append(whole)
        return None
    return begun


def _check_begun(data: bytes) -> None:
    """What is text so far may end within a character, but not be wrong already."""
    try:
        data.decode()
    except UnicodeDecodeError as fault:
        if fault.reason != "unexpected end of data":
            raise


def _check_goodbye(payload: bytes) -> None:
    if len(payload) == 1:
        raise Broken
    if payload:
        code = int.from_bytes(payload[:2], "big")
        if not (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) and not 3000 <= code <= 4999:
            raise Broken
        payload[2:].decode()
