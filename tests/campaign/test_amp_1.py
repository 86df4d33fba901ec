"""AMP-1: whatever a bot sends, it costs the gateway at most a hundred times what a plain order costs it."""

from __future__ import annotations

import asyncio
import gc
import re
from typing import NamedTuple

import pytest
from tests.campaign import worst, worst_frames
from tests.campaign.borrowed import borrowed
from tests.campaign.costs import Cost, Kind, Meter
from tests.campaign.tally import SHARE, Tally, campaign
from tests.campaign.worst import ALONE, ORDERS

MOST = 100.0
TIMES, AGAIN = (5, 25) if SHARE >= 1 else (2, 10)
# So many inputs of each other campaign are measured.
OTHERS = 250 if SHARE >= 1 else 10
# What costs so many plain orders is tried at a quarter of its size too: four times as much for four times the bytes is
# what there should be, sixteen times is quadratic.
LARGE, QUARTER, GROWTH = 25.0, 0.25, 8.0
WORST = 10


class Found(NamedTuple):
    """How many times as much as a plain order an input costs."""

    name: str
    processor: float
    memory: float


@pytest.mark.slow
@pytest.mark.threat(39)
@pytest.mark.threat(65)
def test_amp_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Processor time and memory, for each request or packet: of every kind of input at its bound, and how it grows; of
    the inputs of the other campaigns as many.
    """
    own, others = [*worst.all_kinds(), *worst_frames.all_kinds()], borrowed(OTHERS)
    with capsys.disabled(), campaign("AMP-1", "inputs that cost much", len(own) + len(others)) as tally:
        asyncio.run(_measure(list(tally.some(own)), others, tally))


async def _measure(own: list[Kind], others: list[Kind], tally: Tally) -> None:
    # Before each input is measured what is no more needed is thrown away: not to be looked for among all cases.
    gc.freeze()
    meter = Meter()
    plain = await a_plain_order(meter)
    tally.figures["a plain order"] = f"{plain.cpu_ns / 1000:.0f} us, {plain.memory / 1024:.0f} KiB"
    found = [await _one(meter, kind, TIMES, plain, tally) for kind in own]
    found += [await _one(meter, kind, 1, plain, tally) for kind in others]
    await meter.end()
    gc.unfreeze()
    for number, one in enumerate(sorted(found, key=lambda one: -max(one.processor, one.memory))[:WORST], 1):
        tally.figures[f"{number}."] = f"{one.name}: {one.processor:.0f} x time, {one.memory:.0f} x memory"


async def _one(meter: Meter, kind: Kind, times: int, plain: Cost, tally: Tally) -> Found:
    cost = await meter.cost(kind, times)
    processor, memory = cost.times(plain)
    if processor > MOST:
        # A busy machine takes time away, never gives any: what is dear is tried more often.
        processor = (await meter.cost(kind, AGAIN)).times(plain)[0]
    tally.note(forwarded=cost.sent, reason=_reason(cost), other="answered, or closed")
    if max(processor, memory) > MOST:
        tally.disagree(f"{kind.name}: {processor:.0f} times the processor time, {memory:.0f} times the memory")
    if cost.cpu_ns > LARGE * plain.cpu_ns and times > 1:
        await _grows(meter, kind, cost, tally)
    return Found(kind.name, processor, memory)


def _reason(cost: Cost) -> str | None:
    """Give the reason of the last refusal."""
    found = re.search(rb"X-Counterseal-Reason: (\w+)", cost.told) or re.search(rb'"reason":"(\w+)"', cost.told)
    return found[1].decode() if found else None


async def a_plain_order(meter: Meter) -> Cost:
    """Give what an order costs: time among others, where everything is at hand, and memory alone."""
    among, alone = await meter.cost(ORDERS, 25), await meter.cost(ALONE, 5)
    assert b"200 OK" in among.told, "an order that is refused is cheaper"
    assert b"200 OK" in alone.told
    return Cost(among.cpu_ns // among.units, alone.memory, 1, 1, alone.told)


async def _grows(meter: Meter, kind: Kind, cost: Cost, tally: Tally) -> None:
    """See that a cost grows with the size and not with its square."""
    quarter = await meter.cost(kind, TIMES, QUARTER)
    if cost.cpu_ns > GROWTH * quarter.cpu_ns:
        cost, quarter = await meter.cost(kind, AGAIN), await meter.cost(kind, AGAIN, QUARTER)
        if cost.cpu_ns > GROWTH * quarter.cpu_ns:
            tally.disagree(f"{kind.name}: {cost.cpu_ns / quarter.cpu_ns:.1f} times as dear at four times the size")
