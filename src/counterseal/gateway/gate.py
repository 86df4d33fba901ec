"""The one place where a request meets the states in which something fails, and where those states begin and end."""

from collections.abc import Mapping
from typing import Any

from counterseal.adapters.unrecorded import Unrecorded
from counterseal.core.failing import WELL_MS, Kind, row_of
from counterseal.core.failures import Change, Sign
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import Journal

# Which state each of the journal's own reasons for being closed is.
_JOURNAL = {
    "journal_unavailable": "journal_failing",
    "journal_slow": "journal_slow",
    "witness_unreachable": "witness_away",
}


class Gate:
    """Refuses by `core.failing`, and puts on record what begins to fail and what is well again."""

    def __init__(self, state: State, journal: Journal, turn: Turn, log: Any, unrecorded: Unrecorded) -> None:
        self._state = state
        self._journal = journal
        self._turn = turn
        self._log = log
        self._unrecorded = unrecorded

    # -- requests

    def shut(self, admitted: Admitted) -> Reply | None:
        """Give the refusal of a request that a failing thing closes; None when it may go on.

        To be asked when the journal is closed or something is failing at all.
        """
        kind = kind_of(admitted)
        if kind is None:
            return None
        self.look_at_journal()
        failure = self._state.failures.refusing(kind, admitted.endpoint.family)
        if failure is None:
            return None
        return replies.denial(failure.reason, since_ms=self._state.told_ms(failure.since_ms))

    def doubted(self, admitted: Admitted, account: str) -> Reply | None:
        """Give the refusal of an order that must wait for unknown ones to be resolved; None when it need not."""
        kind = kind_of(admitted)
        doubt = self._state.unknowns.refusal(account, admitted.endpoint.family, admitted.intent.symbols)
        row = None if doubt is None else row_of(doubt.reason)
        if doubt is None or row is None or kind is None or not row.refuses(kind):
            return None
        self.meet(row.name, account, doubt.since_ms)
        return replies.denial(doubt.reason, since_ms=self._state.told_ms(doubt.since_ms))

    def record(self, record: Mapping[str, Any]) -> None:
        """Put a record into the journal, or where no disk takes it any more into memory and on standard error."""
        if self._journal.failed:
            self._unrecorded.keep(record)
        else:
            self._turn.write(record)

    # -- states

    def look_at_journal(self) -> None:
        """Note what the journal says of itself."""
        why = _JOURNAL.get(self._journal.closed)
        for name in _JOURNAL.values():
            # One that is slow tells nothing of its witness.
            if name != "witness_away" or why != "journal_slow":
                self.note(Sign(name, is_failing=name == why))
        self.note(Sign("journal_lost", is_failing=self._journal.failed))

    def note(self, sign: Sign) -> None:
        """Take one look at an input."""
        change = self._state.failures.note(sign, self._state.monotonic_ms())
        if change is not None:
            self._tell(change)

    def meet(self, name: str, scope: str, since_ms: int, lasts_ms: int = WELL_MS) -> int:
        """Take a refusal as the sign of a state; give since when it is in force (monotonic ms)."""
        now_ms = self._state.monotonic_ms()
        for change in self._state.failures.meet(name, scope, since_ms, now_ms, lasts_ms):
            self._tell(change)
        failure = self._state.failures.get(name, scope)
        return since_ms if failure is None else failure.since_ms

    def expire(self) -> None:
        """End what no refusal has shown for long enough."""
        for change in self._state.failures.expire(self._state.monotonic_ms()):
            self._tell(change)

    def _tell(self, change: Change) -> None:
        failure, row = change.failure, change.failure.row
        phase = "ended" if change.ended else "began"
        fields = {"state": row.name, "phase": phase, "scope": failure.scope or None, "detail": failure.detail or None}
        since_ms = self._state.told_ms(failure.since_ms)
        self.record({"type": "event", "what": "failing", **fields, "since_ms": since_ms})
        say = self._log.critical if row.alert.startswith("critical") and not change.ended else self._log.warning
        say(f"{row.state}: {phase}", **fields, since_ms=since_ms)


def kind_of(admitted: Admitted) -> Kind | None:
    """Give what a request is to the table; None for public data, which nothing there closes."""
    if admitted.endpoint.mutating:
        return Kind.EXIT if admitted.intent.reduces else Kind.INCREASE
    return Kind.READ if admitted.endpoint.signed else None
