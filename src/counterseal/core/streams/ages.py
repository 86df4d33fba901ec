"""How long streams have been silent. What a stream may be silent for is its own affair: a trade comes when it comes."""

from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple


class Age(NamedTuple):
    """A stream and the milliseconds since its last message, or since it was asked for."""

    family: str
    stream: str
    age_ms: int


def _age(row: Age) -> int:
    return row.age_ms


def oldest(ages: Iterable[Age], most: int) -> list[Age]:
    """Give the `most` streams that have been silent longest, longest first."""
    return nlargest(most, ages, key=_age)
