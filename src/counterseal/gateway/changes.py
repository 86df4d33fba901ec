"""Requests that change something: intent before the first byte, outcome after, never sent twice."""

import asyncio
from collections.abc import Mapping

from counterseal.core import freshness, orders
from counterseal.core.echo import CANCEL_REPLACE, contradicts, legs_contradict, order_in, replaced_id
from counterseal.core.legs import AMEND
from counterseal.core.messages import HeldKey
from counterseal.core.orders import OPEN_STATES, Entry, Repeat
from counterseal.core.outcome import Answer, Outcome, classify, is_duplicate
from counterseal.core.replay import Seen
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.budget import NoRoom, Permit
from counterseal.gateway.cases import case_of
from counterseal.gateway.ends import Verdict, expected_of, never_born, order_id_of, outcome_record, status_of, unsent
from counterseal.gateway.exits.cancels import SocketCancels
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.gate import Gate
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.ownership import Ownership
from counterseal.gateway.recovery import REPLACED
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.reply import Reply
from counterseal.gateway.resolver import Resolver
from counterseal.gateway.room import Room
from counterseal.gateway.state import State
from counterseal.gateway.sweep import Sweep
from counterseal.gateway.throttle import Throttle
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import Journal, JournalError
from counterseal.ports.signing import SignerUnavailable, SigningClient
from counterseal.ports.venue import Lost, NotSent, VenueReply

# A cancel of everything in scope would hit orders placed since: it is not repeated on the word of a repetition.
CANCEL_ALL = frozenset(
    {"/api/v3/openOrders"}
    | {f"{root}/v1/{name}" for root in ("/fapi", "/dapi") for name in ("allOpenOrders", "algoOpenOrders")}
)
KEEP_REPLIES = 4096
TIMESTAMP_REFUSED = -1021


class Changes:
    """Carries out trade and settings requests."""

    def __init__(
        self,
        state: State,
        outbound: Outbound,
        room: Room,
        signer: SigningClient,
        journal: Journal,
        turn: Turn,
        resolver: Resolver,
        refresher: Refresher,
        gate: Gate,
        ownership: Ownership,
        sweep: Sweep,
        throttle: Throttle,
        exposures: Exposures,
        by_socket: SocketCancels,
    ) -> None:
        self._state = state
        self._ownership = ownership
        self._sweep = sweep
        self._throttle = throttle
        self._exposures = exposures
        self._by_socket = by_socket
        self._gate = gate
        self._failures = state.failures.gated
        self._resolver = resolver
        self._refresher = refresher
        self._outbound = outbound
        self._room = room
        self._signer = signer
        self._journal = journal
        self._turn = turn
        self._count = 0
        self._in_flight: dict[str, asyncio.Future[Reply]] = {}
        self._cancels: dict[bytes, tuple[asyncio.Future[Reply], Entry | None]] = {}

    async def answer(self, inquiry: Inquiry, admitted: Admitted, seen: Seen) -> tuple[Reply, VenueReply | None]:
        """Give the bot's answer and the exchange's. Never raises for what bot, signer, disk or exchange do."""
        now_ms = inquiry.begun_ns // 1_000_000
        digest = orders.pairs_digest(admitted.endpoint.path, admitted.intent.pairs)
        known = self._repeated(admitted, seen, digest, now_ms)
        if known is not None:
            return known if isinstance(known, Reply) else await _copy(known), None
        key = self._outbound.key_for(admitted)
        if key is None:
            return replies.denial("no_key"), None
        denied = self._throttle.refuses(admitted) or self._ownership.refuses_change(inquiry, admitted, key)
        if denied is not None:
            return replies.denial(denied), None
        if admitted.endpoint.path in CANCEL_ALL and self._sweep.is_due(admitted, key):
            return await self._swept(inquiry, admitted, key), None
        shut = self._shut(admitted, key)
        if shut is not None:
            return shut, None
        request = f"{self._state.incarnation}-{self._count + 1}"
        held = self._exposures.hold(request, inquiry, admitted, key) if self._exposures.active else None
        if isinstance(held, str):
            return replies.denial(held), None
        try:
            permit = self._room.enter_now(admitted, key)
        except NoRoom as short:
            self._exposures.release(held)
            return self._room.refusal(short), None
        self._count += 1
        entry = Entry(admitted.bot, request, digest, now_ms)
        if admitted.endpoint.path == AMEND:
            entry.owner = self._ownership.owner_amended(admitted)
        try:
            verdict = await self._carry_out(inquiry, admitted, key, permit, entry)
        finally:
            self._room.give_back(permit)
        return verdict.reply, verdict.answer

    def _shut(self, admitted: Admitted, key: HeldKey) -> Reply | None:
        """Give the refusal of what something that fails closes at this moment, None when it may go on."""
        shut = self._gate.shut(admitted) if self._failures or self._journal.closed else None
        return shut or self._closed_by_unknowns(admitted, key)

    def _closed_by_unknowns(self, admitted: Admitted, key: HeldKey) -> Reply | None:
        """Give the refusal of what must wait for unknown orders to be resolved, None when it need not."""
        if not self._state.unknowns:
            return None
        return self._gate.doubted(admitted, self._state.account_of(key.ref))

    async def _swept(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey) -> Reply:
        """Cancel everything but what is other bots'; whoever repeats the request gets the same answer."""
        done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._keep_cancel(admitted, done)
        reply = replies.unknown()
        try:
            reply = await self._sweep.answer(
                inquiry, admitted, key, lambda one, order: self.answer(one, order, Seen.NEW)
            )
        finally:
            done.set_result(reply)
        return reply

    # -- what was asked before

    def _repeated(
        self, admitted: Admitted, seen: Seen, digest: bytes, now_ms: int
    ) -> "Reply | asyncio.Future[Reply] | None":
        """Give the answer to what was asked before, or the one that is on its way; None for what is new."""
        ids, family = admitted.intent.client_ids, admitted.endpoint.family
        repeat, entry = self._state.ledger.ask(family, ids, admitted.bot, digest, now_ms)
        if repeat is Repeat.DUPLICATE:
            futures = family in ("usdm", "coinm")
            return replies.denial("duplicate_client_order_id_futures" if futures else "duplicate_client_order_id")
        if repeat is Repeat.SAME and entry is not None:
            return self._in_flight.get(entry.request) or _stored(entry)
        if seen is Seen.NEW:
            return None
        if seen is Seen.SAME_PATH and admitted.endpoint.method == "DELETE":
            earlier = self._cancels.get(admitted.marks[0])
            if earlier is not None and (again := _told_again(*earlier)) is not None:
                return again
            if admitted.endpoint.path not in CANCEL_ALL:
                return None if earlier is not None else self._state.cancel_told(admitted.marks[0])
        return replies.denial("replayed")

    # -- once

    def _tell(self, admitted: Admitted, verdict: Verdict, done: "asyncio.Future[Reply]") -> None:
        """Give the answer to whoever repeats the request meanwhile."""
        if verdict.outcome is Outcome.NOT_SENT:
            self._cancels.pop(admitted.marks[0], None)
        done.set_result(verdict.reply)

    async def _carry_out(
        self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit | None, entry: Entry
    ) -> Verdict:
        """Carry out what has a permit, or waits for one with its intent already on record."""
        done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._write(self._intent_record(inquiry, admitted, entry, key))
        self._register(admitted, entry, done)
        try:
            verdict = await self._verdict(inquiry, admitted, key, permit)
            self._settle(admitted, entry, verdict)
            self._tell(admitted, verdict, done)
        except Exception as error:  # noqa: BLE001 - whatever broke, the order may be out: never less than UNKNOWN
            self._write({"type": "event", "what": "fault", "error": type(error).__name__, "id": entry.request})
            verdict = _unknown()
            self._settle(admitted, entry, verdict)
            self._tell(admitted, verdict, done)
        finally:
            self._in_flight.pop(entry.request, None)
            if not done.done():
                # This task was cancelled: nobody may wait for ever.
                done.set_result(_unknown().reply)
        if self._exposures.active:
            body = verdict.parsed.body if verdict.parsed else None
            self._exposures.settle(entry.request, key.ref, admitted.endpoint.family, verdict.outcome, body)
        if verdict.outcome is not Outcome.UNKNOWN:
            return verdict
        try:
            return await self._doubted(inquiry, admitted, key, entry, verdict)
        except Exception as error:  # noqa: BLE001 - the bot must be told UNKNOWN, whatever broke
            self._write({"type": "event", "what": "fault", "error": type(error).__name__, "id": entry.request})
            return verdict

    def _register(self, admitted: Admitted, entry: Entry, done: "asyncio.Future[Reply]") -> None:
        self._state.ledger.open(admitted.endpoint.family, admitted.intent.client_ids, entry)
        self._in_flight[entry.request] = done
        self._throttle.place(admitted, entry)
        if admitted.endpoint.method == "DELETE":
            self._keep_cancel(admitted, done, entry)

    def _keep_cancel(self, admitted: Admitted, done: "asyncio.Future[Reply]", entry: Entry | None = None) -> None:
        self._cancels[admitted.marks[0]] = (done, entry)
        if len(self._cancels) > KEEP_REPLIES:
            del self._cancels[next(iter(self._cancels))]

    async def _verdict(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit | None) -> Verdict:
        """Carry it out; where the exchange found its timestamp wrong, measure the clock anew (ruling 8)."""
        verdict = await self._permitted(inquiry, admitted, key, permit)
        if verdict.parsed is None or verdict.parsed.code != TIMESTAMP_REFUSED:
            return verdict
        if admitted.endpoint.method != "DELETE" or "orderId" not in admitted.intent.values:
            self._refresher.doubt()
            return verdict
        # Refused before it was looked at, and the cancel of that very order whenever it arrives.
        if not await self._refresher.measure_again():
            return verdict
        return await self._permitted(inquiry, admitted, key, None)

    async def _permitted(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit | None) -> Verdict:
        has_waited = permit is None
        try:
            permit = permit or await self._room.enter(admitted, key, lambda: not inquiry.gone)
        except NoRoom as short:
            return _not_sent("bot_gone") if inquiry.gone else Verdict(Outcome.NOT_SENT, self._room.refusal(short))
        try:
            shut = self._shut(admitted, key) if has_waited else None
            if shut is not None:
                return Verdict(Outcome.NOT_SENT, shut)
            if permit.by_socket:
                return await self._by_socket.carry(inquiry, admitted, key, permit, self._judged, self._sent)
            return await self._sent(inquiry, admitted, key, permit)
        finally:
            self._room.leave(inquiry, permit)

    async def _sent(
        self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit, *, again: bool = True
    ) -> Verdict:
        cap_ms = self._state.config.gateway.order_recv_window_ms
        inquiry.window_ms = freshness.upstream_recv_window(
            admitted.recv_window_ms, order=admitted.intent.places, order_cap_ms=cap_ms
        )
        try:
            query = await self._outbound.sign(admitted, key)
        except SignerRefused as refused:
            self._write({"type": "event", "what": "signer_refused", "reason": str(refused)})
            return _not_sent("signer_refused")
        except SignerUnavailable:
            return _not_sent("signer_unavailable")
        except JournalError:
            if again and admitted.intent.reduces:
                # From now on nothing is recorded: an exit need not wait for that.
                return await self._sent(inquiry, admitted, key, permit, again=False)
            return _not_sent("journal_unavailable")
        inquiry.signed_ns = self._state.clock.monotonic_ns()
        if inquiry.gone:
            return _not_sent("bot_gone")
        try:
            answer = await self._outbound.send(admitted, query, key, permit, lambda: not inquiry.gone)
        except NotSent as error:
            return _not_sent("bot_gone" if inquiry.gone else unsent(error))
        except Lost:
            return _unknown()
        return self._judged(admitted, answer, permit)

    def _judged(self, admitted: Admitted, answer: VenueReply, permit: Permit) -> Verdict:
        parsed = answers.parse(answer)
        if isinstance(parsed.body, list):
            self._room.told_legs(admitted, permit, parsed.body)
        has_two = admitted.endpoint.path == CANCEL_REPLACE
        outcome = classify(admitted.endpoint.family, parsed, expected_of(admitted), has_two_results=has_two)
        if outcome is Outcome.ACCEPTED and contradicts(admitted.intent, parsed.body):
            outcome = Outcome.UNKNOWN
        if outcome is Outcome.UNKNOWN:
            return _unknown(answer, parsed)
        return Verdict(outcome, answers.passed_on(answer, self._signer.keys(), parsed), answer, parsed)

    async def _doubted(
        self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, entry: Entry, verdict: Verdict
    ) -> Verdict:
        """Have an UNKNOWN request resolved. A duplicate is looked for at once: the order that lives may be this one."""
        duplicate = verdict.parsed is not None and is_duplicate(verdict.parsed)
        signed_ms = (inquiry.signed_ns or self._state.clock.monotonic_ns()) // 1_000_000
        case = case_of(self._state, admitted, entry, key.ref, signed_ms, inquiry.window_ms, duplicate=duplicate)
        if case is None:
            return verdict
        self._resolver.take_up(case)
        if not duplicate or verdict.answer is None:
            return verdict
        await self._resolver.first_word(case)
        if entry.outcome is Outcome.REJECTED:
            return verdict._replace(reply=answers.passed_on(verdict.answer, self._signer.keys(), verdict.parsed))
        return verdict._replace(reply=_stored(entry))

    # -- what is kept of it

    def _settle(self, admitted: Admitted, entry: Entry, verdict: Verdict) -> None:
        body = verdict.parsed.body if verdict.parsed else None
        entry.outcome = verdict.outcome
        entry.reply = (verdict.reply.status, verdict.reply.body)
        if isinstance(body, dict):
            status = status_of(order_in(body))
            # An event may have come first, and told of more than the answer knew.
            if not entry.order_status or (status and status not in OPEN_STATES):
                entry.order_status = status
            if admitted.endpoint.method in ("DELETE", "PUT") and verdict.outcome is Outcome.ACCEPTED:
                self._learn_cancel(admitted, body)
        family, ids = admitted.endpoint.family, admitted.intent.client_ids
        self._state.ledger.close(family, ids, entry)
        freed: list[str] = []
        if isinstance(body, list) and not legs_contradict(admitted.intent, body):
            freed = never_born(family, ids, body)
            for client_id in freed:
                self._state.ledger.free(family, client_id)
        order_id = order_id_of(body)
        made = self._ownership.made(admitted, verdict.outcome, body, order_id)
        self._throttle.settle(admitted, entry, freed)
        if verdict.outcome is Outcome.UNKNOWN:
            self._state.counter(admitted.bot).unknown += 1
        record = outcome_record(entry, verdict, order_id, freed)
        if made is not None:
            record["numbers"] = made
        self._write(record)

    def _learn_cancel(self, admitted: Admitted, body: Mapping[str, object]) -> None:
        name = body.get("origClientOrderId") or body.get("clientOrderId")
        if isinstance(name, str):
            self._state.ledger.learn(admitted.endpoint.family, name, status_of(body))
            self._state.unknowns.seen(admitted.endpoint.family, name)
        old = replaced_id(body)
        if old is not None:
            self._state.ledger.learn(admitted.endpoint.family, old, REPLACED)

    def _intent_record(self, inquiry: Inquiry, admitted: Admitted, entry: Entry, key: HeldKey) -> dict[str, object]:
        return {
            "type": "intent",
            "id": entry.request,
            "bot": admitted.bot,
            "family": admitted.endpoint.family,
            "method": admitted.endpoint.method,
            "path": admitted.endpoint.path,
            "pairs": admitted.intent.pairs,
            "client_ids": admitted.intent.client_ids,
            "digest": entry.pairs_digest.hex(),
            "request": admitted.marks[0].hex(),
            "signature": admitted.marks[1].hex(),
            "form": inquiry.form,
            "key": key.ref,
            "policy": self._state.policy_hash,
            "would_deny": inquiry.would_deny or None,
            **({"owner": entry.owner} if entry.owner else {}),
        }

    def _write(self, record: Mapping[str, object]) -> None:
        if self._journal.failed:
            # Only exits come here then; they go on without the journal.
            self._gate.record(record)
        else:
            self._turn.write(record)


def _unknown(answer: VenueReply | None = None, parsed: Answer | None = None) -> Verdict:
    return Verdict(Outcome.UNKNOWN, replies.unknown(), answer, parsed)


def _not_sent(reason: str) -> Verdict:
    return Verdict(Outcome.NOT_SENT, replies.denial(reason))


def _stored(entry: Entry) -> Reply:
    # An answer too long for the journal is lost with a restart: then nobody can say more than UNKNOWN.
    return replies.unknown() if entry.reply is None or entry.outcome is Outcome.UNKNOWN else Reply(*entry.reply)


def _told_again(done: "asyncio.Future[Reply]", entry: Entry | None) -> "Reply | asyncio.Future[Reply] | None":
    """Give what the same cancel is told again; None when it was UNKNOWN and is proven never to have been executed."""
    was_unknown = done.done() and done.result().headers.get("X-Counterseal-State") == Outcome.UNKNOWN.value
    if not was_unknown or entry is None or entry.outcome is Outcome.UNKNOWN:
        return done
    return None if entry.reply is None else Reply(*entry.reply)


async def _copy(earlier: "asyncio.Future[Reply]") -> Reply:
    """Wait for another request's answer without being able to cancel it."""
    first = await asyncio.shield(earlier)
    return Reply(first.status, first.body, dict(first.headers))
