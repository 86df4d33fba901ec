"""Identical public reads are one request to the exchange, and its answer serves who asks a moment later.

Only what is public passes here: an answer's status, bytes and age. Whose read it was that went out is nobody else's
affair: what keeps that bot from asking is told to that bot alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from counterseal.adapters.tasks import Tasks
from counterseal.core.public_cache import Kept, PublicCache
from counterseal.core.public_reads import Key, SharedRead
from counterseal.gateway import answers
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Lost, NotSent, VenueReply

Present = Callable[[], bool]
# Asks the exchange; its argument tells whether anybody still waits for the answer.
Ask = Callable[[Present], Awaitable[VenueReply]]


class Declined(Exception):
    """Nothing was sent, for a reason of the one bot whose request it was to be. The others ask for themselves."""


class Shared(NamedTuple):
    """An answer and how it came: "" by this bot's own request, "joined" by another's, "hit" from what is kept."""

    answer: VenueReply
    how: str


class _Flight:
    """One request on its way. `landed` gets its answer or its failure as a value."""

    def __init__(self) -> None:
        self.landed: asyncio.Future[VenueReply | Exception] = asyncio.get_running_loop().create_future()
        self._waiting: list[Present] = []

    async def wait(self, present: Present) -> VenueReply | Exception:
        """Wait for the end. Who is cancelled or gone ends nothing for the others."""
        self._waiting.append(present)
        try:
            return await asyncio.shield(self.landed)
        finally:
            self._waiting.remove(present)

    def wanted(self) -> bool:
        """Tell whether some bot still waits."""
        return any(present() for present in self._waiting)


class Stampede:
    """Joins reads that are the same."""

    def __init__(self, cache: PublicCache, clock: Clock, tasks: Tasks) -> None:
        self._cache = cache
        self._clock = clock
        self._tasks = tasks
        self._flights: dict[Key, _Flight] = {}

    async def share(self, read: SharedRead, ask: Ask, present: Present, *, past_cache: bool = False) -> Shared:
        """Give the answer of the request in flight, the kept one, or that of a new request by `ask`.

        `present` tells whether the bot is still there. With `past_cache` no kept answer will do. Raises NotSent or Lost
        as the one request ended, for everybody alike, and Declined where `ask` raised it: for its own bot only.
        """
        while True:
            kept = None if past_cache else self._cache.find(read, self._now_ms())
            if kept is not None:
                return Shared(_reply(kept), "hit")
            flight = self._flights.get(read.key)
            joined = flight is not None
            landed = await (flight or self._depart(read, ask)).wait(present)
            if isinstance(landed, VenueReply):
                return Shared(landed, "joined" if joined else "")
            # Of those who joined a request that was declined, the first to come here sends the next one.
            if not (joined and isinstance(landed, Declined)):
                raise landed.with_traceback(None)

    def _depart(self, read: SharedRead, ask: Ask) -> _Flight:
        """Send in a task of its own: it goes on when the bot that began it has left."""
        flight = self._flights[read.key] = _Flight()
        task = self._tasks.spawn(self._fly(read, flight, ask), "public read")
        # A task that is cancelled before its first step never gets to say so.
        task.add_done_callback(lambda _: self._land(read.key, flight, Lost("the gateway stops")))
        return flight

    async def _fly(self, read: SharedRead, flight: _Flight, ask: Ask) -> None:
        try:
            answer = await ask(flight.wanted)
        except (NotSent, Lost, Declined) as failure:
            self._land(read.key, flight, failure)
        except Exception as error:
            self._land(read.key, flight, error)
            raise
        else:
            # Once for all who will be served it: to look through exchangeInfo takes milliseconds.
            if answers.is_whole(answer.body):
                keep_answer(self._cache, read, answer, self._now_ms())
            self._land(read.key, flight, answer)

    def _land(self, key: Key, flight: _Flight, landed: VenueReply | Exception) -> None:
        """End a flight once: who comes from now on begins another."""
        if not flight.landed.done():
            del self._flights[key]
            flight.landed.set_result(landed)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


def keep_answer(cache: PublicCache, read: SharedRead, answer: VenueReply, now_ms: int) -> None:
    """Keep an answer of the exchange, known to be whole JSON, for who asks next.

    Its age counts from before it was asked for.
    """
    kept = Kept(answer.body, answer.headers.get("date", ""), answer.sent_ns // 1_000_000)
    cache.keep(read, answer.status, kept, now_ms)


def _reply(kept: Kept) -> VenueReply:
    """Give a kept answer as the exchange gave it: with its own date, without a count of weight that has moved on."""
    headers = {"date": kept.date} if kept.date else {}
    return VenueReply(200, headers, kept.body, kept.asked_ms * 1_000_000, kept.asked_ms * 1_000_000)
