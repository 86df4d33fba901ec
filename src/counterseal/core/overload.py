"""When there is more work than can be done in time: what may then begin, and what is refused at once.

Measured is how late the event loop's turns are. One long turn is a hiccup; when all of them are late for a while, each
turn begins only so many requests, and the rest is refused unread. The number falls while turns stay late and grows
while they do not. What may be an exit is never refused.
"""

from urllib.parse import unquote_to_bytes

from counterseal.core.legs import BATCHES, places

# An exit passes some six turns of the loop, and shall take no more than 50 ms.
LATE_NS = 4_000_000
# So long all turns must have been late; so long nothing must have been refused until it is over.
PATIENCE_NS, CALM_NS = 100_000_000, 1_000_000_000
LEAST, MOST = 8, 1_024
_EXIT_WORDS = (b"reduceOnly", b"closePosition")
# A modification has no flag that says "reduces".
_MODIFIES = BATCHES | {"/fapi/v1/order", "/dapi/v1/order"}


class Overload:
    """Counts what begins in a turn of the loop. `refusals` is how many were refused since the start.

    `since_ns` (monotonic) is since when it lasts, None while there is none.
    """

    __slots__ = ("_begun", "_late_ns", "_most", "_refused_ns", "refusals", "since_ns")

    def __init__(self) -> None:
        self.since_ns: int | None = None
        self.refusals = 0
        self._begun = 0
        self._most = MOST
        self._late_ns: int | None = None
        self._refused_ns = 0

    def lasts(self, now_ns: int) -> bool:
        """Tell whether requests are refused at this moment; it is over when none was for a second."""
        if self.since_ns is None:
            return False
        if now_ns - self._refused_ns < CALM_NS:
            return True
        self.since_ns = self._late_ns = None
        return False

    def turned(self, late_ns: int, now_ns: int) -> None:
        """Take the end of a turn of the loop, and how late it was."""
        begun, self._begun = self._begun, 0
        is_late = late_ns > LATE_NS
        if self.lasts(now_ns):
            self._most = max(LEAST, self._most * 3 // 4) if is_late else min(MOST, self._most + 1)
        elif not is_late:
            self._late_ns = None
        elif self._late_ns is None:
            self._late_ns = now_ns
        elif now_ns - self._late_ns >= PATIENCE_NS:
            self.since_ns, self._refused_ns = now_ns, now_ns
            self._most = min(MOST, max(LEAST, begun // 2))

    def admits(self, now_ns: int) -> bool:
        """Count a request; False where this turn has begun enough."""
        self._begun += 1
        return self.since_ns is None or self._begun <= self._most or not self.lasts(now_ns)

    def refused(self, now_ns: int) -> None:
        """Note that a request was refused."""
        self._refused_ns = now_ns
        self.refusals += 1


def may_be_exit(method: str, path: str, text: bytes) -> bool:
    """Tell whether a request could be one that only lowers risk, by its first bytes: in doubt, it could.

    `path` is the exchange's. `text` is the query and the body, or the names in them.
    """
    if method == "GET" or (method == "PUT" and path in _MODIFIES):
        return False
    if method != "POST" or not (places(method, path) or path in BATCHES):
        return True
    plain = unquote_to_bytes(text) if b"%" in text else text
    # A backslash could spell a name in JSON.
    return b"\\" in plain or any(word in plain for word in _EXIT_WORDS)
