"""What the guard hears of the gateway besides its beat: events of accounts, intruders, and all that is critical."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from counterseal.core.userdata.names import names_in
from counterseal.core.userdata.sight import owner_of
from counterseal.gateway.state import State
from counterseal.gateway.userdata.events import UserEvent

Send = Callable[[Mapping[str, Any]], None]
# Of what is critical before there is a link so many are kept.
_MOST = 256
# What the gateway puts on record of accounts and limits, in the guard's words where they differ.
_WHAT = {"intruder": "foreign", "intruders": "foreign_many", "user_stream_lost": "stream_lost",
         "user_stream_stands": "stream_stands"}  # fmt: skip
# A stable code for each critical line of the log; of states that fail it is `failing_` with their name.
CODES: Mapping[str, str] = {
    "no user data: events of this account are missing": "user_data_missing",
    "order that this gateway did not send": "foreign_order",
    "more orders that this gateway did not send": "foreign_orders",
    "unknown request is ended by an operator": "unknown_ended",
    "an egress address is none of this host's, nothing can leave from it": "egress_missing",
    "bot is still disabled; an operator must enable it": "bot_disabled",
    "bot is disabled: it repeats one order; an operator must enable it": "bot_disabled",
    "intent left open by a crash is UNKNOWN": "unknown_after_crash",
    "journal latched: orders that raise risk are refused, exits go on": "journal_latched",
    "the new certificate is not taken up": "certificate_refused",
    "request is still UNKNOWN: its symbol takes no order that raises risk": "unknown_overdue",
    "the witness has kept no checkpoint for too long: what raises risk is refused": "witness_away",
    "exposure cannot be made from the journal: limited bots may only reduce": "exposure_unread",
    "not compared with the exchange yet: no order that raises risk there": "not_reconciled",
    "cannot read what the journal may lack": "not_reconciled",
    "the guard names an id that a bot has used": "guard_id_taken",
    "a canary credential was used": "canary_used",
    "the exchange refuses a key: it is quarantined": "key_quarantined",
    "a key was refused and cannot be tried: it goes on as before": "key_unasked",
    "the signer holds a key of another environment: it signs nothing here": "key_environment",
    "the store of keys is away, and half of its copy's time is over": "keystore_away",
}
_decode = msgspec.json.Decoder().decode


def code_of(event: str, fields: Mapping[str, Any]) -> str:
    """Give the code of a critical line."""
    state = fields.get("state")
    return CODES.get(event) or (f"failing_{state}" if isinstance(state, str) else "gateway_critical")


class Criticals:
    """The log's sink with an ear: what is critical goes to the guard too, masked as it is in the log."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._early: list[dict[str, Any]] = []
        self._send: Send | None = None
        self.msg = self.info = self.warning = self.error = sink.msg

    def critical(self, line: bytes) -> None:
        """Write a line, and tell it."""
        self._sink.critical(line)
        fields = _decode(line)
        event = str(fields.pop("event", ""))
        for name in ("t", "level"):
            fields.pop(name, None)
        text = ", ".join([event, *[f"{name}: {value}" for name, value in fields.items() if value is not None]])
        self._tell({"type": "critical", "code": code_of(event, fields), "text": text, **_place(fields)})

    def _tell(self, message: dict[str, Any]) -> None:
        if self._send is not None:
            self._send(message)
        elif len(self._early) < _MOST:
            self._early.append(message)

    def to(self, send: Send) -> None:
        """Tell it from now on, and what was critical before."""
        self._send = send
        for message in self._early:
            send(message)
        self._early.clear()


def _place(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give where it is, for whoever sorts by that."""
    names = ("account", "family", "bot", "key", "canary", "source")
    return {name: fields[name] for name in names if isinstance(fields.get(name), str)}


class News:
    """Passes on what happens on accounts. A `Listener` of all feeds."""

    def __init__(self, state: State, send: Send) -> None:
        self._state = state
        self._send = send

    def record(self, fields: Mapping[str, Any]) -> None:
        """Pass on what the gateway puts on record: intruders, others' spending, feeds that are lost and stand again."""
        what = fields.get("what")
        self._send({**fields, "type": "event", "what": _WHAT.get(str(what), what)})

    def on_event(self, event: UserEvent) -> None:
        """Pass on an event of user data as it came, with whose order it is about."""
        names = names_in(event.kind, event.body)
        ledger = self._state.ledger
        owner = owner_of(names, lambda name: ledger.owners(event.family, *name)) if names else None
        what, body = "order" if names else "account", msgspec.Raw(event.text)
        self._tell(what, event.account, event.family, kind=event.kind, owner=owner, body=body)

    def on_gap(self, account: str, family: str) -> None:
        """Events may be missing from here on."""
        self._tell("stream_gap", account, family)

    def _tell(self, what: str, account: str, family: str, **more: Any) -> None:
        self._send({"type": "event", "what": what, "account": account, "family": family, **more})
