"""The fan-out of streams beside the `websockets` library's: python bench/ws_run.py [--rounds 3] [--seconds 3].

Prints a table and ratios, and writes bench/WS_RESULTS.md. `--short` takes the most telling part, once, half a second
each, and writes nothing. How it measures is in bench/WS.md.
Exit status: 0 measured, 1 some result is invalid or missing. A floor that is not met is reported, not failed.
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

import uvloop
import websockets
import ws_contestants as contestants
import ws_orders
import ws_results as results
from processes import Cores
from ws_measure import Bench, measure
from ws_messages import SIZE

RESULTS_FILE = Path(__file__).with_name("WS_RESULTS.md")


def main() -> int:
    """Run it; returns the exit status."""
    options = _parse()
    signal.signal(signal.SIGTERM, _leave)
    cores, load_average = Cores.of_this_machine(), os.getloadavg()[0]
    os.sched_setaffinity(0, {cores.load})
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterseal-bench-")))
        placed = ws_orders.measure(directory / "orders", cores, is_short=options.short)
        upstream = contestants.start_upstream(directory, cores)
        stack.callback(upstream.child.close)
        bench = Bench(directory, cores, upstream, options.seconds, options.short)
        found = measure(bench, options.rounds)
        found.orders = placed
    report = "\n\n".join([_head(options, cores, load_average), results.report(found)])
    print("\n" + report)
    if not options.dry:
        RESULTS_FILE.write_text(report + "\n")
    return 1 if found.faults else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/ws_run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="N", help="default 3")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement, default 3")
    parser.add_argument("--date", default=None, help="what the report gives as its date; default is now")
    parser.add_argument("--dry", action="store_true", help="leave WS_RESULTS.md as it is")
    parser.add_argument("--short", action="store_true", help="500 subscribers, once, half a second each; no file")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.seconds, options.dry = 1, 0.5, True
    return options


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)  # unwinds through the ExitStack, which ends every child


# -- the report's head


def _head(options: argparse.Namespace, cores: Cores, load_average: float) -> str:
    date = options.date or f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    return (
        "# Benchmark results: streams\n\n"
        f"Written by `make bench-ws` on {date}; how it measures is in [WS.md](WS.md).\n\n"
        f"- machine: {_cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}\n"
        f"- versions: Python {platform.python_version()}, websockets {websockets.__version__}, "
        f"uvloop {uvloop.__version__}\n"
        f"- medians of {options.rounds} rounds, {options.seconds:g} s each; contestants on CPU {cores.contestant}, "
        f"upstream and subscribers on CPU {cores.load}; load average before the run {load_average:.2f}\n"
        f"- a frame is {SIZE} bytes"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
