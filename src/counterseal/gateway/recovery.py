"""At the start: what the journal knows becomes the ledger of ids, and what a crash left open becomes UNKNOWN."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from counterseal.core.orders import Entry, IdLedger
from counterseal.core.outcome import Outcome

ALGO_ORDER = "/fapi/v1/algoOrder"


@dataclass(slots=True)
class Recovered:
    """The ledger, and the intents without an outcome in order."""

    ledger: IdLedger
    open: list[dict[str, Any]]


def recover(records: Iterable[Mapping[str, Any]], wall_ms: int, monotonic_ms: int) -> Recovered:
    """Fold a journal. `wall_ms` and `monotonic_ms` are now, to turn records' times into ages."""
    ledger = IdLedger()
    pending: dict[str, tuple[dict[str, Any], Entry]] = {}
    for record in records:
        if record["type"] == "intent":
            at_ms = monotonic_ms - (wall_ms - record["t"])
            entry = Entry(record["bot"], record["id"], bytes.fromhex(record["digest"]), at_ms)
            pending[record["id"]] = (dict(record), entry)
            ledger.open(record["family"], record["client_ids"], entry)
        elif record["type"] in ("outcome", "recovered") and record["id"] in pending:
            intent, entry = pending.pop(record["id"])
            _close(ledger, intent, entry, record)
    for _, entry in pending.values():
        entry.outcome = Outcome.UNKNOWN
    return Recovered(ledger, [intent for intent, _ in pending.values()])


def _close(ledger: IdLedger, intent: Mapping[str, Any], entry: Entry, record: Mapping[str, Any]) -> None:
    entry.outcome = Outcome(record["outcome"])
    entry.order_status = record.get("order_status", "")
    if record.get("reply") is not None:
        entry.reply = (record["reply_status"], record["reply"].encode())
    ledger.close(intent["family"], intent["client_ids"], entry)
    for client_id in record.get("freed") or ():
        ledger.free(intent["family"], client_id)
    if intent["path"] == ALGO_ORDER and intent["method"] == "POST" and record.get("order_id") is not None:
        ledger.own(intent["family"], str(record["order_id"]), intent["bot"])
    cancelled = dict(intent["pairs"]).get("origClientOrderId")
    if intent["method"] == "DELETE" and cancelled and entry.order_status:
        ledger.learn(intent["family"], cancelled, entry.order_status)


def recovered_record(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record that closes an open intent."""
    return {
        "type": "recovered",
        "id": intent["id"],
        "bot": intent["bot"],
        "outcome": Outcome.UNKNOWN.value,
        "client_ids": intent["client_ids"],
    }
