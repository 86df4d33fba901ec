"""docs/reference/failing.md is the table of the code, and each of its cells that can exist has a test."""

import ast
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.failing import TABLE, Kind

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "tools" / "generate_failing_doc.py"
PAGE = ROOT / "docs" / "reference" / "failing.md"


@cache
def generator() -> dict[str, Any]:
    return runpy.run_path(str(TOOL))


@cache
def proven() -> set[tuple[str, str]]:
    """All cells that a test names; every test of the project is read for it."""
    return set(generator()["proofs"]())


def test_the_page_is_up_to_date() -> None:
    """`make docs` has been run after the last change, and --check says so."""
    assert PAGE.read_text(encoding="utf-8") == generator()["render"]()
    assert subprocess.run([sys.executable, TOOL, "--check"], check=False).returncode == 0


@pytest.mark.parametrize("name", [row.name for row in TABLE.values() if row.exists])
def test_every_cell_that_exists_has_a_test(name: str) -> None:
    """Increase, reduce / cancel, signed reads and alert; the other two columns come with the guard."""
    assert [column for column in generator()["COLUMNS"] if (name, column) not in proven()] == []


def test_no_test_names_a_cell_that_does_not_exist() -> None:
    """A row to come proves nothing yet."""
    for row, column in proven():
        assert TABLE[row].exists
        assert column in generator()["COLUMNS"]


def test_the_walk_finds_every_mark() -> None:
    """Async tests, several marks, named columns and all."""
    text = (
        "@proves('a', 'increase')\n@proves('b', 'alert', 'reads')\nasync def test_x(): ...\n"
        "@proves('c')\ndef test_y(): ...\n"
    )
    marks = set(generator()["marks"](ast.parse(text)))
    assert marks == {("test_x", "a", "increase"), ("test_x", "b", "alert"), ("test_x", "b", "reads")} | {
        ("test_y", "c", column) for column in ("increase", "exits", "reads", "alert")
    }


def test_each_row_of_the_page_says_what_the_code_does() -> None:
    """Read by a parser of its own: the cell of today is the last word in each."""
    lines = [
        line.strip("|\n ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]
    by_state: dict[str, list[str]] = {}
    for cells in lines:
        by_state.setdefault(cells[0].replace("\\|", "|"), cells)
    for row in TABLE.values():
        for kind, cell in zip((Kind.INCREASE, Kind.EXIT, Kind.READ), by_state[row.state][1:4], strict=True):
            word = re.findall(r"open|closed|reserve|shed|–", cell)[-1]
            assert word == row.cell(kind).value, (row.name, kind)
            assert (word in ("closed", "shed")) == row.refuses(kind)
        for reason in row.reasons:
            assert f"`{reason}`" in by_state[row.state][7]
