"""The symbols that are listed, with the figures that their filters are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

from counterseal.paper.money import ZERO, places_of


@dataclass(frozen=True, slots=True)
class Symbol:
    """One listed pair or contract.  `depth` is the typical quantity that the house quotes at a level.

    `contract_size` is 0 where quantities are in the base asset (spot, USD-M).  On an inverse contract (COIN-M)
    quantities count contracts of that many quote units, and everything is settled in the base asset.
    """

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
    contract_size: Decimal = ZERO

    @property
    def max_price(self) -> Decimal:
        return self.start * 10

    @property
    def margin_asset(self) -> str:
        """The asset that margin, profit and fees of a contract are in."""
        return self.base if self.contract_size else self.quote

    @property
    def pair(self) -> str:
        """What the futures endpoints call the pair: the symbol itself, or the contract's underlying."""
        return self.base + self.quote if self.contract_size else self.name

    def worth(self, qty: Decimal, price: Decimal) -> Decimal:
        """A quantity in the margin asset."""
        return qty * self.contract_size / price if self.contract_size else qty * price


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that `data/symbols.json` holds."""

    spot: dict[str, Symbol]
    usdm: dict[str, Symbol]
    coinm: dict[str, Symbol]
    spot_balances: dict[str, Decimal]
    usdm_balances: dict[str, Decimal]
    coinm_balances: dict[str, Decimal]


def load() -> Listing:
    """The shipped listing."""
    raw = json.loads(files("counterseal.paper").joinpath("data/symbols.json").read_text("utf-8"))
    return Listing(
        {row["symbol"]: _symbol(row) for row in raw["spot"]},
        {row["symbol"]: _symbol(row) for row in raw["usdm"]},
        {row["symbol"]: _symbol(row) for row in raw["coinm"]},
        *({asset: Decimal(amount) for asset, amount in raw[f"{family}Balances"].items()}
          for family in ("spot", "usdm", "coinm")),
    )  # fmt: skip


def _symbol(row: dict[str, str]) -> Symbol:
    tick, step = Decimal(row["tick"]), Decimal(row["step"])
    return Symbol(
        name=row["symbol"], base=row["base"], quote=row["quote"],
        start=Decimal(row["start"]), tick=tick, step=step,
        max_qty=Decimal(row["maxQty"]), market_max_qty=Decimal(row["marketMaxQty"]),
        min_notional=Decimal(row["minNotional"]), depth=Decimal(row["depth"]),
        max_leverage=int(row.get("maxLeverage", 1)), tier=Decimal(row.get("tier", "0")),
        price_places=places_of(tick), qty_places=places_of(step), contract_size=Decimal(row.get("contractSize", "0")),
    )  # fmt: skip
