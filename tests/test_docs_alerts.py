"""docs/reference/alerts.md is what the code says: every code, every kind, every bound."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

from counterseal.core.alerts.codes import CODES
from counterseal.core.alerts.pace import MOST
from counterseal.core.alerts.routing import KINDS

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "tools" / "generate_alerts_doc.py"
PAGE = ROOT / "docs" / "reference" / "alerts.md"


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, by a parser of its own."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines]


def test_the_page_is_up_to_date() -> None:
    """`make docs` has been run after the last change, and --check says so."""
    assert PAGE.read_text(encoding="utf-8") == runpy.run_path(str(TOOL))["render"]()
    assert subprocess.run([sys.executable, TOOL, "--check"], check=False).returncode == 0


def test_every_code_has_one_row_with_its_severity_and_title() -> None:
    told = {row[0].strip("`"): row[1:3] for heading in ("Codes", "Codes of states that fail") for row in rows(heading)}
    assert told == {code.name: [code.severity.name.lower(), code.title.replace("|", "\\|")] for code in CODES.values()}


def test_every_kind_has_one_row() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows("Kinds of channels")}
    assert told == {kind: least.name.lower() for kind, least in KINDS.items()}
    assert f"At most {MOST} messages in any minute" in PAGE.read_text(encoding="utf-8")
