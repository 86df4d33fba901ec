"""A host that fails is left alone for a moment, and met again without a burst.

One breaker for each (family, work): that orders fail need not mean that market data does. It opens on failures, lets
one request through after a pause, and after its success lets ever more pass, second by second. Exits always pass: only
a ban stops them. Their successes, and those of other work, tell that the host can be reached and end a long pause.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

FAILURES_IN_A_ROW = 5
# Of so many answers within the window, half.
LEAST_SEEN = 20
WINDOW_S = 10
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 30_000
JITTER_PER_MILLE = 200
# The ramp: requests per second in its first second, doubled each second, so many seconds long.
RAMP_START = 10
RAMP_SECONDS = 8
# How much of a second's rate may leave at once when nobody asked for a while.
_AT_ONCE_MS = 50
_WHOLE = 1000


def is_failure(status: int) -> bool:
    """Tell whether an answer's status says that the host is not well. A refusal (4xx) comes from a host that is.

    What sends elsewhere (3xx) does not come from the exchange.
    """
    return status >= 500 or status == 408 or 300 <= status < 400


class Phase(Enum):
    """CLOSED lets all pass, OPEN none, TRYING one each second, RAMP ever more."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "trying"
    RAMP = "ramp"


@dataclass(slots=True)
class _Breaker:
    """One breaker. Answers to what left before `since_ms`, when the phase began, are no news."""

    phase: Phase = Phase.CLOSED
    since_ms: int = 0
    pause_ms: int = 0
    next_ms: int = 0
    in_a_row: int = 0
    # Second -> [answers, failures] of the last seconds.
    seen: dict[int, list[int]] = field(default_factory=dict)
    # Of what may leave in the ramp, in thousandths of a request.
    tokens: int = 0
    filled_ms: int = 0

    def turn(self, phase: Phase, now_ms: int) -> None:
        """Begin a phase."""
        self.phase, self.since_ms, self.in_a_row = phase, now_ms, 0
        self.tokens, self.filled_ms = _WHOLE, now_ms
        self.seen.clear()

    def settle(self, now_ms: int) -> None:
        """End the ramp when its time is over."""
        if self.phase is Phase.RAMP and now_ms - self.since_ms >= RAMP_SECONDS * 1000:
            self.turn(Phase.CLOSED, now_ms)
            self.pause_ms = 0

    def ask(self, now_ms: int) -> int:
        """Give 0 and let one pass, or the milliseconds to wait."""
        self.settle(now_ms)
        if self.phase is Phase.CLOSED:
            return 0
        if self.phase is Phase.RAMP:
            return self._ask_ramp(now_ms)
        if now_ms < self.next_ms:
            return self.next_ms - now_ms
        if self.phase is Phase.OPEN:
            self.turn(Phase.TRYING, now_ms)
        # Where the one that is out says nothing, another may try: a connection that hangs for 12 s holds nobody.
        self.next_ms = now_ms + FIRST_PAUSE_MS
        return 0

    def _ask_ramp(self, now_ms: int) -> int:
        rate = RAMP_START << (now_ms - self.since_ms) // 1000
        most = max(_WHOLE, rate * _AT_ONCE_MS)
        self.tokens = min(most, self.tokens + rate * (now_ms - self.filled_ms))
        self.filled_ms = now_ms
        if self.tokens < _WHOLE:
            return -(-(_WHOLE - self.tokens) // rate)
        self.tokens -= _WHOLE
        return 0

    def count(self, now_ms: int, *, ok: bool) -> bool:
        """Count one answer; tell whether it is one failure too many."""
        second = now_ms // 1000
        entry = self.seen.get(second)
        if entry is None:
            entry = self.seen[second] = [0, 0]
            for old in [at for at in self.seen if at <= second - WINDOW_S]:
                del self.seen[old]
        entry[0] += 1
        if ok:
            self.in_a_row = 0
            return False
        entry[1] += 1
        self.in_a_row += 1
        answers, failures = (sum(column) for column in zip(*self.seen.values(), strict=True))
        return self.in_a_row >= FAILURES_IN_A_ROW or (answers >= LEAST_SEEN and 2 * failures >= answers)


class Breakers:
    """All breakers. `draw(n)` gives a number from 0 to n - 1 that nobody can foresee, for the jitter."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._draw = draw
        self._of: dict[tuple[str, str], _Breaker] = {}
        # Those that have opened, until they are seen to be closed: with none, asking costs nothing.
        self.opened: dict[tuple[str, str], _Breaker] = {}

    def ask(self, family: str, work: str, now_ms: int, *, is_exit: bool = False) -> int:
        """Give 0 and let a request pass, or the milliseconds for which it is refused with `venue_breaker_open`.

        Ask last, right before sending; a request that asks and then stays here has to be told to `unused`.
        """
        if is_exit or not self.opened:
            return 0
        breaker = self.opened.get((family, work))
        return 0 if breaker is None else breaker.ask(now_ms)

    def unused(self, family: str, work: str, asked_ms: int, now_ms: int) -> None:
        """Take back what `ask` gave at `asked_ms`: that request stayed here, so that another one may try."""
        breaker = self.opened.get((family, work))
        if breaker is not None and breaker.phase is Phase.TRYING and asked_ms >= breaker.since_ms:
            breaker.next_ms = min(breaker.next_ms, now_ms)

    def well(self, family: str, work: str, sent_ms: int, now_ms: int) -> None:
        """Learn what `note` learns from an answer that is no failure, as long as none is opened: nearly always."""
        breaker = self._of.get((family, work))
        entry = None if breaker is None else breaker.seen.get(now_ms // 1000)
        if breaker is None or entry is None or sent_ms < breaker.since_ms:
            self.note(family, work, ok=True, sent_ms=sent_ms, now_ms=now_ms)
        else:
            entry[0] += 1
            breaker.in_a_row = 0

    def note(self, family: str, work: str, *, ok: bool, sent_ms: int, now_ms: int) -> None:
        """Learn what became of a request that left at `sent_ms`, or that tried to.

        `ok` is any answer that is no failure; not ok are failures, Lost, and no connection.
        """
        who = (family, work)
        breaker = self._of.get(who)
        if breaker is None:
            breaker = self._of[who] = _Breaker()
        if breaker.phase is Phase.RAMP:
            breaker.settle(now_ms)
        if sent_ms >= breaker.since_ms and _learn(breaker, now_ms, ok=ok):
            self._open(who, breaker, now_ms)
        if ok and self.opened:
            self._hasten(family, sent_ms)
            if breaker.phase is Phase.CLOSED:
                self.opened.pop(who, None)

    def _open(self, who: tuple[str, str], breaker: _Breaker, now_ms: int) -> None:
        breaker.turn(Phase.OPEN, now_ms)
        breaker.pause_ms = min(2 * breaker.pause_ms or FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
        jitter = 1000 - JITTER_PER_MILLE + self._draw(2 * JITTER_PER_MILLE + 1)
        breaker.next_ms = now_ms + breaker.pause_ms * jitter // 1000
        self.opened[who] = breaker

    def _hasten(self, family: str, sent_ms: int) -> None:
        """The host answered something that left after a breaker opened: of its pause only the first length is left."""
        for (of, _), breaker in self.opened.items():
            if of == family and breaker.phase is Phase.OPEN and sent_ms >= breaker.since_ms:
                breaker.next_ms = min(breaker.next_ms, breaker.since_ms + FIRST_PAUSE_MS)

    def report(self, now_ms: int) -> dict[tuple[str, str], tuple[str, int]]:
        """Give (phase, milliseconds until the next may pass) of each breaker that is not closed, to be shown."""
        for breaker in self.opened.values():
            breaker.settle(now_ms)
        self.opened = {who: each for who, each in self.opened.items() if each.phase is not Phase.CLOSED}
        return {who: (each.phase.value, max(0, each.next_ms - now_ms)) for who, each in self.opened.items()}


def _learn(breaker: _Breaker, now_ms: int, *, ok: bool) -> bool:
    """Count one answer that is news; tell whether the breaker has to open."""
    if breaker.phase is Phase.OPEN:
        return False
    if breaker.phase is Phase.TRYING:
        if ok:
            breaker.turn(Phase.RAMP, now_ms)
            breaker.next_ms = now_ms
        return not ok
    return breaker.count(now_ms, ok=ok)
