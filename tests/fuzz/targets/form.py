"""Query and form body: what is read is one list of pairs, the same that the paper exchange reads (law L4)."""

from __future__ import annotations

from tests.fuzz.tools import is_text

from counterseal.core.binance import canonical
from counterseal.core.reasons import REASONS
from counterseal.core.wire import MAX_PAIRS, Pair, WireError, decode_pairs
from counterseal.paper import wire
from counterseal.paper.errors import ApiError

_ORDER = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.001&price=90000.00&timestamp=1"
COVERED = ("counterseal.core.wire", "counterseal.core.binance.canonical", "counterseal.paper.wire")
SEEDS = (
    _ORDER + b"&signature=ab", b"signature=ab&" + _ORDER, _ORDER + b"\x00signature=ab&x=1", b"\x00" + _ORDER, b"",
    b"a=%E5%B8%81&b=+x+&c=%2B", b"a=1&&b=2", b"a", b"=1", b"a=%", b"a=%zz", b"a=%ff", b"a=%00", b"a=1&a=2", b"a=b=c",
    b"signature=a&signature=b", b"%61=1", b"a%3D=1", b"xsignature=1&signature=%2541", b"a=\x7f", b"a=%f0%9f%98%80;b=1",
)  # fmt: skip
TOKENS = (
    b"&", b"=", b"%", b"+", b";", b"&signature=", b"signature=", b"%00", b"%0a", b"%26", b"%3D", b"%25", b"%c3%a4",
    b"%ed%a0%80", b"%C0%80", b"symbol=", b"timestamp=", b"\x00", b"?", b"#", b"[]",
)  # fmt: skip
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_HEX = frozenset(b"0123456789abcdefABCDEF")


def target(data: bytes) -> None:
    """Split as a request is, decoded once, written anew: three readers see the same pairs."""
    query, _, body = data.partition(b"\x00")
    rest, rest_body, signature = canonical.split_signature(query, body)
    assert len(rest) + len(rest_body) <= len(query) + len(body)
    expected = _expected(rest, rest_body)
    try:
        pairs = decode_pairs(rest) + decode_pairs(rest_body)
    except WireError as fault:
        assert fault.reason in REASONS and expected is None
        return
    assert pairs == expected
    if signature is not None:
        assert isinstance(canonical.decode_signature(signature), str)
    _check_paper(query, body, pairs, signature)
    _check_written(pairs)
    _check_payloads(rest + rest_body, pairs)


def _expected(*parts: bytes) -> list[Pair] | None:
    """Read by our own small grammar; None where it says no."""
    found = []
    for part in parts:
        if part.count(b"&") >= MAX_PAIRS:
            return None
        for element in part.split(b"&") if part else ():
            name, value = (_text(half) for half in element.split(b"=", 1)) if b"=" in element else (None, None)
            if not name or value is None or not _NAME.issuperset(name) or name[0] in "0123456789_":
                return None
            found.append((name, value))
    return found


def _text(raw: bytes) -> str | None:
    found, at = bytearray(), 0
    while at < len(raw):
        if raw[at] == 0x25:
            digits = raw[at + 1 : at + 3]
            if len(digits) != 2 or not _HEX.issuperset(digits):
                return None
            found.append(int(digits, 16))
            at += 3
        else:
            found.append(0x20 if raw[at] == 0x2B else raw[at])
            at += 1
    try:
        text = found.decode()
    except UnicodeDecodeError:
        return None
    return None if any(ord(one) < 0x20 or ord(one) == 0x7F for one in text) else text


def _check_paper(query: bytes, body: bytes, pairs: list[Pair], signature: bytes | None) -> None:
    """A second signature element is refused later by its name: the exchange would throw it away."""
    if any(name == "signature" for name, _ in pairs):
        return
    try:
        read = wire.read(wire.Request("POST", b"/x?" + query, {}, [], body, ""))
    except ApiError:
        assert signature is not None, "only a signature may be beyond the exchange"
        return
    assert read.pairs == pairs
    assert (read.signature is None) == (signature is None)


def _check_written(pairs: list[Pair]) -> None:
    """What is sent upstream is read there as what was judged, and by ourselves too."""
    sent = canonical.encode_query(pairs)
    assert sent.isascii() and (len(pairs) > MAX_PAIRS or decode_pairs(sent) == pairs)
    if all(name != "signature" for name, _ in pairs):
        read = wire.read(
            wire.Request("POST", b"/x?" + sent + (b"&" if sent else b"") + b"signature=ab", {}, [], b"", "")
        )
        assert (read.pairs, read.signature, read.is_ascii) == (pairs, "ab", True)


def _check_payloads(raw: bytes, pairs: list[Pair]) -> None:
    found = list(canonical.other_payloads(raw, pairs))
    assert [name for name, _ in found] == list(canonical.VARIANTS[1:])
    assert all(is_text(value) for _, value in pairs)
