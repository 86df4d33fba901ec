"""What the generators of reference pages share: the command line, rows of a table, tests named by file."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path


def run(description: str | None, page: Path, render: Callable[[], str]) -> int:
    """Write the page, or with --check only tell (status 1) whether it is out of date."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when the page is out of date")
    text = render()
    if not parser.parse_args().check:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
        return 0
    return 0 if page.exists() and page.read_text(encoding="utf-8") == text else 1


def row(cells: Iterable[str]) -> str:
    """Give one row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def by_file(names: Iterable[str]) -> str:
    """Name each file of `path::test` once, with its tests."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, _, name in (each.partition("::") for each in names):
        found[path].append(f"`{name.removeprefix('test_')}`")
    return "<br>".join(f"`{path}`: {', '.join(tests)}" for path, tests in found.items())
