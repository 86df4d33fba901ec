"""The unknown requests of this moment, and what they close: with too many of them nobody knows what is at risk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

# How many unknown orders close a symbol, and an account.
PER_SYMBOL, PER_ACCOUNT = 3, 10


@dataclass(slots=True)
class Unknown:
    """One unknown request. `client_ids` are all by which it or its order can be seen; `wake` is called when one is.

    `raises` tells that it may have brought or altered an order; only those close anything. `since_ms` is monotonic.
    `overdue` is set when it has been unresolved for a minute.
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


class Unknowns:
    """All unknown requests by their intent's number."""

    def __init__(self) -> None:
        self._all: dict[str, Unknown] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, unknown: Unknown) -> None:
        """Note a request whose outcome is unknown."""
        self._all[unknown.request] = unknown

    def drop(self, request: str) -> None:
        """Forget a request that is resolved."""
        self._all.pop(request, None)

    def seen(self, family: str, client_id: str) -> None:
        """Somebody else's answer showed this id: whoever is waiting for it had better look now."""
        for unknown in list(self._all.values()):
            if unknown.family == family and client_id in unknown.client_ids:
                unknown.wake()

    def refusal(self, account: str, family: str, symbols: Iterable[str]) -> str | None:
        """Give the reason why no order that raises risk may go out, None when it may."""
        raising = [item for item in self._all.values() if item.raises and item.account == account]
        if len(raising) >= PER_ACCOUNT:
            return "account_has_unknown_orders"
        here = [item for item in raising if item.family == family]
        for symbol in symbols:
            same = [item for item in here if symbol in item.symbols]
            if len(same) >= PER_SYMBOL:
                return "symbol_has_unknown_orders"
            if any(item.overdue for item in same):
                return "symbol_unresolved"
        return None

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
