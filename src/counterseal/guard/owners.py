"""Whose an open order is, as the gateway's events told: so that one bot's orders can be cancelled alone.

An order of which nothing was heard (it rests since before the guard's start) is nobody's here.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from counterseal.core.userdata.names import names_in

KEPT = 100_000


class Owners:
    """Owners by account, family and client id; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._owners: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take an event of the gateway; only those of an order with an owner say something."""
        account, family, owner = message.get("account"), message.get("family"), message.get("owner")
        kind, body = message.get("kind"), message.get("body")
        if message.get("what") != "order" or not isinstance(owner, str) or not isinstance(body, dict):
            return
        for name in names_in(str(kind), body):
            if name.client_id is not None:
                self._owners[str(account), str(family), name.client_id] = owner
                self._owners.move_to_end((str(account), str(family), name.client_id))
        while len(self._owners) > KEPT:
            self._owners.popitem(last=False)

    def of(self, account: str, family: str, client_id: str) -> str | None:
        """Give the owner; None where nobody knows."""
        return self._owners.get((account, family, client_id))
