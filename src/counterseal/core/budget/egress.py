"""Which of several egress addresses a request leaves from: each has limits of its own at the exchange."""

from collections.abc import Callable, Sequence

from counterseal.core.venue_wall import Standing


def choose(
    egresses: Sequence[str],
    standing: Callable[[str], Standing],
    room: Callable[[str], int],
    *,
    is_exit: bool = False,
) -> str | None:
    """Give the address with the most room in the pool that the request needs; the first of equal ones.

    `standing` is what the venue wall says of an address, `room` what is left in the pool there; whether that is enough
    is the ledger's question. What has to back off is passed over, but an exit that finds no open address takes one that
    still lets exits through. None when none may send.
    """
    best: str | None = None
    most = (False, 0)
    for egress in egresses:
        now = standing(egress)
        if now is Standing.CLOSED or (now is Standing.EXITS_ONLY and not is_exit):
            continue
        offer = (now is Standing.OPEN, room(egress))
        if best is None or offer > most:
            best, most = egress, offer
    return best
