"""Twenty bots keep books of spot and USD-M while everything happens to the gateway's connections that may happen.

`MARKET_MINUTES` says how long; `make full` takes an hour. At the end each book that its bot believes in is the
exchange's, no trade was lost or doubled unsaid, and the exchange was asked for no more than it allows.
"""

from __future__ import annotations

import os
import random  # noqa: TID251 - seeded
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.streams.keepers import Keeper, Key, books_equal
from tests.gateway.streams.market import SYMBOLS, Crowd, Fate, Meter
from tests.gateway.streams.rig import Rig, with_rig

from counterseal.adapters import stream_line

MINUTES = float(os.environ.get("MARKET_MINUTES", "2"))
SEED = int(os.environ.get("MARKET_SEED", "7"))
STEP_S = 0.1
QUIET_S = 20
# A lost connection is said at once, or by a close: a second for it to come back, three for all bots to be sent away.
SAID_S = 4.5
SPEEDS = {"spot": ("@depth@100ms", "@depth"), "usdm": ("@depth@100ms", "@depth", "@depth@500ms")}


def twenty(rig: Rig, draw: random.Random) -> list[Keeper]:
    """Bots of all sorts: most read all the time, some nap, some leave streams and come back to them."""
    made = []
    for number in range(20):
        family = "usdm" if number % 5 in (1, 3) else "spot"
        names = []
        for symbol in draw.sample(SYMBOLS, 2):
            names += [symbol + draw.choice(SPEEDS[family]), f"{symbol}@trade"]
        keeper = Keeper(rig, family, names, draw)
        keeper.naps, keeper.whims = number in (4, 8, 13), number in (5, 11, 12)
        made.append(keeper)
    return made


def truth(rig: Rig, key: Key) -> tuple[int, dict[str, dict[str, str]]]:
    """The exchange's own book: its last change and both sides."""
    path, most = ("/api/v3/depth", 5000) if key.family == "spot" else ("/fapi/v1/depth", 1000)
    body = rig.exchange.public(path, symbol=key.symbol, limit=most).body
    return body["lastUpdateId"], {side: dict(body[side]) for side in ("bids", "asks")}


def check_trades(rig: Rig, keepers: list[Keeper]) -> int:
    """What the bots got of trades is what the exchange tells of them afterwards; what was compared is let go of."""
    told: dict[tuple[Key, int], tuple[str, str, int, bool]] = {}
    for key in {key for keeper in keepers for key in keeper.streams if key.name.endswith("@trade")}:
        path = "/api/v3/trades" if key.family == "spot" else "/fapi/v1/trades"
        for row in rig.exchange.public(path, symbol=key.symbol, limit=1000).body:
            told[key, row["id"]] = (row["price"], row["qty"], row["time"], row["isBuyerMaker"])
    count = 0
    for keeper in keepers:
        for known, trade in keeper.trades.items():
            assert told[known] == trade, known
        count += len(keeper.trades)
        keeper.trades.clear()
    return count


def check_all_is_live(rig: Rig, keepers: list[Keeper]) -> None:
    """After the quiet each bot has all its books, at the exchange's last change, and the newest trade."""
    for keeper in keepers:
        assert keeper.is_awake
        for key in keeper.streams:
            if key.name.endswith("@trade"):
                path = "/api/v3/trades" if key.family == "spot" else "/fapi/v1/trades"
                assert keeper.last_trade[key] == rig.exchange.public(path, symbol=key.symbol, limit=1).body[-1]["id"]
            else:
                last, sides = truth(rig, key)
                assert (keeper.books[key].last, keeper.books[key].sides) == (last, sides), key


class Market:
    """All of it: the crowd trades, fate strikes, the bots read."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        draw = random.Random(SEED)
        self.crowd = Crowd(rig, draw)
        self.keepers = twenty(rig, draw)
        keys = sorted({key for keeper in self.keepers for key in keeper.streams})
        self.fate, self.meter = Fate(rig, draw, keys), Meter(rig)
        self.compared = self.trades = self.dark_steps = 0
        self._dark_s = 0.0

    async def last(self, seconds: float, *, quietly: bool = False) -> None:
        """Let time pass; `quietly` without anything that befalls anybody."""
        for step in range(round(seconds / STEP_S)):
            if not quietly:
                self.fate.step()
            self.crowd.step()
            await self.rig.wait(STEP_S)
            for keeper in self.keepers:
                keeper.step()
            self.meter.look()
            self._look_at_the_dark()
            if step % 100 == 0:
                self.compared += books_equal(self.keepers, lambda key: truth(self.rig, key))
            if step % 3000 == 2999:
                self.trades += check_trades(self.rig, self.keepers)

    def _look_at_the_dark(self) -> None:
        """Nobody who reads believes in a book any more when there has been no connection for a while."""
        exchange = self.rig.exchange
        self._dark_s = self._dark_s + STEP_S if exchange.is_down and not exchange.live else 0.0
        if self._dark_s > SAID_S:
            self.dark_steps += 1
            awake = [keeper for keeper in self.keepers if keeper.is_awake]
            assert [key for keeper in awake for key, book in keeper.books.items() if book.sides is not None] == []

    def calm(self) -> None:
        """Nothing befalls anybody from now on."""
        self.fate.relent()
        for keeper in self.keepers:
            keeper.naps = keeper.whims = False

    def check(self) -> None:
        """Everybody has everything, and what was missed was said."""
        self.trades += check_trades(self.rig, self.keepers)
        check_all_is_live(self.rig, self.keepers)
        self.meter.check()
        unsaid = [hole for keeper in self.keepers for hole in keeper.holes if not self.fate.explains(*hole)]
        assert unsaid == []
        # The gateway's words: missed, nothing there, too slow.
        assert {code for keeper in self.keepers for code in keeper.codes} <= {1012, 1013, None}

    def report(self) -> dict[str, Any]:
        """What happened, in figures."""
        codes = [code for keeper in self.keepers for code in keeper.codes]
        sums = {
            name: sum(getattr(keeper, name) for keeper in self.keepers) for name in ("events", "snapshots", "notices")
        }
        return {
            **sums, "closed": {str(code): codes.count(code) for code in sorted(set(codes), key=str)},
            "by_numbers": sum(len(keeper.holes) for keeper in self.keepers), "books_compared": self.compared,
            "trades_compared": self.trades, "dark_steps": self.dark_steps, "befell": self.fate.counts,
            **self.meter.figures(),
            **{name: self.rig.hub.report()[name] for name in ("lost", "renewed", "told", "gaps")},
        }  # fmt: skip


@pytest.mark.slow
def test_an_hour_of_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour, or MARKET_MINUTES; CI takes two minutes."""
    monkeypatch.setattr(stream_line, "RENEW_S", 20)
    monkeypatch.setattr(stream_line, "RENEW_SPREAD_S", 20)

    async def test(rig: Rig) -> None:
        market = Market(rig)
        await market.last(MINUTES * 60)
        market.calm()
        await market.last(QUIET_S, quietly=True)
        market.check()
        found = market.report()
        print(f"{MINUTES:g} minutes of market, seed {SEED}:", found)
        assert found["told"] > MINUTES
        # Fate often takes a connection before its renewal is due: in few minutes there may be none.
        assert found["renewed"] > MINUTES / 2 or MINUTES < 20
        assert found["books_compared"] > MINUTES * 50 and found["trades_compared"] > MINUTES * 1000

    with_rig(test)(tmp_path)
