"""The journal and the file of marks as a crash leaves them: what is folded back is what was known."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.gateway.rig import ORDER, Rig, on_virtual_time

from counterseal.adapters.replay_file import ReplayFile
from counterseal.core.orders import Repeat, pairs_digest
from counterseal.core.replay import SeenWindow
from counterseal.gateway.recovery import MAX_KEPT_REPLY, recover

SPOT, BATCH = "/api/v3/order", "/fapi/v1/batchOrders"


@pytest.mark.threat(55)
@on_virtual_time
async def test_an_answer_too_long_for_the_journal_becomes_unknown_not_half_an_answer() -> None:
    """A stored outcome is whole or it is none."""
    rig = await Rig().warm()
    fills = [
        {"price": "90000.00", "qty": "0.001", "commission": "0.0", "commissionAsset": "BNB", "tradeId": n}
        for n in range(2000)
    ]
    for name, body in (("long", {"fills": fills}), ("short", {"fills": fills[:200]})):
        rig.venue.script[SPOT] = [
            (200, {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": name, "status": "FILLED", **body})
        ]
        reply = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId={name}")
        assert reply.status == 200
        assert (len(reply.body) > MAX_KEPT_REPLY) == (name == "long")
    found = recover([{**entry, "t": 0} for entry in rig.journal.records], 1000, 1000)
    assert found.open == []
    long, short = found.ledger.get("spot", "long"), found.ledger.get("spot", "short")
    assert long is not None
    assert long.reply is None
    assert short is not None
    assert short.reply == (200, reply.body)


@on_virtual_time
async def test_a_rejected_leg_frees_its_id_before_and_after_a_restart() -> None:
    """And a leg whose fate is not proven keeps it."""
    rig = await Rig().warm()
    legs = (
        "%5B"
        + "%2C".join(
            f"%7B%22symbol%22%3A%22BTCUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22MARKET%22%2C%22quantity%22%3A%221%22%2C%22newClientOrderId%22%3A%22{name}%22%7D"
            for name in ("born", "refused", "doubtful")
        )
        + "%5D"
    )
    answer = [
        {"symbol": "BTCUSDT", "orderId": 5, "clientOrderId": "born", "status": "NEW"},
        {"code": -2019, "msg": "Margin is insufficient."},
        {"code": -1007, "msg": "Timeout"},
    ]
    rig.venue.script[BATCH] = [(200, answer)]
    await rig.ask("POST", BATCH, f"batchOrders={legs}")
    recovered = recover([{**entry, "t": 0} for entry in rig.journal.records], 1000, 1000)
    for ledger in (rig.state.ledger, recovered.ledger):
        assert [ledger.get("usdm", name) is not None for name in ("born", "refused", "doubtful")] == [True, False, True]
    digest = pairs_digest(SPOT, ())
    assert recovered.ledger.ask("usdm", ["refused"], "alpha", digest, 1000)[0] is Repeat.NEW


@on_virtual_time
async def test_an_intent_without_an_end_is_unknown_and_answers_its_repetition() -> None:
    """Cut the journal behind every record: whatever stands there is folded without a fault."""
    rig = await Rig().warm()
    for name in ("a", "b"):
        await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId={name}")
    records = [{**entry, "t": 0} for entry in rig.journal.records]
    assert [entry["type"] for entry in records] == ["intent", "outcome", "intent", "outcome"]
    for cut, left_open in ((0, []), (1, ["a"]), (2, []), (3, ["b"]), (4, [])):
        found = recover(records[:cut], 1000, 1000)
        assert [intent["client_ids"][0] for intent in found.open] == left_open
        assert len(found.ledger) == (cut + 1) // 2
    entry = recover(records[:1], 1000, 1000).ledger.get("spot", "a")
    assert entry is not None
    assert entry.answers_again(10**12)


@pytest.mark.threat(18)
def test_a_torn_mark_does_not_shift_those_behind_it(tmp_path: Path) -> None:
    """A cut within an entry loses that entry alone."""
    first = ReplayFile(tmp_path, 0)
    first.append(b"a" * 16, 1)
    first.flush(0)
    first.close()
    current = max(
        (tmp_path / "seen.0", tmp_path / "seen.1"), key=lambda path: path.stat().st_size if path.exists() else -1
    )
    with current.open("ab") as file:
        file.write(b"torn entry")
    second = ReplayFile(tmp_path, 0)
    assert second.remembered == {b"a" * 16: 1}
    second.append(b"b" * 16, 2)
    second.flush(0)
    second.close()
    third = ReplayFile(tmp_path, 0)
    assert third.remembered == {b"a" * 16: 1, b"b" * 16: 2}
    third.close()


@pytest.mark.threat(18)
def test_marks_outlive_the_window_and_no_more_than_two_files(tmp_path: Path) -> None:
    """Over an hour of turns, whatever is younger than the window is remembered after a restart at any moment."""
    now_ms = 0
    file = ReplayFile(tmp_path, now_ms)
    written: dict[bytes, int] = {}
    for number in range(360):
        now_ms += 10_000
        mark = number.to_bytes(16, "big")
        file.append(mark, 1)
        file.flush(now_ms)
        written[mark] = now_ms
        if number % 30 == 29:
            file.close()
            file = ReplayFile(tmp_path, now_ms)
            young = {mark for mark, at_ms in written.items() if now_ms - at_ms <= 10_000}
            assert young <= set(file.remembered)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 24 * 30
    file.close()


CANCEL, GONE = "symbol=BTCUSDT&orderId=7", {"symbol": "BTCUSDT", "orderId": 7, "status": "CANCELED"}


@pytest.mark.threat(18)
@pytest.mark.parametrize(
    ("first", "again", "sent"),
    [((200, GONE), 200, 1), ((400, {"code": -2011, "msg": "Unknown order sent."}), 400, 1), ("not_sent", 200, 2)],
)
def test_a_cancel_that_was_carried_out_is_not_carried_out_again(
    tmp_path: Path, first: object, again: int, sent: int
) -> None:
    """Its outcome is in the journal: the same payload gets it after a restart too; one that never left passes."""

    @on_virtual_time
    async def story() -> None:
        rig = await remembering(tmp_path, None)
        rig.venue.script[SPOT] = [first, (200, GONE)]
        inquiry = rig.inquiry("DELETE", SPOT, CANCEL)
        told = await rig.finish(inquiry)
        twin = await remembering(tmp_path, rig)
        twin.venue.sent.clear()
        reply = await twin.finish(replace(inquiry))
        assert reply.status == again
        assert len(twin.venue.sent) == sent - 1
        if sent == 1:
            assert reply.body == told.body
        await twin.end()

    story()


@on_virtual_time
async def test_a_cancel_is_remembered_no_longer_than_it_can_come_again() -> None:
    """A journal of a year holds many."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = [(200, GONE)]
    await rig.ask("DELETE", SPOT, CANCEL)
    records = [{**entry, "t": 50_000} for entry in rig.journal.records]
    assert len(recover(records, 90_000, 90_000).cancels) == 1
    assert recover(records, 90_001, 90_001).cancels == {}


@pytest.mark.threat(18)
def test_what_was_tried_elsewhere_is_not_where_it_came_from(tmp_path: Path) -> None:
    """A payload that somebody tried on another path is still a repetition on its own, also after a restart."""
    mark = bytes(range(16))
    first = ReplayFile(tmp_path, 0)
    for path, moment in ((1, 0), (2, 100), (2, 20_101), (3, 20_102)):
        first.append(mark, path)
        first.flush(moment)
    first.close()
    assert ReplayFile(tmp_path, 20_103).remembered == {mark: 1}


async def remembering(folder: Path, after: Rig | None) -> Rig:
    """A gateway that keeps its marks in a folder, as the service does."""
    if after is not None:
        await after.clock.advance(0)
        await after.end()
    rig = await Rig(after=after).warm()
    marks = ReplayFile(folder, rig.state.monotonic_ms())
    rig.state.seen = SeenWindow(marks.remembered, rig.state.monotonic_ms())
    rig.handler._turn._seen_file = marks
    return rig
