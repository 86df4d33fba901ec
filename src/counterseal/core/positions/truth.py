"""One market of an account: what the exchange states, whose it is, and where the two do not agree."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exposure.money import ZERO, subtract
from counterseal.core.market import SymbolRule
from counterseal.core.positions.agreement import LAG_MS, Agreement
from counterseal.core.positions.books import FOREIGN, GUARD, Books
from counterseal.core.positions.fills import Fill, fill_in
from counterseal.core.positions.reading import Body, Place
from counterseal.core.positions.statements import Held, Margin, Moved, Statement, stated_in

# Of so many fills it is remembered that they were booked.
REMEMBERED = 20_000
# Of so many orders that nobody is known to own the fills are remembered.
MOST_UNOWNED = 1_000
# Each fill may be rounded so often by so much before it is in a balance.
_LAST = Decimal("0.00000001")
Item = Place | str
_NOTHING = Held(ZERO)


class Difference(NamedTuple):
    """What was booked from events and what the exchange states do not agree. `item` is a place, or an asset."""

    item: Item
    booked: Decimal
    stated: Decimal

    def __str__(self) -> str:
        what = "position" if isinstance(self.item, Place) else "balance"
        return f"{what} {self.item}: booked {self.booked.normalize():f}, stated {self.stated.normalize():f}"


class Truth:
    """Folds events and snapshots. All `now_ms` and `asked_ms` are monotonic.

    `positions` and `balances` are what the exchange states, the newest of events and snapshots; so is `free` on spot.
    """

    def __init__(self, family: str, rules: Mapping[str, SymbolRule]) -> None:
        self.books = Books(family, rules)
        self.positions: dict[Place, Held] = {}
        self.balances: dict[str, Decimal] = {}
        self.free: dict[str, Decimal] = {}
        self.margin: Margin | None = None
        self.is_known = False
        self.is_restored = False
        self._away: list[Difference] = []
        self._agreement: Agreement[Item] = Agreement()
        self._told_ms: dict[Item, int] = {}
        self._heard_ms: dict[Item, int] = {}
        self._booked: dict[tuple[str, int, int], None] = {}
        self._fills: dict[str, int] = {}
        self._unowned: dict[tuple[str | int, ...], list[Fill]] = {}

    # -- events

    def event(
        self, kind: str, body: Body, owner: str | None, now_ms: int, *, is_late: bool = False
    ) -> tuple[Fill | None, tuple[Moved, ...]]:
        """Take an event of user data; `owner` is the order's, None when nobody is known to own it.

        Gives the fill that it tells, where it is a new one, and what money came or went without a trade. What a late
        event states has been overtaken by snapshots.
        """
        statement = stated_in(kind, body)
        for moved in statement.moved:
            self._move(moved, now_ms)
        if self.is_known and not is_late:
            self._state(statement, now_ms)
        fill = fill_in(kind, body)
        if fill is None or not self._is_new(fill):
            return None, statement.moved
        if owner is None and not fill.is_forced:
            self._unowned.setdefault(fill.trade[::2], []).append(fill)
            while len(self._unowned) > MOST_UNOWNED:
                del self._unowned[next(iter(self._unowned))]
        self._book(FOREIGN if owner is None else owner, fill, now_ms)
        return fill, statement.moved

    def is_unowned(self, symbol: str, order: int) -> bool:
        """Tell whether fills of an order are booked that nobody is known to own."""
        return (symbol, order) in self._unowned

    def claim(self, symbol: str, order: int, owner: str, now_ms: int) -> bool:
        """It has become known whose an order is: what was booked as nobody's is the owner's. True if there was some."""
        fills = self._unowned.pop((symbol, order), [])
        for fill in fills:
            back = fill._replace(
                signed=fill.signed.copy_negate(), quote=fill.quote, fee=fill.fee.copy_negate(),
                realized=None if fill.realized is None else fill.realized.copy_negate(),
            )  # fmt: skip
            self._book(FOREIGN, back, now_ms)
            self._book(owner, fill, now_ms)
        return bool(fills)

    def _state(self, statement: Statement, now_ms: int) -> None:
        for place, held in statement.positions.items():
            known = self.positions.get(place, _NOTHING)
            self._told_ms[place] = now_ms
            self._hold(place, held._replace(mark=known.mark))
            self._compare(place, held.amount, now_ms, now_ms)
        for asset, balance in statement.balances.items():
            self.balances[asset], self._told_ms[asset] = balance, now_ms
            self.free[asset] = statement.free.get(asset, ZERO)
            self._compare(asset, balance, now_ms, now_ms)

    def _move(self, moved: Moved, now_ms: int) -> None:
        if moved.is_funding:
            self.books.fund(moved)
        else:
            self.books.move(FOREIGN, moved.asset, moved.amount)
        self._heard(moved.asset, now_ms)

    def _is_new(self, fill: Fill) -> bool:
        if fill.trade in self._booked:
            return False
        self._booked[fill.trade] = None
        if len(self._booked) > REMEMBERED:
            del self._booked[next(iter(self._booked))]
        return True

    def _book(self, owner: str, fill: Fill, now_ms: int) -> None:
        closes = owner == GUARD or (owner == FOREIGN and fill.is_forced)
        for whose, part in self.books.share(fill) if closes else ((owner, fill),):
            self.books.fill(whose, part)
        if self.books.family != "spot":
            self._heard(fill.place, now_ms)
        rule = self.books.rules.get(fill.place.symbol)
        assets = {fill.fee_asset, fill.margin_asset, self.books.margin_asset(fill.place.symbol)}
        assets |= {rule.base, rule.quote} if rule is not None and self.books.family == "spot" else set()
        for asset in assets & self.books.assets.keys():
            self._fills[asset] = self._fills.get(asset, 0) + 1
            self._heard(asset, now_ms)

    def _heard(self, item: Item, now_ms: int) -> None:
        self._heard_ms[item] = now_ms
        self._agreement.booked(item, self._sum(item), now_ms)

    def heard_since(self, item: Item, since_ms: int) -> bool:
        """Tell whether an event has changed an item after a moment."""
        return self._heard_ms.get(item, since_ms) > since_ms

    # -- snapshots

    def snapshot(self, statement: Statement, asked_ms: int, now_ms: int) -> None:
        """Take what an account endpoint answered. The first one of all is believed."""
        self.margin = statement.margin
        for place in self.positions.keys() | statement.positions.keys() | self.books.places.keys():
            held = statement.positions.get(place, _NOTHING)
            if self.books.family == "spot":
                continue
            if self._told_ms.get(place, -LAG_MS) <= asked_ms - LAG_MS:
                self._hold(place, held)
            self._compare(place, held.amount, asked_ms, now_ms)
        for asset in self.balances.keys() | statement.balances.keys():
            balance = statement.balances.get(asset, ZERO)
            if self._told_ms.get(asset, -LAG_MS) <= asked_ms - LAG_MS:
                self.balances[asset], self.free[asset] = balance, statement.free.get(asset, ZERO)
            self._compare(asset, balance, asked_ms, now_ms)
        self.is_known = True

    def told_ms(self, item: Item, read_ms: int) -> int:
        """Give when what is held of an item was stated: by an event, or by the snapshot that was asked for then."""
        told_ms = self._told_ms.get(item, -LAG_MS)
        return read_ms if told_ms <= read_ms - LAG_MS else told_ms

    def _hold(self, place: Place, held: Held) -> None:
        if held.amount or place in self.books.places:
            self.positions[place] = held
        else:
            self.positions.pop(place, None)

    def _compare(self, item: Item, value: Decimal, asked_ms: int, now_ms: int) -> None:
        """Ask whether what is booked explains what is stated; before anything was known it is taken over."""
        booked = self._sum(item)
        if not self.is_known:
            by = subtract(value, booked)
            if by and self.is_restored and isinstance(item, Place):
                self._away.append(Difference(item, booked, value))
            self._correct(item, by, now_ms)
            return
        if isinstance(item, Place):
            self._agreement.stated(item, value, asked_ms, now_ms)
            return
        tolerance = _LAST * (2 + 2 * self._fills.get(item, 0))
        rest = subtract(value, booked)
        if rest.copy_abs() <= tolerance:
            self._fills.pop(item, None)
            self._correct(item, rest, now_ms)
        self._agreement.stated(item, value, asked_ms, now_ms, tolerance)

    def _sum(self, item: Item) -> Decimal:
        return self.books.amount(item) if isinstance(item, Place) else self.books.balance(item)

    # -- where they do not agree

    def settle(self, now_ms: int) -> list[Difference]:
        """Give what no event has explained in time, and take over what the exchange states, as nobody's."""
        found, self._away = self._away, []
        for item, booked, stated in self._agreement.due(now_ms):
            found.append(Difference(item, booked, stated))
            self._correct(item, subtract(stated, booked), now_ms)
        return found

    def _correct(self, item: Item, by: Decimal, now_ms: int) -> None:
        if not by:
            return
        if isinstance(item, Place):
            held = self.positions.get(item, _NOTHING)
            self.books.correct(item, by, held.entry or held.mark)
            self.books.state(item, held.amount, held.entry)
        else:
            self.books.move(FOREIGN, item, by)
        self._agreement.booked(item, self._sum(item), now_ms)
