"""What a campaign of hostile input tried, and what became of it: one row of the table in docs/reference/campaign.md.

Run as it is, a campaign takes its share of the cases by seed; `make campaign` takes all and writes the table.
"""

# ruff: noqa: TID251 - randomness is seeded
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
# The part of all cases that is tried: 1 is all of them.
SHARE = float(os.environ.get("CAMPAIGN_SHARE", "0.02"))
# A campaign that is small is tried whole, and of a large one never less than this.
AT_LEAST = 200
# Where the rows go, one file each; nowhere by default.
OUT = os.environ.get("CAMPAIGN_OUT")
SEED = int(os.environ.get("CAMPAIGN_SEED", "1"))


@dataclass
class Tally:
    """The row of one campaign.

    `refused` counts by reason, `other` what is neither forwarded nor refused (answered here, closed without a word),
    `disagreements` says where two that should agree did not: none may be left.
    """

    name: str
    title: str
    full: int
    tried: int = 0
    forwarded: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    def some(self, cases: Sequence[T]) -> Iterator[T]:
        """Give all cases, or as many as the share says, drawn by seed in their order."""
        count = len(cases) if SHARE >= 1 else min(len(cases), max(AT_LEAST, round(len(cases) * SHARE)))
        picked = range(len(cases))
        chosen = picked if count == len(cases) else sorted(random.Random(SEED).sample(picked, count))
        return (cases[at] for at in chosen)

    def note(self, *, forwarded: int = 0, reason: str | None = None, other: str = "") -> None:
        """Count one case: how many requests it made the gateway send, why it was refused, or what else it met."""
        self.tried += 1
        self.forwarded += forwarded
        if reason is not None:
            self.refused[reason] += 1
        elif not forwarded:
            self.other[other or "answered"] += 1

    def disagree(self, text: str) -> None:
        """Two that should agree did not; the case must be told well enough to repeat it."""
        self.disagreements.append(text)


@contextmanager
def campaign(name: str, title: str, full: int) -> Iterator[Tally]:
    """Give the tally of a campaign with `full` cases at its count; at the end nobody may have disagreed."""
    tally = Tally(name, title, full)
    yield tally
    tried, wrong = f"{tally.tried:,} of {full:,} tried", len(tally.disagreements)
    print(f"{name}: {tried}, {tally.forwarded:,} forwarded, {wrong} disagreements")
    print(f"  refused {dict(tally.refused.most_common())}, other {dict(tally.other)} {tally.figures}")
    if OUT:
        Path(OUT).mkdir(parents=True, exist_ok=True)
        (Path(OUT) / f"{name}.json").write_text(json.dumps(vars(tally), indent=1))
    assert tally.disagreements == []
    assert tally.tried >= (full if SHARE >= 1 else 1)
