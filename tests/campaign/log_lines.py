"""Values that shape a log, every field that the code logs, and what a sound line of a log is."""

from __future__ import annotations

import ast
import itertools
import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src" / "counterseal"
LEVELS = ("info", "warning", "error", "critical")
# Constants of the code, and names of a grammar of their own: no value from outside gets there.
OURS = frozenset({"event", "t", "level", "endpoint", "decision", "reason", "bot", "signature_form"})
_FAKE = '{"event":"request","level":"critical","t":1}'
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u2028\u2029\ufff9\ufffb\U000e0041\U000e007f"
_CONTROLS = "".join(map(chr, [*range(32), 127, *range(128, 160)]))
_ESCAPES = (
    "\x1b[31mred\x1b[0m", "\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\",
    "\x9b31m", "\x1bPq#0\x1b\\", "\x1b[6n", "\x1b[?1049h", "\x1b]52;c;aGk=\x07", "\x07\x08\x08\x08ok",
    "a\x1b[1A\x1b[2Kb",
)  # fmt: skip
_BREAKS = ("\n", "\r", "\r\n", "\n\n\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1c", "\x1d", "\x1e")
_QUOTES = ('"', '"}', '"}\n{"a":"', "\\", "\\n", "\\u000a", "%0a", "&#10;", "'", "`", "${jndi:ldap://x}", "%s%n%x",
           "{0}", "{}", "}{", "[", "]", ",", ":", "\\\"", "\\ud800", "</script>", "$(id)",
           "' OR 1=1 --")  # fmt: skip
_SHAPES = ("", " ", "null", "true", "NaN", "1e999", "-0", "a" * 64, "0" * 5_000, "😀", "👨‍👩‍👧", "ﷺ" * 50, "Ω≈ç√",
           "\ud800", "\udfff", "a\ud83d", "café", "cafe\u0301" * 20, "日本語", "אבג", "\0",
           "\ufffd", "\uffff")  # fmt: skip
MEBIBYTE = ("A" * (1 << 20), "\n" * (1 << 20), "\u202e" * (1 << 18), "\x1b[31m" * (1 << 17), '"' * (1 << 20),
            "secret=" * (1 << 17), "a b " * (1 << 18), "1.2.3.4 " * (1 << 17))  # fmt: skip


@cache
def hostile() -> tuple[str, ...]:
    """Every value, short ones first."""
    fakes = tuple(f"x{line}{_FAKE}{line}" for line in _BREAKS)
    within = tuple(f"a{letter}b" for letter in _CONTROLS + _BIDI + _UNSEEN)
    return (*within, *_ESCAPES, *_BREAKS, *fakes, *_QUOTES, *_SHAPES)


@cache
def fields() -> tuple[str, ...]:
    """The names of all fields that a line of the code's log has, read from the code."""
    found = {name for path in SOURCE.rglob("*.py") if "paper" not in path.parts for name in _named_in(path)}
    return tuple(sorted(found - OURS))


def _named_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def placed(value: str) -> Iterator[Any]:
    """Give a value as a field can hold it: as it is, in a list, in a table, as one of several."""
    yield from (value, [value], {"why": value}, [["x", value], {"a": [value]}], (value, 1))


def fault_of_line(line: str) -> str:
    """Name what is wrong with a line of the log, "" for nothing: read by a reader of JSON that is not the writer."""
    try:
        read = json.loads(line)
    except ValueError:
        return "no JSON"
    if not isinstance(read, dict) or not {"event", "t", "level"} <= read.keys():
        return "no record"
    return next((fault for text in itertools.chain([line], _texts(read)) if (fault := _fault_of(text))), "")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(inner)


def _fault_of(text: str) -> str:
    for letter in text:
        kind = unicodedata.category(letter)
        if kind in ("Cc", "Zl", "Zp", "Cs") or letter in _BIDI or letter in _UNSEEN:
            return f"U+{ord(letter):04X} in it"
    return "" if len(text) < 1 << 16 else "longer than 64 KiB"
