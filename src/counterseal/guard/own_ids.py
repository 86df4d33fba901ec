"""The client order ids of the guard's own orders: the gateway knows each before it is sent, and none is an intruder.

Those of the last days are told to each new gateway again: its memory of them ended with the one before.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

# An order that rests longer is of no guard: what it places is closed within a minute.
KEPT = 20_000
# So many fit into one packet.
AT_ONCE = 500


class OwnIds:
    """Tells ids by `send`, and remembers them."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None], records: Iterable[Mapping[str, Any]] = ()) -> None:
        self._send = send
        self._known: deque[tuple[str, str, str]] = deque(maxlen=KEPT)
        for record in records:
            if record.get("type") == "guard_order" and record.get("act") == "send":
                self._known.append((str(record["account"]), str(record["family"]), str(record["client_id"])))

    def register(self, account: str, family: str, ids: Sequence[str]) -> None:
        """Tell the gateway, before they are sent."""
        self._known.extend((account, family, name) for name in ids)
        self._tell(account, family, ids)

    def again(self) -> None:
        """Tell all that may still be seen to a gateway that has just begun."""
        places: dict[tuple[str, str], list[str]] = {}
        for account, family, name in self._known:
            places.setdefault((account, family), []).append(name)
        for (account, family), names in places.items():
            for start in range(0, len(names), AT_ONCE):
                self._tell(account, family, names[start : start + AT_ONCE])

    def _tell(self, account: str, family: str, ids: Sequence[str]) -> None:
        self._send({"type": "ids", "family": family, "account": account, "ids": list(ids)})
