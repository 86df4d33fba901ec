"""From a TOML value to a setting's value. Each parser carries its words for the reference."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from counterseal.core.config.grammar import ANY_SYMBOL, parse_amount, parse_symbol

Grammar = Callable[[str], Any]


class Report(Protocol):
    """Takes a cause and a way out; `inside` names the part of the setting that is meant."""

    def __call__(self, cause: str, remedy: str, inside: tuple[str, ...] = ()) -> None: ...


@dataclass(frozen=True, slots=True)
class Parser:
    """`read` gives the value, or reports at least one fault, and then what it gives means nothing."""

    accepts: str
    read: Callable[[object, Report], Any]


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (Decimal, "a float"),
    (str, "a string"),
    (list, "an array"),
    (dict, "a table"),
    (datetime.date, "a date"),
    (datetime.time, "a time"),
)


def kind_of(value: object) -> str:
    """Name the TOML kind of a value, never the value."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def flag() -> Parser:
    """true or false."""

    def read(value: object, report: Report) -> Any:
        if not isinstance(value, bool):
            report(f"is {kind_of(value)}, not a boolean", "write true or false, without quotes")
        return value

    return Parser("`true` or `false`", read)


def whole(low: int, high: int) -> Parser:
    """An integer from low to high, both included."""

    def read(value: object, report: Report) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            report(f"is {kind_of(value)}, not an integer", f"write a number from {low} to {high}, without quotes")
        elif not low <= value <= high:
            report("is out of range", f"write a whole number from {low} to {high}")
        return value

    return Parser(f"whole number, {low} to {high}", read)


def text(grammar: Grammar, what: str, example: str) -> Parser:
    """A string of a grammar; `what` completes "is not …"."""

    def read(value: object, report: Report) -> Any:
        if not isinstance(value, str):
            return report(f"is {kind_of(value)}, not a string", f'write it like "{example}", with quotes')
        found = grammar(value)
        if found is None:
            report(f"is not {what}", f'write it like "{example}"')
        return found

    return Parser(what, read)


def choice(options: tuple[str, ...], later: Mapping[str, str] = MappingProxyType({})) -> Parser:
    """One string of several; `later` tells why a word that one may expect is not accepted yet."""
    spelled = " or ".join(f'"{option}"' for option in options)

    def read(value: object, report: Report) -> Any:
        if not isinstance(value, str):
            return report(f"is {kind_of(value)}, not a string", f"write {spelled}, with quotes")
        if value not in options:
            report(later.get(value, "is none of the words that it may be"), f"write {spelled}")
        return value

    return Parser(" or ".join(f'`"{option}"`' for option in options), read)


def texts(grammar: Grammar, what: str, example: str) -> Parser:
    """An array of strings of a grammar, none of them twice, as a tuple in the order of the file."""

    def read(value: object, report: Report) -> Any:
        if not isinstance(value, list):
            return report(f"is {kind_of(value)}, not an array", f'write it like ["{example}"]')
        found: dict[Any, None] = {}
        for number, entry in enumerate(value, 1):
            item = grammar(entry) if isinstance(entry, str) else None
            if item is None:
                report(f"its entry {number} is not {what}", f'write it like "{example}", with quotes')
            elif item in found:
                report(f"its entry {number} repeats an earlier one", "remove it")
            found[item] = None
        return tuple(found)

    return Parser(f"array of strings, each {what}", read)


def words(options: tuple[str, ...], collect: Callable[[tuple[str, ...]], Any] = tuple) -> Parser:
    """An array of words out of a few, none twice."""
    spelled = ", ".join(f'"{option}"' for option in options)
    parser = texts(lambda entry: entry if entry in options else None, f"one of {spelled}", options[0])
    accepts = "array of " + ", ".join(f'`"{option}"`' for option in options)
    return Parser(accepts, lambda value, report: collect(parser.read(value, report) or ()))


def symbols() -> Parser:
    """An array of symbols, or of "*" alone."""
    inner = texts(parse_symbol, "a symbol as the exchange writes it", "BTCUSDT")

    def read(value: object, report: Report) -> Any:
        found = inner.read(value, report) or ()
        if ANY_SYMBOL in found and len(found) > 1:
            report('names "*" beside other symbols', 'write ["*"] alone for every symbol, or remove the "*"')
        return found

    return Parser('array of symbols as the exchange writes them, or `["*"]` for every symbol', read)


def amount(high: int | None = None) -> Parser:
    """An exact number above 0, as Decimal."""
    limit = f"above 0 and at most {high}" if high else "above 0"

    def read(value: object, report: Report) -> Any:
        return _read_amount(value, report, limit, high)

    return Parser(f"number {limit}, exact; quotes are allowed", read)


def quantities() -> Parser:
    """A table of symbols and exact numbers above 0, as a mapping that cannot be changed."""

    def read(value: object, report: Report) -> Any:
        if not isinstance(value, dict):
            return report(f"is {kind_of(value)}, not a table", 'write it like { BTCUSDT = 0.5, "*" = 100 }')
        found = {}
        for symbol, quantity in value.items():
            if parse_symbol(symbol) is None:
                report("is not a symbol as the exchange writes it", "write it like BTCUSDT", (symbol,))
            found[symbol] = _read_amount(quantity, _within(report, symbol), "above 0", None)
        return MappingProxyType(found)

    return Parser('table of symbols, each with a number above 0; `"*"` stands for all not named', read)


def _within(report: Report, name: str) -> Report:
    def inside_report(cause: str, remedy: str, inside: tuple[str, ...] = ()) -> None:
        report(cause, remedy, (name, *inside))

    return inside_report


def _read_amount(value: object, report: Report, limit: str, high: int | None) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        report(f"is {kind_of(value)}, not a number", f"write a number {limit}, such as 0.5")
        return None
    found = parse_amount(value)
    if found is None or (high is not None and found > high):
        report(
            f"is not a number {limit} with at most 15 digits before the point and 18 after it",
            "write it like 0.5, with ASCII digits and without a sign, an exponent in quotes or a unit",
        )
    return found
