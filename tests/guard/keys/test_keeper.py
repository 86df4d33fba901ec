"""The guard asks what each key may do: at its start, now and again, and when the signer holds a new one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.guard.hands.house import Stage, on_stage
from tests.limits.house import OURS, key_of

from counterseal.core.alerts.model import Alert, Severity
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.guard.keys import keeper
from counterseal.guard.keys.keeper import AGAIN_MS, HOUR_MS, KeyKeeper
from counterseal.guard.keys.probe import RESTRICTIONS, TRADING_STATUS
from counterseal.paper.keys import RESTRICTED

# An hour instead of a day: the settings say how often.
HOUR_S = 3_600.0
READER = '\n[keys.reader]\nfunctions = ["account"]\naccount = "main"\n'


class House:
    """A keeper that runs, and what it tells."""

    def __init__(self, stage: Stage, draw: Callable[[int], int] = lambda _n: 0) -> None:
        self.stage = stage
        self.alerts: list[Alert] = []
        self.sent: list[Mapping[str, Any]] = []
        self.records: list[Mapping[str, Any]] = []
        config: Config = stage.hands._config()
        self.config = replace(config, facts=replace(config.facts, ask_hours=1))
        self.keeper = KeyKeeper(
            lambda: self.config, stage.hands.asker, stage.signer.keys, self.alerts.append, self.sent.append,
            self.records.append, stage.clock, stage.tasks, draw,
        )  # fmt: skip

    async def run(self, seconds: float = 5.0) -> None:
        self.stage.tasks.spawn(self.keeper.keep(), "keys")
        await self.stage.pass_s(seconds)

    def codes(self) -> list[str]:
        return [alert.code for alert in self.alerts]

    def change(self, account: str = "main", **changes: Any) -> None:
        self.stage.house.exchange.keys.change(key_of(account).api_key, changes)

    def asks(self) -> int:
        return len(self.stage.asked(RESTRICTIONS))

    def refused(self) -> Mapping[str, str]:
        return self.sent[-1]["refused"] if self.sent else {}


def watched(act: Callable[[House], Awaitable[None]], tail: str = "", draw: Callable[[int], int] = lambda _n: 0) -> None:
    async def play(stage: Stage) -> None:
        await act(House(stage, draw))

    on_stage(play, tail=tail)


def test_each_key_is_asked_at_the_start_and_then_as_often_as_the_settings_say() -> None:
    async def act(house: House) -> None:
        await house.run()
        assert house.asks() == 1
        known = house.keeper.view()["main"]
        assert known["asked_ms"] is not None
        assert known["findings"] == []
        await house.stage.pass_s(HOUR_S - 60)
        assert house.asks() == 1
        await house.stage.pass_s(60)
        assert house.asks() == 2
        assert [record["ref"] for record in house.records] == ["main", "main"]
        assert house.alerts == []

    watched(act)


def test_not_all_of_them_at_one_moment() -> None:
    async def act(house: House) -> None:
        await house.run(HOUR_S * 0.9 - 10)
        assert house.asks() == 1
        await house.stage.pass_s(20)
        assert house.asks() == 2

    watched(act, draw=lambda n: n - 1)


def test_what_can_withdraw_is_refused_and_the_gateway_is_told() -> None:
    async def act(house: House) -> None:
        house.change(shows=("enableWithdrawals", "permitsUniversalTransfer"))
        await house.run()
        assert house.codes() == ["key_withdrawals", "key_transfers"]
        assert house.alerts[0].severity is Severity.CRITICAL
        assert "main" in house.alerts[0].title
        assert set(house.refused()) == {"main"}
        assert "can withdraw" in house.refused()["main"]
        assert house.sent[-1]["restricted"] == {"main": False}
        # Mended, and asked again: no longer refused.
        house.change(shows=())
        await house.stage.pass_s(HOUR_S)
        assert house.refused() == {}

    watched(act)


def test_a_reload_judges_anew() -> None:
    async def act(house: House) -> None:
        house.change(shows=("permitsUniversalTransfer",))
        await house.run()
        assert house.refused() == {}
        house.config = replace(house.config, facts=replace(house.config.facts, transfers="refuse"))
        await house.stage.pass_s(2)
        assert set(house.refused()) == {"main"}

    watched(act)


def test_a_new_gateway_is_told_at_once_and_nothing_is_told_as_long_as_nothing_is_known() -> None:
    async def act(house: House) -> None:
        house.stage.fault("reset", times=99, path=RESTRICTIONS)
        await house.run()
        assert [message["refused"] for message in house.sent] in ([], [{}])
        assert "asked_ms" in house.keeper.view()["main"]
        house.stage.house.exchange.faults.take({"clear": True})
        await house.stage.pass_s(AGAIN_MS / 1000 + 5)
        count = len(house.sent)
        house.keeper.again()
        assert len(house.sent) == count + 1
        assert house.sent[-1]["restricted"] == {"main": False}

    watched(act)


def test_a_key_that_cannot_be_asked_for_ten_minutes_is_told() -> None:
    async def act(house: House) -> None:
        house.stage.fault("answer:502", times=10_000, path=RESTRICTIONS)
        await house.run(9 * 60)
        assert house.codes() == []
        await house.stage.pass_s(3 * 60)
        assert house.codes() == ["key_unasked"]

    watched(act)


def test_a_locked_account_is_told() -> None:
    async def act(house: House) -> None:
        house.stage.house.exchange.spot.locked_until["main"] = house.stage.house.exchange.now_ms() + 3_600_000
        await house.run()
        assert house.codes() == ["key_locked"]
        assert len(house.stage.asked(TRADING_STATUS)) == 1

    watched(act)


def test_a_permission_to_trade_that_ends_is_told() -> None:
    async def act(house: House) -> None:
        now_ms = house.stage.house.exchange.now_ms()
        house.change(trading_until_ms=now_ms + 5 * 24 * HOUR_MS)
        await house.run()
        assert house.codes() == ["key_expiring"]
        assert "4 days and 23 hours" in house.alerts[0].text

    watched(act)


def test_a_version_that_is_on_its_way_out_is_left_alone() -> None:
    async def act(house: House) -> None:
        held = HeldKey("main", key_of("main").api_key, "hmac", "paper", "draining")
        house.stage.signer.given = {"main": held}
        await house.run(120)
        assert house.asks() == 0
        assert house.keeper.view()["main"]["why"] == "it is being replaced"

    watched(act)


def test_what_is_of_another_environment_or_in_no_settings_is_not_asked() -> None:
    async def act(house: House) -> None:
        api_key = key_of("main").api_key
        house.stage.signer.given = {
            "main": HeldKey("main", api_key, "hmac", "production"), "gone": HeldKey("gone", api_key, "hmac", "paper"),
        }  # fmt: skip
        await house.run(120)
        assert house.asks() == 0
        assert set(house.keeper.view()) == {"main"}

    watched(act)


# -- quarantine


async def read(house: House) -> Any:
    return await house.stage.hands.asker.send("main", "usdm", "GET", "/fapi/v3/account")


@pytest.mark.threat(67)
def test_a_deleted_key_is_asked_with_once_more_and_then_left_alone() -> None:
    async def act(house: House) -> None:
        await house.run()
        house.stage.house.exchange.keys.delete(key_of("main").api_key)
        asker, before = house.stage.hands.asker, len(house.stage.house.served)
        for _ in range(10):
            await asker.ask("main", "usdm", "GET", "/fapi/v3/account")
            await house.stage.pass_s(1)
        signed = [one for one in house.stage.house.served[before:] if "signature=" in one.query]
        assert [one.path for one in signed] == ["/fapi/v3/account", RESTRICTIONS]
        assert house.codes() == ["key_quarantined"]
        assert "key main: key, it is bound to no address" in house.alerts[0].text
        assert house.keeper.quarantined()[0]["cause"] == "key"

    watched(act)


@pytest.mark.threat(67)
def test_what_lets_go_is_tried_once_a_second_and_ends_the_quarantine_when_it_is_taken() -> None:
    async def act(house: House) -> None:
        await house.run()
        keys = house.stage.house.exchange.keys
        keys.change(key_of("main").api_key, {"status": RESTRICTED, "ips": ("203.0.113.9",)})
        await read(house)
        await house.stage.pass_s(1)
        before = len(house.stage.house.served)
        pairs = (("symbol", "BTCUSDT"),)
        for _ in range(30):
            await house.stage.hands.asker.send("main", "usdm", "DELETE", "/fapi/v1/allOpenOrders", pairs)
            await house.stage.pass_s(0.1)
        deletes = [one for one in house.stage.house.served[before:] if one.method == "DELETE"]
        assert 3 <= len(deletes) <= 4
        keys.change(key_of("main").api_key, {"ips": (OURS,)})
        await house.stage.pass_s(1.1)
        told = await house.stage.hands.asker.send("main", "usdm", "DELETE", "/fapi/v1/allOpenOrders", pairs)
        assert told.answer.status == 200
        assert house.codes() == ["key_quarantined", "key_back"]
        assert (await read(house)).answer.status == 200

    watched(act)


@pytest.mark.threat(67)
def test_another_key_of_the_account_reads_while_one_is_quarantined() -> None:
    async def act(house: House) -> None:
        stage = house.stage
        spare = replace(key_of("reader"), account="main")
        stage.house.exchange.keys.add(spare)
        stage.signer._held = {**stage.signer._held, "reader": HeldKey("reader", spare.api_key, "hmac", "paper")}
        stage.signer.wire(None)
        await house.run()
        assert set(house.keeper.view()) == {"main", "reader"}
        stage.house.exchange.keys.delete(spare.api_key)
        assert (await read(house)).answer.code == -2015
        await stage.pass_s(1)
        assert (await read(house)).answer.status == 200

    watched(act, tail=READER)


def test_a_quarantine_ends_by_itself_when_a_probe_is_taken() -> None:
    async def act(house: House) -> None:
        await house.run()
        keys = house.stage.house.exchange.keys
        gone = key_of("main")
        keys.delete(gone.api_key)
        await read(house)
        await house.stage.pass_s(20)
        keys.add(gone)
        await house.stage.pass_s(15)
        assert house.codes() == ["key_quarantined", "key_back"]

    watched(act)


def test_where_the_exchange_tells_no_permissions_an_account_is_read_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on testnet and demo: nothing is asked of its own accord, and a refused key is tried with a read."""
    monkeypatch.setattr(keeper, "WITHOUT_WALLET", frozenset({"paper"}))

    async def act(house: House) -> None:
        await house.run()
        assert house.asks() == 0
        assert house.keeper.view()["main"]["why"] == "this environment does not tell"
        house.stage.house.exchange.keys.delete(key_of("main").api_key)
        await read(house)
        await house.stage.pass_s(1)
        assert house.asks() == 0
        assert house.codes() == ["key_quarantined"]
        assert "it has never worked here" in house.alerts[0].text

    watched(act)


def test_a_key_that_is_refused_when_it_is_asked_is_quarantined() -> None:
    async def act(house: House) -> None:
        house.stage.house.exchange.keys.delete(key_of("main").api_key)
        await house.run(30)
        assert house.codes() == ["key_quarantined"]
        assert house.keeper.view()["main"]["why"] == "the exchange answered 401"

    watched(act)


def test_what_breaks_once_is_told_and_does_not_end_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(house: House) -> None:
        def breaks(*_: object) -> None:
            raise ValueError("x")

        with monkeypatch.context() as patched:
            patched.setattr(keeper, "judge", breaks)
            await house.run()
            assert set(house.codes()) == {"key_unasked"}
            assert house.keeper.view()["main"]["why"] == "a fault of ours (ValueError)"
            patched.setattr(house.keeper, "_look", breaks)
            await house.stage.pass_s(10)
            assert house.alerts[-1].dedup_key == "key_unasked all"
        await house.stage.pass_s(AGAIN_MS / 1000)
        assert house.asks() == 2
        assert house.keeper.view()["main"]["why"] == ""

    watched(act)


def test_a_refusal_that_no_probe_can_look_into_is_told() -> None:
    async def act(house: House) -> None:
        await house.run()
        house.stage.fault("answer:502", times=99, path=RESTRICTIONS)
        house.stage.fault("answer:-2015", times=1, path="/fapi/v3/account")
        await read(house)
        await house.stage.pass_s(15)
        assert house.codes() == ["key_unasked"]
        assert house.keeper.quarantined() == []

    watched(act)
