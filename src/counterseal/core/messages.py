"""What the gateway and the signer say to each other, and the frame that carries it.

One packet on the (message-preserving) socket pair is: one byte `PROTOCOL_VERSION`, then frames. A frame is a
big-endian u32 body length, one byte `MessageType`, the body. The body's encoding is the adapter's affair
(`adapters.packets`); the framing is final.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

PROTOCOL_VERSION = 1
MAX_PACKET = 65_536
_HEAD = struct.Struct(">IB")


class MessageType(IntEnum):
    """One byte on the wire; numbers are never reused."""

    HELLO_REQUEST = 1
    HELLO = 2
    SIGN = 3
    SIGNED = 4
    REFUSED = 5


class FramingError(ValueError):
    """The packet is not of this protocol: wrong version, cut short, or an unknown type."""


@dataclass(frozen=True, slots=True)
class HelloRequest:
    """Gateway to signer: who are you, which keys do you hold?"""

    incarnation: str


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key as the gateway may know it: everything but the secret. `api_key` goes upstream as a header only."""

    ref: str
    api_key: str
    kind: str
    environment: str


@dataclass(frozen=True, slots=True)
class Hello:
    """Signer to gateway, at its start and on request."""

    incarnation: str
    keys: tuple[HeldKey, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """A typed request for one signature.

    `pairs` are decoded names and values in sending order, without timestamp, recvWindow and signature.
    `offset_ms` is exchange time minus the host's wall time; the signer bounds it. `recv_window_ms` is bounded too.
    `epoch` is reserved for the fenced lease of several instances and is 0 today.
    """

    id: int
    key_ref: str
    family: str
    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    recv_window_ms: int
    offset_ms: int
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Signed:
    """`query` is the whole canonical query, RFC 3986, its last element the signature."""

    id: int
    query: bytes
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The signer will not sign this; `reason` is one of `SIGNER_REASONS`."""

    id: int
    reason: str


Message = HelloRequest | Hello | Sign | Signed | Refused

SIGNER_REASONS = {
    "unknown_key": "the signer holds no key of that name",
    "not_in_table": "the signer's own table does not hold this method and path",
    "unknown_parameter": "a parameter is not in the endpoint's schema",
    "repeated_parameter": "a parameter that is no list appears twice",
    "offset_out_of_bounds": "the clock offset the gateway states exceeds 5 s",
    "recv_window_out_of_bounds": "the recvWindow exceeds 5 s",
    "malformed": "the request is not of the protocol",
}


def pack(frames: Iterable[tuple[MessageType, bytes]]) -> bytes:
    """Join frames into one packet."""
    parts = [bytes((PROTOCOL_VERSION,))]
    for kind, body in frames:
        parts.append(_HEAD.pack(len(body), kind))
        parts.append(body)
    return b"".join(parts)


def unpack(packet: bytes) -> Iterator[tuple[MessageType, memoryview]]:
    """Split a packet into frames.

    Raises FramingError on a wrong version, an unknown type or a body that is cut short.
    """
    if not packet or packet[0] != PROTOCOL_VERSION:
        raise FramingError("packet of another protocol version")
    view, at, end = memoryview(packet), 1, len(packet)
    while at < end:
        if end - at < _HEAD.size:
            raise FramingError("frame head cut short")
        length, kind = _HEAD.unpack_from(packet, at)
        at += _HEAD.size
        if end - at < length:
            raise FramingError("frame body cut short")
        try:
            message_type = MessageType(kind)
        except ValueError:
            raise FramingError("unknown message type") from None
        yield message_type, view[at : at + length]
        at += length
