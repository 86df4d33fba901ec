"""How the gateway bears load: python bench/load_run.py [--short] [--seconds 30] [--overload 300] [--soak MINUTES].

Measures what the machine can do, half of it, three times it, streams, starts and idle connections, prints it, and
writes bench/LOAD_RESULTS.md. `--short` takes a few seconds of each. How it measures is in bench/LOAD.md.
Exit status: 0 measured, 1 some result is invalid, 2 a program is missing. A bound that is not met is reported, not
failed: speed is measured, not tested.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import load_home
import load_idle
import load_measure
import load_results as results
import load_soak
import load_streams
from contestants import Place
from load import LoadFailed
from load_measure import Bench
from load_results import Found
from orders import Credential
from processes import Cores, ProcessFailed
from programs import ProgramMissing, Programs

RESULTS_FILE = Path(__file__).with_name("LOAD_RESULTS.md")
PARTS = ("orders", "streams", "idle", "soak")


def main() -> int:
    """Run it; returns the exit status."""
    options = _parse()
    signal.signal(signal.SIGTERM, _leave)
    try:
        programs = Programs.find()
    except ProgramMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    cores, load_average, found = Cores.of_this_machine(), os.getloadavg()[0], Found()
    os.sched_setaffinity(0, {cores.load})
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterseal-bench-")))
        place = Place(directory, cores, programs, Credential.random())
        upstream = load_home.start_exchange(place)
        stack.callback(upstream.child.close)
        _measure(Bench(place, upstream, options.seconds, options.overload), found, options)
    report = "\n\n".join([_head(options, cores, load_average, programs), results.report(found)])
    print("\n" + report)
    if not options.dry:
        RESULTS_FILE.write_text(report + "\n")
    return 1 if found.faults else 0


def _measure(bench: Bench, found: Found, options: argparse.Namespace) -> None:
    """Every part that was asked for; one that breaks off leaves the others be."""
    parts = {
        "orders": lambda: load_measure.measure(bench, found),
        "streams": lambda: load_streams.measure(bench, found),
        "idle": lambda: load_idle.measure(bench, found),
        "soak": lambda: load_soak.measure(bench, found, options.soak),
    }
    for name, part in parts.items():
        if (options.only and name not in options.only) or (name == "soak" and not options.soak):
            continue
        try:
            part()
        except (ProcessFailed, LoadFailed, OSError) as fault:
            found.faults.append(f"{name}: {fault}")
            print(f"  {name}: failed: {fault}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/load_run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement, default 30")
    parser.add_argument("--overload", type=float, default=300.0, help="length of the overload, default 300")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="SOAK-1 for so long; default none")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be repeated; writes no file")
    parser.add_argument("--short", action="store_true", help="3 s each, 10 s of overload; no file")
    parser.add_argument("--dry", action="store_true", help="leave LOAD_RESULTS.md as it is")
    options = parser.parse_args()
    if options.short:
        options.seconds, options.overload = 3.0, 10.0
    options.dry = options.dry or options.short or bool(options.only)
    return options


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)  # unwinds through the ExitStack, which ends every child


# -- the report's head


def _head(options: argparse.Namespace, cores: Cores, load_average: float, programs: Programs) -> str:
    versions = programs.versions()
    return (
        "# Benchmark results: load\n\n"
        f"Written by `make bench-load` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC; "
        "how it measures is in [LOAD.md](LOAD.md).\n\n"
        f"- machine: {_cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}\n"
        f"- versions: nginx {versions['nginx']}, Python {platform.python_version()}\n"
        f"- {options.seconds:g} s each, {options.overload:g} s of overload; gateway on CPU {cores.contestant}, bots "
        f"and exchange on CPU {cores.load}; load average before the run {load_average:.2f}"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
