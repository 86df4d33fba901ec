"""CONNECT in one form, with the freedom that real clients take, and nothing that could be read in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.http1 import MAX_HEAD, MAX_HEADERS, Bad
from counterseal.core.tunnel import Target, read_connect

API = Target("api.binance.com", 443)
LINE = b"CONNECT api.binance.com:443 HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        LINE + b"Host: api.binance.com:443\r\n\r\n",
        LINE + b"Host: api.binance.com\r\nProxy-Connection: keep-alive\r\nUser-Agent: x\r\n\r\n",
        b"CONNECT api.binance.com:443 HTTP/1.0\r\n\r\n",
        b"CONNECT API.Binance.com:443 HTTP/1.1\r\nhost:  API.BINANCE.COM:443 \r\n\r\n",
        LINE + b"Content-Length: 0\r\nConnection: close\r\n\r\n",
    ],
    ids=["node", "agents", "python before 3.12", "case", "no body"],
)
def test_what_real_clients_send(head: bytes) -> None:
    assert read_connect(head) == (API, len(head))


def test_what_follows_belongs_to_tls() -> None:
    """The number of bytes is the head's; not one byte more is taken."""
    head = LINE + b"\r\n"
    assert read_connect(head + b"\x16\x03\x01") == (API, len(head))


@given(st.integers(min_value=0, max_value=60))
def test_any_part_of_a_head_waits_for_the_rest(cut: int) -> None:
    head = LINE + b"Host: api.binance.com:443\r\n\r\n"
    assert read_connect(head[:cut]) is None


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"GET http://api.binance.com/api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n", "connect_only"),
        (b"GET / HTTP/1.1\r\n\r\n", "connect_only"),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", "connect_only"),
        (b"connect api.binance.com:443 HTTP/1.1\r\n\r\n", "malformed_request_line"),
        (b"CONNECT  api.binance.com:443 HTTP/1.1\r\n\r\n", "malformed_request_line"),
        (b"CONNECT api.binance.com:443 HTTP/2.0\r\n\r\n", "malformed_request_line"),
        (b"CONNECT api.binance.com:443\r\n\r\n", "malformed_request_line"),
        (b"CONNECT api.binance.com:443 HTTP/1.1\nHost: a\n\r\n\r\n", "malformed_request_line"),
        (b"\x16\x03\x01\x02\x00\x01", "malformed_request_line"),
        (b"CONNECT api.binance.com:443 HTTP/1.1\n", "malformed_request_line"),
        (b"CONNECT api.binance.com HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (b"CONNECT api.binance.com:0443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (b"CONNECT api.binance.com:443443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (b"CONNECT user@api.binance.com:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (b"CONNECT https://api.binance.com:443 HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (b"CONNECT /api/v3/time HTTP/1.1\r\n\r\n", "connect_target_refused"),
        (LINE + b"Host: fapi.binance.com:443\r\n\r\n", "host_mismatch"),
        (LINE + b"Host: api.binance.com:80\r\n\r\n", "host_mismatch"),
        (LINE + b"Host: api.binance.com\r\nHost: api.binance.com\r\n\r\n", "repeated_header"),
        (LINE + b"Transfer-Encoding: chunked\r\n\r\n", "transfer_encoding"),
        (LINE + b"Content-Length: 5\r\n\r\nhello", "malformed_content_length"),
        (LINE + b"Content-Length: 00\r\n\r\n", "malformed_content_length"),
        (LINE + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "repeated_header"),
        (LINE + b" folded\r\n\r\n", "malformed_header"),
        (LINE + b"No colon\r\n\r\n", "malformed_header"),
        (LINE + b"Name : x\r\n\r\n", "malformed_header"),
        (LINE + b"X: \xff\r\n\r\n", "malformed_header"),
        (LINE + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n", "head_too_large"),
        (LINE + b"X: " + b"y" * MAX_HEAD, "head_too_large"),
        (LINE + b"X: " + b"y" * MAX_HEAD + b"\r\n\r\n", "head_too_large"),
    ],
)
@pytest.mark.threat(1)
def test_everything_else_is_refused(head: bytes, reason: str) -> None:
    assert read_connect(head) == Bad(reason)


def test_nothing_is_nothing_yet() -> None:
    assert read_connect(b"") is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    """Whatever comes is a target, a refusal or not enough."""
    found = read_connect(b"CONNECT " + data + b"\r\n\r\n")
    assert found is not None
    assert isinstance(found, Bad) or (found[0].port > 0 and found[0].host == found[0].host.lower())
