"""What the exchange states of an account: in an event a part of it, in a snapshot everything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from counterseal.core.exposure.money import ZERO, add
from counterseal.core.positions.reading import Body, Place, figure, number, place_of, rows, text

_NONE: Mapping[str, Decimal] = MappingProxyType({})


class Held(NamedTuple):
    """A position that is stated. Where the exchange leaves them out, `entry` and `mark` are None."""

    amount: Decimal
    entry: Decimal | None = None
    mark: Decimal | None = None


class Moved(NamedTuple):
    """Money that came or went without a trade. `symbol` is what a funding fee was for, else ""."""

    asset: str
    amount: Decimal
    reason: str
    symbol: str = ""

    @property
    def is_funding(self) -> bool:
        """Whether positions earned or cost it."""
        return self.reason == "FUNDING_FEE"


class Margin(NamedTuple):
    """How near an account is to being closed by the exchange: what it has, what it must keep, both in dollars.

    `level` is the exchange's own figure: of cross margin assets over debts, of portfolio margin the unified ratio.
    """

    balance: Decimal | None = None
    maintenance: Decimal | None = None
    level: Decimal | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Positions by place, balances by asset (on spot free and locked together; `free` is what is free), what moved.

    A `whole` one states everything: what it leaves out is nothing. `at_ms` is the exchange's time, 0 where not told.
    """

    positions: Mapping[Place, Held] = field(default_factory=lambda: MappingProxyType({}))
    balances: Mapping[str, Decimal] = field(default_factory=lambda: _NONE)
    moved: tuple[Moved, ...] = ()
    margin: Margin | None = None
    at_ms: int = 0
    whole: bool = False
    free: Mapping[str, Decimal] = field(default_factory=lambda: _NONE)


NOTHING = Statement()


def stated_in(kind: str, body: Body) -> Statement:
    """Read what an event of user data states; nothing for one that states nothing."""
    if kind == "outboundAccountPosition":
        balances, free = spot_balances(body.get("B"), "a", "f", "l"), spot_free(body.get("B"), "a", "f")
        return Statement(balances=balances, at_ms=number(body, "u"), free=free)
    if kind == "balanceUpdate":
        delta = figure(body.get("d"))
        moved = () if delta is None else (Moved(text(body, "a"), delta, "BALANCE"),)
        return Statement(moved=moved, at_ms=number(body, "T"))
    inner = body.get("a")
    if kind == "ACCOUNT_UPDATE" and isinstance(inner, dict):
        return _account_update(inner, number(body, "T"))
    return NOTHING


def _account_update(inner: Body, at_ms: int) -> Statement:
    reason, symbol = text(inner, "m"), text(inner, "S")
    balances, moved, positions = {}, [], {}
    for row in rows(inner.get("B")):
        asset, wallet, change = text(row, "a"), figure(row.get("wb")), figure(row.get("bc"))
        if asset and wallet is not None:
            balances[asset] = wallet
        if asset and change:
            moved.append(Moved(asset, change, reason, symbol))
    for row in rows(inner.get("P")):
        amount = figure(row.get("pa"))
        if amount is not None and text(row, "s"):
            positions[place_of(text(row, "s"), text(row, "ps") or "BOTH")] = Held(amount, _price(row.get("ep")))
    return Statement(positions, balances, tuple(moved), at_ms=at_ms)


def _price(value: object) -> Decimal | None:
    found = figure(value)
    return found if found is not None and found > ZERO else None


def spot_balances(listed: object, asset: str, free: str, locked: str) -> dict[str, Decimal]:
    """Read a list of balances, free and locked together; `asset`, `free` and `locked` are the names in its rows."""
    found = {}
    for row in rows(listed):
        have, held = figure(row.get(free)), figure(row.get(locked))
        if have is not None and held is not None and text(row, asset):
            found[text(row, asset)] = add(have, held)
    return found


def spot_free(listed: object, asset: str, free: str) -> dict[str, Decimal]:
    """Read what is free in a list of balances."""
    found = {text(row, asset): figure(row.get(free)) for row in rows(listed)}
    return {name: have for name, have in found.items() if name and have is not None}
