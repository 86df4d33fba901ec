"""The sum of all owners is the account, in positions and in money, whoever trades, whatever it costs."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.positions.shapes import CONTRACTS, RULES, D, fill

from counterseal.core.market import SymbolRule
from counterseal.core.positions.books import FOREIGN, Books, sum_of
from counterseal.core.positions.keeping import books_data, restore
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Moved

OWNERS = st.sampled_from(["alpha", "beta", FOREIGN])
SIZES = st.integers(1, 40).map(lambda n: Decimal(n) / 8)
PRICES = st.integers(10, 400).map(lambda n: Decimal(n) / 4)
FEES = st.integers(0, 3).map(lambda n: Decimal(n) / 1000)
TRADES = st.lists(st.tuples(OWNERS, st.sampled_from(["BUY", "SELL"]), SIZES, PRICES, FEES), max_size=25)
BTC = Place("BTCUSDT")


def small(one: Fraction, other: Decimal) -> bool:
    """Tell whether two figures are the same to the thirtieth digit."""
    return abs(one - Fraction(other)) < Fraction(1, 10**30)


@given(trades=TRADES, mark=PRICES)
def test_futures_against_a_naive_count(trades: list[tuple[str, str, Decimal, Decimal, Decimal]], mark: Decimal) -> None:
    """What all have earned is the cash that the account paid and got, and what it holds at the mark."""
    books = Books("usdm", RULES)
    held: dict[str, Fraction] = defaultdict(Fraction)
    cash: dict[str, Fraction] = defaultdict(Fraction)
    fees: dict[str, Fraction] = defaultdict(Fraction)
    for owner, side, size, price, fee in trades:
        books.fill(owner, fill(side, str(size), str(price), n=str(fee), N="BNB", rp=None))
        signed = Fraction(size) if side == "BUY" else -Fraction(size)
        held[owner] += signed
        cash[owner] -= signed * Fraction(price)
        fees[owner] += Fraction(fee)
    for owner in held:
        sub = books.sub(owner, BTC)
        assert Fraction(sub.lot.amount) == held[owner]
        assert small(cash[owner] + held[owner] * Fraction(mark), sub.realized + sub.lot.profit(mark))
        assert Fraction(sub.fees.get("BNB", Decimal(0))) == fees[owner]
    assert Fraction(books.amount(BTC)) == sum(held.values())
    assert Fraction(books.balance("BNB")) == -sum(fees.values())
    assert books.balance("USDT") == sum_of(books.sub(owner, BTC).realized for owner in held)


@given(trades=TRADES)
def test_spot_against_a_naive_count(trades: list[tuple[str, str, Decimal, Decimal, Decimal]]) -> None:
    books = Books("spot", RULES)
    assets: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for owner, side, size, price, fee in trades:
        one = fill(side, str(size), str(price), n=str(fee), N="USDT", rp=None)
        books.fill(owner, one)
        assets[owner, "BTC"] += Fraction(one.signed)
        assets[owner, "USDT"] -= Fraction(one.signed) * Fraction(price) + Fraction(fee)
    for (owner, asset), amount in assets.items():
        assert Fraction(books.assets.get(asset, {}).get(owner, Decimal(0))) == amount
    for asset in ("BTC", "USDT"):
        assert Fraction(books.balance(asset)) == sum(v for (_, name), v in assets.items() if name == asset)


@given(trades=TRADES, told=st.integers(-50, 50))
def test_what_the_exchange_says_was_earned_is_what_the_account_has(
    trades: list[tuple[str, str, Decimal, Decimal, Decimal]], told: int
) -> None:
    """Each owner has an average price of its own; the difference to the account's is nobody's."""
    books = Books("usdm", RULES)
    for owner, side, size, price, _ in trades:
        books.fill(owner, fill(side, str(size), str(price), rp=str(told)))
    assert books.balance("USDT") == told * len(trades)


@given(trades=TRADES, size=SIZES)
def test_the_guard_s_fill_takes_from_those_who_held(
    trades: list[tuple[str, str, Decimal, Decimal, Decimal]], size: Decimal
) -> None:
    books = Books("usdm", RULES)
    for owner, side, amount, price, _ in trades:
        books.fill(owner, fill(side, str(amount), str(price)))
    before = {owner: books.sub(owner, BTC).lot.amount for owner in books.owners()}
    one = fill("SELL", str(size), "10", n="1", rp="7")
    parts = books.share(one)
    assert sum_of(part.signed for _, part in parts) == one.signed
    assert small(Fraction(1), sum_of(part.fee for _, part in parts))
    assert small(Fraction(7), sum_of(part.realized or Decimal(0) for _, part in parts))
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for owner, part in parts:
        taken[owner] -= part.signed
    for owner, amount in taken.items():
        assert owner == FOREIGN or amount <= before[owner], "nobody is turned to the other side"


def test_a_fill_of_the_guard_that_tells_no_profit() -> None:
    books = Books("usdm", RULES)
    books.fill("alpha", fill("BUY", "1", "10"))
    assert [(owner, part.realized) for owner, part in books.share(fill("SELL", "1", "10", rp=None))] == [
        ("alpha", None)
    ]


def test_a_share_that_divides_badly_loses_nothing() -> None:
    books = Books("usdm", RULES)
    for owner in ("alpha", "beta", "gamma"):
        books.fill(owner, fill("BUY", "1", "10"))
    parts = books.share(fill("SELL", "1", "10"))
    assert sum_of(part.signed for _, part in parts) == -1
    assert [owner for owner, _ in parts] == ["alpha", "beta", "gamma"]


def test_funding_goes_by_what_is_held_and_the_rest_is_nobody_s() -> None:
    books = Books("usdm", RULES)
    books.fill("alpha", fill("BUY", "3", "10"))
    books.fill("beta", fill("SELL", "1", "10"))
    books.fill("gamma", fill("BUY", "1", "10", s="ETHUSDT"))
    books.fund(Moved("USDT", D("-1.00000001"), "FUNDING_FEE", "BTCUSDT"))
    assert books.sub("alpha", BTC).funding == {"USDT": D("-1.50000001")}
    assert books.sub("beta", BTC).funding == {"USDT": D("0.50000000")}
    assert books.balance("USDT") == D("-1.00000001")
    books.fund(Moved("USDT", D(5), "FUNDING_FEE", "XRPUSDT"))
    assert books.assets["USDT"][FOREIGN] == 5


def test_contracts_earn_in_their_base_asset() -> None:
    books = Books("coinm", CONTRACTS)
    books.fill("alpha", fill("BUY", "10", "50000", s="BTCUSD_PERP"))
    books.fill("alpha", fill("SELL", "10", "40000", s="BTCUSD_PERP", rp=None))
    assert books.balance("BTC") == D("-0.005")
    assert (books.margin_asset("BTCUSD_PERP"), books.margin_asset("X")) == ("BTC", "")


def test_what_is_corrected_is_nobody_s_at_a_price_or_at_its_own() -> None:
    books = Books("usdm", RULES)
    books.correct(BTC, D(2), D(10))
    books.correct(BTC, D(2), None)
    assert books.sub(FOREIGN, BTC).lot.amount == 4
    assert books.sub(FOREIGN, BTC).lot.average == 10
    assert books.owners() == [FOREIGN]


def test_symbols_that_nobody_knows_change_what_they_name() -> None:
    books = Books("spot", {})
    books.fill("alpha", fill("BUY", "1", "10", n="1", N="BNB"))
    assert books.assets == {"BNB": {"alpha": D(-1)}}
    futures = Books("usdm", {})
    futures.fill("alpha", fill("BUY", "1", "10", ma="USDT", rp="3"))
    assert futures.balance("USDT") == 3
    assert next(iter(futures.of("alpha")))[0] == BTC
    assert list(futures.of("beta")) == []


@given(trades=TRADES)
def test_what_is_written_down_is_read_again(trades: list[tuple[str, str, Decimal, Decimal, Decimal]]) -> None:
    books = Books("coinm", {"BTCUSDT": SymbolRule("BTC", "USD", "TRADING", D(100))})
    for owner, side, size, price, fee in trades:
        books.fill(owner, fill(side, str(size), str(price), n=str(fee), N="BTC"))
    books.fund(Moved("BTC", D(1), "FUNDING_FEE", "BTCUSDT"))
    again = Books("coinm", {})
    assert restore(again, books_data(books)) is bool(books.places)
    assert books_data(again) == books_data(books)


@pytest.mark.parametrize("change", [
    {"amount": "NaN"}, {"cost": "x"}, {"contract": []}, {"realized": None}, {"fees": 1}, {"funding": {"USDT": "?"}},
    {"owner": ""}, {"symbol": 5},
])  # fmt: skip
def test_rows_that_cannot_be_read_are_left_out(change: dict[str, object]) -> None:
    books = Books("usdm", RULES)
    books.fill("alpha", fill("BUY", "1", "10"))
    row = books_data(books)[0]
    again = Books("usdm", RULES)
    assert restore(again, [row | change, 1]) is False
    assert restore(again, "no") is False
    assert restore(again, [row]) is True
