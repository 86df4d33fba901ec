"""Prints the test files that say something about the compiled package: those of core/ that import a compiled module by
name, and all in-process tests of the gateway but those of streams, whose own modules stay Python.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def compiled_modules() -> set[str]:
    """The modules that setup.py compiles, by their full names."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HOT":
            (text,) = (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
            return {f"counterseal.{name.replace('/', '.')}" for name in text.split()}
    raise LookupError("setup.py has no HOT")


def imported(file: Path) -> set[str]:
    """What a file imports, by full names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def files() -> list[Path]:
    """The test files, in order."""
    hot = compiled_modules()
    core = [file for file in sorted((ROOT / "tests/core").rglob("test_*.py")) if imported(file) & hot]
    gateway = sorted((ROOT / "tests/gateway").rglob("test_*.py"))
    captures = sorted((ROOT / "tests/captures").glob("test_*.py"))
    return [*core, *(file for file in gateway if "streams" not in file.parts), *captures]


if __name__ == "__main__":
    sys.stdout.write(" ".join(str(file.relative_to(ROOT)) for file in files()))
