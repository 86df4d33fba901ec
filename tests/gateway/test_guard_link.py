"""What the gateway and the guard tell each other: over a real socket pair, on virtual time."""

import ast
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.failing_rig import FUTURES
from tests.gateway.guarded import Guarded, Lines, trip
from tests.gateway.rig import MONDAY_MS, ORDER, Rig, on_virtual_time, why
from tests.gateway.test_halts import asked, ready
from tests.gateway.test_limits import SPOT
from tests.gateway.userdata.rig import Rig as UserRig
from tests.gateway.userdata.rig import with_rig

from counterseal import gateway
from counterseal.adapters.log import make_logger
from counterseal.core.budget.partner import window_name
from counterseal.core.budget.share import BESIDE_GUARD
from counterseal.core.ladder import trip_data
from counterseal.core.outcome import Outcome
from counterseal.core.reasons import REASONS
from counterseal.gateway.guard_link import GUARD
from counterseal.gateway.guard_news import CODES, Criticals, News

SOURCES = Path(gateway.__file__).parent


# -- the ladder


@on_virtual_time
async def test_a_ladder_is_in_force_before_it_is_acknowledged() -> None:
    """And on record, once for each change; its repetitions are not."""
    rig = await ready()
    one = trip("account main", at_ms=7)
    for _ in range(3):
        await rig.ladder(one)
    await rig.ladder()
    assert [ack["seq"] for ack in rig.said("ladder_ack")] == [1, 2, 3, 4, 5]
    assert await rig.passes()
    told = [record["trips"] for record in rig.journal.of("event") if record["what"] == "ladder"]
    assert told == [[trip_data(one)], []]
    assert rig.link.report() == {"trips": [], "heard_ms_ago": 0, "unsent": 0, "lost": 0}
    await rig.ladder(one)
    assert rig.link.report()["trips"] == [trip_data(one)]
    await rig.end()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ladder"}, {"type": "ladder", "seq": "1", "trips": []}, {"type": "ladder", "seq": True, "trips": []},
        {"type": "ids"}, {"type": "ids", "family": "spot", "ids": "a"}, {"type": "ids", "family": 1, "ids": []},
        {"type": "ids", "family": "spot", "ids": [1]}, {"type": "ids", "family": "spot", "ids": [""]},
        {"type": "ids", "family": "spot", "ids": ["x" * 37]}, {"type": "spend"}, {"type": "spend", "pools": []},
        {"type": "states"}, {"type": "states", "failing": []},
    ],
)  # fmt: skip
def test_what_is_no_message_is_counted_and_changes_nothing(message: dict[str, Any]) -> None:
    """Nor is it acknowledged; the link goes on."""

    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        await rig.ladder(trip("bot beta"))
        acks = len(rig.said("ladder_ack"))
        await rig.tell(message)
        assert (rig.link._link.bad, len(rig.said("ladder_ack"))) == (1, acks)
        assert len(rig.state.halts.trips) == 1
        assert list(rig.state.failures) == []
        await rig.tell({"type": "something to come", "x": 1})
        assert rig.link._link.bad == 1
        assert await rig.passes()
        await rig.end()

    run()


# -- every second


@on_virtual_time
async def test_a_beat_a_second() -> None:
    """Who was heard when, and whose orders rest where."""
    rig = await ready()
    await rig.clock.advance(10)
    assert 10 <= len(rig.said("beat")) <= 11
    rig.state.serving = True
    assert await asked(rig, "POST", FUTURES, f"{ORDER}&newClientOrderId=one") == (None, True)
    assert await asked(rig, "POST", SPOT, f"{ORDER}&newClientOrderId=two") == (None, True)
    asked_ms = rig.now_ms
    await rig.clock.advance(1.5)
    beat = rig.said("beat")[-1]
    assert (beat["serving"], beat["feeds"]) == (True, [])
    assert beat["bots"] == {
        "alpha": {
            "seen_ms": MONDAY_MS + asked_ms,
            "silent_ms": beat["since_ms"] - asked_ms,
            "resting": [["main", "spot", "BTCUSDT"], ["main", "usdm", "BTCUSDT"]],
        }
    }
    (name,) = [name for name in beat["spend"] if name.startswith("spot_orders_1d")]
    assert name == window_name("spot_orders_1d", "main", "")
    assert beat["spend"][name] == {"used": 1, "in_flight": 0, "begin_ms": MONDAY_MS}
    rig.state.draining = True
    await rig.clock.advance(1)
    assert rig.said("beat")[-1]["serving"] is False
    await rig.end()


@on_virtual_time
async def test_a_bot_that_has_asked_nothing_has_been_silent_since_the_start() -> None:
    """Nobody knows more."""
    rig = await ready()
    await rig.clock.advance(3.5)
    beat = rig.said("beat")[-1]
    assert beat["bots"] == {"alpha": {"seen_ms": None, "silent_ms": beat["since_ms"], "resting": []}}
    await rig.end()


@on_virtual_time
async def test_the_resting_follows_what_becomes_of_orders() -> None:
    """Filled at once, refused, and lost: the last one may be there until it is resolved."""
    rig = await ready()
    resting = rig.state.resting
    assert resting is not None
    order = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "one", "status": "FILLED"}
    for step, rests in (((200, order), 0), ((400, {"code": -2019, "msg": "Margin is insufficient."}), 0), ("lost", 1)):
        rig.venue.script[FUTURES] = [step]
        await asked(rig, "POST", FUTURES, f"{ORDER}&newClientOrderId=one")
        assert len(resting) == rests, step
        if rests:
            break
        rig.state.ledger.free("usdm", "one")
    # Nobody has ever seen it: it is proven absent.
    rig.venue.script["/fapi/v1/order"] = [(400, {"code": -2013, "msg": "Order does not exist."})] * 50
    rig.venue.script["/fapi/v1/openOrders"] = rig.venue.script["/fapi/v1/userTrades"] = [(200, [])] * 50
    rig.venue.script["/fapi/v1/allOrders"] = [(200, [])] * 50
    for _ in range(200):
        await rig.clock.advance(0.5)
        await rig.ladder()
    assert [record["outcome"] for record in rig.journal.of("resolved")] == [Outcome.ABSENT]
    assert (len(resting), resting.faults) == (0, 0)
    await rig.end()


@on_virtual_time
async def test_what_breaks_there_touches_no_order() -> None:
    """It is counted."""
    rig = await ready()
    rig.state.resting = Broken()  # type: ignore[assignment]
    assert await asked(rig, "POST", FUTURES, ORDER) == (None, True)
    assert rig.state.resting.faults == 2
    rig.plane.inside._rests.heard("main", "usdm", {})
    assert rig.state.resting.faults == 3
    rig.state.resting = None
    await rig.clock.advance(1)
    assert rig.said("beat")[-1]["bots"]["alpha"]["resting"] == []
    await rig.end()


class Broken:
    """A tracker in which everything breaks."""

    faults = 0

    def place(self, *_: Any) -> None:
        raise KeyError("broken")

    settle = confirm = see = resolve = place

    def of_bots(self) -> dict[str, Any]:
        return {}


def test_without_a_guard_nothing_is_kept() -> None:
    """A gateway of its own has no one to tell."""

    @on_virtual_time
    async def run() -> None:
        rig = await Rig().warm()
        assert why(await rig.ask("POST", FUTURES, ORDER)) is None
        assert rig.state.resting is None
        assert not rig.state.halts.tripped
        await rig.end()

    run()


# -- the limits that both share


@on_virtual_time
async def test_the_guard_s_spending_is_no_foreign_spending() -> None:
    """It takes nothing from the gateway's part; a stranger's does, and the guard hears of it."""
    rig = await ready()
    await rig.clock.advance(61)
    name, begin_ms = "spot_weight||", 0
    spent = {name: {"used": 400, "in_flight": 50, "begin_ms": begin_ms}}

    async def read(used: int) -> tuple[int, int]:
        rig.venue.script["/api/v3/account"] = [(200, {}, {"x-mbx-used-weight-1m": str(used)})]
        await rig.ask("GET", "/api/v3/account")
        (row,) = [row for row in rig.plane.budget.ledger.report(rig.plane.budget.moment()) if row.pool == "spot_weight"]
        nonlocal name, begin_ms
        name, begin_ms = window_name(row.pool, row.key, row.endpoint), row.window_start_ms
        return row.foreign, row.spent

    assert (await read(20))[0] == 0
    spent = {name: {"used": 400, "in_flight": 50, "begin_ms": begin_ms}}
    await rig.tell({"type": "spend", "pools": spent})
    assert (await read(440))[0] == 0
    assert [event for event in rig.said("event") if event["what"] == "foreign_spend"] == []
    foreign, ours = await read(2_060)
    assert foreign == 2_060 - 400 - ours
    assert [event for event in rig.said("event") if event["what"] == "foreign_spend"] == []
    # It could be the guard's, as long as it has not spoken again.
    for _ in range(2):
        await rig.tell({"type": "spend", "pools": spent})
    await read(2_100)
    (told,) = [event for event in rig.said("event") if event["what"] == "foreign_spend"]
    assert (told["pool"], told["header"]) == ("spot_weight", 2_100)
    await rig.end()


def test_beside_a_guard_nothing_of_its_part_is_lent() -> None:
    """Ruling 22: a fifth of every pool is the guard's, the last of ours is for exits."""
    assert BESIDE_GUARD.exits(6_000) == BESIDE_GUARD.ceilings(6_000)[0] == 4_800
    assert BESIDE_GUARD.ceilings(6_000)[1] == 4_200


# -- what is critical


def test_each_critical_line_has_a_code_of_its_own() -> None:
    """Every call in the gateway's sources: a text that is written there, or a state of the table."""
    texts = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else ""
            if isinstance(node, ast.Call) and name in ("critical", "_critical") and path.name != "guard_news.py":
                assert isinstance(node.args[0], ast.Constant), (path, node.lineno)
                texts.add(node.args[0].value)
    assert texts == set(CODES)
    assert len(texts) > 10


def test_critical_lines_are_told_masked_and_in_order() -> None:
    """Also those from before there is anybody to tell; other levels are not."""

    @on_virtual_time
    async def run() -> None:
        rig = await Guarded().warm()
        sink, said = Lines(), []
        criticals = Criticals(sink)
        log = make_logger(criticals, rig.clock)
        secret = "k" * 64
        log.critical("journal latched: orders that raise risk are refused, exits go on", why=secret, account="main")
        log.warning("nothing")
        log.info("nothing")
        log.error("nothing")
        criticals.to(said.append)
        log.critical("clock offset uncertain: began", state="clock_uncertain", scope=None)
        log.critical("something new", family=7)
        assert [line["code"] for line in said] == ["journal_latched", "failing_clock_uncertain", "gateway_critical"]
        assert said[0]["account"] == "main"
        assert secret not in said[0]["text"]
        assert said[1]["text"] == "clock offset uncertain: began, state: clock_uncertain"
        assert "family" not in said[2]
        assert len(sink.lines) == 6
        for _ in range(300):
            Criticals(sink).critical(b'{"event": "x"}')
        await rig.end()

    run()


@on_virtual_time
async def test_a_failing_state_reaches_the_guard() -> None:
    """Through the real pipeline of the log."""
    rig = await ready()
    log = make_logger(rig.link._criticals, rig.clock)
    rig.plane.gate._log = log
    rig.host.disk = 0.5
    rig.journal.failed = True
    rig.plane.gate.look_at_journal()
    codes = [message["code"] for message in rig.said("critical")]
    assert codes == ["failing_journal_failing", "failing_journal_lost"]
    await rig.end()


def test_before_there_is_a_link_so_many_are_kept() -> None:
    """A gateway without a guard must not fill its memory."""
    criticals, said = Criticals(Lines()), []
    for number in range(1_000):
        criticals.critical(b'{"event": "x", "n": %d}' % number)
    criticals.to(said.append)
    assert len(said) == 256


# -- what happens on accounts


@pytest.mark.parametrize("family", ["spot", "usdm", "coinm"])
def test_events_of_accounts_reach_the_guard_with_their_owner(tmp_path: Path, family: str) -> None:
    """A bot's order, the account's own state, and a gap; the body is the exchange's own."""

    @with_rig()
    async def test(rig: UserRig) -> None:
        said: list[dict[str, Any]] = []
        rig.side.plane.inside.next = News(rig.state, said.append)  # type: ignore[arg-type]
        order = await rig.order(family)
        await rig.wait(1)
        orders = [one for one in said if one["what"] == "order"]
        assert {one["owner"] for one in orders} == {"alpha"}
        assert {(one["account"], one["family"]) for one in said} == {("main", family)}
        assert [one for one in said if one["what"] == "account"]
        assert sorted(rig.feeds.standing()) == [("main", "coinm"), ("main", "spot"), ("main", "usdm")]
        kinds = {"spot": "executionReport"}.get(family, "ORDER_TRADE_UPDATE")
        assert kinds in {one["kind"] for one in orders}
        assert str(order["orderId"]).encode() in b"".join(bytes(one["body"]) for one in orders)
        rig.side.plane.inside.on_gap("main", family)
        assert said[-1] == {"type": "event", "what": "stream_gap", "account": "main", "family": family}

    test(tmp_path)


@pytest.mark.parametrize("family", ["spot", "usdm", "coinm"])
@pytest.mark.threat(44)
def test_an_intruder_is_told_and_the_guard_s_own_orders_are_none(tmp_path: Path, family: str) -> None:
    """What the guard has registered is the guard's: its fills too. What nobody has is told within five seconds."""

    @with_rig()
    async def test(rig: UserRig) -> None:
        said: list[dict[str, Any]] = []
        link = Linked(rig, said)
        link.ids(family, "guard-1")
        rig.outside(family, "&type=MARKET&newClientOrderId=guard-1")
        await rig.wait(5)
        assert rig.told_of("intruder") == []
        assert {one["owner"] for one in said if one["what"] == "order"} == {GUARD}
        rig.outside(family, "&type=MARKET&newClientOrderId=evil")
        await rig.wait(5)
        assert len(rig.told_of("intruder")) == 1
        (told,) = [one for one in said if one["what"] == "foreign"]
        assert (told["type"], told["account"], told["client_id"]) == ("event", "main", "evil")

    test(tmp_path)


class Linked:
    """The gateway's end of a link whose other end is a list."""

    def __init__(self, rig: UserRig, said: list[dict[str, Any]]) -> None:
        from counterseal.gateway.guard_link import GuardLink

        self._take = GuardLink._ids
        self._state, self._log = rig.state, rig.log
        news = News(rig.state, said.append)  # type: ignore[arg-type]
        rig.side.plane.inside.next, rig.side.plane.news = news, news.record

    def ids(self, family: str, *ids: str) -> None:
        """Register ids of the guard."""
        self._take(self, {"family": family, "account": "main", "ids": list(ids)})  # type: ignore[arg-type]


@on_virtual_time
async def test_an_id_of_the_guard_is_taken_for_bots() -> None:
    """As every id that was used before; one that a bot has used stays the bot's, and that is critical."""
    rig = await ready()
    await rig.tell({"type": "ids", "family": "usdm", "account": "main", "ids": ["g-1", "g-2"]})
    await rig.tell({"type": "ids", "family": "usdm", "account": "main", "ids": ["g-1"]})
    reply = await rig.ask("POST", FUTURES, f"{ORDER}&newClientOrderId=g-1")
    assert why(reply) == "duplicate_client_order_id_futures"
    assert rig.log.criticals == []
    assert (await asked(rig, "POST", FUTURES, f"{ORDER}&newClientOrderId=mine"))[0] is None
    await rig.tell({"type": "ids", "family": "usdm", "account": "main", "ids": ["mine"]})
    known = rig.state.ledger.get("usdm", "mine")
    assert known is not None
    assert known.bot == "alpha"
    assert [text for text, _ in rig.log.criticals] == ["the guard names an id that a bot has used"]
    await rig.end()


def test_refusals_of_the_ladder_are_documented() -> None:
    """Each reason that this part gives."""
    assert {"reducing", "halted", "flattening", "ladder_unknown", "guard_silent"} <= set(REASONS)
