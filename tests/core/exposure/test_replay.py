"""The book that is made anew from the journal is the book that there was."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from counterseal.core.exposure import replay as module
from counterseal.core.exposure.claims import changes_of
from counterseal.core.exposure.money import Rate
from counterseal.core.exposure.replay import MARK, Replay, statement
from counterseal.core.exposure.tracker import Owner, Tracker
from counterseal.core.outcome import Outcome

COVERS = frozenset({("alpha", "main"), ("beta", "other")})
ORDER = [["symbol", "S"], ["side", "BUY"], ["type", "LIMIT"], ["quantity", "2"], ["price", "100"]]


def rate(_family: str, _symbol: str) -> Rate:
    return Rate(Decimal(100), None, Decimal(1))


def account_of(key: str) -> str:
    return {"k1": "main", "k2": "other"}[key]


def intent(number: str, name: str, bot: str = "alpha", key: str = "k1", **more: Any) -> dict[str, Any]:
    return {
        "type": "intent", "id": number, "bot": bot, "key": key, "family": "spot", "method": "POST",
        "path": "/api/v3/order", "pairs": [*ORDER, ["newClientOrderId", name]], "client_ids": [name], **more,
    }  # fmt: skip


def end(number: str, outcome: str, body: Any = None, kind: str = "outcome") -> dict[str, Any]:
    return {"type": kind, "id": number, "outcome": outcome, "reply": None if body is None else json.dumps(body)}


def row(name: str, status: str = "NEW", filled: str = "0") -> dict[str, Any]:
    return {"symbol": "S", "clientOrderId": name, "status": status, "executedQty": filled}


def folded(records: Iterable[dict[str, Any]], covers: frozenset[tuple[str, str]] = COVERS) -> Tracker:
    replay = Replay(Tracker(rate), account_of, covers)
    for record in records:
        replay.take(record)
    return replay.tracker


RECORDS = [
    {"type": "start"},
    intent("1", "a"),
    end("1", "ACCEPTED", row("a")),
    intent("2", "b"),
    end("2", "REJECTED", {"code": -2010, "msg": "no"}),
    intent("3", "c"),
    end("3", "UNKNOWN"),
    intent("4", "d", "beta", "k2"),
    {"type": "learnt", "account": "main", "family": "spot", "rows": [row("a", filled="0.5")]},
    intent("5", "x", "alpha", "k2"),
    end("5", "ACCEPTED", row("x")),
    intent("6", "", pairs=[["symbol", "S"], ["origClientOrderId", "a"]], method="DELETE", client_ids=[]),
]
AFTER = [
    end("3", "ACCEPTED", row("c", "FILLED", "2"), "resolved"),
    end("6", "ACCEPTED", row("a", "CANCELED", "1")),
    {"type": "recovered", "id": "4", "outcome": "UNKNOWN"},
    end("unheard of", "ACCEPTED", row("a")),
    {**end("7", "ACCEPTED"), "reply": "no json"},
]


def totals(tracker: Tracker) -> tuple[Decimal, ...]:
    book = tracker.book
    return book.bot("alpha").total, book.bot("beta").total, book.account("main").total, book.account("other").total


def test_records_are_taken_in_order() -> None:
    assert totals(folded(RECORDS)) == (400, 200, 400, 200)
    assert totals(folded(RECORDS + AFTER)) == (300, 200, 300, 200)


def test_what_was_learnt_of_an_orders_end_is_taken() -> None:
    learnt = {"type": "learnt", "account": "main", "family": "spot", "rows": [row("a", "CANCELED", "0.5")]}
    assert totals(folded([*RECORDS, learnt])) == (250, 200, 250, 200)


def test_a_test_order_whose_answer_is_lost_leaves_nothing() -> None:
    asked = intent("1", "", path="/api/v3/order/test", pairs=ORDER, client_ids=[])
    assert totals(folded([asked, end("1", "UNKNOWN")])) == (0, 0, 0, 0)


def test_only_an_accepted_answer_shows_orders() -> None:
    refused = [intent("8", "z"), end("8", "REJECTED", row("a", "CANCELED"))]
    assert totals(folded(RECORDS + refused)) == (400, 200, 400, 200)


def test_moments_of_another_life_are_not_taken_over() -> None:
    orders = {order.names: order.since_ms for order in folded(RECORDS).book.orders()}
    assert set(orders.values()) == {0}


def test_a_stated_order_is_known_by_its_number_too() -> None:
    tracker = folded([intent("1", "a"), end("1", "ACCEPTED", row("a") | {"orderId": 5})])
    (stated,) = [json.loads(json.dumps({"type": "exposure", **part})) for part in statement(tracker, COVERS)]
    assert stated["positions"] == [], "it holds nothing yet"
    again = folded([stated])
    assert totals(again) == (200, 0, 200, 0)
    assert again.learn("main", "spot", row("amended", "CANCELED", "1") | {"orderId": 5})
    assert totals(again) == (100, 0, 100, 0)


def test_a_statement_stands_for_all_before_it() -> None:
    tracker = folded(RECORDS)
    stated = [json.loads(json.dumps({"type": "exposure", **part})) for part in statement(tracker, COVERS)]
    assert MARK in json.dumps(stated[0], separators=(",", ":")).encode()
    assert totals(folded(stated)) == (400, 200, 400, 200)
    assert totals(folded(RECORDS + stated)) == (400, 200, 400, 200)
    # What was on its way when it was made ends after it. The cancel's own intent is not in it, polling finds that.
    assert totals(folded([*stated, *AFTER])) == (400, 200, 400, 200)
    assert Replay(Tracker(rate), account_of, COVERS).suits(stated[0])
    assert not Replay(Tracker(rate), account_of, COVERS | {("new", "main")}).suits(stated[0])


def test_a_statement_of_some_leaves_the_others_as_they_are() -> None:
    tracker = folded(RECORDS, frozenset({("alpha", "main")}))
    stated = [{"type": "exposure", **part} for part in statement(tracker, {("alpha", "main")})]
    assert totals(folded(RECORDS + stated)) == (400, 200, 400, 200)
    assert totals(folded(stated, frozenset({("beta", "other")}))) == (0, 0, 0, 0)


def test_a_statement_tells_nothing_of_those_who_are_not_covered_any_more() -> None:
    """Their last orders are still in the book; taken from there they would count twice when a limit comes again."""
    tracker = folded([*RECORDS, {"type": "learnt", "account": "other", "family": "spot", "rows": [row("d", "", "1")]}])
    stated = [{"type": "exposure", **part} for part in statement(tracker, {("alpha", "main")})]
    assert totals(folded(RECORDS + stated)) == (400, 200, 400, 200)


def test_a_long_statement_is_several_records(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "PER_RECORD", 2)
    tracker = folded(RECORDS)
    values = dict(ORDER) | {"quantity": "1"}
    pairs = tracker.reserve(
        "m", Owner("alpha", "main", "k1"), "usdm", changes_of("POST", "/fapi/v1/order", values, ("m",)), ()
    )
    tracker.begin("m", "/fapi/v1/order", pairs.parts)
    tracker.settle("m", Outcome.ACCEPTED, row("m"), 0)
    changes = changes_of("PUT", "/fapi/v1/order", values | {"origClientOrderId": "m", "quantity": "3"}, ())
    altered = tracker.reserve("n", Owner("alpha", "main", "k1"), "usdm", changes, ())
    tracker.begin("n", "/fapi/v1/order", altered.parts)
    stated = [json.loads(json.dumps({"type": "exposure", **part})) for part in statement(tracker, COVERS)]
    assert [len(record["orders"]) for record in stated] == [2, 2]
    again = folded(stated)
    assert totals(again) == totals(tracker) == (700, 200, 700, 200)
    again.settle("n", Outcome.REJECTED, None, 0)
    assert again.book.bot("alpha").total == 500


def again(tracker: Tracker) -> Tracker:
    """The book that a statement of this one gives."""
    return folded([json.loads(json.dumps({"type": "exposure", **part})) for part in statement(tracker, COVERS)])


def test_a_stated_order_keeps_its_price_and_its_size_in_dollars() -> None:
    worse = [["symbol", "S"], ["side", "BUY"], ["type", "LIMIT"], ["quantity", "2"], ["price", "150"]]
    quote = [["symbol", "S"], ["side", "BUY"], ["type", "MARKET"], ["quoteOrderQty", "50"]]
    tracker = folded([intent("1", "a", pairs=worse), intent("2", "b", pairs=quote)])
    assert totals(again(tracker)) == totals(tracker) == (350, 0, 350, 0)


def test_a_stated_list_keeps_which_half_has_ended() -> None:
    pairs = [["symbol", "S"], ["side", "SELL"], ["quantity", "1"], ["abovePrice", "150"], ["belowStopPrice", "80"]]
    both = [row("up"), row("down", "EXPIRED")]
    tracker = folded([
        intent("1", "", path="/api/v3/orderList/oco", pairs=pairs, client_ids=["list", "up", "down"]),
        end("1", "ACCEPTED", {"symbol": "S", "orders": [], "orderReports": both}),
    ])  # fmt: skip
    restored = again(tracker)
    assert totals(restored) == (150, 0, 150, 0)
    restored.learn("main", "spot", row("up", "EXPIRED"))
    assert totals(restored) == (0, 0, 0, 0)


def test_a_stated_order_that_was_shown_is_not_undone_by_a_refusal() -> None:
    shown = {"type": "learnt", "account": "main", "family": "spot", "rows": [row("a")]}
    for records, left in (([shown], 200), ([], 0)):
        restored = again(folded([intent("1", "a"), end("1", "UNKNOWN"), *records]))
        restored.settle("1", Outcome.ABSENT, None, 0)
        assert totals(restored) == (left, 0, left, 0)
