"""What needs seconds, minutes or days in life passes in milliseconds here, by the same code."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.gateway.rig import MONDAY_MS, ORDER, Rig, on_virtual_time, why

from counterseal.core.outcome import Outcome

SPOT = "/api/v3/order"
CANCEL = "symbol=BTCUSDT&orderId=1"


@pytest.mark.threat(45)
@on_virtual_time
async def test_stale_prices_close_what_needs_them() -> None:
    """Older than five seconds: no order that a limit judges by price; cancels and reduce-only pass; fresh again, open
    again.
    """
    rig = await Rig("max_order_notional = 1000").warm()
    assert why(await rig.ask("POST", SPOT, ORDER)) is None
    await rig.clock.advance(5.0)
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=a")) is None
    await rig.clock.advance(0.002)
    asked = len(rig.signer.asked)
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=b")) == "price_unknown"
    assert len(rig.signer.asked) == asked, "nothing was signed"
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    assert (
        why(await rig.ask("POST", "/fapi/v1/order", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1&reduceOnly=true"))
        is None
    )
    await rig.refresher.read_prices()
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=c")) is None
    await rig.end()


@on_virtual_time
async def test_prices_are_read_every_two_seconds_and_retried_every_second() -> None:
    """By the gateway itself: an outage of the price page closes after five seconds and opens a second after it ends."""
    rig = await Rig("max_order_notional = 1000").warm()
    rig.refresher.start()
    await rig.clock.advance(20)
    reads = [sent.at_ms for sent in rig.venue.sent if sent.path == "/api/v3/ticker/price"]
    assert reads == list(range(2_000, 20_001, 2_000))
    rig.venue.down.add("/api/v3/ticker/price")
    await rig.clock.advance(10)
    assert why(await rig.ask("POST", SPOT, ORDER)) == "price_unknown"
    reads = [sent.at_ms for sent in rig.venue.sent if sent.path == "/api/v3/ticker/price" and sent.at_ms > 22_000]
    assert reads == list(range(23_000, 30_001, 1_000))
    rig.venue.down.clear()
    await rig.clock.advance(1)
    assert why(await rig.ask("POST", SPOT, ORDER)) is None
    await rig.end()


@on_virtual_time
async def test_symbols_older_than_a_day_close_orders() -> None:
    """24 hours exactly still count; cancels pass in any case. The day takes no time."""
    began = time.perf_counter()
    rig = await Rig().warm()
    await rig.clock.advance(24 * 3600)
    assert await rig.refresher.measure_offset()
    assert why(await rig.ask("POST", SPOT, ORDER)) is None
    await rig.clock.advance(0.001)
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=a")) == "rules_stale"
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    assert await rig.refresher.read_rules()
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=b")) is None
    assert time.perf_counter() - began < 2.0
    await rig.end()


@pytest.mark.threat(57)
@on_virtual_time
async def test_an_uncertain_clock_closes_what_raises_risk_and_leaves_exits_open() -> None:
    """Without a measurement certainty wears off in a quarter of an hour; orders wait, reads and cancels do not."""
    rig = await Rig().warm()
    await rig.clock.advance(15 * 60)
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=c1")) is None
    await rig.clock.advance(3 * 60)
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=c2")) == "clock_uncertain"
    assert why(await rig.ask("GET", "/api/v3/account")) is None
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    assert await rig.refresher.measure_offset()
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=c3")) is None
    await rig.end()


@pytest.mark.threat(57)
@on_virtual_time
async def test_the_offset_is_measured_every_thirty_seconds() -> None:
    """Three samples a round; a clock that is off is followed within a round; an outage is retried each second."""
    rig = await Rig().warm()
    rig.refresher.start()
    await rig.clock.advance(600)
    samples = [sent.at_ms for sent in rig.venue.sent if sent.path == "/api/v3/time"]
    assert sorted(set(samples)) == list(range(0, 600_001, 30_000))
    assert len(samples) == 3 * 21
    rig.venue.skew_ms = 4_000
    await rig.clock.advance(30)
    assert rig.state.offset_ms() == 4_000
    assert why(await rig.ask("GET", "/api/v3/account")) is None
    assert rig.signer.asked[-1].offset_ms == 4_000
    rig.venue.down.add("/api/v3/time")
    rig.venue.sent.clear()
    await rig.clock.advance(33)
    failed = sorted({sent.at_ms for sent in rig.venue.sent if sent.path == "/api/v3/time"})
    assert failed == [660_000, 661_000, 662_000, 663_000]
    await rig.end()


@on_virtual_time
async def test_before_the_first_measurement_nothing_is_signed() -> None:
    """Without exchange time a timestamp cannot be judged."""
    rig = Rig()
    assert why(await rig.ask("POST", SPOT, ORDER)) == "clock_uncertain"
    assert rig.signer.asked == []


@on_virtual_time
async def test_no_answer_for_twelve_seconds_is_unknown() -> None:
    """One moment before, the order is still in flight; then the bot is told, the journal says so, and a repetition
    waits with it.
    """
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["stall"]
    first = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=s")
    await rig.clock.advance(0.5)
    second = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=s")
    await rig.clock.advance(11.499)
    assert not first.done()
    assert not second.done()
    await rig.clock.advance(0.251)
    assert first.done()
    assert second.done()
    for reply in (first.result(), second.result()):
        assert (reply.status, json.loads(reply.body)["code"]) == (503, -1007)
        assert reply.headers["X-Counterseal-State"] == "UNKNOWN"
    assert [entry["outcome"] for entry in rig.journal.of("outcome")] == [Outcome.UNKNOWN.value]
    assert [sent.method for sent in rig.venue.sent].count("POST") == 1
    await rig.clock.advance(7 * 86_400)
    await rig.refresher.read_rules()
    await rig.refresher.measure_offset()
    again = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=s")
    assert again.status == 503, "a week later it is still unknown, and still not sent again"
    assert again.headers["X-Counterseal-State"] == "UNKNOWN"
    assert len([sent for sent in rig.venue.sent if sent.method == "POST"]) == 1


@on_virtual_time
async def test_reads_are_repeated_after_200_and_400_ms() -> None:
    """Three tries, each signed for its own moment; then the truth."""
    rig = await Rig().warm()
    rig.venue.script["/api/v3/account"] = ["lost", "lost"]
    asked = rig.start("GET", "/api/v3/account")
    await rig.clock.advance(1)
    assert asked.result().status == 200
    assert [sent.at_ms for sent in rig.venue.sent] == [0, 200, 600]
    assert [int(sent.params["timestamp"]) - MONDAY_MS for sent in rig.venue.sent] == [0, 200, 600]
    rig.venue.script["/api/v3/account"] = ["lost", "lost", "lost"]
    asked = rig.start("GET", "/api/v3/account")
    await rig.clock.advance(1)
    assert json.loads(asked.result().body)["code"] == -1007
    rig.venue.script["/api/v3/account"] = ["not_sent"]
    assert why(await rig.ask("GET", "/api/v3/account")) == "venue_unreachable"


@on_virtual_time
async def test_1021_resyncs_a_read_once_and_goes_to_the_bot_for_an_order() -> None:
    """Ruling 8."""
    rig = await Rig().warm()
    late = (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    rig.venue.script["/api/v3/account"] = [late]
    assert (await rig.ask("GET", "/api/v3/account")).status == 200
    assert [sent.path for sent in rig.venue.sent] == ["/api/v3/account", *["/api/v3/time"] * 3, "/api/v3/account"]
    rig.venue.script["/api/v3/account"] = [late, late]
    assert json.loads((await rig.ask("GET", "/api/v3/account")).body)["code"] == -1021
    rig.venue.sent.clear()
    rig.venue.script[SPOT] = [late]
    assert json.loads((await rig.ask("POST", SPOT, ORDER)).body)["code"] == -1021
    assert [sent.path for sent in rig.venue.sent] == [SPOT]


@on_virtual_time
async def test_hours_of_a_bot_through_a_week() -> None:
    """Every half hour of a week, against the calendar."""
    rig = await Rig(hours=("Mon-Fri 08:00-18:00", "Sat 22:00-02:30")).warm()
    allowed = 0
    for step in range(7 * 48):
        at = datetime.fromtimestamp(rig.clock.wall_ns() / 1e9, UTC)
        minute = at.hour * 60 + at.minute
        wanted = (
            (at.weekday() < 5 and 480 <= minute < 1080)
            or (at.weekday() == 5 and minute >= 1320)
            or (at.weekday() == 6 and minute < 150)
        )
        reply = await rig.ask("GET", "/api/v3/account")
        assert (why(reply) is None) == wanted, (step, at)
        assert why(reply) in (None, "outside_hours")
        allowed += wanted
        await rig.clock.advance(1800)
    assert allowed == 5 * 20 + 4 + 5


@pytest.mark.threat(54)
@on_virtual_time
async def test_how_long_a_repeated_id_gets_its_stored_outcome() -> None:
    """Open: for ever. Done: 60 s, then duplicate. Rejected or never sent: free at once."""
    rig = await Rig().warm()
    done = (200, {"symbol": "BTCUSDT", "orderId": 8, "clientOrderId": "f", "status": "FILLED"})
    rig.venue.script[SPOT] = [done]
    first = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=f")
    resting = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=o")
    posts = len(rig.venue.sent)
    await rig.clock.advance(59.999)
    assert (await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=f")).body == first.body
    await rig.clock.advance(0.001)
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=f")) == "duplicate_client_order_id"
    await rig.clock.advance(30 * 86_400)
    await rig.refresher.read_rules()
    await rig.refresher.measure_offset()
    assert (await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=o")).body == resting.body
    assert len([sent for sent in rig.venue.sent if sent.path == SPOT]) == posts
    for step in ((400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}), "not_sent"):
        rig.venue.script[SPOT] = [step]
        assert (await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=r")).status >= 400
        await rig.clock.advance(0.001)
    assert (await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=r")).status == 200


@pytest.mark.threat(40)
@on_virtual_time
async def test_the_wall_opens_exactly_when_it_may() -> None:
    """429 closes a pool until Retry-After, 418 everything; without the header 60 s and 120 s."""
    rig = await Rig().warm()
    for status, headers, wait_s in (
        (429, {"retry-after": "30"}, 30),
        (429, {}, 60),
        (418, {"retry-after": "7200"}, 7200),
        (418, {}, 120),
        # Digits that are no number, and one without end: an answer all the same, and the default wait.
        (429, {"retry-after": "\u00b2"}, 60),
        (418, {"retry-after": "9" * 5_000}, 120),
    ):
        rig.venue.script["/api/v3/account"] = [(status, {"code": -1003, "msg": "Too many requests"}, headers)]
        assert (await rig.ask("GET", "/api/v3/account")).status == status
        sent = len(rig.venue.sent)
        await rig.clock.advance(wait_s - 0.001)
        closed = await rig.ask("GET", "/api/v3/account")
        assert (closed.status, closed.headers["Retry-After"]) == (status, "1")
        futures = await rig.ask("GET", "/fapi/v3/positionRisk")
        assert (why(futures) == "venue_ban") == (status == 418)
        assert len(rig.venue.sent) == sent + (status == 429)
        await rig.clock.advance(0.001)
        assert (await rig.ask("GET", "/api/v3/account")).status == 200


@pytest.mark.threat(64)
@on_virtual_time
async def test_a_latched_journal_closes_orders_and_leaves_exits() -> None:
    """The intent could not be written: nothing is signed, nothing is sent; cancels go on without it."""
    rig = await Rig().warm()
    rig.journal.failing = True
    reply = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=j")
    assert (reply.status, why(reply)) == (503, "journal_unavailable")
    assert rig.signer.asked == []
    assert why(await rig.ask("POST", SPOT, ORDER)) == "journal_unavailable"
    assert rig.venue.sent == []
    cancelled = await rig.ask("DELETE", SPOT, CANCEL)
    assert (cancelled.status, why(cancelled)) == (200, None)
    reduced = await rig.ask("POST", "/fapi/v1/order", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1&reduceOnly=true")
    assert why(reduced) is None
    assert why(await rig.ask("GET", "/api/v3/account")) == "journal_lost"


@on_virtual_time
async def test_a_silent_signer_sends_nothing() -> None:
    """After three seconds the bot hears that nothing was sent, and may use the same id again."""
    rig = await Rig().warm()
    rig.signer.silent = True
    asked = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=q")
    await rig.clock.advance(3)
    assert (asked.result().status, why(asked.result())) == (503, "signer_unavailable")
    assert [entry["outcome"] for entry in rig.journal.of("outcome")] == ["NOT_SENT"]
    rig.signer.silent = False
    assert (await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=q")).status == 200
    assert len(rig.venue.sent) == 1


@pytest.mark.threat(57)
@on_virtual_time
async def test_a_step_of_the_wall_clock_changes_nothing() -> None:
    """Ten seconds forward: exchange time goes by the monotonic clock, and what is signed carries exchange time."""
    rig = await Rig().warm()
    rig.refresher.start()
    await rig.clock.advance(1)
    rig.clock.step_wall(10_000)
    rig.venue.skew_ms = -10_000
    reply = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=w")
    assert reply.status == 200
    stamp = int(rig.venue.sent[-1].params["timestamp"])
    assert stamp == rig.clock.wall_ns() // 1_000_000 - 10_000
    await rig.end()


@on_virtual_time
async def test_recv_windows_upstream() -> None:
    """Orders at most two seconds, the rest at most five, a bot's shorter one stays (ruling 7)."""
    rig = await Rig().warm()
    for method, path, query, wanted in (
        ("POST", SPOT, ORDER, "2000"),
        ("POST", SPOT, f"{ORDER}&recvWindow=700", "700"),
        ("POST", SPOT, f"{ORDER}&recvWindow=60000", "2000"),
        ("DELETE", SPOT, CANCEL, "5000"),
        ("GET", "/api/v3/account", "recvWindow=60000", "5000"),
        ("GET", "/api/v3/account", "recvWindow=900", "900"),
    ):
        assert why(await rig.ask(method, path, query)) is None
        assert rig.venue.sent[-1].params["recvWindow"] == wanted
        await rig.clock.advance(0.001)


@on_virtual_time
async def test_a_bot_that_has_gone_before_the_first_byte_left_sends_nothing() -> None:
    """Ruling 14: the order is dropped as NOT_SENT and its id is free."""
    rig = await Rig().warm()
    gone = rig.inquiry("POST", SPOT, f"{ORDER}&newClientOrderId=g")
    gone.gone = True
    await rig.finish(gone)
    await rig.clock.advance(0)
    assert [entry["outcome"] for entry in rig.journal.of("outcome")] == ["NOT_SENT"]
    assert rig.venue.sent == []
    await rig.clock.advance(0.001)
    assert (await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=g")).status == 200


@pytest.mark.threat(17)
@on_virtual_time
async def test_a_credential_ends_at_its_expiry_by_exchange_time() -> None:
    """One millisecond before it works, then it is refused; a host whose clock is behind does not prolong it."""
    rig = await Rig().warm()
    (key_id, credential), *_ = rig.state.credentials.items()
    rig.state.credentials[key_id] = replace(credential, expires_ms=MONDAY_MS + 3_600_000)
    await rig.clock.advance(3_599.999)
    assert why(await rig.ask("GET", "/api/v3/account")) is None
    await rig.clock.advance(0.001)
    for method, path, query in (("GET", "/api/v3/account", ""), ("POST", SPOT, ORDER), ("DELETE", SPOT, CANCEL)):
        reply = await rig.ask(method, path, query)
        assert (reply.status, json.loads(reply.body)["code"], why(reply)) == (401, -2015, "credential_expired")
    rig.clock.step_wall(-7_200_000)
    rig.venue.skew_ms = 7_200_000
    assert await rig.refresher.measure_offset()
    assert why(await rig.ask("GET", "/api/v3/account")) == "credential_expired"
