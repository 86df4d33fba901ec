"""A bot's connection to a WebSocket API: requests in, each judged as the REST request of the same meaning."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.http1 import Head
from counterseal.core.judge import Denial, judge
from counterseal.core.wsapi import frames, methods
from counterseal.core.wsapi.call import Call, call_of, wants_limits
from counterseal.core.wsapi.frames import Frame, Refused
from counterseal.core.wsapi.methods import Method
from counterseal.core.wsapi.opening import ApiOpening
from counterseal.gateway import reply as rest
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.handler import HELD_BACK_S, Handler
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import Source, State
from counterseal.gateway.streams.socket import HIGH_WATER, POLICY, BotSocket, Sender
from counterseal.gateway.turn import Turn
from counterseal.gateway.wsapi import answering
from counterseal.gateway.wsapi.answering import Asked
from counterseal.gateway.wsapi.large import LARGE, LargeAnswers
from counterseal.gateway.wsapi.session import Session
from counterseal.gateway.wsapi.users import UserAsk, UserMethods

# Orders have room beyond that of reads, and exits beyond that of orders: what lowers risk is refused last.
READS, ORDERS, EXITS = 32, 40, 48
MOST_MALFORMED = 10
# So many requests of a connection are judged in one turn of the loop; the others' come in between.
AT_ONCE, MOST_WAITING = 8, 64


@dataclass(frozen=True, slots=True)
class Desk:
    """What all connections share. `limit_of` gives the limit of one of the exchange's pools by its id."""

    sender: Sender
    handler: Handler
    turn: Turn
    tasks: Tasks
    state: State
    users: UserMethods
    limit_of: Callable[[str], int]
    large: LargeAnswers = field(default_factory=LargeAnswers)


class ApiSocket(BotSocket):
    """A connection after its handshake."""

    def __init__(
        self,
        desk: Desk,
        opening: ApiOpening,
        source: Source,
        transport: asyncio.Transport,
        on_end: Callable[[Any], None],
        caller: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(desk.sender, transport, None, on_end)
        self._caller = caller
        self._desk = desk
        self._opening = opening
        self._source = source
        self._session = Session(desk.state, states_limits=opening.states_limits)
        self._waiting: deque[str] = deque()
        self._is_due = self._is_paused = self._is_leaving = False
        self._malformed = 0
        self._in_flight: dict[int, Inquiry] = {}

    # -- in

    def on_text(self, text: str) -> None:
        """Take a request; after the first of a turn of the loop, the others wait for the next."""
        self._waiting.append(text)
        if not self._is_due:
            self._take_some()
        elif len(self._waiting) >= MOST_WAITING and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _take_some(self) -> None:
        self._is_due = True
        asyncio.get_running_loop().call_soon(self._next_turn)
        for _ in range(min(AT_ONCE, len(self._waiting))):
            # Who has said too much nonsense is not listened to while the goodbye is on its way.
            if self.is_open and self._malformed < MOST_MALFORMED:
                self._begin(self._waiting.popleft())

    def _next_turn(self) -> None:
        self._is_due = False
        if self._waiting and self._malformed < MOST_MALFORMED:
            self._take_some()
        elif self._is_paused and self.is_open:
            self._is_paused = False
            self._transport.resume_reading()

    def _begin(self, text: str) -> None:
        family, states_limits = self._opening.family, self._opening.states_limits
        try:
            frame = frames.read(text)
        except Refused as refused:
            self._refuse(Asked(refused.id, family, states_limits), refused.reason)
            self._count_malformed()
            return
        self._malformed = 0
        if self._desk.state.canaries:
            self._look_for_canaries(frame)
        asked = Asked(frame.id, family, wants_limits(frame, otherwise=states_limits))
        method = methods.find(family, frame.method)
        endpoint = method and self._endpoint(method)
        if method is None or endpoint is None:
            self._refuse(asked, "ws_method_unknown")
        elif method.is_open:
            self._open(asked, method, call_of(endpoint, frame, None))
        else:
            self._judge(asked, method, call_of(endpoint, frame, self._session.speaker()))

    def _look_for_canaries(self, frame: Frame) -> None:
        """Whatever becomes of the request: a canary's key id may stand in one that is never judged."""
        texts = [value.encode() for _, value in frame.pairs]
        self._desk.handler.canaries.look(texts, self._source, "WS", frame.method, self._caller)

    def _count_malformed(self) -> None:
        self._malformed += 1
        if self._malformed >= MOST_MALFORMED:
            # The last refusal waits for the journal; the goodbye is said behind it.
            self._desk.turn.answer(lambda: self.close(POLICY, "Too many malformed requests"))

    def _refuse(self, asked: Asked, reason: str) -> None:
        reply = self._desk.handler.refuse(reason, str(self._source))
        self._desk.turn.answer(lambda: self._give(asked, reply))

    # -- requests

    def _judge(self, asked: Asked, method: Method, call: Call) -> None:
        if len(self._in_flight) >= (READS if method.verb == "GET" else EXITS):
            self._refuse(asked, "ws_too_many_in_flight")
            return
        inquiry = Inquiry(self._head(method, call.key_id or call.session), call.payload, self._source, call=call)
        if self._session.is_stale():
            self._log_out()
        shed = None if method.ends_here else self._desk.handler.shed(inquiry)
        if shed is None:
            self._carry_on(asked, method, inquiry)
            return
        self._in_flight[id(inquiry)] = inquiry
        self._desk.state.clock.call_later(HELD_BACK_S, lambda: self._end_one(asked, inquiry, shed))

    def _endpoint(self, method: Method) -> Endpoint | None:
        known = HERE if method.ends_here else self._desk.state.catalogue
        return known.get(self._opening.family, method.verb, method.path)

    def _head(self, method: Method, key_id: str | None) -> Head:
        """Give the head of the REST request that means the same."""
        return Head(
            method=method.verb,
            path=method.path,
            query=b"",
            length=0,
            host="",
            api_key=key_id,
            time_unit=self._opening.unit or None,
            keep_alive=True,
            upgrade=False,
            cross_site=False,
        )

    def _carry_on(self, asked: Asked, method: Method, inquiry: Inquiry) -> None:
        handler = self._desk.handler
        judged = handler.begin(inquiry)
        if isinstance(judged, Reply):
            self._desk.turn.answer(lambda: self._give(asked, judged))
        elif isinstance(judged, Admitted) and (reason := self._puts_off(method, judged)):
            self._refuse(asked, reason)
        elif isinstance(judged, Admitted) and method.ends_here:
            # At once: no event of a subscription may come before the answer that names it.
            reply = handler.here(inquiry, judged, lambda admitted: self._answer_here(method, inquiry, admitted))
            self._give(asked, reply)
        elif isinstance(judged, Admitted):
            # It has been judged: what it was judged by can be far larger than what is sent of it.
            inquiry.body, inquiry.call = b"", None
            self._in_flight[id(inquiry)] = inquiry
            self._desk.tasks.spawn(self._finish(asked, inquiry, judged), "request")

    def _puts_off(self, method: Method, admitted: Admitted) -> str:
        """Name the reason for which what is no exit has to wait, "" when it may go on."""
        if admitted.intent.reduces:
            return ""
        if self._is_leaving:
            # Else a connection that is to end goes on as long as its bot trades on it.
            return "draining"
        return "" if method.ends_here or len(self._in_flight) < ORDERS else "ws_too_many_in_flight"

    async def _finish(self, asked: Asked, inquiry: Inquiry, admitted: Admitted) -> None:
        try:
            reply = await self._desk.handler.finish(inquiry, admitted)
        except Exception:
            self._desk.turn.answer(lambda: self._ready(asked, inquiry, rest.unknown()))
            raise
        self._desk.turn.answer(lambda: self._ready(asked, inquiry, reply))

    # -- what ends here

    def _answer_here(self, method: Method, inquiry: Inquiry, admitted: Admitted) -> Reply:
        """Answer what has been proven to be the bot's."""
        by_session = inquiry.call is not None and inquiry.call.is_of_session
        if method.name != "session.logon":
            ask = UserAsk(
                self,
                method.name,
                admitted.intent.values,
                admitted.credential,
                by_session,
                self._source,
                self._opening.unit,
            )
            return self._desk.users.answer(ask)
        if by_session:
            return self._status()
        refusal = self._session.log_on(admitted)
        if refusal is None:
            # What the logon before it opened ends with it.
            self._desk.users.logged_out(self)
        return refusal or self._status()

    def _open(self, asked: Asked, method: Method, call: Call) -> None:
        """Answer what needs no proof: about this connection and nothing else."""
        intent = judge(call.endpoint, call.pairs, str)
        if isinstance(intent, Denial):
            self._refuse(asked, intent.reason)
        else:
            self._give(asked, self._answer_openly(method, intent.values))

    def _answer_openly(self, method: Method, values: Mapping[str, str]) -> Reply:
        if method.name == "session.subscriptions":
            rows = [b'{"subscriptionId":%d}' % number for number in self._desk.users.subscriptions(self)]
            return Reply(200, b"[%b]" % b",".join(rows))
        if method.name.startswith("userDataStream."):
            source = self._source
            return self._desk.users.answer(UserAsk(self, method.name, values, None, by_session=False, source=source))
        if method.name == "session.logout" or self._session.is_stale():
            self._log_out()
        return self._status()

    def _status(self) -> Reply:
        return self._session.status(has_events=self._desk.users.has_session_one(self))

    def _log_out(self) -> None:
        self._session.log_out()
        self._desk.users.logged_out(self)

    # -- out

    def _give(self, asked: Asked, reply: Reply) -> None:
        if self.is_open:
            state = self._desk.state
            self.send(answering.frame(asked, reply, self._desk.limit_of, state.told_ms(state.monotonic_ms())))

    def _ready(self, asked: Asked, inquiry: Inquiry, reply: Reply) -> None:
        """Give an answer, or have it given when it has room; till then its request counts as in flight."""
        if inquiry.head.method != "GET" or len(reply.body) <= LARGE or not self.is_open:
            self._end_one(asked, inquiry, reply)
            return

        def give() -> None:
            self._end_one(asked, inquiry, reply)
            self._write_large()

        self._desk.large.add(self, len(reply.body), give)

    def _end_one(self, asked: Asked, inquiry: Inquiry, reply: Reply) -> None:
        self._in_flight.pop(id(inquiry), None)
        self._give(asked, reply)
        if self._is_leaving and not self._in_flight:
            super().drain()

    def _write_large(self) -> None:
        """Write at once and in pieces: behind TLS no write tells whether it has left, only that those before have not.

        So it is known whether the bot takes it.
        """
        out, self._out = memoryview(b"".join(self._out)), []
        for start in range(0, len(out), HIGH_WATER):
            self._transport.write(out[start : start + HIGH_WATER])

    @property
    def is_ready(self) -> bool:
        """Whether what was written has left, but for a little."""
        return self._stuck_ns is None

    def resume_writing(self) -> None:
        """The bot has read."""
        super().resume_writing()
        if self.is_ready:
            self._desk.large.left(self)

    # -- the end

    def connection_lost(self, error: Exception | None) -> None:
        """It is over, and what was written has no more place in memory."""
        super().connection_lost(error)
        self._desk.large.left(self)

    def on_over(self) -> None:
        """What has not left yet need not leave any more."""
        self._waiting.clear()
        self._desk.large.forget(self)
        for inquiry in self._in_flight.values():
            inquiry.gone = True
        self._desk.users.gone(self)

    def describe(self) -> dict[str, Any]:
        """Tell how many requests waited for answers."""
        return {"in_flight": len(self._in_flight)}

    def drain(self) -> None:
        """The gateway stops: what is in flight is answered before the goodbye."""
        self._is_leaving = True
        if not self._in_flight:
            super().drain()


HERE = methods.catalogue()
