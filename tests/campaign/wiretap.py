"""What leaves the gateway: the exchange's request byte for byte and as the paper exchange reads it, lines, records."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from tests.campaign.echoing import echo
from tests.campaign.house import House
from tests.gateway.rig import CONFIG

from counterseal.adapters.log import make_logger
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.record import MAGIC, frame, scan
from counterseal.paper import wire
from counterseal.paper.http import RequestReader
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

T = TypeVar("T")


@dataclass(frozen=True)
class Heard:
    """A request as the paper exchange's own parser reads it; what the signer adds apart.

    `is_plain`: no name stands twice, nothing in a body, every byte of the target is ASCII.
    """

    method: str
    path: str
    values: dict[str, str]
    is_plain: bool


def hear(request: bytes) -> Heard:
    """Read a request as the paper exchange does."""
    found: list[wire.Request] = []
    RequestReader("127.0.0.1", lambda one, _: found.append(one)).feed(request)
    (one,) = found
    payload = wire.read(one)
    values = {name: text for name, text in payload.merged().items() if name not in ("timestamp", "recvWindow")}
    return Heard(one.method, one.path, values, payload.is_ascii and not payload.has_duplicates and not one.body)


class Wiretap:
    """Stands between a gateway and its scripted exchange, and behind its log and journal.

    The exchange answers each change so that it is a success. `requests` is what reached it, byte for byte.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.requests: list[bytes] = []
        self._lines: list[bytes] = []
        self._records = 0
        venue = house.venue
        self._send, self._body = venue.send, venue._body
        venue.send, venue._body = self._heard, self._answered  # type: ignore[method-assign]  # this venue's alone
        # The real pipeline of the log, with this as its file.
        house.rig.gateway.log.info = make_logger(self, house.clock).info  # type: ignore[method-assign]  # as above

    def info(self, line: bytes) -> None:
        """Keep a line of the log."""
        self._lines.append(line)

    async def _heard(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        before = len(self.house.venue.sent)
        try:
            return await self._send(family, request, terms)
        finally:
            if len(self.house.venue.sent) > before:
                self.requests.append(request)

    def _answered(self, method: str, path: str, values: Mapping[str, str]) -> Any:
        return self._body(method, path, values) if method == "GET" else echo(method, path, values)

    def take(self) -> list[bytes]:
        """What reached the exchange since the last call."""
        found, self.requests = self.requests, []
        return found

    def unread(self, requests: int = 1) -> Iterator[str]:
        """Tell what of the lines and records since the last call, which were of so many requests, is not one in and the
        same one out.
        """
        lines, self._lines = self._lines, []
        read = [json.loads(line) for line in lines if line.count(b"\n") == 1 and line.endswith(b"\n")]
        if len(read) < len(lines) or sum(line["event"] == "request" for line in read) != requests:
            yield f"{requests} requests in the log: {lines!r}"
        records = self.house.journal.records[self._records :]
        self._records += len(records)
        for record in records:
            payload = msgspec.json.encode(record)
            found = scan(MAGIC + frame(payload)).payloads
            if found != (payload,) or json.loads(payload) != json.loads(json.dumps(record)):
                yield f"a record of the journal comes back as another: {payload!r}"


@asynccontextmanager
async def open_house(symbols: Iterable[str] = ("BTCUSDT",), allowed: Iterable[str] = ("*",)) -> AsyncIterator[Wiretap]:
    """Give a warm house behind a wiretap: its exchange lists `symbols`, its bot may trade what is `allowed`."""
    house = House()
    config = load(CONFIG.replace('["*"]', json.dumps(list(allowed), ensure_ascii=False)))
    assert isinstance(config, Config), config
    house.rig.state.config = config
    rows = [{"symbol": one, "baseAsset": one[:3], "quoteAsset": "USDT", "status": "TRADING"} for one in symbols]
    for root in ("/api/v3", "/fapi/v1"):
        house.venue.script[f"{root}/exchangeInfo"] = [(200, {"symbols": rows})]
    await house.rig.gateway.warm()
    yield Wiretap(house)
    await house.rig.end()


def some_at_a_time(cases: Iterable[T], count: int, name: Callable[[T], Any] = id) -> Iterator[list[T]]:
    """Cut cases into groups, each for a house of its own: what one leaves behind must not refuse a later one.

    No two of a group have the same `name`.
    """
    group: dict[Any, T] = {}
    for case in cases:
        if len(group) == count or name(case) in group:
            yield list(group.values())
            group = {}
        group[name(case)] = case
    if group:
        yield list(group.values())
