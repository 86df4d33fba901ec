"""After 429 nothing but three exits is sent until Retry-After, after 418 nothing leaves this address at all."""

import re
from dataclasses import dataclass, field

# Host families whose weight is one pool.
_POOLS = {"usdm": "futures", "coinm": "futures"}
DEFAULT_BACKOFF_S = 60
# How many exits per pool may be tried while it is closed.
EXITS_AFTER_429 = 3
DEFAULT_BAN_S = 120
# The longest ban that the exchange documents: no answer can close the gateway for longer.
MAX_WAIT_S = 3 * 24 * 3600


_SECONDS = re.compile(r"[0-9]{1,9}").fullmatch


def seconds_of(retry_after: str) -> int | None:
    """Give the seconds of a Retry-After header, None for anything but a plain number of at most nine digits."""
    return int(retry_after) if _SECONDS(retry_after) else None


@dataclass(slots=True)
class VenueWall:
    """Monotonic milliseconds until which each pool, or everything, is closed."""

    closed_until_ms: dict[str, int] = field(default_factory=dict)
    banned_until_ms: int = 0
    exits_left: dict[str, int] = field(default_factory=dict)

    def note(self, product: str, status: int, retry_after_s: int | None, now_ms: int) -> None:
        """Learn from an answer's status."""
        if status == 418:
            self.banned_until_ms = max(self.banned_until_ms, now_ms + _wait_ms(retry_after_s, DEFAULT_BAN_S))
        elif status == 429:
            pool = _POOLS.get(product, product)
            until = now_ms + _wait_ms(retry_after_s, DEFAULT_BACKOFF_S)
            if now_ms >= self.closed_until_ms.get(pool, 0):
                self.exits_left[pool] = EXITS_AFTER_429
            self.closed_until_ms[pool] = max(self.closed_until_ms.get(pool, 0), until)

    def closed(self, product: str, now_ms: int, *, is_exit: bool = False) -> tuple[str, int] | None:
        """Give (reason code, whole seconds to wait) while nothing may be sent for this product.

        After a 429 the pool lets three exits through until it opens; after a 418 nothing.
        """
        if now_ms < self.banned_until_ms:
            return "venue_ban", _seconds(self.banned_until_ms - now_ms)
        pool = _POOLS.get(product, product)
        until = self.closed_until_ms.get(pool, 0)
        if now_ms >= until:
            return None
        if is_exit and self.exits_left.get(pool, 0) > 0:
            self.exits_left[pool] -= 1
            return None
        return "venue_backoff", _seconds(until - now_ms)


def _wait_ms(retry_after_s: int | None, default_s: int) -> int:
    return min(default_s if retry_after_s is None else retry_after_s, MAX_WAIT_S) * 1000


def _seconds(ms: int) -> int:
    return -(-ms // 1000)
