"""The head of a request: one form is read, every classic shape of smuggling is refused with its reason.

The table is our own reading of the literature on request smuggling (CL.TE, TE.CL, TE.TE, 0.CL, folding, bare CR and
LF, NUL, 8-bit, lengths that readers disagree about). The properties say that no cut changes the answer, and that an
independent parser finds the same request in everything that is accepted.
"""

from typing import Any

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.http1 import MAX_BODY, MAX_HEAD, MAX_HEADERS, Bad, Head, read_head

HOST = b"Host: 127.0.0.1:8080"
POST = b"POST /api/v3/order HTTP/1.1"
GET = b"GET /api/v3/time HTTP/1.1"


def _request(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _good(data: bytes) -> tuple[Head, int]:
    read = read_head(data)
    assert isinstance(read, tuple), read
    return read


# -- the table of refusals

REQUEST_LINES = [
    b"", b" ", b"GET", b"GET /", b"GET / ", b"GET/HTTP/1.1", b"get / HTTP/1.1", b"Get / HTTP/1.1", b"pOST / HTTP/1.1",
    b" GET / HTTP/1.1", b"\tGET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET /  HTTP/1.1",
    b"GET /\tHTTP/1.1", b"GET / HTTP/1.1 ", b"GET / HTTP/1.1\t", b"GET / HTTP/1.1 HTTP/1.1", b"GET /a b HTTP/1.1",
    b"GET / HTTP/1.0", b"GET / HTTP/0.9", b"GET / HTTP/1.2", b"GET / HTTP/2", b"GET / HTTP/2.0", b"GET / HTTP/3",
    b"GET / HTTP/1.10", b"GET / HTTP/01.1", b"GET / HTTP/1.01", b"GET / HTTP/+1.1", b"GET / HTTP/1,1",
    b"GET / HTTP/1. 1", b"GET / HTTP /1.1", b"GET / http/1.1", b"GET / Http/1.1", b"GET / HTTPS/1.1",
    b"GET / HTTP/1.1x", b"GET / HTTP/1.1\x00", b"GET / HTTP/1.1\x0b", b"GET / XTTP/1.1", b"ICY 200 OK",
    b"GET http://api.binance.com/api/v3/time HTTP/1.1", b"GET https://evil/api/v3/time HTTP/1.1",
    b"GET ftp://x/ HTTP/1.1", b"GET api/v3/time HTTP/1.1", b"GET * HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"CONNECT api.binance.com:443 HTTP/1.1", b"GET \\api\\v3\\time HTTP/1.1", b"GET ?a=b HTTP/1.1",
    b"GET .. HTTP/1.1", b"GET @evil/ HTTP/1.1", b"PRI * HTTP/2.0", b"G\x00ET / HTTP/1.1", b"GET\x0b/ HTTP/1.1",
    b"GET\xa0/ HTTP/1.1", b"GET\x85/ HTTP/1.1", b"G3T / HTTP/1.1", b"G-ET / HTTP/1.1", b"M_OVE / HTTP/1.1",
    b"GET, / HTTP/1.1", b"GET: / HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /a\x01 HTTP/1.1", b"GET /\x0b HTTP/1.1",
    b"GET /\x0c HTTP/1.1", b"GET /\x1f HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\x80 HTTP/1.1", b"GET /\xa0 HTTP/1.1",
    b"GET /\xff HTTP/1.1", "GET /测 HTTP/1.1".encode(), b"GET /\r HTTP/1.1", b"GET /a\rb HTTP/1.1",
    b"\rGET / HTTP/1.1", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\rHost: a", b"\xef\xbb\xbfGET / HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01\x00", b'{"a":1}', b"Host: a", b"0", b"5\r\nhello",
]  # fmt: skip
BARE_LF = [
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\n",
    b"GET / HTTP/1.1\n\r\nHost: a\r\n\r\n",
    b"GET /\nHTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n0\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x00\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
]
METHODS = [
    b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND", b"MOVE", b"COPY", b"LOCK", b"PURGE", b"LINK",
    b"SEARCH", b"X", b"GETT", b"POSTGET", b"HTTP", b"DEBUG", b"TRACK", b"BCOPY",
]  # fmt: skip
BAD_HEADERS = [
    b"Content-Length : 5", b"Content-Length\t: 5", b"Content-Length\x0b: 5", b"Content-Length\x00: 5",
    b"Content-Length\xa0: 5", b" Content-Length: 5", b"\tContent-Length: 5", b"\x0bContent-Length: 5",
    b"Content-Length: 5\x0b", b"Content-Length: 5\x0c", b"Content-Length: 5\x00", b"Content-Length: \x0b5",
    b"Content-Length: 5\xa0", "Content-Length: ５".encode(), "Content-Length: ٥".encode(), b"Content-Length 5",
    b"Content-Length", b": 5", b":", b"Content Length: 5", b"Content-Length: 5\r\n 0", b"Content-Length: 5\r\n\t0",
    b"X: a\r\n b", b"X: a\r\n\tTransfer-Encoding: chunked", b"X: a\r\n ", b"X: a\r\n\t", b"X: a\r\n\x0bb",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\x00: chunked",
    b"Transfer-Encoding\x0b: chunked", b" Transfer-Encoding: chunked", b"\x00Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\x0b", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chun\x00ked",
    b"Transfer-Encoding: chunked\x80", b"Transfer-Encoding:\x0cchunked", b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\n chunked", b"Transfer\xadEncoding: chunked", b"Transfer Encoding: chunked",
    "Transfer-Encodıng: chunked".encode(), "Trans\u212aer: a".encode(), b"X: a\rTransfer-Encoding: chunked",
    b"X: a\nTransfer-Encoding: chunked", b"X: a\nContent-Length: 5", b"X: a\rb", b"X: a\r", b"X: a\n", b"X: \ra",
    b"X:\r\rY: b", b"X: a\r\r", b"X\r: a", b"X\n: a", b"Foo", b"GET /evil HTTP/1.1", b"X: a\r\nGET /evil HTTP/1.1",
    b"\xffX: a", b"X\xff: a", b"X: \xff", b"X: \x80", "X: 测".encode(), "X: é".encode("latin-1"),
]  # fmt: skip
NOT_IN_NAMES = [bytes((c,)) for c in b'()<>@,;\\"/[]?={} \t']
CONTROLS = [bytes((c,)) for c in (*range(0x20), 0x7F) if c not in b"\t\r\n"]
TRANSFER_ENCODINGS = [
    b"chunked", b"Chunked", b"CHUNKED", b"identity", b"", b" ", b"xchunked", b"chunk", b"chunked,", b",chunked",
    b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"chunked;q=1", b"chunked; ext=1", b'"chunked"',
    b"'chunked'", b"\tchunked", b"chunked\t", b"cow", b"chunked chunked", b"deflate", b"(x)chunked", b"null", b"0",
]  # fmt: skip
EXPECTATIONS = [
    b"100-continue",
    b"100-Continue",
    b"100 continue",
    b"",
    b"200-ok",
    b"100-continue, x",
    b"\t100-continue",
]
LENGTHS = [
    b"+5", b"-5", b"-0", b"+0", b"05", b"00", b"005", b"0x5", b"0X5", b"5.0", b".5", b"5.", b"5,5", b"5, 5", b"5,6",
    b"5 5", b"5;", b"5;x=1", b"5e0", b"1e3", b"", b" ", b"\t", b"five", b"5a", b"a5", b"a", b"\t5", b" 5", b"5 ",
    b"5\t",
    b"0 ", b" 0", b"NaN", b"Infinity", b"5_0", b"0b1", b"0o7", b"10000000", b"4294967301", b"18446744073709551621",
    b"99999999999999999999", b"1" * 1000, b"'5'", b'"5"', b"(5)", b"5%00", b"5\\0", b"#5", b"5=", b"5:5", b"null",
]  # fmt: skip
SINGLE = [
    b"Host", b"Content-Length", b"X-MBX-APIKEY", b"X-MBX-TIME-UNIT", b"Content-Type", b"Upgrade", b"Sec-Fetch-Site",
]  # fmt: skip


def _refused_lines() -> list[tuple[bytes, str]]:
    shapes = [(_request(line, HOST), "malformed_request_line") for line in REQUEST_LINES]
    shapes += [(data, "malformed_request_line") for data in BARE_LF]
    shapes += [(_request(method + b" / HTTP/1.1", HOST), "unknown_method") for method in METHODS]
    shapes += [(_request(POST, HOST, header), "malformed_header") for header in BAD_HEADERS]
    shapes += [(_request(POST, header, HOST), "malformed_header") for header in BAD_HEADERS]
    shapes += [(_request(POST, HOST, b"A" + c + b"B: 1"), "malformed_header") for c in NOT_IN_NAMES + CONTROLS]
    shapes += [(_request(POST, HOST, b"A: 1" + c + b"2"), "malformed_header") for c in CONTROLS]
    shapes += [(_request(POST), "malformed_header"), (_request(GET, b"X-Host: a"), "malformed_header")]
    return shapes


def _refused_codings() -> list[tuple[bytes, str]]:
    shapes = []
    for coding in TRANSFER_ENCODINGS:
        header = b"Transfer-Encoding: " + coding
        shapes.append((_request(POST, HOST, header, body=b"0\r\n\r\n"), "transfer_encoding"))
        # CL.TE and TE.CL: both orders, both bodies.
        shapes.append((_request(POST, HOST, b"Content-Length: 5", header, body=b"0\r\n\r\n"), "transfer_encoding"))
        shapes.append((_request(POST, HOST, header, b"Content-Length: 4", body=b"5c\r\nGPOST"), "transfer_encoding"))
    shapes += [
        (_request(GET, HOST, b"Transfer-Encoding: chunked"), "transfer_encoding"),
        (_request(POST, HOST, b"transfer-encoding:chunked"), "transfer_encoding"),
        (_request(POST, HOST, b"TRANSFER-ENCODING:chunked"), "transfer_encoding"),
        (_request(POST, HOST, b"tRANSFER-eNCODING:chunked"), "transfer_encoding"),
        # TE.TE, and chunk extensions in bodies that nobody will read.
        (_request(POST, HOST, b"Transfer-Encoding: chunked", b"Transfer-encoding: cow"), "transfer_encoding"),
        (_request(POST, HOST, b"Transfer-Encoding: x", b"Transfer-Encoding: chunked"), "transfer_encoding"),
        (_request(POST, HOST, b"Transfer-Encoding: chunked", body=b"0;a=b\r\n\r\n"), "transfer_encoding"),
        (_request(POST, HOST, b"Transfer-Encoding: chunked", body=b"0;\nGET / HTTP/1.1\r\n"), "transfer_encoding"),
        (_request(POST, HOST, b"Transfer-Encoding: chunked", body=b"ffffffffffffffff0\r\n"), "transfer_encoding"),
        (_request(POST, HOST, b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked"), "transfer_encoding"),
    ]
    return shapes


def _refused_lengths() -> list[tuple[bytes, str]]:
    shapes = []
    for expectation in EXPECTATIONS:
        shapes.append((_request(POST, HOST, b"Content-Length: 5", b"Expect: " + expectation), "expectation"))
        shapes.append((_request(GET, HOST, b"expect: " + expectation), "expectation"))
    for length in LENGTHS:
        shapes.append((_request(POST, HOST, b"Content-Length: " + length, body=b"hello"), "malformed_content_length"))
    shapes += [
        (_request(POST, HOST, b"Content-Length: " + str(n).encode()), "body_too_large")
        for n in (MAX_BODY + 1, 100_000, 9_999_999)
    ]
    return shapes


def _refused_repeats() -> list[tuple[bytes, str]]:
    shapes = []
    for name in SINGLE:
        for second in (name, name.lower(), name.upper()):
            lines = [POST, name + b": 5", second + b": 5"] + ([] if name == b"Host" else [HOST])
            shapes.append((_request(*lines, body=b"hello"), "repeated_header"))
    shapes += [
        (_request(POST, HOST, b"Content-Length: 5", b"Content-Length: 0", body=b"hello"), "repeated_header"),
        (_request(POST, HOST, b"Content-Length: 0", b"X: 1", b"content-length: 44"), "repeated_header"),
    ]
    return shapes


def _refused_sizes() -> list[tuple[bytes, str]]:
    return [
        (_request(GET, HOST, b"Content-Length: 1", body=b"x"), "body_on_get"),
        (_request(GET, HOST, b"Content-Length: 65536"), "body_on_get"),
        (_request(GET, HOST, *[b"X-%d: 1" % n for n in range(MAX_HEADERS)]), "head_too_large"),
        (_request(GET, HOST, b"X: " + b"a" * MAX_HEAD), "head_too_large"),
        (_request(b"GET /" + b"a" * MAX_HEAD + b" HTTP/1.1", HOST), "head_too_large"),
        (b"A" * MAX_HEAD, "head_too_large"),
        (GET + b"\r\n" + b"X: a\r\n" * 3000, "head_too_large"),
        (b"\x00" * MAX_HEAD, "head_too_large"),
        (b"A" * 20_000 + b"\n", "head_too_large"),
    ]


REFUSALS = [*_refused_lines(), *_refused_codings(), *_refused_lengths(), *_refused_repeats(), *_refused_sizes()]


@pytest.mark.threat(1)
def test_the_table_is_as_large_as_promised() -> None:
    assert len({data for data, _ in REFUSALS}) >= 200


@pytest.mark.threat(1)
@pytest.mark.threat(2)
@pytest.mark.threat(3)
@pytest.mark.threat(8)
@pytest.mark.parametrize(("data", "reason"), REFUSALS, ids=[f"{n}-{reason}" for n, (_, reason) in enumerate(REFUSALS)])
def test_each_shape_is_refused_with_its_reason_however_it_is_cut(data: bytes, reason: str) -> None:
    """A cut changes nothing: no prefix is ever read as a request, and the first answer is the final one."""
    assert read_head(data) == Bad(reason)
    step = 1 if len(data) < 2_000 else 331
    answers = (read_head(data[:size]) for size in (*range(0, len(data), step), len(data)))
    assert next(answer for answer in answers if answer is not None) == Bad(reason)


# -- what is read


def test_a_full_request_is_read() -> None:
    data = _request(
        b"POST /api/v3/order?symbol=BTCUSDT&x=a%20b?c HTTP/1.1",
        b"Host: 127.0.0.1:8080",
        b"X-MBX-APIKEY: \t key \t",
        b"x-mbx-time-unit: MICROSECOND",
        b"Content-Length: 5",
        b"Empty:",
        body=b"hello",
    )
    head, taken = _good(data)
    assert head == Head(
        method="POST",
        path="/api/v3/order",
        query=b"symbol=BTCUSDT&x=a%20b?c",
        length=5,
        host="127.0.0.1:8080",
        api_key="key",
        time_unit="MICROSECOND",
        keep_alive=True,
        upgrade=False,
        cross_site=False,
    )
    assert data[taken:] == b"hello"


def test_what_is_absent_is_none_and_the_length_zero() -> None:
    head, taken = _good(_request(b"GET / HTTP/1.1", b"Host:"))
    assert (head.api_key, head.time_unit, head.length, head.host, head.query) == (None, None, 0, "", b"")
    assert taken == len(b"GET / HTTP/1.1\r\nHost:\r\n\r\n")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_four_methods_pass(method: str) -> None:
    assert _good(_request(method.encode() + b" / HTTP/1.1", HOST))[0].method == method


@pytest.mark.parametrize(
    ("headers", "keep_alive"),
    [
        ((), True),
        ((b"Connection: keep-alive",), True),
        ((b"Connection: close",), False),
        ((b"connection: Close",), False),
        ((b"Connection: x, CLOSE",), False),
        ((b"Connection: close", b"Connection: keep-alive"), False),
        ((b"Connection: keep-alive", b"Connection: close"), False),
    ],
)
def test_keep_alive_unless_any_connection_header_says_close(headers: tuple[bytes, ...], keep_alive: bool) -> None:
    assert _good(_request(GET, HOST, *headers))[0].keep_alive is keep_alive


@pytest.mark.parametrize(
    ("headers", "no_cache"),
    [
        ((), False),
        ((b"Cache-Control: no-cache",), True),
        ((b"cache-control: max-age=0 , No-Cache",), True),
        ((b"Cache-Control: no-store", b"Cache-Control: no-cache"), True),
        ((b"Cache-Control: max-age=0",), False),
        ((b"Cache-Control: not-no-cache, no-cache-x",), False),
        ((b"Pragma: no-cache",), False),
    ],
)
def test_no_cache_is_one_of_the_words_of_cache_control(headers: tuple[bytes, ...], no_cache: bool) -> None:
    assert _good(_request(GET, HOST, *headers))[0].no_cache is no_cache


@pytest.mark.parametrize(
    ("value", "cross_site"),
    [
        (b"none", False),
        (b"same-origin", False),
        (b"same-site", True),
        (b"cross-site", True),
        (b"", True),
        (b"None", True),
    ],
)
def test_only_a_request_that_no_other_site_made_is_not_cross_site(value: bytes, cross_site: bool) -> None:
    assert _good(_request(GET, HOST, b"Sec-Fetch-Site: " + value))[0].cross_site is cross_site


def test_an_upgrade_is_seen_whatever_it_names() -> None:
    for value in (b"websocket", b"h2c", b""):
        assert _good(_request(GET, HOST, b"Upgrade: " + value))[0].upgrade is True


@pytest.mark.threat(6)
@pytest.mark.threat(8)
@pytest.mark.parametrize(
    "header",
    [
        b"Transfer_Encoding: chunked",
        b"X-Transfer-Encoding: chunked",
        b"Transfer-Encoding-: chunked",
        b"TE: chunked",
        b"Trailer: Content-Length",
        b"Content_Length: 9",
        b"X-Content-Length: 9",
        b"Content-Length-: 9",
        b"X-HTTP-Method-Override: DELETE",
        b"X-HTTP-Method: DELETE",
        b"X-Method-Override: DELETE",
        b"X-Original-URL: /sapi/v1/capital/withdraw/apply",
        b"X-Rewrite-URL: /evil",
        b"X-Forwarded-For: 127.0.0.1",
        b"X-Forwarded-Host: evil",
        b"Forwarded: for=127.0.0.1",
        b"X_MBX_APIKEY: other",
        b"X-MBX-APIKEY-: other",
        b"Connection: X-MBX-APIKEY",
        b"Connection: Content-Length, Transfer-Encoding",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: close",
        b"Content-Encoding: gzip",
        b"HTTP2-Settings: AAMAAABk",
    ],
)
def test_headers_that_others_obey_change_nothing(header: bytes) -> None:
    lines = (POST, HOST, b"X-MBX-APIKEY: key", b"Content-Length: 2")
    # What a caller says of itself is kept for whoever looks for thieves, and nothing is decided by it.
    assert _good(_request(*lines, header))[0]._replace(caller=()) == _good(_request(*lines))[0]


def test_what_a_caller_says_of_itself_is_kept_and_none_of_its_secrets() -> None:
    lines = (b"X-MBX-APIKEY: key", b"Authorization: Bearer secret", b"Cookie: secret", b"User-Agent: a/1",
             b"X-Forwarded-For: 10.0.0.1", b"x-forwarded-for: 10.0.0.2", b"Origin: https://b")  # fmt: skip
    head, _ = _good(_request(GET, HOST, *lines))
    assert head.caller == (("user-agent", "a/1"), ("origin", "https://b"), ("x-forwarded-for", "10.0.0.1,10.0.0.2"))


@pytest.mark.threat(4)
def test_a_request_behind_another_is_left_for_later() -> None:
    """0.CL: what follows a head of no length is no part of it."""
    second = _request(GET, HOST, b"X-MBX-APIKEY: other")
    data = _request(POST, HOST, b"X-MBX-APIKEY: one", b"Content-Length: 0") + second
    head, taken = _good(data)
    assert head.api_key == "one"
    assert head.length == 0
    assert data[taken:] == second
    assert _good(data[taken:])[0].api_key == "other"


def test_the_largest_of_everything_passes() -> None:
    assert _good(_request(POST, HOST, b"Content-Length: %d" % MAX_BODY))[0].length == MAX_BODY
    many = [b"X-%d: 1" % n for n in range(MAX_HEADERS - 1)]
    assert _good(_request(GET, HOST, *many))[0].host == "127.0.0.1:8080"
    frame = _request(GET, HOST, b"X: ")
    exact = _request(GET, HOST, b"X: " + b"a" * (MAX_HEAD - len(frame)))
    assert len(exact) == MAX_HEAD
    assert _good(exact)[1] == MAX_HEAD
    assert read_head(exact[:-1]) is None
    assert read_head(_request(GET, HOST, b"X: " + b"a" * (MAX_HEAD - len(frame) + 1))) == Bad("head_too_large")


def test_a_length_of_zero_on_get_is_no_body() -> None:
    assert _good(_request(GET, HOST, b"Content-Length: 0"))[0].length == 0
    assert _good(_request(GET, HOST, b"Content-Length:0"))[0].length == 0


# -- properties

_token = st.text(alphabet="ABCXYZabcxyz019!#$%&'*+.^_`|~-", min_size=1, max_size=12).map(str.encode)
_value = st.text(alphabet=[chr(c) for c in (9, *range(0x20, 0x7F))], max_size=24).map(str.encode)
_target = st.text(alphabet=[chr(c) for c in range(0x21, 0x7F)], max_size=40).map(lambda t: b"/" + t.encode())
_RESERVED = {name.lower() for name in SINGLE} | {b"transfer-encoding", b"expect"}


@st.composite
def good_requests(draw: st.DrawFn) -> bytes:
    """Requests of the one form, any of its fields free."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE"]))
    headers = [
        n + b":" + v for n, v in draw(st.lists(st.tuples(_token, _value), max_size=5)) if n.lower() not in _RESERVED
    ]
    headers.append(b"Host: " + draw(_token))
    if method != b"GET":
        headers.append(b"Content-Length: %d" % draw(st.integers(0, MAX_BODY)))
    return _request(method + b" " + draw(_target) + b" HTTP/1.1", *draw(st.permutations(headers)))


@pytest.mark.threat(4)
@settings(max_examples=60)
@given(good_requests(), st.binary(max_size=30))
def test_no_cut_changes_what_is_read(request: bytes, rest: bytes) -> None:
    """Nothing is read before the last byte of the head; from there on head and length stay the same."""
    whole = read_head(request)
    assert isinstance(whole, tuple)
    assert whole[1] == len(request)
    data = request + rest
    for size in range(len(data) + 1):
        assert read_head(data[:size]) == (None if size < len(request) else whole)


def test_what_was_sought_in_need_not_be_sought_in_again() -> None:
    """Wherever the first part ended, between the four bytes of a head's end too."""
    data = _request(POST, HOST, b"X-MBX-APIKEY: one", b"Content-Length: 0") + _request(GET, HOST)
    whole = read_head(data)
    for cut in range(len(data)):
        if read_head(data[:cut]) is None:
            assert read_head(data, cut) == whole, cut


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    read = read_head(data)
    assert read is None or isinstance(read, Bad) or data[: read[1]].endswith(b"\r\n\r\n")


class _Witness:
    """What an independent parser finds in the same bytes."""

    def __init__(self) -> None:
        self.url = b""
        self.lengths: list[bytes] = []
        self.complete = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-length":
            self.lengths.append(value.strip())

    def on_message_complete(self) -> None:
        self.complete += 1


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request with a few bytes replaced, inserted or deleted."""
    data = bytearray(draw(good_requests()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        new = draw(
            st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00", b":", b"\x80", b"0", b"Transfer-", b""])
        )
        data[at : at + draw(st.integers(0, 2))] = new
    return bytes(data)


@pytest.mark.threat(1)
@settings(max_examples=150)
@given(st.one_of(mutated(), good_requests()))
def test_an_independent_parser_finds_the_same_request_in_what_is_accepted(data: bytes) -> None:
    read = read_head(data)
    if not isinstance(read, tuple) or read[0].upgrade:
        return
    head, taken = read
    witness = _Witness()
    parser: Any = httptools.HttpRequestParser(witness)
    try:
        parser.feed_data(data[:taken] + b"x" * head.length)
    except httptools.HttpParserError:
        return  # Stricter than we are is no disagreement about where the request ends.
    assert witness.complete == 1
    assert parser.get_method().decode() == head.method
    assert witness.url.decode() == head.path + (f"?{head.query.decode()}" if b"?" in witness.url else "")
    assert [int(length) for length in witness.lengths] in ([], [head.length])
