"""The limits while they are watched: looked at after everything that changes something, kept over a restart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.guardrails.base import Base, base_data, base_of
from counterseal.core.guardrails.breach import Breach, breach_data
from counterseal.core.guardrails.judge import Judge
from counterseal.core.guardrails.limits import Level, Limit, limits_of
from counterseal.core.guardrails.measure import Cache, Market, Prices, View
from counterseal.core.ladder import Scope, scope_of
from counterseal.guard.watch.plan import members_of

Record = Callable[[Mapping[str, Any]], object]
# What somebody is worth is written down so often, and its peak and day at once.
KEEP_MS = 60_000


class Rails:
    """Judges, tells, and writes down from where losses are counted."""

    def __init__(self, prices: Prices, on_breach: Callable[[Breach], None], record: Record) -> None:
        self._prices, self._on_breach, self._record = prices, on_breach, record
        self._judge = Judge(())
        self._members: Mapping[str, Sequence[str]] = {}
        self._kept: dict[Scope, Base] = {}
        self._kept_ms: dict[Scope, int] = {}
        self._cache: Cache = {}
        self.blind: tuple[Limit, ...] = ()

    def configure(self, config: Config) -> None:
        """Take up the limits of a configuration; what stands, stands on."""
        self._judge.limits, self._members = limits_of(config), members_of(config)
        self._cache.clear()

    def fold(self, record: Mapping[str, Any]) -> None:
        """Take up what was written down before a restart."""
        bases = record.get("bases")
        for name, data in bases.items() if isinstance(bases, dict) else ():
            base = base_of(data) if isinstance(data, dict) else None
            if base is not None:
                self._judge.bases[scope_of(name)] = base

    def restate(self) -> None:
        """Write all bases down."""
        self._write(self._judge.bases, 0)

    def look(self, markets: Iterable[Market], now_ms: int, exchange_ms: int) -> None:
        """Measure, judge, and tell whoever acts."""
        judged = self._judge.look(View(list(markets), self._prices, self._members, self._cache), now_ms, exchange_ms)
        self.blind = judged.blind
        self._keep(now_ms)
        for breach in judged.breaches:
            if breach.level > Level.WARN:
                self._record({"type": "watch", "what": "breach", **breach_data(breach)})
            self._on_breach(breach)

    def moved(self, account: str, dollars: Decimal, now_ms: int) -> None:
        """Money came to an account, or went."""
        self._judge.moved(account, dollars)
        self._keep(now_ms, is_all=True)

    def _keep(self, now_ms: int, *, is_all: bool = False) -> None:
        due = {scope: base for scope, base in self._judge.bases.items() if is_all or self._is_due(scope, base, now_ms)}
        self._write(due, now_ms)

    def _write(self, due: Mapping[Scope, Base], now_ms: int) -> None:
        rows = {str(scope): base_data(base) for scope, base in due.items()}
        if rows and self._record({"type": "watch", "what": "bases", "bases": rows}) is not False:
            self._kept.update(due)
            self._kept_ms.update(dict.fromkeys(due, now_ms))

    def _is_due(self, scope: Scope, base: Base, now_ms: int) -> bool:
        kept = self._kept.get(scope)
        if kept is None or kept.day != base.day:
            return True
        is_new = kept.peak != base.peak or kept.last != base.last
        # A peak that rises with every tick is written once a second.
        wait_ms = 1_000 if kept.peak != base.peak else KEEP_MS
        return is_new and now_ms - self._kept_ms[scope] >= wait_ms

    def view(self) -> list[dict[str, Any]]:
        """What stands, for `status`."""
        return [
            {"scope": str(scope), "limit": name, "symbol": symbol, "level": level.name}
            for (scope, name, symbol), level in self._judge.watched.levels().items()
        ]
