"""WSF-1: floods of frames cost no more than a hundred times what sending them costs; each meets the right goodbye."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.campaign.tally import Tally, campaign
from tests.gateway.streams.floods import FLOODS
from tests.gateway.streams.rig import Rig, with_rig
from tests.gateway.streams.test_floods import MOST_BYTES, NOTHING_S, TIMES, memory_of, sending_s, took_s


@pytest.mark.slow
@pytest.mark.threat(37)
def test_wsf_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shapes of `tests/gateway/streams/floods.py`, counted; what the bot beside them notices is tested there."""
    with capsys.disabled(), campaign("WSF-1", "floods of WebSocket frames", 40) as tally:

        @with_rig
        async def flood_all(rig: Rig) -> None:
            await _flood(rig, tally)

        flood_all(tmp_path)


async def _flood(rig: Rig, tally: Tally) -> None:
    ratios, memory = {}, {}
    for flood in FLOODS:
        bad, twin = rig.bot("/ws/btcusdt@trade"), rig.bot("/ws/btcusdt@trade")
        cost_s, sent_s = took_s(bad.give, flood)[0], sending_s(flood)
        # A busy machine takes time away, never gives any; and what is next to nothing is no multiple of anything.
        ratios[flood.name] = cost_s / max(sent_s, NOTHING_S / TIMES)
        memory[flood.name] = memory_of(twin, flood)
        await rig.wait(0.3)
        tally.note(other="still open" if bad.code is None else f"closed with {bad.code}")
        if (bad.code, twin.code) != (flood.code, flood.code):
            tally.disagree(f"{flood.name}: {bad.code}, {twin.code}, not {flood.code}")
        if ratios[flood.name] > TIMES or memory[flood.name] > MOST_BYTES:
            tally.disagree(f"{flood.name}: {ratios[flood.name]:.0f} times the sender's, {memory[flood.name]:,} bytes")
        for bot in (bad, twin):
            bot.wire.abort()
        rig.bots = []
    for what, found, unit in (("time", ratios, " x the sender's"), ("memory", memory, " bytes")):
        name = max(found, key=lambda each: found[each])
        tally.figures[f"most {what}"] = f"{found[name]:,.0f}{unit} ({name})"
