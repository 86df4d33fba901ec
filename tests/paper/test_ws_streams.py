"""Market streams: names, routes, commands, and what is pushed when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import START_MS, Rig
from tests.paper.ws_harness import Client, run

FUTURES = "fstream.binance.com"


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Rig]:
    """A market whose prices move."""
    made = Rig(tmp_path, volatility=100)
    yield made
    made.journal.close()


def events(messages: list[Any]) -> list[Any]:
    return [message for message in messages if "e" in message or "stream" in message]


# raw and combined


def test_raw_and_combined_say_the_same(moving: Rig) -> None:
    raw = Client(moving, "/ws/btcusdt@trade")
    combined = Client(moving, "/stream?streams=btcusdt@trade/ethusdt@trade")
    run(moving, 2000)
    bare, wrapped = raw.read(), combined.read()
    assert len(bare) == 4
    assert [row["data"] for row in wrapped if row["stream"] == "btcusdt@trade"] == bare
    assert {row["stream"] for row in wrapped} == {"btcusdt@trade", "ethusdt@trade"}


def test_several_raw_streams_and_none_at_first(moving: Rig) -> None:
    two = Client(moving, "/ws/btcusdt@trade/ethusdt@trade")
    none = Client(moving, "/stream?streams=")
    run(moving, 1000)
    assert {row["s"] for row in two.read()} == {"BTCUSDT", "ETHUSDT"}
    assert none.read() == []


def test_percent_encoded_and_unicode_names(moving: Rig) -> None:
    name = "%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt%40trade"
    encoded = Client(moving, f"/stream?streams={name}")
    written = Client(moving, "/ws")
    written.ask({"method": "SUBSCRIBE", "params": ["币安人生usdt@trade"], "id": 1})
    run(moving, 500)
    assert encoded.read()[0]["stream"] == "币安人生usdt@trade"
    assert written.read()[0]["s"] == "币安人生USDT"


def test_a_host_may_be_the_first_part_of_the_path(moving: Rig) -> None:
    client = Client(moving, "/fstream.binance.com/market/ws/btcusdt@aggTrade", "127.0.0.1")
    run(moving, 500)
    assert client.read()[0]["e"] == "aggTrade"


# commands


def test_subscribe_list_unsubscribe(moving: Rig) -> None:
    client = Client(moving, "/ws/0")  # a name that means nothing is accepted
    assert client.ask({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1}) == {
        "result": None, "id": 1,
    }  # fmt: skip
    assert client.ask({"method": "LIST_SUBSCRIPTIONS", "id": "x"}) == {
        "result": ["0", "btcusdt@trade", "ethusdt@trade"], "id": "x",
    }  # fmt: skip
    client.ask({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": None})
    run(moving, 500)
    assert {row["s"] for row in client.read()} == {"ETHUSDT"}


def test_the_property_combined(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@trade")
    assert client.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"] is False
    assert client.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})["result"] is None
    run(moving, 500)
    assert client.read()[0]["stream"] == "btcusdt@trade"


@pytest.mark.parametrize(("text", "code"), [
    ("{", 3), ("[]", 2), ('{"id":1}', 2), ('{"method":"FLY","id":1}', 2),
    ('{"method":"SUBSCRIBE","params":"x","id":1}', 2),
    ('{"method":"SUBSCRIBE","params":[3],"id":1}', 2), ('{"method":"GET_PROPERTY","params":["volume"],"id":1}', 0),
    ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1),
    ('{"method":"GET_PROPERTY","params":[],"id":1}', 2),
    ('{"method":"LIST_SUBSCRIPTIONS","id":-1}', 2), ('{"method":"LIST_SUBSCRIPTIONS","id":"%s"}' % ("a" * 37), 2),
])  # fmt: skip
def test_a_wrong_command_is_told(rig: Rig, text: str, code: int) -> None:
    answer = Client(rig, "/ws").ask(text)
    assert answer["error"]["code"] == code
    assert "result" not in answer


def test_at_most_1024_streams(rig: Rig) -> None:
    names = [f"s{number}@trade" for number in range(1025)]
    client = Client(rig, "/ws")
    assert client.ask({"method": "SUBSCRIBE", "params": names, "id": 1})["error"]["code"] == 2
    assert client.ask({"method": "SUBSCRIBE", "params": names[:1024], "id": 2})["result"] is None
    assert client.ask({"method": "SUBSCRIBE", "params": names[1024:], "id": 3})["error"]["code"] == 2
    assert Client(rig, "/stream?streams=" + "/".join(names)).status == 400


# where and when


@pytest.mark.parametrize(("route", "name"), [
    ("public", "btcusdt@bookTicker"), ("public", "!bookTicker"), ("public", "btcusdt@depth"),
    ("public", "btcusdt@depth5@500ms"), ("public", "btcusdt@rpiDepth@500ms"), ("market", "btcusdt@aggTrade"),
    ("market", "btcusdt@markPrice"), ("market", "!markPrice@arr@1s"), ("market", "btcusdt@kline_1m"),
    ("market", "btcusdt_perpetual@continuousKline_1m"), ("market", "!ticker@arr"), ("market", "btcusdt@miniTicker"),
    ("market", "!assetIndex@arr"), ("market", "tradingSession"),
])  # fmt: skip
def test_usdm_streams_are_silent_on_the_wrong_path(moving: Rig, route: str, name: str) -> None:
    other = "market" if route == "public" else "public"
    right, wrong = Client(moving, f"/{route}/ws/{name}", FUTURES), Client(moving, f"/{other}/ws/{name}", FUTURES)
    private, spot = Client(moving, f"/private/ws/{name}", FUTURES), Client(moving, f"/ws/{name}", FUTURES)
    run(moving, 6000)
    assert right.read()
    assert wrong.status == private.status == spot.status == 101
    assert wrong.read() == private.read() == []
    assert bool(spot.read()) == ("bookTicker" in name)  # the retired address carries best prices only


def test_times_in_microseconds_on_spot_only(moving: Rig) -> None:
    spot = Client(moving, "/ws/btcusdt@trade?timeUnit=MICROSECOND")
    futures = Client(moving, "/market/ws/btcusdt@aggTrade?timeUnit=MICROSECOND", FUTURES)
    run(moving, 500)
    assert spot.read()[0]["T"] == moving.now_ms * 1000
    assert futures.read()[0]["T"] == moving.now_ms


@pytest.mark.parametrize(("path", "seconds", "count"), [
    ("/ws/btcusdt@miniTicker", 10, 10), ("/ws/btcusdt@ticker", 10, 10), ("/ws/btcusdt@avgPrice", 10, 10),
    ("/ws/btcusdt@kline_1s", 10, 20), ("/ws/btcusdt@kline_1m", 10, 5), ("/ws/!miniTicker@arr", 10, 10),
    ("/ws/btcusdt@depth", 10, 10), ("/ws/btcusdt@depth@100ms", 10, 20), ("/ws/btcusdt@depth20@100ms", 10, 20),
    ("/ws/btcusdt@blockTrade", 10, 0), ("/ws/!ticker@arr", 10, 0), ("/ws/BTCUSDT@trade", 10, 0),
    ("/ws/btcusdt@trade", 10, 20), ("/ws/btcusdt@ticker_4h", 10, 10), ("/ws/!ticker_1h@arr", 10, 10),
])  # fmt: skip
def test_how_often(moving: Rig, path: str, seconds: int, count: int) -> None:
    """Prices move twice a second; !ticker@arr has left spot, and names are lower case."""
    client = Client(moving, path)
    run(moving, seconds * 1000)
    assert len(client.read()) == count


def test_each_public_trade_comes_once_and_as_rest_has_it(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@trade")
    run(moving, 5000)
    pushed = client.read()
    rest = moving.public("/api/v3/trades", symbol="BTCUSDT", limit=len(pushed)).body
    assert [(row["t"], row["p"], row["q"], row["m"]) for row in pushed] == [
        (row["id"], row["price"], row["qty"], row["isBuyerMaker"]) for row in rest
    ]


def test_a_candle_closes_once_with_its_last_figures(moving: Rig) -> None:
    moving.wait(60_000 - START_MS % 60_000)
    client = Client(moving, "/ws/btcusdt@kline_1m")
    run(moving, 121_000)
    candles = [row["k"] for row in client.read()]
    closed = [candle for candle in candles if candle["x"]]
    rest = moving.public("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=3).body
    assert [candle["t"] for candle in closed] == [row[0] for row in rest[:2]]
    assert [[candle[name] for name in "ohlcv"] for candle in closed] == [row[1:6] for row in rest[:2]]


def test_eastern_days_begin_at_sixteen_utc(moving: Rig) -> None:
    client = Client(moving, "/ws/btcusdt@kline_1d@+08:00")
    run(moving, 2000)
    assert client.read()[0]["k"]["t"] % 86_400_000 == 16 * 3_600_000


def test_best_prices_follow_orders_at_once(rig: Rig) -> None:
    client = Client(rig, "/ws/btcusdt@bookTicker")
    run(rig, 1000)
    before = client.read()[-1]
    rig.order(price=str(float(before["b"])), quantity="0.5")
    run(rig, 100)
    after = client.read()[-1]
    assert (after["b"], after["B"] > before["B"], after["u"] > before["u"]) == (before["b"], True, True)


def test_an_empty_side_is_told_as_nothing(rig: Rig) -> None:
    client = Client(rig, "/ws/ltcbtc@bookTicker/ltcbtc@ticker")
    keeper = rig.exchange.spot.keepers.of("LTCBTC")
    keeper._book.offers = lambda *_: iter(())  # type: ignore[method-assign]
    run(rig, 1000)
    assert client.read()[-1]["b"] == "0.00000000"


def test_a_broken_stream_harms_no_other(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(rig, "/ws/btcusdt@trade/btcusdt@miniTicker")
    stream = next(item for item in rig.exchange.realtime.hub._open.values() if item.name.endswith("miniTicker"))
    stream.make = lambda now: 1 // 0  # type: ignore[assignment,return-value]
    run(rig, 1000)
    assert {row["e"] for row in client.read()} == {"trade"}
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_contract_info_when_it_is_announced(rig: Rig) -> None:
    client = Client(rig, "/market/ws/!contractInfo", FUTURES)
    run(rig, 3000)
    assert client.read() == []
    rig.exchange.realtime.mixed.announce("ETHUSDT", rig.now_ms)
    run(rig, 1000)
    assert [row["s"] for row in client.read()] == ["ETHUSDT"]


def test_a_stream_nobody_listens_to_is_closed(rig: Rig) -> None:
    client = Client(rig, "/ws/btcusdt@depth@100ms")
    keeper = rig.exchange.spot.keepers.of("BTCUSDT")
    assert len(keeper.cursors) == 1
    client.ask({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1})
    assert len(keeper.cursors) == 0


def test_listen_keys_are_not_in_the_journal(rig: Rig) -> None:
    key = rig.raw("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key}).body["listenKey"]
    client = Client(rig, f"/private/ws/{key}", FUTURES)
    client.ask({"method": "UNSUBSCRIBE", "params": [key], "id": 1})
    assert key not in (rig.home / "journal.jsonl").read_text("utf-8")
    assert [line["path"] for line in rig.lines()][-2:] == ["CONNECT", "UNSUBSCRIBE"]
