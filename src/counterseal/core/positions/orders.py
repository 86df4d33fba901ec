"""The open orders of one market of an account: followed by events, corrected by the list that the exchange gives."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from counterseal.core.ownership import ALGO_SCOPE, LIST_SCOPE, number_in
from counterseal.core.positions.agreement import LAG_MS
from counterseal.core.positions.reading import rows, text
from counterseal.core.userdata.rows import told

_ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED", "FINISHED", "TRIGGERED"})
# Of so many orders it is remembered that they ended: a list that is behind must not bring them back.
REMEMBERED = 5_000


class Key(NamedTuple):
    """An order: where its number counts (its symbol, or the conditional ones' scope), and its number."""

    scope: str
    number: int


class Open(NamedTuple):
    """An open order. `owner` is None as long as no event has told whose it is."""

    symbol: str
    client_id: str
    side: str
    owner: str | None
    is_told: bool
    since_ms: int


class OpenOrders:
    """Which orders are open. All times are monotonic ms."""

    def __init__(self) -> None:
        self.open: dict[Key, Open] = {}
        self._ended: dict[Key, int] = {}

    def event(self, kind: str, body: Mapping[str, Any], owner: str | None, now_ms: int) -> None:
        """Take an event; those of something else than orders change nothing."""
        for one in told(kind, body):
            if one.scope == LIST_SCOPE or one.number is None:
                continue
            key = Key(one.scope, one.number)
            if one.status in _ENDED:
                self._end(key, now_ms)
            elif key not in self._ended:
                known = self.open.get(key)
                since_ms = now_ms if known is None else known.since_ms
                self.open[key] = Open(one.symbol, one.names[0] if one.names else "", one.side, owner, True, since_ms)

    def listed(self, body: object, asked_ms: int, *, conditional: bool = False) -> bool:
        """Take a list of all open orders, of plain or of conditional ones; False for what is no such list.

        What was first seen after the list was asked for, or shortly before, may be missing from it.
        """
        if not isinstance(body, list):
            return False
        shown: dict[Key, Open] = {}
        for row in rows(body):
            number = number_in(row.get("algoId" if conditional else "orderId"))
            if number is None:
                return False
            key = Key(ALGO_SCOPE if conditional else text(row, "symbol"), number)
            name = text(row, "clientAlgoId" if conditional else "clientOrderId")
            shown[key] = Open(text(row, "symbol"), name, text(row, "side"), None, False, asked_ms)
        for key in [key for key in self.open if (key.scope == ALGO_SCOPE) is conditional and key not in shown]:
            if self.open[key].since_ms < asked_ms - LAG_MS:
                self._end(key, asked_ms)
        for key, order in shown.items():
            if key not in self._ended:
                self.open.setdefault(key, order)
        return True

    def _end(self, key: Key, now_ms: int) -> None:
        self.open.pop(key, None)
        self._ended[key] = now_ms
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def settle_all(self) -> None:
        """Take what is open at the first list for told: whose these are was told before anybody listened here."""
        self.open = {key: one._replace(is_told=True) for key, one in self.open.items()}

    def unclaimed(self, before_ms: int) -> list[tuple[Key, Open]]:
        """Give the orders that lists have shown since before a moment, and no event has told."""
        return [(key, one) for key, one in self.open.items() if not one.is_told and one.since_ms <= before_ms]

    def count(self, owners: Iterable[str] | None = None) -> int:
        """Count the open orders, all of them or those of some owners."""
        if owners is None:
            return len(self.open)
        wanted = set(owners)
        return sum(one.owner in wanted for one in self.open.values())
