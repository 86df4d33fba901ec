"""The paper exchange imports nothing of the project outside itself."""

import ast
from pathlib import Path

import counterseal.paper

FOLDER = Path(counterseal.paper.__file__).parent


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, path
            names.add(node.module or "")
    return names


def test_no_module_reaches_into_the_gateway() -> None:
    modules = list(FOLDER.rglob("*.py"))
    assert len(modules) > 40
    foreign = {
        (path.name, name)
        for path in modules
        for name in imported(path)
        if name.startswith("counterseal") and not name.startswith("counterseal.paper")
    }
    assert foreign == set()


def test_every_served_endpoint_has_a_handler_and_a_row(rig: object) -> None:
    exchange = rig.exchange  # type: ignore[attr-defined]
    assert set(exchange._routes) == set(exchange._table)
