"""Cross margin: a wallet of its own on the spot market's books, and debts that bear interest.

Assumptions: every listed asset can be borrowed, up to three times the account's own money, at one rate for all;
interest is due at once for the hour that has begun, and again at each full hour.  Nothing is closed by force.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.accounts import Wallet
from counterseal.paper.errors import ApiError, invalid
from counterseal.paper.money import ONE, ZERO, cut8
from counterseal.paper.spot_market import SpotMarket

SUFFIX = "@margin"  # the spot market knows a margin account as an account of its own
HOUR_MS = 3_600_000
HOURLY_RATE = Decimal("0.000005")
LEAST_LEVEL = Decimal("1.5")  # that a loan may lead to
NO_DEBT_LEVEL = Decimal(999)


@dataclass(slots=True)
class Debt:
    """What is owed of one asset, and the full hour up to which interest has been charged."""

    principal: Decimal = ZERO
    interest: Decimal = ZERO
    hour: int = 0

    @property
    def total(self) -> Decimal:
        return self.principal + self.interest


@dataclass(frozen=True, slots=True)
class LoanEvent:
    """A loan or a repayment.  `kind` is BORROW or REPAY, `how` MANUAL or AUTO."""

    number: int
    kind: str
    how: str
    asset: str
    principal: Decimal
    interest: Decimal
    now_ms: int


@dataclass(frozen=True, slots=True)
class InterestEvent:
    """Interest that was charged: ON_BORROW, or PERIODIC at a full hour."""

    number: int
    kind: str
    asset: str
    principal: Decimal
    interest: Decimal
    now_ms: int


class MarginAccounts:
    """Wallets, debts and levels of all margin accounts.  Every method that looks at debts takes the time in ms."""

    def __init__(self, market: SpotMarket, balances: dict[str, Decimal]) -> None:
        self.market = market
        self._balances = balances
        self._debts: dict[str, dict[str, Debt]] = {}
        self.loans: dict[str, list[LoanEvent]] = {}
        self.interests: dict[str, list[InterestEvent]] = {}
        self._number = 100_000_000

    def wallet(self, account: str) -> Wallet:
        return self.market.wallets.open(account + SUFFIX, self._balances)

    def debts(self, account: str, now_ms: int) -> dict[str, Debt]:
        """What an account owes by asset, with the interest up to now."""
        found = self._debts.setdefault(account, {})
        hour = now_ms // HOUR_MS
        for asset, debt in found.items():
            for passed in range(debt.hour + 1, hour + 1):
                self._charge(account, asset, debt, "PERIODIC", passed * HOUR_MS)
            debt.hour = max(debt.hour, hour)
        return found

    def _charge(self, account: str, asset: str, debt: Debt, kind: str, now_ms: int) -> None:
        interest = cut8(debt.principal * HOURLY_RATE)
        debt.interest += interest
        event = InterestEvent(self._next(), kind, asset, debt.principal, interest, now_ms)
        self.interests.setdefault(account, []).append(event)

    def _next(self) -> int:
        self._number += 1
        return self._number

    # worth

    def dollars(self, asset: str, amount: Decimal, now_ms: int) -> Decimal:
        """An amount in USDT at the last price; nothing for what has no such price."""
        if asset in ("USDT", "USDC", "FDUSD"):
            return amount
        name = f"{asset}USDT"
        return amount * self.market.last(name, now_ms) if name in self.market.symbols else ZERO

    def totals(self, account: str, now_ms: int) -> tuple[Decimal, Decimal]:
        """(assets, liabilities) in USDT."""
        wallet = self.wallet(account)
        held = [*wallet.free.items(), *wallet.locked.items()]
        assets = sum((self.dollars(asset, amount, now_ms) for asset, amount in held), ZERO)
        owed = self.debts(account, now_ms)
        return assets, sum((self.dollars(asset, debt.total, now_ms) for asset, debt in owed.items()), ZERO)

    def level(self, account: str, now_ms: int) -> Decimal:
        """Assets over liabilities; 999 without debts."""
        assets, liabilities = self.totals(account, now_ms)
        return min(NO_DEBT_LEVEL, assets / liabilities) if liabilities else NO_DEBT_LEVEL

    def most_borrowable(self, account: str, asset: str, now_ms: int) -> Decimal:
        """What may be borrowed before the level is at its least for a loan.  -1130 for an unknown asset."""
        price = self.dollars(asset, ONE, now_ms)
        if not price:
            raise invalid("asset")
        assets, liabilities = self.totals(account, now_ms)
        room = (assets - LEAST_LEVEL * liabilities) / (LEAST_LEVEL - 1)
        return cut8(max(ZERO, room) / price)

    # loans

    def borrow(self, account: str, asset: str, amount: Decimal, now_ms: int, how: str = "MANUAL") -> int:
        """Lend to an account and give the transaction's number; -3006 for too much."""
        if amount <= 0:
            raise invalid("amount")
        if amount > self.most_borrowable(account, asset, now_ms):
            raise ApiError(-3006, "Your borrow amount has exceed maximum borrow amount.")
        self.wallet(account).receive(asset, amount)
        debt = self.debts(account, now_ms).setdefault(asset, Debt(hour=now_ms // HOUR_MS))
        self._charge(account, asset, Debt(amount), "ON_BORROW", now_ms)
        debt.principal += amount
        debt.interest += cut8(amount * HOURLY_RATE)
        return self._record(account, "BORROW", how, asset, amount, ZERO, now_ms)

    def take_back(self, account: str, asset: str, amount: Decimal) -> None:
        """The latest loan was for an order that is refused: as if it had never been."""
        self.wallet(account).receive(asset, -amount)
        debt = self._debts[account][asset]
        debt.principal -= amount
        debt.interest -= self.interests[account].pop().interest
        self.loans[account].pop()
        if not debt.total:
            del self._debts[account][asset]

    def repay(self, account: str, asset: str, amount: Decimal, now_ms: int, how: str = "MANUAL") -> int:
        """Take a repayment, interest first.  -3015 for more than is owed, -3041 for more than is free."""
        if amount <= 0:
            raise invalid("amount")
        debts, wallet = self.debts(account, now_ms), self.wallet(account)
        debt = debts.get(asset, Debt())
        if amount > debt.total:
            raise ApiError(-3015, "Repay amount exceeds borrow amount.")
        if amount > wallet.free.get(asset, ZERO):
            raise ApiError(-3041, "Balance is not enough")
        wallet.receive(asset, -amount)
        interest = min(amount, debt.interest)
        debt.interest -= interest
        debt.principal -= amount - interest
        if not debt.total:
            del debts[asset]
        return self._record(account, "REPAY", how, asset, amount - interest, interest, now_ms)

    def repay_most(self, account: str, asset: str, now_ms: int, most: Decimal | None = None) -> None:
        """Repay by itself what is owed, as far as the free balance (and `most`) goes."""
        debt = self.debts(account, now_ms).get(asset, Debt())
        amount = min(debt.total, self.wallet(account).free.get(asset, ZERO), debt.total if most is None else most)
        if amount > 0:
            self.repay(account, asset, amount, now_ms, "AUTO")

    def _record(
        self, account: str, kind: str, how: str, asset: str, principal: Decimal, interest: Decimal, now_ms: int
    ) -> int:  # fmt: skip
        event = LoanEvent(self._next(), kind, how, asset, principal, interest, now_ms)
        self.loans.setdefault(account, []).append(event)
        return event.number
