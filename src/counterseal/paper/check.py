"""Two journals, one story: what the gateway's and the exchange's journals disagree about.

L1: no two orders under one client id, nothing arrived more often than it was intended.  L2: every change that arrived
has an earlier intent, every intent has exactly one end, no record is missing; what a power cut took is left out, as
far as the next start found it (`check_cuts`).  L4: what was judged is what arrived and what was parsed, field by
field, as text or number; no order lives of which it is proven that it does not.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from counterseal.paper.check_cuts import SLACK_MS, Key, Row, key_of, lost_in, orders_of, time_of
from counterseal.paper.check_sockets import as_rest, listens

PLAIN = ("/api/v3/order", "/fapi/v1/order")
AS_NUMBER = {"price": "price", "origQty": "quantity", "stopPrice": "stopPrice"}
AS_TEXT = {"symbol": "symbol", "side": "side", "type": "type", "timeInForce": "timeInForce",
           "clientOrderId": "newClientOrderId", "positionSide": "positionSide", "reduceOnly": "reduceOnly"}  # fmt: skip
ENDS = ("outcome", "recovered")
# Of the guard alone, which no intent of the gateway tells of; bots cannot ask for it.
OF_THE_GUARD = "countdownCancelAll"
NOT_BORN = ("ABSENT", "REJECTED")


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: the law that it breaks, what it is about, and where it stands in the journals."""

    law: str
    text: str
    intent: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = [f"intent {self.intent}"] if self.intent else []
        where += [f"exchange line {self.line}"] if self.line else []
        return f"{self.law}: {self.text}" + (f" ({', '.join(where)})" if where else "")


@dataclass(slots=True)
class Report:
    """How much was compared, and what was found."""

    intents: int = 0
    changes: int = 0
    orders: int = 0
    unknown: int = 0
    lost: int = 0
    findings: list[Finding] = field(default_factory=list)


def read_exchange(path: Path) -> list[Row]:
    """The exchange's journal; ValueError for a line that is no JSON (a torn last line is left out)."""
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1] if line]


def compare(gateway: list[Row], exchange: list[Row], keys: Iterable[str] = ()) -> Report:
    """Check L1, L2 and L4.  `keys`: beginnings of API keys; calls under other keys are other people's."""
    prefixes = tuple(keys)
    changes = [as_rest(row) for row in exchange if _is_change(row) and _is_ours(row, prefixes)]
    intents = [row for row in gateway if row["type"] == "intent"]
    report = Report(len(intents), len(changes))
    found = report.findings
    found += _gaps(gateway, "seq", "the gateway's journal")
    found += _gaps(exchange, "n", "the exchange's journal")
    ends: dict[str, Row] = {}
    found += _ends(gateway, ends)
    lost = lost_in(gateway, changes)
    gone = set(map(id, lost))  # the exchange counts anew in each run
    told = [row for row in changes if id(row) not in gone]
    found += _arrivals(intents, ends, told)
    births = _births(changes)
    found += _doubled(births)
    found += [finding for row in changes for finding in _parsed(row)]
    found += _outcomes(intents, ends, told)
    found += _resolved(gateway, intents, ends, told)
    report.lost = len(lost)
    report.orders = sum(len(ids) for ids in births.values())
    report.unknown = sum(end["outcome"] == "UNKNOWN" for end in ends.values())
    return report


def _is_change(row: Row) -> bool:
    path = row["path"] or ""
    is_bots = not path.startswith("/paper/") and not path.endswith(OF_THE_GUARD)
    return row["method"] not in ("GET", None) and is_bots and not listens(row)


def _is_ours(row: Row, prefixes: tuple[str, ...]) -> bool:
    return not prefixes or not row["key"] or any(row["key"].startswith(text[:8]) for text in prefixes)


def _gaps(rows: list[Row], name: str, where: str) -> Iterator[Finding]:
    before = None
    for row in rows:
        number = row[name]
        restarted = name == "n" and number == 1  # the exchange counts from one in each run
        if before is not None and number != before + 1 and not restarted:
            yield Finding("L2", f"{where} goes from record {before} to {number}")
        before = number


def _ends(gateway: list[Row], ends: dict[str, Row]) -> Iterator[Finding]:
    """Each intent once, and one end for each, behind it."""
    begun: set[str] = set()
    for row in gateway:
        if row["type"] == "intent":
            if row["id"] in begun:
                yield Finding("L2", "an intent stands twice", row["id"])
            begun.add(row["id"])
        elif row["type"] in ENDS:
            if row["id"] not in begun:
                yield Finding("L2", "an outcome of no intent", row["id"])
            elif row["id"] in ends:
                yield Finding("L2", "a second end of one intent", row["id"])
            ends[row["id"]] = row
    for name in begun - set(ends):
        yield Finding("L2", "an intent without an end", name)


def _arrivals(intents: list[Row], ends: dict[str, Row], changes: list[Row]) -> Iterator[Finding]:
    """What arrived against what was intended: extra, changed, too often, too early, lost."""
    planned: dict[Key, list[Row]] = defaultdict(list)
    for row in intents:
        planned[key_of(row["method"], row["path"], row["pairs"])].append(row)
    seen: Counter[Key] = Counter()
    unread: Counter[tuple[str, str]] = Counter()
    for row in changes:
        if not row["params"]:
            unread[row["method"], row["path"]] += 1
            continue
        key = key_of(row["method"], row["path"], row["params"])
        seen[key] += 1
        yield from _arrival(row, key, planned, ends, seen[key])
    for key, rows in planned.items():
        yield from _lost(key, rows, ends, seen[key], unread)


def _arrival(row: Row, key: Key, planned: dict[Key, list[Row]], ends: dict[str, Row], count: int) -> Iterator[Finding]:
    if key not in planned:
        near = _near(key, planned)
        if near is None:
            yield Finding("L2", f"{row['method']} {row['path']} arrived and no intent says so", None, row["n"])
        else:
            yield Finding("L4", f"arrived otherwise than judged: {_difference(near, row)}", near["id"], row["n"])
        return
    sendable = [item for item in planned[key] if ends.get(item["id"], {}).get("outcome") != "NOT_SENT"]
    first = planned[key][0]
    if count > len(sendable):
        law = "L2" if count <= len(planned[key]) else "L1"
        why = "arrived although its end is NOT_SENT" if law == "L2" else f"arrived {count} times"
        yield Finding(law, f"{row['method']} {row['path']} {why}", first["id"], row["n"])
    if first["t"] > time_of(row) + SLACK_MS:
        yield Finding("L2", "the intent is younger than what arrived", first["id"], row["n"])


def _near(key: Key, planned: dict[Key, list[Row]]) -> Row | None:
    """The intent that a changed request most likely came from: same endpoint and a client id in common."""
    values = {value for name, value in key[2] if name.lower().endswith(("clientorderid", "clientalgoid"))}
    for other, rows in planned.items():
        if other[:2] == key[:2] and values & {value for _, value in other[2]}:
            return rows[0]
    return None


def _difference(intent: Row, row: Row) -> str:
    judged = key_of("", "", intent["pairs"])[2]
    arrived = key_of("", "", row["params"])[2]
    names = [name for name, _ in (*judged, *arrived)]
    odd = sorted({name for name in names if _all(judged, name) != _all(arrived, name)})
    return ", ".join(odd) or "the order of its parameters"


def _all(pairs: tuple[tuple[str, str], ...], wanted: str) -> list[str]:
    return [value for name, value in pairs if name == wanted]


def _lost(
    key: Key, rows: list[Row], ends: dict[str, Row], seen: int, unread: Counter[tuple[str, str]]
) -> Iterator[Finding]:
    answered = [row for row in rows if ends.get(row["id"], {}).get("outcome") in ("ACCEPTED", "REJECTED")]
    missing = len(answered) - seen
    excused = min(max(0, missing), unread[key[:2]])  # a fault answered them unread
    unread[key[:2]] -= excused
    for row in answered[len(answered) - max(0, missing - excused) :] if missing > excused else []:
        yield Finding("L2", f"{key[0]} {key[1]} is said to be answered, the exchange never saw it", row["id"])


def _births(changes: list[Row]) -> dict[tuple[str, str, str], dict[str, int]]:
    """By family, symbol and client id: the order ids that were made under it, and the lines."""
    births: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for row in changes:
        if row["method"] == "POST":
            for order in orders_of(row):
                name = (row["path"].split("/")[1], order["symbol"], order["clientOrderId"])
                births[name].setdefault(order["orderId"], row["n"])
    return births


def _doubled(births: dict[tuple[str, str, str], dict[str, int]]) -> Iterator[Finding]:
    for (_, symbol, client_id), ids in births.items():
        if len(ids) > 1:
            text = f"{len(ids)} orders on {symbol} under the client id {client_id}"
            yield Finding("L1", text, None, max(ids.values()))


def _parsed(row: Row) -> Iterator[Finding]:
    """L4 inside the exchange: the order that it made is the order that was sent."""
    if row["method"] != "POST" or row["path"] not in PLAIN or "order" not in row:
        return
    sent, order = dict(row["params"]), row["order"]
    for made, name in AS_TEXT.items():
        if name not in sent or made not in order:
            continue
        one, other = str(order[made]), sent[name]
        if name == "reduceOnly":  # the exchange takes true, TRUE and True
            one, other = one.lower(), other.lower()
        if one != other:
            yield Finding("L4", f"{name} {sent[name]} became {order[made]}", None, row["n"])
    if sent.get("type") == "MARKET":
        return
    for made, name in AS_NUMBER.items():
        if name in sent and not _equal(str(order[made]), sent[name]):
            yield Finding("L4", f"{name} {sent[name]} became {order[made]}", None, row["n"])


def _equal(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return one == other


def _outcomes(intents: list[Row], ends: dict[str, Row], changes: list[Row]) -> Iterator[Finding]:
    """What the gateway believes became of a change, where one intent and one arrival belong together."""
    for intent, row in _pairs(intents, changes):
        if intent["id"] in ends:
            yield from _outcome(ends[intent["id"]], row)


def _pairs(intents: list[Row], changes: list[Row]) -> Iterator[tuple[Row, Row]]:
    planned: dict[Key, list[Row]] = defaultdict(list)
    arrived: dict[Key, list[Row]] = defaultdict(list)
    for row in intents:
        planned[key_of(row["method"], row["path"], row["pairs"])].append(row)
    for row in changes:
        arrived[key_of(row["method"], row["path"], row["params"])].append(row)
    for key, rows in planned.items():
        if len(rows) == 1 and len(arrived.get(key, ())) == 1:
            yield rows[0], arrived[key][0]


def _resolved(gateway: list[Row], intents: list[Row], ends: dict[str, Row], changes: list[Row]) -> Iterator[Finding]:
    """Each UNKNOWN is resolved once, and of what is proven absent there is no order; a person's word proves nothing."""
    proven: dict[str, Row] = {}
    for row in gateway:
        if row["type"] != "resolved":
            continue
        if row["id"] in proven or ends.get(row["id"], {}).get("outcome") != "UNKNOWN":
            yield Finding("L2", "resolved what was not UNKNOWN", row["id"])
        proven.setdefault(row["id"], row)
    for intent, row in _pairs(intents, changes):
        end = proven.get(intent["id"], {})
        is_absent = end.get("outcome") in NOT_BORN and "operator" not in end
        if is_absent and row["method"] == "POST" and orders_of(row):
            text = f"{end['outcome']}, but the exchange made order {orders_of(row)[0]['orderId']}"
            yield Finding("L4", text, intent["id"], row["n"])


def _outcome(end: Row, row: Row) -> Iterator[Finding]:
    made = [order["orderId"] for order in orders_of(row)]
    if end["outcome"] == "ACCEPTED" and row["path"] in PLAIN and row["method"] == "POST":
        if not made:
            yield Finding("L4", "ACCEPTED, but the exchange made no order", end["id"], row["n"])
        elif end.get("order_id") and str(end["order_id"]) not in made:
            yield Finding("L4", f"order {end['order_id']} is the exchange's {made[0]}", end["id"], row["n"])
    if end["outcome"] == "REJECTED" and row["path"] in PLAIN and row["method"] == "POST" and made:
        yield Finding("L4", f"REJECTED, but the exchange made order {made[0]}", end["id"], row["n"])
    if "fault" in row or end.get("status") is None or end.get("reason"):
        return
    if (end["status"], end.get("code")) != (row["status"], row["code"]):
        told = f"{row['status']}/{row['code']}"
        yield Finding("L4", f"the exchange answered {told}, the gateway noted {end['status']}/{end.get('code')}",
                      end["id"], row["n"])  # fmt: skip
