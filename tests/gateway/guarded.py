"""A gateway with a guard on the other end of its link: the real link over a real socket pair, on virtual time."""

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from tests.gateway.failing_rig import Watched
from tests.gateway.rig import CONFIG, ScriptedVenue

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.ladder import Actor, Kind, Rung, Scope, Trip, trip_data
from counterseal.gateway.guard_link import GuardLink
from counterseal.gateway.guard_news import Criticals
from counterseal.gateway.reply import Reply
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

# Bot alpha trades on main by the key of strategy grid; it also reads an account of strategy books.
_MINE = 'functions = ["account", "trade", "settings"]'
_LOOKS = """[keys.looks]
functions = ["account"]
account = "other"
strategy = "books"
[bots.alpha]"""
TWO_KEYS = (
    CONFIG.replace(_MINE, f'strategy = "grid"\n{_MINE}')
    .replace('keys = ["main"]', 'keys = ["main", "looks"]')
    .replace("[bots.alpha]", _LOOKS)
)


def trip(scope: str, rung: Rung = Rung.HALTED, at_ms: int = 0, name: str = "") -> Trip:
    """A trip of an operator."""
    kind, _, rest = scope.partition(" ")
    return Trip(Scope(Kind(kind), rest or name), rung, Actor.OPERATOR, "alice", "for the test", at_ms)


class Lines:
    """A sink that keeps lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.msg = self.info = self.warning = self.error = self.critical = self.lines.append


class LateVenue(ScriptedVenue):
    """An exchange that is reached only after something else has happened."""

    before: Callable[[], Any] | None = None

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send once, afterwards."""
        if self.before is not None:
            await self.before()
        return await super().send(family, request, terms)


class Guarded(Watched):
    """A rig whose guard is the test: `tell` says something to the gateway, `heard` is what the gateway said."""

    def __init__(self, limits: str = "") -> None:
        super().__init__(limits)
        config = load(TWO_KEYS + limits)
        assert isinstance(config, Config), config
        self.state.config = config
        self.venue.__class__ = LateVenue
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs.setblocking(False)
        self.sink = Lines()
        self.link = GuardLink(ours, self.state, self.plane, self.log, Criticals(self.sink))
        self._said: list[dict[str, Any]] = []
        self._seq = 0

    async def warm(self) -> "Guarded":
        """As every rig, and the link stands."""
        await super().warm()
        if self.link._timer is None:
            self.link.start()
        return self

    async def tell(self, message: Mapping[str, Any]) -> None:
        """Say something, and let it be heard."""
        self.theirs.send(json.dumps(message).encode())
        await self.clock.advance(0)

    async def ladder(self, *trips: Trip) -> int:
        """Tell the whole ladder; gives its number, which was acknowledged."""
        self._seq += 1
        await self.tell({"type": "ladder", "seq": self._seq, "trips": list(map(trip_data, trips))})
        assert {"type": "ladder_ack", "seq": self._seq} in self.said("ladder_ack")
        return self._seq

    async def states(self, **failing: Any) -> None:
        """Tell all that fails at the guard."""
        await self.tell({"type": "states", "failing": failing})

    async def ask(self, method: str, path: str, query: str = "") -> Reply:
        """Ask a millisecond later than whatever was before: the same request twice is another one."""
        await self.clock.advance(0.001)
        return await super().ask(method, path, query)

    async def silence(self, seconds: float) -> None:
        """Let time pass without a word."""
        await self.clock.advance(seconds)
        self.look()

    def said(self, kind: str = "") -> list[dict[str, Any]]:
        """What the gateway has said, of one type."""
        while True:
            try:
                self._said.append(json.loads(self.theirs.recv(1 << 18)))
            except BlockingIOError:
                return [message for message in self._said if kind in ("", message["type"])]

    async def end(self) -> None:
        """Stop; nothing was lost."""
        assert (self.link._link.lost, self.link._link.is_open) == (0, True)
        self.link.close()
        self.theirs.close()
        await super().end()
