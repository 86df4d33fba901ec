"""The targets by name: what each parses that somebody hostile may have written."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
NAMES = tuple(sorted(path.stem for path in (Path(__file__).parent / "targets").glob("[a-z]*.py")))


class Target(NamedTuple):
    """One target: `run` raises where a property does not hold. `covered` are the modules whose code is to be reached.

    `tokens` are words that inputs are made of.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    covered: tuple[str, ...]

    @property
    def corpus(self) -> Path:
        """The inputs that are kept, crashes among them."""
        return CORPUS / self.name


def load(name: str) -> Target:
    """Import a target."""
    module = import_module(f"tests.fuzz.targets.{name}")
    return Target(name, module.target, tuple(module.SEEDS), tuple(module.TOKENS), tuple(module.COVERED))


def covered_by(name: str) -> tuple[str, ...]:
    """Give the modules that a target covers without importing it: they are instrumented when they are imported."""
    source = (Path(__file__).parent / "targets" / f"{name}.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COVERED":
            found: tuple[str, ...] = ast.literal_eval(node.value)
            return found
    raise LookupError(name)
