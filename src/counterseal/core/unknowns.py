"""The unknown requests of this moment, and what they close: with too many of them nobody knows what is at risk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from counterseal.core.resolver import OVERDUE_MS

# How many unknown orders close a symbol, and an account.
PER_SYMBOL, PER_ACCOUNT = 3, 10
# So many ids that were seen last are remembered: an event may come before the request is known to be unknown.
REMEMBERED = 4_096


@dataclass(slots=True)
class Unknown:
    """One unknown request. `client_ids` are all by which it or its order can be seen; `wake` is called when one is.

    `raises` tells that it may have brought or altered an order; only those close anything. `since_ms` is monotonic.
    `overdue` is set when it has been unresolved for a minute. `shown` are the ids that have been seen.
    """

    request: str
    account: str
    family: str
    symbols: frozenset[str]
    client_ids: frozenset[str]
    raises: bool
    since_ms: int
    wake: Callable[[], None]
    overdue: bool = False
    shown: set[str] = field(default_factory=set)


class Doubt(NamedTuple):
    """Why unknown requests close something, and since when (monotonic ms)."""

    reason: str
    since_ms: int


class Unknowns:
    """All unknown requests by their intent's number."""

    def __init__(self) -> None:
        self._all: dict[str, Unknown] = {}
        # Accounts of which the journal may lack orders: (account, family) -> since when.
        self._unread: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], None] = {}

    def __bool__(self) -> bool:
        return bool(self._all or self._unread)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, unknown: Unknown) -> None:
        """Note a request whose outcome is unknown."""
        self._all[unknown.request] = unknown
        unknown.shown.update(name for name in unknown.client_ids if (unknown.family, name) in self._seen)

    def drop(self, request: str) -> None:
        """Forget a request that is resolved."""
        self._all.pop(request, None)

    def seen(self, family: str, client_id: str) -> None:
        """Somebody else's answer, or an event, showed this id: whoever is waiting for it had better look now."""
        self._seen[family, client_id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        for unknown in list(self._all.values()):
            if unknown.family == family and client_id in unknown.client_ids:
                unknown.shown.add(client_id)
                unknown.wake()

    def is_shown(self, request: str, client_id: str) -> bool:
        """Tell whether an id of a request has been seen: then nothing can prove that it was never taken."""
        unknown = self._all.get(request)
        return unknown is not None and client_id in unknown.shown

    def refusal(self, account: str, family: str, symbols: Iterable[str]) -> "Doubt | None":
        """Give the reason why no order that raises risk may go out, None when it may."""
        unread_ms = self._unread.get((account, family))
        if unread_ms is not None:
            return Doubt("account_not_reconciled", unread_ms)
        raising = [item for item in self._all.values() if item.raises and item.account == account]
        if len(raising) >= PER_ACCOUNT:
            return Doubt("account_has_unknown_orders", _since(raising, PER_ACCOUNT))
        here = [item for item in raising if item.family == family]
        for symbol in symbols:
            same = [item for item in here if symbol in item.symbols]
            if len(same) >= PER_SYMBOL:
                return Doubt("symbol_has_unknown_orders", _since(same, PER_SYMBOL))
            overdue = [item.since_ms + OVERDUE_MS for item in same if item.overdue]
            if overdue:
                return Doubt("symbol_unresolved", min(overdue))
        return None

    def unread(self, account: str, family: str, now_ms: int) -> None:
        """Note that the exchange may know of orders there of which we do not."""
        self._unread[(account, family)] = now_ms

    def is_read(self, account: str, family: str) -> None:
        """Note that all orders there are known again."""
        self._unread.pop((account, family), None)

    def not_reconciled(self) -> tuple[tuple[str, str], ...]:
        """Give the (account, family) pairs whose orders have not been read since the journal may have lost some."""
        return tuple(sorted(self._unread))

    def oldest_ms(self, now_ms: int) -> int | None:
        """Give the age of the oldest in ms, None when there is none."""
        return max((now_ms - item.since_ms for item in self._all.values()), default=None)

    def mark_overdue(self, request: str) -> None:
        """Note that a request has been unresolved for a minute."""
        if request in self._all:
            self._all[request].overdue = True

    def overdue(self) -> int:
        """Give how many have been unresolved for a minute."""
        return sum(item.overdue for item in self._all.values())


def _since(items: Iterable[Unknown], count: int) -> int:
    """Give when there were that many."""
    return sorted(item.since_ms for item in items)[count - 1]
