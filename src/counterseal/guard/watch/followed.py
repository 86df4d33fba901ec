"""One market of an account as the guard follows it, and how much it may be trusted at this moment."""

from collections.abc import Mapping
from typing import Any

from counterseal.core.guardrails.portions import Market
from counterseal.core.market import SymbolRule
from counterseal.core.positions.agreement import LAG_MS
from counterseal.core.positions.fills import Fill
from counterseal.core.positions.orders import OpenOrders
from counterseal.core.positions.reading import number
from counterseal.core.positions.statements import Moved, Statement
from counterseal.core.positions.truth import Difference, Item, Truth
from counterseal.core.userdata.rows import told
from counterseal.guard.watch.plan import BOUND_MS

# A monitor is stale this much later than its bound, so that what raises risk is closed within two seconds of it.
GRACE_MS = 1_000
# Events that come so late say nothing of now.
LAGS_MS = 10_000
# Why a market cannot be trusted after a gap in its events.
GAP = "events are missing, and positions have not been read since"


class Followed:
    """Takes events and snapshots, and tells why it cannot be trusted, "" where it can. Times are monotonic ms."""

    def __init__(self, account: str, family: str, rules: Mapping[str, SymbolRule], now_ms: int) -> None:
        self.account, self.family = account, family
        self.truth, self.orders = Truth(family, rules), OpenOrders()
        self.market = Market(account, family, self.truth, self.orders)
        self.read_ms: int | None = None
        self.orders_ms: int | None = None
        self.asked_ms = now_ms - LAG_MS
        self.wanted = False
        self.stands = False
        self._began_ms = now_ms
        self._gap_ms: int | None = None
        self._late_ms: int | None = None
        self._differs: tuple[int, str] | None = None

    # -- what comes

    def event(
        self, kind: str, body: Mapping[str, Any], owner: str | None, now_ms: int, exchange_ms: int
    ) -> tuple[Fill | None, tuple[Moved, ...]]:
        """Take an event of user data."""
        late_ms = exchange_ms - (number(body, "E") or exchange_ms)
        self.stands = True
        self._late_ms = now_ms if late_ms > LAGS_MS else None
        if owner is not None:
            for one in told(kind, body):
                if one.number is not None:
                    self.truth.claim(one.symbol, one.number, owner, now_ms)
        self.orders.event(kind, body, owner, now_ms)
        self.wanted = True
        return self.truth.event(kind, body, owner, now_ms, is_late=late_ms > LAG_MS)

    def gap(self, now_ms: int, *, stands: bool) -> None:
        """Events are missing up to here; whether they come from here on."""
        self._gap_ms, self.stands, self.wanted = now_ms, stands, True

    def follows(self) -> None:
        """Events come, from here on."""
        self.stands = True

    def snapshot(self, statement: Statement, asked_ms: int, now_ms: int) -> None:
        """Take an answer to a question asked at `asked_ms`."""
        self.truth.snapshot(statement, asked_ms, now_ms)
        self.read_ms = asked_ms if self.read_ms is None else max(self.read_ms, asked_ms)
        if self._differs is not None and asked_ms > self._differs[0]:
            self._differs = None
        if self._late_ms is not None and asked_ms > self._late_ms + LAGS_MS:
            self._late_ms = None

    def settle(self, now_ms: int) -> list[Difference]:
        """Give the differences that no event has explained in time."""
        found = self.truth.settle(now_ms)
        if found:
            self._differs = now_ms, str(found[0])
        return found

    @property
    def has_gap(self) -> bool:
        """Whether events are missing that no snapshot has made up for, or none come at all."""
        return not self.stands or (self._gap_ms is not None and (self.read_ms or 0) <= self._gap_ms + LAG_MS)

    def is_first(self, now_ms: int) -> bool:
        """Whether it is followed for so short a time that what happened before may still come to light."""
        return now_ms - self._began_ms < BOUND_MS

    # -- whether it may be trusted

    def is_sure(self, now_ms: int) -> bool:
        """Tell whether what is known may be acted on at once: nothing fails, and events tell what happens."""
        return self.truth.is_known and self.failing(now_ms) is None and not self.has_gap

    def seen_ms(self, item: Item) -> int:
        """Give when a position or a balance was stated to be what it is here."""
        return self.truth.told_ms(item, self.read_ms or 0)

    def age_ms(self, now_ms: int) -> int:
        """Give how old the last snapshot is, or how long there has been none."""
        return now_ms - (self._began_ms if self.read_ms is None else self.read_ms)

    def failing(self, now_ms: int) -> tuple[int, str] | None:
        """Give since when and why nothing may be raised here, None when all is well."""
        age_ms = self.age_ms(now_ms)
        if self.read_ms is None:
            return self._began_ms, "positions have not been read yet"
        if age_ms > BOUND_MS + GRACE_MS:
            return self.read_ms + BOUND_MS, f"positions are {age_ms / 1000:.1f} s old"
        if self._gap_ms is not None and self.read_ms <= self._gap_ms:
            return self._gap_ms, GAP
        if self._late_ms is not None:
            return self._late_ms, f"events come more than {LAGS_MS // 1000} s late"
        return self._differs
