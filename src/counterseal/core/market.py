"""What is known of the market: the last prices with their age, and the exchange's symbols with theirs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from counterseal.core.exact import inverse_up
from counterseal.core.numbers import decimal

MAX_PRICE_AGE_MS = 5_000
MAX_RULES_AGE_MS = 24 * 3_600_000
_ONE = Decimal(1)
# Quote assets that count as one US dollar.
DOLLARS = frozenset({"USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "USDP", "DAI", "USD1", "RLUSD", "USDE", "BFUSD"})


@dataclass(frozen=True, slots=True)
class SymbolRule:
    """A symbol of exchangeInfo as far as we judge by it.

    `contract_size`: on COIN-M a quantity counts contracts, each worth that many units of the quote asset. None
    elsewhere: there it counts units of the base asset.
    """

    base: str
    quote: str
    status: str
    contract_size: Decimal | None = None

    @property
    def trading(self) -> bool:
        """Whether new orders are taken."""
        return self.status == "TRADING"

    def worth(self, price: Decimal) -> Decimal:
        """Give what one unit of quantity is worth in the quote asset at a price; of a contract, at any."""
        return price if self.contract_size is None else self.contract_size


@dataclass(slots=True)
class FamilyMarket:
    """Prices and symbols of one host family, with the monotonic milliseconds at which each was read.

    `prices_held` is set while prices that were too old have not been young again for long enough.
    """

    prices: Mapping[str, Decimal] = field(default_factory=dict)
    prices_at_ms: int | None = None
    rules: Mapping[str, SymbolRule] = field(default_factory=dict)
    rules_at_ms: int | None = None
    prices_held: bool = False

    def price(self, symbol: str, now_ms: int) -> Decimal | None:
        """Give the last price if it is at most 5 s old."""
        if self.prices_held or not self.prices_fresh(now_ms):
            return None
        return self.prices.get(symbol)

    def prices_fresh(self, now_ms: int) -> bool:
        """Tell whether the last prices were read within 5 s."""
        return self.prices_at_ms is not None and now_ms - self.prices_at_ms <= MAX_PRICE_AGE_MS

    def prices_old_from_ms(self) -> int | None:
        """Give the moment from which on the last prices are too old, None when there are none."""
        return None if self.prices_at_ms is None else self.prices_at_ms + MAX_PRICE_AGE_MS + 1

    def rules_old_from_ms(self) -> int | None:
        """Give the moment from which on exchangeInfo is too old, None when it was never read."""
        return None if self.rules_at_ms is None else self.rules_at_ms + MAX_RULES_AGE_MS + 1

    def rules_fresh(self, now_ms: int) -> bool:
        """Tell whether exchangeInfo was read within 24 h."""
        return self.rules_at_ms is not None and now_ms - self.rules_at_ms <= MAX_RULES_AGE_MS

    def dollars(self, symbol: str, now_ms: int) -> Decimal | None:
        """Give US dollars per unit of the symbol's quote asset; None when that cannot be told from fresh prices."""
        rule = self.rules.get(symbol)
        if rule is None:
            return None
        if rule.quote in DOLLARS:
            return _ONE
        for dollar in ("USDT", "USDC", "FDUSD"):
            price = self.price(rule.quote + dollar, now_ms)
            if price is not None:
                return price
        # Currencies such as TRY or BRL are listed the other way round.
        price = self.price("USDT" + rule.quote, now_ms)
        return None if price is None else inverse_up(price)


def parse_prices(rows: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Read the exchange's list of {symbol, price}.

    A row whose price is no positive number of our grammar (NaN, Infinity, a sign) is left out: its symbol has no
    price. Raises KeyError or TypeError when it is no such list.
    """
    found = {}
    for row in rows:
        price = decimal(_text(row["price"]))
        if price is not None and price > 0:
            found[_text(row["symbol"])] = price
    return found


def parse_rules(family: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, SymbolRule]:
    """Read exchangeInfo's `symbols`; COIN-M states contractStatus instead of status, and the size of a contract.

    What is no text counts as empty, which trades nowhere; so does a contract whose size cannot be read. Raises KeyError
    or TypeError when it is no such list.
    """
    read = _contract if family == "coinm" else _rule
    return {_text(row["symbol"]): read(row) for row in rows}


def _rule(row: Mapping[str, Any]) -> SymbolRule:
    return SymbolRule(_text(row.get("baseAsset")), _text(row.get("quoteAsset")), _text(row.get("status")))


def _contract(row: Mapping[str, Any]) -> SymbolRule:
    told = row.get("contractSize")
    size = decimal(str(told) if type(told) is int else _text(told))
    if size is None or size <= 0:
        return SymbolRule("", "", "")
    return SymbolRule(_text(row.get("baseAsset")), _text(row.get("quoteAsset")), _text(row.get("contractStatus")), size)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
