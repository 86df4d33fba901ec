"""The symbols that are listed, with the figures that their filters are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

from counterseal.paper.money import places_of


@dataclass(frozen=True, slots=True)
class Symbol:
    """One listed pair.  `depth` is the typical base quantity that the house quotes at a level."""

    name: str
    base: str
    quote: str
    start: Decimal
    tick: Decimal
    step: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    depth: Decimal
    max_leverage: int
    tier: Decimal
    price_places: int
    qty_places: int

    @property
    def max_price(self) -> Decimal:
        return self.start * 10


@dataclass(frozen=True, slots=True)
class Contract:
    """One COIN-M contract: listed in exchangeInfo only, nothing trades on it here."""

    name: str
    base: str
    quote: str
    start: Decimal
    tick: Decimal
    size: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that `data/symbols.json` holds."""

    spot: dict[str, Symbol]
    usdm: dict[str, Symbol]
    coinm: list[Contract]
    spot_balances: dict[str, Decimal]
    usdm_balances: dict[str, Decimal]


def load() -> Listing:
    """The shipped listing."""
    raw = json.loads(files("counterseal.paper").joinpath("data/symbols.json").read_text("utf-8"))
    return Listing(
        {row["symbol"]: _symbol(row) for row in raw["spot"]},
        {row["symbol"]: _symbol(row) for row in raw["usdm"]},
        [_contract(row) for row in raw["coinm"]],
        {asset: Decimal(amount) for asset, amount in raw["spotBalances"].items()},
        {asset: Decimal(amount) for asset, amount in raw["usdmBalances"].items()},
    )


def _symbol(row: dict[str, str]) -> Symbol:
    tick, step = Decimal(row["tick"]), Decimal(row["step"])
    return Symbol(
        name=row["symbol"], base=row["base"], quote=row["quote"],
        start=Decimal(row["start"]), tick=tick, step=step,
        max_qty=Decimal(row["maxQty"]), market_max_qty=Decimal(row["marketMaxQty"]),
        min_notional=Decimal(row["minNotional"]), depth=Decimal(row["depth"]),
        max_leverage=int(row.get("maxLeverage", 1)), tier=Decimal(row.get("tier", "0")),
        price_places=places_of(tick), qty_places=places_of(step),
    )  # fmt: skip


def _contract(row: dict[str, str]) -> Contract:
    return Contract(
        row["symbol"], row["base"], row["quote"],
        Decimal(row["start"]), Decimal(row["tick"]), int(row["contractSize"]),
    )  # fmt: skip
