"""A name server for the exchange's names, so that resolution too can fail: no such name, silence, another address.

One question a datagram, A and AAAA of the names below and everything under them; all else is refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from typing import cast

DOMAINS = ("binance.com", "binance.vision", "binancefuture.com")
A, AAAA, IN = 1, 28, 1
NO_ERROR, FORMAT_ERROR, NO_SUCH_NAME, REFUSED = 0, 1, 3, 5
TTL_S = 1
MODES = ("dns_nxdomain", "dns_silence", "dns_address", "dns_ok")


class NameServer(asyncio.DatagramProtocol):
    """Answers with `address` until told otherwise."""

    def __init__(self, address: str) -> None:
        self._own = self._address = ipaddress.ip_address(address)
        self._mode = "dns_ok"
        self._transport: asyncio.DatagramTransport | None = None

    def disturb(self, mode: str, argument: str = "") -> None:
        """Another behaviour from now on; `dns_address` gives the argument out.  ValueError when it is no address."""
        self._mode = mode
        self._address = ipaddress.ip_address(argument) if mode == "dns_address" else self._own

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self.reply(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def reply(self, query: bytes) -> bytes | None:
        """The answer to one query; None for silence and for what is no query."""
        if self._mode == "dns_silence" or len(query) < 12:
            return None
        number, flags, questions = struct.unpack_from(">HHH", query)
        if flags & 0x8000:
            return None
        found = _question(query) if questions == 1 else None
        if found is None:
            return _head(number, flags, FORMAT_ERROR, 0, 0)
        name, kind, end = found
        asked = query[12:end]
        if not any(name == domain or name.endswith("." + domain) for domain in DOMAINS):
            return _head(number, flags, REFUSED, 1, 0) + asked
        if self._mode == "dns_nxdomain":
            return _head(number, flags, NO_SUCH_NAME, 1, 0) + asked
        if kind != (A if self._address.version == 4 else AAAA):
            return _head(number, flags, NO_ERROR, 1, 0) + asked
        record = struct.pack(">HHHIH", 0xC00C, kind, IN, TTL_S, len(self._address.packed)) + self._address.packed
        return _head(number, flags, NO_ERROR, 1, 1) + asked + record


def _head(number: int, flags: int, code: int, questions: int, answers: int) -> bytes:
    """An authoritative answer that keeps the query's recursion wish."""
    return struct.pack(">HHHHHH", number, 0x8400 | flags & 0x0100 | code, questions, answers, 0, 0)


def _question(query: bytes) -> tuple[str, int, int] | None:
    """(name in lower case, type, offset behind the question), or None when it is malformed."""
    labels, at = [], 12
    while at < len(query) and query[at]:
        length = query[at]
        if length > 63 or at + 1 + length > len(query):
            return None
        labels.append(query[at + 1 : at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    if at + 5 > len(query):
        return None
    kind, group = struct.unpack_from(">HH", query, at + 1)
    return (".".join(labels), kind, at + 5) if group == IN else None


async def listen(host: str, port: int, address: str) -> tuple[asyncio.DatagramTransport, NameServer, int]:
    """Serve on a UDP port (0 for any); gives the bound port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(address), local_addr=(host, port))
    return transport, server, int(transport.get_extra_info("sockname")[1])
