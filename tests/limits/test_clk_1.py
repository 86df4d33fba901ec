"""CLK-1: whatever the clocks do, no order is signed by an uncertain one, and an event costs one -1021 at most.

`CLK1_EVERY` takes every so many-th case (1 for all; `make test` takes a part).
"""

import os
from collections.abc import Callable, Iterator

import pytest
from tests.limits import clock_cases
from tests.limits.clock_cases import Case, faults_of
from tests.limits.clock_rig import TIMESTAMP, Act, Setting, Stage, on_stage

EVERY = int(os.environ.get("CLK1_EVERY", "20"))
FAMILIES: tuple[Callable[[], Iterator[Case]], ...] = (
    clock_cases.offsets,
    clock_cases.host_steps,
    clock_cases.steps_back,
    clock_cases.exchange_jumps,
    clock_cases.suspends,
    clock_cases.drifts,
    clock_cases.daylight_saving,
    clock_cases.year_ends,
)

NAMED = [pytest.param(one, id=one.__name__) for one in FAMILIES]


def play(cases: Iterator[Case], every: int) -> list[str]:
    """Play every so many-th case and give what went wrong."""
    wrong: list[str] = []
    for number, case in enumerate(cases):
        if number % every == 0:
            wrong += faults_of(case, on_stage(case.act, case.setting))
    return wrong


@pytest.mark.threat(57)
@pytest.mark.parametrize("family", NAMED)
def test_some_cases(family: Callable[[], Iterator[Case]]) -> None:
    """A part of each family, in seconds."""
    assert play(family(), EVERY) == []


@pytest.mark.slow
@pytest.mark.threat(57)
@pytest.mark.parametrize("family", NAMED)
def test_all_cases(family: Callable[[], Iterator[Case]]) -> None:
    """All of them."""
    cases = sum(1 for _ in family())
    print(f"\nCLK-1, {family.__name__}: {cases} of {COUNT} cases")
    assert play(family(), 1) == []


# -- a millisecond on either side of what the exchange accepts

# (request, its recvWindow upstream)
EDGES = (
    ("order", "", 2_000),
    ("order", "&recvWindow=700", 700),
    ("order", "&recvWindow=60000", 2_000),
    ("read", "", 5_000),
    ("read", "recvWindow=900", 900),
    ("cancel", "", 5_000),
    ("cancel", "&recvWindow=3000", 3_000),
)
EDGE_MOVES = [
    (what, extra, move, move > window or move <= -1_000)
    for what, extra, window in EDGES
    for move in (-1_001, -1_000, -999, window - 1, window, window + 1)
]
COUNT = sum(1 for family in FAMILIES for _ in family()) + len(EDGE_MOVES)


def edge(what: str, extra: str, move_ms: int) -> Act:
    """Ask once after the exchange's clock has jumped by exactly so much. The way takes no time."""

    async def act(stage: Stage) -> None:
        await stage.order()
        stage.jump_exchange(move_ms)
        # The bot's own clock is as before: its stamp is fresh by the gateway's view, which knows of no jump yet.
        stage.side.line.stamp_ms = lambda: stage.house.exchange.now_ms() - move_ms
        await {"order": stage.order, "read": stage.read, "cancel": stage.cancel}[what](extra)

    return act


@pytest.mark.parametrize(
    ("what", "extra", "move_ms", "late"),
    EDGE_MOVES,
)
def test_a_millisecond_around_the_window(what: str, extra: str, move_ms: int, late: bool) -> None:
    """Exactly where the exchange says -1021, and what becomes of it: reads are signed anew, an order's goes to the bot
    (ruling 8).
    """
    stage = on_stage(edge(what, extra, move_ms), Setting(trip_s=0.0))
    assert stage.codes_at_exchange() == late
    to_bot = late and what == "order"
    assert (stage.told[-1].code == TIMESTAMP) == to_bot
    assert stage.uncertain_orders == 0


@pytest.mark.parametrize("fault", ["invalid_utf8", "truncated", "answer:403", "missing_field", "close", "answer:502"])
def test_a_time_that_nobody_can_read(fault: str) -> None:
    """While the measurement fails, what was measured holds as long as it is certain, and no request breaks."""

    async def act(stage: Stage) -> None:
        stage.house.exchange.admin.run({"do": "fault", "fault": fault, "match": {"path": "/api/v3/time"}, "times": 100})
        stage.jump_exchange(-1_500)
        stage.side.line.stamp_ms = lambda: stage.house.exchange.now_ms() + 1_500
        for _ in range(3):
            await stage.read()
            await stage.order()
            await stage.cancel()

    stage = on_stage(act, Setting())
    assert {one.code for one in stage.told} == {TIMESTAMP}
    assert stage.uncertain_orders == 0


def test_the_count() -> None:
    """600 cases."""
    assert COUNT >= 600, COUNT
