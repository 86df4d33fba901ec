"""The page of the journal says what the guard writes into its own."""

import ast
from decimal import Decimal
from functools import cache
from pathlib import Path

from counterseal.core.guardrails.breach import Breach, breach_data
from counterseal.core.guardrails.limits import Action, Level
from counterseal.core.ladder import FLEET, Actor, Ladder, Rung, Trip
from counterseal.core.ladder_records import RESTATED, given_back, tripped, whole
from counterseal.core.record import GUARD_TYPES
from counterseal.guard.acting import Step
from counterseal.guard.watch.intruders import Intruder

ROOT = Path(__file__).parents[1]
GUARD = ROOT / "src" / "counterseal" / "guard"
PAGE = (ROOT / "docs" / "reference" / "journal.md").read_text(encoding="utf-8").partition("## The guard's journal")[2]
# How a record is given to the journal.
WRITERS = frozenset({"record", "_record", "write", "_write", "try_write"})
# Told on pages of their own.
ELSEWHERE = frozenset({"override", "emergency", "keys"})


@cache
def trees() -> tuple[ast.AST, ...]:
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in sorted(GUARD.rglob("*.py")))


def constants(node: ast.Dict) -> dict[str, ast.expr]:
    pairs = zip(node.keys, node.values, strict=True)
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def written() -> dict[str, set[str]]:
    """The fields by type, of every record that is written as one dict."""
    found: dict[str, set[str]] = {}
    for tree in trees():
        for node in ast.walk(tree):
            kind = constants(node).get("type") if isinstance(node, ast.Dict) else None
            if isinstance(node, ast.Dict) and isinstance(kind, ast.Constant) and kind.value in GUARD_TYPES:
                found.setdefault(str(kind.value), set()).update(constants(node))
    trip = Trip(FLEET, Rung.HALTED, Actor.GUARD, "guard", "x", 0)
    for record in (tripped(trip, {"uid": 1, "by": 1}), given_back(FLEET, "x", 0, {}, is_done=True), whole(Ladder())):
        found.setdefault("ladder", set()).update(record)
    # What the gateway is told of the ladder is no record.
    found["ladder"] -= {"seq"}
    return {**found, RESTATED: set()}


def types_given() -> set[str]:
    """The types of all records that are handed to whoever writes them."""
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            first = node.args[0] if isinstance(node, ast.Call) and node.args else None
            kind = constants(first).get("type") if isinstance(first, ast.Dict) else None
            if name in WRITERS and isinstance(kind, ast.Constant):
                found.add(str(kind.value))
    return found


def test_every_type_is_one_of_the_table() -> None:
    assert {"alert", "watch", "guard_order"} <= types_given() <= set(GUARD_TYPES)


def test_every_type_and_field_is_on_the_page() -> None:
    found = written()
    assert set(GUARD_TYPES) - ELSEWHERE <= set(found)
    for name, fields in found.items():
        assert f"`{name}`" in PAGE, name
        if name not in ELSEWHERE:
            assert {field for field in fields - {"type"} if f"`{field}`" not in PAGE} == set(), name


def test_what_a_breach_and_a_step_tell_is_there_too() -> None:
    breach = Breach(FLEET, "max_position", Decimal(1), Decimal(1), Level.WARN, Action.ALERT)
    for field in (*breach_data(breach), *Step("cancel", done=None, text="").view(), *Intruder._fields):
        assert f"`{field}`" in PAGE, field
