"""The journal on a disk that fails, fills up or is cut: what was promised is there, and nobody is told otherwise."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journals import Log

from counterseal.adapters import journal_file
from counterseal.adapters.journal_file import JournalCalls, JournalFile, JournalTerms
from counterseal.adapters.journal_prune import prune
from counterseal.adapters.journal_reserve import Reserve
from counterseal.adapters.journal_segments import JournalFollower, read_payloads, read_records, segments
from counterseal.adapters.journal_start import Start, open_journal
from counterseal.adapters.journal_summary import NOTHING, read_summary, summarize, summary_path
from counterseal.adapters.system_clock import SystemClock
from counterseal.core import record
from counterseal.core.record import FIRST_PREV, JournalDamaged
from counterseal.core.tlog import Tree, leaf_hash
from counterseal.gateway.recovery import Fold, recover
from counterseal.ports.journal import JournalError

RESERVE = 256 * 1024
DAY_MS = 24 * 3600 * 1000


def intent(number: int) -> dict[str, Any]:
    return {
        "type": "intent", "id": f"run-{number}", "bot": "alpha", "family": "spot", "method": "POST",
        "path": "/api/v3/order", "pairs": [["symbol", "BTCUSDT"]], "client_ids": [f"c{number}"], "digest": "00" * 16,
    }  # fmt: skip


def outcome(number: int, status: str = "FILLED") -> dict[str, Any]:
    return {
        "type": "outcome", "id": f"run-{number}", "outcome": "ACCEPTED", "order_status": status, "reply_status": 200,
        "reply": "{}", "freed": [],
    }  # fmt: skip


class Told:
    """What the journal tells."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.warned: list[str] = []
        self.closed: list[int] = []

    def calls(self) -> JournalCalls:
        return JournalCalls(self.failed.append, self.warned.append, lambda segment: self.closed.append(segment.number))


def opened(folder: Path, told: Told | None = None, **terms: Any) -> JournalFile:
    return begun(open_journal(folder, RESERVE), told, **terms)


def begun(start: Start, told: Told | None = None, **terms: Any) -> JournalFile:
    return JournalFile(start, SystemClock(), (told or Told()).calls(), JournalTerms(**terms))


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test's coroutine."""

    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def write(journal: JournalFile, *numbers: int) -> None:
    for number in numbers:
        journal.append(intent(number))
        journal.flush()
        journal.append(outcome(number))
        journal.flush()


async def settled(journal: JournalFile) -> None:
    """Wait until everything written is durable."""
    for _ in range(400):
        if not journal.behind:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never durable")


@on_loop
async def test_every_record_names_the_one_before(tmp_path: Path) -> None:
    """Over a restart too; the first names nothing."""
    for part in (range(3), range(3, 5)):
        journal = opened(tmp_path)
        write(journal, *part)
        await journal.close()
    payloads, records = list(read_payloads(tmp_path)), list(read_records(tmp_path))
    assert [entry["prev"] for entry in records] == [FIRST_PREV, *[leaf_hash(each).hex() for each in payloads[:-1]]]
    assert [entry["seq"] for entry in records] == list(range(1, 11))


@pytest.mark.threat(55)
@on_loop
async def test_a_record_that_is_too_long_leaves_no_hole(tmp_path: Path) -> None:
    """Nobody gets its number, and the chain goes on from the record before."""
    journal = opened(tmp_path)
    journal.append(intent(1))
    with pytest.raises(ValueError, match="1 MiB"):
        journal.append({"type": "event", "what": "x" * (1 << 20)})
    journal.append(outcome(1))
    journal.flush()
    await journal.close()
    payloads = list(read_payloads(tmp_path))
    assert [entry["seq"] for entry in read_records(tmp_path)] == [1, 2]
    assert [entry["prev"] for entry in read_records(tmp_path)] == [FIRST_PREV, leaf_hash(payloads[0]).hex()]


@on_loop
async def test_a_torn_tail_is_cut_and_told(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    write(journal, 1)
    await journal.close()
    (segment,) = segments(tmp_path)
    whole = segment.path.read_bytes()
    segment.path.write_bytes(whole + b"\x00\x00\x01\x00torn")
    start = open_journal(tmp_path, RESERVE)
    assert (start.torn_bytes, start.seq, segment.path.read_bytes()) == (8, 2, whole)
    await begun(start).close()


@pytest.mark.threat(48)
@on_loop
async def test_a_record_changed_in_the_open_segment_stops_the_start(tmp_path: Path) -> None:
    """With its checksum repaired: the chain tells."""
    journal = opened(tmp_path)
    write(journal, 1, 2)
    await journal.close()
    (segment,) = segments(tmp_path)
    payloads = list(read_payloads(tmp_path))
    payloads[1] = payloads[1].replace(b"FILLED", b"EXPIRE")
    segment.path.write_bytes(record.MAGIC + b"".join(map(record.frame, payloads)))
    with pytest.raises(JournalDamaged, match="record 3 does not follow on record 2"):
        open_journal(tmp_path, RESERVE)


@on_loop
async def test_segments_follow_each_other_and_are_summarized(tmp_path: Path) -> None:
    """What the summaries remember is what the records tell."""
    told = Told()
    journal = opened(tmp_path, told, segment_bytes=4096)
    for number in range(100):
        write(journal, number)
        await asyncio.sleep(0.002)
    await settled(journal)
    await journal.close()
    found = segments(tmp_path)
    assert len(found) > 5
    assert told.closed == [segment.number for segment in found[: len(told.closed)]]
    start = open_journal(tmp_path, RESERVE)
    assert len(start.summaries) == len(found) - 1
    fold = Fold(0, 0)
    for summary in start.summaries:
        fold.take_summary(summary)
    for entry in start.records:
        fold.take(entry)
    whole, folded = recover(read_records(tmp_path), 0, 0), fold.recovered()
    assert len(whole.ledger) == len(folded.ledger) == 100
    assert folded.ledger.get("spot", "c7") == whole.ledger.get("spot", "c7")
    tree = Tree()
    tree.add(map(leaf_hash, read_payloads(tmp_path)))
    assert start.tree()[0].root() == Tree(start.before.seq, start.before.frontier).root()
    await begun(start).close()


@on_loop
async def test_a_damaged_summary_is_made_anew(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=2000)
    for number in range(20):
        write(journal, number)
        await asyncio.sleep(0.002)
    await journal.close()
    start = open_journal(tmp_path, RESERVE)
    await begun(start).close()
    path = summary_path(segments(tmp_path)[0].path)
    whole = path.read_bytes()
    for damaged in (whole[:-3], whole[:60] + b"x" + whole[61:], b""):
        path.write_bytes(damaged)
        again = open_journal(tmp_path, RESERVE)
        assert again.summaries == start.summaries
        assert path.read_bytes() == whole
        await begun(again).close()


@on_loop
async def test_a_follower_goes_on_in_the_next_segment(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=1500)
    follower = iter(JournalFollower(tmp_path))
    for number in range(10):
        write(journal, number)
        await asyncio.sleep(0.003)
    await journal.close()
    assert len(segments(tmp_path)) > 2
    assert [next(follower)["seq"] for _ in range(20)] == list(range(1, 21))


# -- a disk that fails


class Faulty:
    """Stands for os in the journal's module: the named call fails at its n-th time, and the calls are counted."""

    def __init__(self, call: str, at: int, number: int, once: bool = False) -> None:
        self._call, self._at, self._number, self._once = call, at, number, once
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name != self._call:
            return real

        def tried(*arguments: Any) -> Any:
            self.count += 1
            if self.count == self._at or (self.count > self._at and not self._once):
                raise OSError(self._number, os.strerror(self._number))
            return real(*arguments)

        return tried


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Faulty]:
    def make(*arguments: Any, **more: Any) -> Faulty:
        fault = Faulty(*arguments, **more)
        monkeypatch.setattr(journal_file, "os", fault)
        return fault

    return make


@pytest.mark.threat(56)
@pytest.mark.parametrize("once", [False, True], ids=["for good", "once, then success"])
@pytest.mark.parametrize("mode", ["process", "power"])
def test_fsync_1(tmp_path: Path, faulty: Callable[..., Faulty], mode: str, once: bool) -> None:
    """EIO at each N-th fdatasync: latched for good, what was written later stands in the reserve, none is missing."""
    checked = 0
    for at in range(1, 9):
        folder, told = tmp_path / f"{mode}-{at}", Told()

        async def run(folder: Path = folder, told: Told = told, at: int = at) -> None:
            journal = opened(folder, told, power=mode == "power")
            faulty("fdatasync", at, errno.EIO, once=once)
            for number in range(10):
                write(journal, number)
                await asyncio.sleep(0.012)
            assert journal.latched
            assert journal.closed == "journal_unavailable"
            assert (journal.failed, journal.state) == (False, "reserve")
            faulty("fdatasync", 10**9, errno.EIO)
            await journal.close()

        asyncio.run(run())
        assert len(told.failed) == 1, told.failed
        before = segments(folder)[0].path.stat().st_size
        assert [entry["seq"] for entry in read_records(folder)] == list(range(1, 21))
        start = open_journal(folder, RESERVE)
        assert start.from_reserve > 0
        assert segments(folder)[0].path.stat().st_size > before
        asyncio.run(begun(start).close())
        checked += 1
    sys.stdout.write(f"\nFSYNC-1 {mode}: {checked} points\n")


def test_writing_without_a_pause_is_not_synced_without_a_pause(tmp_path: Path, faulty: Callable[..., Faulty]) -> None:
    """A sync costs the CPU as much as an order: what is written while one is under way waits for the next delay."""
    disk = faulty("fdatasync", 10**9, errno.EIO)

    async def run() -> int:
        journal = opened(tmp_path)
        loop, number = asyncio.get_running_loop(), 0
        begun = loop.time()
        while loop.time() - begun < 0.15:
            write(journal, number)
            number += 1
            await asyncio.sleep(0)
        most = int((loop.time() - begun) / journal_file.SYNC_DELAY_S) + 1
        while journal.behind:
            await asyncio.sleep(0.001)
        await journal.close()
        return most

    most = asyncio.run(run())
    # The one for what came last, and the one at the end.
    assert 2 <= disk.count <= most + 2


@pytest.mark.threat(56)
def test_the_reserve_is_synced_after_a_sync_that_failed_while_another_was_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records of exits become durable too, however slowly the disk said no."""
    synced = threading.Event()
    real = Reserve.sync

    def noted(reserve: Reserve) -> None:
        real(reserve)
        synced.set()

    class SlowlyFailing:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fdatasync(self, _file: int) -> None:
            threading.Event().wait(4 * journal_file.SYNC_DELAY_S)
            raise OSError(errno.EIO, "scripted")

    async def run() -> None:
        journal = opened(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(Reserve, "sync", noted)
            patch.setattr(journal_file, "os", SlowlyFailing())
            write(journal, 1)
            await asyncio.sleep(2 * journal_file.SYNC_DELAY_S)
            # While that sync hangs: the next is due before it has failed.
            write(journal, 2)
            while not journal.latched:
                await asyncio.sleep(0.001)
            write(journal, 3)
            async with asyncio.timeout(5):
                while not synced.is_set():
                    await asyncio.sleep(0.001)
        await journal.close()

    asyncio.run(run())
    assert synced.is_set()


@pytest.mark.threat(56)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_disk_1(tmp_path: Path, faulty: Callable[..., Faulty], number: int) -> None:
    """A write that fails at each N-th place: no record is lost, what raises risk is refused, refusals are not kept."""
    for at in range(1, 21):
        folder, told = tmp_path / str(at), Told()

        async def run(folder: Path = folder, told: Told = told, at: int = at) -> None:
            journal = opened(folder, told)
            faulty("write", at, number)
            write(journal, *range(10))
            assert (journal.state, journal.closed) == ("reserve", "journal_unavailable")
            journal.append({"type": "denied", "bot": "alpha", "reason": "x"})
            journal.flush()
            await journal.close()

        asyncio.run(run())
        assert len(told.failed) == 1
        assert [entry["seq"] for entry in read_records(folder)] == list(range(1, 21))
    sys.stdout.write(f"\nDISK-1 {errno.errorcode[number]}: 20 points\n")


@on_loop
async def test_a_short_write_leaves_nothing_behind(tmp_path: Path) -> None:
    """The batch goes into the reserve whole; the segment keeps no half of it."""
    journal = opened(tmp_path)
    write(journal, 1)
    real, journal_os = os.write, journal_file.os

    class Short:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def write(self, file: int, data: bytes) -> int:
            return real(file, data[:100])

    journal_file.os = Short()  # type: ignore[assignment]
    try:
        write(journal, 2)
    finally:
        journal_file.os = journal_os
    await journal.close()
    assert [entry["seq"] for entry in read_records(tmp_path)] == [1, 2, 3, 4]
    assert open_journal(tmp_path, RESERVE).torn_bytes == 0


@on_loop
async def test_a_full_reserve_ends_the_record_and_says_so(tmp_path: Path) -> None:
    told = Told()
    journal = opened(tmp_path, told)
    os.close(journal._file)
    journal._file = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalError):
        for number in range(10_000):
            write(journal, number)
    assert (journal.failed, journal.state, journal.closed) == (True, "latched", "journal_unavailable")
    assert len(told.failed) == 2
    await journal.close()
    kept = list(read_records(tmp_path))
    assert len(kept) > 400
    assert [entry["seq"] for entry in kept] == list(range(1, len(kept) + 1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder / "journal"
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    """Orders fill it; then exits still have their room, and a start on the full disk goes on there."""
    ballast = small_disk.parent / "ballast"
    ballast.write_bytes(bytes(300_000))

    async def fill() -> int:
        told = Told()
        journal = opened(small_disk, told)
        number = 0
        while not journal.latched:
            write(journal, number)
            number += 1
        write(journal, *range(number, number + 50))
        assert (journal.state, len(told.failed)) == ("reserve", 1)
        await journal.close()
        return number + 50

    written = asyncio.run(fill())
    assert len(list(read_records(small_disk))) == 2 * written

    async def again() -> None:
        start = open_journal(small_disk, RESERVE)
        assert (start.full != "", start.seq) == (True, 2 * written)
        journal = begun(start)
        assert journal.state == "reserve"
        write(journal, written)
        await journal.close()

    asyncio.run(again())
    ballast.unlink()
    start = open_journal(small_disk, RESERVE)
    assert (start.full, start.seq) == ("", 2 * written + 2)
    asyncio.run(begun(start).close())
    assert [entry["seq"] for entry in read_records(small_disk)] == list(range(1, 2 * written + 3))


# -- retention


@on_loop
async def test_only_what_is_old_signed_and_ended_is_removed(tmp_path: Path) -> None:
    """And what a start needs to know of it stays."""
    journal = opened(tmp_path, segment_bytes=1500)
    for number in range(30):
        if number == 12:
            journal.append(intent(1000))
        write(journal, number)
        await asyncio.sleep(0.003)
    journal.append({"type": "checkpoint", "size": journal.seq, "note": Log().sign(journal.seq, bytes(32))})
    journal.flush()
    await journal.close()
    found, before = segments(tmp_path), NOTHING
    now_ms = list(read_records(tmp_path))[-1]["t"]
    for segment in found[:-1]:
        before = summarize(segment.path, before).end
    opened_in = next(each for each in found if b'"run-1000"' in each.path.read_bytes())
    assert prune(tmp_path, now_ms, 1) == []
    removed = prune(tmp_path, now_ms + 2 * DAY_MS, 1)
    assert removed == [segment.path.name for segment in found if segment.number < opened_in.number] != []
    assert segments(tmp_path)[0] == opened_in
    assert read_summary(found[0].path) is not None
    start = open_journal(tmp_path, RESERVE)
    assert (start.seq, len(start.summaries)) == (journal.seq, len(found) - 1)
    await begun(start).close()
