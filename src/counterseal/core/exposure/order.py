"""One order as far as it can still trade: how much of it, at which price, and under which names it may be seen."""

from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO, Rate, subtract

Alteration = tuple[Decimal, Decimal | None]


class Where(NamedTuple):
    """Where an order stands. `position_side` is LONG or SHORT in hedge mode, else empty."""

    account: str
    family: str
    symbol: str
    position_side: str


class Claim(NamedTuple):
    """What one order of a request may come to.

    `names` are its client ids: one, or those of the two halves of which only one can trade. `price` is the worst of
    its own, None for one at the market's. `quote` is a size in the quote asset. `counts` is False for an order that can
    only shrink a position.
    """

    symbol: str
    position_side: str
    side: str
    quantity: Decimal
    quote: Decimal | None
    price: Decimal | None
    names: tuple[str, ...]
    counts: bool
    algo: bool = False


class Order:
    """An order that may trade. `open` is what of it can still be filled, `value` that in dollars at its place's rate.

    `filled` is what was filled under each name, `live` are the names under which it has not ended. `altered` are new
    sizes and prices whose outcome is not known, by request. `shown` tells that the exchange has confirmed it,
    `since_ms` is the monotonic ms of its last request or answer, from which on its open orders must show it, `asked_ms`
    when it was asked for by itself.
    """

    __slots__ = (
        "algo", "altered", "asked_ms", "bot", "counts", "filled", "key", "limit", "live", "names", "numbers", "open",
        "price", "quantity", "quote", "request", "shown", "side", "since_ms", "value", "where",
    )  # fmt: skip

    def __init__(self, request: str, bot: str, key: str, where: Where, claim: Claim) -> None:
        self.request = request
        self.bot = bot
        self.key = key
        self.where = where
        self.side = claim.side
        self.quantity = claim.quantity
        self.quote = claim.quote
        self.price = claim.price
        self.counts = claim.counts
        self.algo = claim.algo
        self.names = claim.names
        self.live = set(claim.names)
        self.filled: dict[str, Decimal] = {}
        self.numbers: dict[str, str] = {}
        self.altered: dict[str, Alteration] = {}
        self.shown = False
        self.since_ms = 0
        self.asked_ms = 0
        self.open = claim.quantity
        self.limit = claim.price
        self.value = ZERO

    def resize(self) -> None:
        """Work out anew what is open and at which price: the larger of what is and what may be."""
        quantity, limit = self.quantity, self.price
        for new, price in self.altered.values():
            quantity = max(quantity, new)
            limit = price if limit is None or (price is not None and price > limit) else limit
        left = quantity
        for filled in self.filled.values():
            left = subtract(left, filled)
        self.open = left if left > ZERO else ZERO
        self.limit = limit

    def take(self, request: str) -> None:
        """Take over what a request has altered. Of several on their way nobody knows which the exchange took last."""
        self.quantity, self.price = self.altered.pop(request)
        for other, (quantity, price) in self.altered.items():
            prices = [one for one in (price, self.price) if one is not None]
            self.altered[other] = max(quantity, self.quantity), max(prices, default=None)

    def worth(self, rate: Rate, quantity: Decimal) -> Decimal:
        """Give dollars of so much of it. A size in the quote asset counts whole until the order has ended."""
        value = product(quantity, rate.unit(self.limit)) if quantity else ZERO
        if self.quote is None:
            return value
        return max(value, product(self.quote, rate.dollars))
