"""docs/topics/rotation.md has the table of the code, row by row."""

from pathlib import Path

from counterseal.core.rotation import MEANING, TABLE, Transition

PAGE = Path(__file__).parents[1] / "docs" / "topics" / "rotation.md"


def row_of(row: Transition) -> str:
    """Give a transition as the page shows it."""
    to = "forgotten" if row.to is None else row.to.value
    if row.beside is not None:
        to += f", and {row.beside[0].value} becomes {row.beside[1].value}"
    return f"| {row.stage.value} | {row.event.value} | {to} | {row.by} | {row.when} |"


def test_the_page_has_every_transition_and_no_other() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    at = lines.index("| from | event | to | who | when |") + 2
    assert lines[at : at + len(TABLE)] == [row_of(row) for row in TABLE]
    assert lines[at + len(TABLE)] == ""


def test_the_page_has_every_stage() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    at = lines.index("| stage | what a version is there |") + 2
    assert lines[at : at + len(MEANING)] == [f"| {stage.value} | {text} |" for stage, text in MEANING.items()]
