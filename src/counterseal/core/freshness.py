"""When a signed request is young enough, and what recvWindow goes upstream."""

from decimal import Decimal
from functools import lru_cache

from counterseal.core.numbers import is_decimal, is_int

MAX_SKEW_MS = 5_000
DEFAULT_RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
_MICROSECONDS = 10**15


def parse_timestamp(text: str | None) -> int | None:
    """Give milliseconds from a timestamp in ms, or in µs as spot allows; None when it is no whole number."""
    if text is None or not is_int(text):
        return None
    value = int(text)
    return value // 1000 if value >= _MICROSECONDS else value


@lru_cache(maxsize=256)
def parse_recv_window(text: str | None) -> int | None:
    """Give milliseconds (fractions cut); the exchange's default when absent, None when malformed or over 60,000."""
    if text is None:
        return DEFAULT_RECV_WINDOW_MS
    if not is_decimal(text):
        return None
    value = Decimal(text)
    return int(value) if value <= MAX_RECV_WINDOW_MS else None


def is_fresh(timestamp_ms: int, recv_window_ms: int, exchange_now_ms: int) -> bool:
    """Tell whether a bot's timestamp lies within ±min(recvWindow, 5 s) of exchange time."""
    return abs(exchange_now_ms - timestamp_ms) <= min(recv_window_ms, MAX_SKEW_MS)


def upstream_recv_window(bots_ms: int, *, order: bool, order_cap_ms: int) -> int:
    """Give the recvWindow to sign with: orders at most `order_cap_ms`, everything else at most 5 s."""
    return max(1, min(bots_ms, order_cap_ms if order else MAX_SKEW_MS))
