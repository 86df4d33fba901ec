"""User data of spot: a subscription on a connection of its own to the exchange's WebSocket API, signed like a query."""

from urllib.parse import parse_qsl

import msgspec

from counterseal.core.intent import Intent
from counterseal.core.key_refusal import need_of
from counterseal.core.messages import HeldKey
from counterseal.core.userdata.subscription import METHOD, PATH, SUBSCRIBE
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import OWN, Budget, NoRoom
from counterseal.gateway.cases import MAX_RECV_WINDOW_MS
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.state import State
from counterseal.gateway.userdata.way import (
    NOTHING,
    QUARANTINED,
    QUARANTINED_S,
    REFUSED_S,
    Closed,
    Heard,
    Kind,
    Opening,
)
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable

TERMINATED, SHUTDOWN = "eventStreamTerminated", "serverShutdown"
_INTENT = Intent(SUBSCRIBE, (), {}, (), (), (), places=False)
_ADMITTED = Admitted(OWN, None, SUBSCRIBE, _INTENT, None, (), MAX_RECV_WINDOW_MS, None)


class Refusal(msgspec.Struct):
    """Why the exchange says no."""

    code: int | None = None


class Message(msgspec.Struct):
    """An answer to the subscription, or an event."""

    id: int | str | None = None
    status: int | None = None
    error: Refusal | None = None
    event: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(Message).decode
_kind = msgspec.json.Decoder(Kind).decode
_encode = msgspec.json.Encoder().encode


class Subscription:
    """An account's one subscription a connection. The connection is logged on to nothing: its request is signed."""

    def __init__(self, state: State, outbound: Outbound, budget: Budget, held: HeldKey) -> None:
        self._state = state
        self._outbound = outbound
        self._budget = budget
        self._held = held
        self.keep_at_ms: int | None = None

    @property
    def ref(self) -> str:
        """The version of the key that signs."""
        return self._held.ref

    async def open(self) -> Opening:
        """Take the room that connection and subscription need. Raises Closed."""
        if self._state.quarantine.holds_back(self._held.ref, need_of(SUBSCRIBE)):
            raise Closed(QUARANTINED, QUARANTINED_S)
        try:
            permit = self._budget.take_own(SUBSCRIBE, {}, self._state.account_of(self._held.ref))
        except NoRoom as short:
            raise Closed(f"no room for a subscription: {short.reason}", short.wait_s) from None
        # Whatever comes of it, it may have been counted: nothing tells of it but the answers to other requests.
        self._budget.ledger.keep(permit.reservation, self._budget.moment())
        return Opening(PATH, is_other=False)

    async def greeting(self) -> bytes:
        """Give the signed request. Raises Closed."""
        try:
            query = await self._outbound.sign(_ADMITTED, self._held)
        except SignerRefused as refused:
            raise Closed(f"the signer refuses a subscription: {refused}", REFUSED_S, is_refused=True) from None
        except (SignerUnavailable, JournalError):
            raise Closed("a subscription could not be signed") from None
        params: dict[str, str | int] = dict(parse_qsl(query.decode(), strict_parsing=True))
        params.update({name: int(params[name]) for name in ("recvWindow", "timestamp") if name in params})
        return _encode({"id": 1, "method": METHOD, "params": params})

    def hear(self, text: bytes) -> Heard:
        """Tell events from the answer."""
        message = _decode(text)
        event = bytes(message.event)
        if event:
            kind = _kind(event).e
            if kind == TERMINATED:
                return Heard(fault=Closed("the exchange has ended the subscription"))
            if kind == SHUTDOWN:
                return Heard(is_last=True)
            return Heard(event=event, kind=kind) if kind else NOTHING
        if message.status is None:
            return NOTHING
        if message.status == 200:
            return Heard(stands=True)
        now_ms, code = self._state.monotonic_ms(), message.error.code if message.error else None
        self._outbound.on_refusal(self._held, SUBSCRIBE, message.status, code, now_ms)
        return Heard(fault=_refusal(message.status, message.error))

    async def keep(self) -> None:
        """It lasts as long as the connection."""


def _refusal(status: int, error: Refusal | None) -> Closed:
    told = f"subscription refused: status {status}, code {error.code if error else None}"
    is_refused = 400 <= status < 500 and status not in (418, 429)
    # When to come back stands in the answer as an instant; a minute is the length of every window there.
    return Closed(told, 0 if status >= 500 else REFUSED_S, is_refused=is_refused)
