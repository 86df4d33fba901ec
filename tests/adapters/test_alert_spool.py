"""Alerts on disk: the newest line counts, half a line is none, and the file stays small."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters import alert_spool
from counterseal.adapters.alert_spool import AGAIN_MS, ROOM, AlertSpool


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
    whole = file.read_bytes()
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
    assert (tmp_path / "alerts.jsonl").stat().st_size < ROOM + 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["alerts.jsonl"]
    assert AlertSpool(tmp_path).load() == [*held.values()]


def test_a_disk_that_refuses_is_asked_again_after_a_while_and_then_has_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = AlertSpool(tmp_path)
    write(spool, entries(1), entries(1))
    real = os.write

    def half(file: int, data: bytes) -> int:
        return real(file, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    write(spool, entries(2), entries(1, 2), 10)
    assert spool.failing == "write was cut short"
    monkeypatch.setattr(os, "write", real)
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

    def full(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    again = AlertSpool(tmp_path)
    again.load()
    with monkeypatch.context() as patched:
        patched.setattr(alert_spool.os, "write", full)
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
