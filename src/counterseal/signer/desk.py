"""One packet in, the packets that answer it out. No I/O; the clocks are arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from counterseal.adapters import packets
from counterseal.adapters.signing import KeyUnavailable, SigningKey, sign
from counterseal.core.messages import (
    MAX_PACKET,
    FramingError,
    HeldKey,
    Hello,
    HelloRequest,
    Message,
    Refused,
    Sign,
    SignCheckpoint,
    Signed,
)
from counterseal.signer.caps import CapsJudge, uncapped
from counterseal.signer.judge import Judge
from counterseal.signer.log_key import LogSigner
from counterseal.signer.raw import raw_payload
from counterseal.signer.table import Act, Table

# Percent-encoding can triple a value: what would not fit a packet is refused rather than cut.
MAX_QUERY = 32_768
MALFORMED = Refused(0, "malformed")
TOO_LONG = Refused(0, "too_long")
# The exchange lets only Ed25519 keys log on.
_NO_LOGON = frozenset({"hmac", "rsa"})
_CHANGING = frozenset({Act.ORDER, Act.BATCH, Act.SETTING})


@dataclass(frozen=True, slots=True)
class HeldSigningKey:
    """A key as the signer holds it: what the gateway may know, and what signs."""

    held: HeldKey
    signing: SigningKey


class Line:
    """What the signer remembers of one connection: the last number asked on it."""

    __slots__ = ("last_id",)

    def __init__(self) -> None:
        self.last_id = -1


class Desk:
    """Answers packets. `wall_ms` gives this host's milliseconds since the epoch, without any offset.

    `caps` judges sizes and rates; without it everything in the table may be signed. `epoch` is that of the lease. `log`
    signs checkpoints of the journal and nothing else.
    """

    def __init__(
        self,
        table: Table,
        keys: Mapping[str, HeldSigningKey],
        incarnation: str,
        wall_ms: Callable[[], int],
        caps: CapsJudge | None = None,
        epoch: int = 0,
        log: LogSigner | None = None,
    ) -> None:
        self._keys, self._wall_ms = keys, wall_ms
        self._judge = Judge(table, keys, epoch)
        self._caps = uncapped() if caps is None else caps
        self._hello = Hello(incarnation, tuple(key.held for key in keys.values()))
        self._line = Line()
        self._log = log

    def greeting(self) -> list[bytes]:
        """Packets to send unasked at the start."""
        return packets.encode([self._hello])

    def answer(self, packet: bytes, line: Line | None = None) -> list[bytes]:
        """Give the answers to every request of a packet, in order.

        `line` is the connection it came on; a desk with one connection needs none. A packet that is not wholly of
        the protocol gets one Refused with id 0 and nothing else. Never raises for what a packet holds.
        """
        if len(packet) > MAX_PACKET:
            return packets.encode([TOO_LONG])
        try:
            requests = packets.decode(packet)
        except FramingError:
            return packets.encode([MALFORMED])
        line, now_ms = line or self._line, self._wall_ms()
        return packets.encode([self._reply(request, line, now_ms) for request in requests])

    def _reply(self, request: Message, line: Line, now_ms: int) -> Message:
        if type(request) is Sign:
            if request.id <= line.last_id:
                return Refused(request.id, "out_of_order")
            line.last_id = request.id
            return self._sign(request, now_ms)
        if type(request) is SignCheckpoint:
            if request.id <= line.last_id:
                return Refused(request.id, "out_of_order")
            line.last_id = request.id
            return Refused(request.id, "no_log_key") if self._log is None else self._log.answer(request)
        if type(request) is HelloRequest:
            line.last_id = -1
            return self._hello
        return MALFORMED

    def _sign(self, request: Sign, now_ms: int) -> Signed | Refused:
        pairs = request.pairs
        names = tuple([name for name, _ in pairs])
        values = [value for _, value in pairs]
        shape = self._judge.shape(request, names)
        if isinstance(shape, str):
            return Refused(request.id, shape)
        if shape.entry.logs_on and self._could_trade(request.key_ref):
            return Refused(request.id, "could_log_on")
        timestamp_ms = now_ms + request.offset_ms
        if shape.entry.logs_on:
            api_key = self._keys[request.key_ref].held.api_key
            raw = raw_payload(api_key, pairs, request.recv_window_ms, timestamp_ms)
            if raw is None:
                return Refused(request.id, "not_plain")
            payload = raw.encode()
        else:
            window = f"recvWindow={request.recv_window_ms}&" if request.recv_window_ms else ""
            payload = f"{shape.query(values)}{window}timestamp={timestamp_ms}".encode()
        if len(payload) > MAX_QUERY:
            return Refused(request.id, "too_long")
        if shape.entry.act in _CHANGING:
            reason = self._caps.refuse(request.key_ref, shape.entry, dict(request.pairs))
            if reason is not None:
                return Refused(request.id, reason)
        try:
            signature = _escaped(sign(self._keys[request.key_ref].signing, payload))
        except KeyUnavailable:
            return Refused(request.id, "key_unavailable")
        return Signed(request.id, payload + b"&signature=" + signature, timestamp_ms)

    def _could_trade(self, key_ref: str) -> bool:
        """Tell whether who is logged on with this key could do without us what its caps forbid. Only Ed25519 can."""
        return self._keys[key_ref].held.kind not in _NO_LOGON and self._caps.is_capped(key_ref)


def _escaped(signature: bytes) -> bytes:
    """Percent-encode what base64 has beyond letters and digits; hex has nothing of it."""
    return signature.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")
