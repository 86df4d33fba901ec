"""Whether a channel works: what its sends and probes have shown, and when it is tried again."""

from enum import Enum

from counterseal.core.alerts.model import Failure

# A channel that has not taken a message after this long is not waited for.
SLOW_MS = 2_000
# So many failures in a row, or one this old without a success since: it is down.
DOWN_AFTER, DOWN_MS = 2, 30_000
_BACKOFF_MS = (1_000, 2_000, 5_000, 15_000, 30_000, 60_000)
MAX_RETRY_AFTER_MS = 3_600_000
# A first look is taken right after the start.
FIRST_PROBE_MS = 1_000


class Turn(Enum):
    """What a result has changed, for whoever announces it."""

    NONE = ""
    DOWN = "down"
    BACK = "back"


class Health:
    """One channel's health, in monotonic milliseconds. `detail` says in a few words what failed last."""

    def __init__(self, heartbeat_ms: int, now_ms: int) -> None:
        self._heartbeat_ms = heartbeat_ms
        self._failures = 0
        self._failed_ms = 0
        self._opens_ms = now_ms
        self._busy_ms: int | None = None
        self._proof_due_ms = now_ms + FIRST_PROBE_MS
        self.has_probe = True
        self.proven_ms: int | None = None
        self.is_down = False
        self.down_ms = 0
        self.detail = ""

    def is_well(self, now_ms: int) -> bool:
        """Tell whether a message given to it now may be hoped to arrive in time."""
        is_slow = self._busy_ms is not None and now_ms - self._busy_ms >= SLOW_MS
        return not self._failures and not is_slow

    @property
    def is_busy(self) -> bool:
        """Whether something is being sent."""
        return self._busy_ms is not None

    def may_send(self, now_ms: int) -> bool:
        """Tell whether it may be tried: it carries nothing now, and has had its rest after a failure."""
        return self._busy_ms is None and now_ms >= self._opens_ms

    def probe_due(self, now_ms: int) -> bool:
        """Tell whether it must prove itself: at a start, every heartbeat, and while it is down at each try."""
        return self.may_send(now_ms) and (self.is_down or now_ms >= self._proof_due_ms)

    def began(self, now_ms: int) -> None:
        """Note that something is being sent."""
        self._busy_ms = now_ms

    def ended(self) -> None:
        """Note that it is over, and says nothing of this channel."""
        self._busy_ms = None

    def worked(self, now_ms: int) -> Turn:
        """Note a success, which is a proof."""
        was_down, self.is_down = self.is_down, False
        self._busy_ms, self._failures, self.detail = None, 0, ""
        self.proven_ms, self._proof_due_ms = now_ms, now_ms + self._heartbeat_ms
        return Turn.BACK if was_down else Turn.NONE

    def unprovable(self, now_ms: int) -> None:
        """Note that it has no probe that does no harm: only what is sent can prove it."""
        self.has_probe = False
        self._busy_ms, self._proof_due_ms = None, now_ms + self._heartbeat_ms

    def failed(self, failure: Failure, detail: str, retry_after_ms: int | None, now_ms: int) -> Turn:
        """Note a failure, and rest for as long as the channel asks, else longer each time."""
        self._busy_ms, self.detail = None, detail
        self._failures += 1
        if self._failures == 1:
            self._failed_ms = now_ms
        rest_ms = _BACKOFF_MS[min(self._failures, len(_BACKOFF_MS)) - 1]
        if retry_after_ms is not None:
            rest_ms = max(1_000, min(retry_after_ms, MAX_RETRY_AFTER_MS))
        self._opens_ms = now_ms + rest_ms
        is_limited = failure is Failure.RATE_LIMITED and rest_ms < DOWN_MS
        if failure is Failure.REFUSED or (self._failures >= DOWN_AFTER and not is_limited):
            return self._go_down(now_ms)
        return Turn.NONE

    def look(self, now_ms: int) -> Turn:
        """Let time pass: a failure without a success since becomes a channel that is down."""
        if self._failures and now_ms - self._failed_ms >= DOWN_MS:
            return self._go_down(now_ms)
        return Turn.NONE

    def _go_down(self, now_ms: int) -> Turn:
        if self.is_down:
            return Turn.NONE
        self.is_down, self.down_ms = True, now_ms
        return Turn.DOWN
