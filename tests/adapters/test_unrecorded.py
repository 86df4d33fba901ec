"""Records that no disk takes any more."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from counterseal.adapters import unrecorded
from counterseal.adapters.unrecorded import MOST, MOST_BYTES, StandardError, Unrecorded

SOURCES = {**os.environ, "PYTHONPATH": str(Path(unrecorded.__file__).parents[2])}
KEEPS = """
from counterseal.adapters.unrecorded import Unrecorded
ring = Unrecorded()
for number in range(2000):
    ring.keep({"id": number, "pairs": "x" * 5000})
print(ring.count)
"""


def test_each_has_a_number_and_a_line() -> None:
    """What a bot was answered is left off: it can be long, and is the bot's."""
    lines: list[str] = []
    ring = Unrecorded(lines.append)
    ring.keep({"type": "intent", "id": "a"})
    ring.keep({"type": "outcome", "id": "a", "reply": "{}"})
    assert [json.loads(line) for line in lines] == list(ring.records)
    assert list(ring.records) == [
        {"unrecorded": 1, "type": "intent", "id": "a"}, {"unrecorded": 2, "type": "outcome", "id": "a"},
    ]  # fmt: skip
    assert all(line.endswith("\n") for line in lines)


def test_the_newest_are_kept() -> None:
    """The count goes on."""
    ring = Unrecorded(lambda line: None)
    for number in range(MOST + 5):
        ring.keep({"id": number})
    assert (len(ring.records), ring.records[0]["unrecorded"], ring.count) == (MOST, 6, MOST + 5)


def test_a_closed_standard_error_costs_only_the_line() -> None:
    """An exit must not fail because nobody reads."""

    def closed(_line: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    ring = Unrecorded(closed)
    ring.keep({"id": 1})
    assert ring.count == 1


def test_a_standard_error_that_nobody_reads_holds_up_nobody() -> None:
    """The disk that takes no journal may be the one to which our lines go: the pipe to it is full, and exits go on."""
    with subprocess.Popen(
        [sys.executable, "-c", KEEPS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=SOURCES
    ) as process:
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b"2000\n"
        lines = process.stderr.read().splitlines()
    assert [json.loads(line)["unrecorded"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert len(lines) > 5


def test_what_was_cut_short_does_not_spoil_the_next_line() -> None:
    """A pipe that is read again begins a line of its own."""
    source, sink = os.pipe()
    told = StandardError(sink)
    told.write("a" * 100_000 + "\n")
    told.write("lost\n")
    taken = os.read(source, 1 << 20)
    assert set(taken) == {ord("a")}
    told.write("whole\n")
    told.write("next\n")
    assert os.read(source, 1 << 20) == b"\nwhole\nnext\n"
    os.close(source)
    os.close(sink)


def test_long_records_leave_earlier() -> None:
    """The ring has a size in bytes too."""
    ring = Unrecorded(lambda line: None)
    for number in range(40):
        ring.keep({"id": number, "pairs": "x" * (1 << 20)})
    assert MOST_BYTES // (1 << 20) - 2 <= len(ring.records) < MOST_BYTES // (1 << 20) + 1
    assert ring.records[-1]["id"] == 39


def test_whatever_the_journal_takes_the_ring_takes() -> None:
    """A value that JSON does not know is no reason to refuse an exit."""
    lines: list[str] = []
    Unrecorded(lines.append).keep({"size": Decimal("0.10"), "names": frozenset({"a"})})
    assert json.loads(lines[0])["size"] == "0.10"
