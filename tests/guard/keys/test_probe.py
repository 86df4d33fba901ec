"""One key is tried at the exchange: what the guard says of its signature, its permissions and its account."""

import asyncio
from dataclasses import replace

import pytest
from tests.guard.hands.house import Stage, on_stage
from tests.limits.house import OURS, key_of

from counterseal.adapters.control_link import ControlError
from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.guard.hands.asker import Told
from counterseal.guard.keys.keeper import KeyKeeper
from counterseal.guard.keys.probe import RESTRICTIONS, Probed, Prober
from counterseal.guard.keys.verbs import KeyVerbs
from counterseal.paper.keys import RESTRICTED

ACCOUNT = "/api/v3/account"


def prober(stage: Stage) -> Prober:
    return Prober(stage.hands.asker, stage.hands._config)


async def probe(stage: Stage, ref: str = "main") -> Probed:
    return await prober(stage).probe(ref)


def test_a_key_that_works_is_told_with_its_permissions_and_its_account() -> None:
    async def act(stage: Stage) -> None:
        found = await probe(stage)
        assert (found.signature, found.code, found.status, found.text) == (True, None, 200, "")
        assert found.restrictions is not None
        assert found.restrictions["enableFutures"] is True
        assert found.restrictions["enableWithdrawals"] is False
        uid = stage.bot("GET", ACCOUNT)["uid"]
        assert found.account == f"spot uid {uid}"
        assert [one.path for one in stage.asked(RESTRICTIONS, ACCOUNT)] == [RESTRICTIONS, ACCOUNT]

    on_stage(act)


def test_another_account_has_another_name_also_on_futures() -> None:
    async def act(stage: Stage) -> None:
        config = stage.hands._config()
        bots = {name: replace(bot, products=("usdm",)) for name, bot in config.bots.items()}
        stage.hands.asker._config = lambda: replace(config, bots=bots)
        names = {
            (await Prober(stage.hands.asker, stage.hands.asker._config).probe(ref)).account for ref in ("main", "b")
        }
        assert len(names) == 2
        assert all(name is not None and name.startswith("usdm accountAlias ") for name in names)

    on_stage(act, {"alpha": "main", "beta": "b"})


@pytest.mark.parametrize("has_uid", [True, False])
def test_a_market_that_names_no_account_yet_is_not_the_last_one_asked(has_uid: bool) -> None:
    """Futures without any balance answer with nothing; one that no market names stays without a name."""

    async def act(stage: Stage) -> None:
        config, asker = stage.hands._config(), stage.hands.asker
        bots = {name: replace(bot, products=("usdm",)) for name, bot in config.bots.items()}
        asker._config = lambda: replace(config, bots=bots)
        read_as, empty = asker.read_as, {"usdm": b"[]", "coinm": b"[]"} | ({} if has_uid else {"spot": b"{}"})

        async def read(ref: str, account: str, family: str, path: str, lane: Lane, wait_s: float) -> Told:
            told = await read_as(ref, account, family, path, lane, wait_s)
            if path == RESTRICTIONS or family not in empty or told.reply is None:
                return told
            return told._replace(reply=told.reply._replace(body=empty[family]))

        asker.read_as = read  # type: ignore[method-assign]
        found = await Prober(asker, asker._config).probe("main")
        uid = stage.bot("GET", ACCOUNT)["uid"]
        assert (found.signature, found.code) == (True, None)
        assert found.account == (f"spot uid {uid}" if has_uid else None)
        assert has_uid or found.text == "the answer cannot be read"

    on_stage(act)


def test_a_deleted_key_is_refused_and_the_account_is_not_asked_for() -> None:
    async def act(stage: Stage) -> None:
        stage.house.exchange.keys.delete(key_of("main").api_key)
        found = await probe(stage)
        assert (found.signature, found.restrictions, found.account) == (False, None, None)
        assert (found.code, found.status) == (-2015, 401)
        assert len(stage.asked(RESTRICTIONS, ACCOUNT)) == 1

    on_stage(act)


def test_a_key_that_may_not_read_has_a_good_signature_and_a_refusal_all_the_same() -> None:
    """apiRestrictions is refused without the permission to read; then nothing shows the signature to be good."""

    async def act(stage: Stage) -> None:
        stage.house.exchange.keys.change(key_of("main").api_key, {"permissions": ("trade",)})
        found = await probe(stage)
        assert (found.signature, found.code) == (False, -2015)

    on_stage(act)


def test_an_address_that_left_the_list_is_refused() -> None:
    async def act(stage: Stage) -> None:
        keys = stage.house.exchange.keys
        keys.change(key_of("main").api_key, {"status": RESTRICTED, "ips": (OURS,)})
        assert (await probe(stage)).signature
        keys.change(key_of("main").api_key, {"ips": ("203.0.113.99",)})
        assert (await probe(stage)).code == -2015

    on_stage(act)


def test_no_answer_is_no_code_and_asked_for_twice() -> None:
    async def act(stage: Stage) -> None:
        stage.fault("reset", times=9, path=RESTRICTIONS)
        found = await probe(stage)
        assert (found.signature, found.code, found.status) == (False, None, 0)
        assert found.text

    on_stage(act)


def test_what_cannot_be_read_is_no_fact() -> None:
    async def act(stage: Stage) -> None:
        stage.fault("truncated", "after", times=9, path=RESTRICTIONS)
        found = await probe(stage)
        assert (found.restrictions, found.signature) == (None, found.status == 200)

    on_stage(act)


@pytest.mark.parametrize("environment", ["testnet", "demo", "production"])
def test_a_key_of_another_environment_asks_nothing(environment: str) -> None:
    async def act(stage: Stage) -> None:
        stage.signer.given = {"main": HeldKey("main", key_of("main").api_key, "hmac", environment)}
        before = len(stage.house.served)
        found = await probe(stage)
        assert (found.signature, found.code, found.status) == (False, None, 0)
        assert environment in found.text
        assert len(stage.house.served) == before

    on_stage(act)


def test_where_there_is_no_wallet_the_account_alone_is_asked_for() -> None:
    async def act(stage: Stage) -> None:
        config = stage.hands._config()
        venue = replace(config.venue, environment="testnet")
        settings: Config = replace(config, venue=venue)
        stage.hands.asker._config = lambda: settings
        stage.signer.given = {"main": HeldKey("main", key_of("main").api_key, "hmac", "testnet")}
        found = await Prober(stage.hands.asker, lambda: settings).probe("main")
        assert (found.signature, found.restrictions) == (True, None)
        assert found.account is not None
        assert stage.asked(RESTRICTIONS) == []

    on_stage(act)


def test_a_key_that_is_not_held_is_said_so() -> None:
    async def act(stage: Stage) -> None:
        found = await prober(stage).probe("main.7", "main")
        assert (found.ref, found.signature, found.code) == ("main.7", False, None)
        assert "holds no key main.7" in found.text

    on_stage(act)


def test_without_room_the_account_is_not_asked_for() -> None:
    async def act(stage: Stage) -> None:
        while (
            await stage.hands.asker.send("main", "spot", "GET", "/api/v3/openOrders", (), Lane.RISK)
        ).reply is not None:
            pass
        found = await asyncio.wait_for(probe(stage), 5)
        # The wallet's limits are others than those of the account's read.
        assert (found.signature, found.account, found.code) == (True, None, None)
        assert found.text == "guard_share_spent"

    on_stage(act)


def test_the_verb_wants_a_ref_and_a_guard_that_can_ask() -> None:
    async def act(stage: Stage) -> None:
        keeper = KeyKeeper(
            stage.hands._config, stage.hands.asker, stage.signer.keys, lambda _alert: None, lambda _message: None,
            lambda _record: None, stage.clock, stage.tasks, lambda _n: 0,
        )  # fmt: skip
        answer = await KeyVerbs(lambda: keeper).probe({"ref": "main"})
        assert set(answer) >= {"ref", "signature", "restrictions", "account", "code", "text"}
        assert answer["signature"] is True
        for wrong in ({}, {"ref": 7}, {"ref": ""}, {"ref": "x" * 65}):
            with pytest.raises(ControlError, match="by its ref"):
                await KeyVerbs(lambda: keeper).probe(wrong)
        with pytest.raises(ControlError, match="cannot reach"):
            await KeyVerbs(lambda: None).facts({})

    on_stage(act)
