"""The futures streams of all symbols: since the two markets were joined, both addresses carry both markets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from counterseal.paper import streams_futures_payloads as shapes
from counterseal.paper.errors import Json
from counterseal.paper.feed import Event, OrderEvent
from counterseal.paper.streams import Payloads, Stream
from counterseal.paper.streams_futures_figures import Figures
from counterseal.paper.symbols import Symbol

Makers = dict[str, tuple[int, Callable[[int], Payloads]]]


class MixedStreams:
    """Streams whose name begins with an exclamation mark, and the queues of what happens now and then."""

    def __init__(self, usdm: Figures, coinm: Figures) -> None:
        self._usdm = usdm
        self._coinm = coinm
        self._symbols = {**usdm.market.symbols, **coinm.market.symbols}
        self._forced: list[Json] = []  # liquidations, told to every stream that has not passed them yet
        self._notices: list[Json] = []  # contractInfo

    def open(self, name: str, family: str) -> Stream | None:
        """The stream of a name on one market's address; None when it means nothing there."""
        makers = self._both() | (self._only_usdm() if family == "usdm" else self._only_coinm())
        if name in makers:
            return Stream(name, *makers[name])
        if name == "!forceOrder@arr":
            return self._queue(name, self._forced, lambda item: item)
        if name == "!contractInfo":
            return self._queue(name, self._notices, lambda item: item)
        return None

    def forced(self, name: str, symbol: str) -> Stream:
        """The liquidations of one symbol."""
        return self._queue(name, self._forced, lambda item: _own(item, symbol))

    def _rows(self) -> Iterator[tuple[Figures, Symbol]]:
        for figures in (self._usdm, self._coinm):
            for symbol in figures.market.symbols.values():
                yield figures, symbol

    def _both(self) -> Makers:
        return {
            "!miniTicker@arr": (1000, lambda now: [[item.mini(symbol, now) for item, symbol in self._rows()]]),
            "!ticker@arr": (1000, lambda now: [[item.day(symbol, now) for item, symbol in self._rows()]]),
        }

    def _only_usdm(self) -> Makers:
        figures, symbols = self._usdm, self._usdm.market.symbols.values()
        return {
            "!bookTicker": (5000, lambda now: [item.best(symbol, now) for item, symbol in self._rows()]),
            "!markPrice@arr": (3000, lambda now: [[figures.mark(symbol, now) for symbol in symbols]]),
            "!markPrice@arr@1s": (1000, lambda now: [[figures.mark(symbol, now) for symbol in symbols]]),
            "!assetIndex@arr": (1000, self._asset_index),
            "tradingSession": (1000, lambda now: [shapes.session(now)]),
        }

    def _only_coinm(self) -> Makers:
        """Best prices come there when they change."""
        seen: dict[str, object] = {}

        def changed(now: int) -> Payloads:
            found: Payloads = []
            for figures, symbol in self._rows():
                top = figures.market.keepers.of(symbol.name).best(now)[1:]
                if seen.get(symbol.name) != top:
                    seen[symbol.name] = top
                    found.append(figures.best(symbol, now))
            return found

        return {"!bookTicker": (0, changed)}

    def _asset_index(self, now: int) -> Payloads:
        return [[shapes.asset_index(rate, now) for rate in self._usdm.market.rates.all(now)]]

    # what happens now and then

    def _queue(self, name: str, items: list[Json], chosen: Callable[[Json], Json | None]) -> Stream:
        """A stream of the items that are added from now on."""
        place = [len(items)]

        def make(now: int) -> Payloads:
            fresh = [chosen(item) for item in items[place[0] :]]
            place[0] = len(items)
            return [item for item in fresh if item is not None]

        return Stream(name, 1000, make)

    def announce(self, symbol: str, now: int) -> None:
        """Push contractInfo of a symbol.  KeyError when it is not listed."""
        self._notices.append(shapes.contract_info(self._symbols[symbol], now))

    # a listener of both markets' feeds

    def take(self, event: Event) -> None:
        """Liquidations are orders of the exchange's own making."""
        if not isinstance(event, OrderEvent) or event.trade is None:
            return
        if event.order.client_id.startswith("autoclose-"):
            self._forced.append(shapes.forced(self._symbols[event.order.symbol], event))

    def flush(self, now_ms: int) -> None:
        """Nothing waits for the end of a transaction."""


def _own(item: Json, symbol: str) -> Json | None:
    order = item["o"]
    if not isinstance(order, dict) or order["s"] != symbol:
        return None
    return {name: item[name] for name in ("e", "E", "o")}
