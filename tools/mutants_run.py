"""Tells for each mistake which test notices it: pytest collects once, and a forked child per mistake runs the tests.

A mistake inside a function replaces the code of the functions that exist, so that nothing is imported again. One in
what runs at import, or in a function that ran while the tests were collected, is put in place of the module before
anything imports it.
"""

import ast
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import coverage
import hypothesis
import pytest
from mutants_forks import forked
from mutants_points import Function, Point, points

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "counterseal"
SURVIVED = "survived"
# The code of a function cannot be exchanged: the mutant has to be there when its module is imported.
_AGAIN = "again"
_CACHE = type(lru_cache(lambda: None))


class Mutant(NamedTuple):
    """The mistake of this number in a module."""

    module: str
    number: int


class Subject:
    """A module to make mistakes in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = SOURCE / f"{name}.py"
        self.full_name = "counterseal." + name.replace("/", ".")
        self.text = self.path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        self.points: Sequence[Point] = list(points(self.tree))

    def changed(self, number: int) -> CodeType:
        """Make a mistake, for good, and give the module's code."""
        self.points[number].apply()
        return compile(ast.fix_missing_locations(self.tree), str(self.path), "exec", dont_inherit=True)

    def line(self, number: int) -> str:
        """Give the source line of a mistake."""
        return self.text.splitlines()[self.points[number].line - 1].strip()


class Seen(NamedTuple):
    """What a test does with every module as it is: seconds, and lines by module."""

    seconds: float
    lines: Mapping[str, frozenset[int]]


Told = Callable[[Mutant, str], None]


def run(subjects: Sequence[Subject], tests: Sequence[str], asked: Sequence[Mutant], children: int, tell: Told) -> None:
    """Tell what becomes of each of the mutants asked for; the calling process must not have imported any module."""
    _prepare()
    session = _Session({subject.name: subject for subject in subjects}, asked, children, tell)
    status = pytest.main([*_OPTIONS, *(str(ROOT / test) for test in tests)], plugins=[session])
    if not session.done:
        raise SystemExit(f"the tests could not be collected (status {status})")
    by_import = _Importing(session, tests)
    for mutant, word in forked(session.left, by_import.judge, children, by_import.seconds):
        tell(mutant, word)


_OPTIONS = (
    "-qq", "--disable-warnings", "-p", "no:cacheprovider", "--capture=sys", "-x", "-m", "not slow and not sdk",
    f"--rootdir={ROOT}", f"--confcutdir={ROOT / 'tests'}", "-c", str(ROOT / "pyproject.toml"),
)  # fmt: skip


def _prepare() -> None:
    """A failing example is enough: nobody reads the smallest one."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.reuse, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, deadline=None, phases=phases, suppress_health_check=list(hypothesis.HealthCheck)
    )
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    sys.dont_write_bytecode = True


class _Session:
    """A pytest plugin: once all is collected, it runs the tests for every mutant instead of once."""

    def __init__(self, subjects: Mapping[str, Subject], asked: Sequence[Mutant], children: int, tell: Told) -> None:
        self.subjects = subjects
        self.asked = asked
        self.children = children
        self.tell = tell
        self.seen: dict[str, Seen] = {}
        self.unfit: set[str] = set()
        self.left: list[Mutant] = []
        self.done = False
        self._importing = self._coverage()
        self._importing.start()

    def _coverage(self) -> coverage.Coverage:
        files = [str(subject.path) for subject in self.subjects.values()]
        return coverage.Coverage(data_file=None, config_file=False, include=files)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._importing.stop()
        if session.testsfailed:
            return True
        items = {item.nodeid: item for item in session.items}
        self._functions = {name: list(_functions(subject.path)) for name, subject in self.subjects.items()}
        self._caches = [each for each in gc.get_objects() if isinstance(each, _CACHE) and _is_ours(each)]
        gc.freeze()
        for item, word in forked(items.values(), self._look, self.children, lambda _: 1800.0):
            if word.startswith("{"):
                told = json.loads(word)
                lines = {module: frozenset(lines) for module, lines in told["lines"].items()}
                self.seen[item.nodeid] = Seen(told["seconds"], lines)
        self._drop_dependent(items)
        self.unfit = set(items) - set(self.seen)
        self.done = True
        self._judge(items)
        return True

    def _drop_dependent(self, items: Mapping[str, pytest.Item]) -> None:
        """A test that fails after others in this order is no judge either."""
        word = ""
        while word != SURVIVED:
            self.seen.pop(word, None)
            chosen = [items[name] for name in sorted(self.seen, key=lambda name: self.seen[name].seconds)]
            ((_, word),) = forked(
                [chosen], lambda chosen, folder: _noticed(chosen, self.seen, folder), 1, lambda _: 1800.0
            )

    def _judge(self, items: Mapping[str, pytest.Item]) -> None:
        at_import = {name: self._imported(subject) for name, subject in self.subjects.items()}
        fit: list[Mutant] = []
        for mutant in self.asked:
            point = self.subjects[mutant.module].points[mutant.number]
            ran = point.function is None or not at_import[mutant.module].isdisjoint(_body(point.function))
            (self.left if ran else fit).append(mutant)

        def work(mutant: Mutant, folder: Path) -> str:
            if not _replace(self._functions[mutant.module], self.subjects[mutant.module].changed(mutant.number)):
                return _AGAIN
            for each in self._caches:
                each.cache_clear()
            return _noticed([items[name] for name in self._chosen(mutant)], self.seen, folder)

        for mutant, word in forked(fit, work, self.children, self._seconds):
            if word == _AGAIN:
                self.left.append(mutant)
            else:
                self.tell(mutant, word)

    def _imported(self, subject: Subject) -> frozenset[int]:
        """Give the lines that ran until all was collected."""
        return frozenset(self._importing.get_data().lines(str(subject.path)) or ())

    def _chosen(self, mutant: Mutant) -> list[str]:
        """Give the tests that run the line, the quickest first."""
        point = self.subjects[mutant.module].points[mutant.number]
        lines = frozenset(range(point.first, point.last + 1))
        found = [name for name, seen in self.seen.items() if not lines.isdisjoint(seen.lines.get(mutant.module, ()))]
        return sorted(found, key=lambda name: self.seen[name].seconds)

    def _seconds(self, mutant: Mutant) -> float:
        return 60 + 10 * sum(self.seen[name].seconds for name in self._chosen(mutant))

    def _look(self, item: pytest.Item, folder: Path) -> str:
        """Run one test, alone, on the modules as they are; what does not pass is no judge.

        After others it would not run what they have put into a cache.
        """
        _own_folder([item], folder)
        cover = self._coverage()
        began = time.process_time()
        cover.start()
        has_passed = _run(item, None)
        cover.stop()
        seconds = time.process_time() - began
        found = {name: cover.get_data().lines(str(subject.path)) or [] for name, subject in self.subjects.items()}
        return json.dumps({"seconds": seconds, "lines": found}) if has_passed else "failed"


class _Importing:
    """Judges a mutant that has to be there when the module is imported: all is imported and collected anew."""

    def __init__(self, session: _Session, tests: Sequence[str]) -> None:
        self._session = session
        self._tests = tests

    def seconds(self, _: Mutant) -> float:
        return 120 + 10 * sum(seen.seconds for seen in self._session.seen.values())

    def judge(self, mutant: Mutant, folder: Path) -> str:
        for name in [name for name in sys.modules if name.split(".")[0] in ("counterseal", "tests")]:
            del sys.modules[name]
        subject = self._session.subjects[mutant.module]
        sys.meta_path.insert(0, _Finder(subject, subject.changed(mutant.number)))
        # Its own tests first: they notice most, and are few.
        stem = f"test_{subject.path.stem}"
        own = [test for test in self._tests if Path(test).stem.startswith(stem)]
        word = SURVIVED
        for tests in (own, [test for test in self._tests if test not in own]):
            if tests and word == SURVIVED:
                plugin = _Fresh(self._session, folder)
                pytest.main([*_OPTIONS, *(str(ROOT / test) for test in tests)], plugins=[plugin])
                word = plugin.word
        return word


class _Fresh:
    """A pytest plugin: the tests that pass without the mutant, the quickest first, until one fails.

    Its word is "import" when the tests cannot even be collected. A mutant may change what they are called.
    """

    def __init__(self, session: _Session, folder: Path) -> None:
        self.word = "import"
        self._session = session
        self._folder = folder

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.testsfailed:
            seen = self._session.seen
            items = [item for item in session.items if item.nodeid not in self._session.unfit]
            self.word = _noticed(sorted(items, key=lambda item: _seconds(seen, item)), seen, self._folder)
        return True


class _Finder(importlib.abc.MetaPathFinder):
    """Gives one module with a mistake in it."""

    def __init__(self, subject: Subject, code: CodeType) -> None:
        self._subject = subject
        self._code = code

    def find_spec(self, name: str, _path: object = None, _target: ModuleType | None = None) -> Any:
        if name != self._subject.full_name:
            return None
        loader = _Loader(name, str(self._subject.path))
        loader.code = self._code
        return importlib.util.spec_from_file_location(name, self._subject.path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        return self.code


# -- in a child


def _noticed(items: Sequence[pytest.Item], seen: Mapping[str, Seen], folder: Path) -> str:
    """Give the first test that fails."""
    _own_folder(items, folder)
    said = folder.parent / "said"
    for item, following in zip(items, [*items[1:], None], strict=True):
        # Should the test never end, the signal ends the child, and this is its word.
        said.write_text(item.nodeid, encoding="utf-8")
        signal.setitimer(signal.ITIMER_PROF, 3 + 10 * _seconds(seen, item))
        if not _run(item, following):
            return item.nodeid
    signal.setitimer(signal.ITIMER_PROF, 0)
    said.unlink(missing_ok=True)
    return SURVIVED


def _seconds(seen: Mapping[str, Seen], item: pytest.Item) -> float:
    return seen[item.nodeid].seconds if item.nodeid in seen else 1.0


def _run(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Run one test; tell whether nothing of it failed."""
    watch = _Watch()
    item.config.pluginmanager.register(watch, "mutants-watch")
    try:
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
    finally:
        item.config.pluginmanager.unregister(watch)
    return not watch.failed


class _Watch:
    def __init__(self) -> None:
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed


def _own_folder(items: Sequence[pytest.Item], folder: Path) -> None:
    """Children that run at the same time must not share what tmp_path stands on."""
    for item in items[:1]:
        item.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]


def _functions(path: Path) -> Iterator[FunctionType]:
    """Give every function that exists of a file."""
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == str(path):
            yield each


def _is_ours(cached: Any) -> bool:
    return getattr(cached, "__module__", "").startswith("counterseal.")


def _replace(functions: Sequence[FunctionType], code: CodeType) -> bool:
    """Give the functions of a module the code that they have in another version of it; tell whether that was all."""
    found = {(each.co_qualname, each.co_firstlineno): each for each in _codes(code)}
    count = 0
    for function in functions:
        changed = found.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if changed is None or changed == function.__code__:
            continue
        if changed.co_freevars != function.__code__.co_freevars:
            return False
        function.__code__ = changed
        count += 1
    return count > 0


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _body(function: Function) -> range:
    """Give the lines that run when a function is called; those of a lambda are also those of its making."""
    body = function.body if isinstance(function, ast.Lambda) else function.body[0]
    return range(body.lineno, (function.end_lineno or body.lineno) + 1)
