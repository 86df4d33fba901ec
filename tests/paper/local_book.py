"""A local order book kept by the documented algorithms, written from them alone: for spot and for USD-M."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Side = dict[Decimal, Decimal]


class Gap(Exception):
    """An event does not follow the last one: begin again."""


class LocalBook:
    """Buffers events, takes a snapshot, applies what follows it, and asks for a new one after a gap."""

    def __init__(self, is_futures: bool) -> None:
        self.is_futures = is_futures
        self.resyncs = 0
        self._reset()

    def _reset(self) -> None:
        self.bids: Side = {}
        self.asks: Side = {}
        self.last_id: int | None = None
        self._is_first = True
        self._buffer: list[dict[str, Any]] = []

    @property
    def is_synced(self) -> bool:
        return self.last_id is not None

    @property
    def wants_snapshot(self) -> bool:
        return self.last_id is None and bool(self._buffer)

    def on_event(self, event: dict[str, Any]) -> None:
        """One depthUpdate."""
        if self.last_id is None:
            self._buffer.append(event)
            return
        try:
            self._apply(event)
        except Gap:
            self.resyncs += 1
            self._reset()
            self._buffer = [event]

    def on_snapshot(self, snapshot: dict[str, Any]) -> None:
        """A depth reply; one that is older than the buffer is of no use and dropped."""
        if snapshot["lastUpdateId"] < self._buffer[0]["U"]:
            return
        buffer, self._buffer = self._buffer, []
        self.bids, self.asks = _side(snapshot["bids"]), _side(snapshot["asks"])
        self.last_id, self._is_first = snapshot["lastUpdateId"], True
        for event in buffer:
            self.on_event(event)

    def _apply(self, event: dict[str, Any]) -> None:
        assert self.last_id is not None
        if event["u"] < self.last_id or (not self.is_futures and event["u"] == self.last_id):
            return
        self._check(event, self.last_id)
        for rows, side in ((event["b"], self.bids), (event["a"], self.asks)):
            for price, qty in rows:
                if Decimal(qty):
                    side[Decimal(price)] = Decimal(qty)
                else:
                    side.pop(Decimal(price), None)
        self.last_id, self._is_first = event["u"], False

    def _check(self, event: dict[str, Any], last_id: int) -> None:
        """Raise when something is missing between the book and the event."""
        if not self.is_futures:
            is_next = event["U"] <= last_id + 1
        elif self._is_first:
            # an event that ends exactly at the snapshot changes nothing; the one behind it begins at the next id
            is_next = event["U"] <= last_id <= event["u"] or event["pu"] == last_id
        else:
            is_next = event["pu"] == last_id
        if not is_next:
            raise Gap


def _side(rows: list[list[str]]) -> Side:
    return {Decimal(price): Decimal(qty) for price, qty in rows}
