"""Where in the text each table and key stands, because tomllib tells no positions.

This is no second TOML parser: it follows strings, comments and brackets far enough to see where statements
begin, stops at the first string that is not closed, and leaves every judgement of the syntax to tomllib.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Path = tuple[str, ...]

# Far more than the settings need. tomllib recurses per bracket and copies a dotted name per dot, so that an
# unbounded file could exhaust the stack or take hours.
MAX_NESTING = 16

_TOKEN = re.compile(
    r'''
      (?P<space> [ \t\r]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<text> """ (?: [^"\\] | \\. | "(?!"") )* "{3,5}
              | \'\'\' (?: [^'] | '(?!\'\') )* '{3,5} )
    | (?P<name> "(?!"") (?: [^"\\\n] | \\[^\n] )* "
              | '(?!\'\') [^'\n]* '
              | [A-Za-z0-9_-]+ )
    | (?P<mark> . )
    ''',
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class LineIndex:
    """1-based lines of paths; `last` is the number of lines of the text, at least 1."""

    lines: Mapping[Path, int]
    last: int

    def line_of(self, path: Path) -> int:
        """Give the line of a setting, of the nearest table around it, or 1."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1


def count_lines(text: str) -> int:
    """Count lines as editors do: a final newline begins none, an empty text has one."""
    return max(1, text.count("\n") + (not text.endswith("\n")))


def index_lines(text: str) -> LineIndex:
    """Find the line of each table and key. For a text that tomllib refuses the index is partial."""
    lines: dict[Path, int] = {}
    table: Path = ()
    for line, statement in _statements(text):
        path = _path(statement)
        if statement[0] == ("mark", "["):
            table = path
        else:
            path = table + path
        for end in range(1, len(path) + 1):
            lines.setdefault(path[:end], line)
    return LineIndex(lines, count_lines(text))


def find_too_deep(text: str) -> int | None:
    """Give the line on which brackets or a dotted name nest deeper than MAX_NESTING, or None."""
    depth = dots = 0
    for kind, piece, line in _tokens(text):
        depth = max(0, depth + _opens(kind, piece))
        if kind != "name":
            dots = dots + 1 if piece == "." else 0
        if depth > MAX_NESTING or dots >= MAX_NESTING:
            return line
    return None


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup or "", match.group()
        if kind == "mark" and piece in "\"'":
            return
        if kind != "space":
            yield kind, piece, line
        line += piece.count("\n")


def _statements(text: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    start, depth, tokens = 1, 0, list[tuple[str, str]]()
    for kind, piece, line in _tokens(text):
        if kind != "newline":
            start = start if tokens else line
            tokens.append((kind, piece))
            depth += _opens(kind, piece)
        elif tokens and depth <= 0:
            yield start, tokens
            depth, tokens = 0, []
    if tokens:
        yield start, tokens


def _opens(kind: str, piece: str) -> int:
    if kind != "mark":
        return 0
    return (piece in "[{") - (piece in "]}")


def _path(statement: list[tuple[str, str]]) -> Path:
    parts = []
    for kind, piece in statement:
        if kind == "mark" and piece in "=]":
            break
        if kind == "name":
            parts.append(_unquote(piece))
    return tuple(parts)


def _unquote(piece: str) -> str:
    if piece[0] not in "\"'":
        return piece
    try:
        return str(tomllib.loads(f"name = {piece}")["name"])
    except ValueError:  # an escape that TOML does not know: the text is refused elsewhere
        return piece
