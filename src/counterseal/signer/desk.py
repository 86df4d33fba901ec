"""One packet in, the packets that answer it out. No I/O; the wall clock is an argument."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from counterseal.adapters import packets
from counterseal.adapters.signing import SigningKey, sign
from counterseal.core.binance.canonical import encode_query
from counterseal.core.messages import (
    MAX_PACKET,
    HeldKey,
    Hello,
    HelloRequest,
    Message,
    Refused,
    Sign,
    Signed,
)
from counterseal.signer.judge import judge
from counterseal.signer.table import Table

# Percent-encoding can triple a value: what would not fit a packet is refused rather than cut.
MAX_QUERY = 32_768
MALFORMED = Refused(0, "malformed")


@dataclass(frozen=True, slots=True)
class HeldSigningKey:
    """A key as the signer holds it: what the gateway may know, and what signs."""

    held: HeldKey
    signing: SigningKey


class Desk:
    """Answers packets. `wall_ms` gives this host's milliseconds since the epoch, without any offset."""

    def __init__(
        self, table: Table, keys: Mapping[str, HeldSigningKey], incarnation: str, wall_ms: Callable[[], int]
    ) -> None:
        self._table, self._keys, self._wall_ms = table, keys, wall_ms
        self._hello = Hello(incarnation, tuple(key.held for key in keys.values()))

    def greeting(self) -> list[bytes]:
        """Packets to send unasked at the start."""
        return packets.encode([self._hello])

    def answer(self, packet: bytes) -> list[bytes]:
        """Give the answers to every request of a packet, in order.

        A packet that is not wholly of the protocol gets one Refused with id 0 and nothing else. Never raises
        for what a packet holds.
        """
        if len(packet) > MAX_PACKET:
            return packets.encode([MALFORMED])
        try:
            requests = list(packets.decode(packet))
        except ValueError:  # FramingError, or text inside a body that is no UTF-8
            return packets.encode([MALFORMED])
        now_ms = self._wall_ms()
        return packets.encode([self._reply(request, now_ms) for request in requests])

    def _reply(self, request: Message, now_ms: int) -> Message:
        if isinstance(request, Sign):
            return self._sign(request, now_ms)
        return self._hello if isinstance(request, HelloRequest) else MALFORMED

    def _sign(self, request: Sign, now_ms: int) -> Signed | Refused:
        reason = judge(request, self._table, self._keys)
        if reason is not None:
            return Refused(request.id, reason)
        timestamp_ms = now_ms + request.offset_ms
        payload = _payload(request, timestamp_ms)
        if len(payload) > MAX_QUERY:
            return Refused(request.id, "malformed")
        key = self._keys[request.key_ref].signing
        signature = sign(key, payload)
        if key.kind != "hmac":  # hex needs no percent-encoding, base64 does
            signature = quote(signature, safe="").encode()
        return Signed(request.id, payload + b"&signature=" + signature, timestamp_ms)


def _payload(request: Sign, timestamp_ms: int) -> bytes:
    own = b"timestamp=%d" % timestamp_ms
    if request.recv_window_ms:
        own = b"recvWindow=%d&%b" % (request.recv_window_ms, own)
    judged = encode_query(request.pairs)
    return judged + b"&" + own if judged else own
