"""What a repetition of an earlier request is told, and what a cancel's answer tells of an earlier order."""

import asyncio
from collections.abc import Mapping

from counterseal.core.echo import replaced_id
from counterseal.core.orders import Entry
from counterseal.core.outcome import Outcome
from counterseal.gateway import reply as replies
from counterseal.gateway.ends import status_of
from counterseal.gateway.recovery import REPLACED
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State


def stored(entry: Entry) -> Reply:
    """Give the answer that the first one got."""
    # An answer too long for the journal is lost with a restart: then nobody can say more than UNKNOWN.
    return replies.unknown() if entry.reply is None or entry.outcome is Outcome.UNKNOWN else Reply(*entry.reply)


def told_again(done: "asyncio.Future[Reply]", entry: Entry | None) -> "Reply | asyncio.Future[Reply] | None":
    """Give what the same cancel is told again; None when it was UNKNOWN and is proven never to have been executed."""
    was_unknown = done.done() and done.result().headers.get("X-Counterseal-State") == Outcome.UNKNOWN.value
    if not was_unknown or entry is None or entry.outcome is Outcome.UNKNOWN:
        return done
    return None if entry.reply is None else Reply(*entry.reply)


async def copy(earlier: "asyncio.Future[Reply]") -> Reply:
    """Wait for another request's answer without being able to cancel it."""
    first = await asyncio.shield(earlier)
    return Reply(first.status, first.body, dict(first.headers))


def learn_cancel(state: State, family: str, body: Mapping[str, object]) -> None:
    """Take over from the answer to a cancel or a replacement how the order stands that it was about."""
    name = body.get("origClientOrderId") or body.get("clientOrderId")
    if isinstance(name, str):
        state.ledger.learn(family, name, status_of(body))
        state.unknowns.seen(family, name)
    old = replaced_id(body)
    if old is not None:
        state.ledger.learn(family, old, REPLACED)
