"""The mistakes that tools/mutants.py makes: of each kind those that it should, and none in what nobody runs."""

import ast
from textwrap import dedent

import pytest
from mutants_points import points


def mistakes(source: str) -> list[str]:
    return [f"{point.before} -> {point.after}" for point in points(ast.parse(dedent(source)))]


def within(line: str) -> list[str]:
    """The mistakes that can be made in one line of a function."""
    return mistakes(f"def f(a, b, c):\n    {line}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("g(a < b)", ["g(a < b) -> pass", "a < b -> a <= b", "a < b -> a >= b"]),
        ("g(a is b)", ["g(a is b) -> pass", "a is b -> a is not b"]),
        ("g(a and b)", ["g(a and b) -> pass", "a and b -> a or b", "a and b -> b", "a and b -> a"]),
        ("g(not a)", ["g(not a) -> pass", "not a -> a"]),
        ("g(a + b)", ["g(a + b) -> pass", "a + b -> a - b"]),
        ("g(max(a, b))", ["g(max(a, b)) -> pass", "max(a, b) -> min(a, b)"]),
        ("g(a if b else c)", ["g(a if b else c) -> pass", "b -> not b"]),
        ("g(a for a in b if c)", ["g((a for a in b if c)) -> pass", "c -> not c"]),
        ("g(1, 'x', True)", ["g(1, 'x', True) -> pass", "1 -> 2", "'x' -> 'XXxXX'", "True -> False"]),
        ("return a", ["return a -> return None"]),
        ("return None", []),
        ("raise a", ["raise a -> pass"]),
        ("a.b = c", ["a.b = c -> pass"]),
        ("a = c", ["a = c -> a = None"]),
        ("a += c", ["a += c -> a = c", "a += c -> a -= c"]),
        ("while a: break", ["a -> not a", "break -> continue"]),
    ],
)
def test_each_kind_of_mistake(line: str, expected: list[str]) -> None:
    assert within(line) == expected


def test_what_nobody_runs_is_left_alone() -> None:
    assert mistakes('''
        """Words."""
        from typing import TYPE_CHECKING, cast
        if TYPE_CHECKING:
            x = 1

        @dataclass(frozen=True)
        class C(Base, kind=2):
            """Words."""
            __slots__ = ("a",)

            def f(self, a: "int") -> "str":
                """Words."""
                return cast("str", a)
    ''') == ["return cast('str', a) -> return None"]  # fmt: skip


def test_a_mistake_is_made_in_its_place() -> None:
    tree = ast.parse("def f(a, b):\n    return a < b and b < a")
    found = next(point for point in points(tree) if (point.before, point.after) == ("b < a", "b <= a"))
    found.apply()
    assert ast.unparse(tree) == "def f(a, b):\n    return a < b and b <= a"
    assert (found.line, found.first, found.function) == (2, 2, tree.body[0])


def test_what_runs_at_import_is_told_from_what_runs_when_called() -> None:
    found = list(points(ast.parse("LIMIT = 3\ndef f(a=4):\n    return lambda: 5\n")))
    assert [(point.before, point.function is None) for point in found] == [
        ("3", True), ("4", True), ("return lambda: 5", False), ("5", False),
    ]  # fmt: skip
