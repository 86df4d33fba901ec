"""The tracker and the journal: what of it is written down, and how it is made anew from the records.

`exposure` records state everything; several of them may be one statement. What intents, their ends and `learnt` records
tell after that is taken in order.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

from counterseal.core.exposure.claims import changes_of
from counterseal.core.exposure.order import Claim, Order, Where
from counterseal.core.exposure.tracker import Owner, Part, Tracker
from counterseal.core.key_refs import name_of
from counterseal.core.outcome import Outcome
from counterseal.core.summary import ENDS

STATEMENT, LEARNT = "exposure", "learnt"
# One record is at most 1 MiB; an order takes some 400 bytes.
PER_RECORD = 1_000
Record = Mapping[str, Any]
Whose = tuple[str, str]
# How the first record of a statement is told among all others.
MARK = b'"type":"exposure","covers":[['


def statement(tracker: Tracker, covers: Set[Whose]) -> Iterator[dict[str, Any]]:
    """Give what `exposure` records state: what these bots, each with an account of its, hold and have open.

    The book may still know of others, who have lost their limit: what is stated of them would count again.
    """
    orders = [order for order in tracker.book.orders() if (order.bot, order.where.account) in covers]
    pending = _pending(tracker)
    for start in range(0, max(1, len(orders)), PER_RECORD):
        yield {
            "covers": [] if start else sorted(map(list, covers)),
            "positions": [] if start else list(_positions(tracker, covers)),
            "orders": [_written(order, pending) for order in orders[start : start + PER_RECORD]],
        }


def _positions(tracker: Tracker, covers: Set[Whose]) -> Iterator[list[str]]:
    for where, place in tracker.book.places.items():
        for cell in place.cells.values():
            if cell.position and (cell.bot, where.account) in covers:
                yield [*where, cell.bot, f"{cell.position:f}"]


def _pending(tracker: Tracker) -> dict[Order, list[tuple[str, str, int]]]:
    """By order the requests that are not settled: number, path, and its place among the request's parts."""
    found: dict[Order, list[tuple[str, str, int]]] = {}
    for request, (path, parts) in tracker.pending().items():
        for place, (order, _) in enumerate(parts):
            found.setdefault(order, []).append((request, path, place))
    return found


def _written(order: Order, pending: Mapping[Order, Sequence[tuple[str, str, int]]]) -> dict[str, Any]:
    return {
        "request": order.request,
        "bot": order.bot,
        "key": order.key,
        "where": list(order.where),
        "side": order.side,
        "quantity": f"{order.quantity:f}",
        "quote": _text(order.quote),
        "price": _text(order.price),
        "counts": order.counts,
        "algo": order.algo,
        "names": list(order.names),
        "live": sorted(order.live),
        "filled": {name: f"{filled:f}" for name, filled in order.filled.items()},
        "numbers": order.numbers,
        "altered": {request: [f"{size:f}", _text(price)] for request, (size, price) in order.altered.items()},
        "shown": order.shown,
        "pending": [list(item) for item in pending.get(order, ())],
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _value(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


class Replay:
    """Takes a journal's records in order. `account_of` names the account of one of our keys.

    `covers` are the bots that matter, each with an account of its.
    """

    def __init__(self, tracker: Tracker, account_of: Callable[[str], str], covers: frozenset[Whose]) -> None:
        self.tracker = tracker
        self.covers = covers
        self._account_of = account_of
        self._intents: dict[str, tuple[str, str]] = {}
        self._pending: dict[str, tuple[str, dict[int, Part]]] = {}

    def take(self, record: Record) -> None:
        """Take one record; those that tell nothing of exposure are passed over."""
        kind = record["type"]
        if kind == "intent":
            self._intent(record)
        elif kind in ENDS:
            self._end(record)
        elif kind == LEARNT:
            self.tracker.learn(record["account"], record["family"], record["rows"])
        elif kind == STATEMENT:
            self._stated(record)

    def _intent(self, record: Record) -> None:
        # The journal names the version that signed.
        owner = Owner(record["bot"], self._account_of(record["key"]), name_of(record["key"]))
        if (owner.bot, owner.account) not in self.covers:
            return
        values = dict(record["pairs"])
        changes = changes_of(record["method"], record["path"], values, record["client_ids"])
        self._intents[record["id"]] = (owner.account, record["family"])
        if changes:
            held = self.tracker.reserve(record["id"], owner, record["family"], changes, ())
            self.tracker.begin(record["id"], record["path"], held.parts)

    def _end(self, record: Record) -> None:
        outcome, body = Outcome(record["outcome"]), _body(record)
        if outcome is Outcome.UNKNOWN:
            self.tracker.settle(record["id"], outcome, body, 0)
            return
        account, family = self._intents.pop(record["id"], ("", ""))
        if record["id"] in self._pending:
            _, parts = self._pending.pop(record["id"])
            account, family = next(iter(parts.values()))[0].where[:2]
        self.tracker.settle(record["id"], outcome, body, 0)
        if outcome is Outcome.ACCEPTED and family:
            self.tracker.see(account, family, body)

    def _stated(self, record: Record) -> None:
        self._clear({(bot, account) for bot, account in record["covers"]})
        for account, family, symbol, side, bot, position in record["positions"]:
            if (bot, account) in self.covers:
                self.tracker.book.move(Where(account, family, symbol, side), bot, Decimal(position))
        for row in record["orders"]:
            if (row["bot"], row["where"][0]) in self.covers:
                self._restore(row)

    def _clear(self, stated: Set[Whose]) -> None:
        """Forget what earlier records told of these bots."""
        for order in self.tracker.book.orders():
            if (order.bot, order.where.account) in stated:
                self.tracker.forget(order)
        held = [(where, cell) for where, place in self.tracker.book.places.items() for cell in place.cells.values()]
        for where, cell in held:
            if (cell.bot, where.account) in stated:
                self.tracker.book.move(where, cell.bot, -cell.position)

    def suits(self, record: Record) -> bool:
        """Tell whether what came before a statement need not be read."""
        return self.covers <= {(bot, account) for bot, account in record["covers"]}

    def _restore(self, row: Record) -> None:
        where = Where(*row["where"])
        claim = Claim(
            where.symbol, where.position_side, row["side"], Decimal(row["quantity"]), _value(row["quote"]),
            _value(row["price"]), tuple(row["names"]), row["counts"], row["algo"],
        )  # fmt: skip
        order = Order(row["request"], row["bot"], row["key"], where, claim)
        order.live = set(row["live"])
        order.filled = {name: Decimal(filled) for name, filled in row["filled"].items()}
        order.numbers = dict(row["numbers"])
        order.altered = {request: (Decimal(size), _value(price)) for request, (size, price) in row["altered"].items()}
        order.shown = row["shown"]
        order.resize()
        self.tracker.restore(order)
        for request, path, place in row["pending"]:
            self._pending.setdefault(request, (path, {}))[1][place] = (order, request in order.altered)
            self.tracker.begin(request, path, self._parts(request))

    def _parts(self, request: str) -> tuple[Part, ...]:
        return tuple([part for _, part in sorted(self._pending[request][1].items())])


def _body(record: Record) -> Any:
    try:
        return json.loads(record.get("reply") or "null")
    except ValueError:
        return None
