"""What a closed segment leaves to remember: made once from its records, so that a start need not read them again.

It is derived from the segment and can be made anew from it. Folding the summaries of all closed segments in their
order and then the records of the open one gives what folding every record would give.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from counterseal.core.boots import RECOVERED_ORDER, Boots, Told
from counterseal.core.echo import replaced_id
from counterseal.core.legs import ALGO_ORDERS, AMEND
from counterseal.core.orders import OPEN_STATES, REMEMBER_MS
from counterseal.core.outcome import Outcome
from counterseal.core.ownership import ALGO_SCOPE, Number
from counterseal.core.repeats import LATCH
from counterseal.core.subjects import subjects

# The state of an id that its order no longer has, because an amendment gave it another one.
REPLACED = "REPLACED"
# The last record of an intent; one that ended UNKNOWN and can be asked for has another one coming.
RESOLVED = "resolved"
ENDS = frozenset({"outcome", "recovered", RESOLVED})
# The mark of an intent whose end is UNKNOWN until it is resolved.
UNRESOLVED = "unresolved"
_UNBORN = frozenset({Outcome.REJECTED, Outcome.NOT_SENT})
_CARRIED = ("type", "id", "t", "outcome", "order_status", "order_id", "reply_status", "reply", "freed", "numbers")
Fields = Mapping[str, Any]


class Settled(NamedTuple):
    """An intent with its end, as far as its client order ids are still taken. `at_ms` is wall time.

    `numbers` are the exchange's of the orders that it made, each with the scope in which it counts.
    """

    family: str
    client_ids: tuple[str, ...]
    bot: str
    request: str
    digest: bytes
    at_ms: int
    outcome: str
    order_status: str
    reply: tuple[int, str] | None
    numbers: tuple[Number, ...] = ()


class Place(NamedTuple):
    """The end of a segment in the journal and its tree: number, time and leaf of its last record, the frontier."""

    seq: int
    at_ms: int
    leaf: bytes
    frontier: tuple[bytes, ...]


class Summary(NamedTuple):
    """One segment. `late` are ends of intents of earlier segments, `learned` states of their orders.

    Each of `learned` is (family, client order id, state, how many of `late` came before it). `latches` are each bot's
    last record of a latched stop, `boots` what `core.boots` needs.
    """

    end: Place
    late: tuple[dict[str, Any], ...] = ()
    learned: tuple[tuple[str, str, str, int], ...] = ()
    settled: tuple[Settled, ...] = ()
    open: tuple[dict[str, Any], ...] = ()
    latches: tuple[dict[str, Any], ...] = ()
    boots: Told = Told()


class Summarizer:
    """Takes the records of one segment in order."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, Any]] = {}
        self._settled: dict[str, Settled] = {}
        self._requests: dict[tuple[str, str], str] = {}
        self._late: list[dict[str, Any]] = []
        self._learned: list[tuple[str, str, str, int]] = []
        self._latches: dict[str, dict[str, Any]] = {}
        self._boots = Boots()

    def take(self, record: Fields) -> None:
        """Take one record; those that leave nothing to remember are passed over."""
        self._boots.take(record)
        if record["type"] == "intent":
            self._open[record["id"]] = dict(record)
        elif record["type"] in ENDS:
            intent = self._open.pop(record["id"], None)
            if intent is None:
                self._late.append({name: record[name] for name in _CARRIED if name in record})
            elif is_unresolved(intent, record):
                self._keep_unresolved(intent, record)
            else:
                self._settle(intent, record)
        elif record["type"] == LATCH:
            self._latches[record["bot"]] = dict(record)
        elif record["type"] == RECOVERED_ORDER:
            self._found(recovered_order(record))

    def summary(self, end: Place) -> Summary:
        """Give what is to be remembered. Answers that nobody can ask for any more are left out."""
        settled = tuple(_without_old_answer(each, end.at_ms) for each in self._settled.values())
        return Summary(
            end, tuple(self._late), tuple(self._learned), settled, tuple(self._open.values()),
            tuple(self._latches.values()), self._boots.told(),
        )  # fmt: skip

    def _keep_unresolved(self, intent: Fields, record: Fields) -> None:
        """What is UNKNOWN is asked for again after a start, and then its intent is needed whole."""
        ids, status = _taken(intent, record), record.get("order_status", "")
        self._open[intent["id"]] = {**intent, "client_ids": list(ids), "order_status": status, UNRESOLVED: True}
        self._requests.update(dict.fromkeys(((intent["family"], client_id) for client_id in ids), intent["id"]))

    def _found(self, settled: Settled) -> None:
        """An order that no intent of ours is known to have made is remembered by its own id."""
        name = f"{settled.family} {settled.client_ids[0]}"
        self._settled[name] = settled
        self._requests[(settled.family, settled.client_ids[0])] = name

    def _settle(self, intent: Fields, record: Fields) -> None:
        family, ids = intent["family"], _taken(intent, record)
        at_ms = record["t"] if record["type"] == RESOLVED else intent["t"]
        if ids and Outcome(record["outcome"]) not in _UNBORN:
            settled = Settled(
                family, ids, owner_in(intent), intent["id"], bytes.fromhex(intent["digest"]), at_ms,
                record["outcome"], record.get("order_status", ""), reply_of(record), numbers_of(intent, record),
            )  # fmt: skip
            self._settled[intent["id"]] = settled
            self._requests.update(dict.fromkeys(((family, client_id) for client_id in ids), intent["id"]))
        told = told_by(intent, record)
        if told is not None:
            self._learn(family, *told)

    def _learn(self, family: str, client_id: str, order_status: str) -> None:
        request = self._requests.get((family, client_id))
        if request is None:
            self._learned.append((family, client_id, order_status, len(self._late)))
        elif request in self._open:
            self._open[request]["order_status"] = order_status
        elif request in self._settled:
            self._settled[request] = self._settled[request]._replace(order_status=order_status)


def owner_in(intent: Fields) -> str:
    """Give whose orders the ids of an intent name: its bot's, unless it amended another's."""
    return str(intent.get("owner") or intent["bot"])


def recovered_order(record: Fields) -> Settled:
    """Read an order that a start found at the exchange and not in the journal.

    It has no digest, so that nobody can repeat it: whoever uses its id again is told that it is taken.
    """
    numbers = tuple([(scope, number) for scope, number in record["numbers"]])
    return Settled(
        record["family"], (record["client_id"],), record["bot"], "", b"", record["t"], Outcome.ACCEPTED.value,
        record["order_status"], None, numbers if record["bot"] else (),
    )  # fmt: skip


def is_unresolved(intent: Fields, record: Fields) -> bool:
    """Tell whether an end is none: the outcome is UNKNOWN, and there is something to ask the exchange for."""
    if record["type"] == RESOLVED or record["outcome"] != Outcome.UNKNOWN.value:
        return False
    return bool(subjects(intent["family"], intent["method"], intent["path"], dict(intent["pairs"])))


def _taken(intent: Fields, record: Fields) -> tuple[str, ...]:
    """Give the client ids of an intent that its end did not free."""
    freed = record.get("freed") or ()
    return tuple(client_id for client_id in intent["client_ids"] if client_id not in freed)


def reply_of(record: Fields) -> tuple[int, str] | None:
    """Give status and body of the answer that an end keeps, None when it keeps none."""
    return None if record.get("reply") is None else (record["reply_status"], record["reply"])


def numbers_of(intent: Fields, record: Fields) -> tuple[Number, ...]:
    """Give the exchange's numbers of the orders that the intent made; none where that is not proven.

    The number in an answer that proves no order may be the one of another bot's order.
    """
    if intent["method"] != "POST" or record["outcome"] != Outcome.ACCEPTED.value:
        return ()
    if record.get("numbers") is not None:
        return tuple([(scope, number) for scope, number in record["numbers"]])
    if record.get("order_id") is None:
        return ()
    if intent["path"] in ALGO_ORDERS:
        return ((ALGO_SCOPE, record["order_id"]),)
    return tuple([(value, record["order_id"]) for name, value in intent["pairs"] if name == "symbol"])


def told_by(intent: Fields, record: Fields) -> tuple[str, str] | None:
    """Give the client order id and the state of an earlier order, where the end of a cancel or amendment tells it."""
    if record["outcome"] != Outcome.ACCEPTED.value:
        return None
    named: str | None = dict(intent["pairs"]).get("origClientOrderId")
    if intent["method"] == "DELETE" and named and record.get("order_status"):
        return named, record["order_status"]
    if intent["method"] == "PUT" and intent["path"] == AMEND:
        old = replaced_id(_body(record)) or named
        return (old, REPLACED) if old and old not in intent["client_ids"] else None
    return None


def _body(record: Fields) -> object:
    try:
        return json.loads(record.get("reply") or "null")
    except ValueError:
        return None


def _without_old_answer(settled: Settled, end_ms: int) -> Settled:
    asked_again = settled.order_status in OPEN_STATES or end_ms - settled.at_ms < REMEMBER_MS
    return settled if settled.reply is None or asked_again else settled._replace(reply=None)
