"""What a bot asks, typed: the pairs that will be signed and the order legs in them, judged once for both."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.binance.catalogue import Endpoint

Pair = tuple[str, str]
# How client order ids of the exchange's own orders begin: liquidation, auto-deleveraging, settlement, delivery.
EXCHANGE_IDS = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")


class Leg(NamedTuple):
    """One order within a request, with money as Decimal.

    `quantity` is in the base asset (in contracts where the symbol counts those), `quote_quantity` in the quote asset.
    `prices` are all the prices it could execute at.
    `reduces` says that the request itself can only shrink a position (one-way reduceOnly or closePosition).
    """

    symbol: str
    side: str
    type: str
    quantity: Decimal | None
    quote_quantity: Decimal | None
    prices: tuple[Decimal, ...]
    reduces: bool


class Intent(NamedTuple):
    """A judged request.

    `pairs` are names and values in the order received, without timestamp, recvWindow and signature; exactly these are
    signed. `values` is the same as a mapping. `symbols` are all symbols named. `client_ids` are the ids that the
    request would bring into the world. `places` tells whether it can create an order.
    """

    endpoint: Endpoint
    pairs: tuple[Pair, ...]
    values: Mapping[str, str]
    symbols: tuple[str, ...]
    legs: tuple[Leg, ...]
    client_ids: tuple[str, ...]
    places: bool

    @property
    def reduces(self) -> bool:
        """Whether nothing in it can raise exposure: a cancel, or nothing but reducing legs."""
        if self.endpoint.purpose != "trade":
            return False
        legs = self.legs
        return legs[0].reduces if len(legs) == 1 else all(leg.reduces for leg in legs)
