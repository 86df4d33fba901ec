"""How single values are written: each function gives the value, or None for a text outside its grammar.

Numbers and names are ASCII. Symbols need not be: the exchange lists some in other scripts. Nothing is folded.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

# Names that stand for somebody else wherever an order, a request or a position has an owner.
RESERVED: Mapping[str, str] = MappingProxyType({
    "anonymous": "unsigned public reads from this machine",
    "guard": "the guard's own orders and requests",
    "gateway": "the gateway's own requests",
})  # fmt: skip
MAX_INTEGER_DIGITS = 15
MAX_FRACTION_DIGITS = 18
ANY_SYMBOL = "*"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,18})?")
_SYMBOL = re.compile(r"(?:[A-Z0-9._-]|[^\x00-\x7f]){1,40}")


def parse_name(text: str) -> str | None:
    """A name of a bot or key: 1 to 32 of a-z, 0-9, _ and -, not beginning with _ or -."""
    return text if _NAME.fullmatch(text) else None


def parse_label(text: str) -> str | None:
    """A free label, such as a strategy: 1 to 32 of letters, digits, dot, _ and -. A key of the exchange is longer."""
    return text if _LABEL.fullmatch(text) else None


def parse_user(text: str) -> str | None:
    """A name of a user of the system: 1 to 32 of a-z, 0-9, _, dot and -, beginning with a letter or _."""
    return text if _USER.fullmatch(text) else None


def parse_symbol(text: str) -> str | None:
    """A symbol as the exchange writes it (ASCII letters are capitals, other scripts pass), or "*"."""
    if text == ANY_SYMBOL:
        return text
    # Beyond ASCII, spaces and what turns the direction of writing are not printable.
    return text if _SYMBOL.fullmatch(text) and text.isprintable() else None


def parse_path(text: str) -> str | None:
    """A path of a file; "~" is refused, because nobody expands it."""
    return text if text and text.isprintable() and not text.startswith("~") else None


def parse_amount(value: str | int | Decimal) -> Decimal | None:
    """An exact amount above 0, at most 15 digits before the point and 18 after it; gives no positive exponent."""
    if isinstance(value, str):
        return _positive(Decimal(value)) if _AMOUNT.fullmatch(value) else None
    if isinstance(value, int):
        return Decimal(value) if 0 < value < 10**MAX_INTEGER_DIGITS else None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN or infinite
        return None
    if exponent < -MAX_FRACTION_DIGITS or value.adjusted() >= MAX_INTEGER_DIGITS:
        return None
    return _positive(Decimal(format(value, "f")))


def _positive(value: Decimal) -> Decimal | None:
    return value if value > 0 else None
