"""The client order ids of the guard's own orders: the gateway knows each before it is sent, and none is an intruder.

Those of the last days are told to each new gateway again: its memory of them ended with the one before.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from counterseal.core.userdata.names import names_in

# An order that rests longer is of no guard: what it places is closed within a minute.
KEPT = 20_000
# So many fit into one packet, or one record; so many of the newest are stated anew in each segment of the journal.
AT_ONCE = 500
RESTATED = 2_000


class OwnIds:
    """Tells ids by `send`, and remembers them."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None], records: Iterable[Mapping[str, Any]] = ()) -> None:
        self._send = send
        self._known: deque[tuple[str, str, str]] = deque(maxlen=KEPT)
        # In whose name an order of the guard's is, where it closes one bot's part alone.
        self._behalf: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        for record in records:
            self._fold(record)

    def _fold(self, record: Mapping[str, Any]) -> None:
        if record.get("type") != "guard_order" or record.get("act") not in ("send", "known"):
            return
        ids = record.get("ids", ()) if record["act"] == "known" else (record["client_id"],)
        self._known.extend((str(record["account"]), str(record["family"]), str(name)) for name in ids)
        self.note(record)

    def note(self, record: Mapping[str, Any]) -> None:
        """Take a record of an order that is about to be sent: it may be one in the name of a bot."""
        if record.get("type") == "guard_order" and record.get("act") == "send" and record.get("bot"):
            name = str(record["account"]), str(record["family"]), str(record["client_id"])
            self._behalf[name] = str(record["bot"])
            while len(self._behalf) > KEPT:
                self._behalf.popitem(last=False)

    def named(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give an event of the gateway with the bot in whose name an order of the guard's is as its owner."""
        body = event.get("body")
        if not self._behalf or event.get("what") != "order" or not isinstance(body, dict):
            return event
        account, family = str(event.get("account")), str(event.get("family"))
        for name in names_in(str(event.get("kind")), body):
            bot = self._behalf.get((account, family, str(name.client_id)))
            if bot is not None:
                return {**event, "owner": bot}
        return event

    def restate(self, record: Callable[[Mapping[str, Any]], object]) -> None:
        """Write the newest down anew."""
        newest = list(self._known)[-RESTATED:]
        for account, family, ids in _in_parts(newest):
            record({"type": "guard_order", "act": "known", "account": account, "family": family, "ids": ids})

    def register(self, account: str, family: str, ids: Sequence[str]) -> None:
        """Tell the gateway, before they are sent."""
        self._known.extend((account, family, name) for name in ids)
        self._tell(account, family, ids)

    def again(self) -> None:
        """Tell all that may still be seen to a gateway that has just begun."""
        for account, family, ids in _in_parts(self._known):
            self._tell(account, family, ids)

    def _tell(self, account: str, family: str, ids: Sequence[str]) -> None:
        self._send({"type": "ids", "family": family, "account": account, "ids": list(ids)})


def _in_parts(known: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, list[str]]]:
    """Give them by account and family, so many at once."""
    places: dict[tuple[str, str], list[str]] = {}
    for account, family, name in known:
        places.setdefault((account, family), []).append(name)
    for (account, family), names in places.items():
        for start in range(0, len(names), AT_ONCE):
            yield account, family, names[start : start + AT_ONCE]
