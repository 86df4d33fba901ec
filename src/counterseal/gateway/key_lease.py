"""What the supervisor tells of the store of keys, as states of the table: away, and away for longer than its copy may
stand for it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from counterseal.core.failures import Sign
from counterseal.core.lease import Lease, show_age

_MAX_TEXT = 500


class KeyLease:
    """Judges what it was told last by the monotonic clock: a step of this host's time moves no lease."""

    def __init__(self, monotonic_ms: Callable[[], int], critical: Callable[..., Any]) -> None:
        self._monotonic_ms, self._critical = monotonic_ms, critical
        self._lease: Lease | None = None
        self._why = ""
        self._is_told = False

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take what the supervisor tells: when (monotonic ms) the store was well last, for how long that is good, and
        why it is not well now, "" while it is."""
        self._lease = Lease(int(told["fetched_ms"]), int(told["length_ms"]))
        self._why = str(told["why"])[:_MAX_TEXT]

    def signs(self) -> Iterator[Sign]:
        """Give what the table should know now; nothing as long as nothing was told."""
        lease, now_ms = self._lease, self._monotonic_ms()
        if lease is None:
            return
        is_away = bool(self._why)
        age = show_age(lease.age_ms(now_ms))
        yield Sign("secrets_away", is_away, f"{self._why}; its copy is {age} old")
        over_ms = lease.fetched_ms + lease.length_ms
        yield Sign("secrets_lease_over", is_away and lease.is_over(now_ms), f"its copy is {age} old", since_ms=over_ms)
        is_half_over = is_away and lease.is_half_over(now_ms)
        if is_half_over and not self._is_told:
            self._critical("the store of keys is away, and half of its copy's time is over", why=self._why, age=age)
        self._is_told = is_half_over
