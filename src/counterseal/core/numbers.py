"""The one grammar of numbers. The text that is checked is the text that is sent."""

import re
from decimal import Decimal

is_decimal = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII).fullmatch
is_int = re.compile(r"(?:0|[1-9][0-9]{0,18})", re.ASCII).fullmatch


def decimal(text: str) -> Decimal | None:
    """Give the value of an exchange number, None where the text is not of the grammar (sign, exponent, spaces ...)."""
    return Decimal(text) if is_decimal(text) else None
