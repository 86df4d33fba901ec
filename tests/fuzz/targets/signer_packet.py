"""What the signer is asked: one answer for each request, never an exception, and what it signs is what it was asked."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from typing import Any

from tests.fuzz.tools import Take
from tests.signer.desks import NOW_MS, SECRET, TABLE, desk, futures, good

from counterseal.adapters import packets
from counterseal.core.caps import Caps
from counterseal.core.messages import (
    MAX_PACKET,
    SIGNER_REASONS,
    FramingError,
    HelloRequest,
    Refused,
    Sign,
    SignCheckpoint,
    Signed,
    pack,
    unpack,
)
from counterseal.paper import wire
from counterseal.signer.desk import Line

_PLACES = sorted(TABLE)
_NAMES = sorted(frozenset(itertools.chain.from_iterable(entry.allowed for entry in TABLE.values())))
_VALUES = (
    "BTCUSDT",
    "BUY",
    "1",
    "0.001",
    "true",
    "\u5e01",
    "a b&c=d",
    "",
    "%",
    "1e9",
    '[{"symbol":"A"}]',
    "\x00",
    "x" * 40,
)
_DESK = desk({"*": Caps(symbols=frozenset({"BTCUSDT"}), max_leverage=5)})
_FREE = desk()
COVERED = ("counterseal.signer", "counterseal.core.messages", "counterseal.core.caps", "counterseal.adapters.packets")
SEEDS = (
    b"\xff" + packets.encode([good(), futures(id=2), HelloRequest("a")])[0], b"\xff" + packets.encode([good(id=-1)])[0],
    b"\xff" + packets.encode([SignCheckpoint(1, 0, 1, b"r" * 32, (b"h" * 32,))])[0], b"\xff\x01", b"\xff\x02", b"\xff",
    b"\xff" + packets.encode([Signed(1, b"q", 1), Refused(1, "x")])[0], b"\xff\x01\x00\x00\x00\x01\x03\xc0", b"\x00",
    *[bytes((place >> 8, place & 255, 2, 1, 0, 1, 5, 1, 1, 1, 6, 2, 1)) * 2 for place in range(0, len(_PLACES), 3)],
)  # fmt: skip
TOKENS = (
    b"\x01",
    b"\x00\x00\x00\x01\x03",
    b"\x98",
    b"\x99",
    b"\xa4main",
    b"\x92\xa6symbol",
    b"\xa7BTCUSDT",
    b"\xc0",
    b"\xcf",
)


def target(data: bytes) -> None:
    """After 255 the rest is a packet as it came; else it says what is asked."""
    if data[:1] == b"\xff":
        _check_packet(data[1:])
        return
    take = Take(data)
    _check_signed(_asked(take, 1), _asked(take, 2))


def _check_packet(packet: bytes) -> None:
    """All of it or none, and every request has its answer."""
    answers = [message for part in _FREE.answer(packet, Line()) for message in packets.decode(part)]
    try:
        asked = packets.decode(packet)
    except FramingError:
        assert answers == [Refused(0, "malformed")]
        return
    assert len(answers) == len(asked) and pack(unpack(packet)) == packet
    again = packets.encode(asked)
    assert [message for part in again for message in packets.decode(part)] == asked
    assert all(len(part) <= MAX_PACKET for part in again) or len(asked) == 1
    for request, answer in zip(asked, answers, strict=True):
        assert not isinstance(answer, Refused) or answer.reason in SIGNER_REASONS
        if isinstance(answer, Signed):
            assert isinstance(request, Sign)
            _check_query(request, answer)


def _asked(take: Take, number: int) -> Sign:
    family, method, path = _PLACES[take.number() % len(_PLACES)]
    names = sorted(TABLE[family, method, path].allowed) or _NAMES
    pairs: list[tuple[str, str]] = []
    for _ in range(take.byte() % 8):
        name = take.pick(names) if take.byte() % 16 else take.pick(_NAMES)
        pairs.append((name, take.pick(_VALUES) if take.byte() % 4 else take.some(4).decode("utf-8", "replace")))
    more: dict[str, Any] = {
        "recv_window_ms": take.pick((0, 1, 5000, 5001, -1)),
        "offset_ms": take.pick((0, 5000, -5001, 1)),
    }
    return good(id=number, family=family, method=method, path=path, pairs=tuple(pairs), **more)


def _check_signed(*requests: Sign) -> None:
    for at in (_FREE, _DESK):
        line = Line()
        answers = [message for part in at.answer(packets.encode(requests)[0], line) for message in packets.decode(part)]
        assert len(answers) == len(requests)
        for request, answer in zip(requests, answers, strict=True):
            assert answer.id == request.id  # type: ignore[union-attr]  # every answer has one
            if isinstance(answer, Signed):
                _check_query(request, answer)
                assert at is _FREE or _is_within(request)
            else:
                assert isinstance(answer, Refused) and answer.reason in SIGNER_REASONS


def _check_query(request: Sign, answer: Signed) -> None:
    """The exchange reads the pairs that were asked for, in their order, with a time and a signature over all of it."""
    payload, _, signature = answer.query.rpartition(b"&signature=")
    assert signature.decode() == hmac.new(SECRET, payload, hashlib.sha256).hexdigest()
    entry = TABLE[request.family, request.method, request.path]
    assert {name for name, _ in request.pairs} <= entry.allowed and answer.timestamp_ms == NOW_MS + request.offset_ms
    assert 0 <= request.recv_window_ms <= 5000 and abs(request.offset_ms) <= 5000
    read = wire.read(wire.Request("POST", b"/x?" + answer.query, {}, [], b"", ""))
    own = {"recvWindow": str(request.recv_window_ms)} if request.recv_window_ms else {}
    own["timestamp"] = str(answer.timestamp_ms)
    if entry.logs_on:
        assert sorted(read.pairs) == sorted([*request.pairs, *own.items(), ("apiKey", "api")])
    else:
        assert read.pairs == [*request.pairs, *own.items()]
    assert (read.signed, read.signature) == (payload, signature.decode())


def _is_within(request: Sign) -> bool:
    """What is capped by symbol and leverage names no other symbol and no more leverage."""
    values = dict(request.pairs)
    if TABLE[request.family, request.method, request.path].act.name in ("READ", "CANCEL"):
        return True
    leverage = values.get("leverage", "1")
    return "BTCUSDT" in (values.get("symbol", "BTCUSDT"),) and leverage.isdigit() and int(leverage) <= 5
