"""Market streams: who listens to which, and what is pushed when time passes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from counterseal.paper.streams_faults import Disturber, Suffering
from counterseal.paper.ws_socket import text_frame

Payloads = list[object]
encode = msgspec.json.Encoder().encode


class Member(Suffering, Protocol):
    """A connection that listens.  `is_combined` may change while it does."""

    is_combined: bool

    def push(self, frame: bytes) -> None: ...


def nothing() -> None:
    """Nothing to clean up."""


@dataclass(slots=True, eq=False)
class Stream:
    """One named stream.  `make` gives the payloads that are due; period 0 is asked whenever time passes."""

    name: str
    period_ms: int
    make: Callable[[int], Payloads]
    close: Callable[[], None] = nothing
    members: dict[Member, None] = field(default_factory=dict)
    due_ms: int = 0

    def is_due(self, now_ms: int) -> bool:
        """Whether to ask now.  Periods are aligned to the clock."""
        if now_ms < self.due_ms:
            return False
        if self.period_ms:
            self.due_ms = (now_ms // self.period_ms + 1) * self.period_ms
        return True


class Factory(Protocol):
    """Makes the streams of one market by name; None for a name that means nothing there."""

    def open(self, name: str, route: str, unit: int, now_ms: int) -> Stream | None: ...


class Hub:
    """The open streams of all markets.  `unit` is 1 for times in ms, 1000 for microseconds."""

    def __init__(self, factories: dict[str, Factory], disturber: Disturber) -> None:
        self._factories = factories
        self._disturber = disturber
        self._open: dict[tuple[str, str, str, int], Stream] = {}  # by market, route, name, unit

    def join(self, member: Member, market: str, route: str, name: str, unit: int, now_ms: int) -> None:
        """Begin to push.  A name that means nothing here is accepted, and silent."""
        key = (market, route, name, unit)
        stream = self._open.get(key)
        if stream is None:
            stream = self._factories[market].open(name, route, unit, now_ms)
            if stream is None:
                return
            if stream.period_ms:
                stream.due_ms = (now_ms // stream.period_ms + 1) * stream.period_ms
            self._open[key] = stream
        stream.members[member] = None

    def leave(self, member: Member, market: str, route: str, name: str, unit: int) -> None:
        """Stop pushing; a stream that nobody listens to is closed."""
        key = (market, route, name, unit)
        stream = self._open.get(key)
        if stream is None:
            return
        stream.members.pop(member, None)
        if not stream.members:
            stream.close()
            del self._open[key]

    def tick(self, now_ms: int) -> None:
        """Push everything that is due."""
        for stream in list(self._open.values()):
            if stream.is_due(now_ms):
                for payload in self._made(stream, now_ms):
                    self._push(stream, payload)

    @staticmethod
    def _made(stream: Stream, now_ms: int) -> Payloads:
        try:
            return stream.make(now_ms)
        except Exception:  # noqa: BLE001 - one broken stream is silent, the exchange goes on
            traceback.print_exc(file=sys.stderr)
            return []

    def _push(self, stream: Stream, payload: object) -> None:
        """Send one payload to everybody who listens, unless a fault says otherwise."""
        for sent in self._disturber.messages(stream.name, payload, stream.members):
            fan_out(stream.name, sent, stream.members)


def fan_out(name: str, payload: object, members: dict[Member, None]) -> None:
    """Encode once in each of the two forms that are needed, and push."""
    body = encode(payload)
    raw = combined = b""
    for member in list(members):
        if member.is_combined:
            combined = combined or text_frame(b'{"stream":%b,"data":%b}' % (encode(name), body))
            member.push(combined)
        else:
            raw = raw or text_frame(body)
            member.push(raw)
