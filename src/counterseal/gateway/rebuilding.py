"""Makes the book of exposures anew from the journal: at a start before the gateway opens, or while it runs."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from counterseal.core.exposure.replay import MARK, Replay
from counterseal.core.record import JournalDamaged
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.turn import Turn
from counterseal.ports.clock import Clock

# So many records are taken before requests have their turn.
AT_ONCE = 256
PAUSE_S = 0.001


class Tail(Protocol):
    """A journal as it is read: `finding` looks for where to begin, `new` gives what has come since the last call."""

    def finding(self, mark: bytes, suits: Any) -> Iterable[None]: ...

    def new(self) -> Iterable[Mapping[str, Any]]: ...


class Rebuilding:
    """Until it is done, whoever is newly limited may only reduce."""

    def __init__(self, exposures: Exposures, turn: Turn, clock: Clock, log: Any) -> None:
        self._exposures = exposures
        self._turn = turn
        self._clock = clock
        self._log = log
        self._turns = asyncio.Lock()

    async def read(self, tail: Tail) -> None:
        """Read what is needed, if anything is. Where the journal cannot be read, exits alone go on."""
        async with self._turns:
            # One by one: what an earlier configuration needs must not come after what this one does.
            if self._exposures.must_read:
                await self._read(tail)

    async def _read(self, tail: Tail) -> None:
        replay = self._exposures.replay()
        try:
            for _ in tail.finding(MARK, replay.suits):
                await self._clock.sleep(0)
            await self._take(replay, tail)
            await self._finished(replay, tail)
        except (JournalDamaged, OSError) as fault:
            self._closed(str(fault))
        except Exception as fault:  # noqa: BLE001 - a record that cannot be taken must not pass for one that says nothing
            self._closed(type(fault).__name__)

    def _closed(self, why: str) -> None:
        self._log.critical("exposure cannot be made from the journal: limited bots may only reduce", why=why)

    async def _take(self, replay: Replay, tail: Tail) -> None:
        for number, record in enumerate(tail.new(), 1):
            replay.take(record)
            if number % AT_ONCE == 0:
                await self._clock.sleep(PAUSE_S)

    async def _finished(self, replay: Replay, tail: Tail) -> None:
        """Take the last records at a moment when all that has happened is in the journal."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def finish() -> None:
            try:
                for record in tail.new():
                    replay.take(record)
                self._exposures.take_over(replay)
                done.set_result(None)
            except Exception as fault:  # noqa: BLE001 - whoever waits for it gets it
                done.set_exception(fault)

        self._turn.answer(finish)
        await done
