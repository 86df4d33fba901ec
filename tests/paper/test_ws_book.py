"""A book kept from the stream is the exchange's book, whatever is lost on the way."""

import os
import random  # noqa: TID251 - seeded
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from tests.paper.harness import Rig
from tests.paper.local_book import LocalBook
from tests.paper.ws_harness import Client, run

MARKETS = {
    "spot": ("/ws/btcusdt@depth@100ms", "stream.binance.com", "/api/v3/depth", 5000),
    "usdm": ("/public/ws/btcusdt@depth@100ms", "fstream.binance.com", "/fapi/v1/depth", 1000),
    "coinm": ("/ws/btcusd_perp@depth@100ms", "dstream.binance.com", "/dapi/v1/depth", 1000),
}
SYMBOLS = {"spot": "BTCUSDT", "usdm": "BTCUSDT", "coinm": "BTCUSD_PERP"}
ORDERS = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order", "coinm": "/dapi/v1/order"}
CANCELS = {"spot": "/api/v3/openOrders", "usdm": "/fapi/v1/allOpenOrders", "coinm": "/dapi/v1/allOpenOrders"}
REFUSED = (-2010, -2019, -2027)  # when luck has spent the money
SIZES = {"spot": ("0.5", "0.111"), "usdm": ("0.5", "0.111"), "coinm": ("500", "111")}  # taken, resting


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, volatility=100, limits={"spot_weight": 1 << 40, "futures_weight": 1 << 40,
                                                 "spot_orders_10s": 1 << 40, "futures_orders_10s": 1 << 40,
                                                 "futures_orders_1m": 1 << 40})  # fmt: skip
    yield made
    made.journal.close()


def snapshot(rig: Rig, market: str) -> dict[str, object]:
    answer = rig.public(MARKETS[market][2], symbol=SYMBOLS[market], limit=MARKETS[market][3])
    assert answer.status == 200, answer.body
    body: dict[str, object] = answer.body
    return body


def trade(rig: Rig, market: str, luck: random.Random) -> None:
    """Something that changes the book: a resting order, a taker, a cancel."""
    symbol, (taken, resting) = SYMBOLS[market], SIZES[market]
    middle = rig.exchange.markets()[market].books[symbol].walk.price_at(rig.now_ms // 500)
    what = luck.choice(["rest", "take", "cancel"])
    if what == "take":
        order(rig, market, side=luck.choice(["BUY", "SELL"]), type="MARKET", quantity=taken)
    elif what == "rest":
        side = luck.choice(["BUY", "SELL"])
        away = Decimal(luck.randint(1, 40)) * (-1 if side == "BUY" else 1)
        price = str((middle + away).quantize(Decimal("0.1")))
        order(rig, market, side=side, type="LIMIT", timeInForce="GTC", price=price, quantity=resting)
    else:
        rig.signed("DELETE", CANCELS[market], symbol=symbol)


def order(rig: Rig, market: str, **params: str) -> None:
    answer = rig.signed("POST", ORDERS[market], symbol=SYMBOLS[market], **params)
    assert answer.status == 200 or answer.code in REFUSED, answer.body


def live(rig: Rig, market: str, minutes: int, seed: int) -> tuple[LocalBook, int]:
    """Keep a book for so long; events are lost now and then.  Gives the book and how often it was compared."""
    luck, local, compared = random.Random(seed), LocalBook(market != "spot"), 0
    client = Client(rig, MARKETS[market][0], MARKETS[market][1])
    for _ in range(minutes * 60 * 10):
        if luck.random() < 0.02:
            trade(rig, market, luck)
        if luck.random() < 0.002:
            rig.exchange.faults.take({"fault": "stream_gap", "match": {"method": "WS"}, "times": luck.randint(1, 3)})
        run(rig, 100)
        for event in client.read():
            local.on_event(event)
        if local.wants_snapshot:
            local.on_snapshot(snapshot(rig, market))
        if local.is_synced and luck.random() < 0.02:
            compared += check(rig, market, local)
    print(f"{market}: {minutes} minutes, {compared} comparisons, {local.resyncs} resyncs")
    return local, compared


def check(rig: Rig, market: str, local: LocalBook) -> int:
    """The local book equals the exchange's, unless an event was lost that no later one has betrayed yet."""
    truth = snapshot(rig, market)
    if local.last_id != truth["lastUpdateId"]:
        assert not rig.exchange.faults.is_idle or rig.exchange.faults.done["stream_gap"]
        return 0
    for name, side in (("bids", local.bids), ("asks", local.asks)):
        rows = {Decimal(price): Decimal(qty) for price, qty in truth[name]}  # type: ignore[attr-defined]
        assert side == rows, name
    return 1


@pytest.mark.parametrize("market", MARKETS)
def test_five_minutes_with_gaps(moving: Rig, market: str) -> None:
    local, compared = live(moving, market, 5, 7)
    assert local.resyncs >= 1
    assert compared > 20


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_an_hour_with_gaps(moving: Rig, market: str) -> None:
    """An hour, or BOOK_MINUTES; CI takes a part."""
    minutes = int(os.environ.get("BOOK_MINUTES", "60"))
    local, compared = live(moving, market, minutes, 11)
    assert local.resyncs >= minutes // 3
    assert compared > minutes * 5


@pytest.mark.parametrize("market", MARKETS)
def test_without_gaps_nothing_is_ever_fetched_again(moving: Rig, market: str) -> None:
    client, local = Client(moving, MARKETS[market][0], MARKETS[market][1]), LocalBook(market != "spot")
    for _ in range(600):
        run(moving, 100)
        for event in client.read():
            local.on_event(event)
        if local.wants_snapshot:
            local.on_snapshot(snapshot(moving, market))
    assert local.resyncs == 0
    assert check(moving, market, local) == 1


def test_ids_follow_each_other_without_a_hole(moving: Rig) -> None:
    spot = Client(moving, *MARKETS["spot"][:2])
    usdm = Client(moving, *MARKETS["usdm"][:2])
    run(moving, 10_000)
    rows, futures = spot.read(), usdm.read()
    assert len(rows) == len(futures) == 20
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(rows))
    assert all(after["pu"] == before["u"] for before, after in pairwise(futures))
    assert all(row["U"] <= row["u"] for row in rows + futures)


def test_streams_of_two_speeds_tell_the_same_story(moving: Rig) -> None:
    fast, slow = Client(moving, "/ws/btcusdt@depth@100ms"), Client(moving, "/ws/btcusdt@depth")
    run(moving, 5000)
    quick, whole = fast.read(), slow.read()
    assert (quick[0]["U"], quick[-1]["u"]) == (whole[0]["U"], whole[-1]["u"])
    merged: dict[str, str] = {}
    for row in quick:
        merged.update(dict(row["b"]))
    assert merged == {price: qty for row in whole for price, qty in row["b"]}


def test_partial_books_are_the_top_of_the_snapshot(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@depth5@100ms")
    run(moving, 500)
    pushed, rest = client.read()[-1], moving.public("/api/v3/depth", symbol="BTCUSDT", limit=5).body
    assert pushed == rest
