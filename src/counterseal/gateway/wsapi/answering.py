"""From a reply as REST has it to the frame that a WebSocket API answers with."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from counterseal.core.wsapi import limits, replies
from counterseal.gateway import answers
from counterseal.gateway import reply as rest
from counterseal.gateway.reply import SINCE, Reply
from counterseal.gateway.wsapi.large import ALWAYS

_OURS = {"X-Counterseal-Reason": "reason", "X-Counterseal-State": "state"}


class Asked(NamedTuple):
    """What an answer needs of its request: the id as JSON text, the market, whether the limits are to be stated."""

    id: str
    family: str
    states_limits: bool


def frame(asked: Asked, reply: Reply, limit_of: Callable[[str], int], now_ms: int) -> bytes:
    """Give the text of an answer; `now_ms` is exchange time. `limit_of` gives a pool's limit by its id."""
    rows = limits.rows(asked.family, reply.headers, limit_of) if asked.states_limits else None
    if reply.status < 300 and _fits(reply.body):
        return replies.result(asked.id, reply.status, reply.body, rows)
    if reply.status < 300 or reply.body[:1] != b"{" or not _fits(reply.body):
        # What is no JSON would take the frame apart, and everything in it would be misread.
        status = reply.status if reply.status >= 400 else 502
        unclear = rest.error(status, -1000, "An unknown error occurred while processing the request.")
        reply = Reply(status, unclear.body, reply.headers)
    return replies.error(asked.id, reply.status, reply.body, rows, _data(reply, now_ms))


def _fits(body: bytes) -> bool:
    return _fits_too(body) if len(body) > ALWAYS else answers.is_whole(body)


# One exchangeInfo goes to many bots, and is the same bytes for all of them.
_fits_too = lru_cache(maxsize=1)(answers.is_whole)


def _data(reply: Reply, now_ms: int) -> dict[str, Any]:
    """Give what stands in headers over REST: when to come back, and our own words."""
    data: dict[str, Any] = {}
    pause_s = _number(reply, "Retry-After")
    if reply.status in (418, 429) and pause_s is not None:
        data = {"serverTime": now_ms, "retryAfter": now_ms + pause_s * 1000}
    ours: dict[str, Any] = {shown: reply.headers[name] for name, shown in _OURS.items() if name in reply.headers}
    since_ms = _number(reply, SINCE)
    if since_ms is not None:
        ours["since"] = since_ms
    return {**data, replies.OURS: ours} if ours else data


def _number(reply: Reply, name: str) -> int | None:
    """Give a header's whole number; what else stands there says nothing."""
    return limits.count_in(reply.headers.get(name, ""))
