"""Whose a position is: a sub-account for each owner in one market of an account, booked fill by fill.

An owner is a bot, or FOREIGN: what nobody owns, what was there before, and what only the exchange knows of. The sum of
all owners is the account.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_DOWN, Context, Decimal
from functools import reduce

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO, add, subtract
from counterseal.core.market import SymbolRule
from counterseal.core.positions.fills import Fill
from counterseal.core.positions.lot import Lot, lot_at
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Moved

# No bot can have this name.
FOREIGN = "*foreign"
# Whose the guard's own orders are: they close what others hold.
GUARD = "guard"
# As many digits as a balance has; what a division leaves over is nobody's.
_LAST = Decimal("0.00000001")
_CONTEXT = Context(prec=60, rounding=ROUND_DOWN)


class Sub:
    """What one owner has at one place: its lot, what it has realised, and what it paid and got, by asset."""

    __slots__ = ("fees", "funding", "lot", "realized")

    def __init__(self, lot: Lot, realized: Decimal = ZERO) -> None:
        self.lot = lot
        self.realized = realized
        self.fees: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}


class Books:
    """All owners' sub-accounts of one market. `rules` are its symbols; they may be learnt later.

    `assets` is by asset and owner what their doings have made of the account's balances. `net` is each position of the
    account as the exchange counts it, all owners in one: only with it are balances and profits one sum. `changes`
    counts what has changed sub-accounts.
    """

    def __init__(self, family: str, rules: Mapping[str, SymbolRule]) -> None:
        self.family = family
        self.rules = rules
        self.places: dict[Place, dict[str, Sub]] = {}
        self.assets: dict[str, dict[str, Decimal]] = {}
        self.net: dict[Place, Lot] = {}
        self.changes = 0

    # -- what happens

    def fill(self, owner: str, fill: Fill) -> None:
        """Book a fill."""
        self.changes += 1
        sub = self.sub(owner, fill.place)
        sub.lot, earned = sub.lot.filled(fill.signed, fill.price)
        sub.realized = add(sub.realized, earned)
        if fill.fee:
            _count(sub.fees, fill.fee_asset, fill.fee)
            self.move(owner, fill.fee_asset, fill.fee.copy_negate())
        rule = self.rules.get(fill.place.symbol)
        if self.family == "spot":
            if rule is not None:
                self.move(owner, rule.base, fill.signed)
                self.move(owner, rule.quote, fill.quote.copy_negate() if fill.signed > ZERO else fill.quote)
            return
        self.net[fill.place] = self._net(fill.place).filled(fill.signed, fill.price)[0]
        margin = self.margin_asset(fill.place.symbol) or fill.margin_asset
        self.move(owner, margin, earned)
        if fill.realized is not None:
            # The exchange knows one average price for the account, each owner has its own.
            self.move(FOREIGN, margin, subtract(fill.realized, earned))

    def share(self, fill: Fill) -> list[tuple[str, Fill]]:
        """Divide a fill that is no bot's (the guard's own, a liquidation) between those whose positions it closes."""
        bought = fill.signed > ZERO
        held = [
            (owner, sub.lot.amount.copy_abs()) for owner, sub in self.places.get(fill.place, {}).items()
            if sub.lot.amount and (sub.lot.amount < ZERO) is bought
        ]  # fmt: skip
        total, size = sum_of(amount for _, amount in held), fill.signed.copy_abs()
        rest, parts = size, []
        for owner, amount in sorted(held, key=lambda each: each[1]):
            part = min(amount, _CONTEXT.divide(product(size, amount), total).quantize(_LAST, context=_CONTEXT))
            rest = subtract(rest, part)
            parts.append((owner, part))
        if parts and rest:
            # What the rounding left over, as far as the largest still has it.
            owner, part = parts[-1]
            more = min(rest, subtract(held_of(held, owner), part))
            parts[-1], rest = (owner, add(part, more)), subtract(rest, more)
        parts.append((FOREIGN, rest))
        return [(owner, _part(fill, part, size)) for owner, part in parts if part]

    def fund(self, moved: Moved) -> None:
        """Divide a funding fee between those who hold the symbol, by what they hold; the rest is nobody's."""
        self.changes += 1
        held = [
            (owner, sub) for place, subs in self.places.items() if place.symbol == moved.symbol
            for owner, sub in subs.items() if sub.lot.amount
        ]  # fmt: skip
        total, rest = sum_of(sub.lot.amount for _, sub in held), moved.amount
        for owner, sub in held if total else ():
            whole = _CONTEXT.divide(product(moved.amount, sub.lot.amount), total)
            part = whole.quantize(_LAST, context=_CONTEXT)
            _count(sub.funding, moved.asset, part)
            self.move(owner, moved.asset, part)
            rest = subtract(rest, part)
        self.move(FOREIGN, moved.asset, rest)

    def move(self, owner: str, asset: str, by: Decimal) -> None:
        """Change what an owner's doings have made of a balance."""
        if by:
            _count(self.assets.setdefault(asset, {}), owner, by)

    def state(self, place: Place, amount: Decimal, entry: Decimal | None) -> None:
        """Take over a position of the account as the exchange states it."""
        lot = self._net(place)
        self.net[place] = lot_at(amount, lot.average if entry is None else entry, lot.contract)

    def _net(self, place: Place) -> Lot:
        found = self.net.get(place)
        if found is not None:
            return found
        rule = self.rules.get(place.symbol)
        return Lot(contract=None if rule is None else rule.contract_size)

    def correct(self, place: Place, by: Decimal, price: Decimal | None) -> None:
        """Give to FOREIGN what the exchange has and no event told, at a price where one is known."""
        self.changes += 1
        sub = self.sub(FOREIGN, place)
        if price is not None:
            sub.lot = sub.lot.filled(by, price)[0]
            return
        amount = add(sub.lot.amount, by)
        sub.lot = lot_at(amount, sub.lot.average, sub.lot.contract)

    # -- what there is

    def sub(self, owner: str, place: Place) -> Sub:
        """Give an owner's sub-account at a place, a new one where there was none."""
        subs = self.places.setdefault(place, {})
        found = subs.get(owner)
        if found is None:
            rule = self.rules.get(place.symbol)
            found = subs[owner] = Sub(Lot(contract=None if rule is None else rule.contract_size))
        return found

    def margin_asset(self, symbol: str) -> str:
        """Give the asset that a future earns in, "" where the symbol is not known."""
        rule = self.rules.get(symbol)
        if rule is None:
            return ""
        return rule.base if self.family == "coinm" else rule.quote

    def amount(self, place: Place) -> Decimal:
        """Give what all owners hold at a place."""
        return sum_of(sub.lot.amount for sub in self.places.get(place, {}).values())

    def balance(self, asset: str) -> Decimal:
        """Give what all owners have of an asset."""
        return sum_of(self.assets.get(asset, {}).values())

    def of(self, owner: str) -> Iterator[tuple[Place, Sub]]:
        """Give an owner's sub-accounts."""
        return ((place, subs[owner]) for place, subs in self.places.items() if owner in subs)

    def owners(self) -> list[str]:
        """Give everybody who has, or had, something here."""
        named: list[Iterable[str]] = [*self.places.values(), *self.assets.values()]
        return sorted({owner for owners in named for owner in owners})


def held_of(held: Iterable[tuple[str, Decimal]], owner: str) -> Decimal:
    """Give what one of them holds."""
    return dict(held)[owner]


def _part(fill: Fill, size: Decimal, whole: Decimal) -> Fill:
    """Give so much of a fill. What it earned belongs to nobody else than whoever held it."""
    signed = size if fill.signed > ZERO else size.copy_negate()
    quote, fee = (_CONTEXT.divide(product(amount, size), whole) for amount in (fill.quote, fill.fee))
    realized = None if fill.realized is None else _CONTEXT.divide(product(fill.realized, size), whole)
    return fill._replace(signed=signed, quote=quote, fee=fee, realized=realized)


def sum_of(values: Iterable[Decimal]) -> Decimal:
    """Add without rounding."""
    return reduce(add, values, ZERO)


def _count(sums: dict[str, Decimal], name: str, by: Decimal) -> None:
    sums[name] = add(sums.get(name, ZERO), by)
