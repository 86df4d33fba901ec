"""Ambiguous bytes in a house: what the gateway read out of them, what it sent on, and what two other readers see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httptools
from tests.campaign.house import Answer, House, answers_in
from tests.campaign.smuggling_written import Expected, Read
from tests.gateway.rig import ScriptedVenue
from tests.gateway.streams.rig import BotWire

from counterseal.core.http1 import Head
from counterseal.gateway.listener import BotConnection, Door
from counterseal.paper.http import RequestReader, TooLarge
from counterseal.paper.wire import Request
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

# Longer than a head or a body may take.
TOO_LONG_S = 11.0
# Between two cases: three orders in it stay below the exchange's count of orders.
PAUSE_S = 0.4
_NAME = re.compile(rb"smg\d+x\d+h*").search


def name_in(*parts: bytes) -> str:
    """The client order id that a request is about, "" for none."""
    found = next((match for match in map(_NAME, parts) if match), None)
    return found[0].decode() if found else ""


class Tapped(BotConnection):
    """A connection that notes which requests it reads and why it refuses."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self.heard = b""
        self.read: list[Read] = []
        self.refused: list[str] = []
        # A request whose body had not come when the connection was lost.
        self.left_off = 0

    def connection_lost(self, error: Exception | None) -> None:
        self.left_off = int(self._head is not None and not self.refused)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        super().data_received(data)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight."""
        return self._inquiry is None

    @property
    def steps(self) -> int:
        """How many requests it found in what it heard, good or bad."""
        return len(self.read) + len(self.refused)

    def _start(self, head: Head) -> None:
        target = head.path.encode() + (b"?" + head.query if head.query else b"")
        self.read.append((head.method, target, self._buffer[: head.length]))
        super()._start(head)

    def _refuse(self, reason: str) -> None:
        self.refused.append(reason)
        super()._refuse(reason)


class Tap:
    """Notes the bytes that reach a scripted exchange; orders and cancels get sensible answers."""

    def __init__(self, venue: ScriptedVenue) -> None:
        self.raw: list[bytes] = []
        self._venue, self._send, self._told = venue, venue.send, venue._body
        venue.send = self.send  # type: ignore[method-assign]  # this one's alone
        venue._body = self.body  # type: ignore[method-assign]

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """The Venue port."""
        self.raw.append(request)
        return await self._send(family, request, terms)

    def body(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        """What the exchange answers."""
        if path.endswith("/order") and method in ("GET", "DELETE"):
            status = "NEW" if method == "GET" else "CANCELED"
            name = params["origClientOrderId"]
            return {"symbol": params["symbol"], "orderId": 7, "clientOrderId": name, "origClientOrderId": name,
                    "status": status}  # fmt: skip
        return self._told(method, path, params)


@dataclass(frozen=True)
class Seen:
    """What became of a case: requests read and refusals, answers, whether the connection was ended, bytes sent on."""

    read: tuple[Read, ...]
    refused: tuple[str, ...]
    answers: tuple[Answer, ...]
    closed: bool
    raw: tuple[bytes, ...]


async def feed(house: House, tap: Tap, data: bytes, *, is_whole: bool) -> Seen:
    """Send bytes on a new connection. Unless they are whole requests, time passes until the gateway has had enough."""
    wire, connection = BotWire("127.0.0.1"), Tapped(house.rig.door)
    wire.protocol = connection
    connection.connection_made(wire)
    before = len(tap.raw)
    connection.data_received(data)
    await house.rig.wait()
    while not connection.is_idle:
        # Where the exchange is at the end of real connections.
        await asyncio.sleep(0.0002)
    await house.rig.wait(PAUSE_S)
    if not is_whole and not wire.is_closing_:
        await house.rig.wait(TOO_LONG_S)
    closed, answers = wire.is_closing_, tuple(answers_in(wire.received))
    wire.close()
    await house.rig.wait()
    return Seen(tuple(connection.read), tuple(connection.refused), answers, closed, tuple(tap.raw[before:]))


@dataclass(frozen=True)
class Reading:
    """What the paper exchange's own reader finds in bytes, up to where it finds no sense in them.

    `is_over`: the last request that it found asks for the connection's end by its rules.
    """

    requests: tuple[Read, ...]
    is_over: bool


def paper_reads(data: bytes) -> Reading:
    """Have the paper exchange's reader read bytes."""
    found: list[tuple[Read, bool]] = []

    def note(request: Request, keep_alive: bool) -> None:
        found.append(((request.method, request.target, request.body), not keep_alive))

    reader = RequestReader("127.0.0.1", note)
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade, TooLarge):
        reader.feed(data)
    return Reading(tuple(request for request, _ in found), bool(found) and found[-1][1])


def disagreements(seen: Seen, want: Expected) -> list[str]:
    """Say where the gateway did something else than the structure of a case says."""
    sent, good = _sent(seen), sum(answer.status == 200 for answer in seen.answers)
    checks = {
        f"read {seen.read}, not {want.read}": seen.read == want.read,
        f"sent {sent}, not {want.sent}": sent == want.sent and len(sent) == len(seen.raw),
        f"closed is {seen.closed}, the end should be {want.end}": seen.closed == (want.end != "open"),
        f"refusals {seen.refused}, the end should be {want.end}": len(seen.refused) == (want.end == "refused"),
        f"answers {seen.answers}": len(seen.answers) == len(seen.read) + len(seen.refused) and good == len(want.sent),
    }
    return [text for text, holds in checks.items() if not holds]


def _sent(seen: Seen) -> tuple[str, ...]:
    return tuple(name_in(target) for _, target, _ in paper_reads(b"".join(seen.raw)).requests)


def misread(data: bytes, seen: Seen) -> str | None:
    """Compare what the gateway read of a bot's bytes with what the paper exchange's reader does; None where it agrees.

    Where the gateway stops, the other may go on: it is stricter. What it reads the other must read too, unless that
    takes Proxy-Connection for Connection, and of what it takes whole the other may not see more.
    """
    reading, ours = paper_reads(data), len(seen.read)
    theirs = reading.requests
    if theirs[:ours] != seen.read[: len(theirs)] or (len(theirs) < ours and not reading.is_over):
        return f"read {seen.read}, the paper exchange reads {theirs}"
    if not seen.closed and len(theirs) > ours:
        return f"read {ours} requests, the paper exchange reads {len(theirs)}"
    return None
