"""At the start: what the journal knows becomes the ledger of ids, and what a crash left open becomes UNKNOWN."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from counterseal.core.boots import RECOVERED_ORDER, Boots
from counterseal.core.orders import Entry, IdLedger
from counterseal.core.outcome import Outcome
from counterseal.core.repeats import LATCH, Latch, learn
from counterseal.core.replay import KEEP_MS
from counterseal.core.summary import (
    ENDS,
    REPLACED,
    RESOLVED,
    UNRESOLVED,
    Settled,
    Summary,
    is_unresolved,
    numbers_of,
    owner_in,
    recovered_order,
    reply_of,
    told_by,
)

__all__ = ["MAX_KEPT_REPLY", "REPLACED", "Fold", "Recovered", "recover", "recovered_record"]

# An answer longer than this is not kept over a restart.
MAX_KEPT_REPLY = 65_536

_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


@dataclass(slots=True)
class Recovered:
    """The ledger, the intents without an outcome in order, those that are UNKNOWN and not resolved, latched stops.

    `cancels` are the answers (status, body) to cancels that may still be repeated, by the mark of their payload.
    """

    ledger: IdLedger
    open: list[dict[str, Any]]
    unresolved: list[dict[str, Any]]
    latches: dict[str, Latch] = field(default_factory=dict)
    boots: Boots = field(default_factory=Boots)
    cancels: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)


class Fold:
    """Takes the journal in order: summaries of closed segments, records of those that have none.

    `wall_ms` and `monotonic_ms` are now, to turn records' times into ages.
    """

    def __init__(self, wall_ms: int, monotonic_ms: int) -> None:
        self._ledger = IdLedger()
        self._pending: dict[str, tuple[dict[str, Any], Entry]] = {}
        self._behind_ms = wall_ms - monotonic_ms
        self._latches: dict[str, Latch] = {}
        self._boots = Boots()
        self._cancels: dict[bytes, tuple[int, bytes]] = {}
        self._repeated_since_ms = wall_ms - 2 * KEEP_MS

    def take(self, record: Mapping[str, Any]) -> None:
        """Take one record."""
        self._boots.take(record)
        if record["type"] == "intent":
            at_ms = record["t"] - self._behind_ms
            entry = Entry(owner_in(record), record["id"], bytes.fromhex(record["digest"]), at_ms)
            entry.order_status = record.get("order_status", "")
            self._pending[record["id"]] = (dict(record), entry)
            self._ledger.open(record["family"], record["client_ids"], entry)
        elif record["type"] in ENDS and record["id"] in self._pending:
            intent, entry = self._pending.pop(record["id"])
            _close(self._ledger, intent, entry, record)
            self._keep_cancel(intent, entry)
            if is_unresolved(intent, record):
                intent[UNRESOLVED] = True
                self._pending[record["id"]] = (intent, entry)
            elif record["type"] == RESOLVED:
                self._ledger.resolve(intent["family"], entry, (), record["t"] - self._behind_ms)
        elif record["type"] == LATCH:
            learn(self._latches, record)
        elif record["type"] == RECOVERED_ORDER:
            self._settled(recovered_order(record))

    def take_summary(self, summary: Summary) -> None:
        """Take what a whole segment left to remember."""
        learned = deque(summary.learned)
        for number, record in enumerate(summary.late):
            self._learn(learned, number)
            self.take(record)
        self._learn(learned, len(summary.late))
        for settled in summary.settled:
            self._settled(settled)
        for record in (*summary.open, *summary.latches):
            self.take(record)
        self._boots.join(summary.boots, summary.end.at_ms)

    def _learn(self, learned: deque[tuple[str, str, str, int]], number: int) -> None:
        """Learn the states that were told before that many late ends had come."""
        while learned and learned[0][3] <= number:
            family, client_id, order_status, _ = learned.popleft()
            self._ledger.learn(family, client_id, order_status)

    def recovered(self) -> Recovered:
        """Give what the journal knows; what it leaves open is UNKNOWN from here on."""
        for _, entry in self._pending.values():
            entry.outcome = Outcome.UNKNOWN
        left = [intent for intent, _ in self._pending.values()]
        unresolved = [intent for intent in left if UNRESOLVED in intent]
        opened = [intent for intent in left if UNRESOLVED not in intent]
        return Recovered(self._ledger, opened, unresolved, self._latches, self._boots, self._cancels)

    def _keep_cancel(self, intent: Mapping[str, Any], entry: Entry) -> None:
        """Remember what a bot was told of a cancel as long as its payload may come again."""
        if intent["method"] != "DELETE" or intent["t"] < self._repeated_since_ms or entry.reply is None:
            return
        if entry.outcome in (Outcome.ACCEPTED, Outcome.REJECTED) and "request" in intent:
            self._cancels[bytes.fromhex(intent["request"])] = entry.reply

    def _settled(self, settled: Settled) -> None:
        entry = Entry(
            settled.bot,
            settled.request,
            settled.digest,
            settled.at_ms - self._behind_ms,
            _OUTCOMES[settled.outcome],
            settled.order_status,
            None if settled.reply is None else (settled.reply[0], settled.reply[1].encode()),
        )
        self._ledger.open(settled.family, settled.client_ids, entry)
        for scope, number in settled.numbers:
            self._ledger.own(settled.family, scope, number, settled.bot)


def recover(records: Iterable[Mapping[str, Any]], wall_ms: int, monotonic_ms: int) -> Recovered:
    """Fold a journal record by record. `wall_ms` and `monotonic_ms` are now."""
    fold = Fold(wall_ms, monotonic_ms)
    for record in records:
        fold.take(record)
    return fold.recovered()


def _close(ledger: IdLedger, intent: Mapping[str, Any], entry: Entry, record: Mapping[str, Any]) -> None:
    entry.outcome = Outcome(record["outcome"])
    entry.order_status = record.get("order_status", "")
    reply = reply_of(record)
    if reply is not None:
        entry.reply = (reply[0], reply[1].encode())
    ledger.close(intent["family"], intent["client_ids"], entry)
    for client_id in record.get("freed") or ():
        ledger.free(intent["family"], client_id)
    for scope, number in numbers_of(intent, record):
        ledger.own(intent["family"], scope, number, intent["bot"])
    told = told_by(intent, record)
    if told is not None:
        ledger.learn(intent["family"], *told)


def recovered_record(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record that closes an open intent."""
    return {
        "type": "recovered",
        "id": intent["id"],
        "bot": intent["bot"],
        "outcome": Outcome.UNKNOWN.value,
        "client_ids": intent["client_ids"],
    }
