"""The limits while they are watched: looked at after everything that changes something, kept over a restart."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.guardrails.base import DAY_MS, Base, base_data, base_of
from counterseal.core.guardrails.breach import Breach, breach_data
from counterseal.core.guardrails.judge import Judge, is_touched
from counterseal.core.guardrails.limits import Level, Limit, Measure, limits_of
from counterseal.core.guardrails.measure import Touch, View
from counterseal.core.guardrails.portions import Market
from counterseal.core.guardrails.pricing import Key
from counterseal.core.ladder import FLEET, Kind, Scope, scope_of
from counterseal.guard.watch.plan import accounts_of, members_of
from counterseal.guard.watch.prices import MarketPrices

Record = Callable[[Mapping[str, Any]], object]
# What somebody is worth is written down so often, and its peak and day at once.
KEEP_MS = 60_000
# Everything is looked at so often; in between only what has changed, and whatever needs it.
WHOLE_MS = 2_000


class Rails:
    """Judges, tells, and writes down from where losses are counted."""

    def __init__(self, prices: MarketPrices, on_breach: Callable[[Breach], None], record: Record) -> None:
        self._prices, self._on_breach, self._record = prices, on_breach, record
        self._judge = Judge(())
        self._members: Mapping[str, Sequence[str]] = {}
        self._accounts: Mapping[str, frozenset[str]] = {}
        self._kept: dict[Scope, Base] = {}
        self._kept_ms: dict[Scope, int] = {}
        self._view: View | None = None
        self._markets: list[Market] = []
        self._whole_ms = self._day = 0
        self.blind: tuple[Limit, ...] = ()

    def configure(self, config: Config) -> None:
        """Take up the limits of a configuration; what stands, stands on."""
        self._judge.limits, self._members = limits_of(config), members_of(config)
        self._accounts = accounts_of(config)
        self.forget()

    def forget(self) -> None:
        """Look at everything the next time: something has changed that everything may rest on."""
        self._view = None

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

    def look(
        self,
        markets: Sequence[Market],
        touched: Iterable[Key],
        now_ms: int,
        exchange_ms: int,
        unknown: Collection[str] = (),
    ) -> None:
        """Measure, judge, and tell whoever acts. `touched` are the markets of which something was heard, `unknown` the
        accounts of which some market has not been read yet.
        """
        view, touch = self._seen(markets, touched, now_ms, exchange_ms)
        if touch is not None and not touch.scopes:
            return
        judged = self._judge.look(view, now_ms, exchange_ms, touch, self._partial(unknown))
        self.blind = (*(limit for limit in self.blind if _is_still_blind(limit, touch)), *judged.blind)
        for breach in judged.breaches:
            if breach.level > Level.WARN:
                self._record({"type": "watch", "what": "breach", **breach_data(breach)})
            self._on_breach(breach)
        self._keep(now_ms)

    def _partial(self, unknown: Collection[str]) -> set[Scope]:
        """Give the scopes that reach an account which is not known as a whole."""
        if not unknown:
            return set()
        bots = {bot for bot, accounts in self._accounts.items() if not accounts.isdisjoint(unknown)}
        found = {FLEET, *(Scope(Kind.ACCOUNT, name) for name in unknown), *(Scope(Kind.BOT, bot) for bot in bots)}
        found.update(Scope(Kind.STRATEGY, name) for name, its in self._members.items() if not bots.isdisjoint(its))
        return found

    def _seen(
        self, markets: Sequence[Market], touched: Iterable[Key], now_ms: int, exchange_ms: int
    ) -> tuple[View, Touch | None]:
        """Give what there is, and what of it has changed: None for everything."""
        changed, view, day = self._prices.changed(), self._view, exchange_ms // DAY_MS
        again_ms = self._judge.watched.again_ms()
        is_old = now_ms - self._whole_ms >= WHOLE_MS or now_ms > self._prices.lasts_ms or day != self._day
        is_old = is_old or (again_ms is not None and now_ms >= again_ms)
        is_known = view is not None and changed is not None and _are_same(markets, self._markets)
        if view is not None and is_known and changed is not None and not is_old:
            return view, view.touch(touched, changed)
        self._whole_ms, self._day = now_ms, day
        self._prices.begin()
        if view is not None and is_known:
            view.touch_all()
            return view, None
        self._markets = list(markets)
        self._view = View(self._markets, self._prices, self._members)
        return self._view, None

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


def _are_same(some: Sequence[Market], others: Sequence[Market]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _is_still_blind(limit: Limit, touch: Touch | None) -> bool:
    """What was not looked at again stays as it was; of a limit per symbol only some symbols were."""
    if touch is None:
        return False
    return limit.measure is Measure.SYMBOL_POSITION or not is_touched(limit, touch)
