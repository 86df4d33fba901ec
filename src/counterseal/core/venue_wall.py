"""After 429 nothing is sent until Retry-After, after 418 nothing leaves this address at all."""

from dataclasses import dataclass, field

# Host families whose weight is one pool.
_POOLS = {"usdm": "futures", "coinm": "futures"}
DEFAULT_BACKOFF_S = 60
DEFAULT_BAN_S = 120
# The longest ban that the exchange documents: no answer can close the gateway for longer.
MAX_WAIT_S = 3 * 24 * 3600


@dataclass(slots=True)
class VenueWall:
    """Monotonic milliseconds until which each pool, or everything, is closed."""

    closed_until_ms: dict[str, int] = field(default_factory=dict)
    banned_until_ms: int = 0

    def note(self, product: str, status: int, retry_after_s: int | None, now_ms: int) -> None:
        """Learn from an answer's status."""
        if status == 418:
            self.banned_until_ms = max(self.banned_until_ms, now_ms + _wait_ms(retry_after_s, DEFAULT_BAN_S))
        elif status == 429:
            pool = _POOLS.get(product, product)
            until = now_ms + _wait_ms(retry_after_s, DEFAULT_BACKOFF_S)
            self.closed_until_ms[pool] = max(self.closed_until_ms.get(pool, 0), until)

    def closed(self, product: str, now_ms: int) -> tuple[str, int] | None:
        """Give (reason code, whole seconds to wait) while nothing may be sent for this product."""
        if now_ms < self.banned_until_ms:
            return "venue_ban", _seconds(self.banned_until_ms - now_ms)
        until = self.closed_until_ms.get(_POOLS.get(product, product), 0)
        return ("venue_backoff", _seconds(until - now_ms)) if now_ms < until else None


def _wait_ms(retry_after_s: int | None, default_s: int) -> int:
    return min(default_s if retry_after_s is None else retry_after_s, MAX_WAIT_S) * 1000


def _seconds(ms: int) -> int:
    return -(-ms // 1000)
