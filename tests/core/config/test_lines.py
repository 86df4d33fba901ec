"""Lines: each table and key is found where it stands, whatever strings, comments and arrays surround it."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.lines import MAX_NESTING, count_lines, find_too_deep, index_lines

TEXT = '''\
# [not.a.table]
top = """ a
[neither] = this
\\""" still inside """"
[ venue ] # trailing
environment = "a # b = c"
"quoted.name" = 1
'literal "name"' = [ # opens
  "x", ["]"],
  # [nor.this]
]
dotted . inner = { a = 1, b.c = [2] }
"esc\\u0061ped" = \'\'\'
x = 1\'\'\'
[[rows]]
[[rows]]
n = 1.5
[a.b.c]
d = 2026-01-01T00:00:00Z'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("venue",), 5),
        (("venue", "environment"), 6),
        (("venue", "quoted.name"), 7),
        (("venue", 'literal "name"'), 8),
        (("venue", "dotted"), 12),
        (("venue", "dotted", "inner", "b", "c"), 12),
        (("venue", "escaped"), 13),
        (("rows",), 15),
        (("a",), 18),
        (("a", "b", "c", "d"), 19),
        (("a", "b", "missing"), 18),
        (("unknown",), 1),
        ((), 1),
    ],
)
def test_the_line_of_a_path(path: tuple[str, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert index_lines(TEXT).line_of(path) == line


def test_the_index_holds_nothing_else() -> None:
    known = {path[0] for path in index_lines(TEXT).lines}
    assert known == set(tomllib.loads(TEXT))


@pytest.mark.parametrize(("text", "lines"), [("", 1), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_lines_are_counted_as_editors_do(text: str, lines: int) -> None:
    assert count_lines(text) == lines


@pytest.mark.parametrize(
    "text", ['a = "open', "a = '''open", '"bad \\q" = 1', "]]\n[x", "a = [\nb = 2", "\x00", "= = ="]
)
def test_a_text_that_is_no_toml_gives_a_partial_index(text: str) -> None:
    assert index_lines(text).last == count_lines(text)
    assert find_too_deep(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "\na = " + "[" * 17,
        "\na = " + "{b=" * 17,
        "\n" + "a." * 17 + "a = 1",
        "\n[" + "a . " * 17 + "a]",
        "\nx = {" + "a." * 17 + "a = 1}",
    ],
)
def test_nesting_is_bounded(text: str) -> None:
    assert find_too_deep(text) == 2


def test_nesting_without_end_is_found_at_once() -> None:
    assert find_too_deep("\nx = " + "[" * 1_000_000) == 2
    assert find_too_deep("\n" + "a." * 500_000 + "a = 1") == 2


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * MAX_NESTING + "]" * MAX_NESTING,
        'a = "' + "[" * 99 + '"',
        "# " + "[" * 99,
        "a.b.c = [1.5, 2.5]\n" * 99,
    ],
)
def test_what_is_not_nested_is_not_refused(text: str) -> None:
    assert find_too_deep(text) is None


_names = st.text("abc .\"'\\#[]=\n✓", min_size=1, max_size=5)
_values = st.recursive(
    st.integers(-9, 9) | st.text("a\"'\\#[]{}=\n,.", max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def _toml(value: Any, draw: Any) -> str:
    if isinstance(value, list):
        gap = draw(st.sampled_from(["", "\n", " # ] [x]\n"]))
        return "[" + gap + ("," + gap).join(_toml(inner, draw) for inner in value) + gap + "]"
    if isinstance(value, int):
        return str(value)
    if draw(st.booleans()) and "'" not in value:
        return f"'''\n{value}'''"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"""\n{escaped}"""' if draw(st.booleans()) else '"' + escaped.replace("\n", "\\n") + '"'


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@given(st.dictionaries(_names, st.dictionaries(_names, _values, max_size=4), max_size=4), st.data())
def test_every_path_of_a_written_document_is_found(document: dict[str, dict[str, Any]], data: st.DataObject) -> None:
    text, expected = "", {}
    for table, settings in document.items():
        expected[(table,)] = text.count("\n") + 1
        text += f"[{_quoted(table)}]\n"
        for name, value in settings.items():
            expected[(table, name)] = text.count("\n") + 1
            text += f"{_quoted(name)} = {_toml(value, data.draw)}\n"
    assert tomllib.loads(text) == document
    assert dict(index_lines(text).lines) == expected
