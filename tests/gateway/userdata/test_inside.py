"""What the gateway does with events itself: unknown orders are found, exposure follows fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.gateway.cells import proves
from tests.gateway.userdata.feeding import EXPOSED, LIMIT, ORDERS, no_answer, once, total
from tests.gateway.userdata.rig import FAMILIES, Rig, text_of, with_rig
from tests.limits.house import key_of

from counterseal.core.failing import TABLE
from counterseal.core.outcome import Outcome
from counterseal.gateway.reply import SINCE

# -- unknown orders


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_order_is_found_as_soon_as_an_event_shows_it(tmp_path: Any, family: str) -> None:
    """Its own answer is lost and reads fail, so the next question would come seconds later."""

    @with_rig()
    async def test(rig: Rig) -> None:
        path, blocked = ORDERS[family], b"GET " + ORDERS[family].encode()
        rig.network.on_answer, symbol = once(no_answer), "BTCUSD_PERP" if family == "coinm" else "BTCUSDT"
        rig.network.closed.add(blocked)
        quantity = "1" if family == "coinm" else "0.002"
        query = f"symbol={symbol}&side=BUY&quantity={quantity}&newClientOrderId=mine{LIMIT}"
        answer = await rig.ask("alpha", "POST", path, query)
        assert answer.headers["x-counterseal-reason"] == "outcome_unknown", answer
        assert len(rig.state.unknowns) == 1
        await rig.wait(9)
        rig.network.closed.discard(blocked)
        last = rig.mouth.count("GET", path)
        await rig.wait(0.2)
        assert (len(rig.state.unknowns), rig.mouth.count("GET", path)) == (1, last), "nobody asks at this moment"
        cancelled = rig.exchange.signed("DELETE", path, key=key_of("main"), symbol=symbol, origClientOrderId="mine")
        assert cancelled.status == 200
        await rig.wait(0.2)
        assert len(rig.state.unknowns) == 0
        entry = rig.state.ledger.get(family, "mine")
        assert entry is not None
        assert (entry.outcome, entry.order_status) == (Outcome.ACCEPTED, "CANCELED")

    test(tmp_path)


@with_rig(products=("usdm",))
async def test_what_an_event_has_shown_is_not_found_absent(rig: Rig) -> None:
    """Reads that deny it for ever are behind, or lie: it stays UNKNOWN, for a person to end."""
    rig.network.on_answer = once(no_answer)
    denial = (400, {"code": -2013, "msg": "Order does not exist."})
    rig.mouth.script["GET /fapi/v1/order"] = [denial] * 200
    await rig.ask("alpha", "POST", ORDERS["usdm"], f"symbol=BTCUSDT&side=BUY&quantity=0.002{LIMIT}")
    await rig.wait(70, 0.25)
    assert len(rig.state.unknowns) == 1
    rig.mouth.script["GET /fapi/v1/order"] = []
    await rig.wait(15, 0.25)
    assert len(rig.state.unknowns) == 0


@with_rig(products=("usdm",))
async def test_nor_what_an_event_has_shown_before(rig: Rig) -> None:
    """The event is there before the answer is given up."""
    rig.network.fixed_s, rig.network.asymmetry = 1.0, 0.0
    rig.network.on_answer = once(lambda: setattr(rig.network, "is_down", True))
    await rig.ask("alpha", "POST", ORDERS["usdm"], f"symbol=BTCUSDT&side=BUY&quantity=0.002{LIMIT}")
    assert (len(rig.state.unknowns), rig.heard("usdm").kinds()) == (1, ["ORDER_TRADE_UPDATE"])
    rig.network.fixed_s, rig.network.is_down = 0.01, False
    rig.mouth.script["GET /fapi/v1/order"] = [(400, {"code": -2013, "msg": "Order does not exist."})] * 200
    await rig.wait(40, 0.25)
    assert len(rig.state.unknowns) == 1


# -- exposure


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fill_counts_before_any_read(tmp_path: Any, family: str) -> None:
    """And again after a read has told the same: once."""

    @with_rig(more=EXPOSED)
    async def test(rig: Rig) -> None:
        await rig.open_exposure()
        symbol = "BTCUSD_PERP" if family == "coinm" else "BTCUSDT"
        rig.network.closed |= {b"openOrders", b"positionRisk"}
        market = rig.exchange.exchange.markets()[family]
        await rig.order(family, LIMIT)
        order = next(iter(rig.side.plane.exposures.tracker.book.orders()))
        assert order.filled == {}
        market.shift(symbol, Decimal("80000"), rig.exchange.now_ms)
        await rig.wait(0.3)
        filled = dict(order.filled)
        assert list(filled.values()) != []
        assert order not in list(rig.side.plane.exposures.tracker.book.orders())
        risk = total(rig)
        rig.network.closed.clear()
        await rig.wait(7, 0.25)
        assert order.filled == filled
        assert total(rig) == pytest.approx(risk, rel=0.1)

    test(tmp_path)


@with_rig(products=("usdm",), more=EXPOSED)
async def test_a_fill_that_comes_before_its_own_answer_counts_once(rig: Rig) -> None:
    await rig.open_exposure()
    rig.network.fixed_s, rig.network.asymmetry = 2.0, 0.0
    order = await rig.order("usdm")
    assert order["status"] in ("NEW", "FILLED")
    rig.network.fixed_s = 0.01
    await rig.wait(8, 0.25)
    assert total(rig) == pytest.approx(200, rel=0.05)
    assert rig.told == []


@proves("stream_gap")
@with_rig(products=("usdm",), more=EXPOSED)
async def test_a_lost_feed_closes_what_raises_risk(rig: Rig) -> None:
    """From the loss until it stands and what was missed has been read; exits and reads go on."""
    await rig.open_exposure()
    order = await rig.order("usdm", LIMIT)
    rig.exchange.is_down = True
    for wire in rig.exchange.live:
        wire.abort()
    await rig.wait(0.1)
    lost_ms = rig.state.monotonic_ms()
    raising = f"symbol=BTCUSDT&side=BUY&quantity=0.002{LIMIT}"
    refused = await rig.ask("alpha", "POST", ORDERS["usdm"], raising)
    assert refused.headers["x-counterseal-reason"] in TABLE["stream_gap"].reasons
    assert abs(int(refused.headers[SINCE.lower()]) - rig.state.told_ms(lost_ms)) <= 100
    cancel = await rig.ask("alpha", "DELETE", ORDERS["usdm"], f"symbol=BTCUSDT&orderId={order['orderId']}")
    assert cancel.status == 200
    reduce = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.002&reduceOnly=true"
    exit_ = await rig.ask("alpha", "POST", ORDERS["usdm"], reduce)
    assert "x-counterseal-reason" not in exit_.headers, exit_
    read = await rig.ask("alpha", "GET", "/fapi/v3/positionRisk")
    assert read.status == 200
    failing = [event for event in rig.told_of("failing") if event["state"] == "stream_gap"]
    assert [event["phase"] for event in failing] == ["began"]
    assert "user stream gap, being resynced: began" in rig.log.of("warning")
    await rig.wait(11)
    assert "no user data: events of this account are missing" in rig.log.of("critical")
    rig.network.closed |= {b"positionRisk"}
    rig.exchange.is_down = False
    await rig.wait(31, 0.1)
    assert rig.row("usdm")["stands"]
    assert await rig.run(rig.side.refresher.read_prices())
    still = await rig.ask("alpha", "POST", ORDERS["usdm"], raising)
    assert still.headers["x-counterseal-reason"] in ("user_stream_gap", "exposure_unread"), "nothing has been read"
    rig.network.closed.clear()
    await rig.wait(8, 0.1)
    assert await rig.run(rig.side.refresher.read_prices())
    assert (await rig.ask("alpha", "POST", ORDERS["usdm"], raising)).status == 200


@with_rig(products=("usdm",), more=EXPOSED)
async def test_a_venue_without_user_data_closes_nothing(rig: Rig) -> None:
    """Fills are looked for by polling, as they were before there were streams."""
    await rig.open_exposure()
    denial = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions."})
    rig.mouth.script["POST /fapi/v1/listenKey"] = [denial] * 9
    for wire in rig.exchange.live:
        wire.lose()
    await rig.wait(1)
    await rig.order("usdm", LIMIT)


@with_rig(products=("usdm",))
async def test_an_account_without_limits_is_not_closed(rig: Rig) -> None:
    rig.exchange.is_down = True
    for wire in rig.exchange.live:
        wire.abort()
    await rig.wait(1)
    await rig.order("usdm", LIMIT)


@with_rig({"alpha": "main", "beta": "second"}, products=("usdm",), more=EXPOSED)
async def test_another_account_is_not_closed(rig: Rig) -> None:
    await rig.open_exposure()
    wires = [
        wire for wire in rig.exchange.live if wire._link is rig.feeds._accounts["second", "usdm"].feed._current.link
    ]  # type: ignore[union-attr]
    rig.exchange.is_down = True
    for wire in wires:
        wire.abort()
    await rig.wait(1)
    await rig.order("usdm", LIMIT, bot="alpha")


@with_rig(products=("usdm",))
async def test_a_reload_that_takes_limits_away_ends_the_catching_up(rig: Rig) -> None:
    rig.configure(text_of({"alpha": "main"}, ("usdm",), EXPOSED))
    await rig.open_exposure()
    rig.network.closed |= {b"positionRisk"}
    for wire in rig.exchange.live:
        wire.lose()
    await rig.wait(2)
    inside = rig.feeds._inside
    assert inside.is_unread("main")  # type: ignore[attr-defined]
    rig.configure(text_of({"alpha": "main"}, ("usdm",)))
    await rig.wait(2)
    assert not inside.is_unread("main")  # type: ignore[attr-defined]


@with_rig(products=("spot",), more=EXPOSED)
async def test_what_was_missed_is_read_with_another_key_where_the_first_is_gone(rig: Rig) -> None:
    """Else an order that it placed would keep the account closed for as long as it rests."""
    await rig.open_exposure()
    await rig.order("spot", LIMIT)
    desk, held = rig.side.signer._desk, rig.side.signer.keys()["main"]
    desk._keys["other"] = desk._keys.pop("main")
    rig.hold({"other": held._replace(ref="other")})
    rig.configure(text_of({"alpha": "main"}, ("spot",), EXPOSED).replace("[keys.main]", "[keys.other]")
                  .replace('keys = ["main"]', 'keys = ["other"]'))  # fmt: skip
    await rig.wait(3)
    assert (rig.row("spot")["stands"], rig.row("spot")["gaps"]) == (True, 1)
    assert not rig.feeds._inside.is_unread("main")  # type: ignore[attr-defined]


@with_rig(products=("spot",), more=EXPOSED)
async def test_a_symbol_that_is_gone_keeps_nothing_closed(rig: Rig) -> None:
    """What is still reckoned there stays; but the exchange will never say more than that it does not know it."""
    await rig.open_exposure()
    await rig.order("spot", LIMIT)
    risk = total(rig)
    gone = (400, {"code": -1121, "msg": "Invalid symbol."})
    rig.mouth.script["GET /api/v3/openOrders"] = [gone] * 99
    for wire in rig.exchange.live:
        wire.lose()
    await rig.wait(3)
    assert rig.row("spot")["gaps"] == 1
    assert not rig.feeds._inside.is_unread("main")  # type: ignore[attr-defined]
    assert total(rig) == risk
    rig.mouth.script["GET /api/v3/openOrders"] = [(400, {"code": -1100, "msg": ""})] * 99
    for wire in rig.exchange.live:
        wire.lose()
    await rig.wait(3)
    assert rig.feeds._inside.is_unread("main")  # type: ignore[attr-defined]
