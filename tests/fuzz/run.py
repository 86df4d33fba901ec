"""Runs the targets under atheris, which draws inputs towards code that none of them has reached yet.

    python -m tests.fuzz.run TARGET|all [--seconds N] [--runs N] [--work DIR] [--jobs N]
    python -m tests.fuzz.run TARGET|all --keep [--work DIR]

An input that breaks a property is saved as corpus/TARGET/crash-*, and from then on is a test. New inputs go to DIR;
with `--keep` the smallest of those that together reach everything are taken over into corpus/TARGET. A run writes the
row FUZZ-1 of the campaign (CAMPAIGN_OUT).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from tests.campaign.tally import campaign
from tests.fuzz import targets_list

# Nightly; a gate runs each target for some seconds.
FULL = 10_000_000
LONGEST, LONGEST_KEPT, MOST_KEPT = 4096, 2047, 120
# Slower than this is as bad as an exception.
SLOW_S, MOST_MB = 5, 2048
# What is kept is named by its SHA-1; what once broke something is never thrown away.
_KEPT = "[0-9a-f]" * 40
Place = tuple[tuple[str, int, int], int]


class Ran(NamedTuple):
    """What became of one target: how many inputs it got in how many seconds, and whether it held."""

    name: str
    inputs: int
    seconds: float
    holds: bool
    reached: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one target in this process, or all of them, each in its own."""
    args = _parser().parse_args(arguments)
    if args.inside:
        _fuzz(args)
    names = targets_list.NAMES if args.target == "all" else (args.target,)
    args.work.mkdir(parents=True, exist_ok=True)
    if args.keep:
        for name in names:
            _keep(name, args.work / name)
        return 0
    return _run(names, args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run")
    parser.add_argument("target", choices=(*targets_list.NAMES, "all"))
    parser.add_argument(
        "--seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", "10")), help="for each target"
    )
    parser.add_argument(
        "--runs", type=int, default=int(os.environ.get("FUZZ_RUNS", "0")), help="of each target instead"
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / f"counterseal-fuzz-{os.getuid()}")
    parser.add_argument("--jobs", type=int, default=1, help="targets at the same time")
    parser.add_argument("--keep", action="store_true", help="take over what was found into the corpus")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


# -- all targets, each in a process of its own


def _run(names: Sequence[str], args: argparse.Namespace) -> int:
    with ThreadPoolExecutor(args.jobs) as pool:
        found = list(pool.map(lambda name: _run_one(name, args), names))
    with campaign("FUZZ-1", f"coverage-guided fuzzing of {len(found)} parsers (atheris)", FULL) as tally:
        for ran in found:
            tally.tried += ran.inputs
            tally.other["held"] += ran.inputs if ran.holds else 0
            tally.figures[ran.name] = f"{ran.inputs:,} inputs, {ran.inputs / max(ran.seconds, 0.1):,.0f} a second"
            if not ran.holds:
                tally.disagree(f"{ran.name}: see the newest file of its corpus")
    return 0


def _run_one(name: str, args: argparse.Namespace) -> Ran:
    began = time.monotonic()
    with (args.work / f"{name}.log").open("w") as log:
        command = [sys.executable, "-m", "tests.fuzz.run", name, "--inside", "--work", str(args.work)]
        bounds = ["--seconds", str(args.seconds), "--runs", str(args.runs)]
        code = subprocess.run([*command, *bounds], stdout=log, stderr=log, check=False).returncode
    ran = _read(name, (args.work / f"{name}.log").read_text(errors="replace"), time.monotonic() - began, code == 0)
    told = "holds" if ran.holds else "BROKEN"
    print(f"{name}: {ran.inputs:,} inputs in {ran.seconds:.0f} s, {ran.reached:,} places, {told}", flush=True)
    return ran


def _read(name: str, log: str, seconds: float, holds: bool) -> Ran:
    """Read what libFuzzer told; of a run that broke, also what broke it."""
    told = re.findall(r"^(?:#|stat::number_of_executed_units:\s*)([0-9]+)", log, re.MULTILINE)
    reached = re.findall(r" cov: ([0-9]+) ", log)
    if not holds:
        print(log[-4000:])
    return Ran(name, max(map(int, told), default=0), seconds, holds, max(map(int, reached), default=0))


# -- one target, in this process


def _fuzz(args: argparse.Namespace) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # only where it is installed

    covered = [*targets_list.covered_by(args.target), "tests.fuzz.references"]
    with atheris.instrument_imports(include=covered):
        target = targets_list.load(args.target)
    work = args.work / target.name
    _write(work, target.seeds)
    target.corpus.mkdir(parents=True, exist_ok=True)
    words = args.work / f"{target.name}.dict"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in target.tokens))
    bound = f"-runs={args.runs}" if args.runs else f"-max_total_time={args.seconds}"
    options = [
        f"-max_len={LONGEST}", "-len_control=10", f"-timeout={SLOW_S}", f"-rss_limit_mb={MOST_MB}", f"-dict={words}",
        "-print_final_stats=1",
        f"-artifact_prefix={target.corpus}/", f"-seed={os.environ.get('CAMPAIGN_SEED', '1')}", bound,
    ]  # fmt: skip
    atheris.Setup(["fuzz", *options, str(work), str(target.corpus)], lambda data: _try(target, data))
    atheris.Fuzz()


def _try(target: targets_list.Target, data: bytes) -> None:
    """Run one input; what it breaks is saved here already, whatever becomes of the process."""
    try:
        target.run(data)
    except BaseException:
        (target.corpus / f"crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
        raise


def _escaped(token: bytes) -> str:
    """Spell bytes as libFuzzer's dictionaries have them."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}" for byte in token)


def _write(folder: Path, inputs: Sequence[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in inputs:
        (folder / hashlib.sha1(each).hexdigest()).write_bytes(each)


# -- what is kept


def _keep(name: str, work: Path) -> None:
    """Take the smallest inputs that together reach every line, and every number of times, that all of them reach."""
    target = targets_list.load(name)
    found = [*_files(work), *_files(target.corpus)] if work.is_dir() else list(_files(target.corpus))
    inputs = sorted({each for each in found if len(each) <= LONGEST_KEPT}, key=lambda each: (len(each), each))
    reached = [(each, _reached(target, each)) for each in inputs]
    chosen = _cover(reached)
    for path in target.corpus.glob(_KEPT):
        path.unlink()
    _write(target.corpus, chosen)
    print(f"{name}: {len(chosen)} of {len(inputs)} inputs kept")


def _files(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in sorted(folder.glob(_KEPT)))


def _reached(target: targets_list.Target, data: bytes) -> frozenset[Place]:
    """Give the pairs of lines that follow one another while an input runs, and about how often each pair does."""
    found: Counter[tuple[str, int, int]] = Counter()
    files = _files_of(target.covered)

    def trace(frame: FrameType, _event: str, _argument: object) -> object:
        name, last = frame.f_code.co_filename, -1
        if name not in files:
            return None

        def line(inner: FrameType, event: str, _argument: object) -> object:
            nonlocal last
            if event == "line":
                found[name, last, inner.f_lineno] += 1
                last = inner.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        target.run(data)
    finally:
        sys.settrace(None)
    return frozenset((pair, count.bit_length()) for pair, count in found.items())


@cache
def _files_of(covered: tuple[str, ...]) -> frozenset[str]:
    """The files of these modules, of what is in them, and of our own readers."""
    names = (*covered, "tests.fuzz.references")
    found = [
        module
        for name, module in sys.modules.items()
        if name in names or name.startswith(tuple(f"{n}." for n in names))
    ]
    return frozenset(str(getattr(module, "__file__", "")) for module in found)


def _cover(reached: Sequence[tuple[bytes, frozenset[Place]]]) -> list[bytes]:
    """Greedily: each time the input that adds most, the shorter one where two add the same."""
    chosen: list[bytes] = []
    covered: set[Place] = set()
    left = list(reached)
    while left and len(chosen) < MOST_KEPT:
        each, places = max(left, key=lambda pair: len(pair[1] - covered))
        if not places - covered:
            break
        chosen.append(each)
        covered |= places
        left = [pair for pair in left if pair[1] - covered]
    return chosen


if __name__ == "__main__":
    sys.exit(main())
