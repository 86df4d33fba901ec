"""Margin of an account: initial, maintenance, available balance, liquidation price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.brackets import bracket_of, maintenance
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order
from counterseal.paper.positions import Position
from counterseal.paper.symbols import Symbol
from counterseal.paper.usdm_accounts import UsdmAccount


@dataclass(frozen=True, slots=True)
class SymbolMargin:
    """Margins of one symbol (one-way) or one side of it (hedge mode), in the quote asset."""

    position: Decimal
    orders: Decimal
    maintenance: Decimal
    bids: Decimal
    asks: Decimal

    @property
    def initial(self) -> Decimal:
        return self.position + self.orders


def order_notional(order: Order, mark: Decimal) -> Decimal:
    """What an open order may still add; nothing when it can only reduce."""
    return ZERO if order.reduce_only or order.close_position else order.left * (order.price or mark)


def side_margin(
    account: UsdmAccount, symbol: Symbol, position: Position, orders: list[Order], mark: Decimal
) -> SymbolMargin:
    """Margin of one position with the open orders of its side.

    One-way: the worse of all bids filling and all asks filling.  Hedge: only orders that open count.
    """
    bids = sum((order_notional(order, mark) for order in orders if order.side == "BUY"), ZERO)
    asks = sum((order_notional(order, mark) for order in orders if order.side == "SELL"), ZERO)
    setting = account.setting(symbol.name)
    signed = position.amount * mark
    if position.side == "LONG":
        worst = abs(signed) + bids
    elif position.side == "SHORT":
        worst = abs(signed) + asks
    else:
        worst = max(abs(signed + bids), abs(signed - asks), abs(signed))
    held = abs(signed) / setting.leverage
    in_orders = worst / setting.leverage - held
    if setting.is_isolated:
        held = position.isolated_wallet
    return SymbolMargin(held, in_orders, maintenance(symbol, abs(signed)), bids, asks)


def liquidation_price(
    account: UsdmAccount, symbol: Symbol, position: Position, equity: Decimal, others: tuple[Decimal, Decimal]
) -> Decimal:
    """The closed form for one position; `others` is (maintenance, profit) of the other cross positions."""
    if not position.amount:
        return ZERO
    is_isolated = account.setting(symbol.name).is_isolated
    wallet = position.isolated_wallet if is_isolated else equity
    rest = ZERO if is_isolated else others[1] - others[0]
    size, direction = abs(position.amount), 1 if position.amount > 0 else -1
    found = bracket_of(symbol, size * position.entry)
    divisor = size * found.ratio - direction * size
    if not divisor:
        return ZERO
    price = (wallet + rest + found.cum - direction * size * position.entry) / divisor
    return max(ZERO, price)
