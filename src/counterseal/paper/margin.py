"""Margin of one position side: initial, maintenance, and what its open orders may add."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.brackets import maintenance
from counterseal.paper.futures_accounts import Resting, SymbolSetting
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order
from counterseal.paper.positions import Position
from counterseal.paper.symbols import Symbol


@dataclass(frozen=True, slots=True)
class SymbolMargin:
    """Margins of one symbol (one-way) or one side of it (hedge mode), in the margin asset."""

    position: Decimal
    orders: Decimal
    maintenance: Decimal
    bids: Decimal
    asks: Decimal

    @property
    def initial(self) -> Decimal:
        return self.position + self.orders


def order_notional(symbol: Symbol, order: Order, price: Decimal) -> Decimal:
    """What an open order may still add; nothing when it can only reduce."""
    return ZERO if order.reduce_only or order.close_position else symbol.worth(order.left, order.price or price)


def side_margin(
    setting: SymbolSetting, symbol: Symbol, position: Position, resting: Resting, mark: Decimal
) -> SymbolMargin:
    """Margin of one position with the open orders of its side.

    One-way: the worse of all bids filling and all asks filling.  Hedge: only orders that open count.
    """
    signed = position.notional(mark)
    if position.side == "LONG":
        worst = abs(signed) + resting.bids
    elif position.side == "SHORT":
        worst = abs(signed) + resting.asks
    else:
        worst = max(abs(signed + resting.bids), abs(signed - resting.asks), abs(signed))
    held = abs(signed) / setting.leverage
    in_orders = worst / setting.leverage - held
    if setting.is_isolated:
        held = position.isolated_wallet
    return SymbolMargin(held, in_orders, maintenance(symbol, abs(signed)), resting.bids, resting.asks)
