"""Exits that find all connections to the exchange in use wait for one, first come, first served."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from counterseal.ports.clock import Clock

# The address that a connection leaves from, and the host family that it goes to.
Route = tuple[str, str]


class Connection(Protocol):
    """What can be given back."""

    open: bool


C = TypeVar("C", bound=Connection)


class ExitLine(Generic[C]):
    """Who waits. `keep` takes a connection that was given to somebody who no longer wants it."""

    def __init__(self, clock: Clock, keep: Callable[[Route, C], None]) -> None:
        self._clock = clock
        self._keep = keep
        self.waiting: deque[tuple[Route, asyncio.Future[C | None]]] = deque()

    async def wait(self, route: Route, wait_s: float) -> C | None:
        """Wait until somebody gives a connection back. None where it was another route's, has ended, or none came."""
        waiter: asyncio.Future[C | None] = asyncio.get_running_loop().create_future()
        place = (route, waiter)
        self.waiting.append(place)
        timer = self._clock.call_later(wait_s, lambda: _tell(waiter, None))
        try:
            given = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (left := waiter.result()) is not None:
                self._keep(route, left)
            raise
        finally:
            timer.cancel()
            self.waiting.remove(place)
        # It may have ended since it was given.
        return given if given is not None and given.open else None

    def hand_on(self, route: Route, connection: C) -> bool:
        """Tell the exit that has waited longest at this address of a place; True if it takes this connection."""
        for wanted, waiter in self.waiting:
            if wanted[0] == route[0] and not waiter.done():
                is_its_own = wanted == route and connection.open
                _tell(waiter, connection if is_its_own else None)
                return is_its_own
        return False


def _tell(waiter: "asyncio.Future[C | None]", connection: C | None) -> None:
    if not waiter.done():
        waiter.set_result(connection)
