"""To the exchange and back: the least key, a signature, a rebuilt request, one answer."""

from collections.abc import Callable
from typing import NamedTuple

from counterseal import __version__
from counterseal.core import freshness
from counterseal.core.binance.canonical import encode_query
from counterseal.core.keys import least_key
from counterseal.core.messages import HeldKey, Refused, Sign
from counterseal.gateway.admission import Admitted
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import ORDINARY, Terms, Venue, VenueReply

_FIXED = f"User-Agent: counterseal/{__version__}\r\nAccept: application/json\r\n"


class SignerRefused(Exception):
    """The signer's own table or bounds said no; the text is its reason."""


class SignedRequest(NamedTuple):
    """A query ready to leave, and the key whose name goes with it."""

    query: bytes
    key: HeldKey


class Outbound:
    """Signs and sends admitted requests."""

    def __init__(self, state: State, venue: Venue, signer: SigningClient, turn: Turn) -> None:
        self._state = state
        self._venue = venue
        self._signer = signer
        self._turn = turn

    def key_for(self, admitted: Admitted) -> HeldKey | None:
        """Give the least of the bot's keys that covers the request and that the signer holds."""
        if admitted.policy is None:
            return None
        purpose = admitted.endpoint.purpose if admitted.endpoint.purpose != "read" else "account"
        config, held = self._state.config, self._signer.keys()
        name = least_key(admitted.policy, purpose, config.keys, held)
        # A key that was sealed for another environment never meets this one.
        return held[name] if name and held[name].environment == config.venue.environment else None

    async def sign(self, admitted: Admitted, key: HeldKey) -> SignedRequest:
        """Have the judged pairs signed.

        Raises SignerRefused, SignerUnavailable, or JournalError when what was queued before could not be written.
        """
        answer = await self._turn.sign(self._sign_request(admitted, key))
        if isinstance(answer, Refused):
            raise SignerRefused(answer.reason)
        return SignedRequest(answer.query, key)

    def _sign_request(self, admitted: Admitted, key: HeldKey) -> Sign:
        endpoint = admitted.endpoint
        window = freshness.upstream_recv_window(
            admitted.recv_window_ms,
            order=admitted.intent.places,
            order_cap_ms=self._state.config.gateway.order_recv_window_ms,
        )
        return Sign(
            id=self._signer.next_id(),
            key_ref=key.ref,
            family=endpoint.family,
            method=endpoint.method,
            path=endpoint.path,
            pairs=admitted.intent.pairs,
            recv_window_ms=window,
            offset_ms=self._state.offset_ms(),
        )

    async def send_signed(
        self, admitted: Admitted, signed: SignedRequest, wanted: Callable[[], bool] = lambda: True
    ) -> VenueReply:
        """Send once, if it is still wanted when the first byte is about to leave. Raises NotSent or Lost."""
        return await self._send(admitted, signed.query, signed.key, Terms(admitted.intent.reduces, wanted))

    async def send_public(self, admitted: Admitted, key: HeldKey | None) -> VenueReply:
        """Send an unsigned request, with the key's name where the exchange wants one. Raises NotSent or Lost."""
        return await self._send(admitted, encode_query(admitted.intent.pairs), key, ORDINARY)

    async def _send(self, admitted: Admitted, query: bytes, key: HeldKey | None, terms: Terms) -> VenueReply:
        request = request_bytes(admitted, query, key, self._state.hosts.get(admitted.endpoint.family, ""))
        reply = await self._venue.send(admitted.endpoint.family, request, terms)
        self._learn(admitted, reply)
        return reply

    def _learn(self, admitted: Admitted, reply: VenueReply) -> None:
        """Take limits and bans from the answer's headers."""
        retry = reply.headers.get("retry-after", "")
        seconds = int(retry) if retry.isascii() and retry.isdigit() else None
        self._state.wall.note(admitted.endpoint.product, reply.status, seconds, self._state.monotonic_ms())
        used = reply.headers.get("x-mbx-used-weight-1m")
        if used is not None:
            self._state.used_weight[admitted.endpoint.family] = used


def request_bytes(admitted: Admitted, query: bytes, key: HeldKey | None, host: str) -> bytes:
    """Build the request from our own parts; nothing of the bot's bytes is in it but judged names and values."""
    endpoint = admitted.endpoint
    target = b"%b?%b" % (endpoint.path.encode(), query) if query else endpoint.path.encode()
    head = f"Host: {host}\r\n{_FIXED}"
    if key is not None:
        head += f"X-MBX-APIKEY: {key.api_key}\r\n"
    if admitted.time_unit is not None:
        head += f"X-MBX-TIME-UNIT: {admitted.time_unit}\r\n"
    if endpoint.method != "GET":
        head += "Content-Length: 0\r\n"
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (endpoint.method.encode(), target, head.encode())
