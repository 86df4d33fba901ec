"""`core` decides and computes: it imports what the list names, and touches no file, clock, chance or log."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "src" / "counterseal" / "core"
# An allow-list, because a deny-list lets `import requests` through. Widen it only for what is as pure as these.
ALLOWED = frozenset({
    "binascii", "bisect", "codecs", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "difflib",
    "enum", "functools", "hashlib", "heapq", "ipaddress", "json", "operator", "re", "struct", "tomllib",
    "types", "typing", "urllib.parse", "zlib",
})  # fmt: skip
# Names that read or write the world, whatever they were imported from or as a builtin.
IMPURE_CALLS = frozenset({
    "open", "print", "input", "exec", "eval", "compile", "breakpoint", "__import__", "now", "utcnow", "today",
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep", "getenv", "urandom",
    "token_bytes", "token_hex", "random", "getLogger",
})  # fmt: skip


def faults(source: str) -> list[str]:
    """Give what is impure in a module's text, one sentence each with its line."""
    return [f"line {line}: {what}" for line, what in _faults(ast.parse(source))]


def _faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, f"imports {a.name}") for a in node.names if not _allowed(a.name))
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            # `from counterseal import adapters` would reach anything.
            if not _allowed(name):
                yield node.lineno, f"imports {name}"
        elif isinstance(node, ast.Call) and _called(node.func) in IMPURE_CALLS:
            yield node.lineno, f"calls {_called(node.func)}"
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield node.lineno, "changes a name outside itself"


def _allowed(module: str) -> bool:
    return module in ALLOWED or module == "counterseal.core" or module.startswith("counterseal.core.")


def _called(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        # hashlib.new(...), re.compile(...): only bare compile() runs code.
        return "" if func.attr == "compile" else func.attr
    return func.id if isinstance(func, ast.Name) else ""


def modules() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def test_there_is_a_core() -> None:
    """The walk finds the modules that matter."""
    assert {"policy.py", "judge.py", "outcome.py", "canonical.py", "loader.py"} <= {path.name for path in modules()}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_is_pure(path: Path) -> None:
    """Imports from the list, no call that reads or writes the world, no changing of outer names."""
    assert faults(path.read_text(encoding="utf-8")) == []


def test_the_list_names_nothing_that_is_not_needed() -> None:
    """Each module on the list is imported somewhere in the core: the list does not grow by itself."""
    needed = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                needed |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                needed.add(node.module)
    assert ALLOWED - needed == set()


@pytest.mark.parametrize(
    "source",
    [
        "import requests",
        "import os",
        "import os.path as path",
        "import json, time",
        "from time import time",
        "import random",
        "import logging",
        "import sys",
        "import asyncio",
        "import cryptography",
        "import msgspec",
        "from urllib import request",
        "import urllib.request",
        "from pathlib import Path",
        "from . import secret",
        "from .. import adapters",
        "from counterseal import adapters",
        "from counterseal.adapters.home import Home",
        "import counterseal.gateway",
        "from counterseal.corex import y",
        "def f():\n    import socket",
        "if True:\n    from os import environ",
        "open('x')",
        "print('x')",
        "__import__('os')",
        "eval('1')",
        "exec('1')",
        "compile('1', 'x', 'eval')",
        "import datetime\nx = datetime.datetime.now()",
        "from datetime import date\nx = date.today()",
        "def f(clock):\n    return clock.time()",
        "def f():\n    global x\n    x = 1",
    ],
)
def test_a_violation_is_caught(source: str) -> None:
    """The guard itself: each way out of purity is found."""
    assert len(faults(source)) >= 1


@pytest.mark.parametrize(
    "source",
    [
        "import re\nx = re.compile('a')",
        "from counterseal.core import redact",
        "from counterseal.core.intent import Leg",
        "import json\nx = json.loads('1')",
        "from urllib.parse import quote",
        "now_ms = 1",
        "import hashlib\nhashlib.new('md5')",
    ],
)
def test_what_is_pure_passes(source: str) -> None:
    """No false alarm on what the core does every day."""
    assert faults(source) == []
