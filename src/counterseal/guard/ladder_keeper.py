"""Keeps the ladder: every change is in the journal before it takes effect, and the gateway hears of it at once.

A trip alone takes effect even where it cannot be recorded: a full disk must not keep anybody from stopping.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from counterseal.core.ladder import Actor, Given, Ladder, Refusal, Scope, Trip, trip_data
from counterseal.core.ladder_records import given_back, tripped
from counterseal.ports.clock import Clock

_NOBODY: Mapping[str, Any] = {}


class Book(Protocol):
    """Where changes are written."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record. Raises JournalError."""
        ...

    def try_write(self, record: Mapping[str, Any]) -> bool:
        """Write a record of what goes on in any case."""
        ...


class LadderKeeper:
    """Holds the ladder. `tell` takes it to the gateway, at once where something was taken back, and gives a number."""

    def __init__(
        self, ladder: Ladder, book: Book, clock: Clock, tell: Callable[[list[dict[str, Any]], bool], int]
    ) -> None:
        self.ladder = ladder
        self._book, self._clock, self._tell = book, clock, tell

    def trip(self, trip: Trip, by: Mapping[str, Any] = _NOBODY) -> int | Refusal:
        """Take a scope to a rung, in any case; gives the number under which the gateway hears of it."""
        found = self.ladder.trip(trip)
        if isinstance(found, Refusal):
            return found
        is_news = found != self.ladder
        # What a person does is recorded each time; what the guard itself sees, it may see every second.
        if is_news or trip.actor is Actor.OPERATOR:
            self._book.try_write(tripped(trip, by))
        self.ladder = found
        return self.tell(is_urgent=is_news or trip.actor is Actor.OPERATOR)

    def reset(
        self, scope: Scope, operator: str, operators: Collection[str], by: Mapping[str, Any] = _NOBODY
    ) -> Given | Refusal:
        """Give a scope back by a named operator. Raises JournalError, and then nothing is given back."""
        now_ms = self._clock.wall_ns() // 1_000_000
        found = self.ladder.reset(scope, operator, operators, now_ms)
        if isinstance(found, Refusal):
            return found
        self._book.write(given_back(scope, operator, now_ms, by, is_done=found.is_done))
        self.ladder = found.ladder
        self.tell(is_urgent=False)
        return found

    def tell(self, *, is_urgent: bool = False) -> int:
        """Have the gateway hear the whole ladder."""
        return self._tell(list(map(trip_data, self.ladder.trips.values())), is_urgent)
