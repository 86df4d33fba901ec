"""What a power cut may take from the gateway's journal: its last records, whose requests had left all the same.

A start on another boot names since when it asks the exchange for such orders (`reconciles`) and writes down each that
it finds (`recovered_order`). So an order without an intent is none of the gateway's faults where it arrived after the
last record that was kept, before that start, and was found; a cancel or a setting is not looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

Row = dict[str, Any]
Key = tuple[str, str, tuple[tuple[str, str], ...]]
FAMILIES = {"api": "spot", "fapi": "usdm", "dapi": "coinm"}
NOT_SIGNED_FOR = ("timestamp", "recvWindow", "signature")
SORTED = ("DELETE", "/fapi/v1/order")
SLACK_MS = 1  # both clocks are cut to whole ms


class Cut(NamedTuple):
    """Wall times in ms between which a request may have left whose record is gone."""

    from_ms: int
    to_ms: int


def key_of(method: str, path: str, pairs: Iterable[Iterable[str]]) -> Key:
    """A change named by all its text, without what is new at each signing."""
    named = [(str(name), str(value)) for name, value in pairs if name not in NOT_SIGNED_FOR]
    # The WebSocket API has a cancel's parameters in the order of their names.
    return method, path, tuple(sorted(named) if (method, path) == SORTED else named)


def orders_of(row: Row) -> list[Row]:
    """The orders that a request touched."""
    return [row["order"]] if "order" in row else list(row.get("orders", []))


def time_of(row: Row) -> int:
    """When a request arrived, by a clock that goes right."""
    return int(row["t"]) - int(row.get("skew", 0))


def cuts(gateway: list[Row]) -> list[Cut]:
    """Where the journal says that its end may be gone: a start on another boot that had to ask the exchange."""
    found, boot, last_ms = [], None, 0
    for row in gateway:
        if row["type"] == "start":
            new = row.get("boot") or None
            if row.get("reconciles") is not None and (new is None or new != boot):
                found.append(Cut(last_ms, row["t"]))
            boot = new
        if row["type"] != "recovered":  # those of a start come before it
            last_ms = row["t"]
    return found


def lost_in(gateway: list[Row], changes: list[Row]) -> list[Row]:
    """The changes whose intents a power cut took."""
    begun = cuts(gateway)
    if not begun:
        return []
    found = {(row["family"], row["client_id"]) for row in gateway if row["type"] == "recovered_order"}
    intents: dict[Key, list[int]] = {}
    known: set[tuple[str, str]] = set()
    for row in gateway:
        if row["type"] == "intent":
            intents.setdefault(key_of(row["method"], row["path"], row["pairs"]), []).append(row["t"])
            known |= {(row["family"], name) for name in row["client_ids"]}
    lost, announced = [], Counter[Key]()
    for row in changes:
        key, at_ms, names = key_of(row["method"], row["path"], row["params"]), time_of(row), _made(row)
        earlier = sum(t <= at_ms + SLACK_MS for t in intents.get(key, ()))
        gone = any(cut.from_ms - SLACK_MS <= at_ms <= cut.to_ms + SLACK_MS for cut in begun)
        was_found = not names or bool(names & found and names <= found | known)
        if gone and row["params"] and earlier <= announced[key] and was_found:
            lost.append(row)
        else:
            announced[key] += 1
    return lost


def _made(row: Row) -> set[tuple[str, str]]:
    """The client ids of the orders that a placement made; a cancel-replace also touched an older one."""
    if row["method"] != "POST":
        return set()
    names = [order["clientOrderId"] for order in orders_of(row)]
    names += [row["algo"]["clientAlgoId"]] if "algo" in row else []
    return {(FAMILIES.get(row["path"].split("/")[1], ""), name) for name in names}
