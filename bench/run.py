"""Benchmark against the peers in one run: python bench/run.py [--rounds 3] [--seconds 4] [--only NAME ...].

Prints a table and ratios, and writes bench/RESULTS.md when all contestants were asked for.
Exit status: 0 measured, 1 some result is invalid or missing, 2 a program is missing.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

try:
    import cryptography
except ImportError:
    print(
        "cryptography is missing; install the benchmark's environment with: python3 -m venv .env/bench "
        "&& .env/bench/bin/pip install --require-hashes -r bench/requirements.txt",
        file=sys.stderr,
    )
    sys.exit(2)

import results
from contestants import CONTESTANTS, Contestant, NotReady, Place, Running, start_upstream
from orders import Credential
from processes import Cores, ProcessFailed
from programs import ProgramMissing, Programs
from results import Line, Measurement
from rounds import Bench, measure_rounds

RESULTS_FILE = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Conditions:
    """Under what a run was made: goes into its report."""

    programs: Programs
    cores: Cores
    rounds: int
    seconds: int
    load_average: float


def main(arguments: Sequence[str]) -> int:
    """Run it; returns the exit status."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        programs = Programs.find()
    except ProgramMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    cores = Cores.of_this_machine()
    conditions = Conditions(programs, cores, options.rounds, options.seconds, os.getloadavg()[0])
    os.sched_setaffinity(0, {cores.load})  # inherited by the load generator
    chosen = [one for one in CONTESTANTS if not options.only or one.name in {*options.only, results.BASELINE}]
    measured, reasons = _measure(conditions, chosen)
    report = _report(conditions, _lines(chosen, measured), measured, reasons)
    print("\n" + report)
    if options.only:
        print("\nonly some contestants were run: RESULTS.md is left as it was")
    else:
        RESULTS_FILE.write_text(report + "\n")
    is_valid = not reasons and not any(one.faults for found in measured.values() for one in found)
    return 0 if is_valid else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description="benchmark against the peers, one run")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="N", help="default 3")
    parser.add_argument(
        "--seconds", type=int, default=4, choices=range(1, 5), help="length of a throughput run, default 4"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[one.name for one in CONTESTANTS],
        metavar="NAME",
        help="this contestant and direct; may be repeated",
    )
    return parser.parse_args(arguments)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)  # unwinds through the ExitStack, which ends every child


def _measure(
    conditions: Conditions, chosen: Sequence[Contestant]
) -> tuple[dict[str, list[Measurement]], dict[str, str]]:
    """Start everything, measure, end everything; measurements by name, and reasons of those without."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterseal-bench-")))
        place = Place(directory, conditions.cores, conditions.programs, Credential.random())
        upstream = start_upstream(place)
        stack.callback(upstream.child.close)
        started: dict[str, tuple[Contestant, Running]] = {}
        reasons: dict[str, str] = {}
        for contestant in chosen:
            try:
                running = contestant.start(place.for_contestant(contestant.name), upstream)
            except (NotReady, ProcessFailed) as reason:
                reasons[contestant.name] = str(reason)
                print(f"  {contestant.name}: not measured: {reason}")
                continue
            stack.callback(running.close)
            started[contestant.name] = (contestant, running)
        bench = Bench(place, upstream, conditions.seconds)
        measured, failed = measure_rounds(bench, started, conditions.rounds)
        return measured, reasons | failed


def _lines(chosen: Sequence[Contestant], measured: Mapping[str, list[Measurement]]) -> dict[str, Line]:
    """Lines of those whose every answer was right: an invalid result has no place beside valid ones."""
    direct = measured.get(results.BASELINE, [])
    return {
        one.name: results.summarise(one.title, measured[one.name], direct)
        for one in chosen
        if measured.get(one.name) and not any(found.faults for found in measured[one.name])
    }


def _report(
    conditions: Conditions,
    lines: Mapping[str, Line],
    measured: Mapping[str, list[Measurement]],
    reasons: Mapping[str, str],
) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in conditions.programs.versions().items())
    invalid = {name: fault for name, found in measured.items() for one in found for fault in one.faults[:1]}
    parts = [
        "# Benchmark results",
        f"Written by `make bench` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC; "
        "how it measures is in [README.md](README.md).",
        f"- machine: {_cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}\n"
        f"- versions: {versions}, cryptography {cryptography.__version__}\n"
        f"- medians of {conditions.rounds} rounds, {conditions.seconds} s each at 32 connections; "
        f"contestants on CPU {conditions.cores.contestant}, "
        f"load and upstream on CPU {conditions.cores.load}; "
        f"load average before the run {conditions.load_average:.2f}",
        results.table(lines),
        results.ratio_lines(results.ratios(lines)),
    ]
    notes = [f"- {name}: not measured: {reason}" for name, reason in reasons.items()]
    notes += [f"- {name}: INVALID, left out: {fault}" for name, fault in invalid.items()]
    return "\n\n".join([*parts, "\n".join(notes)] if notes else parts)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
