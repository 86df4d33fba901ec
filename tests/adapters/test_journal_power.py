"""PWR-1 for the journal: power is cut at every write, in every way that a disk may have done half of it.

In `power` durability what was acknowledged is there after any cut, at most an unacknowledged tail is missing, and what
is there verifies. The cuts: nothing of the last write arrived; it was torn at every 512 bytes; its bytes are zeros; all
of it arrived; and what was written beside and not synced (summaries, leaves) is torn.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.test_journal_file import Told, begun, intent, outcome

from counterseal.adapters import journal_file
from counterseal.adapters.journal_segments import read_payloads, segments
from counterseal.adapters.journal_start import open_journal
from counterseal.adapters.journal_summary import leaves_path, read_summary, summarize, summary_path
from counterseal.core.summary import Place
from counterseal.core.tlog import Tree, leaf_hash

RESERVE = 64 * 1024
SECTOR = 512
WANTED = 1_000


class Watched:
    """Stands for os in the journal's module: before each write to a segment the folder's state is kept."""

    def __init__(self, before: Callable[[bytes], None]) -> None:
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, file: int, data: bytes) -> int:
        self._before(data)
        return os.write(file, data)


def states(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What of the last write may be on the disk."""
    yield "nothing", b""
    for end in range(SECTOR, len(data), SECTOR):
        yield f"torn at {end}", data[:end]
        yield f"zeros from {end}", data[:end] + bytes(len(data) - end)
    yield "zeros", bytes(len(data))
    yield "all", data


@pytest.mark.slow
@pytest.mark.threat(55)
def test_pwr_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    journal_folder, cuts = tmp_path / "journal", [0, 0]

    async def run() -> None:
        journal = begun(open_journal(journal_folder, RESERVE), Told(), power=True, segment_bytes=40_000)
        acknowledged = 0

        def cut(data: bytes) -> None:
            open_segment = segments(journal_folder)[-1].path
            for name, arrived in states(data):
                state = tmp_path / "state"
                shutil.copytree(journal_folder, state)
                with (state / open_segment.name).open("ab") as file:
                    file.write(arrived)
                if cuts[0] % 3 == 0:
                    _tear_what_lies_beside(state)
                _judge(state, acknowledged, f"cut {cuts[0]}, {name}")
                shutil.rmtree(state)
                cuts[0] += 1

        monkeypatch.setattr(journal_file, "os", Watched(cut))
        while cuts[0] < WANTED:
            for number in range(journal.seq, journal.seq + 4):
                journal.append(intent(number))
                journal.append({**outcome(number), "reply": "x" * 300})
            journal.flush()
            acknowledged = journal.seq
            cuts[1] += 1
            await asyncio.sleep(0.002)
        monkeypatch.setattr(journal_file, "os", os)
        await journal.close()

    asyncio.run(run())
    assert len(segments(journal_folder)) > 1
    with capsys.disabled():
        sys.stdout.write(f"\nPWR-1: {cuts[0]} of {WANTED} states at {cuts[1]} writes\n")


def _tear_what_lies_beside(state: Path) -> None:
    """What is derived was made and not synced: half of it is there."""
    before = Place(0, 0, bytes(32), ())
    for segment in segments(state)[:-1]:
        if read_summary(segment.path) is None:
            before = summarize(segment.path, before).end
        for path in (summary_path(segment.path), leaves_path(segment.path)):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _judge(state: Path, acknowledged: int, name: str) -> None:
    start = open_journal(state, RESERVE)
    try:
        assert start.seq >= acknowledged, f"{name}: {acknowledged} were acknowledged, {start.seq} are there"
        tree = Tree(start.before.seq, start.before.frontier)
        tree.add(start.leaves)
        whole = Tree()
        whole.add(map(leaf_hash, read_payloads(state)))
        assert (tree.size, tree.root()) == (whole.size, whole.root()), name
    finally:
        os.close(start.file)
        start.reserve.close()
