"""Writes down whose positions are whose, as they change, so that a restart knows it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.positions.books import Books
from counterseal.core.positions.keeping import books_data

# What has changed is written so often at most, and of so many markets at once: the watch has more urgent work.
KEEP_MS = 1_000
AT_ONCE = 4
# So many rows are in a record.
ROWS = 50


class Keeper:
    """Keeps rows by market; a row is one sub-account."""

    def __init__(self, record: Callable[[Mapping[str, Any]], object]) -> None:
        self._record = record
        self._kept: dict[tuple[str, str], dict[str, str]] = {}
        # By market when it was written, and at which count of changes.
        self._done: dict[tuple[str, str], tuple[int, int]] = {}

    def fold(self, record: Mapping[str, Any]) -> None:
        """Take up what was written before a restart; the newest row of each sub-account counts."""
        account, family, listed = record.get("account"), record.get("family"), record.get("subs")
        if isinstance(account, str) and isinstance(family, str) and isinstance(listed, list):
            rows = self._kept.setdefault((account, family), {})
            for row in listed:
                if isinstance(row, dict):
                    rows[_name(row)] = json.dumps(row)

    def restored(self, account: str, family: str) -> list[dict[str, Any]]:
        """Give what is known of a market from before."""
        return [json.loads(row) for row in self._kept.get((account, family), {}).values()]

    def restate(self) -> None:
        """Write everything down, so that the next start need not read further back than to this one."""
        for (account, family), rows in self._kept.items():
            self._write(account, family, [json.loads(row) for row in rows.values()])

    def keep(self, markets: Mapping[tuple[str, str], Books], now_ms: int) -> None:
        """Write down what has changed. `markets` gives each market's books."""
        never = (now_ms - KEEP_MS, -1)
        due = [(self._done.get(whose, never), whose) for whose in markets]
        due = [each for each in due if each[0][1] != markets[each[1]].changes and now_ms - each[0][0] >= KEEP_MS]
        # Those that have waited longest.
        for _, whose in sorted(due)[:AT_ONCE]:
            changes = markets[whose].changes if self._keep(whose, markets[whose]) else -1
            self._done[whose] = now_ms, changes

    def _keep(self, whose: tuple[str, str], books: Books) -> bool:
        rows = self._kept.setdefault(whose, {})
        changed = {}
        for row in books_data(books):
            text = json.dumps(row)
            if rows.get(_name(row)) != text:
                changed[_name(row)] = (text, row)
        if changed and not self._write(*whose, [row for _, row in changed.values()]):
            return False
        rows.update({name: text for name, (text, _) in changed.items()})
        return True

    def _write(self, account: str, family: str, subs: list[dict[str, Any]]) -> bool:
        parts = [subs[start : start + ROWS] for start in range(0, len(subs), ROWS)]
        told = [
            self._record({"type": "watch", "what": "books", "account": account, "family": family, "subs": part})
            for part in parts
        ]
        return all(each is not False for each in told)


def _name(row: Mapping[str, Any]) -> str:
    return f"{row.get('owner')} {row.get('symbol')} {row.get('side')}"
