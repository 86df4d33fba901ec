"""A request keeps the version of the key that it began with: its signature and its header are never of two."""

import asyncio

from tests.gateway.rig import ORDER, Rig
from tests.gateway.test_what_a_reload_takes_away import ACCOUNT, SPOT, hold, order, signers, watch_api_keys, why

from counterseal.core.key_uses import KeyUses
from counterseal.core.messages import HeldKey
from counterseal.core.queries import Question
from counterseal.gateway.budget import OWN
from counterseal.gateway.key_use import key_use_report

FIRST, SECOND = HeldKey("main", "K" * 64, "hmac", "paper"), HeldKey("main.2", "N" * 64, "hmac", "paper")


def before(stage: str = "pending") -> tuple[HeldKey, HeldKey]:
    """The second version is there and not yet active."""
    return FIRST, SECOND._replace(stage=stage)


def after() -> tuple[HeldKey, HeldKey]:
    """The second version is active, the first one drains."""
    return FIRST._replace(stage="draining"), SECOND


async def warm() -> Rig:
    rig = await Rig().warm()
    hold(rig, *before())
    return rig


def test_only_the_active_version_signs_and_its_api_key_is_shown() -> None:
    async def story() -> None:
        rig = await warm()
        shown = watch_api_keys(rig)
        assert await order(rig, "a") is None
        hold(rig, *before("validated"))
        assert why(await rig.ask("GET", ACCOUNT)) is None
        hold(rig, *after())
        assert await order(rig, "b") is None
        assert why(await rig.ask("GET", ACCOUNT)) is None
        hold(rig, SECOND)
        assert await order(rig, "c") is None
        assert signers(rig) == ["main", "main", "main.2", "main.2", "main.2"]
        assert shown == ["K" * 64, "K" * 64, "N" * 64, "N" * 64, "N" * 64]
        assert [entry["key"] for entry in rig.journal.of("intent")] == ["main", "main.2", "main.2"]
        hold(rig, FIRST._replace(stage="draining"))
        assert await order(rig, "d") == "no_key"

    asyncio.run(story())


def test_a_request_that_waits_for_its_signature_is_signed_and_named_by_the_version_it_began_with() -> None:
    """The next version becomes active between the request and its signature: both stay of the first."""

    async def story() -> None:
        rig = await warm()
        shown, flush = watch_api_keys(rig), rig.signer.flush
        counted: list[dict[str, int]] = []

        def late() -> None:
            counted.append(dict(rig.plane.uses.counts))
            hold(rig, *after())
            flush()

        rig.signer.flush = late  # type: ignore[method-assign]
        assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=a")) is None
        assert (signers(rig), shown) == (["main"], ["K" * 64])
        assert counted[0] == {"main": 1} and rig.plane.uses.counts == {}

    asyncio.run(story())


def test_questions_of_our_own_are_asked_with_the_active_version() -> None:
    """Whatever version the journal or an older order names; the two are of one account."""

    async def story() -> None:
        rig = await warm()
        hold(rig, *after())
        asker = rig.plane.polling._asker
        for ref in ("main", "main.2", "main.7"):
            await asker.ask(OWN, ref, "spot", Question("/api/v3/openOrders", ()))
        assert signers(rig) == ["main.2"] * 3
        assert asker.holds("main") and not asker.holds("other")
        assert rig.state.account_of("main.2") == rig.state.account_of("main") == "main"

    asyncio.run(story())


def test_the_report_of_what_stands_on_each_version() -> None:
    uses = KeyUses()
    uses.begin("main")
    uses.begin("gone")
    report = key_use_report({key.ref: key for key in after()}, uses, {"main": 2})
    assert report == {
        "gone": {"stage": None, "requests": 1, "feeds": 0},
        "main": {"stage": "draining", "requests": 1, "feeds": 2},
        "main.2": {"stage": "active", "requests": 0, "feeds": 0},
    }
