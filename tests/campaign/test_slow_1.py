"""SLOW-1: a thousand slow connections at a time do not slow down an honest bot."""

# ruff: noqa: TID251 - real processes live in real time
from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event

import pytest
from tests.campaign import slow
from tests.campaign.house import SPOT_ORDER, House, in_house
from tests.campaign.slow import ATTACKS, CONNECTIONS, Attack, Honest, files_of, seconds_of
from tests.campaign.tally import SHARE, Tally, campaign
from tests.gateway.streams.rig import BotWire
from tests.scenarios.stack import Stack, wait

SECONDS, IDLE_S = (60.0, 10.0) if SHARE >= 1 else (5.0, 2.0)
# What a machine that does other things besides may add to one of a hundred answers, in ms; and how often it is tried
# before that is no excuse any more.
NOISE_MS, TRIES = 30.0, 3
# So many more connections to the exchange there may be.
TO_THE_EXCHANGE = 8
# The longest deadline of a connection that says or reads nothing, and how often deadlines are looked at.
GONE_S = 15.0
CI = os.environ.get("COUNTERSEAL_CI") == "1"


@pytest.mark.slow
@pytest.mark.threat(36)
def test_slow_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gateway's process lets the slow ones wait for their deadlines, and serves the honest bot as before."""
    if slow.is_missing():
        (pytest.fail if CI else pytest.skip)(slow.INSTALL)
    options = ("--no-limits", "--volatility", "0")
    # The slow ones and the honest bot come from one address here: its cap must hold them all.
    with (
        capsys.disabled(),
        campaign("SLOW-1", f"slowhttptest, {CONNECTIONS:,} connections", len(ATTACKS)) as tally,
        Stack(tmp_path, paper_options=options, connections=CONNECTIONS + 200) as stack,
    ):
        for name in ATTACKS:
            _beside(stack, name, tally)


def _beside(stack: Stack, name: str, tally: Tally) -> None:
    """Let the honest bot trade beside one attack, and see that it does not notice and that nothing stays."""
    pid = stack.pids()["gateway"]
    for _ in range(TRIES):
        with Honest(stack) as idle:
            time.sleep(IDLE_S)
        before = files_of(pid)
        used_s, begun = seconds_of(pid), time.monotonic()
        with Attack(stack.port, name, SECONDS, stack.root) as attack, Honest(stack) as bot:
            held = _watched(stack, attack.over)
        share = (seconds_of(pid) - used_s) / (time.monotonic() - begun)
        wait(lambda: files_of(pid) <= before + TO_THE_EXCHANGE, GONE_S, f"the connections of {name} to end")  # noqa: B023
        # How long answers take is judged by the whole campaign alone: a busy machine is no fault.
        if SHARE < 1 or bot.p99_ms() <= 2 * idle.p99_ms() + NOISE_MS or bot.wrong:
            break
    else:
        tally.disagree(f"{name}: p99 {bot.p99_ms():.1f} ms, idle {idle.p99_ms():.1f} ms, {TRIES} times")
    tally.note(other=name)
    answers, p99 = len(bot.took_s), f"p99 {bot.p99_ms():.1f} ms, idle {idle.p99_ms():.1f} ms"
    connections = f"{attack.made:,} connections, {held:,} at once, {share:.0%} of a processor"
    tally.figures[name] = f"{answers:,} answers, {p99}; {connections}"
    for wrong in (idle.wrong + bot.wrong)[:3]:
        tally.disagree(f"{name}: {wrong}")
    if attack.made < CONNECTIONS // 2:
        tally.disagree(f"{name}: {attack.made} connections are no attack")


def _watched(stack: Stack, over: Event) -> int:
    """Give the most connections that the gateway held until the attack was over."""
    held = 0
    while not over.wait(0.25):
        held = max(held, stack.status()["gateway"]["connections"])
    return held


@pytest.mark.threat(36)
@pytest.mark.threat(65)
@in_house
async def test_who_takes_all_places_takes_those_of_his_own_address(house: House) -> None:
    """With the places of one address held by slow heads, nobody else from there comes in, and other addresses do."""
    house.rig.door.max_per_source = 32
    wires = [BotWire("203.0.113.9") for _ in range(32)]
    for wire in wires:
        wire.protocol = house.rig.connection()
        wire.protocol.connection_made(wire)
        wire.protocol.data_received(b"GET /api/v3/time HTTP/1.1\r\n")
    order = house.request("POST", "/api/v3/order", SPOT_ORDER)
    assert (await house.feed(order, peer="203.0.113.9")).reason == "too_many_connections"
    assert len((await house.feed(house.request("POST", "/api/v3/order", SPOT_ORDER))).sent) == 1
    await house.rig.wait(6)
    assert all(b"header_timeout" in wire.received for wire in wires)
    assert (await house.feed(order, peer="203.0.113.9")).reason != "too_many_connections"
