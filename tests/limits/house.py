"""The paper exchange in this process, reached by bytes over a network that takes virtual time; and its meter."""

from __future__ import annotations

import os
import random  # noqa: TID251 - seeded
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from counterseal.paper.exchange import Exchange
from counterseal.paper.faulted import Reply
from counterseal.paper.http import RequestReader
from counterseal.paper.journal import Journal
from counterseal.paper.keys import ApiKey, KeyFile
from counterseal.paper.options import Options
from counterseal.paper.wire import Request
from counterseal.ports.clock import Clock

OURS = "203.0.113.7"  # the address that all bots share
SECRET = "exchange"
# What a minute's weight is counted in, by the side of the exchange.
WEIGHT_POOLS = {"spot": "spot_weight", "futures": "futures_weight", "futures orders": "usdm_ws_api_weight"}
CANCELS, ORDERS, ACCOUNT, MARKET = "cancels", "orders", "account", "market data"
OWN, FOREIGN = "the gateway itself", "somebody else"
LANES = (CANCELS, ORDERS, ACCOUNT, MARKET, OWN, FOREIGN)


class Served(NamedTuple):
    """One request at the exchange: when (exchange time), what, what each weight pool was charged, and from where."""

    at_ms: int
    lane: str
    method: str
    path: str
    query: str
    status: int
    code: int | None
    weights: tuple[int, ...]
    peer: str


class Ban(NamedTuple):
    """An address that is banned from one side of the exchange, in exchange time."""

    side: str
    from_ms: int
    until_ms: int


class CannotConnect(Exception):
    """The connection could not be made: nothing has arrived."""


class NoAnswer(Exception):
    """The request has arrived, the answer has not."""


def key_of(account: str) -> ApiKey:
    """The one key of an account at the exchange."""
    return ApiKey(f"{account:K<64}"[:64], "hmac", SECRET, ("read", "trade", "futures"), account, 0)


class House:
    """The exchange, whose requests are metered as they are answered."""

    def __init__(self, home: Path, clock: Clock, accounts: Iterable[str], **options: Any) -> None:
        keys = KeyFile(home / "keys.json")
        for account in accounts:
            keys.add(key_of(account))
        settings = Options(**{"step_ms": 1000, **options})
        # The meter below is what these tests read; a journal of some 100,000 lines would only fill the disk.
        self.exchange = Exchange(settings, keys, Journal(Path(os.devnull)), clock.wall_ns)
        self.served: list[Served] = []
        self.bans: list[Ban] = []
        self._request: Request | None = None

    def answer(self, raw: bytes, lane: str = "", peer: str = OURS) -> Reply:
        """Answer one request as it came over the wire. `lane` where it is not to be told from the request."""
        RequestReader(peer, self._take).feed(raw)
        request, self._request = self._request, None
        assert request is not None, raw
        now_ms = self.exchange.now_ms()
        before = self._weights(peer, now_ms)
        reply = self.exchange.handle(request)
        weights = tuple(after - was for after, was in zip(self._weights(peer, now_ms), before, strict=True))
        path, query = request.path, request.target.partition(b"?")[2].decode()
        code = _code(reply) if reply.status >= 400 else None
        lane = lane or lane_of(request.method, query)
        if reply.status == 418:
            self._note_bans(now_ms)
        self.served.append(Served(now_ms, lane, request.method, path, query, reply.status, code, weights, peer))
        return reply

    def _note_bans(self, now_ms: int) -> None:
        known = {(ban.side, ban.until_ms) for ban in self.bans}
        for side, _, until_ms in self.exchange.guard.bans(now_ms):
            if (side, until_ms) not in known:
                self.bans.append(Ban(side, now_ms, until_ms))

    def _take(self, request: Request, _keep_alive: bool) -> None:
        self._request = request

    def _weights(self, peer: str, now_ms: int) -> tuple[int, ...]:
        return tuple(self.exchange.windows.used(pool, peer, now_ms) for pool in WEIGHT_POOLS.values())


def lane_of(method: str, query: str) -> str:
    """The lane of a request as an onlooker sees it."""
    if method == "DELETE":
        return CANCELS
    if method != "GET":
        return ORDERS
    return ACCOUNT if "signature=" in query else MARKET


def _code(reply: Reply) -> int | None:
    text = reply.body.partition(b'"code":')[2].partition(b",")[0]
    return int(text) if text.lstrip(b"-").isdigit() else None


@dataclass
class Network:
    """The way to the exchange: 5 to 80 ms there and back, most of it short, or always `fixed_s`; it can be down.

    `asymmetry` is the part of a round trip that the way there takes. What contains a text of `closed` cannot connect.
    """

    house: House
    clock: Clock
    entropy: random.Random
    asymmetry: float = 0.5
    is_down: bool = False
    fixed_s: float | None = None
    closed: set[bytes] = field(default_factory=set)
    on_answer: Callable[[], None] = lambda: None
    in_flight: int = field(default=0, init=False)
    most_in_flight: int = field(default=0, init=False)

    async def carry(self, raw: bytes, lane: str = "", peer: str = OURS) -> Reply:
        """Bring a request there and its answer back. Raises CannotConnect or NoAnswer."""
        trip_s = self._trip_s()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.clock.sleep(trip_s * self.asymmetry)
            if self.is_down or any(text in raw for text in self.closed):
                raise CannotConnect
            reply = self.house.answer(raw, lane, peer)
            self.on_answer()
            if reply.action != "send":
                raise NoAnswer
            await self.clock.sleep(trip_s * (1 - self.asymmetry))
            if self.is_down:
                raise NoAnswer
            return reply
        finally:
            self.in_flight -= 1

    def _trip_s(self) -> float:
        return min(0.080, 0.005 + self.entropy.expovariate(1 / 0.012)) if self.fixed_s is None else self.fixed_s
