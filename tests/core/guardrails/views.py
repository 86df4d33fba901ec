"""Accounts and prices that the tests of this folder share."""

from decimal import Decimal
from typing import Any

from tests.core.config.texts import PAPER, config_of
from tests.core.positions.shapes import CONTRACTS, RULES

from counterseal.core.config.model import Config
from counterseal.core.guardrails.measure import View
from counterseal.core.guardrails.portions import Market
from counterseal.core.positions.fills import fill_in
from counterseal.core.positions.marks import Pair
from counterseal.core.positions.orders import OpenOrders
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Held, Statement
from counterseal.core.positions.truth import Truth

BTC, PERP = Place("BTCUSDT"), Place("BTCUSD_PERP")


class Board:
    """A `Prices`: by symbol and asset, each a price or two; what is not there is not confirmed."""

    def __init__(self, **prices: str) -> None:
        self._pairs = {name: self._pair(text) for name, text in prices.items()}

    @staticmethod
    def _pair(text: str) -> Pair:
        one, _, other = text.partition("/")
        return Pair(Decimal(one), Decimal(other or one))

    def symbol(self, family: str, symbol: str) -> Pair | None:
        return self._pairs.get(symbol)

    def asset(self, asset: str) -> Pair | None:
        return self._pairs.get(asset)


def market(
    family: str = "usdm", account: str = "main", positions: dict[Place, tuple[str, str | None]] | None = None,
    balances: dict[str, str] | None = None,
) -> Market:  # fmt: skip
    """Give a market that has been read once: positions as amount and entry price."""
    truth = Truth(family, CONTRACTS if family == "coinm" else RULES)
    held = {place: Held(Decimal(amount), None if entry is None else Decimal(entry))
            for place, (amount, entry) in (positions or {}).items()}  # fmt: skip
    money = {asset: Decimal(amount) for asset, amount in (balances or {}).items()}
    truth.snapshot(Statement(held, money, whole=True), 0, 0)
    return Market(account, family, truth, OpenOrders())


def trade(one: Market, owner: str, body: dict[str, Any]) -> None:
    """Book a fill of an owner."""
    found = fill_in(body["e"], body)
    assert found is not None
    one.truth.books.fill(owner, found)


def view(*markets: Market, members: dict[str, tuple[str, ...]] | None = None, **prices: str) -> View:
    """Give a view of markets at prices."""
    return View(markets, Board(**prices), members or {})


def config(more: str) -> Config:
    """Give settings with two bots on the account `main`, of the strategy `grid`."""
    keys = '[keys.main]\nfunctions = ["account", "trade"]\nstrategy = "grid"\n'
    return config_of(PAPER + keys + "[bots.alpha]\nkeys = ['main']\n[bots.beta]\nkeys = ['main']\n" + more)
