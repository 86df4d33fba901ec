"""Laws L1, L2 and L4, checked on two journals that were written by programs that know nothing of each other."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stack import Stack

AUTH = ("timestamp", "recvWindow", "signature")
Row = dict[str, Any]
Key = tuple[str, str, tuple[tuple[str, str], ...]]
# What the exchange parsed, and the parameter that it must equal as a number or as text.
AS_NUMBER = {"price": "price", "origQty": "quantity", "stopPrice": "stopPrice"}
AS_TEXT = {
    "symbol": "symbol",
    "side": "side",
    "type": "type",
    "timeInForce": "timeInForce",
    "clientOrderId": "newClientOrderId",
}
PLAIN = ("/api/v3/order", "/api/v3/sor/order", "/fapi/v1/order", "/dapi/v1/order")


@dataclass(frozen=True)
class Counted:
    """How much was compared."""

    intents: int
    changes_received: int
    orders_accepted: int
    unknown: int


def check_l1_l2_l4(stack: Stack) -> Counted:
    """Compare the gateway's journal with the paper exchange's; nothing may be in flight. Fails on any disagreement."""
    journal, received = stack.journal(), stack.received()
    changes = [row for row in received if row["method"] not in ("GET", None) and not row["path"].startswith("/paper/")]
    intents = [entry for entry in journal if entry["type"] == "intent"]
    _sequence(journal)
    outcomes = _one_terminal_record_each(journal, intents)
    _every_change_has_its_earlier_intent(changes, intents, outcomes)
    accepted = _one_order_for_each_id(changes)
    _fields_agree(changes)
    unknown = sum(outcomes[entry["id"]]["outcome"] == "UNKNOWN" for entry in intents)
    return Counted(len(intents), len(changes), accepted, unknown)


def _sequence(journal: list[Row]) -> None:
    """No record is missing: numbers without a gap."""
    assert [entry["seq"] for entry in journal] == list(range(1, len(journal) + 1)), "a journal record is missing"


def _one_terminal_record_each(journal: list[Row], intents: list[Row]) -> dict[str, Row]:
    """L2: an intent, then exactly one outcome (or `recovered` after a crash) of it, and no outcome of nothing."""
    ends: dict[str, Row] = {}
    begun: set[str] = set()
    for entry in journal:
        if entry["type"] == "intent":
            assert entry["id"] not in begun, f"intent {entry['id']} stands twice"
            begun.add(entry["id"])
        elif entry["type"] in ("outcome", "recovered"):
            assert entry["id"] in begun, f"{entry['id']} ends before it begins"
            assert entry["id"] not in ends, f"{entry['id']} ends twice"
            ends[entry["id"]] = entry
    missing = [entry["id"] for entry in intents if entry["id"] not in ends]
    assert not missing, f"intents without an end: {missing}"
    return ends


def key_of(method: str, path: str, pairs: Any) -> Key:
    """Name a change by all its text, without what ruling 7 leaves out."""
    return method, path, tuple((name, value) for name, value in pairs if name not in AUTH)


def _every_change_has_its_earlier_intent(changes: list[Row], intents: list[Row], outcomes: dict[str, Row]) -> None:
    """L2 and L4: text equals text, pair by pair and in order; none extra, none lost."""
    least, most, first_ms = Counter[Key](), Counter[Key](), dict[Key, int]()
    for entry in intents:
        key = key_of(entry["method"], entry["path"], entry["pairs"])
        first_ms.setdefault(key, entry["t"])
        outcome = outcomes[entry["id"]]["outcome"]
        most[key] += outcome != "NOT_SENT"
        least[key] += outcome in ("ACCEPTED", "REJECTED")
    seen = Counter[Key]()
    faulted = Counter[tuple[str, str]]()
    for row in changes:
        if not row["params"]:
            # A fault of the paper exchange that answers without reading.
            faulted[row["method"], row["path"]] += 1
            continue
        key = key_of(row["method"], row["path"], row["params"])
        assert key in first_ms, f"the exchange received what no intent says: {key}"
        assert first_ms[key] <= row["t"], f"the intent is younger than what it announces: {key}"
        seen[key] += 1
    for key, count in seen.items():
        assert count <= most[key], f"sent more often than intended: {key}"
    for key, count in least.items():
        short = count - seen[key]
        faulted[key[:2]] -= max(0, short)
        assert short <= 0 or faulted[key[:2]] >= 0, f"journal says it was answered, the exchange never saw it: {key}"


def orders_of(row: Row) -> list[Row]:
    """The orders that the exchange says a request touched."""
    return [row["order"]] if "order" in row else list(row.get("orders", []))


def _one_order_for_each_id(changes: list[Row]) -> int:
    """L1: an id that stands for an accepted order stands for one."""
    born: dict[tuple[str, str, str], set[str]] = {}
    for row in changes:
        if row["method"] == "POST" and row["code"] is None:
            for order in orders_of(row):
                name = (row["path"].split("/")[1], order["symbol"], order["clientOrderId"])
                born.setdefault(name, set()).add(order["orderId"])
    doubled = {name: ids for name, ids in born.items() if len(ids) > 1}
    assert not doubled, f"several orders under one id: {doubled}"
    return sum(map(len, born.values()))


def _fields_agree(changes: list[Row]) -> None:
    """L4: what the exchange parsed out of a plain order is what was signed."""
    for row in changes:
        if row["method"] != "POST" or row["path"] not in PLAIN or "order" not in row:
            continue
        sent, parsed = dict(row["params"]), row["order"]
        for field, name in AS_TEXT.items():
            assert name not in sent or parsed[field] == sent[name], (field, sent, parsed)
        for field, name in AS_NUMBER.items():
            if name in sent and sent["type"] != "MARKET":
                assert Decimal(parsed[field]) == Decimal(sent[name]), (field, sent, parsed)
