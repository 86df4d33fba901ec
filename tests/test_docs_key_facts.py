"""docs/topics/facts-of-keys.md says what the code does: every finding with its setting and default, every cause."""

import re
from pathlib import Path

from counterseal.core.alerts.codes import CODES as ALERTS
from counterseal.core.config.model import Facts
from counterseal.core.key_facts import CODES
from counterseal.core.key_refusal import Cause
from counterseal.core.quarantine import MOST_PROBE_MS, PROBE_MS, SILENT_MS, UNEXPLAINED_MS
from counterseal.core.reasons import REASONS

PAGE = (Path(__file__).parents[1] / "docs" / "topics" / "facts-of-keys.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, without its head."""
    part = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    tables = re.findall(r"(?:^\|.*\n)+", part, re.MULTILINE)
    return [re.split(r" \| ", line.strip("| ")) for table in tables for line in table.splitlines()[2:]]


def test_every_finding_is_told_with_its_setting_and_its_default() -> None:
    told = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in rows("Findings")}
    assert told == {code.name: (code.setting, getattr(Facts(), code.setting)) for code in CODES.values()}


def test_every_cause_is_told() -> None:
    part = PAGE.split("| cause | certain when | likely when |", 1)[1].split("\n\n", 1)[0]
    told = re.findall(r"^\| `(\w+)`", part, re.MULTILINE)
    assert sorted(told) == sorted(cause.value for cause in Cause)


def test_every_reason_and_alert_of_keys_is_told() -> None:
    for name in ("key_quarantined", "key_lacks_permission", "key_refused"):
        assert name in REASONS
        assert f"`{name}`" in PAGE
    for name in ALERTS:
        if name.startswith("key_"):
            assert f"`{name}`" in PAGE, name


def test_the_figures_are_those_of_the_code() -> None:
    assert (PROBE_MS, MOST_PROBE_MS, UNEXPLAINED_MS, SILENT_MS) == (30_000, 300_000, 30_000, 2_000)
    assert "repeated after 30 s" in PAGE
    assert "every 5 minutes at most" in PAGE
    assert "**Exits are tried once a second**" in PAGE
