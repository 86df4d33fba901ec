"""Texts that are no TOML: one fault, on its line, in words of our own."""

import pytest
from tests.core.config.texts import PAPER, fault_of

from counterseal.core.config import syntax
from counterseal.core.config.model import Fault


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("a = 1\nb = 'open", 2, "a text is not closed"),
        ('a = 1\nb = "open', 2, "a text is not closed"),
        ('a = """\n\n', 2, "a text is not closed"),
        ("a = '''\n\n", 2, "a text is not closed"),
        ("a = [\n1\n2", 3, "a bracket is not closed"),
        ("a = {b = 1", 1, "a bracket is not closed"),
        ("\n[venue\n", 2, "the name of a section is not closed"),
        ("venue\n", 1, "a name is not followed by ="),
        ("a = paper", 1, "what stands after = is no value"),
        ("a = True", 1, "what stands after = is no value"),
        ("a = 1 b = 2", 1, "something follows a value on its line"),
        ("a = 1\na = 2", 2, "a name is given twice"),
        ("[a]\n[a]", 2, "a name is given twice"),
        ("a = {b = 1, b = 2}", 1, "a name is given twice"),
        ("[a]\nb.c = 1\n[a.b]", 3, "a name is given twice"),
        ("= 1", 1, "is not valid TOML"),
        ("a = 1\n\x00", 2, "is not valid TOML"),
        ("a = 1\r", 1, "something follows a value on its line"),
        ("a = 2026-02-30", 1, "is not valid TOML"),
        ("\ufeff[venue]", 1, "begins with a byte order mark"),
        ("\na = " + "[" * 1000, 2, "nests deeper than any setting"),
        ("\n" + "a." * 400_000 + "a = 1", 2, "nests deeper than any setting"),
        ("\n\na = " + "1" * 5000, 3, "a number is far too long"),
        ("#" * (1024 * 1024 + 1), 1, "is larger than 1 MiB"),
        ("é" * (512 * 1024 + 1), 1, "is larger than 1 MiB"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_one_fault_on_its_line(text: str, line: int, cause: str) -> None:
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (line, "counterseal.toml")
    assert fault.cause == cause
    assert fault.remedy


def test_a_mebibyte_is_not_too_large() -> None:
    text = PAPER + "#" * (syntax.MAX_SIZE - len(PAPER))
    assert not isinstance(syntax.parse(text), Fault)


def test_an_overlong_number_that_cannot_be_found_has_a_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python's limit can be lowered by its user below what we look for.
    def refuse(text: str, **_: object) -> None:
        raise ValueError("Exceeds the limit (700 digits) for integer string conversion")

    monkeypatch.setattr(syntax.tomllib, "loads", refuse)
    assert fault_of("\na = 1").line == 1


def test_a_problem_without_a_position_is_a_fault_of_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str, **_: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr(syntax.tomllib, "loads", refuse)
    fault = fault_of("\na = 1\n")
    assert (fault.line, fault.cause) == (2, "is not valid TOML")
