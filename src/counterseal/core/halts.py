"""The ladder as an order meets it: whose requests that raise risk are refused, by the last ladder that was heard.

One that is not there yet, and a guard that is silent, are rows of `core.failing`; this is about what the guard said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from counterseal.core.failing import Kind
from counterseal.core.intent import Intent
from counterseal.core.ladder import Kind as ScopeKind
from counterseal.core.ladder import Rung, Trip
from counterseal.core.policy import may_raise

# The last ladder holds for so long without a word of the guard; then nothing that raises risk goes on.
SILENT_MS = 10_000
# Why a request is refused, by the rung.
REASON_OF: Mapping[Rung, str] = MappingProxyType(
    {Rung.REDUCING: "reducing", Rung.HALTED: "halted", Rung.FLATTEN: "flattening"}
)
_By = dict[str, Trip]


def kind_of(intent: Intent) -> Kind | None:
    """Give what a request is to the ladder; None for what it never closes, as that changes nothing.

    Stricter than the table of failures: an order that calls itself reducing and contradicts itself is no exit.
    """
    if not intent.endpoint.mutating:
        return None
    return Kind.EXIT if intent.reduces and not may_raise(intent) else Kind.INCREASE


@dataclass(slots=True)
class Halts:
    """Trips by whom they hold for. `tripped` is all that is asked as long as nobody is halted."""

    tripped: bool = False
    trips: tuple[Trip, ...] = ()
    _fleet: Trip | None = None
    _bots: _By = field(default_factory=dict)
    _accounts: _By = field(default_factory=dict)
    _strategies: _By = field(default_factory=dict)
    _symbols: _By = field(default_factory=dict)

    def take(self, trips: Iterable[Trip]) -> bool:
        """Put a ladder in force. Gives whether it is another one than before."""
        given = tuple([trip for trip in trips if trip.rung is not Rung.ACTIVE])
        if given == self.trips:
            return False
        by: dict[ScopeKind, _By] = {kind: {} for kind in ScopeKind}
        for trip in given:
            kind, name = trip.scope
            # The exchange may take a symbol in small letters for the same.
            name = name.upper() if kind is ScopeKind.SYMBOL else name
            by[kind][name] = _higher(by[kind].get(name), trip)
        self._fleet = by[ScopeKind.FLEET].get("")
        self._bots, self._accounts = by[ScopeKind.BOT], by[ScopeKind.ACCOUNT]
        self._strategies, self._symbols = by[ScopeKind.STRATEGY], by[ScopeKind.SYMBOL]
        self.trips, self.tripped = given, bool(given)
        return True

    def refuses(
        self, bot: str, accounts: Sequence[str], strategies: Sequence[str], symbols: Sequence[str], kind: Kind
    ) -> Trip | None:
        """Give the trip that refuses a request of somebody who belongs to all these: the highest. None: it goes on."""
        if kind is not Kind.INCREASE or not self.tripped:
            return None
        found = self._fleet
        for by, names in ((self._bots, (bot,)), (self._accounts, accounts), (self._strategies, strategies)):
            found = _highest(found, by, names) if by else found
        if not self._symbols:
            return found
        # A setting that names no symbol holds for all of them.
        named = [symbol.upper() for symbol in symbols] if symbols else tuple(self._symbols)
        return _highest(found, self._symbols, named)


def _highest(found: Trip | None, by: _By, names: Iterable[str]) -> Trip | None:
    for name in names:
        trip = by.get(name)
        if trip is not None:
            found = _higher(found, trip)
    return found


def _higher(one: Trip | None, other: Trip) -> Trip:
    """Of two on one rung the one that was there first."""
    return other if one is None or other.rung > one.rung else one
