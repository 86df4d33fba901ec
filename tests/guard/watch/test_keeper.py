"""Sub-accounts are written as they change: no row twice, few markets at once, and again where it failed."""

from collections.abc import Mapping
from typing import Any

from tests.core.positions.shapes import RULES, fill

from counterseal.core.positions.books import Books
from counterseal.guard.watch.keeper import AT_ONCE, KEEP_MS, Keeper

Whose = tuple[str, str]


class Disk:
    """Takes records, or not."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.is_full = False

    def record(self, record: Mapping[str, Any]) -> bool:
        if not self.is_full:
            self.records.append(record)
        return not self.is_full

    def rows(self) -> list[tuple[str, str, str]]:
        """Give what was written since the last call: account, owner, amount."""
        taken, self.records = self.records, []
        return [(record["account"], row["owner"], row["amount"]) for record in taken for row in record["subs"]]


def markets(count: int) -> dict[Whose, Books]:
    """Give so many accounts."""
    return {(f"a{number:02d}", "usdm"): Books("usdm", RULES) for number in range(count)}


def test_what_has_changed_is_written_once_a_second_at_most() -> None:
    disk, held = Disk(), markets(1)
    keeper, books = Keeper(disk.record), held["a00", "usdm"]
    books.fill("alpha", fill("BUY", "1", "100"))
    keeper.keep(held, 5_000)
    assert disk.rows() == [("a00", "alpha", "1")]
    books.fill("beta", fill("BUY", "2", "100"))
    keeper.keep(held, 5_000 + KEEP_MS - 1)
    assert disk.rows() == []
    keeper.keep(held, 5_000 + KEEP_MS)
    assert disk.rows() == [("a00", "beta", "2")]
    keeper.keep(held, 60_000)
    assert disk.rows() == []


def test_of_many_markets_some_wait_and_none_for_ever() -> None:
    disk, held = Disk(), markets(3 * AT_ONCE)
    keeper = Keeper(disk.record)
    for books in held.values():
        books.fill("alpha", fill("BUY", "1", "100"))
    found = []
    for turn in range(3):
        keeper.keep(held, 5_000 + turn * 100)
        rows = disk.rows()
        assert len(rows) == AT_ONCE
        found += rows
    assert {account for account, _, _ in found} == {account for account, _ in held}


def test_what_could_not_be_written_is_written_later() -> None:
    disk, held = Disk(), markets(1)
    keeper = Keeper(disk.record)
    held["a00", "usdm"].fill("alpha", fill("BUY", "1", "100"))
    disk.is_full = True
    keeper.keep(held, 5_000)
    disk.is_full = False
    keeper.keep(held, 5_000 + KEEP_MS)
    assert disk.rows() == [("a00", "alpha", "1")]
