"""Checkpoints: when they are made, what a signer that died or knows more does, what an absent witness closes."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.rig import MONDAY_MS, on_virtual_time
from tests.journals import Log

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.adapters.witness_folder import WitnessFolder
from counterseal.core.messages import CheckpointSigned, LastCheckpoint, Refused, SignCheckpoint
from counterseal.core.tlog import Tree, leaf_hash
from counterseal.gateway.checkpoints import Checkpoints
from counterseal.gateway.witnessing import GAP_MS, GAP_RECORDS, Witnessing
from counterseal.ports.signing import SignerUnavailable
from counterseal.signer.log_key import LogSigner

LOG = Log()
Answer = CheckpointSigned | LastCheckpoint | Refused


class Records:
    """What of the journal checkpoints look at: leaves that are durable at once."""

    def __init__(self, count: int = 0) -> None:
        self.all = [leaf_hash(b"%d" % number) for number in range(count)]
        self.taken = count
        self.latched = False

    @property
    def seq(self) -> int:
        return len(self.all)

    def write(self, _record: Mapping[str, Any] | None = None) -> None:
        self.all.append(leaf_hash(b"%d" % len(self.all)))

    def durable_leaves(self) -> list[bytes]:
        fresh, self.taken = self.all[self.taken :], len(self.all)
        return fresh

    def tree(self, base: int, size: int) -> Tree:
        tree = Tree()
        tree.add(self.all[:base])
        tree.rebase()
        tree.add(self.all[base:size])
        return tree


class Signer:
    """The signer's end in this process; `silent` never answers."""

    def __init__(self) -> None:
        self.count, self.silent = 0, False
        self.asked: list[SignCheckpoint] = []
        self.restart()

    def restart(self) -> None:
        self.log = LogSigner(LOG.name, memoryview(bytearray(LOG.seed + LOG.key.public)))

    def next_id(self) -> int:
        self.count += 1
        return self.count

    def checkpoint(self, request: SignCheckpoint) -> "asyncio.Future[Answer]":
        self.asked.append(request)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self.silent:
            future.set_exception(SignerUnavailable("silent"))
        else:
            future.set_result(self.log.answer(request))
        return future


class Made:
    """Checkpoints over records in memory, and what they told."""

    def __init__(self, records: Records, signer: Signer, witnessing: Witnessing | None = None) -> None:
        self.told: list[str] = []
        self.written: list[Mapping[str, Any]] = []
        journal: Any = records
        self.work = Checkpoints(
            journal, signer, self._write, self.told.append, records.tree(0, 0), records.all, records.tree, witnessing
        )
        self._records = records

    def _write(self, record: Mapping[str, Any]) -> None:
        self.written.append(record)
        self._records.write(record)

    def sizes(self) -> list[int]:
        return [record["size"] for record in self.written]


@on_virtual_time
async def test_nothing_new_is_no_checkpoint() -> None:
    """Its own record is nothing new, so that an idle gateway writes nothing."""
    records, signer = Records(), Signer()
    made = Made(records, signer)
    assert await made.work.make()
    assert signer.asked == []
    records.write()
    for _ in range(3):
        assert await made.work.make()
    assert (made.sizes(), records.seq) == ([1], 2)
    records.write()
    for _ in range(3):
        assert await made.work.make()
    assert made.sizes() == [1, 3]
    for record in made.written:
        checkpoint = LOG.open(record["note"])
        assert (checkpoint.size, checkpoint.root) == (record["size"], records.tree(0, record["size"]).root())


@on_virtual_time
async def test_a_signer_that_is_away_is_asked_again_and_told_once() -> None:
    records, signer = Records(), Signer()
    made = Made(records, signer)
    signer.silent = True
    for _ in range(3):
        records.write()
        assert not await made.work.make()
    signer.silent = False
    assert await made.work.make()
    assert (made.sizes(), made.told) == ([3], ["signer_unavailable"])


@on_virtual_time
async def test_a_signer_that_signed_for_an_earlier_run_gets_its_proof() -> None:
    """A gateway that was killed between the signature and its record starts with an older checkpoint."""
    records, signer = Records(), Signer()
    for _ in range(40):
        records.write()
    early = records.tree(0, 33)
    signer.log.answer(SignCheckpoint(1, 0, 33, early.root(), ()))
    records.taken = 40
    made = Made(records, signer)
    assert await made.work.make()
    assert (made.sizes(), [asked.old_size for asked in signer.asked]) == ([40], [0, 33])


@pytest.mark.threat(50)
@on_virtual_time
async def test_a_journal_that_lost_records_gets_no_checkpoint() -> None:
    records, signer = Records(), Signer()
    for _ in range(10):
        records.write()
    signer.log.answer(SignCheckpoint(1, 0, 33, bytes(32), ()))
    records.taken = 10
    made = Made(records, signer)
    assert not await made.work.make()
    assert not await made.work.make()
    assert (made.sizes(), made.told) == ([], ["inconsistent_checkpoint"])


@on_virtual_time
async def test_a_new_signer_goes_on() -> None:
    records, signer = Records(), Signer()
    made = Made(records, signer)
    for _ in range(5):
        records.write()
        assert await made.work.make()
        signer.restart()
    assert (made.sizes(), made.told) == ([1, 3, 5, 7, 9], [])


@on_virtual_time
async def test_a_latched_journal_gets_none() -> None:
    """What is in the reserve is no tree yet."""
    records, signer = Records(), Signer()
    made = Made(records, signer)
    records.write()
    records.latched = True
    assert await made.work.make()
    assert signer.asked == []


# -- the witness


def test_a_witness_keeps_what_is_signed_and_its_absence_closes_what_raises_risk(tmp_path: Path) -> None:
    """Open for ten minutes or 10,000 records without it, closed then, open again by itself."""

    async def run() -> None:
        clock, told, critical = VirtualClock(MONDAY_MS), [], []
        tasks = Tasks(lambda name, error: told.append(f"{name} {error!r}"))
        folder = tmp_path / "witness"
        folder.mkdir()
        records, signer = Records(), Signer()
        witnessing = Witnessing(
            WitnessFolder(folder), clock, tasks, lambda text, **_: told.append(text), lambda t, **_: critical.append(t)
        )
        made = Made(records, signer, witnessing)

        async def second() -> None:
            records.write()
            await made.work.make()
            await asyncio.sleep(0.01)
            await clock.advance(1)
            witnessing.look(records.seq)

        await second()
        assert (witnessing.closed(), WitnessFolder(folder).newest(LOG.name)) == ("", made.written[-1]["note"])
        folder.rename(tmp_path / "away")
        while clock.monotonic_ns() < GAP_MS * 1_000_000:
            await second()
            assert witnessing.closed() == ""
            await clock.advance(60)
        for _ in range(3):
            await second()
            await clock.advance(1)
        assert witnessing.closed() == "witness_unreachable"
        assert (len(told), len(critical)) == (1, 1)
        (tmp_path / "away").rename(folder)
        await second()
        await second()
        assert witnessing.closed() == ""
        for _ in range(GAP_RECORDS + 2):
            records.write()
        witnessing.look(records.seq)
        assert witnessing.closed() == "witness_unreachable"
        await tasks.cancel_all()

    asyncio.run(run())


@on_virtual_time
async def test_a_quiet_gateway_is_never_behind() -> None:
    """Hours without a record are no gap: nothing is missing."""
    clock = VirtualClock(MONDAY_MS)
    witnessing = Witnessing(WitnessFolder(Path("/nowhere")), clock, Tasks(lambda *_: None), print, print)
    witnessing.begin(7)
    for _ in range(5):
        await clock.advance(3600)
        witnessing.look(8)
        assert witnessing.closed() == ""
