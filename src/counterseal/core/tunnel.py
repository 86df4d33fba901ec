"""The head of a CONNECT request, read strictly and without I/O: the only thing that the proxy's port takes.

Clients differ here more than in requests: some say HTTP/1.0 and send no Host, others send `Proxy-*` headers, which
nobody needs. What would make bytes after the head mean something else (a length, an encoding) is refused.
"""

import re
from typing import NamedTuple

from counterseal.core.http1 import MAX_HEAD, MAX_HEADERS, Bad, header_block, unfinished

_REQUEST_LINE = re.compile(rb"([A-Z]+) ([\x21-\x7e]+) HTTP/1\.[01]").fullmatch
_TARGET = re.compile(rb"([A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})").fullmatch


class Target(NamedTuple):
    """Where the client wants to go; `host` in lower case."""

    host: str
    port: int


def read_connect(buffer: bytes) -> tuple[Target, int] | Bad | None:
    """Read one CONNECT head from the start of `buffer`.

    Gives (target, number of bytes it takes), Bad with a reason code, or None when more bytes are needed.
    """
    end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0:
        return _unfinished(buffer)
    line, _, block = buffer[: end + 2].partition(b"\r\n")
    request = _REQUEST_LINE(line)
    if request is None:
        return Bad("malformed_request_line")
    if request[1] != b"CONNECT":
        return Bad("connect_only")
    if not header_block(block):
        return Bad("malformed_header")
    named = _TARGET(request[2])
    if named is None:
        return Bad("connect_target_refused")
    target = Target(named[1].decode().lower(), int(named[2]))
    fault = _header_fault(block, target)
    return Bad(fault) if fault else (target, end + 4)


def _unfinished(buffer: bytes) -> Bad | None:
    # What begins like no request line (TLS bytes, a lone LF) is told at once, not at the deadline.
    if not buffer[:1].isupper() and buffer:
        return Bad("malformed_request_line")
    return unfinished(buffer)


def _header_fault(block: bytes, target: Target) -> str | None:
    lines = block.split(b"\r\n")[:-1]
    if len(lines) > MAX_HEADERS:
        return "head_too_large"
    hosts, lengths = [], 0
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == b"transfer-encoding":
            return "transfer_encoding"
        if name == b"content-length":
            if value != b"0":
                return "malformed_content_length"
            lengths += 1
        if name == b"host":
            hosts.append(value.decode().lower())
    if len(hosts) > 1 or lengths > 1:
        return "repeated_header"
    agreeing = (target.host, f"{target.host}:{target.port}")
    return "host_mismatch" if hosts and hosts[0] not in agreeing else None
