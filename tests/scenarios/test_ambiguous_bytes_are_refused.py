"""Bytes that two readers could read differently are refused, recorded, and the connection ends."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import random
from collections import Counter

import pytest
from stack import Stack, signed
from wire import Wire, exchange

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


def head(
    stack: Stack,
    *,
    method: str = "POST",
    line: str = "",
    lines: tuple[str, ...] = (),
    body: str = "",
    length: str | None = "",
    host: str | None = "",
    end: str = "\r\n",
) -> bytes:
    """Give a well-signed order with one thing done to it; `length` None leaves Content-Length out."""
    key = stack.keys["alpha"]
    target = f"/api/v3/order?{signed(key, ORDER)}"
    given = [line or f"{method} {target} HTTP/1.1"]
    if host is not None:
        given.append(f"Host: {host or f'127.0.0.1:{stack.port}'}")
    given.append(f"X-MBX-APIKEY: {key.key_id}")
    if length is not None:
        given.append(f"Content-Length: {length or len(body)}")
    return (end.join([*given, *lines]) + end + end + body).encode("latin-1")


# What is added to a good order, and the reason that refuses it.
ADDED = {
    # framing: chunked bodies, lengths that are none, both, two of one
    "CL.TE": (("Transfer-Encoding: chunked",), "transfer_encoding"),
    "TE with a tab": (("Transfer-Encoding:\tchunked",), "transfer_encoding"),
    "TE.TE": (("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), "transfer_encoding"),
    "TE identity": (("Transfer-Encoding: identity",), "transfer_encoding"),
    "TE in a list": (("Transfer-Encoding: gzip, chunked",), "transfer_encoding"),
    "TE unknown": (("Transfer-Encoding: xchunked",), "transfer_encoding"),
    "TE by case": (("tRANSFER-eNCODING: cHuNkEd",), "transfer_encoding"),
    "TE empty": (("Transfer-Encoding:",), "transfer_encoding"),
    "duplicate CL": (("Content-Length: 0",), "repeated_header"),
    "another CL": (("Content-Length: 5",), "repeated_header"),
    "CL by case": (("content-length: 0",), "repeated_header"),
    "Expect": (("Expect: 100-continue",), "expectation"),
    "Expect obscured": (("Expect: y",), "expectation"),
    "two hosts": (("Host: evil",), "repeated_header"),
    "two keys": (("X-MBX-APIKEY: other",), "repeated_header"),
    "two keys by case": (("x-mbx-apikey: other",), "repeated_header"),
    "two content types": (("Content-Type: text/plain", "Content-Type: application/json"), "repeated_header"),
    # grammar: folding, spaces, control characters, bytes above 0x7e
    "obs-fold with a space": (("X-A: b", " Transfer-Encoding: chunked"), "malformed_header"),
    "obs-fold with a tab": (("X-A: b", "\tc"), "malformed_header"),
    "fold at first": ((" X-A: b",), "malformed_header"),
    "space before colon": (("Transfer-Encoding : chunked",), "malformed_header"),
    "no colon": (("X-A",), "malformed_header"),
    "empty name": ((": b",), "malformed_header"),
    "NUL in a value": (("X-A: b\0c",), "malformed_header"),
    "NUL in a name": (("X-\0A: b",), "malformed_header"),
    "bare CR": (("X-A: b\rTransfer-Encoding: chunked",), "malformed_header"),
    "bare LF": (("X-A: b\nTransfer-Encoding: chunked",), "malformed_header"),
    "8-bit value": (("X-A: \xff",), "malformed_header"),
    "8-bit name": (("X-\xe4: b",), "malformed_header"),
    "DEL": (("X-A: \x7f",), "malformed_header"),
    "vertical tab": (("X-A:\x0bb",), "malformed_header"),
    "parenthesis in a name": (("X-(A): b",), "malformed_header"),
    "escape sequence": (("X-A: \x1b[31m",), "malformed_header"),
    "65 headers": (tuple(f"X-{n}: {n}" for n in range(65)), "head_too_large"),
    "17 KiB": (("X-A: " + "a" * 17_000,), "head_too_large"),
}
LENGTHS = ("-1", "+0", "0x0", "00", "1e1", " 1 2", "1,1", "0, 0", "0;", "1_0", "99999999", "\u00b2", "0.0", "a")
LINES = (
    "post {t} HTTP/1.1",
    "POST  {t} HTTP/1.1",
    "POST {t}  HTTP/1.1",
    "POST {t} HTTP/1.1 ",
    " POST {t} HTTP/1.1",
    "POST\t{t}\tHTTP/1.1",
    "POST {t} HTTP/1.0",
    "POST {t} HTTP/2.0",
    "POST {t} HTTP/0.9",
    "POST {t} http/1.1",
    "POST {t}",
    "POST {t} HTTP/1.10",
    "POST {t} HTTP/01.1",
    "POST http://127.0.0.1{t} HTTP/1.1",
    "POST * HTTP/1.1",
    "POST https://api.binance.com{t} HTTP/1.1",
    "POST {t}\0 HTTP/1.1",
    "POST {t}\x80 HTTP/1.1",
    "CONNECT a:443 HTTP/1.1",
    "POST {t}# HTTP/1.1 X-A: b",
    "{t}",
    "\0\0\0\0",
    "PRI * HTTP/2.0",
    "POST api/v3/order HTTP/1.1",
    "P\xd6ST {t} HTTP/1.1",
)
METHODS = ("HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "ORDER", "GETT", "PURGE", "X")


@pytest.mark.threat(1)
@pytest.mark.threat(2)
@pytest.mark.threat(3)
def test_every_shape_is_refused_with_its_reason(shared_stack: Stack) -> None:
    """Framing tricks and broken grammar: the reason is the expected one, nothing reaches the exchange."""
    mark = shared_stack.journal_mark()
    expected = []
    with shared_stack.nothing_received():
        for name, (lines, reason) in ADDED.items():
            reply, closed = exchange(shared_stack.port, head(shared_stack, lines=lines))
            assert reply.reason in (reason, "malformed_request_line"), (name, reply)
            assert closed, name
            assert reply.headers["connection"] == "close"
            expected.append(reply.reason)
        for length in LENGTHS:
            reply, closed = exchange(shared_stack.port, head(shared_stack, length=length))
            wanted = ("malformed_content_length", "body_too_large", "malformed_header")
            assert reply.reason in wanted, (length, reply)
            assert closed, length
            expected.append(reply.reason)
    assert shared_stack.denials_since(mark) == expected
    assert len(expected) == len(ADDED) + len(LENGTHS)


@pytest.mark.threat(7)
@pytest.mark.threat(8)
def test_request_lines_and_methods_are_exact(shared_stack: Stack) -> None:
    """One form of the request line, four methods; no HEAD, no absolute form, no other version."""
    target = f"/api/v3/order?{signed(shared_stack.keys['alpha'], ORDER)}"
    with shared_stack.nothing_received():
        for line in LINES:
            reply, closed = exchange(shared_stack.port, head(shared_stack, line=line.replace("{t}", target)))
            assert (reply.reason, reply.status) in (("malformed_request_line", 400), ("unknown_method", 405)), line
            assert closed, line
        for method in METHODS:
            reply, closed = exchange(shared_stack.port, head(shared_stack, method=method))
            assert (reply.reason, reply.status, closed) == ("unknown_method", 405, True), method


@pytest.mark.threat(2)
def test_only_crlf_ends_a_line(shared_stack: Stack) -> None:
    """Bare LF and bare CR end nothing."""
    with shared_stack.nothing_received():
        for end in ("\n", "\r\r\n", "\n\r", "\r"):
            with Wire(shared_stack.port) as wire:
                wire.send(head(shared_stack, end=end) + b"\r\n\r\n")
                assert wire.reply().reason in ("malformed_request_line", "malformed_header"), end
                assert wire.closed()


@pytest.mark.threat(3)
def test_a_body_on_get_and_a_missing_host_are_refused(shared_stack: Stack) -> None:
    """A body that some readers skip, and a request for nobody."""
    with shared_stack.nothing_received():
        for data, reason in (
            (head(shared_stack, method="GET", body="symbol=X"), "body_on_get"),
            (head(shared_stack, host=None), "malformed_header"),
            (head(shared_stack, length="65537"), "body_too_large"),
        ):
            reply, closed = exchange(shared_stack.port, data)
            assert (reply.reason, closed) == (reason, True)


@pytest.mark.threat(1)
def test_a_smuggled_second_request_is_never_looked_at(shared_stack: Stack) -> None:
    """CL.TE and TE.CL with a whole order hidden behind: one answer, then the end."""
    hidden = shared_stack.request("POST", "/api/v3/order", ORDER)
    shapes = (
        head(shared_stack, lines=("Transfer-Encoding: chunked",), body="0\r\n\r\n", length="5") + hidden,
        head(shared_stack, lines=("Transfer-Encoding: chunked",), length=None) + b"0\r\n\r\n" + hidden,
        head(shared_stack, lines=("Transfer-Encoding: chunked", "Content-Length: 4"), body="5c\r\n") + hidden,
        head(shared_stack, method="GET", length=str(len(hidden))) + hidden,
        head(shared_stack, lines=("Expect: 100-continue",), length=str(len(hidden))) + hidden,
        head(shared_stack, line="POST / HTTP/1.1\nX: y") + hidden,
    )
    with shared_stack.nothing_received():
        for number, data in enumerate(shapes):
            reply, closed = exchange(shared_stack.port, data)
            assert reply.status >= 400, number
            assert closed, number


@pytest.mark.threat(1)
@pytest.mark.threat(2)
def test_the_grammar_of_bad_heads_has_no_hole(shared_stack: Stack) -> None:
    """500 seeded combinations of length, coding, expectation, folding and control bytes: each refused, none
    forwarded.
    """
    rng = random.Random(8)
    # A second Content-Length is wrong only beside a first.
    parts = [part for part, why in ADDED.values() if why != "repeated_header" and len(part) < 3 and len(part[0]) < 100]
    reasons = Counter[str | None]()
    with shared_stack.nothing_received():
        for _ in range(500):
            lines = [line for part in rng.sample(parts, rng.randint(1, 3)) for line in part]
            rng.shuffle(lines)
            data = head(shared_stack, lines=tuple(lines), length=rng.choice((None, "0", "5", "")))
            reply, closed = exchange(shared_stack.port, data)
            assert reply.status in (400, 417, 431), (lines, reply)
            assert closed, lines
            reasons[reply.reason] += 1
    assert set(reasons) >= {"transfer_encoding", "expectation", "malformed_header"}
