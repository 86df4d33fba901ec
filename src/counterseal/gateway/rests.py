"""Keeps `state.resting` true, where there is a guard that asks for it. Whatever breaks here touches no order."""

from collections.abc import Iterable
from typing import Any

from counterseal.core.messages import HeldKey
from counterseal.core.orders import OPEN_STATES, Entry
from counterseal.core.outcome import Outcome
from counterseal.gateway.admission import Admitted
from counterseal.gateway.ends import Verdict, never_born
from counterseal.gateway.state import State


class Rests:
    """Told of orders on their way and of what became of them."""

    def __init__(self, state: State) -> None:
        self._state = state

    def place(self, admitted: Admitted, key: HeldKey) -> None:
        """A request is about to be sent."""
        resting = self._state.resting
        if resting is None:
            return
        try:
            resting.place(admitted.bot, self._state.account_of(key.ref), admitted.intent)
        except Exception:  # noqa: BLE001 - see above
            resting.faults += 1

    def settle(self, admitted: Admitted, key: HeldKey, entry: Entry, verdict: Verdict) -> None:
        """It has been answered, or was not sent."""
        resting = self._state.resting
        if resting is None:
            return
        ids, now_ms = admitted.intent.client_ids, self._state.monotonic_ms()
        try:
            if len(ids) == 1 and verdict.outcome is Outcome.ACCEPTED and entry.order_status in OPEN_STATES:
                resting.confirm(admitted.endpoint.family, ids[0], now_ms)
                return
            body = verdict.parsed.body if verdict.parsed else None
            freed = never_born(admitted.endpoint.family, ids, body) if isinstance(body, list) and ids else ()
            account = self._state.account_of(key.ref)
            resting.settle(account, admitted.intent, verdict.outcome, body, freed, entry.at_ms, now_ms)
        except Exception:  # noqa: BLE001 - see above
            resting.faults += 1

    def resolved(self, key: str, family: str, freed: Iterable[str], body: Any) -> None:
        """It was UNKNOWN, and is not any more."""
        resting = self._state.resting
        if resting is not None:
            resting.resolve(family, freed)
            self.heard(self._state.account_of(key), family, body)

    def heard(self, account: str, family: str, rows: Any) -> None:
        """An event or an answer has told of orders."""
        resting = self._state.resting
        if resting is None:
            return
        try:
            resting.see(account, family, rows, self._state.monotonic_ms())
        except Exception:  # noqa: BLE001 - see above
            resting.faults += 1
