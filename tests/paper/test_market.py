"""The price walk: the same for the same seed, bounded, small steps; and the book around it."""

import itertools
from decimal import Decimal

from counterseal.paper import symbols
from counterseal.paper.book import Book
from counterseal.paper.market import Walk
from counterseal.paper.orders import Order

SYMBOL = symbols.load().spot["BTCUSDT"]
STEP = 3_590_000_000


def walk(seed: int = 1) -> Walk:
    return Walk(seed, "spot", SYMBOL)


def order(side: str, price: str, number: int = 1) -> Order:
    return Order(number, str(number), "a", "BTCUSDT", side, "LIMIT", "GTC", Decimal(price), Decimal("0.1"), 0)


def test_the_same_seed_gives_the_same_market_in_any_order_of_asking() -> None:
    steps = [STEP + index for index in range(0, 5000, 7)]
    forward = [walk().price_at(step) for step in steps]
    other = walk()
    assert [other.price_at(step) for step in reversed(steps)] == forward[::-1]
    assert [walk(2).price_at(step) for step in steps] != forward


def test_it_moves_in_small_steps_and_stays_near_its_start() -> None:
    one = Walk(1, "spot", SYMBOL, jumps=0)
    prices = [one.price_at(STEP + index) for index in range(20_000)]
    assert len(set(prices)) > 5000
    assert max(abs(now - before) for before, now in itertools.pairwise(prices)) < 10
    assert all(Decimal(98_000) < price < Decimal(102_000) for price in prices)


def test_every_symbol_starts_near_its_start_price() -> None:
    for market, listed in (("spot", symbols.load().spot), ("usdm", symbols.load().usdm)):
        for symbol in listed.values():
            price = Walk(1, market, symbol).price_at(STEP)
            assert abs(price - symbol.start) <= symbol.start / 50


def test_the_book_is_never_crossed_and_always_quoted() -> None:
    book = Book(walk())
    for step in range(STEP, STEP + 50):
        bids, asks = book.depth("SELL", step, 100), book.depth("BUY", step, 100)
        assert bids[0][0] < asks[0][0]
        assert [price for price, _ in bids] == sorted((price for price, _ in bids), reverse=True)
        assert [price for price, _ in asks] == sorted(price for price, _ in asks)


def test_resting_orders_stand_in_price_then_time_order() -> None:
    book = Book(walk())
    orders = [order("BUY", "90000", 1), order("BUY", "91000", 2), order("BUY", "90000", 3), order("BUY", "89000", 4)]
    for item in orders:
        book.rest(item)
    assert [item.order_id for item in book.resting("BUY")] == [2, 1, 3, 4]
    book.drop(orders[1])
    book.drop(orders[1])
    assert [item.order_id for item in book.resting("BUY")] == [1, 3, 4]


def test_what_was_taken_is_gone_until_the_next_step() -> None:
    book = Book(walk())
    first = next(book.house("BUY", STEP))
    book.take("BUY", first)
    assert next(book.house("BUY", STEP)).price > first.price
    assert next(book.house("BUY", STEP + 1)).qty > 0
