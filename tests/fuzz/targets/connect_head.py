"""The head of a CONNECT request on the proxy's port: one form or a refusal, and more bytes never change a verdict."""

from __future__ import annotations

import httptools
from tests.fuzz.references.http import TOKEN

from counterseal.core.http1 import Bad
from counterseal.core.reasons import REASONS
from counterseal.core.tunnel import Target, read_connect

_HEAD = b"CONNECT api.binance.com:443 HTTP/1.1\r\nHost: api.binance.com:443\r\n\r\n"
COVERED = ("counterseal.core.tunnel", "counterseal.core.http1")
SEEDS = (
    _HEAD, _HEAD + b"\x16\x03\x01", _HEAD.replace(b"1.1", b"1.0"), b"CONNECT a:1 HTTP/1.0\r\n\r\n", _HEAD.upper(),
    _HEAD.replace(b"Host", b"Content-Length: 0\r\nProxy-Connection: keep-alive\r\nHost"), b"\x16\x03\x01\x02\x00",
    _HEAD.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), _HEAD.replace(b"\r\n", b"\n"),
    b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
)  # fmt: skip
TOKENS = (
    b"CONNECT ", b"GET ", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n\r\n", b"\r\n", b"\n", b"Host: ",
    b"api.binance.com",
    b":443", b"Content-Length: 0", b"Content-Length: 1", b"Transfer-Encoding: ", b"\t", b"\x00", b"\x80", b"@", b"..",
)  # fmt: skip


def target(data: bytes) -> None:
    """Any beginning of the bytes gives no verdict, or the one of the whole."""
    whole = read_connect(data)
    for size in range(min(len(data), 400)):
        part = read_connect(data[:size])
        assert part is None or part == whole, "more bytes change the verdict"
    assert whole == read_connect(data + b"GET / HTTP/1.1\r\n\r\n") or whole is None
    if isinstance(whole, Bad):
        assert whole.reason in REASONS
    elif whole is not None:
        _check(data, *whole)


def _check(data: bytes, named: Target, taken: int) -> None:
    """What is taken is a head by our own reading, and names the same place to another parser."""
    head = data[:taken]
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1
    first, *lines = head[:-4].split(b"\r\n")
    verb, place, version = first.split(b" ")
    host, _, port = place.decode("ascii").rpartition(":")
    assert (verb, version[:7]) == (b"CONNECT", b"HTTP/1.")
    assert (host.lower(), int(port)) == named and str(named.port) == port and 0 < named.port < 100_000
    for line in lines:
        name, colon, value = line.partition(b":")
        assert colon and name and TOKEN.issuperset(name) and all(byte == 9 or 0x20 <= byte < 0x7F for byte in value)
        assert name.lower() != b"transfer-encoding"
        assert name.lower() != b"host" or value.strip(b" \t").decode().lower() in (named.host, f"{named.host}:{port}")
    parser = _Url()
    try:
        httptools.HttpRequestParser(parser).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    assert parser.url == place


class _Url:
    def __init__(self) -> None:
        self.url = b""

    def on_url(self, url: bytes) -> None:
        self.url += url
