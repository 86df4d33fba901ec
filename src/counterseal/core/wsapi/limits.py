"""What the exchange counts, as a WebSocket API states it: from an answer's headers to the rows of `rateLimits`."""

from collections.abc import Callable, Mapping

from counterseal.core.budget.pools import DAY_MS, MINUTE_MS, POOLS, SECOND_MS, Kind, Pool

MAX_DIGITS = 16
_PREFIXES = {"spot": "spot_", "usdm": "futures_", "coinm": "futures_"}
_NAMES = {Kind.ORDERS: "ORDERS", Kind.WEIGHT: "REQUEST_WEIGHT"}


def _interval(window_ms: int) -> tuple[str, int]:
    for name, length_ms in (("DAY", DAY_MS), ("MINUTE", MINUTE_MS)):
        if window_ms % length_ms == 0:
            return name, window_ms // length_ms
    return "SECOND", window_ms // SECOND_MS


def _row(pool: Pool) -> str:
    """Give a row as JSON text, up to the limit's value."""
    name, number = _interval(pool.window_ms)
    return f'{{"rateLimitType":"{_NAMES[pool.kind]}","interval":"{name}","intervalNum":{number},"limit":'


def _shown(header: str) -> str:
    """Give a header's name as bots get it."""
    return "-".join("MBX" if part == "mbx" else part.capitalize() for part in header.split("-"))


# By market: header, pool, and the beginning of its row. Orders stand first, as at the exchange.
_ROWS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    family: tuple(
        (_shown(pool.header), pool.id, _row(pool))
        for kind in _NAMES
        for pool in POOLS.values()
        if pool.kind is kind and pool.header and pool.id.startswith(prefix)
    )
    for family, prefix in _PREFIXES.items()
}


def count_in(text: str) -> int | None:
    """Give a header's whole number, None for what else stands there."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < MAX_DIGITS else None


def rows(family: str, headers: Mapping[str, str], limit_of: Callable[[str], int]) -> bytes:
    """Give `rateLimits` as JSON: a row for each count that the headers of an answer tell, none where they tell none.

    `limit_of` gives the limit of a pool by its id.
    """
    if not headers:
        return b"[]"
    told = [
        f'{start}{limit_of(pool)},"count":{count}}}'
        for header, pool, start in _ROWS[family]
        if (count := count_in(headers.get(header, ""))) is not None
    ]
    return f"[{','.join(told)}]".encode()
