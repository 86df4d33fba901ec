"""A gateway that is fed bytes: its real listener, grammar, verification and policy; a scripted exchange that notes what
reaches it; virtual time. Thousands of hostile requests a second."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.gateway.rig import HOST, Sent
from tests.gateway.streams.rig import BotWire
from tests.gateway.wsapi.rig import KEY, SECRET, Caller, Rig, reason

SPOT_ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


@dataclass(frozen=True)
class Answer:
    """One answer of the gateway: status, reason header (None for none), body."""

    status: int
    reason: str | None
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of some bytes: the answers, whether the gateway ended the connection, what reached the exchange."""

    answers: tuple[Answer, ...]
    closed: bool
    sent: tuple[Sent, ...]

    @property
    def reason(self) -> str | None:
        """The reason of the first refusal."""
        return next((answer.reason for answer in self.answers if answer.reason), None)


class House:
    """The gateway and its exchange, warm. Bot alpha holds KEY with SECRET."""

    def __init__(self, limits: str = "") -> None:
        self.rig = Rig(limits)
        self.venue, self.clock, self.journal = self.rig.venue, self.rig.clock, self.rig.journal

    async def feed(self, *parts: bytes, peer: str = "127.0.0.1", seconds: float = 0.002, pause: float = 0) -> Outcome:
        """Send bytes on a new connection, part by part, let `seconds` pass, and give what became of them.

        Between two parts `pause` seconds pass.

        Time passes also between two requests of the same text: the second would be a replay of the first.
        """
        wire, connection = BotWire(peer), self.rig.connection()
        wire.protocol = connection
        connection.connection_made(wire)
        before = len(self.venue.sent)
        for at, part in enumerate(parts):
            if at and pause:
                await self.rig.wait(pause)
            if not wire.is_over:
                wire.protocol.data_received(part)
        await self.rig.wait(seconds)
        closed = wire.is_closing_
        wire.close()
        await asyncio.sleep(0)
        return Outcome(tuple(answers_in(wire.received)), closed, tuple(self.venue.sent[before:]))

    def signed(self, query: str) -> str:
        """Sign a query of bot alpha as it stands; the text is not changed."""
        payload = f"{query}&timestamp={self.clock.wall_ns() // 1_000_000}"
        return f"{payload}&signature={hmac.new(SECRET, payload.encode(), hashlib.sha256).hexdigest()}"

    def request(self, method: str, path: str, query: str, *lines: str, body: str = "") -> bytes:
        """Give the bytes of a signed request; `lines` are further header lines."""
        return raw(method, f"{path}?{self.signed(query)}", *lines, body=body)

    def caller(self) -> Caller:
        """A bot on the WebSocket API, connected."""
        return self.rig.bot()

    async def call(self, caller: Caller, method: str, params: dict[str, Any]) -> Outcome:
        """Send one signed request of the WebSocket API."""
        before = len(self.venue.sent)
        answer = await caller.ask(method, caller.signed(params), 0.002)
        told = Answer(answer["status"], reason(answer), json.dumps(answer).encode())
        return Outcome((told,), closed=False, sent=tuple(self.venue.sent[before:]))


def raw(method: str, target: str, *lines: str, body: str = "", key: str = KEY) -> bytes:
    """Give the bytes of a request as a usual library writes it."""
    length = () if method == "GET" else (f"Content-Length: {len(body)}",)
    head = (f"{method} {target} HTTP/1.1", f"Host: {HOST}", f"X-MBX-APIKEY: {key}", *length, *lines)
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1")


def answers_in(data: bytes) -> list[Answer]:
    """Cut what a connection received into answers; ours always state their length."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        found.append(Answer(int(lines[0].split(" ")[1]), fields.get("x-counterseal-reason"), rest[:length]))
        data = rest[length:]
    return found


def in_house(test: Callable[[House], Coroutine[Any, Any, None]], limits: str = "") -> Callable[[], None]:
    """Run a test's coroutine with a warm house; no task of it may have failed."""

    def run() -> None:
        async def whole() -> None:
            house = House(limits)
            await house.rig.gateway.warm()
            await test(house)
            await house.rig.end()

        asyncio.run(whole())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
