"""From a case's structure to its bytes, and to what our one strict form makes of them; no parser is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.campaign.smuggling import KINDS, Case, Shape
from tests.campaign.smuggling_twists import ENDS, GOOD_ENDS, GOOD_LINE, HIDDEN, LENGTHS, LINES
from tests.gateway.rig import HOST
from tests.gateway.wsapi.rig import KEY

Sign = Callable[[str], str]
# Method, target, body.
Read = tuple[str, bytes, bytes]


@dataclass(frozen=True)
class Placed:
    """A request as it lies in the bytes. `name` is the client order id it is about, `needs` the body that it needs.

    `length` is what its head states, None when its head is none that may be read. `needs` is None where no body helps.
    """

    name: str
    method: str
    target: bytes
    start: int
    head_end: int
    length: int | None
    needs: bytes | None
    ends: bool

    def moved(self, by: int) -> Placed:
        """The same further behind."""
        return replace(self, start=self.start + by, head_end=self.head_end + by)


@dataclass(frozen=True)
class Written:
    """The bytes of a case, and where requests lie in them; hidden ones too, which only a wrong reader finds."""

    data: bytes
    placed: dict[int, Placed]


def write(case: Case, sign: Sign) -> Written:
    """Write a case with signatures of this moment."""
    data, placed = b"", dict[int, Placed]()
    for at, shape in enumerate(case.shapes):
        found, text = _write(shape, case.number, f"smg{case.number}x{at}", sign)
        placed |= {one.start: one for one in (each.moved(len(data)) for each in found)}
        data += text
    data += case.stray.encode("latin-1")
    return Written(data[: -case.cut] if case.cut else data, placed)


def _write(shape: Shape, number: int, name: str, sign: Sign) -> tuple[list[Placed], bytes]:
    method, path, parameters, in_body = KINDS[shape.kind]
    price = f"{60_000 + number % 40_000}.{ord(name[-1]) % 100:02}"
    signed = sign(parameters.replace("{price}", price).replace("{id}", name))
    needs = signed.encode() if in_body else b""
    hidden: list[Placed] = []
    inner, offset, body = b"", 0, needs
    if shape.body != "own":
        hidden, inner = _write(Shape("order"), number, f"{name}h", sign)
        body, offset = _wrapped(shape.body, inner)
    target = path if in_body else f"{path}?{signed}"
    head = _head(shape, method, target, len(body))
    # The empty line behind the one that ends the head is what a body begins with.
    head_end = len(head) - (2 if shape.end == "twice" else 0)
    upgrades = any(one.upgrades for one in shape.added)
    whole = Placed(
        name, method, target.encode(), 0, head_end, _length(shape, method, len(body)),
        None if upgrades else needs, upgrades or any(one.ends for one in shape.added),
    )  # fmt: skip
    return [whole, *(one.moved(len(head) + offset) for one in hidden)], head + body


def _wrapped(how: str, inner: bytes) -> tuple[bytes, int]:
    """Give a body with a request in it, and where that begins."""
    before, behind = (text.replace("{size}", f"{len(inner):x}").encode("latin-1") for text in HIDDEN[how])
    return before + inner + behind, len(before)


def _head(shape: Shape, method: str, target: str, size: int) -> bytes:
    lines = [f"Host: {HOST}\r\n", f"X-MBX-APIKEY: {KEY}\r\n"]
    if shape.length is not None:
        lines.append(f"Content-Length: {LENGTHS[shape.length][0](size)}\r\n")
    for one in shape.added:
        lines.insert(min(one.place, len(lines)), one.text)
    first = LINES[shape.line].replace("{m}", method).replace("{l}", method.lower()).replace("{t}", target)
    return (first + "".join(lines) + ENDS[shape.end]).encode("latin-1")


def _length(shape: Shape, method: str, size: int) -> int | None:
    """Give the length that a head states by our grammar, None when it is refused."""
    if shape.line != GOOD_LINE or shape.end not in GOOD_ENDS or any(one.is_bad for one in shape.added):
        return None
    stated = [one for one in shape.added if one.states_length]
    once = [one.once for one in shape.added if one.once]
    if len(stated) + (shape.length is not None) > 1 or len(once) > len(set(once)):
        return None
    length: int | None = 0
    if shape.length is not None:
        length = LENGTHS[shape.length][1](size)
    elif stated:
        length = int(stated[0].value) if stated[0].way == "same" else None
    return None if method == "GET" and length else length


# -- what our one form makes of it


@dataclass(frozen=True)
class Expected:
    """What must become of a case: the requests read, the names of those sent on, and how the connection ends.

    "open": everything was read; "closed": as a request asked; "refused": what comes next is no request, or not whole.
    """

    read: tuple[Read, ...]
    sent: tuple[str, ...]
    end: str


def expected(written: Written) -> Expected:
    """Walk from request to request by the lengths that they state."""
    at, read, sent = 0, list[Read](), list[str]()
    for here, body in _walk(written):
        read.append((here.method, here.target, body))
        if body == here.needs:
            sent.append(here.name)
        at = here.head_end + len(body)
        if here.ends:
            return Expected(tuple(read), tuple(sent), "closed")
    return Expected(tuple(read), tuple(sent), "open" if at == len(written.data) else "refused")


def _walk(written: Written) -> Iterator[tuple[Placed, bytes]]:
    at = 0
    while at in written.placed:
        here = written.placed[at]
        end = here.head_end + (here.length or 0)
        if here.length is None or end > len(written.data):
            return
        yield here, written.data[here.head_end : end]
        at = end
