"""HTTP/1.1 by a small grammar of our own: requests as bots may write them, answers as RFC 9112 has them."""

from __future__ import annotations

from typing import NamedTuple

TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
METHODS = (b"GET", b"POST", b"PUT", b"DELETE")
ONCE = (b"host", b"content-length", b"x-mbx-apikey", b"x-mbx-time-unit", b"content-type", b"upgrade", b"sec-fetch-site")
MOST_BODY, MOST_LINES = 65_536, 64
_DIGITS = frozenset(b"0123456789")
_HEX = frozenset(b"0123456789abcdefABCDEF")
Lines = list[tuple[bytes, bytes]]


class Refused(Exception):
    """It is no request that may be read."""


class Request(NamedTuple):
    """One request. `closes` tells that the client asks for the end of the connection behind it."""

    method: bytes
    target: bytes
    lines: Lines
    body: bytes
    closes: bool

    def value(self, name: bytes) -> bytes | None:
        """Give the last value of a header."""
        return next((value for at, value in reversed(self.lines) if at == name), None)


def read_requests(data: bytes) -> tuple[list[Request], bool]:
    """Give the requests at the start of the bytes, and whether something behind them is refused."""
    found: list[Request] = []
    while data:
        try:
            read = _request(data)
        except Refused:
            return found, True
        if read is None:
            return found, False
        request, taken = read
        found.append(request)
        data = data[taken:]
        if request.closes:
            return found, False
    return found, False


def _request(data: bytes) -> tuple[Request, int] | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        line = data.find(b"\n")
        if line == 0 or (line > 0 and data[line - 1] != 13):
            raise Refused
        return None
    first, *rest = data[:end].split(b"\r\n")
    method, target = _first_line(first)
    lines = [_line(line, b" \t") for line in rest]
    _check_lines(method, lines)
    length = _length(rest, lines)
    if method == b"GET" and length:
        raise Refused
    if len(data) < end + 4 + length:
        return None
    closes = any(name == b"connection" and b"close" in value.lower() for name, value in lines)
    body = data[end + 4 : end + 4 + length]
    return Request(method, target, lines, body, closes), end + 4 + length


def _first_line(line: bytes) -> tuple[bytes, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3 or parts[0] not in METHODS or parts[2] != b"HTTP/1.1":
        raise Refused
    if not parts[1].startswith(b"/") or any(not 0x21 <= byte <= 0x7E for byte in parts[1]):
        raise Refused
    return parts[0], parts[1]


def _line(line: bytes, blanks: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or any(byte not in TOKEN for byte in name):
        raise Refused
    if any(byte != 9 and not 0x20 <= byte <= 0x7E for byte in value):
        raise Refused
    return name.lower(), value.strip(blanks)


def _check_lines(method: bytes, lines: Lines) -> None:
    names = [name for name, _ in lines]
    if len(lines) > MOST_LINES or b"transfer-encoding" in names or b"expect" in names or b"host" not in names:
        raise Refused
    if any(names.count(name) > 1 for name in ONCE):
        raise Refused


def _length(rest: list[bytes], lines: Lines) -> int:
    """A length has one spelling, and at most one blank in front of it."""
    for line, (name, _) in zip(rest, lines, strict=True):
        if name == b"content-length":
            value = line.partition(b":")[2]
            value = value[1:] if value[:1] == b" " else value
            if not value or any(byte not in _DIGITS for byte in value) or (value[:1] == b"0" and value != b"0"):
                raise Refused
            if len(value) > 7 or int(value) > MOST_BODY:
                raise Refused
            return int(value)
    return 0


# -- answers


class Response(NamedTuple):
    """One answer and how many bytes it takes."""

    status: int
    lines: Lines
    body: bytes
    taken: int


def read_response(data: bytes) -> Response | None:
    """Read an answer that leaves no doubt: one length or plain chunks, nothing unusual. None for any other."""
    end = data.find(b"\r\n\r\n")
    try:
        first, *rest = data[: max(end, 0)].split(b"\r\n")
        status = _status(first)
        lines = [_line(line, b" ") for line in rest]
        body, taken = _body(status, lines, data, end + 4)
    except (Refused, IndexError):
        return None
    return Response(status, lines, body, taken)


def _status(line: bytes) -> int:
    code, blank, phrase = line[9:12], line[12:13], line[13:]
    if line[:9] != b"HTTP/1.1 " or len(code) != 3 or any(byte not in _DIGITS for byte in code) or blank != b" ":
        raise Refused
    if not all(0x20 <= byte <= 0x7E for byte in phrase) or code[:1] not in (b"2", b"3", b"4", b"5"):
        raise Refused
    return int(code)


def _body(status: int, lines: Lines, data: bytes, at: int) -> tuple[bytes, int]:
    lengths = [value for name, value in lines if name == b"content-length"]
    codings = [value for name, value in lines if name == b"transfer-encoding"]
    unusual = any(name in (b"upgrade", b"content-encoding") for name, _ in lines)
    if status in (204, 304) or len(lengths) + len(codings) != 1 or unusual:
        raise Refused
    if codings:
        if codings != [b"chunked"]:
            raise Refused
        return _chunks(data, at)
    if not lengths[0] or len(lengths[0]) > 7 or any(byte not in _DIGITS for byte in lengths[0]):
        raise Refused
    length = int(lengths[0])
    if len(data) < at + length:
        raise Refused
    return data[at : at + length], at + length


def _chunks(data: bytes, at: int) -> tuple[bytes, int]:
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        digits = data[at : max(end, at)]
        if not digits or len(digits) > 7 or any(byte not in _HEX for byte in digits):
            raise Refused
        length, at = int(digits, 16), end + 2
        if data[at + length : at + length + 2] != b"\r\n":
            raise Refused
        body, at = body + data[at : at + length], at + length + 2
        if not length:
            return body, at
