"""Whose an open order is: as the gateway's events told, and as it answers where no event did.

So one bot's orders can be cancelled alone. A guard that has just begun asks for all that rests, and for each order
that the exchange lists: the gateway remembers over its own restarts too whose an id is. Of what it does not know the
order is nobody's here.
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterseal.core.userdata.names import names_in
from counterseal.ports.clock import Clock

KEPT = 100_000
# So many ids fit into a question, and so long an answer is waited for: a gateway that is just being started has none.
AT_ONCE, ANSWER_S, STEP_S = 500, 0.5, 0.005


class Owners:
    """Owners by account, family and client id; the oldest are forgotten first. `send` asks the gateway."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None], clock: Clock) -> None:
        self._send, self._clock = send, clock
        self._owners: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._numbers = itertools.count(1)
        self._answered = 0

    # -- what the gateway says

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take an event of the gateway; only those of an order with an owner say something."""
        account, family, owner = message.get("account"), message.get("family"), message.get("owner")
        kind, body = message.get("kind"), message.get("body")
        if message.get("what") != "order" or not isinstance(owner, str) or not isinstance(body, dict):
            return
        for name in names_in(str(kind), body):
            if name.client_id is not None:
                self._note(str(account), str(family), name.client_id, owner)

    def answered(self, message: Mapping[str, Any]) -> None:
        """Take {"type": "owners", ...}. Raises ValueError for what is no answer."""
        rows, number = message.get("rows"), message.get("seq")
        if not isinstance(rows, list):
            raise ValueError("no owners")
        for row in rows:
            if not isinstance(row, list) or len(row) != 2 or not all(type(text) is str for text in row):
                raise ValueError("no owner of an order")
            self._note(str(message.get("account")), str(message.get("family")), *row)
        if type(number) is int:
            self._answered = max(self._answered, number)

    def _note(self, account: str, family: str, client_id: str, owner: str) -> None:
        self._owners[account, family, client_id] = owner
        self._owners.move_to_end((account, family, client_id))
        while len(self._owners) > KEPT:
            self._owners.popitem(last=False)

    # -- what is asked

    def of(self, account: str, family: str, client_id: str) -> str | None:
        """Give the owner; None where nobody knows."""
        return self._owners.get((account, family, client_id))

    def ask(self) -> None:
        """Ask for all that rests."""
        self._send({"type": "whose", "seq": next(self._numbers)})

    async def learn(self, account: str, family: str, ids: Sequence[str]) -> None:
        """Ask whose orders are of which nobody knows it yet, without ids for all that rests, and wait for a moment."""
        unknown, number = [name for name in ids if self.of(account, family, name) is None], 0
        if not ids:
            number = next(self._numbers)
            self._send({"type": "whose", "seq": number})
        for start in range(0, len(unknown), AT_ONCE):
            number, part = next(self._numbers), unknown[start : start + AT_ONCE]
            self._send({"type": "whose", "seq": number, "account": account, "family": family, "ids": part})
        deadline_ns = self._clock.monotonic_ns() + int(ANSWER_S * 1e9)
        while self._answered < number and self._clock.monotonic_ns() < deadline_ns:
            await self._clock.sleep(STEP_S)
