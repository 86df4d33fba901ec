"""Identical public reads are one request to the exchange; what one bot meets alone is told to no other."""

import asyncio
from dataclasses import replace
from ipaddress import ip_address

import msgspec
import pytest
from tests.gateway.rig import HOST, Rig, on_virtual_time, why

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core import http1
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.http1 import Bad
from counterseal.core.public_cache import PublicCache
from counterseal.core.public_reads import SharedRead
from counterseal.core.secret import Secret
from counterseal.gateway.admission import Inquiry
from counterseal.gateway.reply import Reply
from counterseal.gateway.report import limits_report
from counterseal.gateway.stampede import Declined, Present, Shared, Stampede
from counterseal.ports.venue import Lost, NotSent, VenueReply

DEPTH, PRICE, RULES, KLINES = "/api/v3/depth", "/api/v3/ticker/price", "/api/v3/exchangeInfo", "/api/v3/klines"
BTC = "symbol=BTCUSDT"
BUSY = (429, {"code": -1003, "msg": "Too many requests"}, {"retry-after": "1"})


def public(rig: Rig, path: str, query: str = "", *, key: str = "", headers: str = "") -> Inquiry:
    """Give an unsigned request, with or without an API key."""
    named = f"X-MBX-APIKEY: {key}\r\n" if key else ""
    read = http1.read_head(f"GET {path}?{query} HTTP/1.1\r\nHost: {HOST}\r\n{named}{headers}\r\n".encode())
    assert read is not None
    assert not isinstance(read, Bad), read
    return Inquiry(read[0], b"", ip_address("127.0.0.1"))


async def slow() -> Rig:
    """Give a rig whose exchange takes 50 ms for an answer."""
    rig = await Rig().warm()
    rig.venue.delay_s = 0.05
    return rig


def begin(rig: Rig, *inquiries: Inquiry) -> list["asyncio.Task[Reply]"]:
    """Hand requests in at once."""
    return [asyncio.get_running_loop().create_task(rig.finish(inquiry)) for inquiry in inquiries]


def how(reply: Reply) -> str:
    """How an answer came: "" by the bot's own request."""
    return reply.headers.get("X-Counterseal-Cache", "")


def asked(rig: Rig, path: str) -> int:
    """How often the exchange was asked for a path."""
    return sum(sent.path == path for sent in rig.venue.sent)


def add_bot(rig: Rig, name: str) -> str:
    """Add a bot like alpha; gives its API key."""
    bots = {**rig.state.config.bots, name: replace(rig.state.config.bots["alpha"], name=name)}
    rig.state.config = replace(rig.state.config, bots=bots)
    key_id = name[0].upper() * 64
    rig.state.credentials[key_id] = Credential(key_id, name, CredentialKind.HMAC, Secret(b"S" * 64), None, 0)
    return key_id


# -- one request


@on_virtual_time
async def test_a_hundred_at_once_are_one_request() -> None:
    """All get the same bytes; one bot asked, ninety-nine joined and say so with their age."""
    rig = await slow()
    rig.venue.script[DEPTH] = [(200, {"lastUpdateId": 7, "bids": [], "asks": []}, {"date": "today"})]
    tasks = begin(rig, *(public(rig, DEPTH, BTC) for _ in range(100)))
    await rig.clock.advance(0.05)
    replies = [task.result() for task in tasks]
    assert asked(rig, DEPTH) == 1
    assert {(reply.status, reply.body) for reply in replies} == {(200, b'{"lastUpdateId":7,"bids":[],"asks":[]}')}
    assert sorted(map(how, replies)) == [""] + ["joined"] * 99
    for reply in replies[1:]:
        assert (reply.headers["Age"], reply.headers["X-Counterseal-Age-Ms"]) == ("0", "50")
        assert reply.headers["Date"] == "today"
    assert "Age" not in replies[0].headers and "X-Counterseal-Age-Ms" not in replies[0].headers
    await rig.end()


@on_virtual_time
async def test_who_joins_pays_no_weight() -> None:
    """Bots with keys, a bot without: the weight is the one's that asked, `shared` counts for the others."""
    rig = await slow()
    beta = add_bot(rig, "beta")
    tasks = begin(rig, rig.inquiry("GET", DEPTH, BTC), public(rig, DEPTH, BTC, key=beta), public(rig, DEPTH, BTC))
    await rig.clock.advance(0.05)
    assert [how(task.result()) for task in tasks] == ["", "joined", "joined"]
    bots = limits_report(rig.state, rig.plane.budget)["bots"]
    told = {name: (bots[name]["weight"], bots[name]["shared"]) for name in bots}
    assert told == {"alpha": (5, 0), "beta": (0, 1), "anonymous": (0, 1)}
    await rig.end()


@on_virtual_time
async def test_order_of_parameters_does_not_matter_and_everything_else_does() -> None:
    rig = await slow()
    queries = (f"{BTC}&limit=5", f"limit=5&{BTC}", BTC, f"{BTC}&limit=100", "symbol=ETHUSDT&limit=5")
    tasks = begin(rig, *(public(rig, DEPTH, query) for query in queries),
                  public(rig, DEPTH, BTC, headers="X-MBX-TIME-UNIT: MICROSECOND\r\n"),
                  public(rig, "/fapi/v1/depth", BTC))  # fmt: skip
    await rig.clock.advance(0.05)
    assert [how(task.result()) for task in tasks] == ["", "joined", "", "", "", "", ""]
    assert asked(rig, DEPTH) == 5 and asked(rig, "/fapi/v1/depth") == 1
    await rig.end()


@pytest.mark.parametrize("path", ["/api/v3/account", "/api/v3/openOrders", "/fapi/v2/account"])
def test_signed_reads_are_never_shared(path: str) -> None:
    """Each is its own request, whether they are in flight together or follow one another."""

    @on_virtual_time
    async def run() -> None:
        rig = await slow()
        kept = len(rig.state.public)
        tasks = [rig.start("GET", path), rig.start("GET", path, "recvWindow=4000")]
        await rig.clock.advance(0.05)
        tasks.append(rig.start("GET", path))
        await rig.clock.advance(0.05)
        assert [how(task.result()) for task in tasks] == [""] * 3
        assert asked(rig, path) == 3 and len(rig.signer.asked) == 3
        assert len(rig.state.public) == kept
        await rig.end()

    run()


@on_virtual_time
async def test_time_and_ping_are_never_shared() -> None:
    """Who asks for them measures the moment."""
    rig = await slow()
    tasks = begin(rig, *(public(rig, path) for path in ("/api/v3/time", "/api/v3/ping") for _ in range(3)))
    await rig.clock.advance(0.05)
    assert asked(rig, "/api/v3/time") == 3 and asked(rig, "/api/v3/ping") == 3
    assert {how(task.result()) for task in tasks} == {""}
    await rig.end()


@on_virtual_time
async def test_reads_that_want_a_key_are_not_shared() -> None:
    """Public to the eye, but asked in the name of a key."""
    rig = await slow()
    path = "/fapi/v1/historicalTrades"
    tasks = begin(rig, *(rig.inquiry("GET", path, BTC) for _ in range(2)))
    await rig.clock.advance(0.05)
    assert [how(task.result()) for task in tasks] == ["", ""] and asked(rig, path) == 2
    await rig.end()


@on_virtual_time
async def test_a_refused_bot_gets_nothing_of_it() -> None:
    """Sharing comes after admission: a strange key and a wrong signature are refused while the answer lies ready."""
    rig = await slow()
    wrong = f"{BTC}&signature={'0' * 64}"
    tasks = begin(rig, public(rig, PRICE, BTC), public(rig, PRICE, BTC, key="X" * 64),
                  public(rig, PRICE, wrong, key="V" * 64), public(rig, PRICE, f"{BTC}&nonsense=1"))  # fmt: skip
    await rig.clock.advance(0.05)
    assert [why(task.result()) for task in tasks] == [
        None, "credential_or_signature", "credential_or_signature", "unknown_parameter",
    ]  # fmt: skip
    await rig.end()


@on_virtual_time
async def test_what_is_shared_was_cleaned() -> None:
    """A key of ours that the exchange should ever show, also escaped, and its web firewall's page: for nobody."""
    rig = await slow()
    rig.venue.script[PRICE] = [(200, {"note": "K" * 64})]
    rig.venue.script[DEPTH] = [(403, "<html>blocked 203.0.113.9</html>")]
    tasks = begin(rig, *(public(rig, path, BTC) for path in (PRICE, PRICE, DEPTH, DEPTH)))
    await rig.clock.advance(0.05)
    tasks += begin(rig, public(rig, PRICE, BTC))
    await rig.clock.advance(0)
    replies = [task.result() for task in tasks]
    assert [how(reply) for reply in replies] == ["", "joined", "", "joined", "hit"]
    assert {replies[at].body for at in (0, 1, 4)} == {b'{"note":"[redacted]"}'}
    assert replies[2].body == replies[3].body and b"-1000" in replies[2].body and b"203" not in replies[2].body
    await rig.end()


# -- the answer serves for a moment


@on_virtual_time
async def test_an_answer_serves_until_it_is_too_old_counted_from_before_it_was_asked_for() -> None:
    """Depth: 100 ms, of which 50 passed on the way."""
    rig = await slow()
    begin(rig, public(rig, DEPTH, BTC))
    await rig.clock.advance(0.099)
    hit = await rig.finish(public(rig, DEPTH, BTC))
    assert (how(hit), hit.headers["X-Counterseal-Age-Ms"], hit.headers["Age"]) == ("hit", "99", "0")
    await rig.clock.advance(0.001)
    (late,) = begin(rig, public(rig, DEPTH, BTC))
    await rig.clock.advance(0.05)
    assert how(late.result()) == "" and asked(rig, DEPTH) == 2
    await rig.end()


@on_virtual_time
async def test_an_answer_that_took_longer_than_it_may_serve_serves_nobody_later() -> None:
    rig = await slow()
    rig.venue.delay_s = 0.1
    begin(rig, public(rig, DEPTH, BTC))
    await rig.clock.advance(0.1)
    (second,) = begin(rig, public(rig, DEPTH, BTC))
    await rig.clock.advance(0.1)
    assert how(second.result()) == "" and asked(rig, DEPTH) == 2
    await rig.end()


@on_virtual_time
async def test_age_is_in_whole_seconds_rounded_down_and_in_ms() -> None:
    """By RFC 9111; exchangeInfo lives a minute. A hit has the exchange's Date and no count of weight of that time."""
    rig = await slow()
    headers = {"date": "then", "x-mbx-used-weight-1m": "20", "server": "nginx"}
    rig.venue.script[RULES] = [(200, {"symbols": []}, headers)]
    (first,) = begin(rig, public(rig, RULES, BTC))
    await rig.clock.advance(3.9995)
    hit = await rig.finish(public(rig, RULES, BTC))
    assert first.result().headers["X-MBX-Used-Weight-1m"] == "20"
    assert {name: hit.headers[name] for name in hit.headers if name != "Server-Timing"} == {
        "Date": "then", "Age": "3", "X-Counterseal-Age-Ms": "3999", "X-Counterseal-Cache": "hit",
    }  # fmt: skip
    await rig.end()


@on_virtual_time
async def test_exchange_info_that_the_gateway_reads_serves_the_bots_that_start() -> None:
    """Of each family in use, without parameters; one with a parameter is a read of its own."""
    rig = await Rig().warm()
    for path in (RULES, "/fapi/v1/exchangeInfo"):
        reply = await rig.finish(public(rig, path))
        assert how(reply) == "hit" and b'"symbols"' in reply.body
    assert rig.venue.sent == []
    await rig.ask("GET", RULES, BTC)
    assert asked(rig, RULES) == 1
    await rig.clock.advance(60)
    assert how(await rig.finish(public(rig, RULES))) == "", "a minute later it is asked for anew"
    await rig.end()


@on_virtual_time
async def test_a_candle_that_closed_is_not_hidden_by_one_that_was_asked_for_before() -> None:
    """Neither the request in flight nor its answer serves who asks after the close. The rig starts on a whole minute,
    and 60 s after its measurement the clock is uncertain by 31 ms.
    """
    rig = await slow()
    rig.venue.delay_s = 0.1
    query = f"{BTC}&interval=1m"
    await rig.clock.advance(59.96)
    early, same = begin(rig, public(rig, KLINES, query), public(rig, KLINES, query))
    await rig.clock.advance(0.08)
    (after,) = begin(rig, public(rig, KLINES, query))
    await rig.clock.advance(0.1)
    assert [how(task.result()) for task in (early, same, after)] == ["", "joined", ""]
    assert how(await rig.finish(public(rig, KLINES, query))) == "hit"
    assert asked(rig, KLINES) == 2
    await rig.end()


@pytest.mark.parametrize("value", ["no-cache", "max-age=0, No-Cache"])
def test_no_cache_goes_past_what_is_kept_and_joins_what_is_in_flight(value: str) -> None:
    @on_virtual_time
    async def run() -> None:
        rig = await slow()
        begin(rig, public(rig, RULES, BTC))
        await rig.clock.advance(1)
        header = f"Cache-Control: {value}\r\n"
        tasks = begin(rig, *(public(rig, RULES, BTC, headers=header) for _ in range(2)))
        await rig.clock.advance(0.05)
        assert [how(task.result()) for task in tasks] == ["", "joined"]
        hit = await rig.finish(public(rig, RULES, BTC, headers="Cache-Control: max-age=5, not-no-cache\r\n"))
        assert (how(hit), hit.headers["X-Counterseal-Age-Ms"]) == ("hit", "50"), "what it brought is kept"
        assert asked(rig, RULES) == 2
        await rig.end()

    run()


@on_virtual_time
async def test_the_setting_turns_it_off_at_once() -> None:
    """Nothing joins, nothing is kept, and what is kept serves nobody."""
    rig = await slow()
    off = replace(rig.state.config.gateway, share_public_reads=False)
    rig.state.config = replace(rig.state.config, gateway=off)
    kept = len(rig.state.public)
    tasks = begin(rig, *(public(rig, RULES) for _ in range(3)))
    await rig.clock.advance(2)
    rig.venue.delay_s = 0
    assert await rig.refresher.read_prices()
    assert {how(task.result()) for task in tasks} == {""}
    assert asked(rig, RULES) == 3 and len(rig.state.public) == kept
    await rig.end()


# -- failures


@pytest.mark.parametrize(
    ("steps", "reason", "requests"),
    [(["not_sent"], "venue_unreachable", 1), (["lost"] * 3, "outcome_unknown", 3)],
)
def test_a_request_that_fails_fails_for_all_who_wait(steps: list[str], reason: str, requests: int) -> None:
    """Tried as often as for one bot, and nobody tries again by himself; the next to come begins anew."""

    @on_virtual_time
    async def run() -> None:
        rig = await slow()
        rig.venue.script[DEPTH] = list(steps)
        tasks = begin(rig, *(public(rig, DEPTH, BTC) for _ in range(20)))
        await rig.clock.advance(1)
        assert {why(task.result()) for task in tasks} == {reason}
        assert asked(rig, DEPTH) == requests
        (after,) = begin(rig, public(rig, DEPTH, BTC))
        await rig.clock.advance(0.05)
        assert (after.result().status, how(after.result())) == (200, "")
        await rig.end()

    run()


@pytest.mark.parametrize("status", [418, 429, 500, 503])
def test_an_error_of_the_exchange_is_everybody_s_and_is_not_kept(status: int) -> None:
    @on_virtual_time
    async def run() -> None:
        rig = await slow()
        body = {"code": -1003, "msg": "Way too many requests; IP(203.0.113.9) banned"}
        rig.venue.script[RULES] = [(status, body, {"retry-after": "7"})]
        tasks = begin(rig, *(public(rig, RULES, BTC) for _ in range(20)))
        await rig.clock.advance(0.05)
        replies = [task.result() for task in tasks]
        assert {(reply.status, reply.headers["Retry-After"]) for reply in replies} == {(status, "7")}
        assert all(b"203.0.113.9" not in reply.body for reply in replies)
        assert asked(rig, RULES) == 1
        await rig.clock.advance(8)
        (after,) = begin(rig, public(rig, RULES, BTC))
        await rig.clock.advance(0.05)
        assert (after.result().status, how(after.result())) == (200, "")
        await rig.end()

    run()


@on_virtual_time
async def test_a_retry_after_a_lost_answer_is_one_for_all_and_dates_from_itself() -> None:
    rig = await slow()
    rig.venue.script[DEPTH] = ["lost"]
    tasks = begin(rig, *(public(rig, DEPTH, BTC) for _ in range(3)))
    await rig.clock.advance(0.3)
    assert asked(rig, DEPTH) == 2
    assert [task.result().headers.get("X-Counterseal-Age-Ms") for task in tasks] == [None, "50", "50"]
    await rig.end()


@on_virtual_time
async def test_a_lost_answer_that_nobody_waits_for_is_not_tried_again() -> None:
    """While one bot is left it is."""
    rig = await slow()
    rig.venue.script[DEPTH] = ["lost", "lost"]
    inquiries = [public(rig, DEPTH, BTC) for _ in range(3)]
    tasks = begin(rig, *inquiries)
    await rig.clock.advance(0.01)
    inquiries[0].gone = inquiries[1].gone = True
    await rig.clock.advance(0.25)
    assert asked(rig, DEPTH) == 2
    inquiries[2].gone = True
    await rig.clock.advance(1)
    assert asked(rig, DEPTH) == 2 and all(task.done() for task in tasks)
    await rig.end()


# -- who leaves


@pytest.mark.parametrize("leaver", [0, 1])
def test_a_task_that_is_cancelled_ends_nothing_for_the_others(leaver: int) -> None:
    """Neither the one that began the request, nor one that joined; the answer is kept."""

    @on_virtual_time
    async def run() -> None:
        rig = await slow()
        tasks = begin(rig, *(public(rig, PRICE, BTC) for _ in range(3)))
        await rig.clock.advance(0.01)
        tasks.pop(leaver).cancel()
        await rig.clock.advance(0.04)
        assert [task.result().status for task in tasks] == [200, 200]
        assert how(await rig.finish(public(rig, PRICE, BTC))) == "hit"
        assert asked(rig, PRICE) == 1
        await rig.end()

    run()


@on_virtual_time
async def test_a_request_whose_bots_have_all_left_still_serves_who_comes() -> None:
    rig = await slow()
    tasks = begin(rig, *(public(rig, PRICE, BTC) for _ in range(2)))
    await rig.clock.advance(0.01)
    for task in tasks:
        task.cancel()
    await rig.clock.advance(0.01)
    (late,) = begin(rig, public(rig, PRICE, BTC))
    await rig.clock.advance(0.03)
    assert how(late.result()) == "joined" and asked(rig, PRICE) == 1
    await rig.end()


@on_virtual_time
async def test_a_gateway_that_stops_leaves_nobody_waiting() -> None:
    """The request's task is cancelled on its way, or before its first step."""
    for pause_s in (0.01, None):
        rig = await slow()
        tasks = begin(rig, *(public(rig, PRICE, BTC) for _ in range(2)))
        if pause_s is None:
            while not len(rig.tasks):
                await asyncio.sleep(0)
        else:
            await rig.clock.advance(pause_s)
        await rig.tasks.cancel_all()
        await rig.clock.advance(0)
        assert {why(task.result()) for task in tasks} == {"outcome_unknown"}
        assert rig.faults == []


# -- what is one bot's own


class Desk:
    """A stampede alone: `ask` is what each bot brings."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.faults: list[str] = []
        self.tasks = Tasks(lambda name, error: self.faults.append(f"{name}: {error!r}"))
        self.stampede = Stampede(PublicCache(), self.clock, self.tasks)
        self.asked: list[str] = []

    def bot(self, name: str, failure: Exception | None = None) -> "asyncio.Task[Shared]":
        """Let a bot ask; its own request would end in `failure`."""

        async def ask(wanted: Present) -> VenueReply:
            self.asked.append(name)
            assert wanted()
            await self.clock.sleep(0.01)
            if failure is not None:
                raise failure
            now = self.clock.monotonic_ns()
            return VenueReply(200, {}, b"{}", now, now)

        read = SharedRead(("read", (), None, None), 100)
        return asyncio.get_running_loop().create_task(self.stampede.share(read, ask, lambda: True))


@on_virtual_time
async def test_what_declines_one_bot_s_request_is_not_told_to_the_others() -> None:
    """Its budget is spent: it alone hears of it, and the next who waits asks for all who are left."""
    desk = Desk()
    poor, poorer = Declined("alpha's"), Declined("beta's")
    tasks = [desk.bot("alpha", poor), desk.bot("beta", poorer), desk.bot("gamma"), desk.bot("delta")]
    await desk.clock.advance(0.03)
    assert tasks[0].exception() is poor and tasks[1].exception() is poorer
    assert [task.result().how for task in tasks[2:]] == ["", "joined"]
    assert desk.asked == ["alpha", "beta", "gamma"]
    assert desk.faults == []


@pytest.mark.parametrize("failure", [NotSent("a"), Lost("b"), ValueError("a bug")])
def test_every_other_failure_is_for_all(failure: Exception) -> None:
    """Also one that nobody expects: it must not become a request per bot. That one is reported."""

    @on_virtual_time
    async def run() -> None:
        desk = Desk()
        tasks = [desk.bot("alpha", failure), desk.bot("beta"), desk.bot("gamma")]
        await desk.clock.advance(0.01)
        assert [task.exception() for task in tasks] == [failure] * 3
        assert desk.asked == ["alpha"]
        assert len(desk.faults) == (1 if isinstance(failure, ValueError) else 0)
        again = desk.bot("beta")
        await desk.clock.advance(0.01)
        assert again.result().how == ""

    run()


@on_virtual_time
async def test_only_what_is_whole_serves_the_next() -> None:
    """What was cut on its way would be everybody's exchangeInfo for a minute."""
    rig = await Rig().warm()
    path, tries = "/api/v3/executionRules", (b'{"a":[1,', b'{"a":"\xff"}', b'{"a":1}}', b'{"a":1}')
    rig.venue.script[path] = [(200, msgspec.Raw(body)) for body in tries]
    given = [(await rig.finish(public(rig, path))) for _ in range(5)]
    assert [(reply.body, how(reply)) for reply in given] == [*((body, "") for body in tries), (tries[-1], "hit")]
    await rig.end()
