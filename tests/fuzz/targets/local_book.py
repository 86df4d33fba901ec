"""A book kept from a snapshot and changes, whatever the exchange sends: sound and uncrossed, or given up for ever."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.fuzz.tools import Take, json_in

from counterseal.core.streams.books import LocalBook, State

_SNAPSHOT = (
    b'{"lastUpdateId":5,"bids":[["10.0","1"],["9.5","2"]],"asks":[["11","1"],["12","3"]],"symbol":"S","pair":"P"}'
)
_CHANGE = b'{"data":{"s":"S","ps":"P","U":%d,"u":%d,"b":[["10.5","1"]],"a":[["11","0"],["11.5","2"]],"E":1,"T":2%b}}'
_NEXT, _FUTURE = _CHANGE % (6, 7, b""), _CHANGE % (6, 7, b',"pu":5')
COVERED = (
    "counterseal.core.streams.books",
    "counterseal.core.streams.depth_messages",
    "counterseal.core.streams.levels",
    "counterseal.core.numbers",
)
SEEDS = (
    b"\x00\x00" + b"\n".join((_SNAPSHOT, _NEXT, _CHANGE % (8, 9, b""))), b"\x01\x00" + b"\n".join((_SNAPSHOT, _FUTURE)),
    b"\x02\x00" + b"\n".join((_SNAPSHOT, _FUTURE)), b"\x00\x01" + b"\n".join((_NEXT, _SNAPSHOT)),
    b"\x02\x00" + b"\n".join((_SNAPSHOT, _FUTURE.replace(b'"P"', b'"\\ud800"'))),
    b"\x00\x00" + b"\n".join((_SNAPSHOT, _NEXT.replace(b"10.5", b"99"))), b"\x00\x00" + _SNAPSHOT.replace(b"1", b"1e9"),
    b"\x00\x00" + b"\n".join((_SNAPSHOT, _NEXT.replace(b"11.5", b"NaN"))), b"\x00\x00\n" + _NEXT,
)  # fmt: skip
TOKENS = (
    b'"data":', b'"lastUpdateId":', b'"bids":', b'"asks":', b'"b":', b'"a":', b'"U":', b'"u":', b'"pu":', b'"s":"S"',
    b"\n",
    b'[["10.5","1"]]', b'["10.0","0"]', b'"0.00000001"', b'"E":', b"1", b"5", b"6", b"-1", b"1e9", b"NaN", b"\\ud800",
    b'"ps":', b"true", b"null", b"[", b"]", b"{", b"}", b'"', b",",
)  # fmt: skip


def target(data: bytes) -> None:
    """First the family and when the snapshot comes, then a message a line."""
    take = Take(data)
    family, at = take.pick(("spot", "usdm", "coinm")), take.byte() % 4
    lines = take.rest().split(b"\n")
    book = LocalBook(family, "S", 100)
    was_stale = False
    for place, line in enumerate(lines):
        if place == at % len(lines):
            book.begin(line)
        else:
            book.take(line)
        assert not was_stale or book.state is State.STALE, "what was given up came back"
        was_stale = book.state is State.STALE
        for limit in (1, 5, 1000):
            _check(family, book, book.render(limit))
        assert isinstance(book.moment_ms, int)


def _check(family: str, book: LocalBook, body: bytes | None) -> None:
    if body is None:
        return
    assert book.state is State.LIVE
    answer = json.loads(body, parse_constant=_refuse)
    assert json_in(body) is not None and type(answer["lastUpdateId"]) is int
    assert (family == "coinm") == ("pair" in answer)
    bids, asks = ([Decimal(price) for price, _ in answer[side]] for side in ("bids", "asks"))
    assert bids == sorted(set(bids), reverse=True) and asks == sorted(set(asks))
    assert not bids or not asks or bids[0] < asks[0], "crossed"
    assert all(Decimal(quantity) > 0 for side in ("bids", "asks") for _, quantity in answer[side])


def _refuse(text: str) -> Any:
    raise AssertionError(text)
