"""core.streams.books: a book from one snapshot and the changes after it, or none."""

import json
import random  # noqa: TID251 - seeded
from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.streams.books import MOST_EARLY, LocalBook, State, count_states
from counterseal.core.streams.levels import Levels
from counterseal.core.streams.rest_shapes import WHOLE, answer, moment_ms


def change(first: int, last: int, previous: int | None = None, **more: Any) -> bytes:
    """A message of a book's stream in its combined form."""
    data = {"U": first, "u": last, "b": [], "a": [], "E": last * 10, "T": last * 10 + 1, "s": "X", "ps": "P", **more}
    return json.dumps({"stream": "x@depth", "data": data | ({} if previous is None else {"pu": previous})}).encode()


def snapshot(last: int, bids: Any = (("9", "1"), ("8", "1")), asks: Any = (("10", "1"), ("11", "2"))) -> bytes:
    """A snapshot's body."""
    return json.dumps({"lastUpdateId": last, "bids": bids, "asks": asks, "E": 1}).encode()


def spot(last: int, *early: bytes) -> LocalBook:
    """A book of spot with a snapshot, and what came before it."""
    book = LocalBook("spot", "X", 100)
    for text in early:
        book.take(text)
    book.begin(snapshot(last))
    return book


@pytest.mark.parametrize(
    ("early", "late", "state"),
    [
        ([], [], "syncing"),
        ([], [(6, 7)], "live"),
        ([], [(3, 7)], "live"),
        ([], [(3, 5)], "syncing"),
        ([(1, 3), (4, 6)], [(7, 7)], "live"),
        ([(1, 3), (4, 5)], [(6, 7), (8, 8)], "live"),
        ([], [(6, 7), (6, 7), (8, 9)], "live"),
        ([(7, 8)], [], "stale"),
        ([], [(7, 7)], "stale"),
        ([], [(6, 7), (9, 9)], "stale"),
        ([], [(6, 7), (4, 6), (8, 8)], "stale"),
    ],
)
def test_changes_of_spot_follow_the_snapshot(
    early: list[tuple[int, int]], late: list[tuple[int, int]], state: str
) -> None:
    """The snapshot is number 5."""
    book = spot(5, *(change(*ids) for ids in early))
    for ids in late:
        book.take(change(*ids))
    assert book.state == state
    assert (book.render(1) is None) == (state != "live")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ([], "syncing"),
        ([(1, 4, 0)], "syncing"),
        ([(1, 5, 0)], "live"),
        ([(3, 9, 2)], "live"),
        ([(7, 9, 5)], "live"),
        ([(7, 9, 6)], "stale"),
        ([(3, 9, 2), (20, 21, 9)], "live"),
        ([(3, 9, 2), (10, 11, 8)], "stale"),
    ],
)
def test_changes_of_futures_follow_the_snapshot(changes: list[tuple[int, int, int]], state: str) -> None:
    """The snapshot is number 5."""
    book = LocalBook("usdm", "X", 100)
    book.begin(snapshot(5))
    for ids in changes:
        book.take(change(*ids))
    assert book.state == state


def test_each_market_has_its_shape() -> None:
    """With the moments of the newest change."""
    shown = []
    for family, previous in (("spot", None), ("usdm", 5), ("coinm", 5)):
        book = LocalBook(family, "X", 100)
        book.begin(snapshot(5))
        book.take(change(6, 7, previous, b=[["9", "3"], ["8", "0.00"]], a=[["10.5", "4"]]))
        body = book.render(2)
        assert body is not None
        shown.append(json.loads(body))
    sides = {"bids": [["9", "3"]], "asks": [["10", "1"], ["10.5", "4"]]}
    assert shown == [
        {"lastUpdateId": 7, **sides},
        {"lastUpdateId": 7, "E": 70, "T": 71, **sides},
        {"lastUpdateId": 7, "symbol": "X", "pair": "P", "E": 70, "T": 71, **sides},
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b'{"data":{}}',
        change(6, 6, b=[["x", "1"]]),
        change(6, 6, a=[["1", "x"]]),
        change(6, 6, b=[["1"]]),
        change(6, 6, b=[["sNaN", "1"]]),
        change(6, 6, a=[[str(number), "1"] for number in range(20_001)]),
    ],
)
def test_what_cannot_be_read_ends_a_book(text: bytes) -> None:
    """For good."""
    book = spot(5)
    book.take(text)
    assert book.state is State.STALE
    book.take(change(6, 6))
    assert (book.state, book.render(1)) == (State.STALE, None)
    book.begin(snapshot(5))
    assert book.state is State.STALE


@pytest.mark.parametrize("body", [b"", b"[]", snapshot(5, bids=[["x", "1"]]), snapshot(5, asks=[["1", "nothing"]])])
def test_a_snapshot_that_cannot_be_read_ends_a_book(body: bytes) -> None:
    """As an answer does that did not come."""
    book = LocalBook("spot", "X", 100)
    book.begin(body)
    assert book.state is State.STALE
    assert count_states([book, spot(5)]) == {"syncing": 1, "live": 0, "stale": 1}


def test_a_snapshot_that_never_comes_is_not_waited_for() -> None:
    """What is kept meanwhile is bounded."""
    book = LocalBook("spot", "X", 100)
    for number in range(MOST_EARLY + 1):
        assert book.state is State.SYNCING
        book.take(change(number, number))
    assert book.state is State.STALE


def test_a_gap_among_what_came_early_ends_a_book() -> None:
    """Even where more follows."""
    assert spot(5, change(6, 6), change(8, 8), change(9, 9)).state is State.STALE


def test_what_the_snapshot_does_not_reach_is_not_told() -> None:
    """A side that was cut off is known as far as it was shown; the other one to its end."""
    levels = Levels(is_bid=True)
    levels.fill([("9", "1"), ("8", "1"), ("7", "1")], 3)
    levels.change([("6", "5"), ("8.5", "2")])
    assert levels.best(4) == [("9", "1"), ("8.5", "2"), ("8", "1"), ("7", "1")]
    assert levels.best(5) is None
    levels.change([("9", "0"), ("3", "0"), ("8.5", "3")])
    assert (levels.best(3), levels.best(4)) == ([("8.5", "3"), ("8", "1"), ("7", "1")], None)
    whole = Levels(is_bid=False)
    whole.fill([("10", "1")], 3)
    whole.change([("12", "1"), ("11", "1")])
    assert whole.best(9) == [("10", "1"), ("11", "1"), ("12", "1")]
    empty = Levels(is_bid=False)
    empty.fill([], 0)
    assert empty.best(1) == []


def test_levels_are_what_a_plain_book_is() -> None:
    """Ten thousand random changes against sorting everything anew."""
    luck = random.Random(3)
    for is_bid in (True, False):
        levels, plain = Levels(is_bid=is_bid), dict[Decimal, tuple[str, str]]()
        levels.fill([], 1)
        for number in range(5_000):
            row = (f"{luck.randrange(200) / 10:.2f}", str(luck.choice((0, 1, 2.5))))
            levels.change([row])
            if Decimal(row[1]):
                plain[Decimal(row[0])] = row
            else:
                plain.pop(Decimal(row[0]), None)
            if number % 100 == 0:
                assert levels.best(50) == [plain[price] for price in sorted(plain, reverse=is_bid)][:50]


def test_an_answer_is_made_of_fields_alone() -> None:
    """As they came; a message that lacks one gives none."""
    _, fields = WHOLE["spot", "/api/v3/ticker/bookTicker"]
    text = b'{"stream":"x","data":{"u":1,"s":"BTCUSDT","b":"1.10","B":"2","a":"3","A":"4.000"}}'
    assert answer(text, fields, "ETHUSDT") is None
    assert answer(text, fields, "BTCUSDT") == (
        b'{"symbol":"BTCUSDT","bidPrice":"1.10","bidQty":"2","askPrice":"3","askQty":"4.000"}'
    )
    assert answer(b'{"stream":"x","data":{"u":1,"s":"BTCUSDT"}}', fields, "BTCUSDT") is None
    assert answer(b'{"stream":"x","data":[]}', fields, "BTCUSDT") is None


@pytest.mark.parametrize("value", [b'"\\ud800"', b"NaN", b"-Infinity", b"1e999", b"[" * 5000 + b"]" * 5000])
def test_what_no_json_can_say_is_no_answer(value: bytes) -> None:
    """The reader of streams takes it, and nobody could be given it."""
    _, fields = WHOLE["spot", "/api/v3/ticker/bookTicker"]
    text = b'{"data":{"s":"BTCUSDT","b":%b,"B":"2","a":"3","A":"4"}}' % value
    assert answer(text, fields, "BTCUSDT") is None


@pytest.mark.parametrize("ask", ["9.00", "8.5"])
def test_a_crossed_book_is_no_book(ask: str) -> None:
    """Somebody would buy for more than another one wants: something is wrong, whoever is."""
    book = spot(5)
    book.take(change(6, 6, a=[[ask, "1"]]))
    assert (book.render(1), book.state) == (None, State.STALE)


def test_a_side_may_be_empty() -> None:
    """Nobody sells."""
    book = spot(5)
    book.take(change(6, 6, a=[["10", "0"], ["11", "0"]]))
    assert book.render(1) == b'{"lastUpdateId":6,"bids":[["9","1"]],"asks":[]}'


def test_prices_of_any_length_are_told_apart() -> None:
    """As long as the grammar of numbers allows."""
    long = ("123456789012345678.123456789012345678", "123456789012345678.123456789012345677")
    for is_bid in (True, False):
        levels = Levels(is_bid=is_bid)
        levels.fill([(price, "1") for price in long], 9)
        assert levels.best(9) == [(price, "1") for price in (long if is_bid else long[::-1])]


def test_a_message_may_tell_its_moment() -> None:
    """0 where it tells none."""
    assert moment_ms(change(6, 7)) == 70
    assert moment_ms(b'{"data":{"u":1}}') == moment_ms(b'{"data":{"E":"70"}}') == moment_ms(b"[") == 0
    book = spot(5)
    assert book.moment_ms == 0
    book.take(change(6, 7))
    assert book.moment_ms == 70
