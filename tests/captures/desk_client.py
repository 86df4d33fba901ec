"""The signer's desk within the same process: its own table, its own bounds, its packets, no socket."""

import asyncio
from collections.abc import Mapping

from tests.captures.exchange_keys import ExchangeKey

from counterseal.adapters import packets
from counterseal.core.messages import HeldKey, Refused, Sign, Signed
from counterseal.ports.clock import Clock
from counterseal.signer import table
from counterseal.signer.desk import Desk

Answer = asyncio.Future[Signed | Refused]


class DeskClient:
    """The SigningClient port."""

    def __init__(self, key: ExchangeKey, clock: Clock) -> None:
        held = key.held.held
        self._keys = {held.ref: held}
        self._desk = Desk(table.load(), {held.ref: key.held}, "signer", lambda: clock.wall_ns() // 1_000_000)
        self._queued: dict[int, tuple[Sign, Answer]] = {}
        self._last = 0

    def keys(self) -> Mapping[str, HeldKey]:
        """The one key."""
        return self._keys

    def queue(self, request: Sign) -> Answer:
        """Queue for the next flush."""
        future: Answer = asyncio.get_running_loop().create_future()
        self._queued[request.id] = (request, future)
        return future

    def flush(self) -> None:
        """Have all that is queued signed."""
        queued, self._queued = self._queued, {}
        for packet in packets.encode([request for request, _ in queued.values()]):
            for reply in self._desk.answer(packet):
                for message in packets.decode(reply):
                    assert isinstance(message, Signed | Refused)
                    queued[message.id][1].set_result(message)

    def drop(self, error: Exception) -> None:
        """Fail all that is queued."""
        queued, self._queued = self._queued, {}
        for _, future in queued.values():
            future.set_exception(error)

    def next_id(self) -> int:
        """Count."""
        self._last += 1
        return self._last
