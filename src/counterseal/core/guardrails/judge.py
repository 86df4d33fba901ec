"""All limits at one moment: what is measured for each, and which of them people and hands have to hear of."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.guardrails.base import Base, first
from counterseal.core.guardrails.breach import Breach, Finding, Watched, cuts_of, part_to_cut
from counterseal.core.guardrails.limits import Limit, Measure
from counterseal.core.guardrails.measure import Touch, View
from counterseal.core.guardrails.portions import times
from counterseal.core.ladder import FLEET, Kind, Scope


class Judged(NamedTuple):
    """What a look came to: what has to be done, and the limits that could not be judged: without a price, or without
    all accounts.
    """

    breaches: tuple[Breach, ...]
    blind: tuple[Limit, ...]


class Judge:
    """Holds limits against what is there. `limits` may be replaced; what stands, stands on.

    `bases` are from where losses are counted, by scope; whoever keeps them over a restart writes them down.
    """

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = tuple(limits)
        self.bases: dict[Scope, Base] = {}
        self.watched = Watched()

    def look(
        self, view: View, now_ms: int, exchange_ms: int, touch: Touch | None = None, partial: Collection[Scope] = ()
    ) -> Judged:
        """Measure and judge everything, or only what is touched. `now_ms` is monotonic, `exchange_ms` tells the day.

        `partial` are scopes of which some account is not known: what the rest is worth would look like a loss.
        """
        breaches: list[Breach] = []
        touched = [limit for limit in self.limits if touch is None or is_touched(limit, touch)]
        blind = [limit for limit in touched if limit.scope in partial and limit.measure.needs_all]
        limits = [limit for limit in touched if limit not in blind] if blind else touched
        self._advance(view, exchange_ms, {limit.scope for limit in limits if limit.measure.is_loss})
        for limit in limits:
            for finding in self._measure(limit, view, touch):
                if finding is None:
                    blind.append(limit)
                    continue
                breach = self._breach(finding, view, now_ms)
                if breach is not None:
                    breaches.append(breach)
        return Judged(tuple(breaches), tuple(blind))

    def _breach(self, finding: Finding, view: View, now_ms: int) -> Breach | None:
        telling = self.watched.judge(finding, now_ms)
        if telling is None:
            return None
        limit, level = finding.limit, telling.level
        held = view.positions(limit.scope)
        meant = [position.whole for position in held if finding.symbol in ("", position.place.symbol)]
        cuts = cuts_of(meant, part_to_cut(finding, level))
        if telling.is_again and not cuts:
            return None  # all that can be done about it has been done
        return Breach(
            limit.scope,
            limit.measure.value,
            finding.value,
            limit.limit,
            level,
            limit.action(level),
            finding.symbol,
            cuts,
        )

    # -- measuring

    def _measure(self, limit: Limit, view: View, touch: Touch | None) -> Iterator[Finding | None]:
        if limit.measure is Measure.SYMBOL_POSITION:
            yield from self._per_symbol(limit, view, touch)
            return
        value = _MEASURES[limit.measure](self, limit.scope, view)
        yield None if value is None else Finding(limit, value)

    def _per_symbol(self, limit: Limit, view: View, touch: Touch | None) -> Iterator[Finding | None]:
        """A limit for "*" holds for each symbol that the same scope has no limit of its own for.

        What stands is looked at too when nothing is held any more: else it would stand for ever.
        """
        names = view.symbols(limit.scope) | self.watched.symbols(limit)
        names = names - self._own(limit) if limit.symbol == "*" else names & {limit.symbol}
        sizes = view.symbol_sizes(limit.scope, sorted(names if touch is None else names & touch.symbols))
        for symbol, found in sizes.items():
            yield None if found is None else Finding(limit, found.low, symbol)

    def _own(self, limit: Limit) -> set[str]:
        return {
            other.symbol for other in self.limits
            if other.measure is limit.measure and other.symbol != "*" and _same(other.scope, limit.scope)
        }  # fmt: skip

    def _position(self, scope: Scope, view: View) -> Decimal | None:
        found = view.size(scope)
        return None if found is None else found.low

    def _orders(self, scope: Scope, view: View) -> Decimal | None:
        return Decimal(view.open_orders(scope))

    def _leverage(self, scope: Scope, view: View) -> Decimal | None:
        futures, worth = view.futures_size(scope), view.futures_worth(scope)
        return None if futures is None or worth is None else times(futures, worth)

    # -- losses

    def _advance(self, view: View, exchange_ms: int, scopes: Iterable[Scope]) -> None:
        """Let the bases of some scopes go on."""
        for scope in scopes:
            worth = view.worth(scope)
            if worth is not None:
                base = self.bases.get(scope)
                known = first(worth, exchange_ms) if base is None else base
                self.bases[scope] = known.advanced(worth, exchange_ms)

    def _loss(self, scope: Scope, view: View) -> Decimal | None:
        worth = view.worth(scope)
        return None if worth is None else self.bases[scope].loss(worth)

    def _drawdown(self, scope: Scope, view: View) -> Decimal | None:
        worth = view.worth(scope)
        return None if worth is None else self.bases[scope].drawdown(worth)

    def moved(self, account: str, dollars: Decimal) -> None:
        """Money came to an account or went: that is nobody's gain or loss."""
        for scope in (Scope(Kind.ACCOUNT, account), FLEET):
            base = self.bases.get(scope)
            if base is not None:
                self.bases[scope] = base.moved(dollars)


_Measuring = Callable[[Judge, Scope, View], Decimal | None]
_MEASURES: Mapping[Measure, _Measuring] = {
    Measure.POSITION: Judge._position,
    Measure.OPEN_ORDERS: Judge._orders,
    Measure.LEVERAGE: Judge._leverage,
    Measure.DAILY_LOSS: Judge._loss,
    Measure.DRAWDOWN: Judge._drawdown,
}


def is_touched(limit: Limit, touch: Touch) -> bool:
    """Tell whether what has changed may change a limit's figure."""
    return limit.scope in touch.scopes or (limit.scope.kind is Kind.SYMBOL and limit.symbol in touch.symbols)


def _same(one: Scope, other: Scope) -> bool:
    """Tell whether two limits per symbol are of the same table: the fleet's have the symbol as their scope."""
    return one == other or (one.kind is Kind.SYMBOL and other == FLEET)
