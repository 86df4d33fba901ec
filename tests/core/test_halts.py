"""core.halts: who is refused by a ladder, and by which of its trips."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.failing import Kind
from counterseal.core.halts import REASON_OF, Halts, kind_of
from counterseal.core.intent import Intent
from counterseal.core.ladder import FLEET, Actor, Ladder, Rung, Scope, Trip
from counterseal.core.ladder import Kind as ScopeKind
from counterseal.core.legs import leg_of
from counterseal.core.reasons import REASONS

BOT, STRATEGY, ACCOUNT, SYMBOL = ScopeKind.BOT, ScopeKind.STRATEGY, ScopeKind.ACCOUNT, ScopeKind.SYMBOL
# Four kinds of scope with the same two names, so that a mix-up would show; and the fleet.
SCOPES = [Scope(kind, name) for kind, name in product((BOT, STRATEGY, ACCOUNT), ("a", "b"))]
SCOPES += [Scope(SYMBOL, "A"), Scope(SYMBOL, "B"), FLEET]
names = st.sampled_from("ab")


def trip(scope: Scope, rung: Rung = Rung.HALTED, at_ms: int = 0) -> Trip:
    return Trip(scope, rung, Actor.GUARD, "guard", "", at_ms)


def halts(*trips: Trip) -> Halts:
    found = Halts()
    found.take(trips)
    return found


@given(
    rungs=st.lists(st.tuples(st.sampled_from(SCOPES), st.sampled_from(Rung)), unique_by=lambda one: one[0], max_size=9),
    bot=names,
    accounts=st.lists(names, max_size=2),
    strategies=st.lists(names, max_size=2),
    symbols=st.lists(st.sampled_from(["A", "B", "a", "C"]), min_size=1, max_size=3),
)
def test_it_refuses_by_the_ladder_s_own_word(
    rungs: list[tuple[Scope, Rung]], bot: str, accounts: list[str], strategies: list[str], symbols: list[str]
) -> None:
    """The ladder asked by its own lookup is the reference: the same rung, of a scope that the request belongs to."""
    trips = [trip(scope, rung) for scope, rung in rungs]
    scopes = [FLEET, Scope(BOT, bot), *[Scope(SYMBOL, name.upper()) for name in symbols]]
    scopes += [Scope(ACCOUNT, name) for name in accounts] + [Scope(STRATEGY, name) for name in strategies]
    expected = Ladder({each.scope: each for each in trips}).rung(scopes)
    compiled = halts(*trips)
    found = compiled.refuses(bot, accounts, strategies, symbols, Kind.INCREASE)
    if expected is None or expected.rung is Rung.ACTIVE:
        assert found is None
    else:
        assert found is not None
        assert (found.rung, found.scope in scopes) == (expected.rung, True)
    for kind in (Kind.EXIT, Kind.READ):
        assert compiled.refuses(bot, accounts, strategies, symbols, kind) is None
    assert compiled.tripped == any(rung is not Rung.ACTIVE for _, rung in rungs)


def test_nobody_is_halted_at_first() -> None:
    """Without a ladder of a guard that is not there."""
    assert not Halts().tripped
    assert Halts().refuses("a", ("a",), ("a",), ("A",), Kind.INCREASE) is None


def test_a_ladder_replaces_the_one_before() -> None:
    """Whole; the same once more is no news."""
    one = Halts()
    assert one.take([trip(Scope(BOT, "a"))])
    assert not one.take([trip(Scope(BOT, "a"))])
    assert one.take([trip(FLEET)])
    assert (one.trips, one.tripped) == ((trip(FLEET),), True)
    assert one.take([])
    assert not one.tripped
    assert one.refuses("a", (), (), (), Kind.INCREASE) is None
    assert not one.take([trip(FLEET, Rung.ACTIVE)])


def test_a_symbol_in_small_letters_is_the_same() -> None:
    """On the ladder and in the request; of both spellings the higher rung holds."""
    small, large = trip(Scope(SYMBOL, "btcusdt"), Rung.FLATTEN), trip(Scope(SYMBOL, "BTCUSDT"), Rung.REDUCING)
    for trips in ((small, large), (large, small)):
        for symbol in ("BTCUSDT", "btcusdt"):
            assert halts(*trips).refuses("a", (), (), (symbol,), Kind.INCREASE) is small


def test_what_names_no_symbol_is_of_all_symbols() -> None:
    """A setting of a whole account, while one symbol is halted; the highest of several counts."""
    one, other = trip(Scope(SYMBOL, "A"), Rung.REDUCING), trip(Scope(SYMBOL, "B"), Rung.HALTED)
    assert halts(one, other).refuses("a", (), (), (), Kind.INCREASE) is other
    assert halts(one, other).refuses("a", (), (), ("A",), Kind.INCREASE) is one
    assert halts(one, other).refuses("a", (), (), ("C",), Kind.INCREASE) is None


def test_of_two_on_one_rung_the_first_is_told() -> None:
    """The fleet before what is named."""
    fleet, bot = trip(FLEET, at_ms=2), trip(Scope(BOT, "a"), at_ms=1)
    assert halts(bot, fleet).refuses("a", (), (), (), Kind.INCREASE) is fleet


def test_every_rung_that_refuses_has_its_reason() -> None:
    """And that reason is a documented refusal."""
    assert set(REASON_OF) == set(Rung) - {Rung.ACTIVE}
    assert set(REASON_OF.values()) <= set(REASONS)
    assert len(set(REASON_OF.values())) == len(REASON_OF)


def endpoint(method: str = "POST", purpose: str = "trade", path: str = "/fapi/v1/order") -> Endpoint:
    """An endpoint of futures."""
    from tests.core.budget.exchange import catalogue

    found = catalogue().get("usdm", method, path)
    assert found is not None
    assert found.purpose == purpose
    return found


def intent(values: dict[str, str], of: Endpoint) -> Intent:
    """A request with one order, none where it has no side."""
    legs = (leg_of(values),) if "side" in values else ()
    return Intent(of, tuple(values.items()), values, (), legs, (), places=bool(legs))


REDUCE = {"symbol": "A", "side": "SELL", "type": "MARKET", "quantity": "1", "reduceOnly": "true"}


@pytest.mark.parametrize(
    ("values", "of", "kind"),
    [
        (REDUCE, endpoint(), Kind.EXIT),
        ({**REDUCE, "reduceOnly": "false"}, endpoint(), Kind.INCREASE),
        ({**REDUCE, "positionSide": "LONG"}, endpoint(), Kind.INCREASE),
        ({**REDUCE, "closePosition": "true"}, endpoint(), Kind.EXIT),
        # Only the exchange knows which of the two it would believe.
        ({**REDUCE, "reduceOnly": "false", "closePosition": "true"}, endpoint(), Kind.INCREASE),
        (REDUCE, endpoint("PUT"), Kind.INCREASE),
        ({"symbol": "A", "orderId": "1"}, endpoint("DELETE"), Kind.EXIT),
        ({"leverage": "2"}, endpoint("POST", "settings", "/fapi/v1/leverage"), Kind.INCREASE),
        ({}, endpoint("GET", "account", "/fapi/v3/positionRisk"), None),
        ({}, endpoint("GET", "read", "/fapi/v1/depth"), None),
    ],
)
def test_what_a_request_is_to_the_ladder(values: dict[str, str], of: Endpoint, kind: Kind | None) -> None:
    """An exit is what can only reduce, by every word of it."""
    assert kind_of(intent(values, of)) is kind
