"""What is told: when a level is reached, again while it lasts, never for one that wavers; and how much is to be cut."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.guardrails.views import BTC, config, market, trade, view
from tests.core.positions.shapes import D, usdm_fill

from counterseal.core.guardrails.base import DAY_MS
from counterseal.core.guardrails.breach import (
    AGAIN_MS,
    Breach,
    Cut,
    Finding,
    Watched,
    breach_data,
    cuts_of,
    part_to_cut,
)
from counterseal.core.guardrails.judge import Judge
from counterseal.core.guardrails.limits import Action, Level, Limit, Measure, limits_of
from counterseal.core.guardrails.measure import View
from counterseal.core.guardrails.portions import Market
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.positions.books import FOREIGN
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Held

ETH = Place("ETHUSDT")
LIMIT = Limit(FLEET, Measure.POSITION, D(1_000), "", D("0.6"), D("0.8"), D("0.25"), Action.HALT)
DAY = 20_000 * DAY_MS


def look(judge: Judge, looked: View, now_ms: int = 0) -> list[tuple[str, str, Level]]:
    """Give what was told: scope, setting, level."""
    return [(str(one.scope), one.limit_name, one.level) for one in judge.look(looked, now_ms, DAY + now_ms).breaches]


def judge_of(text: str) -> Judge:
    """Give a judge of settings."""
    return Judge(limits_of(config(text)))


# -- levels over time


def told(*values: tuple[int, str]) -> list[Level | None]:
    """Give what is told of values at moments."""
    watched = Watched()
    found = [watched.judge(Finding(LIMIT, Decimal(value)), at_ms) for at_ms, value in values]
    return [None if one is None else one.level for one in found]


def test_a_level_is_told_when_it_is_reached() -> None:
    assert told((0, "1"), (1, "600"), (2, "700"), (3, "800"), (4, "1000")) == [
        None, Level.WARN, None, Level.EMERGENCY, Level.LIMIT,
    ]  # fmt: skip


def test_one_that_wavers_is_told_once() -> None:
    assert told((0, "800"), (1, "799"), (2, "800"), (3, "761"), (4, "801")) == [Level.EMERGENCY, None, None, None, None]
    assert told((0, "800"), (1, "700"), (2, "800")) == [Level.EMERGENCY, None, Level.EMERGENCY]
    assert told((0, "600"), (1, "100"), (2, "600")) == [Level.WARN, None, Level.WARN]


def test_one_that_lasts_is_told_again_and_a_warning_is_not() -> None:
    assert told((0, "850"), (AGAIN_MS - 1, "850"), (AGAIN_MS, "850")) == [Level.EMERGENCY, None, Level.EMERGENCY]
    assert told((0, "650"), (AGAIN_MS, "650")) == [Level.WARN, None]


def test_what_stands_can_be_shown() -> None:
    watched = Watched()
    watched.judge(Finding(LIMIT, D(900)), 0)
    assert watched.levels() == {(FLEET, "max_position", ""): Level.EMERGENCY}


@given(values=st.lists(st.integers(0, 1_500), max_size=30))
def test_a_level_is_never_told_below_its_threshold(values: list[int]) -> None:
    watched = Watched()
    for at, value in enumerate(values):
        telling = watched.judge(Finding(LIMIT, Decimal(value)), at * 100)
        level = None if telling is None else telling.level
        assert (
            level is None
            or Decimal(value) >= Decimal("0.95") * LIMIT.limit * {1: LIMIT.warn, 2: LIMIT.emergency, 3: D(1)}[level]
        )
        if value >= LIMIT.limit:
            assert watched.levels()[FLEET, "max_position", ""] is Level.LIMIT


# -- what is to be cut


@given(value=st.integers(800, 999))
def test_a_size_that_is_too_large_is_cut_to_where_the_warning_begins(value: int) -> None:
    part = part_to_cut(Finding(LIMIT, D(value)), Level.EMERGENCY)
    left = D(value) * (1 - part)
    assert D(599) < left <= D("600.0001")


@pytest.mark.parametrize(("measure", "on_limit", "level", "part"), [
    (Measure.POSITION, Action.HALT, Level.WARN, "0"), (Measure.DAILY_LOSS, Action.HALT, Level.EMERGENCY, "0.75"),
    (Measure.DAILY_LOSS, Action.HALT, Level.LIMIT, "0.75"), (Measure.DAILY_LOSS, Action.FLATTEN, Level.LIMIT, "1"),
    (Measure.OPEN_ORDERS, Action.HALT, Level.EMERGENCY, "0"), (Measure.DAILY_LOSS, Action.ALERT, Level.LIMIT, "0.75"),
    (Measure.OPEN_ORDERS, Action.ALERT, Level.LIMIT, "0"),
])  # fmt: skip
def test_how_much_goes(measure: Measure, on_limit: Action, level: Level, part: str) -> None:
    limit = Limit(FLEET, measure, D(1_000), "", D("0.6"), D("0.8"), D("0.25"), on_limit)
    assert part_to_cut(Finding(limit, D(900)), level) == Decimal(part)


def test_cuts_are_the_same_part_of_each() -> None:
    whole = [Cut("main", "usdm", BTC, D(4)), Cut("main", "usdm", ETH, D(8))]
    assert [cut.amount for cut in cuts_of(whole, D("0.25"))] == [1, 2]
    assert cuts_of(whole, D(0)) == ()


def test_a_breach_in_words() -> None:
    breach = Breach(Scope(Kind.BOT, "alpha"), "max_symbol_position", D("812.123456789"), D(1_000), Level.EMERGENCY,
                    Action.REDUCE, "BTCUSDT")  # fmt: skip
    assert str(breach) == "bot alpha BTCUSDT: max_symbol_position 812.12346 of 1000, emergency"
    assert str(breach._replace(symbol="")) == "bot alpha: max_symbol_position 812.12346 of 1000, emergency"
    assert breach_data(breach)["action"] == "reduce"


# -- measures


def busy() -> Market:
    """Give an account on which two bots hold something."""
    one = market(balances={"USDT": "100"})
    trade(one, "alpha", usdm_fill("BUY", "6", "100"))
    trade(one, "beta", usdm_fill("SELL", "3", "100", s="ETHUSDT"))
    one.truth.positions.update({BTC: Held(D(6), D(100)), ETH: Held(D(-3), D(100))})
    return one


def test_each_scope_has_its_own_figure() -> None:
    one = busy()
    looked = view(one, members={"grid": ("alpha", "beta")}, BTCUSDT="100", ETHUSDT="100")
    rails = "max_position = 1000\n"
    judge = judge_of(f"[strategies.grid]\n{rails}[accounts.main]\n{rails}[fleet]\n{rails}")
    assert look(judge, looked) == [
        ("strategy grid", "max_position", Level.EMERGENCY), ("account main", "max_position", Level.EMERGENCY),
        ("fleet", "max_position", Level.EMERGENCY),
    ]  # fmt: skip


def test_limits_of_symbols() -> None:
    looked = view(busy(), BTCUSDT="100", ETHUSDT="100")
    judge = judge_of("[accounts.main]\nmax_symbol_position = { BTCUSDT = 600, '*' = 500 }\n")
    found = judge.look(looked, 0, DAY).breaches
    assert [(one.symbol, one.level) for one in found] == [("BTCUSDT", Level.LIMIT), ("ETHUSDT", Level.WARN)]
    fleet = judge_of("[fleet]\nmax_symbol_position = { BTCUSDT = 700, '*' = 300 }\n").look(looked, 0, DAY).breaches
    assert [(str(one.scope), one.symbol, one.level) for one in fleet] == [
        ("symbol BTCUSDT", "BTCUSDT", Level.EMERGENCY), ("fleet", "ETHUSDT", Level.LIMIT),
    ]  # fmt: skip
    assert [(cut.place, cut.amount > 0) for cut in fleet[0].cuts] == [(BTC, True)]


def test_leverage_and_open_orders() -> None:
    one = busy()
    body = {"e": "ORDER_TRADE_UPDATE", "o": {"s": "BTCUSDT", "c": "x", "i": 1, "X": "NEW", "S": "BUY"}}
    one.orders.event("ORDER_TRADE_UPDATE", body, "alpha", 0)
    looked = view(one, BTCUSDT="100", ETHUSDT="100")
    judge = judge_of("[accounts.main]\nmax_effective_leverage = 10\nmax_open_orders = 1\n")
    assert look(judge, looked) == [
        ("account main", "max_open_orders", Level.LIMIT), ("account main", "max_effective_leverage", Level.EMERGENCY),
    ]  # fmt: skip


def test_losses_and_transfers() -> None:
    one = busy()
    judge = judge_of("[accounts.main]\nmax_daily_loss = 100\n[fleet]\nmax_drawdown = 100\n")
    assert look(judge, view(one, BTCUSDT="100", ETHUSDT="100")) == []
    one.truth.books.move(FOREIGN, "USDT", D(-90))
    judge.moved("main", D(-90))
    judge.moved("another", D(5))
    assert look(judge, view(one, BTCUSDT="100", ETHUSDT="100"), 1) == [], (
        "a transfer is no loss; the fleet had five more"
    )
    assert look(judge, view(one, BTCUSDT="85", ETHUSDT="100"), 2) == [
        ("account main", "max_daily_loss", Level.EMERGENCY), ("fleet", "max_drawdown", Level.EMERGENCY),
    ]  # fmt: skip


def test_what_lasts_is_told_again_only_while_something_is_left_to_do() -> None:
    one = busy()
    judge = judge_of("[accounts.main]\nmax_daily_loss = 10\n")
    look(judge, view(one, BTCUSDT="100", ETHUSDT="100"))
    low = {"BTCUSDT": "90", "ETHUSDT": "100"}
    assert len(look(judge, view(one, **low))) == 1
    assert len(look(judge, view(one, **low), AGAIN_MS)) == 1
    one.truth.books.move(FOREIGN, "USDT", D(-60))
    one.truth.positions.clear()
    one.truth.books.net.clear()
    assert look(judge, view(one, **low), 2 * AGAIN_MS) == []


def test_one_wild_price_tells_nothing() -> None:
    one = busy()
    judge = judge_of("[accounts.main]\nmax_daily_loss = 100\nmax_position = 5000\n")
    look(judge, view(one, BTCUSDT="100", ETHUSDT="100"))
    assert look(judge, view(one, BTCUSDT="1/100", ETHUSDT="100/9000"), 1) == []
    assert look(judge, view(one, BTCUSDT="1/1", ETHUSDT="100"), 2) != []


def test_what_has_no_price_is_not_judged_and_is_named() -> None:
    losses = "max_daily_loss = 1\nmax_drawdown = 1\n"
    sizes = "max_position = 1\nmax_effective_leverage = 1\nmax_symbol_position = { '*' = 1 }\nmax_open_orders = 5\n"
    judge = judge_of(f"[accounts.main]\n{losses}{sizes}")
    judged = judge.look(view(busy()), 0, DAY)
    assert judged.breaches == ()
    assert {limit.measure for limit in judged.blind} == set(Measure) - {Measure.OPEN_ORDERS}
    assert judge.bases == {}


def test_when_something_that_lasts_is_due_again() -> None:
    watched = Watched()
    assert watched.again_ms() is None
    watched.judge(Finding(LIMIT, D(600)), 5)
    assert watched.again_ms() is None
    watched.judge(Finding(LIMIT, D(900)), 7)
    assert watched.again_ms() == 7 + AGAIN_MS
    assert watched.symbols(LIMIT) == {""}
    assert watched.symbols(replace(LIMIT, measure=Measure.LEVERAGE)) == set()


def test_of_whom_an_account_is_not_known_only_what_can_but_be_too_small_is_judged() -> None:
    main, rails = Scope(Kind.ACCOUNT, "main"), "max_daily_loss = 100\nmax_effective_leverage = 1\nmax_position = 900\n"
    judge, looked = judge_of(f"[accounts.main]\n{rails}"), view(busy(), BTCUSDT="100", ETHUSDT="100")
    judged = judge.look(looked, 0, DAY, None, {main})
    assert [one.limit_name for one in judged.breaches] == ["max_position"]
    assert {limit.measure for limit in judged.blind} == {Measure.DAILY_LOSS, Measure.LEVERAGE}
    assert judge.bases == {}, "a part of what it is worth is no base"
    assert judge.look(looked, 1, DAY, None, {FLEET}).blind == ()
    assert main in judge.bases


def test_a_cut_names_whose_it_is_and_which_way() -> None:
    one = busy()
    looked = view(one, members={"grid": ("alpha", "beta")}, BTCUSDT="100", ETHUSDT="100")
    judge = judge_of("[strategies.grid]\nmax_position = 100\n[accounts.main]\nmax_position = 100\n")
    its, accounts = (breach.cuts for breach in judge.look(looked, 0, DAY).breaches)
    assert [(cut.owner, cut.held) for cut in its] == [("alpha", D(6)), ("beta", D(-3))]
    assert [cut.owner for cut in accounts] == ["", ""]
