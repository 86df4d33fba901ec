"""The oracle of LIM-1: exposure worked out from the whole history each time, in whole numbers, with nothing kept.

Quantities are in thousandths, prices in hundredths, dollars of a quote asset in ten-thousandths, so that sums are in
1e-9 dollars.
"""

from dataclasses import dataclass, field

UNITS = 10**9
Place = tuple[str, str, str, str]


@dataclass
class Part:
    """One order as the bot meant it and as far as it has been told of. `quote` is in hundredths."""

    bot: str
    place: Place
    side: str
    size: int
    quote: int | None
    price: int | None
    counts: bool
    names: tuple[str, ...]
    done: set[str] = field(default_factory=set)
    fills: dict[str, int] = field(default_factory=dict)
    wished: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    gone: bool = False

    def left(self) -> int:
        """What may still trade."""
        largest = max([self.size, *[size for size, _ in self.wished.values()]])
        return max(0, largest - sum(self.fills.values()))

    def take(self, request: str) -> None:
        """It has been modified; the exchange may have taken this before or after what else is on its way."""
        self.size, self.price = self.wished.pop(request)
        for other, (size, price) in self.wished.items():
            self.wished[other] = max(size, self.size), max(price or 0, self.price or 0) or None

    def worst(self) -> int | None:
        """The worst price of its own."""
        prices = [price for price in (self.price, *[price for _, price in self.wished.values()]) if price is not None]
        return max(prices) if prices else None


@dataclass
class Price:
    """A symbol's last price, dollars per quote unit, worth of a contract in hundredths."""

    last: int
    dollars: int
    contract: int | None = None

    def unit(self, own: int | None) -> int:
        """Worth of one unit of quantity."""
        base = self.contract if self.contract is not None else max(self.last, own or 0)
        return base * self.dollars


class Naive:
    """Everything that was ever placed."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.stated: dict[Place, tuple[int, int]] = {}
        self.prices: dict[tuple[str, str], Price] = {}
        self.held: dict[tuple[str, Place], int] = {}

    def position(self, bot: str, place: Place) -> int:
        """What a bot holds."""
        return self.held.get((bot, place), 0)

    def fill(self, part: Part, name: str, total: int) -> None:
        """So much has been filled under this name in all."""
        more = total - part.fills.get(name, 0)
        if more > 0:
            part.fills[name] = total
            key = (part.bot, part.place)
            self.held[key] = self.held.get(key, 0) + (more if part.side == "BUY" else -more)

    def live(self, bot: str, place: Place) -> list[Part]:
        """Orders that may trade, oldest first."""
        return [p for p in self.parts if not p.gone and p.counts and p.bot == bot and p.place == place]

    def open_sums(self, bot: str, place: Place) -> tuple[int, int]:
        """Dollars of open buys and of open sells that are not sales of what is held."""
        price = self.prices[place[1], place[2]]
        covered = max(0, self.position(bot, place)) if place[1] == "spot" else 0
        sums = {"BUY": 0, "SELL": 0}
        for part in self.live(bot, place):
            size = part.left()
            if part.side == "SELL":
                sold = min(size, covered)
                size, covered = size - sold, covered - sold
            value = size * price.unit(part.worst())
            if part.quote is not None:
                value = max(value, part.quote * price.dollars * 1000)
            sums[part.side] += value
        return sums["BUY"], sums["SELL"]

    def cell(self, bot: str, place: Place) -> int:
        """One bot's larger side at one place."""
        buys, sells = self.open_sums(bot, place)
        return self._larger(self.position(bot, place), place, buys, sells)

    def _larger(self, position: int, place: Place, buys: int, sells: int) -> int:
        unit = self.prices[place[1], place[2]].unit(None)
        return max(buys + max(0, position) * unit, sells + max(0, -position) * unit)

    def place(self, place: Place) -> int:
        """All bots at one place, or what the exchange says."""
        bots = {part.bot for part in self.parts if part.place == place} | {b for b, p in self.held if p == place}
        total = sum(self.cell(bot, place) for bot in bots)
        if place not in self.stated:
            return total
        sums = [self.open_sums(bot, place) for bot in bots]
        buys, sells = sum(one for one, _ in sums), sum(one for _, one in sums)
        stated, then = self.stated[place]
        moved = stated + self.all_held(place) - then
        return max(total, *[self._larger(position, place, buys, sells) for position in (stated, moved)])

    def state(self, place: Place, position: int) -> None:
        """The exchange states a position; what is filled from now on is not in it."""
        self.stated[place] = position, self.all_held(place)

    def all_held(self, place: Place) -> int:
        """What all bots hold."""
        return sum(held for (_, where), held in self.held.items() if where == place)

    def places(self) -> set[Place]:
        """Where anything is or was."""
        return {part.place for part in self.parts} | {p for _, p in self.held} | set(self.stated)

    def bot(self, bot: str) -> int:
        """A bot's sum."""
        return sum(self.cell(bot, place) for place in self.places())

    def account(self, account: str) -> int:
        """An account's sum."""
        return sum(self.place(place) for place in self.places() if place[0] == account)

    def symbol(self, account: str, symbol: str) -> int:
        """A symbol's sum."""
        return sum(self.place(place) for place in self.places() if place[0] == account and place[2] == symbol)

    def forget(self) -> None:
        """Drop what has ended, so that the sums stay quick; what was filled is held."""
        self.parts = [part for part in self.parts if not part.gone]
