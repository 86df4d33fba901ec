"""What is said of a book is read strictly: one odd field, and it is no message of a book."""

import json
from typing import Any

import pytest

from counterseal.core.streams.depth_messages import Change, Snapshot, data_of, read_change, read_snapshot

DATA: dict[str, Any] = {"U": 3, "u": 5, "b": [["1.0", "2"]], "a": [], "s": "BTCUSDT"}


def combined(data: Any) -> bytes:
    return json.dumps({"stream": "btcusdt@depth", "data": data}).encode()


def test_a_change_is_read() -> None:
    assert read_change(combined(DATA)) == Change(3, 5, [("1.0", "2")], [], None, 0, 0, "BTCUSDT", "")
    futures = DATA | {"pu": 2, "E": 7, "T": 6, "ps": "BTCUSD"}
    assert read_change(combined(futures)) == Change(3, 5, [("1.0", "2")], [], 2, 7, 6, "BTCUSDT", "BTCUSD")


@pytest.mark.parametrize(
    "odd",
    [
        {"U": "3"}, {"u": True}, {"u": None}, {"pu": "2"}, {"b": {}}, {"a": [["1"]]}, {"a": [["1", 2]]},
        {"a": [[1, "2"]]},
        {"b": ["12"]}, {"E": "7"}, {"T": 1.5}, {"s": 1}, {"ps": None},
        {"ps": "\ud800"}, {"s": "\udfff"},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_change_is_none(odd: dict[str, Any]) -> None:
    assert read_change(combined(DATA | odd)) is None


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 100_000, b"{}", combined([]), combined(None)])
def test_what_is_no_message_has_no_data(text: bytes) -> None:
    assert data_of(text) is None
    assert read_change(text) is None
    assert read_snapshot(text) is None


def test_a_snapshot_is_read() -> None:
    body = {"lastUpdateId": 9, "bids": [["1", "2"]], "asks": [["3", "4"]]}
    assert read_snapshot(json.dumps(body).encode()) == Snapshot(9, [("1", "2")], [("3", "4")])
    for odd in ({"lastUpdateId": "9"}, {"bids": None}, {"asks": [1]}):
        assert read_snapshot(json.dumps(body | odd).encode()) is None
