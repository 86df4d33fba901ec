"""The states of `core.failing` that are in force: since when, why, and when they end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from counterseal.core.failing import TABLE, WELL_MS, Ends, Kind, Row

# What stands in for the scope of a state that holds for everything.
EVERYTHING = ""


class Sign(NamedTuple):
    """One look at an input: is the row's state there? `scope` is a host family where it holds for one alone.

    `detail` tells an operator the figure or the cause, `since_ms` (monotonic) when it began where that is known better
    than by this look.
    """

    name: str
    is_failing: bool
    detail: str = ""
    scope: str = EVERYTHING
    since_ms: int | None = None


@dataclass(slots=True)
class Failure:
    """A state in force. All moments are monotonic ms; `well_ms` is None while the fault lasts.

    `until_ms` is set for a state that only refusals show: without another one by then it has ended.
    """

    row: Row
    scope: str
    detail: str
    since_ms: int
    well_ms: int | None = None
    until_ms: int | None = None

    @property
    def reason(self) -> str:
        """The code that a refusal carries; "" for a state that refuses nothing."""
        return self.row.reasons[0] if self.row.reasons else ""


class Change(NamedTuple):
    """A state began (`ended` is False) or ended."""

    failure: Failure
    ended: bool


@dataclass(slots=True)
class Failures:
    """All states in force by row and scope. `gated` is empty as long as everything is well: the hot path asks it.

    It holds those that refuse by themselves, whatever the order is.
    """

    gated: dict[tuple[str, str], Failure] = field(default_factory=dict)
    _all: dict[tuple[str, str], Failure] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Failure]:
        """Give all, the oldest first."""
        return iter(self._all.values())

    def get(self, name: str, scope: str = EVERYTHING) -> Failure | None:
        """Give a state that is in force."""
        return self._all.get((name, scope))

    def note(self, sign: Sign, now_ms: int) -> Change | None:
        """Take one look at an input. Gives the change that it makes, None when nothing changes."""
        failure = self._all.get((sign.name, sign.scope))
        if sign.is_failing:
            if failure is None:
                return Change(self._begin(sign, now_ms if sign.since_ms is None else sign.since_ms), ended=False)
            failure.well_ms, failure.until_ms, failure.detail = None, None, sign.detail
            return None
        if failure is None or failure.until_ms is not None or failure.row.ends is Ends.LATCHED:
            return None
        if failure.well_ms is None:
            failure.well_ms = now_ms
        if failure.row.ends is Ends.WELL and now_ms - failure.well_ms < WELL_MS:
            return None
        return self._end(failure)

    def meet(self, name: str, scope: str, since_ms: int, now_ms: int, lasts_ms: int) -> list[Change]:
        """Take a refusal as the sign of a state that nobody watches. It ends `lasts_ms` after the last of them.

        `since_ms` is when it began, should it be new. One that is watched is left alone: whoever asks again and again
        must not keep it closed.
        """
        changes = self.expire(now_ms)
        failure = self._all.get((name, scope))
        if failure is None:
            failure = self._begin(Sign(name, is_failing=True, scope=scope), since_ms)
            changes.append(Change(failure, ended=False))
        elif failure.until_ms is None:
            return changes
        failure.until_ms = now_ms + lasts_ms
        return changes

    def expire(self, now_ms: int) -> list[Change]:
        """End what no refusal has shown for long enough."""
        over = [each for each in self._all.values() if each.until_ms is not None and now_ms > each.until_ms]
        return [self._end(failure) for failure in over]

    def _begin(self, sign: Sign, since_ms: int) -> Failure:
        failure = Failure(TABLE[sign.name], sign.scope, sign.detail, since_ms)
        self._all[sign.name, sign.scope] = failure
        if failure.row.gated:
            self.gated[sign.name, sign.scope] = failure
        return failure

    def _end(self, failure: Failure) -> Change:
        del self._all[failure.row.name, failure.scope]
        self.gated.pop((failure.row.name, failure.scope), None)
        return Change(failure, ended=True)

    def watched(self, name: str, scope: str) -> bool:
        """Tell whether a state is in force that was looked at, not only met by refusals."""
        failure = self._all.get((name, scope))
        return failure is not None and failure.until_ms is None

    def refusing(self, kind: Kind, family: str) -> Failure | None:
        """Give a state that refuses such a request to a host family, None when it may go on."""
        for failure in self.gated.values():
            if failure.scope in (EVERYTHING, family) and failure.row.refuses(kind):
                return failure
        return None
