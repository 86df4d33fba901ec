"""core.streams: what is missing, who is told of it and when."""

import json
from typing import Any

import pytest

from counterseal.core.streams.ages import Age, oldest
from counterseal.core.streams.books import LocalBook, State
from counterseal.core.streams.fan import Fan
from counterseal.core.streams.notices import LIVE, LOST, MISSED, MISSED_CLOSE, NOTHING_CLOSE, notice
from counterseal.core.streams.outage import GRACE_MS, WAIT_MS, Outage
from counterseal.core.streams.sequence import Sequence, is_numbered
from counterseal.core.streams.telling import Telling


def spot(first: int, last: int) -> dict[str, Any]:
    """A change of a spot book."""
    return {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": [["1.0", "2.0"]], "a": []}


def futures(first: int, last: int, previous: int) -> dict[str, Any]:
    """A change of a futures book."""
    return {"e": "depthUpdate", "E": 1, "T": 1, "s": "X", "U": first, "u": last, "pu": previous, "b": [], "a": []}


def sent(data: Any) -> bytes:
    """A message as the exchange sends it."""
    return json.dumps({"stream": "x@depth", "data": data}, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("messages", "follows"),
    [
        ([spot(1, 3), spot(4, 4), spot(5, 9)], [True, True, True]),
        ([spot(1, 3), spot(5, 5), spot(6, 6)], [True, False, True]),
        ([spot(1, 3), spot(1, 3), spot(4, 4)], [True, True, True]),
        ([spot(4, 5), spot(1, 3)], [True, False]),
        # An exchange that numbers across 64 bits, and one whose ids overlap.
        ([spot(1, 9_223_372_036_854_775_806), spot(9_223_372_036_854_775_807, 9_223_372_036_854_775_807)], [True] * 2),
        ([spot(1, 5), spot(5, 7)], [True, False]),
        ([futures(1, 3, -1), futures(9, 12, 3), futures(13, 13, 12)], [True, True, True]),
        ([futures(1, 3, 0), futures(4, 6, 2)], [True, False]),
        ([futures(1, 3, 0), futures(4, 6, 3), futures(4, 6, 3)], [True, True, True]),
        # Fields apart from one another are found all the same; what has no ids says nothing.
        ([{"u": 3, "b": [], "U": 1}, {"u": 9, "b": [], "U": 5}], [True, False]),
        ([spot(1, 3), {"e": "depthUpdate"}, spot(4, 5)], [True, True, True]),
        ([spot(1, 3), [1], {"U": "x", "u": 1}, spot(5, 5)], [True, True, True, False]),
    ],
)
def test_changes_of_a_book_follow_one_another(messages: list[Any], follows: list[bool]) -> None:
    """By U and u on spot, by pu on futures."""
    sequence = Sequence()
    assert [sequence.follows(sent(message)) for message in messages] == follows


def test_a_sequence_begins_anew() -> None:
    """After a loss that is known."""
    sequence = Sequence()
    assert sequence.follows(sent(spot(1, 3)))
    sequence.restart()
    assert sequence.follows(sent(spot(9, 9)))
    assert not sequence.follows(sent(spot(11, 11)))


def test_ids_inside_of_a_text_are_none() -> None:
    """What looks like ids in somebody's text has its quotes marked."""
    sequence = Sequence()
    assert sequence.follows(sent(spot(1, 3)))
    assert sequence.follows(sent({"s": '"U":1,"u":2', "U": 4, "u": 4}))


@pytest.mark.parametrize(
    ("name", "numbered"),
    [
        ("btcusdt@depth", True), ("btcusdt@depth@100ms", True), ("btcusdt@rpiDepth@500ms", True),
        ("btcusdt@depth5", False), ("btcusdt@depth20@100ms", False), ("btcusdt@trade", False), ("!bookTicker", False),
    ],
)  # fmt: skip
def test_books_told_as_changes_are_numbered(name: str, numbered: bool) -> None:
    """Nothing else is."""
    assert is_numbered(name) == numbered


def test_who_is_silenced_gets_nothing_more_and_is_named() -> None:
    """Who comes later gets everything; the stream ends with the last of either."""
    fan: Fan[str] = Fan()
    for member, name in (("x", "a@depth"), ("y", "a@depth"), ("x", "b@trade"), ("z", "c@trade")):
        fan.join(member, name, newest_only=False, now_ns=7)
    stream = fan.find("a@depth")
    assert stream is not None and stream.sequence is not None and stream.heard_ns == 7
    stream.sequence.follows(sent(spot(1, 1)))
    assert list(fan.silence(["a@depth", "b@trade", "gone@trade"])) == ["x", "y"]
    assert (list(stream.members), list(stream.silenced)) == ([], ["x", "y"])
    assert stream.sequence.follows(sent(spot(5, 5)))
    fan.join("w", "a@depth", newest_only=False)
    assert list(fan.silence(["a@depth"])) == ["w"]
    assert [fan.leave(member, "a@depth") for member in ("w", "y", "nobody", "x")] == [None, None, None, 0]
    assert (fan.leave("x", "a@depth"), sorted(found.name for found in fan)) == (None, ["b@trade", "c@trade"])


def test_a_stream_keeps_what_answers_reads_until_a_gap() -> None:
    """The newest message where it is the whole state, a book where somebody reads one."""
    fan: Fan[str] = Fan()
    fan.join("x", "a@bookTicker", newest_only=True)
    fan.join("x", "a@depth", newest_only=False)
    best, depth = fan.listened(["a@bookTicker", "a@depth"])
    best.hear(b"one", 5)
    assert (best.latest, best.heard_ns) == (b"one", 5)
    book = depth.book = LocalBook("spot", "BTCUSDT", 100)
    book.begin(b'{"lastUpdateId":1,"bids":[],"asks":[]}')
    depth.hear(sent(spot(2, 3)), 6)
    assert (book.state, depth.latest, depth.heard_ns) == (State.LIVE, b"", 6)
    fan.restart(["a@bookTicker", "a@depth"])
    assert (best.latest, depth.book) == (b"", None)


def test_those_who_lost_something_are_told_after_a_second_at_the_latest() -> None:
    """Or when the connection stands again; those who wait are told every ten seconds."""
    outage: Outage[str] = Outage(1_000)
    assert (outage.take_owed(1_000), outage.is_long(1_000)) == ({}, False)
    outage.lose({"x": None}, 1_000)
    outage.lose({"y": None}, 1_500)
    assert outage.take_owed(1_000 + GRACE_MS - 1) == {}
    assert list(outage.take_owed(1_000 + GRACE_MS)) == ["x", "y"]
    outage.lose({}, 3_000)
    assert outage.take_owed(9_000) == {}
    outage.lose({"z": None}, 9_000)
    assert list(outage.settle()) == ["z"]
    assert outage.settle() == {}
    assert [outage.is_long(1_000 + WAIT_MS + late) for late in (-1, 0, 1, WAIT_MS)] == [False, True, False, True]


@pytest.mark.parametrize("state", [LOST, LIVE, MISSED])
def test_a_notice_is_an_error_that_clients_know(state: str) -> None:
    """The same in both forms; a close reason fits into its frame."""
    raw = json.loads(notice(state, ["币@trade"], 5, is_combined=False))
    assert {key: raw[key] for key in ("e", "E", "type", "state", "streams")} == {
        "e": "error", "E": 5, "type": "StreamGap", "state": state, "streams": ["币@trade"]
    }  # fmt: skip
    assert json.loads(notice(state, ["币@trade"], 5, is_combined=True)) == {"stream": "!gap", "data": raw}
    assert max(len(MISSED_CLOSE), len(NOTHING_CLOSE)) <= 123


def test_the_oldest_are_told_first() -> None:
    """And no more than asked for."""
    ages = [Age("spot", str(number), number * 7 % 10) for number in range(10)]
    assert [age.age_ms for age in oldest(ages, 3)] == [9, 8, 7]
    assert len(oldest(ages[:2], 3)) == 2


def test_what_nobody_wants_is_unsubscribed_later_by_choice() -> None:
    """What is wanted is told at once."""
    wanted: dict[str, None] = {"a@trade": None}
    telling = Telling(wanted)
    telling.next_message()
    del wanted["a@trade"]
    assert telling.next_message(adds_only=True) is None
    wanted["b@trade"] = None
    assert telling.next_message(adds_only=True) == b'{"method":"SUBSCRIBE","params":["b@trade"],"id":2}'
    assert telling.next_message() == b'{"method":"UNSUBSCRIBE","params":["a@trade"],"id":3}'


def test_the_exchanges_bound_on_streams_holds_while_names_change() -> None:
    """1,024 are replaced by 1,024 others: what is not wanted goes first, kept or not."""
    wanted: dict[str, None] = {f"old{number}@trade": None for number in range(1024)}
    telling = Telling(wanted)
    for _ in iter(telling.next_message, None):
        pass
    wanted.clear()
    wanted.update({f"new{number}@trade": None for number in range(1024)})
    counts = [len(telling) for _ in iter(lambda: telling.next_message(adds_only=True), None)]
    assert (max(counts), telling.next_message(), len(telling)) == (1024, None, 1024)
