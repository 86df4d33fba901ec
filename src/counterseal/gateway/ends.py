"""What an answer to a change says: its order's number and status, its legs, and the record that the journal keeps."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from counterseal.core.echo import order_in
from counterseal.core.legs import ALGO_ORDERS, LISTS
from counterseal.core.orders import Entry
from counterseal.core.outcome import Answer, Outcome, leg_outcome
from counterseal.gateway.admission import Admitted
from counterseal.gateway.recovery import MAX_KEPT_REPLY
from counterseal.gateway.reply import Reply
from counterseal.ports.venue import Busy, NotSent, VenueReply

_STATUS = re.compile(r"[A-Z_]{1,40}", re.ASCII).fullmatch
# Which field of the reply repeats which parameter.
_ORDERS = ("/api/v3/order", "/api/v3/sor/order", "/fapi/v1/order", "/dapi/v1/order")
_ECHO = {
    **{path: {"newClientOrderId": "clientOrderId", "symbol": "symbol"} for path in _ORDERS},
    **{path: {"clientAlgoId": "clientAlgoId", "symbol": "symbol"} for path in ALGO_ORDERS},
    **{path: {"listClientOrderId": "listClientOrderId", "symbol": "symbol"} for path in LISTS},
}


class Verdict(NamedTuple):
    """What became of one change."""

    outcome: Outcome
    reply: Reply
    answer: VenueReply | None = None
    parsed: Answer | None = None


def unsent(error: NotSent) -> str:
    """Give the reason for which nothing was sent."""
    return "gateway_overloaded" if isinstance(error, Busy) else "venue_unreachable"


def outcome_record(entry: Entry, verdict: Verdict, order_id: int | None, freed: list[str]) -> dict[str, object]:
    """Give the terminal record of one intent."""
    return {
        "type": "outcome",
        "id": entry.request,
        "outcome": verdict.outcome,
        "status": verdict.answer.status if verdict.answer else None,
        "code": verdict.parsed.code if verdict.parsed else None,
        "order_id": order_id,
        "order_status": entry.order_status,
        "reason": verdict.reply.headers.get("X-Counterseal-Reason"),
        "reply_status": verdict.reply.status,
        "reply": verdict.reply.body.decode("utf-8", "replace") if len(verdict.reply.body) <= MAX_KEPT_REPLY else None,
        "freed": freed,
    }


def order_id_of(body: object) -> int | None:
    """Give the order's number where the reply has one; any other value could be anything, a key included."""
    order = order_in(body) if isinstance(body, dict) else {}
    found = order.get("orderId", order.get("algoId"))
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 1 << 63 else None


def status_of(body: Mapping[str, object]) -> str:
    """Give the order's status as the reply states it; empty where it states none, or no word."""
    status = body.get("status", "")
    return status if isinstance(status, str) and _STATUS(status) else ""


def never_born(family: str, ids: Sequence[str], body: Sequence[object]) -> list[str]:
    """Give the ids of a batch's legs that the exchange provably rejected: they may be used again."""
    return [
        client_id for client_id, leg in zip(ids, body, strict=False) if leg_outcome(family, leg) is Outcome.REJECTED
    ]


def expected_of(admitted: Admitted) -> dict[str, str]:
    """Give the fields of the reply that must repeat what was sent, each with that text."""
    if not admitted.intent.places:
        return {}
    values = admitted.intent.values
    return {field: values[name] for name, field in _ECHO.get(admitted.endpoint.path, {}).items() if name in values}
