"""What a part of the gateway costs: a load with it and a load without it, again and again in turn, in one run.

python bench/pairs.py [--pairs 40] [--with counterseal] [--without counterseal-without-limits]

A machine that others use too is faster in one second than in the next; of two loads that follow each other within a
second or two it makes nearly the same. The median of the pairs' ratios is the figure, the quartiles say how sure it is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import load
from contestants import CONTESTANTS, Place, start_upstream
from orders import Credential
from processes import Cores
from programs import Programs
from rounds import Bench, per_cpu_second, warm_up

SECONDS = 1


def main(arguments: Sequence[str]) -> int:
    """Print the ratio with its quartiles; returns 0."""
    options = _parse(arguments)
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.load})
    found = _measure(cores, [options.first, options.second], options.pairs)
    ratios = sorted(first / second for first, second in found)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"orders per CPU-second, {options.first} / {options.second}: {middle:.3f} (quartiles {low:.3f}-{high:.3f}, "
          f"{len(ratios)} pairs; medians {statistics.median(a for a, _ in found):,.0f} and "
          f"{statistics.median(b for _, b in found):,.0f})")  # fmt: skip
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = [one.name for one in CONTESTANTS]
    parser = argparse.ArgumentParser(prog="bench/pairs.py", description="two contestants in turn, second by second")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--with", dest="first", choices=names, default="counterseal")
    parser.add_argument("--without", dest="second", choices=names, default="counterseal-without-limits")
    return parser.parse_args(arguments)


def _measure(cores: Cores, names: Sequence[str], count: int) -> list[tuple[float, float]]:
    """Orders per CPU-second of both, pair by pair; who goes first changes."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterseal-bench-")))
        place = Place(directory, cores, Programs.find(), Credential.random())
        upstream = start_upstream(place)
        stack.callback(upstream.child.close)
        bench = Bench(place, upstream, SECONDS)
        contestants = {one.name: one for one in CONTESTANTS}
        running = [contestants[name].start(place.for_contestant(name), upstream) for name in names]
        for one in running:
            stack.callback(one.close)
        capacity = max(warm_up(bench, one) for one in running)
        found = []
        for number in range(count):
            pair = [0.0, 0.0]
            for side in (0, 1) if number % 2 else (1, 0):
                pair[side] = per_cpu_second(bench, running[side], capacity)
            found.append((pair[0], pair[1]))
        return found


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except load.LoadFailed as error:
        sys.exit(str(error))
