"""One way down the ladder and one way up, whoever asks: the ladder, the gateway, the acts, the people who are told."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.ladder import Actor, Given, Ladder, Refusal, Rung, Scope, Trip, trip_of
from counterseal.core.reach import reach
from counterseal.guard.acting import Act, Acts, proven_before
from counterseal.guard.ladder_keeper import LadderKeeper
from counterseal.guard.telling import Telling


class Stopping:
    """Stops and gives back. `config` gives the settings, None while there are none."""

    def __init__(
        self, keeper: LadderKeeper, acts: Acts, telling: Telling, config: Callable[[], Config | None], log: Any
    ) -> None:
        self._keeper, self._acts, self._telling, self._config, self._log = keeper, acts, telling, config, log

    @property
    def ladder(self) -> Ladder:
        """The ladder as it is."""
        return self._keeper.ladder

    def stop(self, trip: Trip, by: Mapping[str, Any]) -> Act | Refusal | None:
        """Take a scope to a rung and do what follows. None when the guard sees again what it has stopped already."""
        before = self._keeper.ladder
        number = self._keeper.trip(trip, by)
        if isinstance(number, Refusal):
            return number
        is_news = self._keeper.ladder != before
        if not is_news and trip.actor is not Actor.OPERATOR:
            return None
        config = self._config()
        act = self._acts.start(trip, number, () if config is None else reach(trip.scope, config))
        # After the act has begun: who tells people may be slow, and must not hold it up.
        self._log.critical("halted", scope=str(trip.scope), rung=trip.rung.name, who=trip.who, cause=trip.cause)
        if is_news:
            self._telling.tripped(self._keeper.ladder.trips[trip.scope])
        return act

    def give_back(
        self, scope: Scope, operator: str, operators: Collection[str], by: Mapping[str, Any]
    ) -> Given | Refusal:
        """Resume a scope. Raises JournalError, and then nothing is given back."""
        found = self._keeper.reset(scope, operator, operators, by)
        if isinstance(found, Refusal):
            return found
        self._log.critical("operator resumes", scope=str(scope), operator=operator, is_done=found.is_done)
        if found.is_done:
            self._acts.forget(scope)
            self._telling.resumed(scope, operator)
        return found

    def remember(self, trips: object) -> None:
        """Take what the last guard had told the supervisor, and perhaps no disk. It raises rungs, and lowers none."""
        for data in trips if isinstance(trips, list) else ():
            try:
                trip = trip_of(data)
            except ValueError:
                self._log.critical("a stop that the supervisor remembers cannot be read")
                continue
            found = self._keeper.ladder.trip(trip)
            if isinstance(found, Ladder) and found.trips != self._keeper.ladder.trips:
                self._log.critical("a stop that the journal lacks", scope=str(trip.scope), rung=trip.rung.name)
                self._keeper.trip(trip, {"by": "supervisor"})

    def after_start(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Do nothing of itself: a start closes no position. What was cut short, by the records, is told."""
        proven = proven_before(records)
        for trip in self._keeper.ladder.trips.values():
            if trip.cancels or trip.rung is Rung.FLATTEN:
                is_proven = str(trip.scope) in proven
                self._acts.of_before(trip, is_proven=is_proven)
                if not is_proven:
                    self._telling.interrupted(trip)
