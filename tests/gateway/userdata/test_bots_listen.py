"""Bots listen to one futures account: each sees its own, and none can end another's stream."""

import json
from urllib.parse import quote

import pytest
from tests.gateway.userdata.bots import BotsRig, events, with_bots

from counterseal.core.userdata.listen_keys import LIFE_MS

ALPHA, BETA = "&type=MARKET&newClientOrderId=a-", "&type=MARKET&newClientOrderId=b-"


@pytest.mark.threat(25)
@with_bots()
async def test_each_sees_its_own_fills_and_one_deletes_its_key(rig: BotsRig) -> None:
    """The other misses nothing; the account's own events are for neither of two that have no right to it."""
    keys = {name: await rig.key(name) for name in ("alpha", "beta")}
    alpha, beta = (rig.bot(f"/private/ws?listenKey={keys[name]}") for name in keys)
    await rig.order("usdm", ALPHA + "1")
    await rig.order("usdm", BETA + "1", bot="beta")
    await rig.wait(0.3)
    both = ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE"]
    assert events(alpha) == [(kind, "a-1") for kind in both]
    assert events(beta) == [(kind, "b-1") for kind in both]
    assert json.loads((await rig.call("alpha", "DELETE", query=f"listenKey={keys['alpha']}")).body) == {}
    await rig.order("usdm", ALPHA + "2")
    await rig.order("usdm", BETA + "2", bot="beta")
    await rig.wait(0.5)
    last = json.loads(alpha.take()[-1])
    assert (last["e"], last["listenKey"]) == ("listenKeyExpired", keys["alpha"])
    assert events(beta) == [(kind, "b-2") for kind in both]
    assert rig.mouth.count("DELETE", "/fapi/v1/listenKey") == 0
    assert (alpha.code, beta.code) == (None, None)


@with_bots({"alpha": "main"})
async def test_the_only_bot_of_an_account_sees_all_of_it(rig: BotsRig) -> None:
    """Also what was placed past the gateway, byte for byte as the exchange says it."""
    bot = rig.bot(f"/private/ws/{await rig.key('alpha')}")
    rig.heard("usdm").events.clear()
    rig.outside("usdm")
    await rig.order("usdm")
    await rig.wait(0.5)
    told = [event.text for event in rig.heard("usdm").events]
    assert len(told) >= 8
    assert bot.take() == told


@with_bots(more="sees_account = true")
async def test_a_bot_with_the_right_sees_the_others(rig: BotsRig) -> None:
    """The last one of the configuration has it."""
    alpha, beta = [rig.bot(f"/private/ws/{await rig.key(name)}") for name in ("alpha", "beta")]
    rig.outside("usdm")
    await rig.order("usdm", ALPHA + "1")
    await rig.wait(0.3)
    assert {kind for kind, _ in events(alpha)} == {"ORDER_TRADE_UPDATE", "TRADE_LITE"}
    seen = events(beta)
    assert "ACCOUNT_UPDATE" in {kind for kind, _ in seen}
    assert len(seen) == 8


@with_bots()
async def test_an_order_without_an_id_and_a_conditional_one(rig: BotsRig) -> None:
    """Their ids are made here before they leave, so that the first event already has an owner."""
    alpha, beta = [rig.bot(f"/private/ws/{await rig.key(name)}") for name in ("alpha", "beta")]
    await rig.order("usdm", "&type=LIMIT&timeInForce=GTC&price=50000")
    query = "symbol=BTCUSDT&side=SELL&algoType=CONDITIONAL&type=STOP_MARKET&triggerPrice=50000&quantity=0.002"
    answer = await rig.ask("alpha", "POST", "/fapi/v1/algoOrder", query)
    assert answer.status == 200, answer
    leg = '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.002","price":"50000"}'
    answer = await rig.ask("alpha", "POST", "/fapi/v1/batchOrders", f"batchOrders={quote(f'[{leg},{leg}]', safe='')}")
    assert answer.status == 200, answer
    await rig.wait(0.3)
    seen = events(alpha)
    updates = ["ORDER_TRADE_UPDATE"]
    assert [kind for kind, _ in seen] == [*updates, "ALGO_UPDATE", *updates, *updates]
    assert all(name.startswith("cs-limits-") for _, name in seen)
    rig.exchange.set_price("usdm", "BTCUSDT", "49000")
    await rig.wait(0.5)
    # The conditional order has become one that trades, under the same id.
    assert {"ALGO_UPDATE", "ORDER_TRADE_UPDATE", "TRADE_LITE"} <= {kind for kind, _ in events(alpha)}
    assert beta.take() == []


@pytest.mark.threat(25)
@with_bots()
async def test_what_the_exchange_places_is_shown_to_no_bot_without_the_right(rig: BotsRig) -> None:
    """Its own order it sees; what the exchange places, of whoever's position, it does not."""
    alpha = rig.bot(f"/private/ws/{await rig.key('alpha')}")
    await rig.order("usdm", "&type=MARKET&newClientOrderId=a-1")
    await rig.wait(0.3)
    assert [name for _, name in events(alpha)] == ["a-1"] * 3
    entry = rig.state.ledger.get("usdm", "a-1")
    assert entry is not None
    # Its events came before its answer, which says NEW: what is over would be remembered as open for ever.
    assert entry.order_status == "FILLED"
    rig.outside("usdm", "&type=MARKET&newClientOrderId=adl_autoclose")
    await rig.wait(0.3)
    assert alpha.take() == []


@with_bots({"alpha": "main"})
async def test_all_the_places_of_a_key(rig: BotsRig) -> None:
    """Raw and combined, in the path and said, on sockets of market streams too; the events that were wanted alone."""
    key, other = await rig.key("alpha"), await rig.key("alpha", "/dapi/v1/listenKey")
    raw = [
        rig.bot(path) for path in (f"/private/ws/{key}", f"/ws/{key}", f"/fstream.binance.com/ws/{key}")
    ]  # fmt: skip
    combined = [
        rig.bot(path)
        for path in (
            f"/private/stream?streams={key}",
            f"/private/stream?listenKey={key}",
            f"/stream?streams={key}/{other}",
        )
    ]
    said = rig.bot("/private/ws")
    said.send({"method": "SUBSCRIBE", "params": [key, key], "id": 1})
    mixed = rig.bot("/market/stream?streams=btcusdt@aggTrade")
    mixed.send({"method": "SUBSCRIBE", "params": ["btcusdt@markPrice@1s", key], "id": 2})
    some = rig.bot(f"/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/TRADE_LITE")
    coinm = rig.bot(f"/dstream.binance.com/ws/{other}")
    await rig.wait(0.2)
    assert said.take() == [b'{"result":null,"id":1}']
    mixed.take()
    await rig.order("usdm", ALPHA + "1")
    await rig.wait(0.2)
    texts = raw[0].take()
    assert [json.loads(text)["e"] for text in texts] == [
        "ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE",
    ]  # fmt: skip
    assert [bot.take() for bot in (*raw[1:], said)] == [texts] * 3
    wrapped = [b'{"stream":"%b","data":%b}' % (key.encode(), text) for text in texts]
    assert [bot.take() for bot in combined] == [wrapped] * 3
    assert [text for text in mixed.take() if key.encode() in text] == wrapped
    assert [json.loads(text)["e"] for text in some.take()] == ["TRADE_LITE", "ACCOUNT_UPDATE"]
    assert coinm.take() == []
    await rig.order("coinm", ALPHA + "2")
    await rig.wait(0.2)
    assert {kind for kind, _ in events(coinm)} == {"ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"}
    assert all(text.startswith(b'{"stream":"%b"' % other.encode()) for text in combined[2].take())
    assert raw[0].take() == []


@with_bots({"alpha": "main"})
async def test_commands_know_keys(rig: BotsRig) -> None:
    """They are listed, and left on this connection alone."""
    key = await rig.key("alpha")
    one, two = rig.bot(f"/private/ws/{key}"), rig.bot("/private/ws")
    two.send({"method": "SUBSCRIBE", "params": [key], "id": 1})
    two.send({"method": "LIST_SUBSCRIPTIONS", "id": 2})
    two.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 3})
    await rig.wait(1.1)
    two.send({"method": "UNSUBSCRIBE", "params": [key], "id": 4})
    two.send({"method": "LIST_SUBSCRIPTIONS", "id": 5})
    await rig.wait(0.1)
    answers = [json.loads(text) for text in two.take()]
    assert [each.get("result", "refused") for each in answers] == [None, [key], "refused", None, []]
    assert key not in json.dumps(answers[2])
    await rig.order("usdm")
    await rig.wait(0.2)
    assert len(one.take()) == 4
    assert two.take() == []


@with_bots({"alpha": "main"})
async def test_a_key_that_is_not_renewed_ends(rig: BotsRig) -> None:
    """After an hour, told with the key that the bot knows; a renewal in time prevents it."""
    key, other = await rig.key("alpha"), await rig.key("alpha", "/dapi/v1/listenKey")
    one, two = rig.bot(f"/private/ws/{key}"), rig.bot(f"/dstream.binance.com/ws/{other}")
    for life in rig.keys._keys._lives.values():
        # An hour of virtual time takes seconds: core/userdata/test_listen_keys.py has its bounds.
        life.until_ms -= LIFE_MS - 2_000
    await rig.wait(1.0)
    assert json.loads((await rig.call("alpha", "PUT")).body) == {"listenKey": key}
    await rig.wait(2.0)
    assert one.take() == []
    told = json.loads(two.take()[0])
    assert (told["e"], told["listenKey"]) == ("listenKeyExpired", other)
    assert (await rig.call("alpha", "PUT", "/dapi/v1/listenKey")).status == 400
    assert await rig.key("alpha", "/dapi/v1/listenKey") != other
    await rig.order("coinm")
    await rig.wait(0.3)
    assert two.take() == []


@pytest.mark.threat(25)
@with_bots()
async def test_a_gap_ends_the_stream_so_that_the_bot_asks(rig: BotsRig) -> None:
    """With a code after which clients connect again: it must not miss a fill without a word."""
    alpha = rig.bot(f"/private/ws/{await rig.key('alpha')}")
    await rig.wait(0.2)
    for wire in rig.exchange.live:
        wire.abort()
    await rig.wait(1.0)
    assert alpha.code == 1012
    again = rig.bot(alpha.path)
    await rig.order("usdm", ALPHA + "1")
    await rig.wait(0.3)
    assert len(events(again)) == 3


@with_bots()
async def test_a_slow_reader_is_cut_and_the_other_is_not(rig: BotsRig) -> None:
    """No event is ever left out for a later one."""
    alpha, beta = [rig.bot(f"/private/ws/{await rig.key(name)}") for name in ("alpha", "beta")]
    alpha.wire.reads = False
    alpha.wire.set_write_buffer_limits(high=0)
    for number in range(3):
        await rig.order("usdm", f"{ALPHA}{number}")
        await rig.order("usdm", f"{BETA}{number}", bot="beta")
    await rig.wait(9)
    assert len(events(beta)) == 9
    alpha.wire.read()
    assert alpha.code == 1013
