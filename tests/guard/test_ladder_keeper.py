"""The ladder over the guard's restarts: in the journal before it takes effect, and halted when that cannot be read."""

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.homes import make_home
from tests.journals import Log as LogOfTree

from counterseal.adapters.home import Home
from counterseal.adapters.journal_file import JournalTerms
from counterseal.adapters.journal_prune import DAY_MS, prune_guard
from counterseal.adapters.journal_segments import ANEW, RESERVE, anew_below, decode, read_records, scan_file, segments
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.cli.audit_shared import Source
from counterseal.cli.audit_verify import audit
from counterseal.core.config.model import Journal
from counterseal.core.ladder import FLEET, Actor, Given, Kind, Ladder, Refusal, Rung, Scope, Trip
from counterseal.core.ladder_records import RESTATED, UNREADABLE, whole
from counterseal.guard.journal import GuardJournal
from counterseal.guard.ladder_keeper import LadderKeeper
from counterseal.ports.journal import JournalError

ALPHA = Scope(Kind.BOT, "alpha")


class Log:
    """Remembers what is critical."""

    def __init__(self) -> None:
        self.critical_lines: list[str] = []

    def critical(self, event: str, **_fields: Any) -> None:
        self.critical_lines.append(event)

    info = warning = error = lambda self, event, **fields: None


class Guard:
    """A keeper over a journal on disk, as one start of the guard has them."""

    def __init__(self, home: Home, clock: VirtualClock | None = None) -> None:
        self.clock, self.log = clock or VirtualClock(), Log()
        self.told: list[tuple[list[dict[str, Any]], bool]] = []
        self.journal = GuardJournal(home, self.clock, self.log)
        self.keeper = LadderKeeper(self.journal.ladder, self.journal, self.clock, self._tell)

    def _tell(self, trips: list[dict[str, Any]], is_urgent: bool) -> int:
        self.told.append((trips, is_urgent))
        return len(self.told)

    @property
    def trips(self) -> Mapping[Scope, Trip]:
        return self.keeper.ladder.trips


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    home.guard_journal.mkdir(mode=0o700)
    return home


def halt(scope: Scope = ALPHA, rung: Rung = Rung.HALTED, actor: Actor = Actor.OPERATOR) -> Trip:
    return Trip(scope, rung, actor, "jane", "by hand", 7)


def live(home: Home, life: Callable[[Guard], Any] = lambda _guard: None) -> Guard:
    """One life of the guard; it ends in good order."""

    async def run() -> Guard:
        guard = Guard(home)
        result = life(guard)
        if isinstance(result, Awaitable):
            await result
        await guard.journal.close()
        return guard

    return asyncio.run(run())


def kill(home: Home, life: Callable[[Guard], Any]) -> Guard:
    """One life of the guard that nobody closed: only what was written counts."""

    async def run() -> Guard:
        guard = Guard(home)
        life(guard)
        return guard

    return asyncio.run(run())


@contextmanager
def no_room(home: Home) -> Iterator[None]:
    """A disk on which no file grows beyond what the journal has; the reserve, which has its room, takes as much."""
    size = segments(home.guard_journal)[-1].path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_first_start_is_active_and_leaves_a_state_behind(home: Home) -> None:
    guard = live(home)
    assert not guard.trips and not guard.log.critical_lines
    assert [(entry["type"], entry["act"]) for entry in read_records(home.guard_journal)] == [("ladder", "state")]


@pytest.mark.threat(61)
def test_a_halt_holds_over_a_kill(home: Home) -> None:
    kill(home, lambda guard: guard.keeper.trip(halt(), {"uid": 1000}))
    assert set(live(home).trips) == {ALPHA}
    (record,) = [entry for entry in read_records(home.guard_journal) if entry.get("act") == "trip"]
    assert (record["who"], record["uid"], record["cause"]) == ("jane", 1000, "by hand")


def test_what_was_given_back_stays_so_and_the_wish_of_one_operator_too(home: Home) -> None:
    two = ("jane", "joe")

    def life(guard: Guard) -> None:
        guard.keeper.trip(halt())
        guard.keeper.trip(halt(FLEET))
        assert isinstance(guard.keeper.reset(ALPHA, "jane", two), Given)
        found = guard.keeper.reset(FLEET, "jane", two)
        assert isinstance(found, Given) and not found.is_done

    kill(home, life)
    assert set(live(home).trips) == {FLEET}
    # Two starts later the first one's word still counts, and the same person cannot say it twice.
    assert live(home, lambda guard: guard.keeper.reset(FLEET, "jane", two)).keeper.ladder.wishes
    gone = live(home, lambda guard: guard.keeper.reset(FLEET, "joe", two))
    assert not gone.trips


def test_the_gateway_hears_each_change_and_a_stop_at_once(home: Home) -> None:
    def life(guard: Guard) -> None:
        guard.keeper.trip(halt())
        guard.keeper.reset(ALPHA, "jane", ())

    told = live(home, life).told
    assert [([trip["name"] for trip in trips], urgent) for trips, urgent in told] == [(["alpha"], True), ([], False)]


def test_what_the_guard_sees_again_is_neither_written_nor_told_as_news(home: Home) -> None:
    def life(guard: Guard) -> None:
        for _ in range(3):
            guard.keeper.trip(halt(actor=Actor.GUARD))
            guard.keeper.trip(halt(FLEET, actor=Actor.OPERATOR))

    guard = live(home, life)
    kinds = [entry["kind"] for entry in read_records(home.guard_journal) if entry.get("act") == "trip"]
    assert kinds == ["bot", "fleet", "fleet", "fleet"]
    assert [urgent for _, urgent in guard.told] == [True, True, False, True, False, True]


def test_what_the_ladder_refuses_leaves_no_trace(home: Home) -> None:
    def life(guard: Guard) -> None:
        assert guard.keeper.trip(Trip(FLEET, Rung.HALTED, Actor.BOT, "alpha", "", 1)) == Refusal("not_its_own")
        assert guard.keeper.reset(ALPHA, "jane", ()) == Refusal("not_tripped")

    guard = live(home, life)
    assert not guard.told and guard.keeper.ladder == Ladder()
    assert len(list(read_records(home.guard_journal))) == 1


# -- a disk that takes nothing


@pytest.mark.threat(61)
def test_with_a_full_disk_a_stop_goes_into_the_reserve_and_holds(home: Home) -> None:
    def life(guard: Guard) -> None:
        guard.journal.write({"type": "alert", "text": "x" * 5_000})
        with no_room(home):
            assert guard.keeper.trip(halt()) == 1
        assert guard.journal.state == "reserve"

    guard = kill(home, life)
    assert set(guard.trips) == {ALPHA} and guard.told[-1][1]
    assert set(live(home).trips) == {ALPHA}


@pytest.mark.threat(61)
def test_where_nothing_can_be_recorded_a_stop_takes_effect_and_is_not_given_back(home: Home) -> None:
    def life(guard: Guard) -> None:
        guard.journal._file._reserve.broken = "the disk is gone"  # type: ignore[union-attr]
        with no_room(home):
            assert guard.keeper.trip(halt()) == 1
            with pytest.raises(JournalError):
                guard.keeper.reset(ALPHA, "jane", ())

    guard = kill(home, life)
    assert set(guard.trips) == {ALPHA} and guard.told[-1][1]
    assert "the guard's journal lacks a record" in guard.log.critical_lines
    assert guard.journal.state == "latched"


# -- a journal that cannot be read


@pytest.mark.threat(61)
def test_a_journal_that_was_changed_halts_the_fleet_until_somebody_gives_it_back(home: Home) -> None:
    live(home, lambda guard: guard.keeper.trip(halt()))
    path = segments(home.guard_journal)[-1].path
    spoilt = bytearray(path.read_bytes())
    spoilt[40] ^= 1
    path.write_bytes(spoilt)

    again = live(home)
    assert again.trips[FLEET].cause == UNREADABLE and again.journal.fault
    assert again.log.critical_lines == ["the ladder's state cannot be read: the fleet is halted"]
    assert path.read_bytes() == spoilt, "what is damaged is evidence, and stays"
    # It goes on beside it, and a further start finds it there.
    assert [folder.name for folder in anew_below(home.guard_journal)] == [f"{ANEW}1"]
    later = live(home, lambda guard: guard.keeper.reset(FLEET, "jane", ()))
    assert not later.trips and not later.journal.fault
    assert not live(home).trips


@pytest.mark.threat(61)
def test_an_end_that_was_torn_may_have_been_a_stop_and_halts_the_fleet(home: Home) -> None:
    live(home, lambda guard: guard.keeper.trip(halt()))
    path = segments(home.guard_journal)[-1].path
    path.write_bytes(path.read_bytes()[:-1])

    again = live(home)
    assert again.trips[FLEET].cause == UNREADABLE and "torn" in again.journal.fault
    # What halts it is on record now; it is no fault of the next start.
    later = live(home)
    assert set(later.trips) == {FLEET} and not later.journal.fault
    assert not live(home, lambda guard: guard.keeper.reset(FLEET, "jane", ())).trips


def test_a_record_of_another_version_halts_the_fleet(home: Home) -> None:
    live(home, lambda guard: guard.journal.write({"type": "ladder", "act": "something new"}))
    assert live(home).trips[FLEET].cause == UNREADABLE


@pytest.mark.threat(61)
def test_a_folder_that_cannot_be_opened_halts_the_fleet_and_gives_nothing_back(home: Home) -> None:
    home.guard_journal.rmdir()
    home.guard_journal.write_text("not a folder")
    guard = kill(home, lambda guard: guard.keeper.trip(halt()))
    assert guard.journal.state == "closed" and set(guard.trips) == {ALPHA, FLEET}
    with pytest.raises(JournalError):
        guard.keeper.reset(FLEET, "jane", ())


# -- how much of it is read


def test_a_start_reads_back_to_the_newest_whole_state_over_several_segments(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterseal.guard.journal.SEGMENT_BYTES", 2_000)

    async def life(guard: Guard) -> None:
        guard.keeper.trip(halt())
        for number in range(60):
            guard.journal.write({"type": "alert", "number": number, "text": "x" * 100})
            await asyncio.sleep(0.01)

    live(home, life)
    assert len(segments(home.guard_journal)) > 2
    assert set(live(home).trips) == {ALPHA}


class Stating(Guard):
    """A guard that states all anew in each segment, as the service does; `known` stands for what the watch keeps."""

    def __init__(self, home: Home, clock: VirtualClock | None = None) -> None:
        super().__init__(home, clock)
        self.known = [record["n"] for record in self.journal.records if record["type"] == "watch"][-1:]
        self.journal.on_turn = self.restate

    def restate(self) -> None:
        self.journal.write(whole(self.keeper.ladder))
        self.journal.write({"type": "watch", "n": self.known})
        self.journal.write({"type": RESTATED})

    async def grow(self, records: int) -> None:
        """Write until another segment has been begun, or several."""
        for number in range(records):
            self.journal.write({"type": "alert", "number": number, "text": "x" * 100})
            await self.clock.advance(0.01)
            await asyncio.sleep(0.002)


def stated(home: Home, records: int = 0) -> Stating:
    async def run() -> Stating:
        guard = Stating(home)
        guard.known = [7]
        guard.restate()
        await guard.grow(records)
        await guard.journal.close()
        return guard

    return asyncio.run(run())


def test_each_segment_holds_all_that_a_start_must_know(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the ladder alone: what the watch had written before the segment was begun is known after a restart."""
    monkeypatch.setattr("counterseal.guard.journal.SEGMENT_BYTES", 2_000)
    live(home, lambda guard: guard.keeper.trip(halt()))
    stated(home, 60)
    found = segments(home.guard_journal)
    assert len(found) > 3
    guard = live(home)
    assert [record["n"] for record in guard.journal.records if record["type"] == "watch"][-1] == [7]
    read = {record["seq"] for record in guard.journal.records}
    assert min(read) > 20, "it reads no further back than it must"


def test_without_its_mark_a_segment_is_not_enough(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that was killed before it had stated all anew."""
    monkeypatch.setattr("counterseal.guard.journal.SEGMENT_BYTES", 2_000)

    async def life(guard: Guard) -> None:
        guard.journal.write({"type": "watch", "n": [7]})
        await Stating.grow(guard, 60)  # type: ignore[arg-type]

    live(home, life)
    assert len(segments(home.guard_journal)) > 3
    assert [record["n"] for record in live(home).journal.records if record["type"] == "watch"] == [[7]]


def test_old_segments_go_but_what_a_start_needs_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain can be followed all the same."""
    monkeypatch.setattr("counterseal.guard.journal.SEGMENT_BYTES", 2_000)
    live(home, lambda guard: guard.keeper.trip(halt()))
    stated(home, 60)
    folder, found = home.guard_journal, segments(home.guard_journal)
    now_ms = list(read_records(folder))[-1]["t"]
    assert prune_guard(folder, now_ms, 1) == []
    removed = prune_guard(folder, now_ms + 2 * DAY_MS, 1)
    # The newest that was stated anew stays, and what is behind it.
    left = segments(folder)
    assert removed and [path.name for path in (segment.path for segment in found)] == [
        *removed, *[segment.path.name for segment in left]
    ]  # fmt: skip
    assert RESTATED in {record["type"] for record in map(decode, scan_file(left[0].path).payloads)}
    assert prune_guard(folder, now_ms + 2 * DAY_MS, 1) == []
    guard = live(home)
    assert set(guard.trips) == {ALPHA} and not guard.journal.fault
    assert [record["n"] for record in guard.journal.records if record["type"] == "watch"][-1] == [7]
    report = audit(Source(folder, LogOfTree().key), LogOfTree().key, ())
    assert report.faults == [] and report.last > report.records


def test_nothing_goes_of_a_journal_that_never_stated_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterseal.guard.journal.SEGMENT_BYTES", 2_000)
    live(home, lambda guard: Stating.grow(guard, 40))  # type: ignore[arg-type]
    assert len(segments(home.guard_journal)) > 2
    assert prune_guard(home.guard_journal, 10**15, 1) == []


def test_segments_are_as_large_and_as_old_as_the_settings_say(home: Home) -> None:
    """A start reads a whole one, so that there is a bound."""

    async def run(mib: int) -> JournalTerms:
        journal = GuardJournal(home, VirtualClock(), Log(), Journal(segment_mib=mib, segment_hours=3))
        await journal.close()
        return journal._terms

    assert [asyncio.run(run(mib)).segment_bytes for mib in (2, 64)] == [2 << 20, 16 << 20]
    assert asyncio.run(run(2)).segment_ms == 3 * 3_600_000


@pytest.mark.threat(62)
def test_neither_a_restart_nor_a_step_of_the_clock_changes_a_rung(home: Home) -> None:
    """KILL-5: nothing is tripped, raised or given back by them."""
    live(home, lambda guard: guard.keeper.trip(halt(FLEET, Rung.REDUCING)))
    for step_ms in (-86_400_000, -1, 0, 1, 3_600_000, 10 * 365 * 86_400_000):
        clock = VirtualClock()
        clock.step_wall(step_ms)

        async def run(clock: VirtualClock = clock) -> Guard:
            guard = Guard(home, clock)
            await guard.journal.close()
            return guard

        guard = asyncio.run(run())
        assert {scope: trip.rung for scope, trip in guard.trips.items()} == {FLEET: Rung.REDUCING}
        assert not guard.told
    assert not (home.guard_journal / RESERVE).read_bytes().strip(b"\x00").count(b"ladder")
