"""What does not come through the gateway is told within 5 s, once, with the response that the settings name."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.core.config.texts import config_of
from tests.guard.watch.house import House, on_virtual_time, toml

SEEN_MS = 5_000


def codes(house: House) -> list[str]:
    """Give what was told, in order."""
    return [intruder.code for _, intruder in house.intruders]


@pytest.mark.parametrize("response", ["alert", "halt", "emergency"])
@on_virtual_time
async def test_an_order_that_the_gateway_did_not_send_is_told_once(response: str, tmp_path: Path) -> None:
    house = House(tmp_path, toml() + f'[guard]\non_intruder = "{response}"\n')
    await house.begin()
    message = {"type": "event", "what": "foreign", "account": "main", "family": "usdm", "symbol": "BTCUSDT",
               "side": "BUY", "order_id": 7, "client_id": "x"}  # fmt: skip
    house.watch.on_event(message)
    house.watch.on_event(message)
    house.watch.on_event(message | {"account": "another"})
    assert [(one.code, one.account, one.symbol, one.response) for _, one in house.intruders] == [
        ("intruder_order", "main", "BTCUSDT", response)
    ]
    assert [record["code"] for record in house.records if record["what"] == "intruder"] == ["intruder_order"]
    house.watch.on_event({"type": "event", "what": "foreign_many", "account": "main", "family": "usdm", "orders": 9})
    assert "9 more" in house.intruders[-1][1].text
    await house.end()


@pytest.mark.threat(44)
@on_virtual_time
async def test_a_fill_of_nobody_s_order_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    house.order("alpha")
    since_ms = house.now_ms
    house.order("")
    await house.run(6)
    assert codes(house) == ["intruder_fill"]
    assert house.intruders[0][0] - since_ms <= SEEN_MS
    await house.end()


@on_virtual_time
async def test_a_fill_whose_owner_becomes_known_is_the_owner_s(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    body = house.order("", side="BUY")
    late = {"type": "event", "what": "order", "account": "main", "family": "usdm", "kind": "ORDER_TRADE_UPDATE",
            "owner": "alpha", "body": {"e": "ORDER_TRADE_UPDATE", "E": house.rig.now_ms, "o": {
                "s": "BTCUSDT", "c": "x1", "i": body["orderId"], "X": "FILLED", "S": "BUY", "z": "0.01"}}}  # fmt: skip
    await house.run(1)
    house.watch.on_event(late)
    await house.run(6)
    assert not house.intruders
    assert len(house.watch.lots("alpha")) == 1
    await house.end()


@on_virtual_time
async def test_what_the_exchange_does_itself_is_no_intruder(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    house.rig.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    house.rig.exchange.admin.run({"do": "deposit", "market": "usdm", "asset": "USDT", "amount": "-9990000"})
    house.pump()
    assert codes(house) == ["intruder_transfer"]
    house.order("alpha", quantity="4")
    house.rig.set_price("usdm", "BTCUSDT", "97500")
    await house.run(8)
    forced = house.rig.signed("GET", "/fapi/v1/forceOrders").body
    assert forced, "the position was to be closed by the exchange"
    assert codes(house) == ["intruder_transfer"]
    assert not house.said("recon_differs"), house.alerts
    await house.end()


@on_virtual_time
async def test_funding_is_no_transfer_and_belongs_to_whoever_holds(tmp_path: Path) -> None:
    house = House(tmp_path, toml(), funding_ms=60_000, funding_rate=Decimal("0.0005"))
    await house.begin()
    house.order("alpha", quantity="0.3")
    house.order("beta", quantity="0.1")
    await house.run(70)
    followed = house.watch._world.followed["main", "usdm"]
    paid = {bot: sum(sub.funding.values()) for bot in ("alpha", "beta") for _, sub in followed.truth.books.of(bot)}
    assert paid["alpha"]
    assert abs(paid["alpha"] - 3 * paid["beta"]) < 1
    assert not house.intruders, house.intruders
    assert not house.alerts, house.alerts
    await house.end()


@pytest.mark.parametrize("how", ["told", "told late", "lost"])
@pytest.mark.parametrize(
    ("family", "asset", "amount"), [("usdm", "USDT", "-5000"), ("coinm", "BTC", "-0.5"), ("spot", "USDT", "-5000")]
)
@on_virtual_time
async def test_a_transfer_is_no_loss(how: str, family: str, asset: str, amount: str, tmp_path: Path) -> None:
    """Not even for the moment in which a snapshot has it and no event has told it."""
    house = House(tmp_path, toml((family,)) + "[accounts.main]\nmax_daily_loss = 100\nmax_drawdown = 100\n")
    await house.begin(12)
    house.order("alpha", family)
    await house.run(3)
    house.late_ms, house.deaf = (1_000 if how == "told late" else 0), how == "lost"
    house.rig.exchange.admin.run({"do": "deposit", "market": family, "asset": asset, "amount": amount})
    house.pump()
    await house.run(12)
    assert codes(house) == ["intruder_transfer"]
    assert not house.breaches, list(map(str, house.breaches))
    await house.end()


@on_virtual_time
async def test_an_order_that_only_the_list_shows_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    house.order("alpha")
    house.deaf = True
    house.order("", type="LIMIT", timeInForce="GTC", price="90000")
    house.deaf = False
    house.watch.on_event({"type": "event", "what": "stream_gap", "account": "main", "family": "usdm"})
    await house.run(40)
    assert codes(house) == ["intruder_order"]
    assert "no event has told" in house.intruders[0][1].text
    await house.end()


@on_virtual_time
async def test_changed_rights_of_a_key_are_told_also_over_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    rights = {"ipRestrict": True, "enableReading": True, "enableWithdrawals": False}
    house.asker.change = lambda path, body: dict(rights) if path.endswith("apiRestrictions") else body
    await house.begin(130)
    assert not house.intruders
    rights["ipRestrict"] = False
    await house.run(61)
    assert codes(house) == ["intruder_rights"]
    assert "ipRestrict is false" in house.intruders[0][1].text
    await house.run(70)
    assert len(house.intruders) == 1
    await house.end()
    (tmp_path / "b").mkdir()
    again = House(tmp_path / "b", toml(), house.records)
    again.asker.change = lambda path, body: (
        rights | {"enableWithdrawals": True} if path.endswith("apiRestrictions") else body
    )
    await again.begin(3)
    assert codes(again) == ["intruder_rights"]
    assert "enableWithdrawals is true" in again.intruders[0][1].text
    await again.end()


@on_virtual_time
async def test_another_key_of_the_account_has_rights_of_its_own(tmp_path: Path) -> None:
    """A key was replaced, or another one reads in its place: nobody has changed anything."""
    house = House(tmp_path, toml())
    by_key: dict[str, dict[str, bool]] = {
        "main": {"ipRestrict": True, "enableReading": True}, "main.2": {"ipRestrict": False, "enableReading": True},
    }  # fmt: skip
    now = ["main"]
    house.asker.reads_with = lambda _account: now[0]  # type: ignore[attr-defined]
    house.asker.change = lambda path, body: dict(by_key[now[0]]) if path.endswith("apiRestrictions") else body
    await house.begin(70)
    now[0] = "main.2"
    await house.run(70)
    now[0] = "main"
    await house.run(70)
    assert not house.intruders
    by_key["main"]["ipRestrict"] = False
    await house.run(70)
    assert codes(house) == ["intruder_rights"]
    assert "key main: ipRestrict is false" in house.intruders[0][1].text
    await house.end()


@on_virtual_time
async def test_a_key_that_can_send_money_away_is_told_at_the_first_look(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    house.asker.change = lambda path, body: (
        body | {"permitsUniversalTransfer": True} if path.endswith("apiRestrictions") else body
    )
    await house.begin(3)
    assert codes(house) == ["intruder_rights"]
    await house.end()


@on_virtual_time
async def test_the_beat_tells_which_feeds_stand(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin(12)
    house.watch.on_beat({"type": "beat", "feeds": [["main", "usdm"]]})
    house.deaf = True
    house.order("")
    for _ in range(8):
        await house.run(1)
        house.watch.on_beat({"type": "beat", "feeds": [["main", "usdm"]]})
    assert codes(house) == ["intruder_fill"]
    house.watch.on_beat({"type": "beat", "feeds": []})
    house.order("")
    await house.run(8)
    assert codes(house) == ["intruder_fill"], "where no events come, nothing proves that it is nobody's"
    assert len(house.said("recon_differs")) >= 3
    house.watch.on_beat({"type": "beat"})
    await house.end()


def test_the_response_is_a_setting() -> None:
    assert config_of(toml()).guard.on_intruder == "halt"


@pytest.mark.parametrize("ends", ["restarts", "hangs", "hangs for a moment"])
@on_virtual_time
async def test_while_the_gateway_tells_nothing_a_bot_s_fill_is_no_intruder_s(ends: str, tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    beat = {"type": "beat", "feeds": [["main", "usdm"]]}
    await house.begin(12)
    house.order("alpha", quantity="0.01")
    house.watch.on_beat(beat)
    await house.run(5)
    house.watch.on_beat(beat)
    assert house.watch.picture("main", "usdm")
    house.deaf = True
    if ends == "restarts":
        house.watch.gateway_restarts()
    house.order("alpha", quantity="0.02")
    await house.run(5)
    if ends == "hangs":
        house.watch.events_end()
        house.watch.on_beat({**beat, "feeds": []})
    assert not house.intruders
    if ends == "hangs for a moment":
        house.watch.on_beat(beat)
        await house.run(3)
        assert [one.code for _, one in house.intruders] == ["intruder_fill"], "it speaks again, and not of that"
    else:
        await house.run(6)
        assert not house.intruders
        assert house.watch.picture("main", "usdm") is None, "no events come"
        house.watch.on_beat(beat)
        assert house.watch.picture("main", "usdm")
    assert house.said("recon_differs")
    await house.end()
