"""A read that a live stream answers is the exchange's own answer of that moment, or it is not given."""

import asyncio
import json
import random  # noqa: TID251 - seeded
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from tests.gateway.rig import HOST
from tests.gateway.streams.rig import Rig, with_rig

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core import http1
from counterseal.core.exchange_clock import Reading
from counterseal.core.http1 import Bad
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.reply import Reply
from counterseal.gateway.streams import live_reads
from counterseal.gateway.turn import Turn
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

SPOT = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@ticker"
USDM = "/public/stream?streams=btcusdt@depth@100ms"
COINM = "/dstream.binance.com/stream?streams=btcusd_perp@depth@100ms"
DEPTHS = ("/api/v3/depth?symbol=BTCUSDT", "/fapi/v1/depth?symbol=BTCUSDT", "/dapi/v1/depth?symbol=BTCUSD_PERP")


class PaperVenue:
    """The Venue port over the paper exchange in this process. `is_vague`: its answers mean nothing."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.asked: list[str] = []
        self.is_vague = False
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    async def send(self, _family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Ask at once."""
        assert terms.wanted()
        target = request.split(b" ", 2)[1].decode()
        self.asked.append(target)
        now_ns = self._rig.clock.monotonic_ns()
        answer = self._rig.exchange.raw("GET", target)
        if self.before_answer is not None:
            await self.before_answer()
        body = b"{}" if self.is_vague else answer.reply.body
        return VenueReply(answer.status, {}, body, now_ns, self._rig.clock.monotonic_ns())

    async def close(self) -> None:
        """Nothing is open."""


class Reader:
    """A gateway's way of a read, with streams beside it."""

    def __init__(self, rig: Rig, most_ms: int = 5_000) -> None:
        gateway, self.rig = rig.gateway, rig
        self.venue = PaperVenue(rig)
        config = gateway.state.config
        gateway.state.config = replace(config, gateway=replace(config.gateway, stream_reads_ms=most_ms))
        self.plane = Plane(
            Parts(
                state=gateway.state, venue=self.venue, signer=gateway.signer, verifier=SignatureVerifier(),
                journal=gateway.journal, turn=Turn(gateway.journal, gateway.signer, None, rig.clock),
                tasks=gateway.tasks, log=gateway.log, draw=lambda n: n // 2, listened=rig.hub.listened,
            )
        )  # fmt: skip

    def start(self, target: str, headers: str = "") -> asyncio.Task[Reply]:
        """Ask as a bot on this host, without a credential."""
        read = http1.read_head(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode())
        assert read is not None and not isinstance(read, Bad)
        inquiry = Inquiry(read[0], b"", ip_address("127.0.0.1"))
        judged = self.plane.handler.begin(inquiry)
        assert isinstance(judged, Admitted), judged
        return asyncio.get_running_loop().create_task(self.plane.handler.finish(inquiry, judged))

    async def get(self, target: str, headers: str = "") -> Reply:
        """Ask and wait without letting time pass."""
        answering = self.start(target, headers)
        await self.rig.clock.advance(0)
        return answering.result()

    async def live(self, target: str) -> tuple[Any, int] | None:
        """Give a stream's answer and its age, None where the exchange was asked."""
        before = len(self.venue.asked)
        reply = await self.get(target)
        if reply.headers.get("X-Counterseal-Cache") != "stream":
            return None
        assert len(self.venue.asked) == before
        assert reply.status == 200
        return json.loads(reply.body), int(reply.headers["X-Counterseal-Age-Ms"])

    @property
    def snapshots(self) -> int:
        """How many were asked for."""
        return sum("limit=1000" in target for target in self.venue.asked)


@with_rig
async def test_what_streams_answer_is_the_exchanges_answer(rig: Rig) -> None:
    """At hundreds of moments, with prices that jump: depth of three markets, best price and day of spot."""
    for path in (SPOT, USDM, COINM):
        rig.bot(path)
    reader, luck = Reader(rig), random.Random(7)
    await rig.wait(1)
    targets = [f"{path}&limit={limit}" for path in DEPTHS for limit in (5, 20, 100)]
    targets += ["/api/v3/ticker/bookTicker?symbol=BTCUSDT", "/api/v3/ticker/24hr?symbol=BTCUSDT"]
    same: dict[str, int] = dict.fromkeys(targets, 0)
    for _ in range(120):
        if luck.random() < 0.05:
            rig.exchange.set_price("spot", "BTCUSDT", str(luck.randrange(99_000, 101_000)))
        await rig.wait(luck.choice((0.1, 0.2, 0.3)))
        for target in luck.sample(targets, 6):
            found = await reader.live(target)
            if found is not None and (found[1] == 0 or "depth" in target):
                check(found, rig.exchange.raw("GET", target).body)
                same[target] += 1
    assert sum(same.values()) > 300
    assert min(same.values()) > 5
    assert reader.snapshots <= 6


def check(found: tuple[Any, int], truth: Any) -> None:
    """The same but for the moment of the answer, which is that of the newest message."""
    body, age_ms = found
    if age_ms:
        for name in ("E", "T"):
            body.pop(name, None)
            truth.pop(name, None)
    if body.get("lastUpdateId") == truth.get("lastUpdateId"):
        assert json.dumps(body, sort_keys=True) == json.dumps(truth, sort_keys=True)
    else:
        # The exchange has counted on within the tenth of a second that a message takes.
        assert age_ms and body["lastUpdateId"] < truth["lastUpdateId"]


@with_rig
async def test_nothing_is_answered_without_a_live_stream(rig: Rig) -> None:
    """Not listened to, off, of another form, past the cache, or with a unit of time."""
    reader = Reader(rig)
    await rig.wait(1)
    assert await reader.live(DEPTHS[0]) is None
    rig.bot(SPOT)
    await rig.wait(2)
    for target in (
        "/api/v3/ticker/bookTicker", "/api/v3/ticker/bookTicker?symbol=btcusdt", "/api/v3/depth?symbol=ETHUSDT",
        "/api/v3/depth?symbol=BTCUSDT&limit=501", "/api/v3/depth?symbol=BTCUSDT&limit=0",
        "/api/v3/depth?symbol=BTCUSDT&symbolStatus=TRADING", "/fapi/v1/depth?symbol=BTCUSDT&limit=1000",
        "/api/v3/ticker/24hr?symbol=BTCUSDT&symbolStatus=BREAK", "/api/v3/ticker/bookTicker?symbols=[%22BTCUSDT%22]",
        "/api/v3/ticker/24hr?symbol=BTCUSDT&type=MINI", "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT",
    ):  # fmt: skip
        assert await reader.live(target) is None, target
    best = "/api/v3/ticker/bookTicker?symbol=BTCUSDT"
    assert await reader.live(best) is not None
    for header in ("Cache-Control: no-cache\r\n", "X-MBX-TIME-UNIT: MICROSECOND\r\n"):
        assert (await reader.get(best, header)).headers.get("X-Counterseal-Cache") != "stream"
    rig.gateway.state.config = replace(
        rig.gateway.state.config, gateway=replace(rig.gateway.state.config.gateway, stream_reads_ms=0)
    )
    assert await reader.live(best) is None


@with_rig
async def test_a_symbol_that_only_folds_to_the_streams_is_another(rig: Rig) -> None:
    """The sign of the kelvin has a small k: the exchange is asked for the very text, and LINKUSDT's book lives on."""
    rig.bot("/stream?streams=linkusdt@depth@100ms/linkusdt@bookTicker")
    reader = Reader(rig)
    await rig.wait(2)
    await reader.live("/api/v3/depth?symbol=LINKUSDT")
    await rig.wait(1)
    for path in ("/api/v3/depth", "/api/v3/ticker/bookTicker"):
        assert await reader.live(f"{path}?symbol=LIN%E2%84%AAUSDT") is None, path
        assert reader.venue.asked[-1] == f"{path}?symbol=LIN%E2%84%AAUSDT"
        assert await reader.live(f"{path}?symbol=LINKUSDT") is not None, path


@with_rig
async def test_what_is_too_old_or_lost_is_not_answered(rig: Rig) -> None:
    """An age beyond the bound, and a connection that is gone; after it everything begins anew."""
    rig.bot(SPOT)
    reader = Reader(rig, 700)
    await rig.wait(2)
    best = "/api/v3/ticker/bookTicker?symbol=BTCUSDT"
    assert await reader.live(best) is not None
    assert await reader.live(DEPTHS[0]) is None
    await rig.wait(1)
    assert await reader.live(DEPTHS[0]) is not None
    rig.exchange.live[0].hold()
    await rig.wait(1)
    assert await reader.live(best) is await reader.live(DEPTHS[0]) is None
    rig.exchange.live[0].release()
    await rig.wait(0.1)
    assert await reader.live(best) is not None
    rig.exchange.is_down = True
    rig.exchange.live[0].abort()
    await rig.wait(0.1)
    assert await reader.live(best) is await reader.live(DEPTHS[0]) is None


@with_rig
async def test_a_book_with_a_gap_is_not_read_until_a_new_snapshot(rig: Rig) -> None:
    """Whichever way bots are told."""
    rig.manner = "event"
    rig.bot(SPOT)
    reader = Reader(rig)
    await rig.wait(1)
    await reader.live(DEPTHS[0])
    await rig.wait(1)
    assert await reader.live(DEPTHS[0]) is not None
    rig.exchange.exchange.faults.take(
        {"fault": "stream_gap", "match": {"method": "WS", "path": "btcusdt@depth@100ms"}, "times": 1}
    )
    await rig.wait(2)
    assert reader.plane.live_reads.report()["books"] == {"syncing": 0, "live": 0, "stale": 1}
    assert await reader.live(DEPTHS[0]) is None
    await rig.wait(1)
    assert await reader.live(DEPTHS[0]) is not None
    assert reader.snapshots == 2


@with_rig
async def test_snapshots_are_few_and_books_that_nobody_reads_end(rig: Rig) -> None:
    """An exchange whose snapshots mean nothing is asked twelve times a minute, whoever insists."""
    rig.bot(SPOT)
    reader = Reader(rig)
    reader.venue.is_vague = True
    await rig.wait(1)
    for _ in range(30):
        await reader.get(DEPTHS[0])
        await rig.wait(1)
    assert reader.snapshots == 12
    reader.venue.is_vague = False
    await rig.idle(61, 1)
    await reader.get(DEPTHS[0])
    await rig.wait(2)
    assert reader.plane.live_reads.report()["books"]["live"] == 1
    await rig.idle(100, 5)
    assert reader.plane.live_reads.report()["books"] == {"syncing": 0, "live": 0, "stale": 0}


@pytest.mark.parametrize("late", [0.0, 0.7])
def test_a_snapshot_that_takes_time_fits(tmp_path: Any, late: float) -> None:
    """What comes meanwhile is kept and put on top."""

    async def test(rig: Rig) -> None:
        rig.bot(SPOT)
        reader = Reader(rig)
        await rig.wait(1)
        reader.venue.before_answer = lambda: rig.clock.sleep(late)
        reading = reader.start(DEPTHS[0])
        await rig.wait(2)
        assert reading.result().status == 200
        for _ in range(20):
            await rig.wait(0.1)
            found = await reader.live(DEPTHS[0])
            assert found is not None
            check(found, rig.exchange.raw("GET", DEPTHS[0]).body)

    with_rig(test)(tmp_path)


def measure(rig: Rig) -> None:
    """Exchange time is known to the millisecond."""
    now_ms = rig.clock.monotonic_ns() // 1_000_000
    rig.gateway.state.reading = Reading(rig.clock.wall_ns() // 1_000_000 - now_ms, 0, now_ms)


@with_rig
async def test_a_host_that_slept_does_not_answer_with_what_it_heard_before(rig: Rig) -> None:
    """Its monotonic clock stood still: what it has is older than it seems, and so is what lies in its buffers."""
    rig.bot(SPOT)
    reader = Reader(rig)
    measure(rig)
    best = "/api/v3/ticker/bookTicker?symbol=BTCUSDT"
    await rig.wait(1)
    await reader.live(DEPTHS[0])
    await rig.wait(1)
    assert await reader.live(best) is not None
    rig.clock.step_wall(3_600_000)
    assert await reader.live(best) is await reader.live(DEPTHS[0]) is None
    await rig.wait(1)
    assert await reader.live(best) is await reader.live(DEPTHS[0]) is None
    measure(rig)
    await rig.wait(1)
    assert await reader.live(best) is not None
    assert await reader.live(DEPTHS[0]) is not None


@with_rig
async def test_what_was_long_under_way_is_old(rig: Rig) -> None:
    """A connection that is three seconds behind: what it brings now is not of now."""
    rig.bot(SPOT)
    reader = Reader(rig, 1_500)
    measure(rig)
    day = "/api/v3/ticker/24hr?symbol=BTCUSDT"
    await rig.wait(1)
    await reader.live(DEPTHS[0])
    await rig.wait(2)
    found = await reader.live(DEPTHS[0]), await reader.live(day)
    assert None not in found
    wire = rig.exchange.live[0]
    wire.hold()
    await rig.wait(2)
    held = wire._held or []
    late, wire._held = list(held), []
    for data in late:
        wire._arrive(data)
    await rig.wait(1)
    held, wire._held = wire._held, []
    await rig.wait(3)
    for data in held:
        wire._arrive(data)
    assert await reader.live(DEPTHS[0]) is await reader.live(day) is None
    wire.release()
    await rig.wait(2)
    found = await reader.live(DEPTHS[0]), await reader.live(day)
    assert None not in found


def test_a_book_that_must_begin_anew_may_when_there_are_as_many_as_may_be(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no other one's place. What is no book is not kept in mind."""
    monkeypatch.setattr(live_reads, "BOOKS", 1)

    async def test(rig: Rig) -> None:
        rig.bot(SPOT + "/ethusdt@depth@100ms")
        reader = Reader(rig)
        await rig.wait(1)
        for _ in range(2):
            await reader.live(DEPTHS[0])
            await reader.live("/api/v3/depth?symbol=ETHUSDT")
            await rig.wait(1)
        assert await reader.live(DEPTHS[0]) is not None
        assert reader.snapshots == 1
        assert len(reader.plane.live_reads._read_ms) == 1
        stream = rig.hub.listened("spot", "btcusdt@depth@100ms")
        assert stream is not None and stream.book is not None
        stream.book.take(b"{")
        assert await reader.live(DEPTHS[0]) is None
        await rig.wait(1)
        assert await reader.live(DEPTHS[0]) is not None
        assert reader.snapshots == 2

    with_rig(test)(tmp_path)
