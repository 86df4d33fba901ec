"""From one connection of an account to the next: nothing is missing, nothing comes twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.userdata.feeding import LIMIT, feed, numbers, wire_of
from tests.gateway.userdata.rig import FAMILIES, Rig, with_rig

from counterseal.adapters.stream_line import RENEW_S, RENEW_SPREAD_S


@pytest.mark.parametrize("family", FAMILIES)
def test_a_connection_is_renewed_without_a_gap_and_without_a_repeat(tmp_path: Any, family: str) -> None:
    """Before its 24 hours are over; an order every 150 ms sees it. The old connection is the slower one."""

    @with_rig()
    async def test(rig: Rig) -> None:
        current = feed(rig, family)._current
        assert current is not None
        life_ms = current.renew_at_ms - current.link.born_ns // 1_000_000
        assert RENEW_S * 1000 <= life_ms <= (RENEW_S + RENEW_SPREAD_S) * 1000
        old, current.renew_at_ms = wire_of(rig, family), 0
        placed = []
        for turn in range(60):
            if turn % 8 == 2:
                old.hold()
            elif turn % 8 == 4:
                old.release()
            placed.append((await rig.order(family, LIMIT))["orderId"])
        await rig.wait(3)
        assert numbers(rig.heard(family)) == placed
        assert (rig.row(family)["renewed"], rig.row(family)["gaps"]) == (1, 0)
        assert wire_of(rig, family) is not old
        assert old.is_over
        assert (len(rig.heard(family).gaps), rig.told) == (1, []), "the first gap is the time before it stood"

    test(tmp_path)


@with_rig()
async def test_a_shutdown_that_is_announced_costs_nothing(rig: Rig) -> None:
    """Spot alone tells it."""
    old, placed = wire_of(rig, "spot"), []
    going = rig.exchange.announce_shutdown()
    for turn in range(40):
        if turn == 30:
            for socket in going:
                socket.close(1001, "")
        placed.append((await rig.order("spot", LIMIT))["orderId"])
    await rig.wait(3)
    assert numbers(rig.heard("spot")) == placed
    assert rig.row("spot")["gaps"] == 0
    assert wire_of(rig, "spot") is not old
    assert {rig.row(family)["gaps"] for family in ("usdm", "coinm")} == {1}, "these were cut without a word"


@with_rig(products=("spot",))
async def test_shutdowns_that_are_announced_again_and_again_leave_attempts_to_others(rig: Rig) -> None:
    """On each new connection too, and more than once on the same."""
    began = rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000)
    for _ in range(28):
        rig.exchange.announce_shutdown()
        await rig.wait(2, 0.25)
    assert rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000) - began == 2
    assert (rig.row("spot")["stands"], rig.row("spot")["gaps"], rig.row("spot")["renewed"]) == (True, 0, 2)


@with_rig()
async def test_a_successor_that_stands_too_briefly_is_a_gap(rig: Rig) -> None:
    """What the lost one still had on its way nobody knows; what the successor has brought is passed on once."""
    current = feed(rig, "usdm")._current
    assert current is not None
    current.renew_at_ms, old = 0, wire_of(rig, "usdm")
    old.hold()
    await rig.wait(0.4)
    assert feed(rig, "usdm")._successor is not None
    placed = [(await rig.order("usdm", LIMIT))["orderId"]]
    placed.append((await rig.order("usdm", LIMIT))["orderId"])
    old.lose()
    await rig.wait(0.5)
    assert (numbers(rig.heard("usdm")), rig.row("usdm")["gaps"], rig.row("usdm")["stands"]) == (placed, 1, True)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_late_connection_is_waited_for_at_the_renewal(tmp_path: Any, family: str) -> None:
    """What happened before the successor stood comes by the old one alone, however quiet the account is afterwards."""

    @with_rig()
    async def test(rig: Rig) -> None:
        old = wire_of(rig, family)
        old.hold()
        placed = [(await rig.order(family, LIMIT))["orderId"]]
        feed(rig, family)._current.renew_at_ms = 0  # type: ignore[union-attr]
        await rig.wait(5)
        assert (numbers(rig.heard(family)), old.is_over) == ([], False)
        old.release()
        await rig.wait(1)
        assert (numbers(rig.heard(family)), old.is_over) == (placed, True)
        assert (rig.row(family)["renewed"], rig.row(family)["gaps"], rig.told) == (1, 0, [])

    test(tmp_path)


@with_rig(products=("usdm",))
async def test_a_connection_that_stays_behind_its_successor_is_a_gap(rig: Rig) -> None:
    """Nobody waits for it for ever; that it answers proves nothing while it lacks what the other has brought."""
    old = wire_of(rig, "usdm")
    feed(rig, "usdm")._current.renew_at_ms = 0  # type: ignore[union-attr]
    await rig.wait(0.5)
    assert old._link.has_answered
    old.hold()
    placed = [(await rig.order("usdm", LIMIT))["orderId"]]
    await rig.wait(8)
    assert (old.is_over, rig.row("usdm")["gaps"], numbers(rig.heard("usdm"))) == (False, 0, [])
    rig.heard("usdm").gaps.clear()
    await rig.wait(2)
    assert (old.is_over, rig.row("usdm")["gaps"], numbers(rig.heard("usdm"))) == (True, 1, placed)
    assert (rig.row("usdm")["stands"], rig.heard("usdm").gaps) == (True, [("main", "usdm")])
    assert [(event["what"], event.get("why")) for event in rig.told] == [
        ("user_stream_lost", "behind its successor"), ("user_stream_stands", None),
    ]  # fmt: skip


@with_rig(products=("usdm",))
async def test_a_connection_that_ends_after_it_has_brought_everything_is_no_gap(rig: Rig) -> None:
    """It had answered, on an account where nothing happens; and another, with whose successor it shared an event."""
    for orders in (0, 1):
        old = wire_of(rig, "usdm")
        feed(rig, "usdm")._current.renew_at_ms = 0  # type: ignore[union-attr]
        await rig.wait(0.4)
        for _ in range(orders):
            await rig.order("usdm", LIMIT)
        old.lose()
        await rig.wait(0.5)
        assert (rig.row("usdm")["gaps"], rig.row("usdm")["stands"], rig.told) == (0, True, [])
        assert len(numbers(rig.heard("usdm"))) == orders
        assert wire_of(rig, "usdm") is not old


@pytest.mark.parametrize("texts", [("old", "AB", "new", "BA"), ("new", "AB", "old", "B")])
def test_events_of_two_kinds_may_come_in_another_order(tmp_path: Any, texts: tuple[str, ...]) -> None:
    """Only those of one kind come in one order: each is passed on once all the same, whichever is the faster."""

    @with_rig(products=("usdm",))
    async def test(rig: Rig) -> None:
        one, renews = feed(rig, "usdm"), feed(rig, "usdm")._current
        assert renews is not None
        renews.renew_at_ms = 0
        await rig.wait(0.4)
        assert one._successor is not None
        links = {"old": renews.link, "new": one._successor.link}
        kinds = {"A": "TRADE_LITE", "B": "ORDER_TRADE_UPDATE"}
        for link, sent in zip(texts[::2], texts[1::2], strict=True):
            for letter in sent:
                one.on_text(links[link], json.dumps({"e": kinds[letter], "o": {"i": ord(letter)}}).encode())
        await rig.wait(4)
        assert one._current is not None
        assert one._current.link is links["new"]
        assert sorted(numbers(rig.heard("usdm"))) == [ord("A"), ord("B")]

    test(tmp_path)


@with_rig(products=("usdm",))
async def test_another_listen_key_at_the_renewal_is_a_gap(rig: Rig) -> None:
    """The old one was deleted, and this connection was not told."""
    rig.exchange.exchange.usdm.account("main").listen_key = "A" * 64
    rig.exchange.exchange.realtime.listen_keys["usdm"].tick = lambda _: None  # type: ignore[method-assign]
    feed(rig, "usdm")._current.renew_at_ms = 0  # type: ignore[union-attr]
    await rig.wait(3)
    assert (rig.row("usdm")["stands"], rig.row("usdm")["gaps"], rig.row("usdm")["renewed"]) == (True, 1, 0)
    await rig.order("usdm", LIMIT)
    await rig.wait(0.2)
    assert len(numbers(rig.heard("usdm"))) == 1
