"""The runbooks are what the code does: their commands parse, their steps are its steps, and nothing is left out."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest

from counterseal.cli.main import build_parser
from counterseal.core.emergency import PLANS, Subject

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "runbooks.md"
REPORT = PAGE.with_name("drill-report.md")
CASES = (
    "A key has leaked", "A bot's credential has leaked", "The exchange refuses a key", "A position is out of hand",
    "The gateway is down", "The store is down",
)  # fmt: skip
STEPS = {Subject.KEY: CASES[0], Subject.BOT: CASES[1]}


def parts() -> dict[str, str]:
    """The page by its headings."""
    found = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def commands(text: str) -> list[list[str]]:
    """The command lines of the code blocks, as arguments."""
    lines = [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
             for line in block.splitlines()]  # fmt: skip
    words = [shlex.split(line, comments=True) for line in lines]
    assert all(each and each[0] == "counterseal" for each in words), "only commands that can be checked"
    return [list(takewhile(lambda word: word[0] not in "|><&;", each[1:])) for each in words]


def test_every_case_has_its_runbook_with_commands() -> None:
    assert tuple(parts()) == CASES
    assert all(commands(text) for text in parts().values())


@pytest.mark.parametrize("case", CASES)
def test_every_command_parses_with_the_real_parser(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    for words in commands(parts()[case]):
        try:
            assert callable(parser.parse_args(words).run)
        except SystemExit:
            pytest.fail(f"counterseal {' '.join(words)}: {capsys.readouterr().err}")


def rows(text: str) -> list[tuple[str, ...]]:
    """The rows of a table, without its heading."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[1:]]


@pytest.mark.parametrize("subject", Subject)
def test_the_steps_are_those_that_are_carried_out(subject: Subject) -> None:
    assert rows(parts()[STEPS[subject]]) == [tuple(step) for step in PLANS[subject]]


@pytest.mark.parametrize("subject", Subject)
def test_each_begins_with_the_command_that_does_them(subject: Subject) -> None:
    first = commands(parts()[STEPS[subject]])[0]
    assert build_parser().parse_args(first).subject is subject


def test_the_example_of_a_report_has_every_step_proven_in_time() -> None:
    text = REPORT.read_text(encoding="utf-8")
    told = [row[2] for row in rows(text) if len(row) == 6]
    assert told == [step.name for step in PLANS[Subject.KEY]]
    found = re.search(r"From freeze to proven dead: ([0-9.]+) s", text)
    assert found is not None and float(found[1]) < 10
    assert "| NO |" not in text and ": passed" in text
