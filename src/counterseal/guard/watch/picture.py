"""What an account holds as the watch knows it, for hands that would else have to read it first."""

from collections.abc import Iterable
from decimal import Decimal

from counterseal.core.exposure.money import ZERO, add
from counterseal.core.holdings import BOTH, Holding, spot_holdings
from counterseal.core.positions.reading import Place
from counterseal.guard.watch.followed import Followed
from counterseal.guard.watch.world import World


def picture(followed: Followed, world: World) -> list[Holding] | None:
    """Give the positions of a market with when each was stated, on spot what may be sold.

    None where something fails, where events are missing, or where it is not known what a symbol is made of.
    """
    if not followed.is_sure(world.now_ms()):
        return None
    return _spot(followed, world) if followed.family == "spot" else _futures(followed, world)


def bought(followed: Followed, bots: Iterable[str]) -> dict[str, Decimal]:
    """Give what bots bought on spot and still hold, by symbol."""
    found: dict[str, Decimal] = {}
    for bot in bots:
        for place, sub in followed.truth.books.of(bot):
            if sub.lot.amount > ZERO:
                found[place.symbol] = add(found.get(place.symbol, ZERO), sub.lot.amount)
    return found


def _futures(followed: Followed, world: World) -> list[Holding]:
    def holding(place: Place, amount: Decimal) -> Holding:
        mark = world.prices.last(followed.family, place.symbol)
        return Holding(place.symbol, place.side or BOTH, amount, mark, followed.seen_ms(place))

    return [holding(place, held.amount) for place, held in followed.truth.positions.items() if held.amount]


def _spot(followed: Followed, world: World) -> list[Holding] | None:
    held = bought(followed, world.config().bots)
    bases = {symbol: rule.base for symbol in held if (rule := world.rules["spot"].get(symbol)) is not None}
    if bases.keys() != held.keys():
        return None
    return [
        one._replace(mark=world.prices.last("spot", one.symbol), seen_ms=followed.seen_ms(bases[one.symbol]))
        for one in spot_holdings(followed.truth.free, held, bases)
    ]
