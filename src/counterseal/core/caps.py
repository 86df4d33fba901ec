"""The signer's caps as values: what one key may have signed at most, and their text inside the sealed file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from counterseal.core import strict_json
from counterseal.core.binance.schema import Kind
from counterseal.core.binance.values import CHECKS
from counterseal.core.numbers import decimal, is_int

FORMAT = 1
# Every key that has no cap of its own kind; every symbol that a table does not name.
EVERY = "*"
MAX_RATE = 100_000
MAX_LEVERAGE = 125

Sizes = Mapping[str, Decimal]


class CapsError(ValueError):
    """The text is no document of caps; the sentence names the place, never more."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What one key may have signed; None is no cap of that kind.

    `max_quantity` is in units of the base asset (contracts, where the symbol counts those) and `max_quote_quantity`
    in units of the quote asset, both per symbol and per order. Rates count new orders, modifications and settings.
    """

    symbols: frozenset[str] | None = None
    max_quantity: Sizes | None = None
    max_quote_quantity: Sizes | None = None
    max_per_second: int | None = None
    max_per_minute: int | None = None
    max_leverage: int | None = None

    @property
    def sized(self) -> bool:
        """Whether sizes are capped at all."""
        return self.max_quantity is not None or self.max_quote_quantity is not None


KINDS = tuple(field.name for field in fields(Caps))
_BOUNDS = {"max_per_second": MAX_RATE, "max_per_minute": MAX_RATE, "max_leverage": MAX_LEVERAGE}
_TABLES = ("max_quantity", "max_quote_quantity")


def caps_of(caps: Mapping[str, Caps], ref: str) -> Caps:
    """Give the caps of a key: its own, and of each kind that it has none of, those of `*`."""
    own, every = caps.get(ref, Caps()), caps.get(EVERY, Caps())
    return Caps(**{kind: _first(getattr(own, kind), getattr(every, kind)) for kind in KINDS})


def size_for(sizes: Sizes, symbol: str) -> Decimal | None:
    """Give the cap of a symbol by its own row or that of `*`; None where there is neither.

    `*` covers no symbol that is not written in upper case and without blanks or characters that nobody sees: the
    exchange might read it as one that has its own row.
    """
    own = sizes.get(symbol)
    return sizes.get(EVERY) if own is None and _has_one_spelling(symbol) else own


def _has_one_spelling(symbol: str) -> bool:
    return symbol.upper() == symbol and symbol.isprintable() and " " not in symbol


def parse(text: str) -> dict[str, Caps]:
    """Read a document. Raises CapsError for anything that is not exactly of the form."""
    try:
        document = strict_json.loads(text)
    except strict_json.JsonError:
        raise CapsError("no JSON document that can be read in one way only") from None
    if not isinstance(document, dict) or document.keys() != {"format", "keys"}:
        raise CapsError("not a document of caps")
    if document["format"] != str(FORMAT):
        raise CapsError("a format that this version does not know")
    keys = document["keys"]
    if not isinstance(keys, dict) or not all(isinstance(entry, dict) for entry in keys.values()):
        raise CapsError("no table of keys")
    return {ref: _caps(entry) for ref, entry in keys.items()}


def dump(caps: Mapping[str, Caps]) -> str:
    """Write a document that `parse` reads."""
    keys = {ref: {kind: _plain(value) for kind, value in _set(entry)} for ref, entry in caps.items()}
    return json.dumps({"format": FORMAT, "keys": keys}, indent=1)


def show(entry: Caps) -> list[tuple[str, str]]:
    """Give (kind, words) of every cap that is set."""
    return [(kind, _words(value)) for kind, value in _set(entry)]


def size(text: str) -> Decimal:
    """Read a cap in units of an asset. Raises CapsError."""
    value = decimal(text)
    if value is None:
        raise CapsError("a size is a plain decimal number, such as 0.5")
    return value


def symbol(text: str) -> str:
    """Check a symbol's name. Raises CapsError."""
    if CHECKS[Kind.SYMBOL](text) is None:
        raise CapsError("a symbol is 1 to 64 characters without blanks, such as BTCUSDT")
    return text


def count(kind: str, text: str) -> int:
    """Read a rate or leverage. Raises CapsError."""
    bound = _BOUNDS[kind]
    if not is_int(text) or not 1 <= int(text) <= bound:
        raise CapsError(f"{kind} is a whole number from 1 to {bound}")
    return int(text)


def _first(own: Any, every: Any) -> Any:
    return every if own is None else own


def _set(entry: Caps) -> list[tuple[str, Any]]:
    return [(kind, getattr(entry, kind)) for kind in KINDS if getattr(entry, kind) is not None]


def _caps(entry: Mapping[str, Any]) -> Caps:
    if not entry.keys() <= set(KINDS):
        raise CapsError("a cap of a kind that this version does not know")
    return Caps(**{kind: _value(kind, value) for kind, value in entry.items()})


def _value(kind: str, value: Any) -> Any:
    if kind in _BOUNDS:
        return count(kind, str(value))
    if kind in _TABLES and isinstance(value, dict):
        return {symbol(name): size(str(text)) for name, text in value.items()}
    if kind == "symbols" and isinstance(value, list):
        return frozenset(symbol(str(name)) for name in value)
    raise CapsError(f"{kind} has another form")


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return {name: f"{size:f}" for name, size in value.items()} if isinstance(value, dict) else value


def _words(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, dict):
        plain = [f"{name} {size}" for name, size in plain.items()]
    return (", ".join(plain) or "none") if isinstance(plain, list) else str(plain)
