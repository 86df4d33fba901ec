"""LIM-3: at the limit an order passes, one tick beyond it does not: every scope, product, side and kind of order."""

from collections.abc import Iterator
from decimal import Context, Decimal, localcontext
from itertools import product
from typing import NamedTuple

from counterseal.core.exposure.book import Book
from counterseal.core.exposure.claims import Change
from counterseal.core.exposure.money import Rate
from counterseal.core.exposure.order import Claim, Where
from counterseal.core.exposure.tracker import Limit, Owner, Tracker

TICK = Decimal("0.00000001")
MOST = Decimal(10**15)
RATES = {
    "spot": Rate(Decimal("61234.57"), None, Decimal(1)),
    "usdm": Rate(Decimal("0.00001234"), None, Decimal("0.99987")),
    "coinm": Rate(Decimal("61234.5"), Decimal(100), Decimal(1)),
    "try": Rate(Decimal("2100345.1"), None, Decimal("0.0243902439024390243902439024390243902439")),
}
OWNER = Owner("alpha", "main", "key")


class Case(NamedTuple):
    """One boundary. `before` is what there is already: nothing, an order, a holding of the other side or the same."""

    scope: str
    market: str
    side: str
    kind: str
    before: str
    limit: str


def cases() -> Iterator[Case]:
    """Every combination that makes sense."""
    scopes, sides = ("bot", "symbol", "account"), ("BUY", "SELL")
    kinds, before = ("market", "below", "above", "quote"), ("nothing", "order", "held", "other bot")
    limits = ("0", "limit - tick", "limit", "limit + tick", "max")
    for case in map(Case._make, product(scopes, RATES, sides, kinds, before, limits)):
        if case.kind != "quote" or case.market in ("spot", "try"):
            yield case


def claim_of(case: Case, quantity: Decimal, name: str) -> Claim:
    last = RATES[case.market].last
    price = {"below": last / 2, "above": last * 3}.get(case.kind)
    quote = Decimal("123.45") if case.kind == "quote" else None
    return Claim("S", "", case.side, Decimal(0) if quote else quantity, quote, price, (name,), True)


def expected(case: Case, claim: Claim) -> tuple[Decimal, Decimal]:
    """Work out by hand what the scope has before and after."""
    rate = RATES[case.market]
    worst = rate.last * (3 if case.kind == "above" else 1)
    value = claim.quantity * (worst if rate.contract is None else rate.contract) * rate.dollars
    if claim.quote is not None:
        value = claim.quote * rate.dollars
    unit = (rate.last if rate.contract is None else rate.contract) * rate.dollars
    base = {"order": value, "held": 7 * unit, "nothing": Decimal(0)}.get(case.before, Decimal(0))
    if case.before == "other bot":
        base = Decimal(0) if case.scope == "bot" else 5 * unit
    return base, base + value


def scope_of(book: Book, name: str) -> Limit:
    scope = {"bot": book.bot("alpha"), "symbol": book.symbol("main", "S"), "account": book.account("main")}[name]
    return Limit(scope, MOST, f"exposure_{name}")


def test_the_boundary_is_exact_everywhere() -> None:
    with localcontext(Context(prec=120)):
        _every_boundary()


def _every_boundary() -> None:
    counted = passed = 0
    for case in cases():
        family = "spot" if case.market == "try" else case.market
        tracker = Tracker(lambda _family, _symbol, rate=RATES[case.market]: rate)  # type: ignore[misc]  # bound now
        where = Where("main", family, "S", "")
        claim = claim_of(case, Decimal("3.125"), "new")
        if case.before == "order":
            tracker.reserve("r0", OWNER, family, [Change(claim_of(case, Decimal("3.125"), "old"))], ())
        elif case.before == "held":
            # On spot nobody owes: a sale of what is held adds nothing, so that what is held is of the order's side.
            if family == "spot" and case.side == "SELL":
                continue
            tracker.book.move(where, "alpha", Decimal(7) if case.side == "BUY" else Decimal(-7))
        elif case.before == "other bot":
            tracker.book.move(where, "beta", Decimal(5))
        limit = scope_of(tracker.book, case.scope)
        was, becomes = expected(case, claim)
        assert limit.scope.total == was, case
        dollars = {
            "0": Decimal(0), "limit - tick": becomes - TICK, "limit": becomes, "limit + tick": becomes + TICK,
            "max": MOST,
        }[case.limit]  # fmt: skip
        held = tracker.reserve("r1", OWNER, family, [Change(claim)], [limit._replace(dollars=dollars)])
        assert held.over == ("" if becomes <= dollars else limit.reason), (case, becomes, dollars)
        assert limit.scope.total == becomes
        counted, passed = counted + 1, passed + (not held.over)
        tracker.release("r1", held.parts)
        assert limit.scope.total == was, case
    print(f"LIM-3: {counted} cases, {passed} pass and {counted - passed} are refused")
    assert counted >= 1_500
    assert counted // 5 * 2 <= passed <= counted // 5 * 4
