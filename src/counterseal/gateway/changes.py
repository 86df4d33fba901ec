"""Requests that change something: intent before the first byte, outcome after, never sent twice."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from counterseal.core import freshness, orders
from counterseal.core.echo import contradicts, legs_contradict, order_in, replaced_id
from counterseal.core.legs import ALGO_ORDERS, LISTS
from counterseal.core.messages import HeldKey
from counterseal.core.orders import Entry, Repeat
from counterseal.core.outcome import Answer, Outcome, classify, is_duplicate, leg_outcome
from counterseal.core.replay import Seen
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.budget import NoRoom, Permit
from counterseal.gateway.cases import case_of
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.recovery import MAX_KEPT_REPLY, REPLACED
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.reply import Reply
from counterseal.gateway.resolver import Resolver
from counterseal.gateway.room import Room
from counterseal.gateway.state import State
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
_STATUS = re.compile(r"[A-Z_]{1,40}", re.ASCII).fullmatch
# Which field of the reply repeats which parameter.
_ORDERS = ("/api/v3/order", "/api/v3/sor/order", "/fapi/v1/order", "/dapi/v1/order")
_ECHO = {
    **{path: {"newClientOrderId": "clientOrderId", "symbol": "symbol"} for path in _ORDERS},
    **{path: {"clientAlgoId": "clientAlgoId", "symbol": "symbol"} for path in ALGO_ORDERS},
    **{path: {"listClientOrderId": "listClientOrderId", "symbol": "symbol"} for path in LISTS},
}


class Verdict(NamedTuple):
    """What became of one change."""

    outcome: Outcome
    reply: Reply
    answer: VenueReply | None = None
    parsed: Answer | None = None


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
    ) -> None:
        self._state = state
        self._resolver = resolver
        self._refresher = refresher
        self._outbound = outbound
        self._room = room
        self._signer = signer
        self._journal = journal
        self._turn = turn
        self._count = 0
        self._in_flight: dict[str, asyncio.Future[Reply]] = {}
        self._cancels: dict[bytes, asyncio.Future[Reply]] = {}

    async def answer(self, inquiry: Inquiry, admitted: Admitted, seen: Seen) -> tuple[Reply, VenueReply | None]:
        """Give the bot's answer and the exchange's. Never raises for what bot, signer, disk or exchange do."""
        now_ms = inquiry.begun_ns // 1_000_000
        digest = orders.pairs_digest(admitted.endpoint.path, admitted.intent.pairs)
        known = self._repeated(admitted, seen, digest, now_ms)
        if known is not None:
            return known if isinstance(known, Reply) else await _copy(known), None
        if self._is_foreign_algo_order(admitted):
            return replies.denial("all_symbols_not_allowed"), None
        key = self._outbound.key_for(admitted)
        if key is None:
            return replies.denial("no_key"), None
        if self._journal.closed and not admitted.intent.reduces:
            return replies.denial(self._journal.closed), None
        closed = self._closed_by_unknowns(admitted, key)
        if closed is not None:
            return replies.denial(closed), None
        try:
            permit = self._room.enter_now(admitted, key)
        except NoRoom as short:
            return self._room.refusal(short), None
        self._count += 1
        entry = Entry(admitted.bot, f"{self._state.incarnation}-{self._count}", digest, now_ms)
        try:
            verdict = await self._carry_out(inquiry, admitted, key, permit, entry)
        finally:
            self._room.give_back(permit)
        return verdict.reply, verdict.answer

    def _closed_by_unknowns(self, admitted: Admitted, key: HeldKey) -> str | None:
        """Give the reason why an order that raises risk must wait for others to be resolved, None when it need not."""
        if not self._state.unknowns or admitted.intent.reduces or not admitted.intent.legs:
            return None
        account = self._state.account_of(key.ref)
        return self._state.unknowns.refusal(account, admitted.endpoint.family, admitted.intent.symbols)

    def _is_foreign_algo_order(self, admitted: Admitted) -> bool:
        """An algo order is cancelled without naming its symbol: a bot that is held to symbols may cancel its own."""
        if admitted.endpoint.path not in ALGO_ORDERS or admitted.endpoint.method != "DELETE":
            return False
        if admitted.policy is None or admitted.policy.symbols == ("*",):
            return False
        values = admitted.intent.values
        named = {"client_id": values.get("clientAlgoId"), "order_id": values.get("algoId")}
        return self._state.ledger.owner(admitted.endpoint.family, **named) != admitted.bot

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
            if earlier is not None:
                return earlier
            if admitted.endpoint.path not in CANCEL_ALL:
                return None
        return replies.denial("replayed")

    # -- once

    async def _carry_out(
        self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit | None, entry: Entry
    ) -> Verdict:
        """Carry out what has a permit, or waits for one with its intent already on record."""
        done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._write(self._intent_record(inquiry, admitted, entry, key))
        self._register(admitted, entry, done)
        verdict: Verdict | None = None
        try:
            verdict = await self._verdict(inquiry, admitted, key, permit)
            self._settle(admitted, entry, verdict)
        except Exception as error:  # noqa: BLE001 - whatever broke, the order may be out: never less than UNKNOWN
            self._write({"type": "event", "what": "fault", "error": type(error).__name__, "id": entry.request})
            verdict = _unknown()
            self._settle(admitted, entry, verdict)
        finally:
            # Also when this task is cancelled: nobody may wait for ever.
            self._in_flight.pop(entry.request, None)
            if verdict is not None and verdict.outcome is Outcome.NOT_SENT:
                self._cancels.pop(admitted.marks[0], None)
            done.set_result((verdict or _unknown()).reply)
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
        if admitted.endpoint.method == "DELETE":
            self._cancels[admitted.marks[0]] = done
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
        try:
            permit = permit or await self._room.enter(admitted, key, lambda: not inquiry.gone)
        except NoRoom as short:
            return _not_sent("bot_gone") if inquiry.gone else Verdict(Outcome.NOT_SENT, self._room.refusal(short))
        try:
            return await self._sent(inquiry, admitted, key, permit)
        finally:
            self._room.leave(inquiry, permit)

    async def _sent(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, permit: Permit) -> Verdict:
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
            return _not_sent("journal_unavailable")
        inquiry.signed_ns = self._state.clock.monotonic_ns()
        if inquiry.gone:
            return _not_sent("bot_gone")
        try:
            answer = await self._outbound.send(admitted, query, key, permit, lambda: not inquiry.gone)
        except NotSent:
            return _not_sent("bot_gone" if inquiry.gone else "venue_unreachable")
        except Lost:
            return _unknown()
        return self._judged(admitted, answer, permit)

    def _judged(self, admitted: Admitted, answer: VenueReply, permit: Permit) -> Verdict:
        parsed = answers.parse(answer)
        if isinstance(parsed.body, list):
            self._room.told_legs(admitted, permit, parsed.body)
        outcome = classify(admitted.endpoint.family, parsed, _expected(admitted))
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
            entry.order_status = _status_of(order_in(body))
            if admitted.endpoint.method in ("DELETE", "PUT") and verdict.outcome is Outcome.ACCEPTED:
                self._learn_cancel(admitted, body)
        family, ids = admitted.endpoint.family, admitted.intent.client_ids
        self._state.ledger.close(family, ids, entry)
        freed: list[str] = []
        if isinstance(body, list) and not legs_contradict(admitted.intent, body):
            freed = _never_born(family, ids, body)
            for client_id in freed:
                self._state.ledger.free(family, client_id)
        order_id = order_id_of(body)
        placed = admitted.intent.places and verdict.outcome is Outcome.ACCEPTED
        if placed and admitted.endpoint.path in ALGO_ORDERS and order_id is not None:
            self._state.ledger.own(family, str(order_id), admitted.bot)
        if verdict.outcome is Outcome.UNKNOWN:
            self._state.counter(admitted.bot).unknown += 1
        self._write(outcome_record(entry, verdict, order_id, freed))

    def _learn_cancel(self, admitted: Admitted, body: Mapping[str, object]) -> None:
        name = body.get("origClientOrderId") or body.get("clientOrderId")
        if isinstance(name, str):
            self._state.ledger.learn(admitted.endpoint.family, name, _status_of(body))
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
        }

    def _write(self, record: Mapping[str, object]) -> None:
        # With the journal latched only exits come here; they go on without a record (kept in the log).
        if not self._journal.failed:
            self._turn.write(record)


def outcome_record(entry: Entry, verdict: Verdict, order_id: int | None, freed: list[str]) -> dict[str, object]:
    """Give the terminal record of one intent."""
    return {
        "type": "outcome",
        "id": entry.request,
        "outcome": verdict.outcome,
        "status": verdict.answer.status if verdict.answer else None,
        "code": verdict.parsed.code if verdict.parsed else None,
        "order_id": order_id,
        "order_status": entry.order_status,
        "reason": verdict.reply.headers.get("X-Counterseal-Reason"),
        "reply_status": verdict.reply.status,
        "reply": verdict.reply.body.decode("utf-8", "replace") if len(verdict.reply.body) <= MAX_KEPT_REPLY else None,
        "freed": freed,
    }


def _unknown(answer: VenueReply | None = None, parsed: Answer | None = None) -> Verdict:
    return Verdict(Outcome.UNKNOWN, replies.unknown(), answer, parsed)


def _not_sent(reason: str) -> Verdict:
    return Verdict(Outcome.NOT_SENT, replies.denial(reason))


def _stored(entry: Entry) -> Reply:
    # An answer too long for the journal is lost with a restart: then nobody can say more than UNKNOWN.
    return replies.unknown() if entry.reply is None or entry.outcome is Outcome.UNKNOWN else Reply(*entry.reply)


def order_id_of(body: object) -> int | None:
    """Give the order's number where the reply has one; any other value could be anything, a key included."""
    order = order_in(body) if isinstance(body, dict) else {}
    found = order.get("orderId", order.get("algoId"))
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 1 << 63 else None


def _status_of(body: Mapping[str, object]) -> str:
    status = body.get("status", "")
    return status if isinstance(status, str) and _STATUS(status) else ""


def _never_born(family: str, ids: Sequence[str], body: Sequence[object]) -> list[str]:
    """Give the ids of a batch's legs that the exchange provably rejected: they may be used again."""
    return [
        client_id for client_id, leg in zip(ids, body, strict=False) if leg_outcome(family, leg) is Outcome.REJECTED
    ]


def _expected(admitted: Admitted) -> dict[str, str]:
    if not admitted.intent.places:
        return {}
    values = admitted.intent.values
    return {field: values[name] for name, field in _ECHO.get(admitted.endpoint.path, {}).items() if name in values}


async def _copy(earlier: "asyncio.Future[Reply]") -> Reply:
    """Wait for another request's answer without being able to cancel it."""
    first = await asyncio.shield(earlier)
    return Reply(first.status, first.body, dict(first.headers))
