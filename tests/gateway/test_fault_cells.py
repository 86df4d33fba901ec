"""Faults of the exchange, each with each kind of request: its class, its end, no order twice, what the bot is told."""

import random  # noqa: TID251 - seeded
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.gateway.fault_cells import Bench, Cell, cells
from tests.gateway.fault_table import FAULTS, KINDS, NO_CELL, Fault, Kind
from tests.limits.virtual_loop import VirtualLoop, run_virtually

DUE = 480
FEW = 60


def _run(home: Path, wanted: list[tuple[Kind, Fault, bool]]) -> list[Cell]:
    done: list[Cell] = []
    for number, (kind, fault, executes) in enumerate(wanted):

        async def run(
            loop: VirtualLoop, number: int = number, kind: Kind = kind, fault: Fault = fault, executes: bool = executes
        ) -> Cell | None:
            return await Bench(loop, home / str(number), kind, fault, executes=executes).run()

        cell = run_virtually(run)
        assert cell is not None, f"{fault.name} / {kind.name}: the fault changes nothing"
        done.append(cell)
    return done


def _told(done: list[Cell], wanted: list[tuple[Kind, Fault, bool]]) -> str:
    pairs = len({(kind.name, fault.name) for kind, fault, _ in wanted})
    every = len(FAULTS) * len(KINDS)
    classes = Counter(cell.outcome or "read" for cell in done)
    ends = Counter(cell.resolved for cell in done if cell.resolved)
    found = [cell.after_ms for cell in done if cell.resolved == "ACCEPTED"]
    mean = sum(found) / len(found) if found else 0
    return (
        f"\nfault cells of REST: {pairs} of {every} ({len(NO_CELL)} make no sense), {len(done)} runs; "
        f"{dict(sorted(classes.items()))}; UNKNOWN ended as {dict(sorted(ends.items()))}, found after {mean:.0f} ms\n"
    )


def _judged(home: Path, wanted: list[tuple[Kind, Fault, bool]], capsys: pytest.CaptureFixture[str]) -> None:
    done = _run(home, wanted)
    found = [cell.after_ms for cell in done if cell.resolved == "ACCEPTED"]
    assert found
    assert sum(found) / len(found) <= 3_000, "what was executed is found soon"
    with capsys.disabled():
        sys.stdout.write(_told(done, wanted))


@pytest.mark.threat(53)
def test_some_fault_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A seeded part of them."""
    _judged(tmp_path, random.Random(6).sample(cells(), FEW), capsys)


@pytest.mark.slow
def test_all_fault_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them."""
    wanted = cells()
    assert len(FAULTS) * len(KINDS) - len(NO_CELL) >= DUE
    _judged(tmp_path, wanted, capsys)


def test_every_cell_without_sense_is_one(tmp_path: Path) -> None:
    """There the fault changes nothing of the answer."""
    kinds, faults = {kind.name: kind for kind in KINDS}, {fault.name: fault for fault in FAULTS}
    for number, (fault, kind) in enumerate(NO_CELL):

        async def run(loop: VirtualLoop, number: int = number, kind: str = kind, fault: str = fault) -> Cell | None:
            return await Bench(loop, tmp_path / str(number), kinds[kind], faults[fault], executes=True).run()

        assert run_virtually(run) is None, f"{fault} / {kind} is a cell"


def test_a_stream_is_not_started_over_rest(tmp_path: Path) -> None:
    """It is refused here, so that no fault can meet it: nothing leaves."""

    async def run(loop: VirtualLoop) -> None:
        bench = Bench(loop, tmp_path / "home", KINDS[0], FAULTS[0], executes=True)
        await bench.side.start_clock()
        before = len(bench.venue.sent)
        answer = await bench.ask("POST", "/fapi/v1/listenKey", "", signed=False)
        assert (answer.status, answer.headers["x-counterseal-reason"]) == (403, "stream_not_available")
        assert len(bench.venue.sent) == before
        await bench.side.end()

    run_virtually(run)
