"""The calls of listen keys: answered here, at no weight, to whoever may make them; and who may use a key."""

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.gateway.userdata.bots import BotsRig, events, with_bots
from tests.limits.lines import GATEWAY_HOST, Answer, head_of

from counterseal.core import http1
from counterseal.core.http1 import Bad
from counterseal.gateway.admission import Admitted, Inquiry

PATH = "/fapi/v1/listenKey"
AWAY = "10.1.2.3"


async def from_afar(rig: BotsRig, bot: str, method: str = "POST", query: str = "") -> str:
    """Call from another host: gives the reason of a refusal, empty when it was answered."""
    read = http1.read_head(head_of(rig.side.line.credential(bot, ""), method, PATH, query, GATEWAY_HOST, None))
    assert read is not None
    assert not isinstance(read, Bad)
    inquiry = Inquiry(read[0], b"", ip_address(AWAY))
    judged = rig.side.handler.begin(inquiry)
    if isinstance(judged, Admitted):
        judged = await rig.run(rig.side.handler.finish(inquiry, judged))
    return str(judged.headers.get("X-Counterseal-Reason", ""))  # type: ignore[union-attr]  # no handshake


def bind(rig: BotsRig, bot: str, network: str) -> None:
    """Bind a bot's credential to addresses, as a reload does."""
    key_id = rig.side.line.credential(bot, "").key_id
    held = rig.state.credentials
    rig.state.credentials = {**held, key_id: replace(held[key_id], sources=(ip_network(network),))}


def revoke(rig: BotsRig, bot: str) -> None:
    """Take a bot's credential away."""
    key_id = rig.side.line.credential(bot, "").key_id
    rig.state.credentials = {name: held for name, held in rig.state.credentials.items() if name != key_id}


def reason(answer: Answer) -> str:
    return answer.headers.get("x-counterseal-reason", "")


@pytest.mark.threat(25)
@with_bots()
async def test_each_bot_has_a_key_of_its_own(rig: BotsRig) -> None:
    """One for each market; again the same while it lives; nothing is asked of the exchange, nothing is spent."""
    asked, used = len(rig.mouth.asked), rig.state.counter("alpha").weight
    usdm, coinm, other = await rig.key("alpha"), await rig.key("alpha", "/dapi/v1/listenKey"), await rig.key("beta")
    assert len({usdm, coinm, other}) == 3
    assert all(len(key) == 64 and key.isalnum() and key.isascii() for key in (usdm, coinm, other))
    assert await rig.key("alpha") == usdm
    extended = await rig.call("alpha", "PUT", query=f"listenKey={usdm}")
    assert (extended.status, json.loads(extended.body)) == (200, {"listenKey": usdm})
    assert (len(rig.mouth.asked), rig.state.counter("alpha").weight) == (asked, used)
    real = {account.listen_key for account in rig.exchange.exchange.usdm.accounts.values()}
    assert not real & {usdm, other}
    assert "x-counterseal-weight" not in extended.headers


@with_bots()
async def test_what_is_not_there_is_told_as_the_exchange_does(rig: BotsRig) -> None:
    """-1125 for a key that is not the bot's, or not alive."""
    key = await rig.key("alpha")
    for bot, method, query in (
        ("beta", "PUT", ""), ("beta", "PUT", f"listenKey={key}"), ("beta", "DELETE", f"listenKey={key}"),
        ("alpha", "PUT", "listenKey=" + "x" * 64), ("alpha", "DELETE", "listenKey=" + "x" * 64),
    ):  # fmt: skip
        answer = await rig.call(bot, method, query=query)
        assert (answer.status, json.loads(answer.body)) == (
            400, {"code": -1125, "msg": "This listenKey does not exist."},
        )  # fmt: skip
    assert (await rig.call("alpha", "PUT")).status == 200
    assert (await rig.call("alpha", "DELETE")).status == 200
    assert (await rig.call("alpha", "DELETE")).status == 400
    assert await rig.refused(f"/private/ws/{key}") == "stream_unknown"
    assert await rig.key("alpha") != key


@pytest.mark.threat(25)
@with_bots()
async def test_who_may_not_call(rig: BotsRig) -> None:
    """Nobody without a key that is known, with a wrong signature, with an unknown parameter, or without the right."""
    line = rig.side.line
    nobody = line.credential("nobody", "")
    assert reason(await rig.run(line.ask(nobody, "POST", PATH, "", signed=False))) == "credential_or_signature"
    wrong = line.credential("alpha", "")._replace(secret=b"another")
    assert reason(await rig.run(line.ask(wrong, "POST", PATH, "", signed=True))) == "credential_or_signature"
    assert (await rig.run(line.ask(line.credential("alpha", ""), "POST", PATH, "", signed=True))).status == 200
    assert reason(await rig.call("alpha", "POST", query="symbol=BTCUSDT")) == "unknown_parameter"
    assert reason(await rig.call("alpha", "POST", "/papi/v1/listenKey")) == "stream_not_available"
    for bots in ({"purposes": ("read", "trade")}, {"products": ("spot",)}):
        before = rig.state.config
        changed = replace(before.bots["alpha"], **bots)  # type: ignore[arg-type]
        rig.state.config = replace(before, bots={**before.bots, "alpha": changed})
        assert reason(await rig.call("alpha", "POST")) in ("purpose_not_allowed", "product_not_allowed")
        rig.state.config = before


@pytest.mark.threat(25)
@with_bots()
async def test_from_another_host_only_where_it_is_bound(rig: BotsRig) -> None:
    """The key that opens it is sent with every request: an address must vouch for it (ruling 9)."""
    assert await from_afar(rig, "alpha") == "source_not_bound"
    key = await rig.key("alpha")
    assert await rig.refused(f"/private/ws/{key}", peer=AWAY) == "source_not_bound"
    assert await rig.refused(f"/private/ws/{'x' * 64}", peer=AWAY) == "stream_unknown"
    bind(rig, "alpha", "10.9.0.0/16")
    assert await from_afar(rig, "alpha") == "source_not_allowed"
    assert reason(await rig.call("alpha", "POST")) == "source_not_allowed"
    assert await rig.refused(f"/private/ws/{key}") == "source_not_allowed"
    bind(rig, "alpha", "10.1.0.0/16")
    assert await from_afar(rig, "alpha") == ""
    remote = rig.bot(f"/private/ws/{key}", peer=AWAY)
    said = rig.bot("/private/stream", peer=AWAY)
    said.send({"method": "SUBSCRIBE", "params": [key], "id": 1})
    await rig.wait(0.1)
    assert said.take() == [b'{"result":null,"id":1}']
    bind(rig, "alpha", "0.0.0.0/0")
    await rig.order("usdm")
    await rig.wait(0.2)
    assert len(remote.take()) == len(said.take()) == 3


@pytest.mark.threat(25)
@with_bots()
async def test_a_restart_ends_no_key(rig: BotsRig) -> None:
    """It is prolonged, ended and listened with as before, by who may; what has been taken from a bot stays taken."""
    alpha, beta = await rig.key("alpha"), await rig.key("beta")
    coinm, deleted = await rig.key("alpha", "/dapi/v1/listenKey"), await rig.key("beta", "/dapi/v1/listenKey")
    rig.restart()
    listening = rig.bot(f"/private/ws/{alpha}")
    assert (await rig.call("alpha", "PUT", "/dapi/v1/listenKey", f"listenKey={coinm}")).status == 200
    assert (await rig.call("beta", "DELETE", "/dapi/v1/listenKey", f"listenKey={deleted}")).status == 200
    assert await rig.refused(f"/dstream.binance.com/ws/{deleted}") == "stream_unknown"
    assert await rig.refused(f"/private/ws/{beta}", peer=AWAY) == "source_not_bound"
    assert await rig.key("alpha") == alpha
    await rig.order("usdm", "&type=MARKET&newClientOrderId=a-1")
    await rig.wait(0.3)
    assert [name for _, name in events(listening)] == ["a-1"] * 3
    rig.restart()
    revoke(rig, "alpha")
    config = rig.state.config
    keys = {name: replace(key, account="elsewhere") for name, key in config.keys.items()}
    assert await rig.refused(f"/private/ws/{alpha}") == "stream_unknown"
    rig.state.config = replace(config, keys=keys)
    assert await rig.refused(f"/private/ws/{beta}") == "stream_unknown"
    rig.state.config = config
    assert rig.bot(f"/private/ws/{beta}").status == 101


@pytest.mark.threat(37)
@with_bots()
async def test_market_data_stays_with_this_host(rig: BotsRig) -> None:
    """A key lets nobody from elsewhere at what is public for this host alone."""
    bind(rig, "alpha", "10.1.0.0/16")
    await from_afar(rig, "alpha")
    key = next(iter(rig.keys._keys._holders))
    assert await rig.refused(f"/stream?streams=btcusdt@trade/{key}", peer=AWAY) == "anonymous_not_allowed"
    assert await rig.refused("/ws", peer=AWAY) == "anonymous_not_allowed"
    bot = rig.bot(f"/ws/{key}", peer=AWAY)
    bot.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
    await rig.wait(0.1)
    assert "error" in json.loads(bot.take()[0])


@pytest.mark.threat(25)
@with_bots()
async def test_only_keys_that_were_made_here_open_anything(rig: BotsRig) -> None:
    """Not the exchange's own, not one of another market, not another bot's from where that bot may not be."""
    real = rig.exchange.exchange.usdm.accounts["main"].listen_key
    assert real is not None
    key = await rig.key("alpha")
    for path in (f"/private/ws/{real}", f"/private/ws?listenKey={real}", f"/ws/{real}", f"/stream?streams={real}",
                 f"/dstream.binance.com/ws/{key}", f"/stream.binance.com/ws/{key}",
                 f"/private/ws?listenKey={key[:-1]}", f"/private/stream?streams={key}/{real}"):  # fmt: skip
        assert await rig.refused(path) == "stream_unknown", path
    bot = rig.bot("/private/ws")
    bot.send({"method": "SUBSCRIBE", "params": [key, real], "id": 1})
    await rig.wait(0.1)
    answer = bot.take()[0]
    assert json.loads(answer)["error"]["code"] == 2
    assert real.encode() not in answer
    await rig.order("usdm")
    await rig.wait(0.2)
    assert bot.take() == []


@pytest.mark.threat(25)
@pytest.mark.parametrize("how", ["revoked", "expired", "moved", "policy", "bound"])
def test_what_a_bot_loses_ends_its_stream_within_a_second(tmp_path: Path, how: str) -> None:
    """And leaves the other bot's alone."""

    async def test(rig: BotsRig) -> None:
        alpha, beta = [rig.bot(f"/private/stream?streams={await rig.key(name)}") for name in ("alpha", "beta")]
        await rig.wait(0.3)
        assert alpha.code is None
        key_id, config = rig.side.line.credential("alpha", "").key_id, rig.state.config
        if how == "revoked":
            revoke(rig, "alpha")
        elif how == "expired":
            held = replace(rig.state.credentials[key_id], expires_ms=rig.clock.wall_ns() // 1_000_000)
            rig.state.credentials = {**rig.state.credentials, key_id: held}
        elif how == "bound":
            bind(rig, "alpha", "10.1.0.0/16")
        elif how == "policy":
            bots = {**config.bots, "alpha": replace(config.bots["alpha"], purposes=("read", "trade"))}
            rig.state.config = replace(config, bots=bots)
        else:
            keys = {name: replace(key, account="elsewhere") for name, key in config.keys.items()}
            rig.state.config = replace(config, keys=keys)
        await rig.wait(0.6)
        if how == "moved":
            # Nobody has a key of that account any more: its feed ends too, and whichever is seen first is told.
            assert {alpha.code, beta.code} <= {1008, 1012}
            assert [await rig.refused(bot.path) for bot in (alpha, beta)] == ["no_key"] * 2
            return
        assert (alpha.code, beta.code) == (1008, None)
        await rig.order("usdm", "&type=MARKET&newClientOrderId=b-1", bot="beta")
        await rig.wait(0.3)
        assert len(events(beta)) == 3
        assert await rig.refused(alpha.path) is not None

    with_bots()(test)(tmp_path)


@pytest.mark.threat(25)
@with_bots()
async def test_a_refused_handshake_writes_no_key(rig: BotsRig) -> None:
    """Not the whole of one, and no part of one, however long the path before it."""
    key = await rig.key("alpha")
    rig.given.add(key[:20])
    for path in (f"/ws/{key}", f"/fstream.binance.com/ws/{'a.' * 40}/{key}", f"/x.y/{'/' * 90}{key}",
                 f"/ws/{key}?other=1", f"/dstream.binance.com/private/ws/{key}"):  # fmt: skip
        rig.bot(path, headers={"Sec-WebSocket-Version": "8"})
        rig.bot(path, peer=AWAY)
        rig.bot(path, headers={"Origin": "http://evil.example"})
    await rig.wait(0.1)
    assert sum(record["type"] == "denied" for record in rig.side.journal.records) >= 15
