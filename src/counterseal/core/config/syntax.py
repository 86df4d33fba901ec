"""From text to TOML values, or to the one fault that keeps it from being read."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from counterseal.core.config.faults import FILE
from counterseal.core.config.lines import count_lines, find_too_deep
from counterseal.core.config.model import Fault

MAX_SIZE = 1024 * 1024

# Beginnings of tomllib's messages. Its own words can hold text of the file, so that they are never passed on.
_CAUSES = (
    (("Cannot ", "Duplicate "), "a name is given twice", "keep one of them"),
    (("Unterminated string", "Expected \"'"), "a text is not closed", "close it with its opening quotes"),
    (("Unclosed ",), "a bracket is not closed", "close it with ] or }"),
    (("Expected '='",), "a name is not followed by =", "write name = value, or [section]"),
    (("Expected ']",), "the name of a section is not closed", "write it like [venue] or [bots.alpha]"),
    (("Invalid value",), "what stands after = is no value", "put texts in quotes"),
    (("Expected newline",), "something follows a value on its line", "give each setting a line of its own"),
)
_UNNAMED = ("is not valid TOML", "correct this line, or start again from the example")


def parse(text: str) -> Mapping[str, Any] | Fault:
    """Read TOML with floats as Decimal. Never raises: what cannot be read becomes a Fault with its line."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SIZE:
        return Fault(1, FILE, "is larger than 1 MiB", "shorten it")
    if text.startswith("\ufeff"):
        return Fault(1, FILE, "begins with a byte order mark", "save it as UTF-8 without one")
    deep = find_too_deep(text)
    if deep is not None:
        return Fault(min(deep, count_lines(text)), FILE, "nests deeper than any setting", "correct this line")
    try:
        return tomllib.loads(text, parse_float=_exact)
    except (ValueError, RecursionError) as problem:
        return _fault(text, str(problem))


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond everything; no setting accepts a NaN
        return Decimal("NaN")


def _fault(text: str, message: str) -> Fault:
    last = count_lines(text)
    cause, remedy = next(((c, r) for starts, c, r in _CAUSES if message.startswith(starts)), _UNNAMED)
    if message.startswith("Exceeds the limit"):  # an integer that Python does not read: no position is told
        cause, remedy = "a number is far too long", "shorten it"
        digits = re.search(r"[0-9](?:_?[0-9]){639,}", text)
        return Fault(text.count("\n", 0, digits.start() if digits else 0) + 1, FILE, cause, remedy)
    position = re.search(r"\(at line ([0-9]+), column [0-9]+\)$", message)
    line = int(position[1]) if position else last
    return Fault(min(line, last), FILE, cause, remedy)
