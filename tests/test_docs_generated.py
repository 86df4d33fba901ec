"""Generated pages are what their generators give, and they leave out nothing of what they list."""

import ast
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.cli.main import build_parser

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
PAGES = ("cli", "endpoints", "threats", "mutants")


def generator(name: str) -> dict[str, Any]:
    """The names of one generator's module."""
    return runpy.run_path(str(ROOT / "tools" / f"generate_{name}_doc.py"))


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    """`make docs` has been run after the last change."""
    assert page(name) == generator(name)["render"]()


@pytest.mark.parametrize("name", PAGES)
def test_check_tells_an_old_page_from_a_new_one(name: str, tmp_path: Path) -> None:
    """--check gives 0 for the page that the generator writes, 1 for one that was changed or is missing."""
    for folder in ("src/counterseal", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    written = tmp_path / "docs" / "reference" / f"{name}.md"

    def run(*options: str) -> int:
        tool = tmp_path / "tools" / f"generate_{name}_doc.py"
        return subprocess.run([sys.executable, tool, *options], check=False).returncode

    assert run("--check") == 1
    assert run() == 0
    assert run("--check") == 0
    written.write_text(written.read_text(encoding="utf-8") + "one line more\n", encoding="utf-8")
    assert run("--check") == 1


def test_every_verb_has_its_section_with_every_option() -> None:
    """The walk here is of our own: over every parser, so that a nested verb cannot be missed by both."""
    text, seen = page("cli"), 0
    pending = [build_parser()]
    while pending:
        parser = pending.pop()
        children = [action for action in parser._actions if action.dest != "help" and hasattr(action.choices, "values")]
        if children:
            pending += [child for action in children for child in action.choices.values()]
            continue
        section = text.split(f"\n## {parser.prog}\n", 1)[1].split("\n## ", 1)[0]
        seen += 1
        if parser.prog == "counterseal paper":
            continue
        for action in parser._actions:
            for flag in action.option_strings:
                assert flag in ("-h", "--help") or f"`{flag}`" in section, f"{parser.prog} {flag}"
            if not action.option_strings:
                shown = str(action.metavar).replace("|", "\\|")
                assert f"| `{shown}` |" in section, f"{parser.prog} {action.dest}"
    assert seen == text.count("\n## counterseal ") >= 17


def test_every_typed_endpoint_is_listed_and_every_other_is_counted() -> None:
    text, catalogue = page("endpoints"), list(load_catalogue())
    typed = [e for e in catalogue if e.typed]
    for endpoint in typed:
        row = next(line for line in text.splitlines() if f"`{endpoint.method} {endpoint.path}`" in line)
        assert set(endpoint.params) - {"timestamp", "recvWindow", "signature"} <= set(row.replace("?", "").split())
    counted = text.split("## All others", 1)[1].splitlines()
    numbers = [int(line.rsplit("|", 2)[1]) for line in counted if line.startswith("|") and line[-3].isdigit()]
    assert sum(numbers) + len(typed) == len(catalogue)


def test_the_threat_table_has_72_rows_in_order() -> None:
    rows = generator("threats")["rows"]()
    assert list(rows) == list(range(1, 73))
    assert all(title and control and "|" not in title + control for title, control in rows.values())


def test_no_test_names_a_row_that_does_not_exist() -> None:
    threats = generator("threats")
    assert set(threats["proofs"]()) <= set(threats["rows"]())


def test_the_walk_finds_every_marker() -> None:
    """As many markers as the text of the tests has, also on classes, async tests and with two numbers."""
    marks = generator("threats")["marks"]
    text = (
        "@pytest.mark.threat(1)\n@pytest.mark.threat(2)\nasync def test_a(): ...\n"
        "@pytest.mark.threat(3, 4)\nclass TestB: ...\n@pytest.mark.slow(5)\ndef test_c(): ...\n"
    )
    assert set(marks(ast.parse(text))) == {("test_a", 1), ("test_a", 2), ("TestB", 3), ("TestB", 4)}


def test_a_row_is_open_exactly_when_no_test_proves_it() -> None:
    proofs = generator("threats")["proofs"]()
    rows = [line for line in page("threats").splitlines() if line.startswith("| ") and line[2].isdigit()]
    for line in rows:
        assert line.endswith("| *open* |") == (int(line.split("|")[1]) not in proofs)
    assert len(rows) == 72
