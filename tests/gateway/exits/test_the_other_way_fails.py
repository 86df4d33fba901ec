"""The WebSocket API that is slow, away, lost, lying or itself closed costs no exit of REST that is not used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.exits.story import (
    PEER,
    SOCKETS,
    by_socket,
    cancel,
    close_rest,
    code,
    resting,
    ways,
    why,
)  # fmt: skip
from tests.gateway.streams.rig import Wire
from tests.gateway.userdata.rig import HEAD, Rig, text_of, with_rig
from tests.limits.lines import Answer

from counterseal.adapters.signing import SigningKey
from counterseal.adapters.stream_link import StreamLink
from counterseal.core.budget.share import Lane
from counterseal.core.caps import Caps
from counterseal.core.messages import HeldKey
from counterseal.gateway.exits.line import AGAIN_MS
from counterseal.paper.ws_socket import text_frame
from counterseal.signer import table
from counterseal.signer.caps import CapsJudge
from counterseal.signer.desk import Desk, HeldSigningKey


def wire(rig: Rig) -> Any:
    """The connection that was made last."""
    return rig.exchange.wires[-1]


def fault(rig: Rig, kind: str, **more: Any) -> None:
    match = {"method": "WS", "path": "order.cancel"}
    rig.exchange.exchange.faults.take({"fault": kind, "match": match, **more})


def is_unknown(answer: Answer) -> bool:
    return answer.headers.get("x-counterseal-state") == "UNKNOWN"


def lines(rig: Rig) -> Any:
    """The connections that there are."""
    found = rig.side.plane.by_socket._lines
    assert found is not None
    return found._lines


# -- no connection


@with_rig()
async def test_where_nothing_can_be_reached_rest_has_its_three(rig: Rig) -> None:
    """And when it can be reached again, its own three are still there."""
    orders = await resting(rig, 7)
    rig.exchange.is_down = True
    await close_rest(rig)
    for order in orders[:3]:
        assert (await cancel(rig, order)).status == 200
    refused = await cancel(rig, orders[3])
    assert (refused.status, why(refused)) == (429, "venue_backoff")
    assert ways(rig) == (0, 3)
    tried = rig.exchange.dialled
    rig.exchange.is_down = False
    assert why(await cancel(rig, orders[3])) == "venue_backoff"
    assert rig.exchange.dialled == tried
    await rig.wait(AGAIN_MS / 1000)
    for order in orders[3:6]:
        assert (await cancel(rig, order)).status == 200
    assert why(await cancel(rig, orders[6])) == "venue_backoff"
    assert ways(rig) == (3, 3)


@with_rig()
async def test_a_handshake_that_takes_long_is_waited_for_a_quarter_of_a_second(rig: Rig) -> None:
    (order, other) = await resting(rig, 2)

    async def held(_family: str, link: StreamLink) -> None:
        rig.exchange.wires.append(slow := Wire(rig.exchange, link))
        slow.hold()
        link.connection_made(slow)

    rig.exchange.dial = held  # type: ignore[method-assign]
    await close_rest(rig)
    began_ms = rig.state.monotonic_ms()
    assert (await cancel(rig, order)).status == 200
    assert 250 <= rig.state.monotonic_ms() - began_ms <= 400
    assert ways(rig) == (0, 1)
    wire(rig).release()
    await rig.wait(0.1)
    assert (await cancel(rig, other)).status == 200
    assert ways(rig) == (1, 1)


@pytest.mark.parametrize(("kind", "reason"), [("spot_ws_attempts", 429), ("ban", 418)])
def test_a_refused_handshake(tmp_path: Any, kind: str, reason: int) -> None:
    """429 closes that way alone; 418 means that nothing at all may leave."""

    async def story(rig: Rig) -> None:
        (order,) = await resting(rig, 1)
        exchange = rig.exchange.exchange
        if kind == "ban":
            exchange.guard.ban("futures", PEER, 90, rig.exchange.now_ms)
        else:
            exchange.windows.set_limit("futures_ws_attempts", 0)
        await close_rest(rig)
        await rig.wait(0.5)
        answer = await cancel(rig, order)
        assert why(answer) == {429: "", 418: "venue_ban"}[reason]
        assert ways(rig) == (0, {429: 1, 418: 0}[reason])

    with_rig()(story)(tmp_path)


@with_rig()
async def test_without_attempts_or_room_left_nothing_is_connected(rig: Rig) -> None:
    (order, *_) = await resting(rig, 1)
    now_ms = rig.state.monotonic_ms()
    while rig.attempts.take(now_ms):
        pass
    dialled = rig.exchange.dialled
    await close_rest(rig)
    assert (await cancel(rig, order)).status == 200
    assert ways(rig) == (0, 1)
    assert rig.exchange.dialled == dialled


@with_rig()
async def test_a_key_that_the_signer_does_not_sign_so_for_has_the_exits_of_rest(rig: Rig) -> None:
    """An Ed25519 key with caps could log on with such a payload."""
    (order,) = await resting(rig, 1)
    signer = rig.side.signer
    sound = signer._desk._keys["main"]
    keys = {"main": HeldSigningKey(HeldKey("main", sound.held.api_key, "ed25519", "paper"), sound.signing)}
    judge = CapsJudge({"main": Caps(max_leverage=1)}, lambda: 0)
    assert isinstance(sound.signing, SigningKey)
    signer._desk = Desk(table.load(), keys, "limits", lambda: rig.clock.wall_ns() // 1_000_000, judge)
    await close_rest(rig)
    assert (await cancel(rig, order)).status == 200
    assert ways(rig) == (0, 1)


# -- no answer


@pytest.mark.threat(41)
@pytest.mark.parametrize("kind", ["stall", "close"])
def test_an_answer_that_never_comes_is_unknown(tmp_path: Any, kind: str) -> None:
    """Executed, and nobody has heard: the bot is told UNKNOWN, never that it did not happen; nothing is sent again."""

    async def story(rig: Rig) -> None:
        order, other = await resting(rig, 2)
        await close_rest(rig)
        fault(rig, kind, when="after")
        answer = await cancel(rig, order)
        assert is_unknown(answer), answer
        assert ways(rig) == (1, 0)
        assert (await cancel(rig, other)).status == 200
        assert sum(ways(rig)) == 2

    with_rig()(story)(tmp_path)


@with_rig()
async def test_a_connection_that_breaks_while_requests_are_out(rig: Rig) -> None:
    order, other = await resting(rig, 2)
    await close_rest(rig)
    fault(rig, "stall", when="before")
    asked = rig.side.tasks.spawn(_let(rig, order, given := []), "cancel")
    await rig.wait(0.1)
    assert not asked.done()
    wire(rig).abort()
    await rig.wait(0.2)
    assert is_unknown(given[0])
    # Not connected, and left alone for a moment: the next one goes by REST.
    assert (await cancel(rig, other)).status == 200
    assert ways(rig) == (1, 1)


@with_rig()
async def test_a_stop_while_a_cancel_is_out_leaves_it_unknown(rig: Rig) -> None:
    """Its intent is on record, so that the next run knows of it whatever this one still writes."""
    (order,) = await resting(rig, 1)
    await close_rest(rig)
    fault(rig, "stall", when="after")
    counts = rig.side.journal.counts
    before = counts["intent"], counts["outcome"]
    rig.side.tasks.spawn(_let(rig, order, given := []), "cancel")
    await rig.wait(0.1)
    assert (counts["intent"], counts["outcome"]) == (before[0] + 1, before[1])
    await rig.side.plane.by_socket.close()
    await rig.wait(0.1)
    assert is_unknown(given[0])
    assert (counts["intent"], counts["outcome"]) == (before[0] + 1, before[1] + 1)


@with_rig()
async def test_a_connection_on_which_no_answer_came_is_made_anew(rig: Rig) -> None:
    """Nothing more is asked on it; after a while another one is tried."""
    orders = await resting(rig, 3)
    await close_rest(rig)
    fault(rig, "stall", when="after")
    assert is_unknown(await cancel(rig, orders[0]))
    assert (await cancel(rig, orders[1])).status == 200
    assert ways(rig) == (1, 1)
    await rig.wait(AGAIN_MS / 1000 + 0.5)
    assert (await cancel(rig, orders[2])).status == 200
    assert ways(rig) == (2, 1)


@with_rig()
async def test_a_connection_that_is_lost_while_the_signer_signs_leaves_rest(rig: Rig) -> None:
    """No byte has left, and none of its exits is spent."""
    (order,) = await resting(rig, 1)
    await close_rest(rig)
    rig.side.signer.before_signing = lambda: wire(rig).abort()
    assert (await cancel(rig, order)).status == 200
    assert ways(rig) == (0, 1)
    assert rig.state.wall.at().socket_exits_left == 3


@with_rig()
async def test_what_fails_there_says_nothing_of_the_rest_host(rig: Rig) -> None:
    (order,) = await resting(rig, 1)
    await close_rest(rig)
    breakers, now_ms = rig.side.plane.budget.breakers, rig.state.monotonic_ms()
    for _ in range(4):
        breakers.note("usdm", Lane.RISK.name, ok=False, sent_ms=now_ms, now_ms=now_ms)
    fault(rig, "close", when="after")
    assert is_unknown(await cancel(rig, order))
    assert not breakers.opened


async def _let(rig: Rig, order: int, given: list[Answer]) -> None:
    line = rig.side.line
    query = f"symbol=BTCUSDT&orderId={order}"
    given.append(await line.ask(line.credential("alpha", ""), "DELETE", "/fapi/v1/order", query, signed=True))


@with_rig()
async def test_answers_to_others_and_repeated_ones_are_nobody_s(rig: Rig) -> None:
    """Nor are texts that are no answer; the one that is comes through."""
    order, other = await resting(rig, 2)
    await close_rest(rig)
    fault(rig, "late:300")
    asked = rig.side.tasks.spawn(_let(rig, order, given := []), "cancel")
    await rig.wait(0.1)
    lie = {"orderId": order, "symbol": "BTCUSDT", "status": "CANCELED"}
    for text in (
        b"", b"[]", b"{", b"null", b'{"id":null,"status":200,"result":{}}', b'{"status":200,"result":{}}',
        *(json.dumps({"id": number, "status": 200, "result": lie}).encode() for number in (0, 2, -1, "1", 1.5, True)),
        b'{"id":1,"result":{}}', b'{"id":1,"status":"200","result":{}}', b'{"id":1,"status":99,"result":{}}',
        b"[" * 20_000,
    ):  # fmt: skip
        wire(rig).deliver(text_frame(text))
    await rig.wait(0.05)
    assert given == []
    await rig.wait(0.5)
    assert asked.done()
    assert given[0].status == 200
    assert json.loads(given[0].body)["orderId"] == order
    repeat = next(data for data in reversed(wire(rig).written) if b'"id":1,' in data)
    wire(rig).deliver(repeat)
    assert (await cancel(rig, other)).status == 200
    assert ways(rig) == (2, 0)


@pytest.mark.parametrize(
    "text",
    [
        b'{"id":1,"status":200}', b'{"id":1,"status":200,"result":{"orderId":1,"symbol":"BTCUSDT"}}',
        b'{"id":1,"status":200,"result":[]}', b'{"id":1,"status":400}', b'{"id":1,"status":400,"error":{"msg":"x"}}',
        b'{"id":1,"status":500,"error":{"code":-1000,"msg":"x"}}', b'{"id":1,"status":400,"error":{"code":-2011}',
        b"\xff",
    ],
)  # fmt: skip
def test_an_answer_that_proves_nothing_is_unknown(tmp_path: Any, text: bytes) -> None:
    """Truncated, about another order, without a code: as over REST."""

    async def story(rig: Rig) -> None:
        (order,) = await resting(rig, 1)
        await close_rest(rig)
        fault(rig, "stall", when="before")
        rig.side.tasks.spawn(_let(rig, order, given := []), "cancel")
        await rig.wait(0.1)
        wire(rig).deliver(text_frame(text))
        while not given:
            await rig.wait(0.5, 0.5)
        assert is_unknown(given[0])
        assert ways(rig) == (1, 0)

    with_rig()(story)(tmp_path)


# -- refused


@with_rig()
async def test_429_there_closes_that_way_until_the_instant_it_names(rig: Rig) -> None:
    """The three of REST are left."""
    orders = await resting(rig, 5)
    wait_s = await close_rest(rig)
    windows = rig.exchange.exchange.windows
    windows.set_limit(SOCKETS, windows.used(SOCKETS, PEER, rig.exchange.now_ms))
    first = await cancel(rig, orders[0])
    assert (first.status, code(first)) == (429, -1003)
    assert wait_s - 3 <= int(first.headers["retry-after"]) <= wait_s
    windows.set_limit(SOCKETS, 2400)
    for order in orders[:3]:
        assert (await cancel(rig, order)).status == 200
    assert why(await cancel(rig, orders[3])) == "venue_backoff"
    assert ways(rig) == (1, 3)


@pytest.mark.threat(40)
@with_rig()
async def test_418_there_closes_the_whole_address(rig: Rig) -> None:
    orders = await resting(rig, 2)
    await close_rest(rig)
    rig.exchange.exchange.guard.ban("futures", PEER, 90, rig.exchange.now_ms)
    first = await cancel(rig, orders[0])
    assert first.status == 418
    for path in ("/fapi/v1/depth", "/api/v3/depth"):
        assert why(await rig.ask("alpha", "GET", path, "symbol=BTCUSDT")) == "venue_ban"
    last = await cancel(rig, orders[1])
    assert (last.status, why(last)) == (418, "venue_ban")
    assert 80 <= int(last.headers["retry-after"]) <= 90
    assert ways(rig) == (1, 0)


@with_rig()
async def test_a_timestamp_found_wrong_is_signed_anew_once_as_over_rest(rig: Rig) -> None:
    """Exchange time is measured before; each try is an exit."""
    order, other = await resting(rig, 2)
    await close_rest(rig)
    fault(rig, "answer:-1021", when="before", times=1)
    answer = await cancel(rig, order)
    assert (answer.status, code(answer)) == (200, None)
    assert [row["code"] for row in by_socket(rig)] == [-1021, None]
    assert (await cancel(rig, other)).status == 200
    assert ways(rig) == (3, 0)


# -- several addresses, another run


@with_rig()
async def test_the_connection_leaves_from_the_address_whose_pool_is_closed(rig: Rig) -> None:
    """While another address is open cancels go by REST from there."""
    rig.configure(text_of({"alpha": "main"}).replace(HEAD, HEAD + 'egress = ["10.0.0.1", "10.0.0.2"]\n'))
    orders = await resting(rig, 4)
    wall = rig.state.wall
    wall.note("usdm", 429, 30, rig.state.monotonic_ms(), "10.0.0.1")
    rig.side.plane.budget.on_stop("10.0.0.1")  # type: ignore[misc]
    await rig.wait(0.3)
    assert rig.left_from == ["10.0.0.1"]
    assert (await cancel(rig, orders[0])).status == 200
    assert ways(rig) == (0, 1)
    wall.note("usdm", 429, 30, rig.state.monotonic_ms(), "10.0.0.2")
    for order in orders[1:]:
        assert (await cancel(rig, order)).status == 200
    assert ways(rig) == (3, 1)
    assert set(rig.left_from) <= {"10.0.0.1", "10.0.0.2"}
    await rig.wait(31)
    assert lines(rig) == {}


@with_rig()
async def test_a_new_run_knows_of_no_429_and_learns_it_by_rest(rig: Rig) -> None:
    """What a run before was told is not kept: its first cancel goes by REST, as it always did."""
    orders = await resting(rig, 3)
    await close_rest(rig)
    assert (await cancel(rig, orders[0])).status == 200
    live = len(rig.exchange.live)
    await rig.side.plane.by_socket.close()
    await rig.wait(0.1)
    assert len(rig.exchange.live) == live - 1
    rig.state.wall.walls.clear()
    assert (await cancel(rig, orders[1])).status == 200
    assert ways(rig) == (1, 1)
