"""From request bytes to parameters: query and body, decoded once, the query's value winning."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from counterseal.paper.errors import ApiError, bad_signature

Pairs = list[tuple[str, str]]
BODY_METHODS = frozenset({"POST", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as received.  `target` is the raw request target, header names are lower case."""

    method: str
    target: bytes
    headers: dict[str, str]
    header_names: list[str]
    body: bytes
    peer: str

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Payload:
    """What a request carries: decoded pairs in order, the signed bytes, and the signature's text."""

    pairs: Pairs
    signed: bytes
    signature: str | None
    is_ascii: bool
    has_duplicates: bool

    def merged(self) -> dict[str, str]:
        """One value a name.  The query comes first in `pairs`, and the first value stands."""
        values: dict[str, str] = {}
        for name, value in self.pairs:
            values.setdefault(name, value)
        return values


def read(request: Request) -> Payload:
    """Split, decode and merge.  A body counts only where the exchange reads one (POST, PUT, DELETE)."""
    query = request.target.partition(b"?")[2]
    body = request.body if request.method in BODY_METHODS else b""
    query_rest, query_mark = _without_signature(query)
    body_rest, body_mark = _without_signature(body)
    pairs = _decode(query_rest)
    has_duplicates = len({name for name, _ in pairs}) != len(pairs)
    body_pairs = _decode(body_rest)
    has_duplicates |= len({name for name, _ in body_pairs}) != len(body_pairs)
    mark = query_mark if query_mark is not None else body_mark
    return Payload(
        pairs + body_pairs,
        query_rest + body_rest,
        None if mark is None else _text(mark),
        query.isascii() and body.isascii(),
        has_duplicates,
    )


def _without_signature(raw: bytes) -> tuple[bytes, bytes | None]:
    """The raw text without its `signature` element, which may stand anywhere."""
    at = raw.find(b"signature=")
    if at < 0:
        return raw, None
    parts = raw.split(b"&")
    marks = [part for part in parts if part.startswith(b"signature=")]
    if not marks:
        return raw, None
    rest = [part for part in parts if not part.startswith(b"signature=")]
    return b"&".join(rest), marks[0][10:]


def _decode(raw: bytes) -> Pairs:
    if not raw:
        return []
    pairs: Pairs = []
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((_text(name), _text(value)))
    return pairs


def _text(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ApiError(-1100, "Illegal characters found in a parameter.") from None


def require_ascii(payload: Payload) -> None:
    """Signed bytes must have been percent-encoded before signing."""
    if not payload.is_ascii:
        raise bad_signature()
