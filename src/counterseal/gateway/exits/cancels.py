"""A cancel that finds its REST pool closed: by the WebSocket API first, then by what REST still lets through."""

from collections.abc import Awaitable, Callable

from counterseal.core import freshness
from counterseal.core.binance.socket_cancel import CANCEL, fits
from counterseal.core.messages import HeldKey
from counterseal.core.outcome import Outcome
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.budget import Budget, NoRoom, Permit
from counterseal.gateway.ends import Verdict
from counterseal.gateway.exchange import Exchange
from counterseal.gateway.exits.lines import SocketLines
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.room import Room
from counterseal.gateway.state import State
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable
from counterseal.ports.venue import Lost, NotSent, VenueReply

Judge = Callable[[Admitted, VenueReply, Permit], Verdict]
ByRest = Callable[[Inquiry, Admitted, HeldKey, Permit], Awaitable[Verdict]]


class SocketCancels:
    """Sends cancels whose permit says so; without `lines` there is no such permit. `tell` puts fields on record."""

    def __init__(
        self,
        state: State,
        budget: Budget,
        room: Room,
        outbound: Outbound,
        lines: SocketLines | None,
        tell: Callable[..., None],
    ) -> None:
        self._state = state
        self._budget = budget
        self._room = room
        self._outbound = outbound
        self._lines = lines
        self._tell = tell
        self._exchange = None if lines is None else Exchange(state, lines, budget)
        if lines is not None:
            budget.on_stop = lines.on_stop

    async def close(self) -> None:
        """Disconnect for good."""
        if self._lines is not None:
            await self._lines.close()

    async def carry(
        self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit, judge: Judge, by_rest: ByRest
    ) -> Verdict:
        """Carry out a cancel, its intent on record: what came of it, as `judge` reads an answer of REST.

        What provably cannot leave this way goes on `by_rest`, where an exit is left there.
        """
        try:
            answer = await self._send(inquiry, admitted, key, permit)
        except NotSent:
            return Verdict(Outcome.NOT_SENT, replies.denial("bot_gone" if inquiry.gone else "venue_unreachable"))
        except Lost:
            return Verdict(Outcome.UNKNOWN, replies.unknown())
        if answer is not None:
            return judge(admitted, answer, permit)
        try:
            self._budget.by_rest(permit)
        except NoRoom as short:
            return Verdict(Outcome.NOT_SENT, self._room.refusal(short))
        return await by_rest(inquiry, admitted, key, permit)

    async def _send(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit) -> VenueReply | None:
        """Give the answer; None when nothing has left. Raises NotSent (the bot has gone) or Lost."""
        lines, exchange = self._lines, self._exchange
        if lines is None or exchange is None or admitted.time_unit is not None or not fits(admitted.intent.pairs):
            return None
        if not await lines.ready(permit.egress):
            return None
        query = await self._signed(admitted, key)
        if query is None or not lines.stands(permit.egress):
            return None
        inquiry.signed_ns = self._state.clock.monotonic_ns()
        inquiry.window_ms = freshness.upstream_recv_window(admitted.recv_window_ms, order=False, order_cap_ms=0)
        self._tell(what="cancel_by_socket", request=admitted.marks[0].hex(), egress=permit.egress)
        answer = await exchange.send(permit, query, admitted.bot, lambda: not inquiry.gone)
        self._outbound.on_answer(key, admitted.endpoint, answer, permit.egress)
        return answer

    async def _signed(self, admitted: Admitted, key: HeldKey) -> bytes | None:
        """Have it signed in the form of that API. What the signer will not sign so, it may sign for REST."""
        intent = admitted.intent._replace(endpoint=CANCEL)
        try:
            return await self._outbound.sign(admitted._replace(endpoint=CANCEL, intent=intent), key)
        except (SignerRefused, SignerUnavailable, JournalError):
            return None
