"""Alerts on disk: the newest line counts, half a line is none, and the file stays small."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters import alert_spool
from counterseal.adapters.alert_spool import AGAIN_MS, ROOM, SYNC_MS, AlertSpool


def entries(*numbers: int) -> dict[int, dict[str, Any]]:
    return {number: {"number": number, "text": f"alert {number}"} for number in numbers}


def everything(held: dict[int, dict[str, Any]]) -> Callable[[], list[dict[str, Any]]]:
    return lambda: list(held.values())


def write(spool: AlertSpool, changed: dict[int, Any], held: dict[int, dict[str, Any]], now_ms: int = 0) -> None:
    spool.write(changed, everything(held), now_ms)


def test_what_is_written_is_there_at_the_next_start(tmp_path: Path) -> None:
    spool = AlertSpool(tmp_path / "spool")
    assert spool.load() == []
    write(spool, entries(1), entries(1))
    write(spool, {2: {"number": 2, "text": "ü"}}, entries(1))
    write(spool, {1: {"number": 1, "text": "newer"}}, {})
    write(spool, {}, {})
    spool.close()
    spool.close()
    assert AlertSpool(tmp_path / "spool").load() == [{"number": 1, "text": "newer"}, {"number": 2, "text": "ü"}]


def test_what_is_gone_is_gone(tmp_path: Path) -> None:
    spool = AlertSpool(tmp_path)
    write(spool, entries(1, 2), entries(1, 2))
    write(spool, {1: None, 7: None}, entries(2))
    spool.close()
    assert AlertSpool(tmp_path).load() == [*entries(2).values()]


def test_the_file_is_private_and_the_folder_too(tmp_path: Path) -> None:
    spool = AlertSpool(tmp_path / "spool")
    spool.load()
    write(spool, entries(1), entries(1))
    spool.close()
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "spool" / "alerts.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_line_costs_itself_alone(cut: int, tmp_path: Path) -> None:
    spool = AlertSpool(tmp_path)
    write(spool, entries(1), entries(1))
    write(spool, entries(2), entries(1, 2))
    spool.close()
    file = tmp_path / "alerts.jsonl"
    whole = file.read_bytes().rstrip(b"\x00")
    file.write_bytes(whole[:-cut] if cut < len(whole) // 2 else whole)
    found = AlertSpool(tmp_path).load()
    assert found[0] == {"number": 1, "text": "alert 1"} and len(found) <= 2


def test_lines_that_are_none_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_bytes(
        b'[1]\nnull\n{}\n{"number":"x"}\n\xff\n' + b"[" * 100_000 + b'\n{"number":3}\n'
    )
    assert AlertSpool(tmp_path).load() == [{"number": 3}]


def test_the_file_does_not_grow_without_bound(tmp_path: Path) -> None:
    spool = AlertSpool(tmp_path)
    held = entries(1)
    for step in range(3_000):
        held = {1: {"number": 1, "text": f"{step} " + "x" * 1_000}}
        write(spool, held, held)
    spool.close()
    assert (tmp_path / "alerts.jsonl").stat().st_size < ROOM + 20_000
    assert [path.name for path in tmp_path.iterdir()] == ["alerts.jsonl"]
    assert AlertSpool(tmp_path).load() == [*held.values()]


def test_a_disk_that_refuses_is_asked_again_after_a_while_and_then_has_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = AlertSpool(tmp_path)
    write(spool, entries(1), entries(1))
    real = os.pwrite

    def half(file: int, data: bytes, at: int) -> int:
        return real(file, data[: len(data) // 2], at)

    monkeypatch.setattr(os, "pwrite", half)
    write(spool, entries(2), entries(1, 2), 10)
    assert spool.failing == "write was cut short"
    monkeypatch.setattr(os, "pwrite", real)
    write(spool, entries(3), entries(1, 2, 3), 10 + AGAIN_MS - 1)
    assert spool.failing
    write(spool, {}, entries(1, 2, 3), 10 + AGAIN_MS)
    assert spool.failing == ""
    spool.close()
    assert AlertSpool(tmp_path).load() == [*entries(1, 2, 3).values()]


def test_a_refusal_while_the_file_is_written_anew_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = AlertSpool(tmp_path)
    write(spool, entries(1), entries(1))
    spool.close()

    def full(_file: int, _data: bytes, _at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    again = AlertSpool(tmp_path)
    again.load()
    with monkeypatch.context() as patched:
        patched.setattr(alert_spool.os, "pwrite", full)
        write(again, entries(2), entries(1, 2))
    assert again.failing == "No space left on device"
    assert AlertSpool(tmp_path).load() == [*entries(1).values()]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = AlertSpool(tmp_path / "file" / "spool")
    assert spool.load() == []
    assert spool.failing


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text('{"number": 1}\n')
    (tmp_path / "alerts.jsonl").symlink_to(tmp_path / "real")
    spool = AlertSpool(tmp_path)
    assert spool.load() == [] and spool.failing
    write(spool, entries(2), entries(2), AGAIN_MS)
    spool.close()
    assert (tmp_path / "real").read_text() == '{"number": 1}\n'
    assert AlertSpool(tmp_path).load() == [*entries(2).values()]


# -- power cuts


class Disk:
    """Syncs by hand: what was not synced when the power goes is as the test says."""

    def __init__(self) -> None:
        self.synced: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None

    def __call__(self, file: int) -> None:
        self.gate.wait(10)
        if self.fault is not None:
            raise self.fault
        self.synced.append(Path(f"/proc/self/fd/{file}").read_bytes().rstrip(b"\x00"))


def critical(number: int) -> dict[int, dict[str, Any]]:
    return {number: {"number": number, "severity": "CRITICAL", "text": "x"}}


def settled(spool: AlertSpool) -> None:
    spool._syncer.wait(10)


def test_what_is_critical_is_on_the_disk_at_once_and_the_rest_within_a_second(tmp_path: Path) -> None:
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)
    write(spool, entries(1), entries(1))
    settled(spool)
    assert len(disk.synced) == 1  # a file that is new
    write(spool, entries(2), entries(1, 2), 10)
    write(spool, entries(3), entries(1, 2, 3), 500)
    spool.look(10 + SYNC_MS - 1)
    settled(spool)
    assert len(disk.synced) == 1
    spool.look(10 + SYNC_MS)
    settled(spool)
    assert len(disk.synced) == 2 and b"alert 3" in disk.synced[-1]
    spool.look(90_000)
    write(spool, critical(4), {}, 90_000)
    settled(spool)
    assert len(disk.synced) == 3 and b"CRITICAL" in disk.synced[-1]
    write(spool, entries(5), {}, 90_001)
    spool.close()
    assert b"alert 5" in disk.synced[-1]


def test_a_disk_that_hangs_holds_up_nobody_and_gets_all_afterwards(tmp_path: Path) -> None:
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)
    disk.gate.clear()
    for number in range(1, 50):
        write(spool, critical(number), critical(number), number)
    disk.gate.set()
    settled(spool)
    assert len(disk.synced) == 2 and disk.synced[-1].count(b"CRITICAL") == 49
    spool.close()


def test_a_sync_that_fails_has_all_written_anew(tmp_path: Path) -> None:
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)
    write(spool, entries(1), entries(1))
    settled(spool)
    disk.fault = OSError(errno.EIO, "Input/output error")
    write(spool, critical(2), {}, 10)
    settled(spool)
    spool.look(11)
    assert spool.failing == "sync failed: Input/output error"
    disk.fault = None
    write(spool, {}, {**entries(1), **critical(2)}, 11 + AGAIN_MS)
    settled(spool)
    assert spool.failing == "" and b"whole" in disk.synced[-1] and b"CRITICAL" in disk.synced[-1]
    disk.fault = OSError(errno.EIO, "Input/output error")
    write(spool, critical(3), {}, 20_000)
    settled(spool)
    write(spool, critical(4), {}, 20_001)
    assert spool.failing
    spool.close()


@pytest.mark.parametrize("left", [b"", b'{"number": 1, "te', b"\x00" * 100])
def test_a_power_cut_while_the_file_was_written_anew_leaves_what_was_durable_before(
    left: bytes, tmp_path: Path
) -> None:
    """Whatever of the new file the disk had by then."""
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)
    write(spool, critical(1), critical(1))
    settled(spool)
    disk.gate.clear()
    spool._most = 0
    write(spool, critical(2), {**critical(1), **critical(2)}, 10)
    (tmp_path / "alerts.jsonl").write_bytes(left)
    found = AlertSpool(tmp_path).load()
    assert [each["number"] for each in found] == [1]
    disk.gate.set()
    settled(spool)
    spool.close()


def test_the_one_before_goes_when_the_new_one_is_durable_or_found_whole(tmp_path: Path) -> None:
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)
    write(spool, entries(1), entries(1))
    settled(spool)
    disk.gate.clear()
    spool._most = 0
    write(spool, {1: None, **entries(2)}, entries(2), 10)
    assert (tmp_path / "alerts.old").exists()
    # Killed here: the new one is whole, and what is gone stays gone.
    assert AlertSpool(tmp_path).load() == [*entries(2).values()]
    assert not (tmp_path / "alerts.old").exists()
    disk.gate.set()
    settled(spool)
    spool.close()
    assert AlertSpool(tmp_path).load() == [*entries(2).values()]


def test_room_is_taken_before_it_is_needed(tmp_path: Path) -> None:
    spool = AlertSpool(tmp_path)
    write(spool, entries(1), entries(1))
    assert (tmp_path / "alerts.jsonl").stat().st_blocks * 512 >= ROOM
    spool.close()


def test_without_a_thread_the_next_one_who_asks_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)

    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        write(spool, critical(1), critical(1))
    settled(spool)
    spool.look(1)
    assert spool.failing == "can't start new thread" and disk.synced == []
    write(spool, {}, critical(1), 1 + AGAIN_MS)
    settled(spool)
    assert spool.failing == "" and b"CRITICAL" in disk.synced[-1]
    spool.close()


def test_a_fault_of_ours_ends_no_sync_but_its_own(tmp_path: Path) -> None:
    disk = Disk()
    spool = AlertSpool(tmp_path, disk)
    disk.fault = ValueError("x")
    write(spool, critical(1), critical(1))
    settled(spool)
    spool.look(1)
    assert spool.failing == "sync failed: a fault of ours (ValueError)"
    disk.fault = None
    write(spool, {}, critical(1), 1 + AGAIN_MS)
    settled(spool)
    assert b"CRITICAL" in disk.synced[-1]
    spool.close()
