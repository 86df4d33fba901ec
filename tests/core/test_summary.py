"""Folding summaries gives what folding every record gives, wherever the segments are cut."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.outcome import Outcome
from counterseal.core.repeats import Latch
from counterseal.core.summary import Place, Summarizer, Summary, told_by
from counterseal.gateway.recovery import Fold, Recovered, recover

T = 1_795_000_000_000
END = Place(0, T + 200_000, bytes(32), ())
ORDER, ALGO, AMEND = "/api/v3/order", "/fapi/v1/algoOrder", "/api/v3/order/amend/keepPriority"
_ID_NAME = {ALGO: "clientAlgoId"}
IDS = [f"c{number}" for number in range(4)]


def intent(
    number: int, at_ms: int, *ids: str, method: str = "POST", path: str = ORDER, pairs: Sequence[Sequence[str]] = ()
) -> dict[str, Any]:
    named = _ID_NAME.get(path, "newClientOrderId")
    return {
        "type": "intent", "id": f"run-{number}", "t": T + at_ms, "bot": "alpha", "path": path, "method": method,
        "family": "usdm" if path == ALGO else "spot", "client_ids": list(ids), "digest": f"{number:032x}",
        "pairs": [["symbol", "BTCUSDT"], *[[named, each] for each in ids], *map(list, pairs)],
        "key": "main",
    }  # fmt: skip


def end(number: int, at_ms: int, outcome: str, kind: str = "outcome", **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "type": kind, "id": f"run-{number}", "t": T + at_ms, "outcome": outcome, "order_status": "", "order_id": None,
        "reply_status": 200, "reply": "{}", "freed": [],
    }  # fmt: skip
    return {**base, **more}


def summarized(*segments: Sequence[dict[str, Any]]) -> Recovered:
    fold = Fold(0, 0)
    for records in segments:
        summarizer = Summarizer()
        for record in records:
            summarizer.take(record)
        end_ms = records[-1]["t"] if records else T
        fold.take_summary(summarizer.summary(END._replace(at_ms=end_ms)))
    return fold.recovered()


def state(found: Recovered) -> tuple[Any, ...]:
    """What of a fold matters: ids with outcome, state and whose they are, owners, what is open or unresolved."""
    entries = {
        # What is UNKNOWN answers as such, whatever state was told of its order.
        key: (
            entry.bot,
            entry.request,
            entry.outcome,
            entry.at_ms,
            entry.outcome is Outcome.UNKNOWN or entry.order_status,
        )
        for key, entry in found.ledger._entries.items()
    }
    names = [[each["id"] for each in left] for left in (found.open, found.unresolved)]
    owners = {key: scope.owners for key, scope in found.ledger._scopes.items()}
    return entries, owners, found.latches, *map(sorted, names)


def replies(found: Recovered, now_ms: int) -> dict[Any, Any]:
    """The stored answers that a repetition gets at `now_ms`; of what is UNKNOWN it gets none."""
    return {
        key: entry.reply
        for key, entry in found.ledger._entries.items()
        if entry.answers_again(now_ms) and entry.outcome is not Outcome.UNKNOWN
    }


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Orders that are taken, refused, lost, cancelled, amended, resolved; ids come again when they are free.

    What names an order comes behind that order's own end: only the state that is told of it could differ else.
    """
    records: list[dict[str, Any]] = []
    busy: set[str] = set()
    known: list[str] = ["gone"]
    waiting: list[tuple[dict[str, Any], bool]] = []
    at_ms = 0
    for number in range(draw(st.integers(0, 14))):
        at_ms += draw(st.sampled_from([10, 20_000]))
        free = [name for name in IDS if name not in busy]
        kind = draw(st.sampled_from(["place", "cancel", "algo", "amend"]))
        if kind in ("place", "algo") and free:
            name = draw(st.sampled_from(free))
            busy.add(name)
            known = [each for each in known if each != name]
            made = intent(number, at_ms, name, path=ALGO if kind == "algo" else ORDER)
        elif kind == "amend" and free:
            name = draw(st.sampled_from(free))
            busy.add(name)
            known = [each for each in known if each != name]
            old = draw(st.sampled_from(known))
            made = intent(number, at_ms, name, method="PUT", path=AMEND, pairs=[("origClientOrderId", old)])
            made |= draw(st.sampled_from([{}, {"owner": "beta"}]))
        else:
            named = [("origClientOrderId", draw(st.sampled_from(known)))]
            made = intent(number, at_ms, method="DELETE", pairs=named)
        records.append(made)
        waiting.append((made, False))
        while waiting and draw(st.booleans()):
            ended, was_unknown = waiting.pop(draw(st.integers(0, len(waiting) - 1)))
            name = ended["id"].removeprefix("run-")
            if was_unknown:
                outcome = draw(st.sampled_from(["ACCEPTED", "REJECTED"]))
                record = end(int(name), at_ms + 5, outcome, "resolved", order_status="FILLED")
            else:
                outcome = draw(st.sampled_from(["ACCEPTED", "REJECTED", "UNKNOWN", "NOT_SENT"]))
                status = "CANCELED" if ended["method"] == "DELETE" else draw(st.sampled_from(["", "NEW", "FILLED"]))
                record = end(int(name), at_ms + 5, outcome, order_status=status, order_id=int(name))
            records.append(record)
            known += ended["client_ids"] if outcome != "UNKNOWN" else ()
            if outcome in ("REJECTED", "NOT_SENT"):
                busy -= set(ended["client_ids"])
            elif outcome == "UNKNOWN":
                waiting.append((ended, True))
    return records


@given(histories(), st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=500, deadline=None)
def test_summaries_fold_to_the_same(records: list[dict[str, Any]], cuts: list[int]) -> None:
    edges = sorted({min(cut, len(records)) for cut in cuts} | {0, len(records)})
    parts = [records[start:stop] for start, stop in pairwise(edges)]
    whole, folded = recover(records, 0, 0), summarized(*parts)
    assert state(folded) == state(whole)
    now_ms = records[-1]["t"] if records else T
    # A ledger that lives may have dropped an answer as too old before its order was told to be open after all.
    kept = {key: reply for key, reply in replies(whole, now_ms).items() if reply is not None}
    assert replies(folded, now_ms) | kept == replies(folded, now_ms)


def test_a_cancel_tells_the_state_of_an_order_that_is_unresolved() -> None:
    """In one segment as well as over two."""
    records = [
        intent(1, 0, "c1"),
        end(1, 5, "UNKNOWN"),
        intent(2, 10, method="DELETE", pairs=[("origClientOrderId", "c1")]),
        end(2, 15, "ACCEPTED", order_status="CANCELED"),
    ]
    for parts in ([records], [records[:2], records[2:]]):
        entry = summarized(*parts).ledger.get("spot", "c1")
        assert entry is not None
        assert (entry.outcome, entry.order_status) == (Outcome.UNKNOWN, "CANCELED")


def test_a_number_is_owned_once_its_order_is_proven() -> None:
    """The number in an answer that proves nothing may be that of another bot's order."""
    for outcome, kind, owner in (
        ("ACCEPTED", "outcome", "alpha"),
        ("UNKNOWN", "outcome", None),
        ("REJECTED", "outcome", None),
        ("ACCEPTED", "resolved", "alpha"),
    ):
        found = summarized([intent(1, 0, "c1", path=ALGO), end(1, 5, outcome, kind, order_id=77)])
        assert found.ledger.owners("usdm", "*algo", None, 77) == (owner,)


def test_a_summary_is_small() -> None:
    """What was never born, refusals, and answers that nobody can ask for any more leave nothing."""
    summarizer = Summarizer()
    for number in range(10):
        summarizer.take({"type": "denied", "t": T})
        summarizer.take(intent(number, 0, f"c{number}"))
        summarizer.take(end(number, 1, "REJECTED" if number % 2 else "ACCEPTED", order_status="FILLED"))
    found = summarizer.summary(END)
    assert [(each.request, each.reply) for each in found.settled] == [(f"run-{n}", None) for n in (0, 2, 4, 6, 8)]
    assert found == Summary(END, settled=found.settled, boots=found.boots)


def test_a_freed_leg_is_not_taken() -> None:
    """A batch whose second leg was rejected keeps the others' ids."""
    records = [intent(1, 0, "a", "b", "c"), end(1, 1, "ACCEPTED", freed=["b"])]
    assert sorted(name for _, name in summarized(records).ledger._entries) == ["a", "c"]


def test_an_amendment_by_number_tells_the_old_id_by_its_answer() -> None:
    body = {"amendedOrder": {"origClientOrderId": "old", "clientOrderId": "new"}}
    made = intent(1, 0, "new", method="PUT", path=AMEND, pairs=[("orderId", "7")])
    assert told_by(made, end(1, 1, "ACCEPTED", reply=json.dumps(body))) == ("old", "REPLACED")
    assert told_by(made, end(1, 1, "ACCEPTED", reply="no JSON")) is None
    assert told_by(made, end(1, 1, "ACCEPTED", reply=None)) is None
    assert told_by(made, end(1, 1, "REJECTED", reply=json.dumps(body))) is None
    assert told_by(intent(1, 0, "a"), end(1, 1, "ACCEPTED")) is None


def test_what_was_unknown_and_never_born_learns_nothing() -> None:
    """A cancel that names it tells the state of no order."""
    records = [
        intent(1, 0, "c1"),
        end(1, 5, "UNKNOWN"),
        end(1, 10, "REJECTED", "resolved"),
        intent(2, 20, method="DELETE", pairs=[("origClientOrderId", "c1")]),
        end(2, 25, "ACCEPTED", order_status="CANCELED"),
    ]
    summarizer = Summarizer()
    for record in records:
        summarizer.take(record)
    found = summarizer.summary(END)
    assert (found.learned, found.settled, found.open) == ((), (), ())
    assert summarized(records).ledger.get("spot", "c1") is None


def test_a_cancel_tells_the_state_of_an_order_of_its_own_and_of_an_earlier_segment() -> None:
    records = [
        intent(1, 0, "c1"),
        end(1, 5, "ACCEPTED", order_status="NEW"),
        intent(2, 10, method="DELETE", pairs=[("origClientOrderId", "c1")]),
        end(2, 15, "ACCEPTED", order_status="CANCELED"),
    ]
    for cuts in ([records], [records[:1], records[1:]], [records[:2], records[2:]], [records[:3], records[3:]]):
        entry = summarized(*cuts).ledger.get("spot", "c1")
        assert entry is not None
        assert (entry.outcome, entry.order_status) == (Outcome.ACCEPTED, "CANCELED")


def test_an_order_that_a_start_found_is_remembered_like_one_of_ours() -> None:
    """By its id, so that it is never used again; a later cancel tells its state. A stranger's number is nobody's."""
    summarizer = Summarizer()
    for name, bot in (("cs-1", "alpha"), ("odd", "")):
        summarizer.take(
            {
                "type": "recovered_order", "t": T, "account": "main", "family": "spot", "symbol": "BTCUSDT",
                "client_id": name, "numbers": [["BTCUSDT", 7]], "order_status": "NEW", "bot": bot, "foreign": not bot,
            }
        )  # fmt: skip
    summarizer.take({**intent(1, 0), "method": "DELETE", "pairs": [["origClientOrderId", "cs-1"]]})
    summarizer.take(end(1, 1, "ACCEPTED", order_status="CANCELED"))
    ours, theirs = summarizer.summary(END).settled
    assert (ours.client_ids, ours.bot, ours.order_status, ours.numbers) == (
        ("cs-1",),
        "alpha",
        "CANCELED",
        (("BTCUSDT", 7),),
    )
    assert (theirs.client_ids, theirs.bot, theirs.order_status, theirs.numbers) == (("odd",), "", "NEW", ())


def test_the_numbers_of_several_orders_survive() -> None:
    """Of a list, a batch, a replacement: the journal states them beside the one number that a plain order has."""
    several = [["*list", 3], ["BTCUSDT", 7], ["BTCUSDT", 8]]
    records = [
        intent(1, 0, "l", "a", "b", path="/api/v3/orderList/oco"),
        end(1, 1, "ACCEPTED", numbers=several),
        intent(2, 2, "c"),
        end(2, 3, "ACCEPTED", order_id=9),
        intent(3, 4, "d", path="/api/v3/order/cancelReplace"),
        end(3, 5, "ACCEPTED", order_id=10, numbers=[]),
        intent(4, 6, method="DELETE", pairs=[("orderId", "11")]),
        end(4, 7, "ACCEPTED", order_id=11),
    ]
    for parts in ([records], [records[:1], records[1:]], [records[:3], records[3:]]):
        ledger = summarized(*parts).ledger
        for scope, number in (("*list", 3), ("BTCUSDT", 7), ("BTCUSDT", 8), ("BTCUSDT", 9)):
            assert ledger.owners("spot", scope, None, number) == ("alpha",), (scope, number)
        assert ledger.owners("spot", "BTCUSDT", None, 10) == ledger.owners("spot", "BTCUSDT", None, 11) == (None,)


def test_a_latched_stop_survives() -> None:
    """The last word of a segment, and then of the segments."""
    stopped = {"type": "latch", "bot": "alpha", "state": "disabled", "why": "repeats", "t": T}
    enabled = {**stopped, "state": "enabled", "operator": "jane", "t": T + 1}
    assert summarized([stopped, enabled, {**stopped, "t": T + 2}]).latches == {"alpha": Latch("repeats", T + 2)}
    assert summarized([stopped], [enabled]).latches == {}
    assert recover([stopped, {**stopped, "bot": "beta"}, enabled], 0, 0).latches == {"beta": Latch("repeats", T)}
