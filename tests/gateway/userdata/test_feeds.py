"""Every account's events come in, from each market, whoever listens; what ends a connection ends no feed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.userdata.feeding import KEY, LIMIT, feed, numbers, wire_of
from tests.gateway.userdata.rig import FAMILIES, Listening, Rig, text_of, with_rig
from tests.limits.house import key_of

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.gateway.userdata.feeds import wanted
from counterseal.gateway.userdata.way import Opening


@with_rig()
async def test_events_of_an_order_reach_whoever_listens(rig: Rig) -> None:
    """Each to its own market, as it came."""
    for family in FAMILIES:
        assert rig.row(family)["stands"]
        await rig.order(family)
        await rig.wait(0.2)
        heard = rig.heard(family)
        assert all((event.account, event.family) == ("main", family) for event in heard.events)
        assert all(json.loads(event.text) == event.body and event.body["e"] == event.kind for event in heard.events)
        kinds = heard.kinds()
        assert "executionReport" in kinds or "ORDER_TRADE_UPDATE" in kinds
        assert rig.row(family)["event_age_ms"] is not None
    assert all(listening.kinds() == [] for listening in rig.listening.values())
    assert rig.told == []


@with_rig()
async def test_who_has_left_hears_nothing_and_who_came_twice_hears_once(rig: Rig) -> None:
    twice = Listening()
    for _ in range(2):
        rig.feeds.join(twice, "main", "usdm")
    rig.feeds.leave(rig.heard("usdm"), "main", "usdm")
    rig.feeds.leave(rig.heard("usdm"), "main", "usdm")
    await rig.order("usdm", LIMIT)
    await rig.wait(0.2)
    assert (twice.kinds(), rig.heard("usdm").kinds()) == (["ORDER_TRADE_UPDATE"], [])


@with_rig()
async def test_one_listener_that_breaks_takes_nothing_from_the_others(rig: Rig) -> None:
    class Broken(Listening):
        def on_event(self, event: object) -> None:
            raise RuntimeError("x" * 40)

    rig.feeds.leave(rig.heard("usdm"), "main", "usdm")
    rig.feeds.join(Broken(), "main", "usdm")
    rig.feeds.join(rig.heard("usdm"), "main", "usdm")
    await rig.order("usdm", LIMIT)
    await rig.wait(0.2)
    assert rig.heard("usdm").kinds() == ["ORDER_TRADE_UPDATE"]
    assert rig.log.of("error") == ["an event of user data could not be taken"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_connection_that_is_cut_is_a_gap_and_stands_soon_again(tmp_path: Any, family: str) -> None:
    @with_rig()
    async def test(rig: Rig) -> None:
        heard = rig.heard(family)
        heard.gaps.clear()
        wire_of(rig, family).lose()
        await rig.wait(0.05)
        assert (rig.row(family)["stands"], heard.gaps) == (False, [])
        await rig.wait(0.7)
        assert (rig.row(family)["stands"], rig.row(family)["gaps"]) == (True, 1)
        assert heard.gaps == [("main", family)]
        assert [event["what"] for event in rig.told] == ["user_stream_lost", "user_stream_stands"]
        await rig.order(family, LIMIT)
        await rig.wait(0.2)
        assert len(numbers(heard)) == 1

    test(tmp_path)


@with_rig(products=("usdm",))
async def test_a_listen_key_is_kept_alive(rig: Rig) -> None:
    await rig.idle(4000)
    assert (rig.mouth.count("POST", KEY), rig.row("usdm")["gaps"]) == (1, 0)
    assert 11 <= rig.mouth.count("PUT", KEY) <= 13


@with_rig(products=("usdm",))
async def test_a_listen_key_that_expires_is_replaced(rig: Rig) -> None:
    """Nothing can be kept alive while the exchange cannot be reached; its message says so."""
    rig.network.closed.add(b"PUT " + KEY.encode())
    await rig.idle(3610)
    await rig.wait(1)
    assert rig.mouth.count("POST", KEY) == 2
    await rig.run(rig.side.refresher.measure_offset())
    assert (rig.row("usdm")["gaps"], rig.row("usdm")["stands"]) == (1, True)
    await rig.order("usdm", LIMIT)
    await rig.wait(0.2)
    assert rig.heard("usdm").kinds() == ["ORDER_TRADE_UPDATE"], "the expiry, which shows the key, is for nobody"


@with_rig(products=("usdm",))
async def test_a_listen_key_that_somebody_else_deletes_is_replaced(rig: Rig) -> None:
    gone = rig.exchange.raw("DELETE", KEY, {"X-MBX-APIKEY": key_of("main").api_key})
    assert gone.status == 200
    await rig.wait(1.5)
    assert (rig.row("usdm")["gaps"], rig.row("usdm")["stands"]) == (1, True)
    assert [event["what"] for event in rig.told] == ["user_stream_lost", "user_stream_stands"]
    assert rig.told[0]["why"] == "the listen key has ended"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((400, {"code": -1125, "msg": "This listenKey does not exist."}), "the listen key cannot be extended"),
        ((200, {"listenKey": "A" * 64}), "the listen key was replaced"),
    ],
)
def test_a_listen_key_that_is_silently_gone_is_noticed(tmp_path: Any, answer: tuple[int, Any], why: str) -> None:
    """A connection with a key that opens nothing is silent for ever."""

    @with_rig(products=("usdm",))
    async def test(rig: Rig) -> None:
        rig.mouth.script[f"PUT {KEY}"] = [answer]
        await rig.idle(310)
        await rig.wait(1)
        assert (rig.mouth.count("PUT", KEY), rig.mouth.count("POST", KEY)) == (1, 2)
        assert (rig.row("usdm")["gaps"], rig.row("usdm")["stands"]) == (1, True)
        assert rig.told[0]["why"] == why

    test(tmp_path)


@with_rig(products=("usdm",))
async def test_an_extension_that_fails_for_a_moment_is_tried_again(rig: Rig) -> None:
    rig.mouth.script[f"PUT {KEY}"] = [(503, {"code": -1008, "msg": ""}), (429, {}), (200, {})]
    await rig.idle(600)
    assert rig.mouth.count("PUT", KEY) == 3
    assert rig.row("usdm")["gaps"] == 0


@with_rig(products=("usdm",))
async def test_who_answers_does_not_say_where_we_connect(rig: Rig) -> None:
    rig.mouth.script[f"POST {KEY}"] = [(200, {"listenKey": "x HTTP/1.1\r\nHost: evil"}), (200, [1]), (200, {})]
    wire_of(rig, "usdm").lose()
    before = rig.exchange.dialled
    await rig.wait(1)
    assert rig.exchange.dialled == before
    assert rig.row("usdm")["why"] == "unreadable answer to a listen key's request"
    await rig.idle(200)
    assert rig.row("usdm")["stands"]


@with_rig({"alpha": "main", "beta": "second"})
async def test_two_accounts_hear_of_their_own_alone(rig: Rig) -> None:
    assert len(rig.feeds.report()) == 6
    for family in FAMILIES:
        await rig.order(family, LIMIT, bot="beta")
        await rig.wait(0.2)
        assert (len(numbers(rig.heard(family, "second"))), rig.heard(family).kinds()) == (1, [])


@with_rig({"alpha": "main", "beta": "second"})
async def test_a_reload_takes_feeds_away_and_brings_them(rig: Rig) -> None:
    rig.configure(text_of({"alpha": "main"}, products=("usdm",)))
    await rig.wait(0.5)
    assert [(row["account"], row["family"]) for row in rig.feeds.report()] == [("main", "usdm")]
    assert (len(rig.exchange.live), rig.row("usdm")["gaps"]) == (1, 0)
    rig.exchange.signed("POST", "/api/v3/order", key=key_of("second"), symbol="BTCUSDT", side="BUY", type="MARKET",
                        quantity="0.002")  # fmt: skip
    await rig.wait(0.2)
    assert rig.heard("spot", "second").events == []
    rig.configure(text_of({"alpha": "main", "beta": "second"}))
    await rig.wait(1)
    assert all(row["stands"] for row in rig.feeds.report())
    assert len(rig.feeds.report()) == 6


@with_rig(products=("usdm", "spot"))
async def test_a_reload_while_it_connects_makes_no_connection(rig: Rig) -> None:
    asked, dialled = rig.mouth.count("POST", KEY), rig.exchange.dialled
    rig.network.fixed_s = 2.0
    wire_of(rig, "usdm").lose()
    await rig.wait(0.8)
    rig.configure(text_of({"alpha": "main"}, products=("spot",)))
    await rig.wait(4)
    assert rig.mouth.count("POST", KEY) - asked == 1, "its request was on the way"
    assert rig.exchange.dialled == dialled


def test_where_it_connects_is_shown_by_nothing() -> None:
    assert "KEY" not in repr(Opening("/ws/KEY", is_other=False))


@with_rig(products=("usdm",))
async def test_keys_that_come_and_go(rig: Rig) -> None:
    """Without a key there is no feed; another key of the account is another connection."""
    keys = dict(rig.side.signer.keys())
    rig.hold({})
    await rig.wait(0.5)
    assert (rig.feeds.report(), rig.exchange.live) == ([], [])
    rig.hold({"main": keys["main"]._replace(environment="testnet")})
    await rig.wait(0.5)
    assert rig.feeds.report() == []
    rig.hold(keys)
    await rig.wait(0.5)
    old = wire_of(rig, "usdm")
    rig.hold(dict(keys))
    await rig.wait(0.5)
    assert wire_of(rig, "usdm") is old, "the same key again"


@with_rig(products=("usdm",))
async def test_who_listens_is_told_that_there_is_no_feed_any_more(rig: Rig) -> None:
    """A bot would go on listening to nothing."""
    rig.heard("usdm").gaps.clear()
    rig.hold({})
    await rig.wait(1.5)
    assert (rig.heard("usdm").gaps, rig.feeds.stands("main", "usdm")) == ([("main", "usdm")], False)
    assert not rig.feeds.is_lost("main"), "nothing is expected of it"
    assert rig.log.of("error") == []


@with_rig(products=("usdm",))
async def test_a_feed_whose_key_is_replaced_is_lost_until_it_stands_again(rig: Rig) -> None:
    """What happens between the two connections is missing, as after any other loss."""
    old, key = wire_of(rig, "usdm"), rig.side.signer.keys()["main"]
    rig.heard("usdm").gaps.clear()
    rig.network.is_down = True
    rig.hold({"main": key._replace(api_key=key_of("other").api_key)})
    await rig.wait(0.5)
    assert (old.is_over, rig.row("usdm")["stands"], rig.feeds.is_lost("main")) == (True, False, True)
    rig.network.is_down = False
    rig.hold({"main": key})
    await rig.wait(1)
    assert (rig.row("usdm")["stands"], rig.row("usdm")["gaps"]) == (True, 1)
    assert rig.heard("usdm").gaps == [("main", "usdm")]
    assert [(event["what"], event.get("why")) for event in rig.told] == [
        ("user_stream_lost", "another key"), ("user_stream_stands", None),
    ]  # fmt: skip


@with_rig(products=("spot",))
async def test_what_a_subscription_weighs_is_in_the_ledger(rig: Rig) -> None:
    """Two for the connection, two for the subscription: nobody else counts them."""
    ours = [pool for pool in rig.side.plane.budget.ledger.report(rig.side.plane.budget.moment())
            if pool.pool == "spot_weight"]  # fmt: skip
    used = rig.exchange.exchange.windows.used("spot_weight", "127.0.0.1", rig.exchange.now_ms)
    assert used == 4
    before = ours[0].spent
    wire_of(rig, "spot").lose()
    await rig.wait(1)
    after = next(pool for pool in rig.side.plane.budget.ledger.report(rig.side.plane.budget.moment())
                 if pool.pool == "spot_weight")  # fmt: skip
    assert after.spent - before == 4


@with_rig(products=("usdm",))
async def test_what_cannot_be_read_is_counted(rig: Rig) -> None:
    link = feed(rig, "usdm")._current.link  # type: ignore[union-attr]
    for text in (b"{", b"[" * 100_000, b'{"e":5}', b'{"x":1}', b"[]"):
        feed(rig, "usdm").on_text(link, text)
    assert rig.row("usdm")["unread"] == 4
    assert rig.heard("usdm").events == []


def test_the_key_that_reads_is_chosen_and_on_spot_one_that_cannot_log_on() -> None:
    text = text_of({"alpha": "main"}, products=("spot", "usdm"))
    text = text.replace('keys = ["main"]', 'keys = ["main", "hmac"]')
    for name, function in (("reader", "account"), ("hmac", "trade"), ("set", "settings")):
        text += f'[keys.{name}]\nfunctions = ["{function}"]\n'
    text += '[keys.none]\nfunctions = ["account"]\naccount = "unused"\n'
    config = load(text)
    assert isinstance(config, Config), config
    kinds = {"main": "ed25519", "reader": "ed25519", "hmac": "hmac", "set": "hmac", "none": "hmac"}
    held = {name: HeldKey(name, "K" * 64, kind, "paper") for name, kind in kinds.items()}

    def chosen(*gone: str) -> dict[tuple[str, str], str]:
        left = {name: key for name, key in held.items() if name not in gone}
        return {whose: key.ref for whose, key in wanted(config, left).items()}

    assert chosen() == {("main", "spot"): "hmac", ("main", "usdm"): "reader"}
    assert chosen("hmac") == {("main", "spot"): "reader", ("main", "usdm"): "reader"}
    assert chosen("reader") == {("main", "spot"): "hmac", ("main", "usdm"): "main"}
    assert chosen("hmac", "reader") == {("main", "spot"): "main", ("main", "usdm"): "main"}
    assert chosen("hmac", "reader", "main") == {}
