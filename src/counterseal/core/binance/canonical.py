"""Which bytes a signature covers.

Ours upstream: pairs percent-encoded by RFC 3986 and joined. A bot's: first the bytes as received, then (lenient mode)
the known ways in which SDKs sign something else than they send. A match in any of them proves the same thing: the bot
holds the secret and meant these pairs. What is judged is the decoded pairs, never the text that verified.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus, unquote, unquote_to_bytes

Pair = tuple[str, str]

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_URI_COMPONENT_SAFE = "!'()*~"
# The longest that there is (RSA of 4096 bits, all of it encoded twice) is shorter: what is cut off here was no part of
# a signature that is right.
_MAX_SIGNATURE = 8_192
VARIANTS = ("raw", "decoded", "decoded_no_plus", "encode_uri_component", "form")


def encode_query(pairs: Iterable[Pair]) -> bytes:
    """Join pairs as RFC 3986 query bytes, in the order given."""
    return "&".join([f"{name}={_encode(value)}" for name, value in pairs]).encode()


def _encode(value: str) -> str:
    return value if _UNRESERVED(value) else quote(value, safe="")


def split_signature(query: bytes, body: bytes) -> tuple[bytes, bytes, bytes | None]:
    """Take the `signature=` element out of the query, else out of the form body.

    Gives (query without it, body without it, its value as on the wire or None).
    """
    rest, signature = _take(query)
    if signature is not None:
        return rest, body, signature
    rest, signature = _take(body)
    return query, rest, signature


def _take(part: bytes) -> tuple[bytes, bytes | None]:
    if b"signature=" not in part:
        return part, None
    # Nearly always the last element: spare the split.
    at = part.rfind(b"&signature=")
    if at >= 0 and b"&" not in part[at + 1 :]:
        return part[:at], part[at + 11 :]
    elements = part.split(b"&")
    found = [e for e in elements if e.startswith(b"signature=")]
    if not found:
        return part, None
    elements.remove(found[0])
    return b"&".join(elements), found[0][10:]


def decode_signature(wire: bytes) -> str:
    """Percent-decode a signature value, a second time where the client encoded it twice."""
    text = unquote(wire[:_MAX_SIGNATURE].decode("latin-1"))
    return unquote(text) if "%" in text else text


def other_payloads(raw: bytes, pairs: Sequence[Pair]) -> Iterator[tuple[str, bytes]]:
    """Give (variant, payload) for what clients sign instead of the bytes they send, most likely first.

    `raw` is query and body without the signature element; `pairs` are the decoded ones in wire order.
    """
    yield "decoded", unquote_to_bytes(raw.replace(b"+", b" "))
    yield "decoded_no_plus", unquote_to_bytes(raw)
    yield "encode_uri_component", _join(pairs, lambda v: quote(v, safe=_URI_COMPONENT_SAFE))
    yield "form", _join(pairs, quote_plus)


def _join(pairs: Sequence[Pair], encode: Callable[[str], str]) -> bytes:
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs).encode()
