"""Writes docs/reference/campaign.md from the rows that `make campaign` left: generate_campaign_doc.py FOLDER.

Not one of the pages that `make docs` writes: it takes a whole campaign, a quarter of an hour, to have something to say.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "campaign.md"
# More reasons of refusal than this are one number: the page is read by people.
_SHOWN = 8
_HEAD = """\
# Campaign of hostile input

Written by `make campaign`, which takes all cases; CI takes a seeded part of the large ones, and prints both numbers.
Coverage-guided fuzzing of every parser is another thing: `make fuzz`.

Every case is judged by something that is not the code under test: a grammar or table of its own beside the test, the
paper exchange's parser, nginx and HAProxy, or a corpus of others. Where the two differ it is a disagreement, and the
run fails. *Forwarded* are requests that reached the exchange, as they should: controls, and input that is odd but
right. *Otherwise* are cases that end without a refusal and without a request: answered here, or closed without a word.

"""


def main(arguments: Sequence[str]) -> int:
    """Write the page; returns 0, or 2 when there is nothing to write it from."""
    rows = [json.loads(path.read_text()) for path in Path(arguments[0]).glob("*.json")] if arguments else []
    if not rows:
        print("no rows: run `make campaign`, which calls this")
        return 2
    PAGE.write_text(render(rows), encoding="utf-8")
    return 0


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """Give the whole page for the rows of a campaign, in the order of their names."""
    lines = ["| id | what | tried | forwarded | refused | otherwise | disagreements |", "|---|---|--:|--:|--:|--:|--:|"]
    ordered = sorted(rows, key=lambda row: str(row["name"]))
    for row in ordered:
        refused, other = sum(row["refused"].values()), sum(row["other"].values())
        lines.append(
            f"| {row['name']} | {row['title']} | {row['tried']:,} | {row['forwarded']:,} | {refused:,} | {other:,} "
            f"| {len(row['disagreements'])} |"
        )
    tried, disagreed = sum(row["tried"] for row in ordered), sum(len(row["disagreements"]) for row in ordered)
    total = f"{tried:,} cases, {disagreed} disagreements."
    details = [part for row in ordered for part in _details(row)]
    return _HEAD + "\n".join([*lines, "", total, "", "## By reason", "", *details])


def _details(row: Mapping[str, Any]) -> list[str]:
    """The reasons and figures of one row, as items of a list."""
    found = []
    for kind in ("refused", "other"):
        counted = sorted(row[kind].items(), key=lambda item: (-item[1], item[0]))
        shown = [f"`{name}` {count:,}" for name, count in counted[:_SHOWN]]
        if len(counted) > _SHOWN:
            shown.append(f"{len(counted) - _SHOWN} others {sum(count for _, count in counted[_SHOWN:]):,}")
        if shown:
            found.append(f"{kind if kind == 'refused' else 'otherwise'}: {', '.join(shown)}")
    found += [f"{name}: {value}" for name, value in row["figures"].items()]
    return [f"- **{row['name']}**: {'; '.join(found)}"] if found else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
