"""What judging costs by itself, in this process: 43 limits over 200 positions on 20 accounts, for `guard_run.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from guard_exchange import ACCOUNTS, HELD, PRICE, SIZE, account_of, symbol_of

from counterseal.core.guardrails.judge import Judge
from counterseal.core.guardrails.limits import Action, Limit, Measure
from counterseal.core.guardrails.measure import Touch, View
from counterseal.core.guardrails.portions import Market
from counterseal.core.guardrails.pricing import Name
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.market import SymbolRule
from counterseal.core.positions.marks import Pair
from counterseal.core.positions.orders import OpenOrders
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Held, Statement
from counterseal.core.positions.truth import Truth

_TERMS = (Decimal("0.6"), Decimal("0.8"), Decimal("0.25"), Action.HALT)


class Board:
    """Prices that change."""

    def __init__(self) -> None:
        self.pairs: dict[str, Pair] = {}

    def symbol(self, _family: str, symbol: str) -> Pair | None:
        return self.pairs.get(symbol)

    def asset(self, _asset: str) -> Pair | None:
        return None


def measure(times: int) -> dict[str, list[float]]:
    """Give milliseconds by what had changed: everything, one price of one account or of all, one account."""
    own = lambda number, each: symbol_of(number * HELD + each)  # noqa: E731  a name for one line
    same = lambda _number, each: symbol_of(each)  # noqa: E731  as above
    return {
        "everything": _looks(own, times // 4, None),
        "a price that one account needs": _looks(own, times, lambda turn: ((), {("usdm", symbol_of(turn % 200))})),
        "a price that all accounts need": _looks(same, times, lambda turn: ((), {("usdm", symbol_of(turn % HELD))})),
        "an event of an account": _looks(own, times, lambda turn: ({(account_of(turn % ACCOUNTS), "usdm")}, ())),
    }


def _looks(
    symbol: Callable[[int, int], str],
    times: int,
    change: Callable[[int], tuple[object, object]] | None,
) -> list[float]:
    board = Board()
    markets = [_market(number, symbol, board) for number in range(ACCOUNTS)]
    judge, view = Judge(_limits()), View(markets, board, {})
    judge.look(view, 0, 0)
    found = []
    for turn in range(times):
        board.pairs[symbol_of(turn % 200)] = Pair(Decimal(str(PRICE + turn % 7)), Decimal(str(PRICE + turn % 5)))
        begun = time.perf_counter_ns()
        touch: Touch | None = None
        if change is None:
            view.touch_all()
        else:
            keys, names = change(turn)
            touch = view.touch(keys, names)  # type: ignore[arg-type]
        judge.look(view, 0, 0, touch)
        found.append((time.perf_counter_ns() - begun) / 1e6)
    return found


def _market(number: int, symbol: Callable[[int, int], str], board: Board) -> Market:
    symbols = [symbol(number, each) for each in range(HELD)]
    truth = Truth("usdm", {name: SymbolRule(name[:4], "USDT", "TRADING") for name in symbols})
    held = {Place(name): Held(Decimal(SIZE), Decimal(100)) for name in symbols}
    truth.snapshot(Statement(held, {"USDT": Decimal(1_000_000)}, whole=True), 0, 0)
    for place in held:
        truth.books.places[place][f"b{number:02d}"] = truth.books.places[place].pop("*foreign")
    board.pairs.update({name: Pair(Decimal(str(PRICE)), Decimal(str(PRICE))) for name in symbols})
    return Market(account_of(number), "usdm", truth, OpenOrders())


def _limits() -> list[Limit]:
    high = Decimal(1_000_000_000)
    found = [Limit(FLEET, measure, high, "", *_TERMS) for measure in
             (Measure.POSITION, Measure.DAILY_LOSS, Measure.DRAWDOWN)]  # fmt: skip
    for number in range(ACCOUNTS):
        account, bot = Scope(Kind.ACCOUNT, account_of(number)), Scope(Kind.BOT, f"b{number:02d}")
        found.append(Limit(account, Measure.SYMBOL_POSITION, Decimal(10_000), "*", *_TERMS))
        found.append(Limit(bot, Measure.DAILY_LOSS, high, "", *_TERMS))
    return found


__all__ = ["Name", "measure"]
