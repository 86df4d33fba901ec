"""The ladder: how far trading is taken back, for whom, by whom; and who may give it back.

States are values: what trips and resets gives a new one, and the guard's journal is folded into the same.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

# Two persons must agree within this time.
AGREE_MS = 600_000

_T = TypeVar("_T")


class Rung(IntEnum):
    """The states of a scope; the higher one includes the lower.

    REDUCING lets only what lowers risk pass, and settings no more. HALTED is the same, until a person has looked.
    FLATTEN is HALTED, and the guard cancels all and closes the positions.
    """

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2
    FLATTEN = 3


class Kind(Enum):
    """What a scope can be."""

    BOT = "bot"
    STRATEGY = "strategy"
    SYMBOL = "symbol"
    ACCOUNT = "account"
    FLEET = "fleet"


class Scope(NamedTuple):
    """Whom a rung holds for. `name` is "" for the fleet."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return self.kind.value if self.kind is Kind.FLEET else f"{self.kind.value} {self.name}"


FLEET = Scope(Kind.FLEET)


class Actor(Enum):
    """Who trips."""

    OPERATOR = "operator"
    GUARD = "guard"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Trip:
    """One scope's rung, why, and who took it there when (wall ms). `cancels` has open orders cancelled too."""

    scope: Scope
    rung: Rung
    actor: Actor
    who: str
    cause: str
    at_ms: int
    cancels: bool = False


class Wish(NamedTuple):
    """One operator's word that a scope shall be given back, at a wall ms."""

    operator: str
    at_ms: int


class Refusal(NamedTuple):
    """Why something on the ladder was not done: a code of `REFUSALS`."""

    reason: str


class Given(NamedTuple):
    """A ladder after a reset was asked for. `is_done` is False while a second person must agree."""

    ladder: "Ladder"
    is_done: bool


def agreed(
    wish: Wish | None, operator: str, operators: Collection[str], now_ms: int, *, needs_two: bool = True
) -> bool | Refusal:
    """Tell whether enough persons have said the same: two where the settings name two. `wish` is the first one's word.

    False: this one is the first. Without names in the settings one person, whoever it is, decides.
    """
    if operators and operator not in operators:
        return Refusal("unknown_operator")
    if not needs_two or len(operators) < 2:
        return True
    if wish is None or not 0 <= now_ms - wish.at_ms <= AGREE_MS:
        return False
    return Refusal("second_operator") if wish.operator == operator else True


REFUSALS = {
    "not_its_own": "a bot may halt itself, and nobody else",
    "needs_operator": "a bot cannot have its positions closed; an operator can",
    "not_tripped": "the scope is active; there is nothing to resume",
    "unknown_operator": "the name is not among guard.operators",
    "second_operator": "two operators are needed for this, and this one has already asked",
    "unreadable": "the ladder's own state could not be read: everything counts as halted until it was given anew",
}
_NOBODY: Mapping[Scope, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ladder:
    """All scopes that are not active, and what waits for a second operator."""

    trips: Mapping[Scope, Trip] = field(default_factory=lambda: _NOBODY)
    wishes: Mapping[Scope, Wish] = field(default_factory=lambda: _NOBODY)

    def trip(self, trip: Trip) -> "Ladder | Refusal":
        """Take a scope to a rung; one that stands higher stays there. A wish to give it back is forgotten."""
        if trip.actor is Actor.BOT:
            if trip.scope != Scope(Kind.BOT, trip.who):
                return Refusal("not_its_own")
            if trip.rung is Rung.FLATTEN:
                return Refusal("needs_operator")
        standing = self.trips.get(trip.scope)
        if standing is not None:
            trip = _joined(standing, trip)
        return Ladder(_with(self.trips, trip.scope, trip), _without(self.wishes, trip.scope))

    def reset(self, scope: Scope, operator: str, operators: Collection[str], now_ms: int) -> Given | Refusal:
        """Give a scope back by a named operator; the fleet by two of them, where there are two."""
        if scope not in self.trips:
            return Refusal("not_tripped")
        # The fleet needs two; anybody else is given back by the word of one.
        said = agreed(self.wishes.get(scope), operator, operators, now_ms, needs_two=scope == FLEET)
        if isinstance(said, Refusal):
            return said
        if not said:
            return Given(replace(self, wishes=_with(self.wishes, scope, Wish(operator, now_ms))), is_done=False)
        return Given(Ladder(_without(self.trips, scope), _without(self.wishes, scope)), is_done=True)

    def rung(self, scopes: Iterable[Scope]) -> Trip | None:
        """Give the trip that holds for whoever belongs to all these scopes: the highest; None when active."""
        return max(
            (trip for scope in scopes if (trip := self.trips.get(scope)) is not None),
            key=lambda trip: trip.rung,
            default=None,
        )


def _joined(standing: Trip, trip: Trip) -> Trip:
    """The higher rung keeps its cause; that orders shall be cancelled is never taken back."""
    cancels = standing.cancels or trip.cancels
    return replace(standing if standing.rung >= trip.rung else trip, cancels=cancels)


def _with(mapping: Mapping[Scope, _T], scope: Scope, value: _T) -> Mapping[Scope, _T]:
    return MappingProxyType({**mapping, scope: value})


def _without(mapping: Mapping[Scope, _T], scope: Scope) -> Mapping[Scope, _T]:
    return MappingProxyType({name: value for name, value in mapping.items() if name != scope})


# -- as data, for messages, files and the journal


def trip_data(trip: Trip) -> dict[str, Any]:
    """Give a trip as JSON holds it."""
    return {
        "kind": trip.scope.kind.value, "name": trip.scope.name, "rung": trip.rung.name, "actor": trip.actor.value,
        "who": trip.who, "cause": trip.cause, "at_ms": trip.at_ms, "cancels": trip.cancels,
    }  # fmt: skip


def trip_of(data: Mapping[str, Any]) -> Trip:
    """Read a trip. Raises ValueError for what is none."""
    try:
        at_ms, cancels = data["at_ms"], data["cancels"]
        words = [data["name"], data["who"], data["cause"]]
        if type(at_ms) is not int or type(cancels) is not bool or not all(type(word) is str for word in words):
            raise ValueError("not a trip")
        scope = Scope(Kind(data["kind"]), data["name"])
        return Trip(scope, Rung[data["rung"]], Actor(data["actor"]), data["who"], data["cause"], at_ms, cancels)
    except (KeyError, TypeError) as fault:
        raise ValueError("not a trip") from fault


def scope_of(text: str) -> Scope:
    """Read "fleet", "bot NAME", "strategy NAME", "symbol NAME" or "account NAME". Raises ValueError."""
    kind, _, name = text.partition(" ")
    scope = Scope(Kind(kind), name)
    if (scope.kind is Kind.FLEET) == bool(name):
        raise ValueError("a scope is fleet, or bot, strategy, symbol or account with a name")
    return scope
