"""JSON by RFC 8259, read character by character: no name twice, numbers as they were written, eight levels at most.

It shares nothing with the product's reader, and as it is plain Python the fuzzer sees which branch an input takes.
"""

from __future__ import annotations

from typing import Any

DEEPEST = 8
_BLANK, _DIGITS, _HEX = " \t\n\r", "0123456789", "0123456789abcdefABCDEF"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}


class NoJson(Exception):
    """It is no document that may be read."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def read(text: str) -> Any:
    """Give the document. Raises NoJson."""
    value, at = _value(text, _skip(text, 0), DEEPEST)
    if _skip(text, at) != len(text):
        raise NoJson("more behind the document")
    return value


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _value(text: str, at: int, levels: int) -> tuple[Any, int]:
    first = text[at : at + 1]
    if first == "{":
        return _object(text, at + 1, levels)
    if first == "[":
        return _array(text, at + 1, levels)
    if first == '"':
        return _string(text, at + 1)
    if first == "-" or (first and first in _DIGITS):
        return _number(text, at)
    for word, value in _WORDS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    raise NoJson("no value")


def _object(text: str, at: int, levels: int) -> tuple[dict[str, Any], int]:
    if not levels:
        raise NoJson("too deep")
    found: dict[str, Any] = {}
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise NoJson("no name")
        name, at = _string(text, at + 1)
        at = _skip(text, at)
        if name in found or text[at : at + 1] != ":":
            raise NoJson("a name twice, or no colon")
        found[name], at = _value(text, _skip(text, at + 1), levels - 1)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return found, at + 1
        if text[at : at + 1] != ",":
            raise NoJson("no comma")
        at = _skip(text, at + 1)


def _array(text: str, at: int, levels: int) -> tuple[list[Any], int]:
    if not levels:
        raise NoJson("too deep")
    found: list[Any] = []
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        value, at = _value(text, at, levels - 1)
        found.append(value)
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return found, at + 1
        if text[at : at + 1] != ",":
            raise NoJson("no comma")
        at = _skip(text, at + 1)


def _string(text: str, at: int) -> tuple[str, int]:
    units: list[int] = []
    while True:
        one = text[at : at + 1]
        if not one or one < " ":
            raise NoJson("a text that does not end, or a control character")
        if one == '"':
            return _joined(units), at + 1
        if one != "\\":
            if 0xD800 <= ord(one) < 0xE000:
                raise NoJson("a lone surrogate")
            units.append(ord(one))
            at += 1
        else:
            unit, at = _escape(text, at + 1)
            units.append(unit)


def _escape(text: str, at: int) -> tuple[int, int]:
    one = text[at : at + 1]
    if one in _ESCAPES and one:
        return ord(_ESCAPES[one]), at + 1
    digits = text[at + 1 : at + 5]
    if one != "u" or len(digits) != 4 or any(digit not in _HEX for digit in digits):
        raise NoJson("no escape")
    return int(digits, 16), at + 5


def _joined(units: list[int]) -> str:
    """Put the halves of what needs two together; a half alone has no meaning."""
    found, at = [], 0
    while at < len(units):
        unit, behind = units[at], units[at + 1] if at + 1 < len(units) else 0
        if 0xD800 <= unit < 0xDC00 and 0xDC00 <= behind < 0xE000:
            found.append(chr(0x10000 + (unit - 0xD800) * 0x400 + behind - 0xDC00))
            at += 2
        elif 0xD800 <= unit < 0xE000:
            raise NoJson("a lone surrogate")
        else:
            found.append(chr(unit))
            at += 1
    return "".join(found)


def _number(text: str, at: int) -> tuple[Number, int]:
    begin = at
    at += text[at] == "-"
    if text[at : at + 1] == "0":
        at += 1
    else:
        at = _digits(text, at)
    if text[at : at + 1] == ".":
        at = _digits(text, at + 1)
    if text[at : at + 1] in ("e", "E"):
        at += 1 + (text[at + 1 : at + 2] in ("+", "-"))
        at = _digits(text, at)
    return Number(text[begin:at]), at


def _digits(text: str, at: int) -> int:
    begin = at
    while at < len(text) and text[at] in _DIGITS:
        at += 1
    if at == begin:
        raise NoJson("no digit")
    return at
