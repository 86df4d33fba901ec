"""What a journal tells of the boots that it lived through, and whether the exchange must be asked what it lacks.

In `process` durability a record survives any end of the process, but not always one of the machine: what was in the
page cache is gone, and with it intents of orders that left. A changed boot id tells that this may have happened.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from counterseal.core.binance.values import items_of
from counterseal.core.legs import BATCHES

# An order at the exchange that the journal lacked, and the end of looking for such orders.
RECOVERED_ORDER, RECONCILED = "recovered_order", "reconciled"
# How far back before its last record a journal is compared with the exchange, and at most before the exchange's now:
# what is older it does not list any more.
BEFORE_MS, FARTHEST_MS = 3_600_000, 6 * 24 * 3_600_000
# Symbols that were traded within so long before the last record that is certain are asked for.
RECENT_MS = 24 * 3_600_000
Symbol = tuple[str, str]


class Boot(NamedTuple):
    """The last start that a journal tells of: its boot id, its durability, and since when it had to reconcile.

    `since_ms` is wall time, None where there was nothing to reconcile or all of it has been read.
    """

    id: str = ""
    durability: str = ""
    since_ms: int | None = None


class Told(NamedTuple):
    """What one segment tells. `symbols` are (family, symbol, wall time of the last intent)."""

    boot: Boot | None = None
    reconciled: bool = False
    symbols: tuple[tuple[str, str, int], ...] = ()


class Boots:
    """Takes a journal's records in order: the last start, and which symbols were traded when."""

    def __init__(self) -> None:
        self.boot: Boot | None = None
        # Whether everything was read after that start.
        self.reconciled = False
        self.symbols: dict[Symbol, int] = {}
        self.last_ms = 0

    def take(self, record: Mapping[str, Any]) -> None:
        """Take one record."""
        self.last_ms = max(self.last_ms, record.get("t", 0))
        if record["type"] == "intent":
            for symbol in _symbols(record):
                self.symbols[(record["family"], symbol)] = record["t"]
        elif record["type"] == "start":
            self.boot = Boot(record.get("boot", ""), record.get("durability", ""), record.get("reconciles"))
            self.reconciled = False
        elif record["type"] == RECONCILED:
            self.reconciled = True

    def told(self) -> "Told":
        """Give what a segment's summary keeps of it."""
        symbols = tuple([(family, symbol, at_ms) for (family, symbol), at_ms in self.symbols.items()])
        return Told(self.boot, self.reconciled, symbols)

    def join(self, told: "Told", last_ms: int) -> None:
        """Take what a later segment's summary tells, whose last record is of `last_ms`."""
        if told.boot is not None:
            self.boot, self.reconciled = told.boot, told.reconciled
        elif told.reconciled:
            self.reconciled = True
        self.symbols.update({(family, symbol): at_ms for family, symbol, at_ms in told.symbols})
        self.last_ms = max(self.last_ms, last_ms)

    def since(self, boot_id: str, now_ms: int) -> int | None:
        """Give since when (wall time) the exchange may know of orders that the journal lacks; None when it cannot.

        A journal without a record has lost nothing: its first one is on the disk before anything is sent. `now_ms` is
        this host's, which may go wrong after a cut.
        """
        if not self.last_ms:
            return None
        last = self.boot or Boot()
        begun = [] if last.since_ms is None or self.reconciled else [last.since_ms]
        if last.durability != "power" and (not boot_id or last.id != boot_id):
            begun.append(self._before_end(now_ms))
        return min(begun, default=None)

    def _before_end(self, now_ms: int) -> int:
        """0 where the clock was stepped so far back that nobody knows when the journal ends: all that is listed."""
        return 0 if self.last_ms > now_ms + BEFORE_MS else min(self.last_ms, now_ms) - BEFORE_MS

    def recent(self, since_ms: int | None) -> tuple[Symbol, ...]:
        """Give the (family, symbol) pairs that were traded shortly before what may be lost, or since."""
        if since_ms is None:
            return ()
        begun_ms = since_ms + BEFORE_MS - RECENT_MS
        return tuple([symbol for symbol, at_ms in self.symbols.items() if at_ms >= begun_ms])


def reads_from(since_ms: int, exchange_ms: int) -> int:
    """Give from when on (exchange time) the exchange is asked, whose time it is now `exchange_ms`.

    Orders are signed only while the host's clock is within 5 s of the exchange's: what was written then is exchange
    time, whatever the host's clock says now. What lies ahead of the exchange tells nothing.
    """
    farthest_ms = exchange_ms - FARTHEST_MS
    return farthest_ms if since_ms > exchange_ms else max(since_ms, farthest_ms)


def _symbols(intent: Mapping[str, Any]) -> Iterator[str]:
    values = dict(intent["pairs"])
    if "symbol" in values:
        yield values["symbol"]
    elif intent["path"] in BATCHES:
        legs: Iterable[Any] = items_of(values.get("batchOrders", "")) or ()
        yield from {str(leg["symbol"]) for leg in legs if isinstance(leg, dict) and "symbol" in leg}
