"""What the exchange's account endpoints state: everything an account has in one market. None for any other answer."""

from collections.abc import Callable
from decimal import Context

from counterseal.core.exposure.money import ZERO, subtract
from counterseal.core.positions.reading import Body, figure, number, place_of, rows, text
from counterseal.core.positions.statements import Held, Margin, Statement, spot_balances, spot_free

# As many digits as the exchange's own prices may have.
_divide = Context(prec=28).divide


def spot_snapshot(body: object) -> Statement | None:
    """Read GET /api/v3/account."""
    if not isinstance(body, dict) or not isinstance(body.get("balances"), list):
        return None
    balances = spot_balances(body["balances"], "asset", "free", "locked")
    if len(balances) != len(body["balances"]):
        return None
    free = spot_free(body["balances"], "asset", "free")
    return Statement(balances=balances, at_ms=number(body, "updateTime"), whole=True, free=free)


def usdm_snapshot(body: object) -> Statement | None:
    """Read GET /fapi/v3/account. It tells worth and profit of positions, and by these their entry and mark price."""
    return _futures(body, _linear)


def coinm_snapshot(body: object) -> Statement | None:
    """Read GET /dapi/v1/account, which tells every contract's entry price, also of those that are not held."""
    return _futures(body, _inverse)


def _futures(body: object, read: Callable[[Body], Held | None]) -> Statement | None:
    if not isinstance(body, dict) or not isinstance(body.get("positions"), list):
        return None
    positions, balances = {}, {}
    for row in rows(body["positions"]):
        held = read(row)
        if held is None or not text(row, "symbol"):
            return None
        if held.amount:
            positions[place_of(text(row, "symbol"), text(row, "positionSide") or "BOTH")] = held
    for row in rows(body.get("assets")):
        wallet = figure(row.get("walletBalance"))
        if wallet is None or not text(row, "asset"):
            return None
        balances[text(row, "asset")] = wallet
    margin = Margin(figure(body.get("totalMarginBalance")), figure(body.get("totalMaintMargin")))
    return Statement(positions, balances, margin=margin, whole=True)


def _linear(row: Body) -> Held | None:
    amount, worth, profit = (
        figure(row.get("positionAmt")),
        figure(row.get("notional")),
        figure(row.get("unrealizedProfit")),
    )
    if amount is None or not amount or worth is None or profit is None:
        return None if amount is None else Held(amount)
    entry, mark = _divide(subtract(worth, profit), amount), _divide(worth, amount)
    return Held(amount, entry if entry > ZERO else None, mark if mark > ZERO else None)


def _inverse(row: Body) -> Held | None:
    amount, entry = figure(row.get("positionAmt")), figure(row.get("entryPrice"))
    if amount is None:
        return None
    return Held(amount, entry if entry is not None and entry > ZERO else None)


def margin_snapshot(body: object) -> Margin | None:
    """Read GET /sapi/v1/margin/account: the level is assets over debts, 999 without debts."""
    level = figure(body.get("marginLevel")) if isinstance(body, dict) else None
    return None if level is None else Margin(level=level)


def portfolio_snapshot(body: object) -> Margin | None:
    """Read GET /papi/v1/account: equity over what must be kept, over all markets."""
    if not isinstance(body, dict):
        return None
    level = figure(body.get("uniMMR"))
    if level is None:
        return None
    balance, kept = figure(body.get("accountEquity")), figure(body.get("accountMaintMargin"))
    return Margin(balance, kept, level, text(body, "accountStatus"))
