"""Balances of the accounts, per market."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.errors import INSUFFICIENT, rejected
from counterseal.paper.money import ZERO


class Wallet:
    """Free and locked amounts by asset.  No amount ever goes below zero."""

    def __init__(self, balances: dict[str, Decimal]) -> None:
        self.free = dict(balances)
        self.locked: dict[str, Decimal] = {}
        self.updated_ms = 0

    def lock(self, asset: str, amount: Decimal) -> None:
        """Move from free to locked; -2010 when there is not enough."""
        free = self.free.get(asset, ZERO)
        if amount > free:
            raise rejected(INSUFFICIENT)
        self.free[asset] = free - amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def unlock(self, asset: str, amount: Decimal) -> None:
        self.locked[asset] = self.locked.get(asset, ZERO) - amount
        self.free[asset] = self.free.get(asset, ZERO) + amount

    def spend(self, asset: str, amount: Decimal) -> None:
        """Locked money leaves the account."""
        self.locked[asset] = self.locked.get(asset, ZERO) - amount

    def receive(self, asset: str, amount: Decimal) -> None:
        self.free[asset] = self.free.get(asset, ZERO) + amount


class Wallets:
    """The wallets of one market, made with the demo balances when an account is first seen."""

    def __init__(self, balances: dict[str, Decimal]) -> None:
        self._balances = balances
        self._wallets: dict[str, Wallet] = {}

    def open(self, account: str, balances: dict[str, Decimal]) -> Wallet:
        """The wallet of an account that begins with other balances than the market's."""
        if account not in self._wallets:
            self._wallets[account] = Wallet(balances)
        return self._wallets[account]

    def of(self, account: str) -> Wallet:
        wallet = self._wallets.get(account)
        if wallet is None:
            wallet = self._wallets[account] = Wallet(self._balances)
        return wallet
