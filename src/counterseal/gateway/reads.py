"""Requests that change nothing. They may be sent again, signed anew, when an answer did not come."""

from collections.abc import Callable

from counterseal.core.binance.canonical import encode_query
from counterseal.core.messages import HeldKey
from counterseal.core.public_reads import SharedRead
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.budget import NoRoom
from counterseal.gateway.ends import unsent
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.gate import Gate
from counterseal.gateway.outbound import Outbound
from counterseal.gateway.ownership import Ownership
from counterseal.gateway.quarantine import KeyWards
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.reply import Reply
from counterseal.gateway.room import Room
from counterseal.gateway.stampede import Stampede
from counterseal.gateway.state import State
from counterseal.gateway.streams.live_reads import LiveAnswer, LiveReads
from counterseal.ports.clock import Clock
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import Lost, NotSent, VenueReply

BACKOFF_S = (0.2, 0.4)
_LEARNS = frozenset(
    {"/api/v3/order"} | {f"{root}/v1/{name}" for root in ("/fapi", "/dapi") for name in ("order", "openOrder")}
)


class Reads:
    """Answers reads, public and signed."""

    def __init__(
        self,
        state: State,
        outbound: Outbound,
        room: Room,
        signer: SigningClient,
        refresher: Refresher,
        clock: Clock,
        stampede: Stampede,
        gate: Gate,
        ownership: Ownership,
        exposures: Exposures,
        live: LiveReads,
        wards: KeyWards,
    ) -> None:
        self._state = state
        self._outbound = outbound
        self._uses = outbound.uses
        self._room = room
        self._signer = signer
        self._refresher = refresher
        self._clock = clock
        self._stampede = stampede
        self._gate = gate
        self._ownership = ownership
        self._failures = state.failures.gated
        self._exposures = exposures
        self._live = live
        self._wards = wards

    async def answer(self, inquiry: Inquiry, admitted: Admitted) -> tuple[Reply, VenueReply | None]:
        """Give the bot's answer and the exchange's, None where this bot's request did not ask the exchange."""
        key = self._outbound.key_for(admitted)
        if key is None and (admitted.endpoint.signed or admitted.endpoint.security != "NONE"):
            return replies.denial("no_key"), None
        shut = self._wards.shut(admitted, key) or (self._gate.shut(admitted) if self._failures else None)
        if shut is not None:
            return shut, None
        foreign = self._ownership.refuses_read(admitted, key)
        if foreign is not None:
            return replies.denial(foreign), None
        read = self._state.shared_read(admitted.endpoint, admitted.intent.pairs, admitted.time_unit)
        live = None if read is None or inquiry.head.no_cache else self._live.answer(admitted)
        if live is not None:
            return self._from_stream(admitted, live), None
        if key is not None:
            self._uses.begin(key.ref)
        try:
            if read is not None:
                return await self._share(inquiry, admitted, read)
            wards = self._wards
            answer = await self._persist(
                inquiry, admitted, key, lambda: not inquiry.gone and not wards.stops(admitted, key)
            )
        except NoRoom as short:
            return self._room.refusal(short), None
        except NotSent as error:
            return self._wards.stopped(admitted, key) or replies.denial(unsent(error)), None
        except Lost:
            return replies.unknown(), None
        finally:
            if key is not None:
                self._uses.end(key.ref)
        self._learn(admitted, answer)
        if self._exposures.active and key is not None:
            self._exposures.read(admitted, key, answer)
        shown = self._ownership.shown(admitted, key, answer)
        if shown is None:
            return replies.denial("foreign_order"), None
        return answers.passed_on(shown, self._signer.keys()), answer

    def _from_stream(self, admitted: Admitted, live: LiveAnswer) -> Reply:
        """Answer with what a stream brought; the date is exchange time."""
        self._state.counter(admitted.bot).shared += 1
        date = replies.http_date(self._state.told_ms(self._state.monotonic_ms()) * 1_000_000)
        return Reply(200, live.body, {"Date": date, **replies.shared_headers("stream", live.age_ms)})

    async def _share(self, inquiry: Inquiry, admitted: Admitted, read: SharedRead) -> tuple[Reply, VenueReply | None]:
        """Answer a public read that others may make too: with a request of its own only if none of theirs serves."""
        shared = await self._stampede.share(
            read,
            lambda wanted: self._ask_for_all(inquiry, admitted, wanted),
            lambda: not inquiry.gone,
            past_cache=inquiry.head.no_cache,
        )
        given = answers.passed_on_clean(shared.answer)
        if not shared.how:
            return given, shared.answer
        self._state.counter(admitted.bot).shared += 1
        age_ms = (self._clock.monotonic_ns() - shared.answer.sent_ns) // 1_000_000
        given.headers.update(replies.shared_headers(shared.how, age_ms))
        return given, None

    async def _ask_for_all(self, inquiry: Inquiry, admitted: Admitted, wanted: Callable[[], bool]) -> VenueReply:
        """Get an answer and clean it once: exchangeInfo is so large that cleaning it for each bot holds up others."""
        return answers.cleaned(await self._persist(inquiry, admitted, None, wanted), self._signer.keys())

    async def _persist(
        self, inquiry: Inquiry, admitted: Admitted, key: HeldKey | None, wanted: Callable[[], bool]
    ) -> VenueReply:
        resynced = False
        # Who shares reads may have waited already for somebody who found no room.
        since_ms: int | None = inquiry.begun_ns // 1_000_000
        for pause in (*BACKOFF_S, None):
            try:
                answer = await self._ask_upstream(inquiry, admitted, key, wanted, since_ms)
            except Lost:
                if pause is None or not wanted():
                    raise
                await self._clock.sleep(pause)
                since_ms = None
                continue
            if answer.status == 400 and not resynced and pause and answers.parse(answer).code == -1021:
                resynced = await self._refresher.measure_again()
                since_ms = None
                continue
            return answer
        raise Lost("no answer after three tries")

    async def _ask_upstream(
        self,
        inquiry: Inquiry,
        admitted: Admitted,
        key: HeldKey | None,
        wanted: Callable[[], bool],
        since_ms: int | None,
    ) -> VenueReply:
        """Send one request. Every read that reaches the exchange does it here; each time costs its weight.

        `since_ms` is since when it has waited for room, None: since now.
        Raises NoRoom where the exchange's limits have none for it.
        """
        permit = await self._room.enter(admitted, key, wanted, since_ms)
        try:
            if admitted.endpoint.signed and key is not None:
                query = await self._outbound.sign(admitted, key)
            else:
                query = encode_query(admitted.intent.pairs)
            shown = key if admitted.endpoint.security != "NONE" else None
            return await self._outbound.send(admitted, query, shown, permit, wanted)
        finally:
            self._room.leave(inquiry, permit)

    def _learn(self, admitted: Admitted, answer: VenueReply) -> None:
        """An order's status seen in a query keeps the ledger of ids true."""
        if admitted.endpoint.path in _LEARNS and answer.status == 200:
            body = answers.parse(answer).body
            if isinstance(body, dict) and isinstance(body.get("clientOrderId"), str):
                self._state.ledger.learn(admitted.endpoint.family, body["clientOrderId"], str(body.get("status", "")))
                self._state.unknowns.seen(admitted.endpoint.family, body["clientOrderId"])
