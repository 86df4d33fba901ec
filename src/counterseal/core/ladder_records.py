"""The ladder's changes as records of the guard's journal, and the ladder that such records fold into.

Every start writes the whole state once, so that no start has to read further back than to the newest of those.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from counterseal.core.ladder import FLEET, Actor, Ladder, Rung, Scope, Trip, Wish, scope_of, trip_data, trip_of

TYPE = "ladder"
# Behind it, within its segment, no start has to look for anything that stands before it.
RESTATED = "restated"
UNREADABLE = "unreadable"


def tripped(trip: Trip, by: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record of a trip; `by` tells more of who asked, such as the user that the kernel named."""
    return {"type": TYPE, "act": "trip", **trip_data(trip), **by}


def given_back(scope: Scope, operator: str, at_ms: int, by: Mapping[str, Any], *, is_done: bool) -> dict[str, Any]:
    """Give the record of one operator's word; without `is_done` a second operator must agree."""
    act = "reset" if is_done else "wish"
    return {"type": TYPE, "act": act, "scope": str(scope), "operator": operator, "at_ms": at_ms, **by}


def whole(ladder: Ladder) -> dict[str, Any]:
    """Give the record of all that holds at a start."""
    wishes = [{"scope": str(scope), **wish._asdict()} for scope, wish in ladder.wishes.items()]
    return {"type": TYPE, "act": "state", "trips": list(map(trip_data, ladder.trips.values())), "wishes": wishes}


def unreadable(now_ms: int) -> Trip:
    """Give the trip that stands for everything that cannot be read: the fleet is halted."""
    return Trip(FLEET, Rung.HALTED, Actor.GUARD, "guard", UNREADABLE, now_ms)


def newest_state(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the ladder's records from the newest whole state on, which comes first; none when there is no such."""
    found: list[Mapping[str, Any]] = []
    for record in records:
        if record.get("type") == TYPE and (found or record.get("act") == "state"):
            found = [record] if record.get("act") == "state" else [*found, record]
    return found


def fold(records: Iterable[Mapping[str, Any]], now_ms: int) -> Ladder:
    """Give the ladder that the records lead to. From one that cannot be read on, the fleet is halted."""
    ladder = Ladder()
    for record in records:
        if record.get("type") == TYPE:
            ladder = _after(ladder, record, now_ms)
    return ladder


def _after(ladder: Ladder, record: Mapping[str, Any], now_ms: int) -> Ladder:
    try:
        return _changed(ladder, record)
    except (ValueError, KeyError, TypeError):
        return standing(ladder, unreadable(now_ms))


def _changed(ladder: Ladder, record: Mapping[str, Any]) -> Ladder:
    act = record["act"]
    if act == "state":
        trips = {trip.scope: trip for trip in map(trip_of, record["trips"])}
        wishes = {scope_of(each["scope"]): _wish(each) for each in record["wishes"]}
        return Ladder(trips, wishes)
    if act == "trip":
        return standing(ladder, trip_of(record))
    scope = scope_of(record["scope"])
    wishes = {name: wish for name, wish in ladder.wishes.items() if name != scope}
    if act == "wish":
        return replace(ladder, wishes={**wishes, scope: _wish(record)})
    if act != "reset":
        raise ValueError("no act of the ladder")
    return Ladder({name: trip for name, trip in ladder.trips.items() if name != scope}, wishes)


def _wish(data: Mapping[str, Any]) -> Wish:
    operator, at_ms = data["operator"], data["at_ms"]
    if type(operator) is not str or type(at_ms) is not int:
        raise ValueError("no wish")
    return Wish(operator, at_ms)


def standing(ladder: Ladder, trip: Trip) -> Ladder:
    """Give the ladder after a trip that was judged before: by the journal, or by the guard itself."""
    joined = ladder.trip(trip)
    if not isinstance(joined, Ladder):
        raise ValueError("a trip that nobody may make")
    return joined
