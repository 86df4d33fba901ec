"""Whatever befalls the gateway's connections: what a bot gets without a word between has no hole and no repeat.

Trades show it: their ids follow one another, and no client looks at them. `STREAM_GAP_ROUNDS` sets how many rounds.
"""

from __future__ import annotations

import json
import os
import random  # noqa: TID251 - seeded
from pathlib import Path

import pytest
from tests.gateway.streams.rig import Bot, Rig, with_rig

ROUNDS = int(os.environ.get("STREAM_GAP_ROUNDS", "2"))
PATHS = ("/stream?streams=btcusdt@trade/ethusdt@trade", "/stream?streams=btcusdt@trade/btcusdt@depth@100ms")
STEPS = 150


class Follower:
    """A bot that comes back when it is disconnected, a little later, and counts what it was told."""

    def __init__(self, rig: Rig, path: str, draw: random.Random) -> None:
        self._rig, self._path, self._draw = rig, path, draw
        self._pause = 0
        self.bot = Bot(rig, path).connect()
        self.last: dict[str, int] = {}
        self.trades = self.told = 0

    def look(self) -> None:
        """Read what came."""
        if self._pause:
            self._pause -= 1
            if not self._pause:
                self.bot = Bot(self._rig, self._path).connect()
            return
        for text in self.bot.take():
            self._read(json.loads(text))
        if self.bot.code is not None:
            self._forget()
            self._pause = self._draw.randrange(1, 12)

    def _forget(self) -> None:
        self.last.clear()
        self.told += 1

    def _read(self, message: dict[str, object]) -> None:
        name, data = str(message["stream"]), message["data"]
        assert isinstance(data, dict)
        if name == "!gap":
            self._forget()
        elif name.endswith("@trade"):
            assert data["t"] == self.last.get(name, data["t"] - 1) + 1, f"a hole that nobody told of in {name}"
            self.last[name] = data["t"]
            self.trades += 1


def befall(rig: Rig, draw: random.Random) -> None:
    """Something happens to the connections to the exchange."""
    exchange, live = rig.exchange, rig.exchange.live
    what = draw.choice(("lose", "shut", "down", "up", "hold", "release", "shut_and_lose", "gap"))
    if what in ("lose", "shut_and_lose") and live:
        if what != "lose":
            exchange.announce_shutdown()
        draw.choice(live).abort()
    elif what == "shut":
        exchange.announce_shutdown()
    elif what == "hold" and (flowing := [wire for wire in live if wire._held is None]):
        draw.choice(flowing).hold()
    elif what == "release":
        for wire in exchange.wires:
            wire.release()
    elif what == "gap":
        exchange.exchange.faults.take({"fault": "stream_gap", "match": {"path": "btcusdt@depth@100ms"}, "times": 1})
    exchange.is_down = what == "down"


@pytest.mark.parametrize("manner", ["close", "event"])
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_comes_without_a_word_is_whole(tmp_path: Path, seed: int, manner: str) -> None:
    """Connections lost, renewed, silent, late and refused, in any order."""

    async def test(rig: Rig) -> None:
        draw = random.Random(seed)
        rig.manner = manner
        followers = [Follower(rig, path, draw) for path in PATHS for _ in range(2)]
        for _ in range(STEPS):
            await rig.wait(draw.choice((0.1, 0.2, 0.5)))
            for follower in followers:
                follower.look()
            if draw.random() < 0.15:
                befall(rig, draw)
        assert sum(follower.trades for follower in followers) > 50
        assert sum(follower.told for follower in followers) > 2

    with_rig(test)(tmp_path)
