"""adapters.upstream: an answer has a bound, comes in the form that was asked for, and its end is its end."""

import asyncio
import zlib

import pytest

from counterseal.adapters.upstream import LONGEST_NAME, MOST_READ, UpstreamConnection
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.binance.sizes import USUAL
from counterseal.ports.venue import Lost, VenueReply

HEAD = "HTTP/1.1 {} Whatever\r\n{}\r\n"


class Nowhere(asyncio.Transport):
    """What is written goes nowhere."""

    aborted = False

    def write(self, data: object) -> None:
        """Take bytes."""

    def abort(self) -> None:
        self.aborted = True


def read(data: bytes, most: int = USUAL, size: int = 1 << 16) -> tuple[VenueReply | None, int, bool]:
    """Have bytes read as an answer, in pieces; gives it (None when lost), how many were taken, and whether the
    connection may be used again.
    """

    async def run() -> tuple[VenueReply | None, int, bool]:
        connection, transport = UpstreamConnection(VirtualClock()), Nowhere()
        connection.connection_made(transport)
        answer = connection.send(b"GET / HTTP/1.1\r\n\r\n", most)
        taken = 0
        while taken < len(data) and connection.open and not answer.done():
            piece = data[taken : taken + size]
            connection.get_buffer(-1)[: len(piece)] = piece
            connection.buffer_updated(len(piece))
            taken += len(piece)
        connection.connection_lost(None)
        try:
            return await answer, taken, not transport.aborted
        except Lost:
            return None, taken, not transport.aborted

    return asyncio.run(run())


def head(status: int, *lines: str) -> bytes:
    """Give the head of an answer."""
    return HEAD.format(status, "".join(f"{line}\r\n" for line in lines)).encode()


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_body_is_what_came(size: int) -> None:
    """In whatever pieces, by its length or in chunks."""
    body = b'{"a":"' + b"x" * 500 + b'"}'
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:1], body[1:2], body[2:])) + b"0\r\n\r\n"
    for data in (
        head(200, f"Content-Length: {len(body)}") + body,
        head(200, "Transfer-Encoding: chunked") + chunked,
        head(200, "transfer-encoding:Chunked", "content-encoding: Identity") + chunked,
    ):
        reply, _, is_kept = read(data, size=size)
        assert reply is not None and is_kept
        assert (reply.status, reply.body, type(reply.body)) == (200, body, bytes)


@pytest.mark.threat(35)
@pytest.mark.parametrize("told", ["Content-Encoding: gzip", "content-encoding:br", "Transfer-Encoding: gzip, chunked"])
@pytest.mark.parametrize("status", [200, 204, 302, 399])
def test_a_form_that_was_not_asked_for_is_no_answer(told: str, status: int) -> None:
    """Nobody reads it, and nobody is given it."""
    packed = zlib.compress(b'{"orderId":1}')
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed) if "chunked" in told else packed
    length = () if "chunked" in told else (f"Content-Length: {len(packed)}",)
    reply, _, is_kept = read(head(status, told, *length) + (b"" if status == 204 else body))
    assert reply is None
    assert not is_kept


@pytest.mark.parametrize("status", [400, 403, 418, 429, 500])
def test_of_a_refusal_the_status_and_its_headers_count(status: int) -> None:
    """Whatever its text is: who is banned has to know it. The connection is not used again."""
    told = ("Retry-After: 7", "x-mbx-used-weight-1m: 12")
    for data in (
        head(status, *told, "Content-Encoding: gzip", "Content-Length: 5") + b"\x1f\x8b\x08\x00\x00",
        head(status, *told, f"Content-Length: {USUAL + 1}"),
        head(status, *told, "Transfer-Encoding: chunked") + b"%x\r\n" % (USUAL * 2) + b" " * USUAL * 2,
    ):
        reply, _, is_kept = read(data)
        assert reply is not None
        assert (reply.status, reply.body, reply.headers["retry-after"]) == (status, b"", "7")
        assert reply.headers["x-mbx-used-weight-1m"] == "12"
        assert not is_kept


@pytest.mark.threat(65)
@pytest.mark.parametrize("most", [1_000, USUAL])
def test_an_answer_has_a_bound(most: int) -> None:
    """One byte more than may be is refused before it comes, where it is told; and else when it comes."""
    whole = head(200, f"Content-Length: {most}") + b" " * most
    reply, _, _ = read(whole, most)
    assert reply is not None and len(reply.body) == most
    reply, taken, _ = read(head(200, f"Content-Length: {most + 1}") + b" " * (most + 1), most, size=512)
    assert reply is None and taken <= 512
    endless = head(200, "Transfer-Encoding: chunked") + b"%x\r\n" % (most * 3) + b" " * (most * 3 + (1 << 20))
    reply, taken, _ = read(endless, most)
    assert reply is None and taken <= most + (3 << 16)


def test_a_head_has_a_bound() -> None:
    """Of all its lines together, of those that somebody reads, and of the name of each."""
    assert read(head(200, "X-Long: " + "a" * (1 << 20), "Content-Length: 0"))[:1] == (None,)
    assert read(head(200, *(f"x-mbx-{n}: 1" for n in range(MOST_READ + 1)), "Content-Length: 0"))[0] is None
    long = "x-mbx-" + "a" * (LONGEST_NAME - 6)
    reply, _, _ = read(head(200, f"{long}: 1", f"{long}b: 1", "Content-Length: 0"))
    assert reply is not None and list(reply.headers) == [long, "content-length"]


def test_what_stands_behind_the_body_says_nothing() -> None:
    """A trailer is no header: it could not have been counted when the body began."""
    data = head(200, "x-mbx-used-weight: 5", "Transfer-Encoding: chunked")
    data += b"2\r\n{}\r\n0\r\nx-mbx-used-weight: 0\r\nContent-Encoding: gzip\r\nRetry-After: 99\r\n\r\n"
    reply, _, is_kept = read(data)
    assert reply is not None and is_kept
    assert (reply.headers, reply.body) == ({"x-mbx-used-weight": "5"}, b"{}")
