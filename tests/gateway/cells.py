"""Which test proves which cells of `core.failing`: read from the sources, as the markers of threats are."""

from collections.abc import Callable
from typing import TypeVar

from counterseal.core.failing import TABLE

# The columns that exist as long as there is no guard.
COLUMNS = ("increase", "exits", "reads", "alert")
Test = TypeVar("Test", bound=Callable[..., object])


def proves(row: str, *columns: str) -> Callable[[Test], Test]:
    """Say that a test proves cells of a row; all four where none is named."""
    assert TABLE[row].exists, row
    assert set(columns) <= set(COLUMNS), columns
    return lambda test: test
