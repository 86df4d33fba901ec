"""A reader of JSON by RFC 8259, written for the campaigns alone: no library reads here.

It takes what has one reading: no name twice, no lone surrogate, no constants, at most eight levels, 64 KiB and 4,096
values. Numbers stay the text that they are.
"""

import re
from typing import Any

MOST_BYTES, MOST_LEVELS, MOST_COMMAS = 65_536, 8, 4_095
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9A-Fa-f]{4}", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}


class Num(str):
    """A number as it was written."""

    __slots__ = ()


class Bad(ValueError):
    """No JSON that has one reading."""


def read(data: bytes | str) -> Any:
    """Read a document. Raises Bad."""
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if len(raw) > MOST_BYTES or raw.count(b",") > MOST_COMMAS:
        raise Bad("too long")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("no UTF-8") from None
    reader = _Reader(text)
    value = reader.value(0)
    reader.blanks()
    if reader.at != len(text):
        raise Bad("something behind it")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\n\r":
            self.at += 1

    def _next(self) -> str:
        self.blanks()
        return self.text[self.at] if self.at < len(self.text) else ""

    def _expect(self, wanted: str) -> None:
        if self._next() != wanted:
            raise Bad(f"{wanted} is missing")
        self.at += 1

    def value(self, level: int) -> Any:
        """Read a value that lies within `level` lists and objects."""
        begins = self._next()
        if begins in ("{", "["):
            if level == MOST_LEVELS:
                raise Bad("too deep")
            self.at += 1
            return self._object(level + 1) if begins == "{" else self._list(level + 1)
        if begins == '"':
            return self._string()
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        number = _NUMBER.match(self.text, self.at)
        if number is None:
            raise Bad("no value")
        self.at = number.end()
        return Num(number[0])

    def _list(self, level: int) -> list[Any]:
        found: list[Any] = []
        if self._next() == "]":
            self.at += 1
            return found
        while True:
            found.append(self.value(level))
            if self._next() == "]":
                self.at += 1
                return found
            self._expect(",")

    def _object(self, level: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._next() == "}":
            self.at += 1
            return found
        while True:
            if self._next() != '"':
                raise Bad("no name")
            name = self._string()
            if name in found:
                raise Bad("a name twice")
            self._expect(":")
            found[name] = self.value(level)
            if self._next() == "}":
                self.at += 1
                return found
            self._expect(",")

    def _string(self) -> str:
        self.at += 1
        units: list[str] = []
        while True:
            if self.at >= len(self.text):
                raise Bad("a text without end")
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                return _joined(units)
            if character < " ":
                raise Bad("a control character")
            units.append(self._escape() if character == "\\" else character)

    def _escape(self) -> str:
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if letter == "u":
            digits = _HEX.match(self.text, self.at)
            if digits is None:
                raise Bad("no code point")
            self.at += 4
            return chr(int(digits[0], 16))
        if letter not in _ESCAPES:
            raise Bad("no escape")
        return _ESCAPES[letter]


def _joined(units: list[str]) -> str:
    """Join code units: two halves of a surrogate pair are one character, a half alone is none."""
    try:
        return "".join(units).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise Bad("a lone surrogate") from None


def compact(value: Any) -> str:
    """Write a value without blanks, numbers as they were: how REST would carry it."""
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, str):
        return f'"{"".join(map(_written, value))}"'
    if isinstance(value, list):
        return f"[{','.join(map(compact, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{compact(name)}:{compact(inner)}' for name, inner in value.items())}}}"
    return {True: "true", False: "false", None: "null"}[value]


def _written(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return f"\\u{ord(character):04x}" if character < " " else character
