"""What the gateway and the signer say to each other, and the frame that carries it.

One packet on the (message-preserving) socket pair is: one byte `PROTOCOL_VERSION`, then frames. A frame is a
big-endian u32 body length, one byte `MessageType`, the body. The body's encoding is the adapter's affair
(`adapters.packets`); the framing is final.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from counterseal.core.key_refs import name_of

PROTOCOL_VERSION = 1
MAX_PACKET = 65_536
FRAME_HEAD = 5
_HEAD = struct.Struct(">IB")


class MessageType(IntEnum):
    """One byte on the wire; numbers are never reused."""

    HELLO_REQUEST = 1
    HELLO = 2
    SIGN = 3
    SIGNED = 4
    REFUSED = 5
    SIGN_CHECKPOINT = 6
    CHECKPOINT_SIGNED = 7
    LAST_CHECKPOINT = 8


_VERSION = bytes((PROTOCOL_VERSION,))
_TYPES = {int(kind): kind for kind in MessageType}


class FramingError(ValueError):
    """The packet is not of this protocol: wrong version, cut short, or an unknown type."""


class HelloRequest(NamedTuple):
    """Gateway to signer: who are you, which keys do you hold? What it asks next may number from anywhere again."""

    incarnation: str


class HeldKey(NamedTuple):
    """A version of a key as the gateway may know it: everything but the secret. `api_key` goes upstream as a header
    only. `stage` is one of `core.rotation.Stage`.
    """

    ref: str
    api_key: str
    kind: str
    environment: str
    stage: str = "active"

    @property
    def name(self) -> str:
        """The key's name in the settings, which all of its versions share."""
        return name_of(self.ref)


class Hello(NamedTuple):
    """Signer to gateway, at its start and on request."""

    incarnation: str
    keys: tuple[HeldKey, ...]


class Sign(NamedTuple):
    """A typed request for one signature.

    `id` rises with every request of a connection, from one HelloRequest to the next. `pairs` are decoded names and
    values in sending order, without timestamp, recvWindow and signature. `offset_ms` is exchange time minus the host's
    wall time; the signer bounds it. `recv_window_ms` is bounded too. `epoch` is that of the fenced lease of several
    instances; without one it is 0.
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


class Signed(NamedTuple):
    """`query` is the whole canonical query, RFC 3986, its last element the signature."""

    id: int
    query: bytes
    timestamp_ms: int


class Refused(NamedTuple):
    """The signer will not sign this; `reason` is one of `SIGNER_REASONS`."""

    id: int
    reason: str


class SignCheckpoint(NamedTuple):
    """Ask for the head of the journal's tree to be signed: `size` records, the root's hash.

    `proof` shows that this tree begins with the one of `old_size` records that was signed last, as RFC 6962 has it.
    """

    id: int
    old_size: int
    size: int
    root: bytes
    proof: tuple[bytes, ...]


class CheckpointSigned(NamedTuple):
    """`note` is the whole signed note, made by the signer."""

    id: int
    note: str


class LastCheckpoint(NamedTuple):
    """The signer has signed a tree of `size` records last: prove that the new one begins with that."""

    id: int
    size: int


Message = HelloRequest | Hello | Sign | Signed | Refused | SignCheckpoint | CheckpointSigned | LastCheckpoint

SIGNER_REASONS = {
    "malformed": "the packet is not of the protocol; none of its requests is answered",
    "too_long": "the packet exceeds 64 KiB, or the query to be signed 32 KiB",
    "out_of_order": "the number of the request is not above the last one of its connection",
    "older_epoch": "the request comes from an instance whose lease another one has taken over",
    "newer_epoch": "the request comes from an instance with a lease that this signer does not know of",
    "unknown_key": "the signer holds no key of that name",
    "other_environment": "the key is sealed for another environment of the exchange than that of the settings",
    "reads_only": "the version of the key is not yet active: it signs reads alone, for the guard's probe",
    "not_in_table": "the signer's own table does not hold this method and path",
    "unknown_parameter": "a parameter is not in the endpoint's schema",
    "repeated_parameter": "a parameter that is no list appears twice",
    "reaches_elsewhere": "a signature covers no path, and these parameters would do at an endpoint outside the table",
    "could_log_on": "the payload would do for a logon too, after which the exchange takes orders unsigned; with an"
    " Ed25519 key that has caps it is not signed",
    "not_plain": "a value of a request to a WebSocket API, where nothing is escaped, has a character that could end it",
    "offset_out_of_bounds": "the clock offset the gateway states exceeds 5 s",
    "recv_window_out_of_bounds": "the recvWindow exceeds 5 s",
    "malformed_size": "a quantity, an amount, a leverage, a flag or a batch is not in the one form that is read",
    "size_missing": "there are caps, and the order states no size that they could be compared with",
    "over_quantity_cap": "the quantity exceeds the signer's cap for the symbol, or there is none for it",
    "over_quote_cap": "quoteOrderQty exceeds the signer's cap for the symbol, or there is none for it",
    "over_leverage_cap": "the leverage exceeds the signer's cap",
    "outside_symbol_cap": "the symbol is not among those that the signer's caps name",
    "over_rate_cap": "more orders, changes or settings than the signer's caps allow per second or minute",
    "no_log_key": "the signer holds no key for checkpoints of the journal",
    "inconsistent_checkpoint": "the journal's tree does not continue the one that was signed last: records are missing"
    " or were changed",
    "key_unavailable": "the hardware token that holds the key does not sign now; nothing was signed",
}


def pack(frames: Iterable[tuple[MessageType, bytes]]) -> bytes:
    """Join frames into one packet."""
    parts = [_VERSION]
    for kind, body in frames:
        parts.append(_HEAD.pack(len(body), kind))
        parts.append(body)
    return b"".join(parts)


def unpack(packet: bytes) -> list[tuple[MessageType, bytes]]:
    """Split a packet into frames, all or none of them.

    Raises FramingError on a wrong version, an unknown type or a body that is cut short.
    """
    if not packet.startswith(_VERSION):
        raise FramingError("packet of another protocol version")
    frames, at, end = [], 1, len(packet)
    while at < end:
        if end - at < FRAME_HEAD:
            raise FramingError("frame head cut short")
        length, number = _HEAD.unpack_from(packet, at)
        at += FRAME_HEAD
        if end - at < length:
            raise FramingError("frame body cut short")
        kind = _TYPES.get(number)
        if kind is None:
            raise FramingError("unknown message type")
        frames.append((kind, packet[at : at + length]))
        at += length
    return frames
