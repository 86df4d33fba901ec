"""Listen keys of one futures market: which account a key opens, until when, and who listens with it."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.errors import Json
from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.user_stream_futures import FuturesUserData

Push = Callable[[Json], None]


class ListenKeys:
    """Keys are the accounts' own (one each, made by REST or by the WebSocket API); here are their listeners."""

    def __init__(self, market: FuturesMarket, users: FuturesUserData) -> None:
        self._market = market
        self._users = users
        self._open: dict[str, list[tuple[Push, Callable[[], None]]]] = {}

    def _account(self, key: str, now_ms: int) -> FuturesAccount | None:
        for account in self._market.accounts.values():
            if account.listen_key == key and now_ms < account.listen_until_ms:
                return account
        return None

    def connect(self, key: str, events: frozenset[str], push: Push, now_ms: int) -> Callable[[], None] | None:
        """Push the account's events (all, or those named).  None, and silence, for a key that opens nothing."""
        account = self._account(key, now_ms)
        if account is None:
            return None

        def chosen(payload: Json) -> None:
            if not events or payload["e"] in events:
                push(payload)

        entry = (push, self._users.subscribe(account.name, chosen))
        self._open.setdefault(key, []).append(entry)

        def end() -> None:
            if entry in self._open.get(key, ()):
                entry[1]()
                self._open[key].remove(entry)

        return end

    def tick(self, now_ms: int) -> None:
        """Tell the listeners of keys that have expired or were closed, once."""
        for key in [key for key, entries in self._open.items() if not entries or self._account(key, now_ms) is None]:
            for push, end in self._open.pop(key):
                end()
                push({"e": "listenKeyExpired", "E": now_ms, "listenKey": key})
