"""What the watch says: states that fail, to the gateway; alerts, to people. Both in time, and not more than needed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from counterseal.core.alerts.codes import CODES
from counterseal.core.alerts.model import Alert
from counterseal.core.positions.truth import Difference
from counterseal.guard.watch.followed import GAP
from counterseal.ports.clock import Clock

# What fails is told again so often, so that a new gateway hears it.
AGAIN_MS = 1_000
# A start, and a gap that is read at once, are no alarm.
LASTS_MS = 1_500
# A gateway that is started again leaves a gap in the events, which the next read makes up for: that pages nobody within
# this time. One that does it again and again does.
RESTART_MS, RESTARTS_MS = 10_000, 60_000


class Failing(NamedTuple):
    """Something that fails: a row of `core.failing`, for which account (""  is all), since when (monotonic ms), why."""

    name: str
    account: str
    since_ms: int
    detail: str


class Signals:
    """Tells the gateway by `tell`, people by `raise_`."""

    def __init__(
        self, clock: Clock, tell: Callable[[Mapping[str, Any]], None], raise_: Callable[[Alert], None], log: Any
    ) -> None:
        self._clock, self._tell, self._raise, self._log = clock, tell, raise_, log
        self._failing: dict[tuple[str, str], Failing] = {}
        self._seen_ms: dict[tuple[str, str], int] = {}
        self._alerted: set[tuple[str, str]] = set()
        self._warned: set[tuple[str, str]] = set()
        self._told_ms: int | None = None
        self._restarted_ms: int | None = None

    def restarts(self, now_ms: int) -> None:
        """The gateway has ended, or begins: no event comes meanwhile."""
        if self._restarted_ms is None or now_ms - self._restarted_ms >= RESTARTS_MS:
            self._restarted_ms = now_ms

    def _is_of_restart(self, failing: Failing, now_ms: int) -> bool:
        """Tell whether it is no more than what every restart of the gateway brings."""
        begun_ms = self._restarted_ms
        return begun_ms is not None and failing.detail == GAP and now_ms - begun_ms < RESTART_MS

    def failing(self, found: Iterable[Failing], now_ms: int) -> None:
        """Take all that fails at this moment: new things are told the gateway at once, people when they last."""
        new = {(each.name, each.account): each for each in found}
        is_changed = new.keys() != self._failing.keys()
        self._seen_ms = {key: self._seen_ms.get(key, now_ms) for key in new}
        for key in self._alerted - new.keys():
            self._log.warning("the position monitor is well again", account=key[1])
        self._alerted &= new.keys()
        self._warned &= new.keys()
        for key in [key for key in new.keys() - self._alerted if now_ms - self._seen_ms[key] >= LASTS_MS]:
            each = new[key]
            if self._is_of_restart(each, now_ms):
                self._warn(each)
                continue
            self._alerted.add(key)
            self._log.critical("the position monitor is stale", account=each.account, why=each.detail)
            self.alert("positions_stale", f"{each.account}: {each.detail}", f"stale {each.account}")
        self._failing = new
        if is_changed or self._told_ms is None or (new and now_ms - self._told_ms >= AGAIN_MS):
            self._told_ms = now_ms
            self._tell(self.states(now_ms))

    def _warn(self, each: Failing) -> None:
        if (each.name, each.account) not in self._warned:
            self._warned.add((each.name, each.account))
            self._log.warning("the gateway was started again", account=each.account, why=each.detail)
            text = f"{each.account}: the gateway was started again: {each.detail}"
            self.alert("stream_gap", text, f"gap {each.account}")

    def states(self, now_ms: int) -> dict[str, Any]:
        """Give what fails as the gateway reads it: by row, since when, why, and for which accounts."""
        found: dict[str, Any] = {}
        for each in self._failing.values():
            row = found.setdefault(each.name, {"since_ms_ago": 0, "detail": each.detail, "accounts": []})
            row["since_ms_ago"] = max(row["since_ms_ago"], now_ms - each.since_ms)
            row["accounts"].append(each.account)
        return found

    def differs(self, account: str, family: str, difference: Difference, *, has_gap: bool) -> None:
        """The books and the exchange do not agree."""
        why = " while events were missing" if has_gap else ""
        self._log.critical("the books and the exchange differ", account=account, family=family, what=str(difference))
        self.alert("recon_differs", f"{account} {family}: {difference}{why}", f"recon {account} {family}")

    def alert(self, code: str, text: str, key: str, symbols: tuple[str, ...] = ()) -> None:
        """Tell people."""
        row = CODES[code]
        at_ms = self._clock.wall_ns() // 1_000_000
        self._raise(Alert(row.severity, code, row.title, text, key, at_ms, symbols))
