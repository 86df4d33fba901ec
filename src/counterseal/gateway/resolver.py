"""Asks the exchange what became of UNKNOWN requests, and lets whoever asks again have the truth."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from counterseal.adapters.tasks import Tasks
from counterseal.core.conclusion import Conclusion, Settled, conclude
from counterseal.core.outcome import Outcome
from counterseal.core.ownership import SEVERAL, Number, born_as
from counterseal.core.queries import question, read, status_of
from counterseal.core.resolver import OVERDUE_MS, Ask, End, Finding, begin, learn, next_ask
from counterseal.core.subjects import Change, Subject, raises
from counterseal.core.unknowns import Unknown
from counterseal.gateway import answers
from counterseal.gateway.asking import Asker
from counterseal.gateway.cases import Case, recovered_case
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.recovery import MAX_KEPT_REPLY
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import Journal
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import VenueReply

# How many questions may be on their way at once, and how long a start or a duplicate waits for the first answers.
AT_ONCE = 8
START_S, DUPLICATE_S = 5.0, 2.0
_encode = msgspec.json.Encoder().encode


class Resolver:
    """Carries out what `core.resolver` decides, one task for each unknown request."""

    def __init__(
        self, state: State, asker: Asker, signer: SigningClient, journal: Journal, turn: Turn, tasks: Tasks, log: Any,
        exposures: Exposures,
    ) -> None:  # fmt: skip
        self._exposures = exposures
        self._state = state
        self._asker = asker
        self._signer = signer
        self._journal = journal
        self._turn = turn
        self._tasks = tasks
        self._log = log
        self._clock = state.clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._running: dict[str, tuple[Case, asyncio.Task[None]]] = {}

    # -- what comes in

    def take_up(self, case: Case) -> None:
        """Begin to ask for an UNKNOWN request; returns at once."""
        request = case.entry.request
        self._waiting[request] = set()
        self._state.unknowns.add(
            Unknown(
                request=request,
                account=self._state.account_of(case.key),
                family=case.family,
                symbols=frozenset(subject.symbol for subject in case.subjects if subject.symbol),
                client_ids=frozenset([*case.client_ids, *(s.client_id for s in case.subjects if s.client_id)]),
                raises=raises(case.subjects),
                since_ms=case.entry.at_ms,
                wake=lambda: self._wake(request),
            )
        )
        self._running[request] = (case, self._tasks.spawn(self._resolve(case), f"resolve {request}"))

    def cases(self) -> list[Case]:
        """Give every case that is not proven, the oldest first."""
        return sorted([case for case, _ in self._running.values()], key=lambda case: case.entry.at_ms)

    def end(self, case: Case, outcome: Outcome, by: Mapping[str, Any]) -> None:
        """End a case that nobody can prove, by a person's word; `by` goes into the journal.

        Its ids stay taken, whatever the outcome: if the word is wrong, an order that lives keeps name and owner.
        """
        _, task = self._running[case.entry.request]
        task.cancel()
        self._conclude(case, Conclusion(outcome, 0, None, (), ""), [], by)

    async def before_opening(self, intents: Iterable[Mapping[str, Any]]) -> None:
        """Take up what earlier runs left UNKNOWN, and ask once for each of them; five seconds in all."""
        cases = [case for intent in intents if (case := recovered_case(self._state, intent)) is not None]
        for case in cases:
            self.take_up(case)
        await self._first_answers(cases, START_S)

    async def first_word(self, case: Case) -> None:
        """Wait a moment until the exchange has been asked once."""
        await self._first_answers([case], DUPLICATE_S)

    async def _first_answers(self, cases: list[Case], within_s: float) -> None:
        deadline_ns = self._clock.monotonic_ns() + int(within_s * 1e9)
        while any(case.unseen for case in cases) and self._clock.monotonic_ns() < deadline_ns:
            await self._clock.sleep(0.005)

    # -- one request

    async def _resolve(self, case: Case) -> None:
        overdue = self._clock.call_later(OVERDUE_MS / 1000, lambda: self._overdue(case))
        try:
            settled = await asyncio.gather(*[self._prove(case, subject) for subject in case.subjects])
        finally:
            overdue.cancel()
        self._close(case, settled)

    async def _prove(self, case: Case, subject: Subject) -> Settled:
        """Ask until one thing is proven."""
        now_ms = self._state.monotonic_ms()
        proof = begin(case.sent_ms, case.recv_window_ms, now_ms, places=subject.change is Change.BORN)
        order: Any = None
        while proof.end is None:
            ask, at_ms = next_ask(proof)
            await self._until(case.entry.request, at_ms)
            async with self._slots:
                asked_ms = self._state.monotonic_ms()
                finding, order = await self._finding(case, subject, ask)
            proof = learn(proof, finding, asked_ms)
            case.heard[subject] = f"{ask.value}: {finding.value}"
            case.unseen.discard(subject)
        return Settled(subject, proof.end, order)

    async def _finding(self, case: Case, subject: Subject, ask: Ask) -> tuple[Finding, Any]:
        asked = question(subject, ask, case.window)
        answer = None if asked is None else await self._asker.ask(case.entry.bot, case.key, case.family, asked)
        if answer is None:
            return Finding.SILENT, None
        try:
            finding, order = read(subject, ask, answers.parse(answer), case.window, duplicate=case.duplicate)
        except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError):
            return Finding.SILENT, None
        if finding is Finding.NOT_THERE and self._is_born(case, subject):
            return Finding.SILENT, None
        return finding, order

    def _is_born(self, case: Case, subject: Subject) -> bool:
        """An event has shown the order: a read that denies it is behind. A duplicate's id may be an older order's."""
        is_birth = subject.change is Change.BORN and not case.duplicate
        return is_birth and self._state.unknowns.is_shown(case.entry.request, subject.client_id)

    async def _until(self, request: str, at_ms: int) -> None:
        """Wait until a moment, or until a bot's own answer showed the order."""
        delay_ms = at_ms - self._state.monotonic_ms()
        if delay_ms <= 0:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[request].add(woken)
        timer = self._clock.call_later(delay_ms / 1000, lambda: _fire(woken))
        try:
            await woken
        finally:
            timer.cancel()
            self._waiting.get(request, set()).discard(woken)

    def _wake(self, request: str) -> None:
        for waiting in self._waiting.get(request, ()):
            _fire(waiting)

    # -- what comes out

    def _close(self, case: Case, settled: list[Settled]) -> None:
        self._conclude(case, conclude(case.path, case.client_ids, settled, keeps_ids=case.keeps_ids), settled)

    def _conclude(
        self, case: Case, found: Conclusion, settled: list[Settled], by: Mapping[str, Any] | None = None
    ) -> None:
        entry, now_ms = case.entry, self._state.monotonic_ms()
        age_ms = now_ms - entry.at_ms
        entry.outcome, entry.order_status, entry.reply = found.outcome, found.order_status, self._reply(found)
        # An id that was free before may be somebody else's by now.
        freed = tuple([name for name in found.freed if self._state.ledger.get(case.family, name) is entry])
        self._state.ledger.resolve(case.family, entry, freed, now_ms)
        for item in settled:
            self._learn(case, item)
        self._state.unknowns.drop(entry.request)
        del self._waiting[entry.request], self._running[entry.request]
        record = resolved_record(case, found._replace(freed=freed), _number_of(settled), age_ms)
        if case.path in SEVERAL:
            record["numbers"] = [number for item in settled for number in _born(item)]
        self._write({**record, **(by or {})})
        if self._exposures.active:
            self._exposures.settle(entry.request, case.key, case.family, found.outcome, found.body)
        self._log.warning("unknown request is resolved", id=entry.request, outcome=found.outcome.value, after_ms=age_ms)

    def _reply(self, found: Conclusion) -> tuple[int, bytes] | None:
        if found.body is None:
            return None
        reply = answers.passed_on(VenueReply(found.status, {}, _encode(found.body), 0, 0), self._signer.keys())
        return reply.status, reply.body

    def _learn(self, case: Case, item: Settled) -> None:
        """What was found of an order keeps the ledger of ids true."""
        if not isinstance(item.order, dict):
            return
        if item.subject.client_id:
            self._state.ledger.learn(case.family, item.subject.client_id, status_of(item.order))
        for scope, number in _born(item):
            self._state.ledger.own(case.family, scope, number, case.entry.bot)

    def _overdue(self, case: Case) -> None:
        request, age_ms = case.entry.request, self._state.monotonic_ms() - case.entry.at_ms
        self._state.unknowns.mark_overdue(request)
        symbols = sorted({subject.symbol for subject in case.subjects})
        self._log.critical(
            "request is still UNKNOWN: its symbol takes no order that raises risk", id=request, bot=case.entry.bot,
            symbols=symbols, age_ms=age_ms,
        )  # fmt: skip
        self._write({"type": "event", "what": "unresolved", "id": request, "symbols": symbols, "age_ms": age_ms})

    def _write(self, record: Mapping[str, Any]) -> None:
        if not self._journal.failed:
            self._turn.write(record)


def _fire(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


def resolved_record(case: Case, found: Conclusion, order_id: int | None, age_ms: int) -> dict[str, Any]:
    """Give the record of what an UNKNOWN intent came to."""
    reply = case.entry.reply
    return {
        "type": "resolved",
        "id": case.entry.request,
        "bot": case.entry.bot,
        "outcome": found.outcome.value,
        "order_id": order_id,
        "order_status": found.order_status,
        "reply_status": reply[0] if reply else None,
        "reply": reply[1].decode() if reply and len(reply[1]) <= MAX_KEPT_REPLY else None,
        "freed": list(found.freed),
        "after_ms": age_ms,
    }


def _born(item: Settled) -> tuple[Number, ...]:
    """Give the numbers of what was found to be born, each with its scope."""
    if item.subject.change is not Change.BORN or item.end is not End.TAKEN:
        return ()
    return born_as(item.subject.store, item.subject.symbol, item.order)


def _number_of(settled: list[Settled]) -> int | None:
    for item in settled:
        found = item.order.get("orderId", item.order.get("algoId")) if isinstance(item.order, dict) else None
        if isinstance(found, int):
            return found
    return None
