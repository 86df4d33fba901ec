"""Which bot may see an event of an account."""

from collections.abc import Callable, Iterable

from counterseal.core.ownership import Named

# What the exchange says of our own listening: bots are told of theirs.
_OURS = frozenset({"listenKeyExpired", "eventStreamTerminated", "serverShutdown"})
Owners = Callable[[Named], Iterable[str | None]]


def owner_of(names: Iterable[Named], owners: Owners) -> str | None:
    """Give whose order these names name, the surest first; None when nobody is known to own it.

    `owners` gives the owners of one name's client id and number, in this order. The id counts more: test networks begin
    their numbers anew.
    """
    return next((owner for name in names for owner in owners(name) if owner is not None), None)


def may_see(kind: str, owner: str | None, bot: str, *, sees_account: bool) -> bool:
    """Judge one event for one bot. `owner` is None for an event of the account, and for an order that is nobody's."""
    return kind not in _OURS and (sees_account or owner == bot)
