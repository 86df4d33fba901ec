"""Requests that change nothing. They may be sent again, signed anew, when an answer did not come."""

from counterseal.core.binance.canonical import encode_query
from counterseal.core.messages import HeldKey
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.outbound import Outbound
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State
from counterseal.ports.clock import Clock
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import Lost, NotSent, VenueReply

BACKOFF_S = (0.2, 0.4)
_LEARNS = frozenset({"/api/v3/order", "/fapi/v1/order", "/fapi/v1/openOrder"})


class Reads:
    """Answers reads, public and signed."""

    def __init__(
        self, state: State, outbound: Outbound, signer: SigningClient, refresher: Refresher, clock: Clock
    ) -> None:
        self._state = state
        self._outbound = outbound
        self._signer = signer
        self._refresher = refresher
        self._clock = clock

    async def answer(self, inquiry: Inquiry, admitted: Admitted) -> tuple[Reply, VenueReply | None]:
        """Give the bot's answer and the exchange's."""
        key = self._outbound.key_for(admitted)
        if key is None and (admitted.endpoint.signed or admitted.endpoint.security != "NONE"):
            return replies.denial("no_key"), None
        try:
            answer = await self._persist(inquiry, admitted, key)
        except NotSent:
            return replies.denial("venue_unreachable"), None
        except Lost:
            return replies.unknown(), None
        self._learn(admitted, answer)
        return answers.passed_on(answer, self._signer.keys()), answer

    async def _persist(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey | None) -> VenueReply:
        resynced = False
        for pause in (*BACKOFF_S, None):
            try:
                answer = await self._once(admitted, key)
            except Lost:
                if pause is None or inquiry.gone:
                    raise
                await self._clock.sleep(pause)
                continue
            if answer.status == 400 and not resynced and pause and answers.parse(answer).code == -1021:
                resynced = await self._refresher.measure_offset()
                continue
            return answer
        raise Lost("no answer after three tries")

    async def _once(self, admitted: Admitted, key: HeldKey | None) -> VenueReply:
        if not admitted.endpoint.signed or key is None:
            shown = key if admitted.endpoint.security != "NONE" else None
            return await self._outbound.send(admitted, encode_query(admitted.intent.pairs), shown)
        return await self._outbound.send(admitted, await self._outbound.sign(admitted, key), key)

    def _learn(self, admitted: Admitted, answer: VenueReply) -> None:
        """An order's status seen in a query keeps the ledger of ids true."""
        if admitted.endpoint.path in _LEARNS and answer.status == 200:
            body = answers.parse(answer).body
            if isinstance(body, dict) and isinstance(body.get("clientOrderId"), str):
                self._state.ledger.learn(admitted.endpoint.family, body["clientOrderId"], str(body.get("status", "")))
