"""A market and what befalls the gateway in it: orders of a crowd, connections that end, and what the exchange sees."""

from __future__ import annotations

import random  # noqa: TID251 - seeded
from collections import deque
from itertools import pairwise
from typing import Any

from tests.gateway.streams.keepers import SNAPSHOTS, Key
from tests.gateway.streams.rig import Rig

from counterseal.paper.ws_socket import Socket

SYMBOLS = ("btcusdt", "ethusdt", "solusdt", "bnbusdt")
# What the exchange takes: attempts in five minutes and streams of a connection.
MOST_ATTEMPTS, MOST_STREAMS, WINDOW_MS = 300, 1024, 300_000
# A stream's gaps are told once in this time; the numbers show the others.
TOLD_AGAIN_MS = 60_000
LONGEST_NAP_MS = 20_000


class Meter:
    """What the exchange sees of the gateway's connections: messages in a second, streams, attempts in five minutes."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._dialled: deque[tuple[int, int]] = deque([(rig.exchange.now_ms, 0)])
        self.messages = self.streams = self.attempts = self.connections = 0
        self.floods = 0

    def look(self) -> None:
        """Once a step; what was written is let go of."""
        exchange, now_ms = self._rig.exchange, self._rig.exchange.now_ms
        for session, socket in exchange.exchange.realtime._sessions.items():
            self.streams = max(self.streams, len(session._names))  # type: ignore[union-attr]  # market streams alone
            self.messages = max(self.messages, socket._second[1])
            assert socket._second[1] <= socket._terms.messages
        for wire in exchange.wires:
            self.floods += sum(data[:1] == b"\x88" and data[2:4] == (1008).to_bytes(2, "big") for data in wire.written)
            wire.written.clear()
        exchange.wires = [wire for wire in exchange.wires if not wire.is_over]
        self.connections = max(self.connections, len(exchange.live))
        self._dialled.append((now_ms, exchange.dialled))
        while self._dialled[0][0] <= now_ms - WINDOW_MS:
            self._dialled.popleft()
        self.attempts = max(self.attempts, exchange.dialled - self._dialled[0][1])

    def figures(self) -> dict[str, int]:
        """The most of each that was seen."""
        names = ("messages", "streams", "attempts", "connections", "floods")
        return {f"upstream_{name}": getattr(self, name) for name in names}

    def check(self) -> None:
        """Nothing was too much, and the exchange refused nothing."""
        assert self.floods == 0
        assert self.attempts <= MOST_ATTEMPTS and self.streams <= MOST_STREAMS
        refused = [row for row in self._rig.exchange.lines() if row["path"] == "CONNECT" and row["status"] != 101]
        assert refused == []


class Fate:
    """What befalls the connections to the exchange, by a seed."""

    def __init__(self, rig: Rig, draw: random.Random, keys: list[Key]) -> None:
        self._rig, self._draw = rig, draw
        self._books = [key for key in keys if "@depth" in key.name]
        self._later: list[tuple[int, Any]] = []
        # The messages that the exchange left out, and when.
        self.gaps: list[tuple[str, int]] = []
        self.counts: dict[str, int] = {}
        self._note_gaps()

    def step(self) -> None:
        """Perhaps something happens; what was begun goes on."""
        now_ms = self._rig.exchange.now_ms
        due = [act for at_ms, act in self._later if now_ms >= at_ms]
        self._later = [(at_ms, act) for at_ms, act in self._later if now_ms < at_ms]
        for act in due:
            act()
        if self._draw.random() < 0.012:
            what = self._draw.choice(("lose", "shut", "down", "late", "gap", "gap", "manner"))
            self.counts[what] = self.counts.get(what, 0) + 1
            getattr(self, f"_{what}")()

    def relent(self) -> None:
        """From now on nothing happens."""
        for _, act in self._later:
            act()
        self._rig.exchange.exchange.faults.take({"clear": True})

    def _soon(self, least_s: float, most_s: float, act: Any) -> None:
        self._later.append((self._rig.exchange.now_ms + round(self._draw.uniform(least_s, most_s) * 1000), act))

    def _lose(self) -> None:
        live = self._rig.exchange.live
        if live:
            self._draw.choice(live).abort()

    def _shut(self) -> None:
        """Spot is told, futures are not."""
        going = self._rig.exchange.announce_shutdown()
        self._soon(0.5, 15, lambda: _close(going))

    def _down(self) -> None:
        self._rig.exchange.is_down = True
        for wire in self._rig.exchange.live:
            wire.abort()

        def up() -> None:
            self._rig.exchange.is_down = False

        self._soon(0.5, 14, up)

    def _late(self) -> None:
        flowing = [wire for wire in self._rig.exchange.live if wire._held is None]
        if flowing:
            wire = self._draw.choice(flowing)
            wire.hold()
            self._soon(0.2, 8, wire.release)

    def _gap(self) -> None:
        key = self._draw.choice(self._books)
        self._rig.exchange.exchange.faults.take({"fault": "stream_gap", "match": {"path": key.name}, "times": 1})

    def _note_gaps(self) -> None:
        """An ordered gap comes with the next message of its stream, which may be a while."""
        faults, rig = self._rig.exchange.exchange.faults, self._rig
        find = faults.next_for

        def next_for(method: str, path: str, *more: Any, **named: Any) -> Any:
            fault = find(method, path, *more, **named)
            if fault is not None:
                self.gaps.append((path, rig.exchange.now_ms))
            return fault

        faults.next_for = next_for  # type: ignore[method-assign]  # this exchange's alone

    def _manner(self) -> None:
        self._rig.manner = "event" if self._rig.manner == "close" else "close"

    def explains(self, key: Key, at_ms: int) -> bool:
        """A gap that the numbers alone showed: one that came soon after another of the same stream, and lately."""
        times = [at for name, at in self.gaps if name == key.name and at <= at_ms]
        soon, lately = TOLD_AGAIN_MS + 2_000, at_ms - LONGEST_NAP_MS
        return any(later - earlier < soon and later > lately for earlier, later in pairwise(times))


class Crowd:
    """Somebody else's orders: they rest, take and are cancelled, so that every book changes all the time."""

    PATHS = {"spot": ("/api/v3/order", "/api/v3/openOrders"), "usdm": ("/fapi/v1/order", "/fapi/v1/allOpenOrders")}
    POOLS = ("spot_weight", "futures_weight", "spot_orders_10s", "spot_orders_1d", "futures_orders_10s",
             "futures_orders_1m")  # fmt: skip

    def __init__(self, rig: Rig, draw: random.Random) -> None:
        self._rig, self._draw = rig, draw
        for pool in self.POOLS:
            rig.exchange.exchange.windows.set_limit(pool, 1 << 40)

    def step(self) -> None:
        """One of them may do something; where money or places have run out, all orders go."""
        if self._draw.random() < 0.75:
            return
        family, symbol = self._draw.choice(list(self.PATHS)), self._draw.choice(SYMBOLS).upper()
        place, clear = self.PATHS[family]
        answer = self._order(family, symbol, place)
        if answer.status != 200 or self._draw.random() < 0.05:
            self._rig.exchange.signed("DELETE", clear, symbol=symbol)

    def _order(self, family: str, symbol: str, path: str) -> Any:
        side, quantity = self._draw.choice(("BUY", "SELL")), "1" if symbol[:3] in ("SOL", "BNB") else "0.1"
        asked = {"symbol": symbol, "side": side, "quantity": quantity}
        if self._draw.random() < 0.2:
            return self._rig.exchange.signed("POST", path, type="MARKET", **asked)
        rows = self._rig.exchange.public(SNAPSHOTS[family][0], symbol=symbol, limit=20).body
        price = rows["bids" if side == "BUY" else "asks"][self._draw.randrange(20)][0]
        return self._rig.exchange.signed("POST", path, type="LIMIT", timeInForce="GTC", price=price, **asked)


def _close(sockets: list[Socket]) -> None:
    for socket in sockets:
        socket.close(1001, "Server is shutting down")
