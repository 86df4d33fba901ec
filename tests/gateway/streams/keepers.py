"""Bots that keep order books and follow trades: by the exchange's rules alone, sure of what nobody told them to doubt.

Prices and quantities stay the texts that came: the exchange writes each number in one way only.
"""

from __future__ import annotations

import json
import random  # noqa: TID251 - seeded
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from tests.gateway.streams.rig import Bot, Rig

SNAPSHOTS = {"spot": ("/api/v3/depth", 5000), "usdm": ("/fapi/v1/depth", 1000)}
HOSTS = {"spot": "/stream.binance.com", "usdm": "/fstream.binance.com"}
DEPTH = "depthUpdate"
decode = lru_cache(4096)(json.loads)


class Key(NamedTuple):
    """A stream of a market."""

    family: str
    name: str

    @property
    def symbol(self) -> str:
        """As requests name it."""
        return self.name.partition("@")[0].upper()


class Book:
    """A local book by the rules that the exchange documents for spot and for futures."""

    def __init__(self, family: str) -> None:
        self._is_futures = family != "spot"
        self._waiting: list[dict[str, Any]] = []
        self.sides: dict[str, dict[str, str]] | None = None
        self.last = 0
        self._is_first = True

    @property
    def wants_snapshot(self) -> bool:
        """Changes have come, and there is nothing yet that they could change."""
        return self.sides is None and bool(self._waiting)

    def begin(self, snapshot: dict[str, Any]) -> bool:
        """Take a snapshot and what came since; False when it is too old or something is missing behind it."""
        if snapshot["lastUpdateId"] < self._waiting[0]["U"]:
            return True
        self.sides = {side: dict(snapshot[side]) for side in ("bids", "asks")}
        self.last, self._is_first = snapshot["lastUpdateId"], True
        waiting, self._waiting = self._waiting, []
        return all(self.change(each) for each in waiting)

    def change(self, event: dict[str, Any]) -> bool:
        """Take one message of changes; False when it does not follow."""
        if self.sides is None:
            self._waiting.append(event)
            return True
        if event["u"] < self.last or (not self._is_futures and event["u"] == self.last):
            return True
        if not self._follows(event):
            return False
        for side, rows in (("bids", event["b"]), ("asks", event["a"])):
            for price, qty in rows:
                if float(qty):
                    self.sides[side][price] = qty
                else:
                    self.sides[side].pop(price, None)
        self.last, self._is_first = event["u"], False
        return True

    def _follows(self, event: dict[str, Any]) -> bool:
        if not self._is_futures:
            return bool(event["U"] <= self.last + 1)
        if self._is_first and event["U"] <= self.last <= event["u"]:
            return True
        return bool(event["pu"] == self.last)


class Hole(NamedTuple):
    """What a book's numbers showed."""

    key: Key
    at_ms: int


class Keeper:
    """A bot with some streams of one market. `naps` lets it stop reading now and then, `whims` change its mind."""

    def __init__(self, rig: Rig, family: str, names: Iterable[str], draw: random.Random) -> None:
        self.rig, self.family, self.names = rig, family, list(names)
        self._draw = draw
        self._is_combined = draw.random() < 0.7
        self.naps = self.whims = False
        self._pause = self._nap = self._changed_ms = 0
        self.books: dict[Key, Book] = {}
        self.last_trade: dict[Key, int] = {}
        self.trades: dict[tuple[Key, int], tuple[str, str, int, bool]] = {}
        self.codes: list[int | None] = []
        self.holes: list[Hole] = []
        self.notices = self.events = self.snapshots = 0
        self.bot = self._connect()

    # -- its connection

    def _connect(self) -> Bot:
        names = "/".join(self.names)
        path = f"/stream?streams={names}" if self._is_combined else f"/ws/{names}"
        return Bot(self.rig, HOSTS[self.family] + path).connect()

    def step(self) -> None:
        """Read what came; come back when disconnected, a little later; take snapshots where they are wanted."""
        if self._pause:
            self._pause -= 1
            if not self._pause:
                self.bot = self._connect()
            return
        if self._naps():
            return
        self._read_all()
        if self.bot.code is not None or self.bot.wire.is_over:
            self.codes.append(self.bot.code)
            self.forget(self.streams)
            self._pause = self._draw.randrange(1, 12)
            return
        for key, book in list(self.books.items()):
            if book.wants_snapshot and self._draw.random() < 0.4:
                self._begin(key, book)
        now_ms = self.rig.exchange.now_ms
        # Not faster than the exchange's limit on what a client says.
        if self.whims and now_ms - self._changed_ms > 1000 and self._draw.random() < 0.02:
            self._changed_ms = now_ms
            self._change_mind()

    def _naps(self) -> bool:
        if self._nap:
            self._nap -= 1
            if not self._nap:
                self.bot.wire.read()
        elif self.naps and self._draw.random() < 0.02:
            self.bot.wire.reads, self._nap = False, self._draw.randrange(5, 150)
        return self._nap > 0

    def _change_mind(self) -> None:
        """Leave a stream and come back to it in the same breath: it is another subscription."""
        name = self._draw.choice(self.names)
        for number, method in enumerate(("UNSUBSCRIBE", "SUBSCRIBE")):
            self.bot.send({"method": method, "params": [name], "id": number})
            self._read_all()
            if not number:
                self.forget([Key(self.family, name)])

    # -- what it hears

    @property
    def is_awake(self) -> bool:
        """It is connected and reads."""
        return not self._pause and not self._nap

    @property
    def streams(self) -> list[Key]:
        """Its streams."""
        return [Key(self.family, name) for name in self.names]

    def forget(self, keys: Iterable[Key]) -> None:
        """Be sure of nothing that is known of these."""
        for key in keys:
            self.books.pop(key, None)
            self.last_trade.pop(key, None)

    def _read_all(self) -> None:
        for text in self.bot.take():
            message = decode(text)
            if "result" not in message:
                self._hear(message["data"] if self._is_combined else message)

    def _hear(self, data: dict[str, Any]) -> None:
        self.events += 1
        kind = data["e"]
        if kind == "error":
            self.notices += 1
            self.forget(Key(self.family, name) for name in data["streams"])
            return
        symbol = data["s"].lower()
        [name] = [name for name in self.names if name.startswith(f"{symbol}@{'depth' if kind == DEPTH else kind}")]
        (self._changes if kind == DEPTH else self._trade)(Key(self.family, name), data)

    def _changes(self, key: Key, data: dict[str, Any]) -> None:
        book = self.books.setdefault(key, Book(key.family))
        if not book.change(data):
            self._hole(key)
            self.books[key].change(data)

    def _begin(self, key: Key, book: Book) -> None:
        path, most = SNAPSHOTS[key.family]
        answer = self.rig.exchange.public(path, symbol=key.symbol, limit=most)
        assert answer.status == 200, answer.body
        self.snapshots += 1
        if not book.begin(answer.body):
            self._hole(key)

    def _hole(self, key: Key) -> None:
        self.holes.append(Hole(key, self.rig.exchange.now_ms))
        self.books[key] = Book(key.family)

    def _trade(self, key: Key, data: dict[str, Any]) -> None:
        number = data["t"]
        assert number == self.last_trade.get(key, number - 1) + 1, f"{key}: {number} after {self.last_trade[key]}"
        self.last_trade[key] = number
        self.trades[key, number] = (data["p"], data["q"], data["T"], data["m"])


def books_equal(keepers: Iterable[Keeper], truth: Callable[[Key], tuple[int, dict[str, dict[str, str]]]]) -> int:
    """Compare each book that its bot believes in with the exchange's, where both are at the same change. Gives how many
    were compared.
    """
    known = lru_cache(None)(truth)
    compared = 0
    for keeper in keepers:
        for key, book in keeper.books.items():
            last, sides = known(key)
            if book.sides is not None and book.last == last:
                assert book.sides == sides, key
                compared += 1
    return compared
