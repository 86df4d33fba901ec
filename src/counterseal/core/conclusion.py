"""What a resolved request comes to: its outcome, the answer for whoever asks again, and which ids are free."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from counterseal.core.legs import AMEND, BATCHES
from counterseal.core.outcome import Outcome
from counterseal.core.queries import status_of
from counterseal.core.resolver import End
from counterseal.core.subjects import CANCEL_REPLACE, Change, Subject

# What stands in a batch's answer for a leg that never came about, as the exchange says it of one order.
_NO_ORDER = {"code": -2013, "msg": "Order does not exist."}
_PARTLY = {"code": -2021, "msg": "Order cancel-replace partially failed."}


class Settled(NamedTuple):
    """One subject with what is proven of it; `order` is what the exchange shows, None when there is nothing."""

    subject: Subject
    end: End
    order: Any = None


class Conclusion(NamedTuple):
    """`body` is None when there is no order to show; `freed` are the client ids that may be used again."""

    outcome: Outcome
    status: int
    body: Any
    freed: tuple[str, ...]
    order_status: str


def conclude(
    path: str, client_ids: Sequence[str], settled: Sequence[Settled], *, keeps_ids: bool = False
) -> Conclusion:
    """Sum up a request of which every subject is settled.

    `keeps_ids` is for a request so old that the exchange may have forgotten an order that lived: nothing is open under
    its ids, but they stay taken.
    """
    taken = [item for item in settled if item.end is End.TAKEN]
    freed = () if keeps_ids else _freed(client_ids, settled, anything=bool(taken))
    if not taken:
        refused = all(item.end is End.REFUSED and item.subject.change is Change.BORN for item in settled)
        return Conclusion(Outcome.REJECTED if refused else Outcome.ABSENT, 0, None, freed, "")
    status, body = _answer(path, settled, taken)
    order = taken[0].order
    return Conclusion(Outcome.ACCEPTED, status, body, freed, status_of(order) if isinstance(order, dict) else "")


def _freed(client_ids: Sequence[str], settled: Sequence[Settled], *, anything: bool) -> tuple[str, ...]:
    if not anything:
        return tuple(client_ids)
    births = [item for item in settled if item.subject.change is Change.BORN]
    return tuple([item.subject.client_id for item in births if item.end is not End.TAKEN])


def _answer(path: str, settled: Sequence[Settled], taken: Sequence[Settled]) -> tuple[int, Any]:
    if path in BATCHES:
        return 200, _batch(settled)
    if path == CANCEL_REPLACE:
        return _replacement(*settled)
    order = taken[0].order
    return 200, {"amendedOrder": order} if path == AMEND and order is not None else order


def _batch(settled: Sequence[Settled]) -> list[Any]:
    """One element for each leg that was sent; a leg that is not among the settled was refused at once."""
    rows: list[Any] = [_NO_ORDER] * settled[0].subject.legs
    for item in settled:
        if item.end is End.TAKEN and item.order is not None:
            rows[item.subject.leg] = item.order
    return rows


def _replacement(new: Settled, old: Settled) -> tuple[int, Any]:
    """Both halves, each as it was found."""
    both = {
        "cancelResult": "SUCCESS" if old.end is End.TAKEN else "FAILURE",
        "newOrderResult": "SUCCESS" if new.end is End.TAKEN else "FAILURE",
        "cancelResponse": old.order or _NO_ORDER,
        "newOrderResponse": new.order or _NO_ORDER,
    }
    done = old.end is End.TAKEN and new.end is End.TAKEN
    return (200, both) if done else (409, {**_PARTLY, "data": both})
