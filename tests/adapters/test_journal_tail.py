"""A journal is read from the last statement on, and on again as it grows, over segments and into the reserve."""

from pathlib import Path
from typing import Any

import msgspec

from counterseal.adapters.journal_tail import JournalTail
from counterseal.core import record

MARK = b'"type":"exposure","covers":[['
_encode = msgspec.json.Encoder().encode


def write(path: Path, *entries: dict[str, Any]) -> None:
    """Append records to a segment, which begins when it is not there."""
    before = path.read_bytes() if path.exists() else record.MAGIC
    path.write_bytes(before + b"".join(record.frame(_encode({"v": 1, **entry})) for entry in entries))


def entry(seq: int, kind: str = "event", **more: Any) -> dict[str, Any]:
    return {"seq": seq, "type": kind, **more}


def seqs(tail: JournalTail) -> list[int]:
    return [found["seq"] for found in tail.new()]


def find(tail: JournalTail, bot: str) -> int:
    return len(list(tail.finding(MARK, lambda found: [bot, "main"] in found["covers"])))


def test_it_begins_at_the_last_segment_that_suits_and_gives_each_record_once(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"gateway-{number:06d}.journal" for number in (1, 2, 3))
    write(first, entry(1), entry(2, "exposure", covers=[["alpha", "main"]]))
    write(second, entry(3), entry(4, "exposure", covers=[["beta", "main"]]))
    write(third, entry(5, text='"type":"exposure","covers":[["alpha"'))
    tail = JournalTail(tmp_path)
    assert find(tail, "beta") == 2
    assert seqs(tail) == [3, 4, 5]
    assert seqs(tail) == []
    write(third, entry(6))
    write(tmp_path / "gateway-000004.journal", entry(7))
    write(tmp_path / "gateway-reserve.journal", entry(6), entry(8))
    assert seqs(tail) == [6, 7, 8]
    assert seqs(tail) == []
    assert find(alpha := JournalTail(tmp_path), "alpha") == 4
    assert seqs(alpha) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_without_any_statement_it_is_the_whole_journal(tmp_path: Path) -> None:
    assert seqs(JournalTail(tmp_path / "nowhere")) == []
    write(tmp_path / "gateway.journal", entry(1))
    write(tmp_path / "gateway-000001.journal", entry(2))
    tail = JournalTail(tmp_path)
    assert find(tail, "alpha") == 2
    assert seqs(tail) == [1, 2]
