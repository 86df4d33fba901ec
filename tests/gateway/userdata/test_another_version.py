"""A key's next version takes over user data: the old connection stays until the new one has joined it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.gateway.userdata.feeding import LIMIT, feed, numbers, wire_of
from tests.gateway.userdata.rig import FAMILIES, Rig, with_rig
from tests.limits.house import SECRET, key_of

from counterseal.adapters import signing
from counterseal.core.messages import HeldKey
from counterseal.core.secret import Secret
from counterseal.signer import table
from counterseal.signer.desk import Desk, HeldSigningKey

NEW = "N" * 64


def hold(rig: Rig, stages: dict[str, str], *, is_known: bool = True) -> None:
    """The signer holds these versions, and the exchange knows the second one."""
    if is_known:
        rig.exchange.keys.add(replace(key_of("main"), api_key=NEW))
    names = {"main": key_of("main").api_key, "main.2": NEW}
    held = {ref: HeldKey(ref, names[ref], "hmac", "paper", stage) for ref, stage in stages.items()}
    signs = signing.load("hmac", Secret(SECRET.encode()))
    keys = {ref: HeldSigningKey(key, signs) for ref, key in held.items()}
    rig.side.signer._desk = Desk(table.load(), keys, "again", lambda: rig.clock.wall_ns() // 1_000_000)
    rig.hold(held)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_missed_and_nothing_told_twice(tmp_path: Any, family: str) -> None:
    """An order every 150 ms sees the change; the old connection is the slower one for a while."""

    @with_rig()
    async def test(rig: Rig) -> None:
        old, placed = wire_of(rig, family), []
        for turn in range(60):
            if turn == 5:
                hold(rig, {"main": "draining", "main.2": "active"})
                old.hold()
            if turn == 12:
                assert rig.feeds.in_use()["main"] >= 1
                old.release()
            placed.append((await rig.order(family, LIMIT))["orderId"])
        await rig.wait(3)
        assert numbers(rig.heard(family)) == placed
        assert (rig.row(family)["renewed"], rig.row(family)["gaps"], rig.told) == (1, 0, [])
        assert wire_of(rig, family) is not old and old.is_over
        assert rig.feeds.in_use() == {"main.2": len(FAMILIES)}

    test(tmp_path)


@with_rig()
async def test_while_the_new_one_cannot_connect_the_old_one_stays(rig: Rig) -> None:
    """The exchange does not know it: the feed goes on by the old version, which is therefore not let go."""
    hold(rig, {"main": "draining", "main.2": "active"}, is_known=False)
    await rig.wait(5)
    hold(rig, {"main": "active", "main.2": "draining"}, is_known=False)
    await rig.wait(5)
    for family in FAMILIES:
        assert (rig.row(family)["stands"], rig.row(family)["gaps"]) == (True, 0)
    assert rig.feeds.in_use() == {"main": len(FAMILIES)}
    assert {event["what"] for event in rig.told} <= {"key_quarantined"}


@with_rig(products=("usdm",))
async def test_a_listen_key_is_kept_by_the_version_that_opened_it(rig: Rig) -> None:
    shown: list[str] = []
    answer = rig.mouth.answer

    def watching(raw: bytes, *more: Any) -> Any:
        if b"listenKey" in raw:
            shown.append(raw.decode().partition("X-MBX-APIKEY: ")[2][:1])
        return answer(raw, *more)

    rig.mouth.answer = watching  # type: ignore[method-assign]
    hold(rig, {"main": "draining", "main.2": "active"})
    await rig.wait(3)
    await rig.idle(700)
    assert set(shown) == {"N"} and len(shown) >= 3
    assert feed(rig, "usdm").refs == ["main.2"]
