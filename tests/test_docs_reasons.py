"""Every refusal is documented, every documented refusal exists, and the pages say what the code does."""

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.core.messages import SIGNER_REASONS
from counterseal.core.outcome import Outcome
from counterseal.core.reasons import REASONS
from counterseal.core.record import MAGIC, MAX_RECORD, TYPES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "counterseal"
REFERENCE = ROOT / "docs" / "reference"
GENERATOR = ROOT / "tools" / "generate_reasons_doc.py"
# Functions and classes whose first argument is a reason code.
REFUSERS = frozenset({"Denial", "Bad", "WireError", "denial", "_refuse", "refuse"})


def product() -> list[Path]:
    """The product's modules: the paper exchange has its own errors."""
    return [path for path in sorted(SOURCE.rglob("*.py")) if "paper" not in path.relative_to(SOURCE).parts]


def constants(node: ast.expr) -> Iterator[str]:
    """The texts that an argument can be: a constant, or the branches of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)


def refused_with(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            func = node.func
            name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
            if name in REFUSERS:
                yield from constants(node.args[0])


def mentioned(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("path", product(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_reason_given_exists(path: Path) -> None:
    """No refusal with a code that the table does not hold: it would be an error instead of an answer."""
    given = set(refused_with(ast.parse(path.read_text(encoding="utf-8"))))
    assert given - set(REASONS) == set()


def test_every_reason_is_given_somewhere() -> None:
    """No code of the table that nothing in the product can give."""
    texts: set[str] = set()
    for path in product():
        if path.name != "reasons.py":
            texts |= mentioned(ast.parse(path.read_text(encoding="utf-8")))
    assert set(REASONS) - texts == set()


def test_the_walk_finds_reasons() -> None:
    """The test of the test: calls by name, by attribute and with a choice are seen."""
    tree = ast.parse(
        "Denial('a')\nx.denial('b' if y else 'c')\nself._refuse('d')\nraise WireError('e') from None\nf('z')"
    )
    assert set(refused_with(tree)) == {"a", "b", "c", "d", "e"}


def test_the_signer_s_reasons_are_given_and_exist() -> None:
    """What the signer's judging modules return is its table, and nothing of the table is missing."""
    names = ("judge.py", "shape.py", "changes.py", "caps.py", "desk.py", "log_key.py")
    trees = [ast.parse((SOURCE / "signer" / name).read_text(encoding="utf-8")) for name in names]
    judged = {
        node.value.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    assert judged <= set(SIGNER_REASONS)
    assert set(SIGNER_REASONS) - set().union(*map(mentioned, trees)) == set()


def test_the_page_of_refusals_is_what_the_generator_writes() -> None:
    """docs/reference/refusals.md is up to date, and --check says so."""
    rendered = runpy.run_path(str(GENERATOR))["render"]()
    assert (REFERENCE / "refusals.md").read_text(encoding="utf-8") == rendered
    assert subprocess.run([sys.executable, GENERATOR, "--check"], check=False).returncode == 0


def test_the_page_of_refusals_holds_every_reason_once() -> None:
    """Each code has exactly one row with its status and code."""
    page = (REFERENCE / "refusals.md").read_text(encoding="utf-8")
    for reason in REASONS.values():
        rows = re.findall(rf"^\| `{reason.code}`(?: †)? \| (\d+) \| (-\d+) \|", page, re.MULTILINE)
        assert (str(reason.status), str(reason.exchange_code)) in rows
    for code in SIGNER_REASONS:
        assert f"| `{code}` |" in page.split("## What the signer refuses")[1]


def test_the_page_of_outcomes_names_all_four() -> None:
    """ACCEPTED, REJECTED, UNKNOWN and NOT_SENT each have their part."""
    page = (REFERENCE / "outcomes.md").read_text(encoding="utf-8")
    for outcome in Outcome:
        assert f"`{outcome.value}`" in page


def test_the_page_of_the_journal_names_every_type_and_field() -> None:
    """Each record type, and each field that the gateway writes, is described."""
    page = (REFERENCE / "journal.md").read_text(encoding="utf-8")
    assert MAGIC.decode().strip() in page
    assert f"{MAX_RECORD:,}" in page
    for name in TYPES:
        assert f"### `{name}`" in page
    for field in sorted(written_fields()):
        assert f"`{field}`" in page, field


def written_fields() -> set[str]:
    """The keys of every dict in the gateway that has a `type` of a record, and those of the frame's head."""
    fields = {"v", "seq", "t"}
    found = set()
    for path in sorted((SOURCE / "gateway").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                keys = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
                kind = keys.get("type")
                if isinstance(kind, ast.Constant) and kind.value in TYPES:
                    found.add(kind.value)
                    fields |= set(map(str, keys))
    assert found == set(TYPES)
    return fields
