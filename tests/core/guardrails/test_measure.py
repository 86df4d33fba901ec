"""What everybody has: sizes and worths at confirmed prices, for bots by their books, for accounts by what is stated."""

from decimal import Decimal

from tests.core.guardrails.views import BTC, PERP, market, trade, view
from tests.core.positions.shapes import D, spot_fill, usdm_fill

from counterseal.core.guardrails.breach import Cut
from counterseal.core.guardrails.money import NOTHING, Range, exactly
from counterseal.core.guardrails.portions import size, times
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.market import SymbolRule
from counterseal.core.positions.books import FOREIGN

MAIN, OTHER = Scope(Kind.ACCOUNT, "main"), Scope(Kind.ACCOUNT, "other")
ALPHA, GRID = Scope(Kind.BOT, "alpha"), Scope(Kind.STRATEGY, "grid")


def test_an_account_is_what_the_exchange_states() -> None:
    one = market(positions={BTC: ("-2", "100")}, balances={"USDT": "50", "BTC": "1"})
    other = market("usdm", "other", {BTC: ("1", "100")})
    looked = view(one, other, BTCUSDT="110/120", BTC="115")
    held = looked.positions(MAIN)
    assert [position.whole for position in held] == [Cut("main", "usdm", BTC, D(2), "", D(-2))]
    assert size(held) == Range(D(220), D(240))
    assert looked.worth(MAIN) == Range(D(50 - 40 + 115), D(50 - 20 + 115))
    assert looked.futures_worth(MAIN) == looked.worth(MAIN)
    assert size(looked.positions(FLEET)) == Range(D(330), D(360))
    assert looked.worth(OTHER) == Range(D(10), D(20))


def test_a_bot_is_what_its_books_say() -> None:
    one = market()
    trade(one, "alpha", usdm_fill("BUY", "2", "100", n="1", N="BNB"))
    trade(one, "alpha", usdm_fill("SELL", "1", "110", rp=None))
    trade(one, "beta", usdm_fill("SELL", "5", "100"))
    trade(one, "alpha", usdm_fill("BUY", "1", "100", s="ETHUSDT"))
    trade(one, "alpha", usdm_fill("SELL", "1", "100", s="ETHUSDT"))
    looked = view(one, members={"grid": ("alpha", "beta")}, BTCUSDT="120", BNB="3")
    assert [position.whole.amount for position in looked.positions(ALPHA)] == [D(1)]
    assert looked.worth(ALPHA) == exactly(D(10 + 20 - 3))
    assert size(looked.positions(GRID)) == exactly(D(6 * 120))
    assert looked.worth(GRID) == exactly(D(27 - 100))
    assert looked.positions(Scope(Kind.STRATEGY, "unknown")) == []
    assert looked.worth(Scope(Kind.BOT, "unknown")) == NOTHING


def test_spot_positions_are_what_bots_bought_and_the_worth_is_everything() -> None:
    one = market("spot", balances={"BTC": "5", "USDT": "100"})
    trade(one, "alpha", spot_fill("BUY", "1", "100"))
    trade(one, FOREIGN, spot_fill("BUY", "7", "100"))
    looked = view(one, BTCUSDT="120", BTC="120")
    assert size(looked.positions(MAIN)) == exactly(D(120))
    assert looked.worth(MAIN) == exactly(D(13 * 120 - 700))
    assert looked.worth(ALPHA) == exactly(D(20))
    assert looked.futures_worth(MAIN) == NOTHING


def test_contracts_are_dollars_and_earn_coins() -> None:
    one = market("coinm", positions={PERP: ("10", "50000")}, balances={"BTC": "1"})
    looked = view(one, BTCUSD_PERP="40000", BTC="40000")
    assert size(looked.positions(MAIN)) == exactly(D(1_000))
    assert looked.worth(MAIN) == exactly(D("0.995") * 40_000)


def test_what_is_stated_and_not_booked_yet_is_size_and_no_gain() -> None:
    one = market(positions={BTC: ("1", "100")}, balances={"USDT": "50"})
    one.truth.positions[BTC] = one.truth.positions[BTC]._replace(amount=D(3), entry=None)
    one.truth.balances["USDT"] = D(10)
    looked = view(one, BTCUSDT="110")
    assert size(looked.positions(MAIN)) == exactly(D(330))
    assert looked.worth(MAIN) == exactly(D(50 + 10))
    strange = market("coinm", positions={BTC: ("1", "100")})
    assert view(strange, BTCUSDT="110").positions(MAIN)[0].size is None


def test_owners_that_hold_against_one_another_make_the_account_no_richer() -> None:
    """The exchange has realised what both still count as their own."""
    one = market(balances={"USDT": "50"})
    trade(one, "alpha", usdm_fill("BUY", "1", "100"))
    trade(one, "beta", usdm_fill("SELL", "1", "110", rp="10"))
    looked = view(one, BTCUSDT="500")
    assert looked.worth(MAIN) == exactly(D(60))
    assert looked.worth(ALPHA) == exactly(D(400))
    assert looked.worth(Scope(Kind.BOT, "beta")) == exactly(D(-390))


def test_without_a_price_nothing_is_known() -> None:
    one = market(positions={BTC: ("1", "100")}, balances={"BTC": "1"})
    trade(one, "alpha", usdm_fill("BUY", "1", "100", n="1", N="BNB"))
    looked = view(one)
    assert size(looked.positions(MAIN)) is None
    assert (looked.worth(MAIN), looked.worth(ALPHA)) == (None, None)
    assert view(one, BTCUSDT="100").worth(MAIN) is None
    coins = market("coinm", positions={PERP: ("1", "100")})
    assert view(coins, BTCUSD_PERP="100").worth(MAIN) is None


def test_a_quote_asset_without_a_price() -> None:
    one = market("spot")
    trade(one, "alpha", spot_fill("BUY", "1", "100"))
    one.truth.books.rules = {"BTCUSDT": SymbolRule("BTC", "TRY", "TRADING")}
    assert view(one, BTCUSDT="100").positions(MAIN)[0].size is None
    assert view(one, BTCUSDT="100").worth(ALPHA) is None
    one.truth.books.rules = {}
    assert view(one, BTCUSDT="100").worth(ALPHA) is None


def test_how_often_a_size_is_what_backs_it() -> None:
    assert times(Range(D(10), D(20)), Range(D(1), D(2))) == 5
    assert times(Range(D(10), D(20)), Range(D(-5), D(0))) == 1_000
    assert times(NOTHING, NOTHING) == 0
    assert times(Range(D(10_000), D(10_000)), Range(D(1), D(1))) == Decimal(1_000)


def test_open_orders_are_counted_by_owner() -> None:
    one = market()
    for number, owner in ((1, "alpha"), (2, "beta"), (3, "alpha")):
        body = {"e": "ORDER_TRADE_UPDATE", "o": {"s": "BTCUSDT", "c": "x", "i": number, "X": "NEW", "S": "BUY"}}
        one.orders.event(body["e"], body, owner, 0)  # type: ignore[arg-type]
    looked = view(one, members={"grid": ("alpha", "beta")})
    assert [looked.open_orders(scope) for scope in (ALPHA, GRID, MAIN, OTHER, FLEET)] == [2, 3, 3, 0, 3]
