"""After 429 nothing but three exits leaves an address until Retry-After, after 418 nothing leaves it at all.

The exchange counts and bans by address, so that each egress address has a wall of its own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

# Host families whose weight is one pool.
_FUTURES = "futures"
_POOLS = {"usdm": _FUTURES, "coinm": _FUTURES}
DEFAULT_BACKOFF_S = 60
# How many exits per pool may be tried while it is closed.
EXITS_AFTER_429 = 3
# The pool of USD-M's WebSocket API, as the ledger names it: while REST's is closed, a few exits may go there first.
SOCKET = "usdm_ws_api_weight"
DEFAULT_BAN_S = 120
# An answer that says "stop" and "now" in one breath is obeyed for a moment.
MIN_WAIT_S = 1
# The longest ban that the exchange documents: no answer can close the gateway for longer.
MAX_WAIT_S = 3 * 24 * 3600
# The egress address of a gateway that has none configured: the system chooses.
ANY_EGRESS = ""


_SECONDS = re.compile(r"[0-9]{1,9}").fullmatch


def seconds_of(retry_after: str) -> int | None:
    """Give the seconds of a Retry-After header, None for anything but a plain number of at most nine digits."""
    return int(retry_after) if _SECONDS(retry_after) else None


class Standing(Enum):
    """What an address may send now: everything, exits only, nothing."""

    OPEN = "open"
    EXITS_ONLY = "exits_only"
    CLOSED = "closed"


class Closed(NamedTuple):
    """Why nothing may be sent: the reason's code, whole seconds to wait, and until when (monotonic ms)."""

    reason: str
    wait_s: int
    until_ms: int


@dataclass(slots=True)
class AddressWall:
    """Monotonic milliseconds until which each pool of one address, or all of it, is closed."""

    closed_until_ms: dict[str, int] = field(default_factory=dict)
    banned_until_ms: int = 0
    exits_left: dict[str, int] = field(default_factory=dict)
    closed_since_ms: dict[str, int] = field(default_factory=dict)
    banned_since_ms: int = 0
    socket_exits_left: int = 0

    def note(self, product: str, status: int, retry_after_s: int | None, now_ms: int) -> None:
        """Learn from an answer's status."""
        if status == 418:
            if now_ms >= self.banned_until_ms:
                self.banned_since_ms = now_ms
            self.banned_until_ms = max(self.banned_until_ms, now_ms + _wait_ms(retry_after_s, DEFAULT_BAN_S))
        elif status == 429:
            pool = _POOLS.get(product, product)
            until = now_ms + _wait_ms(retry_after_s, DEFAULT_BACKOFF_S)
            if now_ms >= self.closed_until_ms.get(pool, 0):
                self.exits_left[pool] = EXITS_AFTER_429
                self.closed_since_ms[pool] = now_ms
                if pool == _FUTURES:
                    self.socket_exits_left = EXITS_AFTER_429
            self.closed_until_ms[pool] = max(self.closed_until_ms.get(pool, 0), until)

    def since_ms(self, product: str, now_ms: int) -> int | None:
        """Give since when it has been banned or closed for this product, None while it is open."""
        if now_ms < self.banned_until_ms:
            return self.banned_since_ms
        pool = _POOLS.get(product, product)
        return self.closed_since_ms[pool] if now_ms < self.closed_until_ms.get(pool, 0) else None

    def standing(self, product: str, now_ms: int) -> Standing:
        """Tell what may be sent, without taking an exit."""
        if now_ms < self.banned_until_ms:
            return Standing.CLOSED
        pool = _POOLS.get(product, product)
        if now_ms >= self.closed_until_ms.get(pool, 0):
            return Standing.OPEN
        return Standing.EXITS_ONLY if self.exits_left.get(pool, 0) > 0 else Standing.CLOSED

    def lets_by_socket(self, now_ms: int, *, takes: bool = False) -> bool:
        """Tell whether an exit of USD-M may go by the WebSocket API: only while the REST pool is closed, and that one
        is not. One that `takes` is one of the three.
        """
        closed = self.closed_until_ms
        is_needed = self.banned_until_ms <= now_ms < closed.get(_FUTURES, 0)
        if not is_needed or now_ms < closed.get(SOCKET, 0) or self.socket_exits_left <= 0:
            return False
        self.socket_exits_left -= takes
        return True

    def return_socket_exit(self) -> None:
        """Take back an exit that could not go by the WebSocket API: nothing of it has left."""
        self.socket_exits_left = min(self.socket_exits_left + 1, EXITS_AFTER_429)

    def closed(self, product: str, now_ms: int, *, is_exit: bool = False, takes: bool = True) -> Closed | None:
        """Tell why while nothing may be sent for this product.

        After a 429 the pool lets three exits through until it opens; after a 418 nothing. Without `takes` an exit is
        told, and counts as none of them.
        """
        if now_ms < self.banned_until_ms:
            return _closed("venue_ban", self.banned_until_ms, now_ms)
        pool = _POOLS.get(product, product)
        until = self.closed_until_ms.get(pool, 0)
        if now_ms >= until:
            return None
        if is_exit and self.exits_left.get(pool, 0) > 0:
            self.exits_left[pool] -= takes
            return None
        return _closed("venue_backoff", until, now_ms)


@dataclass(slots=True)
class VenueWall:
    """The walls of all egress addresses; without any configured there is one.

    `walls` has those of addresses that were ever told to stop: while it is empty there is nothing to ask.
    """

    walls: dict[str, AddressWall] = field(default_factory=dict)

    def at(self, egress: str = ANY_EGRESS) -> AddressWall:
        """Give the wall of one address."""
        wall = self.walls.get(egress)
        if wall is None:
            wall = self.walls[egress] = AddressWall()
        return wall

    def places(self) -> list[tuple[str, AddressWall]]:
        """Give every address that was ever told to stop, with its wall, to be shown."""
        return sorted(self.walls.items())

    def since_ms(self, product: str, now_ms: int) -> int | None:
        """Give since when nothing more leaves for this product: since the last of the addresses that did was told."""
        told = [wall.since_ms(product, now_ms) for wall in self.walls.values()]
        return max((since_ms for since_ms in told if since_ms is not None), default=None)

    def note(self, product: str, status: int, retry_after_s: int | None, now_ms: int, egress: str = ANY_EGRESS) -> None:
        """Learn from the status of an answer that came to an address."""
        self.at(egress).note(product, status, retry_after_s, now_ms)

    def closed(
        self, product: str, now_ms: int, *, is_exit: bool = False, egress: str = ANY_EGRESS, takes: bool = True
    ) -> Closed | None:
        """Tell why while nothing may leave an address. An exit let through that `takes` is one of the three."""
        wall = self.walls.get(egress)
        return None if wall is None else wall.closed(product, now_ms, is_exit=is_exit, takes=takes)

    def lets_by_socket(self, now_ms: int, egress: str = ANY_EGRESS, *, takes: bool = False) -> bool:
        """Tell whether an exit of USD-M may leave an address by the WebSocket API, in place of REST."""
        wall = self.walls.get(egress)
        return wall is not None and wall.lets_by_socket(now_ms, takes=takes)

    def standing(self, product: str, now_ms: int, egress: str = ANY_EGRESS) -> Standing:
        """Tell what an address may send."""
        wall = self.walls.get(egress)
        return Standing.OPEN if wall is None else wall.standing(product, now_ms)

    def soonest(self, product: str, now_ms: int, egresses: Iterable[str]) -> Closed | None:
        """Tell why for the address that opens first, None when one is open: what a bot is told that found none."""
        found = [self.closed(product, now_ms, egress=egress) for egress in egresses]
        closed = [each for each in found if each is not None]
        return min(closed, key=lambda each: each.until_ms) if closed and len(closed) == len(found) else None


def _wait_ms(retry_after_s: int | None, default_s: int) -> int:
    return min(max(default_s if retry_after_s is None else retry_after_s, MIN_WAIT_S), MAX_WAIT_S) * 1000


def _closed(reason: str, until_ms: int, now_ms: int) -> Closed:
    return Closed(reason, -(-(until_ms - now_ms) // 1000), until_ms)
