"""Makes one small mistake at a time in the modules that money depends on, and tells which of them no test notices.

    .env/test/bin/python tools/mutants.py                    all groups of tools/mutants.toml
    .env/test/bin/python tools/mutants.py policy exposure    these groups

What is known of a mutant is kept in .run/mutants.json until its module changes, or the test that noticed it, or, where
none did, any of the tests; so a run can be stopped and goes on later. --again forgets it. At the end the counts are
written to tools/mutants_counts.toml, from which, with the reasons in tools/mutants.toml, docs/reference/mutants.md is
made. Status 1 when a group stays below 95 %, or when a mutant survives without a reason.
"""

import argparse
import ast
import hashlib
import json
import multiprocessing
import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools" / "mutants.toml"
COUNTS = ROOT / "tools" / "mutants_counts.toml"
KEPT = ROOT / ".run" / "mutants.json"
LEAST_PERCENT = 95
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "tools")]
os.environ["PYTHONPATH"] = str(ROOT / "src")

from mutants_run import SURVIVED, Mutant, Subject, run  # noqa: E402  found by the path above

# Module, source line, mutation.
Key = tuple[str, str, str]


class Memory:
    """What earlier runs found: who noticed a mutant, and by which state of module and tests."""

    def __init__(self, path: Path = KEPT) -> None:
        self._path = path
        self._known = self._read()
        self._new: dict[str, dict[str, str]] = {}
        self._saved = time.monotonic()

    def get(self, subject: Subject, number: int, tests: Sequence[str]) -> str | None:
        """Give what became of a mutant, None when that has to be found anew."""
        known = self._known.get(self._key(subject, number))
        return known["by"] if known is not None and known["judges"] == _judges(known["by"], tuple(tests)) else None

    def put(self, subject: Subject, number: int, tests: Sequence[str], by: str) -> None:
        """Keep what became of a mutant."""
        self._new[self._key(subject, number)] = {"by": by, "judges": _judges(by, tuple(tests))}
        if time.monotonic() > self._saved + 10:
            self.save()

    def save(self) -> None:
        """Write it down, beside what another run has written meanwhile."""
        self._known = self._read() | self._new
        self._path.parent.mkdir(exist_ok=True)
        part = self._path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(self._known, indent=0, sort_keys=True))
        part.replace(self._path)
        self._saved = time.monotonic()

    def _read(self) -> dict[str, dict[str, str]]:
        known: dict[str, dict[str, str]] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return known

    def _key(self, subject: Subject, number: int) -> str:
        point = subject.points[number]
        what = f"{subject.text}\n{number}\n{point.before}\n{point.after}"
        return f"{subject.name}:{hashlib.sha256(what.encode()).hexdigest()[:24]}"


def _judges(by: str, tests: tuple[str, ...]) -> str:
    """Give a hash of who judged: the test that noticed a mutant, or all when none did."""
    file, _, name = by.partition("::")
    return _functions(file).get(name.partition("[")[0], "") if name else _digest(tests)


@cache
def _functions(test: str) -> Mapping[str, str]:
    """Give a hash of each test of a file."""
    path = ROOT / test
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: hashlib.sha256(ast.dump(node).encode()).hexdigest()[:16] for node in functions}


@cache
def _digest(tests: tuple[str, ...]) -> str:
    """Give a hash of test files; a folder stands for all that is in it."""
    sums = hashlib.sha256()
    for test in tests:
        path = ROOT / test
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            sums.update(file.read_bytes())
    return sums.hexdigest()[:16]


def judge(group: Mapping[str, Any], children: int) -> None:
    """Find what is not known yet of a group's mutants."""
    memory = Memory()
    os.environ.update(group.get("environment", {}))
    subjects = {name: Subject(name) for name in group["modules"]}
    asked = [
        Mutant(name, number)
        for name, subject in subjects.items()
        for number in range(len(subject.points))
        if memory.get(subject, number, group["tests"]) is None
    ]
    told = Counter[bool]()

    def tell(mutant: Mutant, by: str) -> None:
        memory.put(subjects[mutant.module], mutant.number, group["tests"], by)
        told[by == SURVIVED] += 1
        if by == SURVIVED:
            point = subjects[mutant.module].points[mutant.number]
            print(
                f"{mutant.module}:{point.line} {mutation(point.before, point.after)}", file=sys.__stdout__, flush=True
            )
        if told.total() % 100 == 0:
            print(f"{group['name']}: {told.total()} of {len(asked)}", file=sys.__stdout__, flush=True)

    if asked:
        print(f"{group['name']}: {len(asked)} mutants to judge", flush=True)
        run(list(subjects.values()), group["tests"], asked, children, tell)
        memory.save()


def _entry(subject: Subject, number: int) -> str:
    """Give a survivor as it would stand in the table."""
    point = subject.points[number]
    cells = {"module": subject.name, "line": subject.line(number), "mutation": mutation(point.before, point.after)}
    return f"\n# line {point.line}\n[[survivor]]\n" + "".join(
        f"{name} = {json.dumps(text, ensure_ascii=False)}\n" for name, text in cells.items()
    )


def mutation(before: str, after: str) -> str:
    """Give a change in one line."""
    return " → ".join(" ".join(text.split()) for text in (before, after))


class Count(NamedTuple):
    """A module's mutants; `equivalent` are those of the survivors that no test can notice."""

    mutants: int
    survived: int
    equivalent: int


def report(groups: Sequence[Mapping[str, Any]], reasons: Sequence[Mapping[str, Any]]) -> bool:
    """Print and write the counts; tell whether all is as it should be."""
    known = {(each["module"], each["line"], each["mutation"]): each["equivalent"] for each in reasons}
    counts, used, good = _counts(), set[Key](), True
    for group in groups:
        for name in group["modules"]:
            found = _survivors(Subject(name), group["tests"])
            if found is None:
                print(f"{name}: not all of it is judged")
                good = False
                continue
            mutants, survivors = found
            used |= {key for key, _ in survivors}
            counts[name] = Count(mutants, len(survivors), sum(known.get(key, False) for key, _ in survivors))
            for key, entry in survivors:
                if key not in known:
                    good = False
                    print("no reason:" + entry)
        good &= _is_enough(group, counts)
    judged = {name for group in groups for name in group["modules"]}
    for key in sorted(key for key in known.keys() - used if key[0] in judged):
        good = False
        print("a reason for nothing:", *key, sep="\n  ")
    rows = (
        f'"{name}" = {{ {", ".join(f"{k} = {v}" for k, v in one._asdict().items())} }}\n'
        for name, one in counts.items()
    )
    COUNTS.write_text("# Written by tools/mutants.py.\n" + "".join(rows), encoding="utf-8")
    return good


def _survivors(subject: Subject, tests: Sequence[str]) -> tuple[int, list[tuple[Key, str]]] | None:
    """Give how many mutants a module has, and those that survived, each as it would stand in the table."""
    memory, found = Memory(), list[tuple[Key, str]]()
    for number, point in enumerate(subject.points):
        word = memory.get(subject, number, tests)
        if word is None:
            return None
        if word == SURVIVED:
            key = subject.name, subject.line(number), mutation(point.before, point.after)
            found.append((key, _entry(subject, number)))
    return len(subject.points), found


def _is_enough(group: Mapping[str, Any], counts: Mapping[str, Count]) -> bool:
    """Tell whether enough of a group was killed of what makes a difference."""
    found = [counts[name] for name in group["modules"] if name in counts]
    mutants, survived, equivalent = (sum(column) for column in zip(*found, strict=True)) if found else (0, 0, 0)
    percent = 100 * (mutants - survived) / max(1, mutants - equivalent)
    print(f"{group['name']}: {mutants} mutants, {survived} survived, {equivalent} equivalent, {percent:.1f} % killed")
    return percent >= LEAST_PERCENT


def _counts() -> dict[str, Count]:
    if not COUNTS.exists():
        return {}
    return {name: Count(**row) for name, row in tomllib.loads(COUNTS.read_text(encoding="utf-8")).items()}


def main() -> int:
    """Judge the groups named, or all."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    names = [group["name"] for group in table["group"]]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"one of: {', '.join(names)}")
    parser.add_argument("-j", "--children", type=int, default=os.cpu_count() or 1, help="mutants judged at a time")
    parser.add_argument("--again", action="store_true", help="forget what earlier runs found")
    options = parser.parse_args()
    if options.again:
        KEPT.unlink(missing_ok=True)
    if unknown := set(options.groups) - set(names):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    groups = [group for group in table["group"] if not options.groups or group["name"] in options.groups]
    for group in groups:
        # A process of its own, so that no group finds what another has imported.
        child = multiprocessing.get_context("fork").Process(target=judge, args=(group, options.children))
        child.start()
        child.join()
        if child.exitcode:
            return 2
    return 0 if report(groups, table.get("survivor", ())) else 1


if __name__ == "__main__":
    sys.exit(main())
