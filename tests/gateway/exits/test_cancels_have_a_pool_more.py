"""After a 429 of USD-M's REST, three cancels leave by its WebSocket API, then three by REST, then none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.gateway.exits.story import (
    CANCEL,
    LIMIT,
    PEER,
    SOCKETS,
    by_rest,
    by_socket,
    cancel,
    close_rest,
    code,
    resting,
    ways,
    why,
)  # fmt: skip
from tests.gateway.userdata.rig import Rig, with_rig
from tests.limits.lines import Answer


def spent(rig: Rig) -> int:
    """What our ledger has counted of the WebSocket API's pool."""
    budget = rig.side.plane.budget
    return sum(row.spent for row in budget.ledger.report(budget.moment()) if row.pool == SOCKETS)


@pytest.mark.threat(40)
@with_rig()
async def test_three_by_the_websocket_api_then_three_by_rest_then_none(rig: Rig) -> None:
    """All six are executed; the seventh is told when it may."""
    orders = await resting(rig, 7)
    wait_s = await close_rest(rig)
    for number, order in enumerate(orders[:3]):
        answer = await cancel(rig, order)
        body = json.loads(answer.body)
        assert (answer.status, body["status"], body["orderId"]) == (200, "CANCELED", order)
        assert ways(rig) == (number + 1, 0)
    for number, order in enumerate(orders[3:6]):
        assert (await cancel(rig, order)).status == 200
        assert ways(rig) == (3, number + 1)
    last = await cancel(rig, orders[6])
    assert (last.status, why(last)) == (429, "venue_backoff")
    assert 0 < int(last.headers["retry-after"]) <= wait_s
    assert ways(rig) == (3, 3)
    await rig.wait(wait_s + 1)
    assert (await cancel(rig, orders[6])).status == 200
    assert ways(rig) == (3, 4)


@with_rig()
async def test_nothing_is_connected_while_no_429_is_in_force_and_the_connection_ends_with_it(rig: Rig) -> None:
    """One connection, of weight 5, made when the exchange said 429 and not before."""
    dialled = rig.exchange.dialled
    (order, *_) = orders = await resting(rig, 2)
    assert (await cancel(rig, order)).status == 200
    assert (rig.left_from, rig.exchange.dialled, by_rest(rig)) == ([], dialled, 1)
    attempts, before = rig.attempts.count(rig.state.monotonic_ms()), spent(rig)
    wait_s = await close_rest(rig)
    assert (rig.left_from, rig.exchange.dialled) == ([""], dialled + 1)
    assert rig.attempts.count(rig.state.monotonic_ms()) == attempts + 1
    live = len(rig.exchange.live)
    assert (await cancel(rig, orders[1])).status == 200
    assert spent(rig) == before + 5 + 1
    assert rig.exchange.exchange.windows.used(SOCKETS, PEER, rig.exchange.now_ms) == 5 + 1
    await rig.wait(wait_s + 1)
    assert len(rig.exchange.live) == live - 1
    assert rig.exchange.dialled == dialled + 1


@with_rig()
async def test_a_cancel_by_client_id_and_one_of_an_order_that_is_gone(rig: Rig) -> None:
    """The exchange's refusal reaches the bot as over REST."""
    placed = await rig.order("usdm", f"{LIMIT}80000&newClientOrderId=mine-1")
    await close_rest(rig)
    answer = await rig.ask("alpha", *CANCEL, "symbol=BTCUSDT&origClientOrderId=mine-1")
    assert (answer.status, json.loads(answer.body)["orderId"]) == (200, placed["orderId"])
    again = await cancel(rig, placed["orderId"])
    assert (again.status, code(again)) == (400, -2011)
    assert ways(rig) == (2, 0)
    assert len(rig.told_of("cancel_by_socket")) == 2


@with_rig()
async def test_nothing_but_a_cancel_of_one_order_goes_there(rig: Rig) -> None:
    """All of a symbol, a batch, a change and what only reduces have the exits of REST."""
    orders = await resting(rig, 2)
    await close_rest(rig)
    listed = json.dumps(orders).replace(" ", "").replace("[", "%5B").replace("]", "%5D").replace(",", "%2C")
    assert (
        await rig.ask("alpha", "DELETE", "/fapi/v1/batchOrders", f"symbol=BTCUSDT&orderIdList={listed}")
    ).status < 300
    await rig.ask("alpha", "DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT")
    assert by_socket(rig) == []


@with_rig()
async def test_seven_at_once_are_no_more_than_six(rig: Rig) -> None:
    """Each exit is taken once, whoever asks at the same moment."""
    orders = await resting(rig, 7)
    await close_rest(rig)
    answers = await rig.run(_all(rig, orders))
    assert sorted(answer.status for answer in answers) == [200] * 6 + [429]
    assert ways(rig) == (3, 3)


async def _ask(rig: Rig, order: int) -> Answer:
    line = rig.side.line
    query = f"symbol=BTCUSDT&orderId={order}"
    return await line.ask(line.credential("alpha", ""), *CANCEL, query, signed=True)


async def _all(rig: Rig, orders: list[int]) -> list[Answer]:
    return await asyncio.gather(*[_ask(rig, order) for order in orders])


@with_rig()
async def test_the_intent_is_on_record_before_the_exchange_hears_of_it(rig: Rig) -> None:
    """As over REST: and its outcome before the bot hears of it."""
    (order,) = await resting(rig, 1)
    await close_rest(rig)
    counts, seen, charge = rig.side.journal.counts, [], rig.exchange.exchange.realtime.limits.charge

    def charged(*args: Any) -> None:
        seen.append((counts["intent"], counts["outcome"]))
        charge(*args)

    rig.exchange.exchange.realtime.limits.charge = charged  # type: ignore[method-assign]
    before = counts["intent"], counts["outcome"]
    assert (await cancel(rig, order)).status == 200
    assert seen == [(before[0] + 1, before[1])]
    assert (counts["intent"], counts["outcome"]) == (before[0] + 1, before[1] + 1)


@with_rig()
async def test_coin_m_and_usd_m_are_one_pool(rig: Rig) -> None:
    """What COIN-M has spent closes USD-M too, whose cancels have their other way all the same."""
    (order,) = await resting(rig, 1)
    await close_rest(rig, "/dapi/v1/depth", "symbol=BTCUSD_PERP")
    assert (await cancel(rig, order)).status == 200
    assert ways(rig) == (1, 0)


@with_rig()
async def test_a_429_of_the_websocket_apis_own_pool_leaves_rest_alone(rig: Rig) -> None:
    """REST's orders weigh in that pool: when it is they that are too many, it is that one which is spent."""
    orders = await resting(rig, 5)
    rig.exchange.exchange.windows.set_limit(SOCKETS, 0)
    first = await cancel(rig, orders[0])
    assert (first.status, code(first)) == (429, -1003)
    await rig.wait(0.3)
    rig.exchange.exchange.windows.set_limit(SOCKETS, 2400)
    for order in orders[:3]:
        assert (await cancel(rig, order)).status == 200
    assert why(await cancel(rig, orders[3])) == "venue_backoff"
    assert ways(rig) == (0, 4)
    assert rig.left_from == []


@with_rig()
async def test_a_429_of_spot_changes_nothing_for_usd_m(rig: Rig) -> None:
    (order,) = await resting(rig, 1)
    rig.exchange.exchange.windows.set_limit("spot_weight", 1)
    assert (await rig.ask("alpha", "GET", "/api/v3/depth", "symbol=BTCUSDT")).status == 429
    assert (await cancel(rig, order)).status == 200
    assert ways(rig) == (0, 1)
    assert rig.left_from == []
