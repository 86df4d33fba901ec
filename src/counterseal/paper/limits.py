"""The exchange's rate limits: fixed windows aligned to the clock, per address or per account."""

from __future__ import annotations

from dataclasses import dataclass

from counterseal.paper.errors import ApiError

MOST_BAN_S = 3 * 86_400


@dataclass(frozen=True, slots=True)
class Pool:
    """One limit: its size, its window, and how exchangeInfo and the error texts name it."""

    limit: int
    window_ms: int
    kind: str
    interval: str
    number: int


POOLS: dict[str, Pool] = {
    "spot_weight": Pool(6000, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "spot_raw": Pool(300_000, 300_000, "RAW_REQUESTS", "MINUTE", 5),
    "spot_orders_10s": Pool(100, 10_000, "ORDERS", "SECOND", 10),
    "spot_orders_1d": Pool(200_000, 86_400_000, "ORDERS", "DAY", 1),
    "sapi_ip": Pool(12_000, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "futures_weight": Pool(2400, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "futures_orders_10s": Pool(300, 10_000, "ORDERS", "SECOND", 10),
    "futures_orders_1m": Pool(1200, 60_000, "ORDERS", "MINUTE", 1),
    "futures_funding": Pool(500, 300_000, "RAW_REQUESTS", "MINUTE", 5),
    "usdm_ws_api_weight": Pool(2400, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "sapi_uid": Pool(180_000, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "papi_weight": Pool(6000, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "papi_orders": Pool(1200, 60_000, "ORDERS", "MINUTE", 1),
    "eapi_weight": Pool(400, 60_000, "REQUEST_WEIGHT", "MINUTE", 1),
    "spot_ws_attempts": Pool(300, 300_000, "CONNECTIONS", "MINUTE", 5),
    "futures_ws_attempts": Pool(300, 300_000, "CONNECTIONS", "MINUTE", 5),
}
FUTURES_ORDERS = ("futures_orders_10s", "futures_orders_1m")  # USD-M and COIN-M together
ORDER_POOLS: dict[str, tuple[str, ...]] = {
    "spot": ("spot_orders_10s", "spot_orders_1d"), "usdm": FUTURES_ORDERS, "coinm": FUTURES_ORDERS,
    "papi": ("papi_orders",),
}  # fmt: skip


class Windows:
    """Counters of fixed, clock-aligned windows, by pool and subject."""

    def __init__(self, limits: dict[str, int]) -> None:
        self._limits = dict(limits)
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def limit(self, pool: str) -> int:
        return self._limits.get(pool, POOLS[pool].limit)

    def set_limit(self, pool: str, size: int) -> None:
        """Change a limit while running.  KeyError for a pool that does not exist."""
        if pool not in POOLS:
            raise KeyError(pool)
        self._limits[pool] = size

    def busiest(self, now_ms: int) -> list[tuple[str, str, int, int]]:
        """(pool, subject, used, limit) of every window that is counting, fullest first."""
        rows = [(pool, subject, self.used(pool, subject, now_ms), self.limit(pool)) for pool, subject in self._counts]
        return sorted((row for row in rows if row[2]), key=lambda row: row[2] / max(1, row[3]), reverse=True)

    def used(self, pool: str, subject: str, now_ms: int) -> int:
        window, count = self._counts.get((pool, subject), (-1, 0))
        return count if window == now_ms // POOLS[pool].window_ms else 0

    def add(self, pool: str, subject: str, amount: int, now_ms: int) -> int:
        """The count afterwards; a negative amount gives back, never below zero."""
        count = max(0, self.used(pool, subject, now_ms) + amount)
        self._counts[pool, subject] = (now_ms // POOLS[pool].window_ms, count)
        return count

    def wait_s(self, pool: str, now_ms: int) -> int:
        """Seconds until the window ends, at least one."""
        size = POOLS[pool].window_ms
        return max(1, -(-(size - now_ms % size) // 1000))


class WeightGuard:
    """Request weight per address, with the ban for those who go on after a 429."""

    def __init__(self, windows: Windows, ban_after: int, ban_s: int, *, tells_wait: bool = True) -> None:
        self._windows = windows
        self._tells_wait = tells_wait
        self._ban_after = ban_after
        self._ban_s = ban_s
        self._banned: dict[tuple[str, str], tuple[int, int]] = {}  # until ms, length s
        self._ignored: dict[tuple[str, str], tuple[int, int]] = {}  # window, refused requests in it

    def check_ban(self, side: str, peer: str, now_ms: int) -> None:
        """418 while the address is banned from a side of the exchange ("spot" or "futures")."""
        until, _ = self._banned.get((side, peer), (0, 0))
        if now_ms < until:
            raise self._ban_error(until, now_ms)

    def enforce(self, pool: str, count: int, now_ms: int, culprit: tuple[str, str] | None = None) -> None:
        """429 when a pool's count has passed its limit; 418 for a culprit (side, address) that goes on."""
        limit = self._windows.limit(pool)
        if count <= limit:
            return
        wait = self._windows.wait_s(pool, now_ms)
        if culprit is not None:
            self._note(culprit, pool, now_ms)
        span = f"{POOLS[pool].number} {POOLS[pool].interval}"
        text = f"Too many requests; current limit is {limit} requests per {span}."
        if POOLS[pool].kind == "REQUEST_WEIGHT":
            text = (
                f"Too much request weight used; current limit is {limit} request weight per {span}. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
        raise ApiError(-1003, text, 429, headers=self._wait_header(wait))

    def _wait_header(self, seconds: int) -> dict[str, str]:
        return {"Retry-After": str(seconds)} if self._tells_wait else {}

    def ban(self, side: str, peer: str, seconds: int, now_ms: int) -> None:
        """Ban an address now, whatever it did; 0 seconds lift a ban."""
        self._banned[side, peer] = (now_ms + seconds * 1000, seconds)

    def bans(self, now_ms: int) -> list[tuple[str, str, int]]:
        """(side, address, until ms) of the bans in force."""
        return [(side, peer, until) for (side, peer), (until, _) in self._banned.items() if until > now_ms]

    def _note(self, culprit: tuple[str, str], pool: str, now_ms: int) -> None:
        window = now_ms // POOLS[pool].window_ms
        known, times = self._ignored.get(culprit, (window, 0))
        self._ignored[culprit] = (window, times + 1 if known == window else 1)
        if self._ignored[culprit][1] > self._ban_after:
            raise self._ban(culprit, now_ms)

    def _ban(self, culprit: tuple[str, str], now_ms: int) -> ApiError:
        """Each further ban of an address is twice as long."""
        before = self._banned.get(culprit, (0, 0))[1]
        length = min(MOST_BAN_S, before * 2 or self._ban_s)
        self._banned[culprit] = (now_ms + length * 1000, length)
        self._ignored.pop(culprit, None)
        return self._ban_error(now_ms + length * 1000, now_ms)

    def _ban_error(self, until: int, now_ms: int) -> ApiError:
        text = (
            f"Way too much request weight used; IP banned until {until}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return ApiError(-1003, text, 418, headers=self._wait_header(max(1, (until - now_ms) // 1000)))


class OrderCounts:
    """Order counts per account: spot counts unfilled orders, futures count plainly."""

    def __init__(self, windows: Windows, taker_gives_back: int = 1, maker_gives_back: int = 5) -> None:
        self._windows = windows
        self._gives_back = (taker_gives_back, maker_gives_back)

    def first_fill(self, account: str, now_ms: int, *, is_maker: bool) -> None:
        """A spot order met its first fill: the unfilled count sinks by what the rules say."""
        self.give_back(account, self._gives_back[is_maker], now_ms)

    def add(self, market: str, account: str, counts: tuple[int, ...], now_ms: int) -> dict[str, str]:
        """Count new orders on each of the market's pools and give the reply's headers; 429 / -1015 on breach."""
        headers = {}
        for pool, amount in zip(ORDER_POOLS[market], counts, strict=True):
            limit = self._windows.limit(pool)
            if self._windows.used(pool, account, now_ms) + amount > limit:
                raise self._breach(pool, limit, now_ms)
        for pool, amount in zip(ORDER_POOLS[market], counts, strict=True):
            shape = POOLS[pool]
            count = self._windows.add(pool, account, amount, now_ms)
            headers[f"X-MBX-ORDER-COUNT-{shape.number}{shape.interval[0]}"] = str(count)
        return headers

    def _breach(self, pool: str, limit: int, now_ms: int) -> ApiError:
        shape = POOLS[pool]
        text = f"Too many new orders; current limit is {limit} orders per {shape.number} {shape.interval}."
        return ApiError(-1015, text, 429, headers={"Retry-After": str(self._windows.wait_s(pool, now_ms))})

    def give_back(self, account: str, amount: int, now_ms: int) -> None:
        """A spot order met its first fill: the unfilled count sinks."""
        for pool in ORDER_POOLS["spot"]:
            self._windows.add(pool, account, -amount, now_ms)

    def shown(self, market: str, account: str, now_ms: int) -> list[dict[str, object]]:
        """The rows of `rateLimit/order`."""
        rows: list[dict[str, object]] = []
        for pool in ORDER_POOLS[market]:
            row = limit_row(self._windows, pool)
            if market == "spot":
                row["count"] = self._windows.used(pool, account, now_ms)
            rows.append(row)
        return rows


def limit_row(windows: Windows, pool: str) -> dict[str, object]:
    """A pool as exchangeInfo's `rateLimits` lists it."""
    shape = POOLS[pool]
    return {
        "rateLimitType": shape.kind,
        "interval": shape.interval,
        "intervalNum": shape.number,
        "limit": windows.limit(pool),
    }
