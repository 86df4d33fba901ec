"""The page of the campaign names every campaign that there is, and nobody disagreed."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"campaign\(\s*f?\"([A-Z]+-[0-9]+)")


def test_the_page_has_a_row_for_each_campaign() -> None:
    """A campaign that was added belongs on the page: `make campaign` writes it."""
    names = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in NAME.findall(path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs/reference/campaign.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([A-Z]+-[0-9]+)[^|]*\|.*\| ([0-9]+) \|$", page, re.MULTILINE))
    assert names <= set(rows), "run `make campaign`"
    assert set(rows.values()) == {"0"}
