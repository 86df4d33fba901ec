"""Our own grammar of ambiguous HTTP/1.1: byte strings that may hold no, one or several requests, drawn by seed.

A case is drawn as a structure and written with fresh signatures (`smuggling_written`), so that whoever reads requests
out of it can carry them out.
"""

# ruff: noqa: TID251 - randomness is seeded
from __future__ import annotations

import random
from dataclasses import dataclass

from tests.campaign.smuggling_twists import BASES, ENDS, GOOD_LINE, HIDDEN, LENGTHS, LINES, SPOILS, Added

SEED = 3
# What is asked for: method, path, parameters, and whether these go into the body.
KINDS: dict[str, tuple[str, str, str, bool]] = {
    "order": (
        "POST",
        "/api/v3/order",
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}&newClientOrderId={id}",
        False,
    ),
    "order in the body": (
        "POST",
        "/api/v3/order",
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}&newClientOrderId={id}",
        True,
    ),
    "cancel": ("DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId={id}", False),
    "read": ("GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId={id}", False),
}
# What is no request, before the first, behind the last, or alone.
STRAYS = (
    "\r\n", "\n\n", "\0", "X", "0\r\n\r\n", "GET", " ", "\r", "{}", "\xef\xbb\xbf", "\xff\xff", "Host: a\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00", "PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n",
)  # fmt: skip
_WRITABLE = tuple(name for name, (_, way) in SPOILS.items() if way != "bad")
_CHUNKED = ("hidden in a chunk", "hidden behind the last chunk", "hidden behind an extension")
_NUMBERS = ("n", "0", "n+1", "n-1", "n+5", "n+60", "5")


@dataclass(frozen=True)
class Shape:
    """One request: what it asks, and how it is written. `length` None: no Content-Length."""

    kind: str
    line: str = GOOD_LINE
    added: tuple[Added, ...] = ()
    length: str | None = "n"
    end: str = "plain"
    body: str = "own"


@dataclass(frozen=True)
class Case:
    """Requests behind one another on one connection; `stray` stands behind them, `cut` bytes are missing at the end."""

    number: int
    shapes: tuple[Shape, ...]
    stray: str = ""
    cut: int = 0

    def __str__(self) -> str:
        parts = "; ".join(_told(shape) for shape in self.shapes)
        return f"case {self.number}: {parts} | stray {self.stray!r} cut {self.cut}"


def _told(shape: Shape) -> str:
    lines = [f"{one.name}={one.value} ({one.spoil}) at {one.place}" for one in shape.added]
    return f"{shape.kind}, line {shape.line}, length {shape.length}, end {shape.end}, body {shape.body}, {lines}"


def cases(count: int, seed: int = SEED) -> list[Case]:
    """Give that many cases, each of another structure."""
    rng, seen, found = random.Random(seed), set[tuple[object, ...]](), list[Case]()
    while len(found) < count:
        case = _case(rng, len(found))
        key = (case.shapes, case.stray, case.cut)
        if key not in seen:
            seen.add(key)
            found.append(case)
    return found


def _case(rng: random.Random, number: int) -> Case:
    wanted = rng.choices((0, 1, 2, 3), (2, 38, 38, 22))[0]
    # Mostly one of them is twisted: behind a refusal nobody looks any further.
    twisted = rng.randrange(wanted) if wanted else 0
    shapes = tuple(_shape(rng, twists=_twists(rng, at == twisted)) for at in range(wanted))
    stray = "".join(rng.sample(STRAYS, 2)) if not wanted else rng.choice(STRAYS) if rng.random() < 0.06 else ""
    cut = rng.randrange(1, 400) if wanted and rng.random() < 0.05 else 0
    return Case(number, shapes, stray, cut)


def _twists(rng: random.Random, is_chosen: bool) -> int:
    return rng.choices((1, 2, 3), (60, 30, 10))[0] if is_chosen else int(rng.random() < 0.05)


def _shape(rng: random.Random, twists: int) -> Shape:
    kind = rng.choice(tuple(KINDS))
    length: str | None = "n" if KINDS[kind][0] != "GET" else None
    shape = Shape(kind, length=length)
    for _ in range(twists):
        shape = _twisted(rng, shape)
    return shape


def _twisted(rng: random.Random, shape: Shape) -> Shape:
    """Twist one part more."""
    parts = {name: getattr(shape, name) for name in ("kind", "line", "added", "length", "end", "body")}
    what = rng.choices(("added", "chunks", "length", "body", "line", "end"), (42, 16, 18, 14, 7, 3))[0]
    if what == "added":
        more = _added(rng)
        # A line that stands twice, beside its like or far from it.
        again = (Added(more.name, more.value, more.spoil, rng.randrange(4)),) if rng.random() < 0.2 else ()
        parts["added"] = (*shape.added, more, *again)
    elif what == "chunks":
        # Often so that whoever takes chunks finds them good.
        spoil = rng.choice(tuple(SPOILS)) if rng.random() < 0.5 else "plain"
        coding = Added("Transfer-Encoding", "chunked", spoil, rng.randrange(4))
        body = rng.choice(tuple(HIDDEN) if rng.random() < 0.5 else _CHUNKED)
        length = None if rng.random() < 0.5 else rng.choice(("n", "0", "5"))
        parts |= {"added": (*shape.added, coding), "body": body, "length": length}
    elif what == "length":
        parts["length"] = rng.choice((None, *(LENGTHS if rng.random() < 0.5 else _NUMBERS)))
    elif what == "body":
        parts["body"] = rng.choice(tuple(HIDDEN))
        parts["length"] = rng.choice((shape.length, None, "0", "n", "5", "n-1"))
    else:
        parts[what] = rng.choice(tuple(LINES if what == "line" else ENDS))
    return Shape(**parts)


def _added(rng: random.Random) -> Added:
    # Half of them are about framing, and half are header lines that may be sent.
    name, value = rng.choice(BASES[:9] if rng.random() < 0.5 else BASES)
    spoil = rng.choice(tuple(SPOILS) if rng.random() < 0.5 else _WRITABLE)
    return Added(name, value, spoil, rng.randrange(4))
