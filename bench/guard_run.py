"""How fast the guard lets go: python bench/guard_run.py [--orders 300] [--seconds 5] (with src on PYTHONPATH).

Real processes, as the supervisor starts them: the signer with twenty sealed keys, the guard with its journal and its
alerts. This program is the rest: the gateway's end of the guard's line, and the exchange, over TLS on this host.
Twenty accounts hold ten positions each. Measured from right before an event is written to the last byte of the reducing
order that answers it, as the exchange has it; and the same events passed on by a relay that does nothing else, on the
same CPU. Then the CPU of the guard under ten thousand prices a second.

Writes bench/GUARD_RESULTS.md; with `--short` a tenth of everything, and writes nothing.
Exit status: 0 measured, 1 an order was missing or a figure is. What is not met is told, not failed.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import guard_judging
import guard_relaying
import guard_stage
import uvloop
from certificate import make_certificates
from guard_exchange import ACCOUNTS, HELD, SYMBOLS, Exchange, World
from guard_stage import RATE, Missing, Stage
from processes import Cores

BENCH = Path(__file__).resolve().parent
HOSTS = ("api.binance.com", "fapi.binance.com", "dapi.binance.com", "stream.binance.com", "fstream.binance.com",
         "dstream.binance.com")  # fmt: skip
GOAL_MS, HALF_A_CORE = 5.0, 0.5
FLOODED = "account event, under ten thousand prices a second"


def main(arguments: list[str]) -> int:
    """Measure, print, write; returns the exit status."""
    parser = argparse.ArgumentParser(description="how fast the guard lets go")
    parser.add_argument("--orders", type=int, default=300, help="of each kind of event")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each kind of load")
    parser.add_argument("--short", action="store_true", help="a tenth of it, and nothing is written")
    options = parser.parse_args(arguments)
    if options.short:
        options.orders, options.seconds = max(20, options.orders // 10), max(1.0, options.seconds / 5)
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.load})
    try:
        found = uvloop.run(measure(cores, options))
    except Missing as fault:
        print(f"guard_run: {fault}", file=sys.stderr)
        return 1
    found.judging = guard_judging.measure(3_000 if not options.short else 300)
    text = report(found, options)
    print(text)
    if not options.short:
        (BENCH / "GUARD_RESULTS.md").write_text(text + "\n")
    return 0


@dataclass
class Found:
    """Milliseconds from event to order, and from event to relayed event; cores used by load."""

    guard: dict[str, list[float]] = field(default_factory=dict)
    relay: dict[str, list[float]] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    judging: dict[str, list[float]] = field(default_factory=dict)


async def measure(cores: Cores, options: argparse.Namespace) -> Found:
    """Run everything."""
    found = Found()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        made = make_certificates(folder, datetime.datetime.now(datetime.UTC), HOSTS)
        exchange = Exchange(World())
        await exchange.start(str(made.certificate), str(made.key))
        async with guard_relaying.relaying(exchange, made.ca, cores.contestant) as relay:
            for kind, pass_on in (("account event", relay.account), ("mark price", relay.mark)):
                found.relay[kind] = [await pass_on() for _ in range(options.orders)]
        async with guard_stage.guard(folder, exchange, made.ca, cores) as stage:
            await stage.ready()
            await stage.series(stage.account, 20)
            found.guard["account event"] = await stage.series(stage.account, options.orders)
            found.guard["mark price"] = await stage.series(stage.mark, max(20, options.orders // 3))
            await loads(stage, found, options)
    return found


async def loads(stage: Stage, found: Found, options: argparse.Namespace) -> None:
    """Let prices come as fast as they shall; in the end orders are asked for, too."""
    kinds = {
        "nothing but what it does by itself": (lambda: None, 0.04),
        "all symbols in one message, 25 times a second": (stage.arrays(), 0.04),
        "each symbol in a message of its own": (stage.singles(), 0.01),
    }
    for name, (send, every_s) in kinds.items():
        found.cores[name] = await stage.cores(options.seconds, send, every_s)
    stop = asyncio.Event()
    flood = asyncio.ensure_future(stage.flood(stage.singles(), 0.01, stop))
    found.guard[FLOODED] = await stage.series(stage.account, max(20, options.orders // 3))
    stop.set()
    await flood


# -- what is told


def report(found: Found, options: argparse.Namespace) -> str:
    """Give everything as a page."""
    goal = f"{SYMBOLS} symbols, {ACCOUNTS * HELD} positions on {ACCOUNTS} accounts, 43 limits"
    rows = [
        "# The guard's speed", "",
        f"Written by `make bench-guard`: {goal}; {options.orders} events of accounts, a third as many of prices.",
        "How it measures is told in `guard_run.py`.",
        "", "## From an event to the reducing order's last byte", "",
        "| event | p50 ms | p99 ms | most ms | relayed: p50 ms | p99 ms | ratio p50 | ratio p99 | p99 under 5 ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for kind, values in found.guard.items():
        relayed = found.relay[kind.partition(",")[0]]
        own, other = _percentiles(values), _percentiles(relayed)
        met = "yes" if own[1] < GOAL_MS else "no"
        rows.append(
            f"| {kind} | {own[0]:.2f} | {own[1]:.2f} | {max(values):.2f} | {other[0]:.2f} | {other[1]:.2f} "
            f"| {own[0] / other[0]:.1f} | {own[1] / other[1]:.1f} | {met} |"
        )
    rows += ["", f"## {RATE:,} prices a second", "", "| what comes | of a core | prices/s per core | under half |",
             "|---|---|---|---|"]  # fmt: skip
    idle = next(iter(found.cores.values()))
    for name, cores in found.cores.items():
        rate = f"{RATE / (cores - idle):,.0f}" if cores > idle else ""
        rows.append(f"| {name} | {cores:.2f} | {rate} | {'yes' if cores < HALF_A_CORE else 'no'} |")
    rows += ["", "## Judging", "", "| after | p50 ms | p99 ms |", "|---|---|---|"]
    for name, values in found.judging.items():
        own = _percentiles(values)
        rows.append(f"| {name} | {own[0]:.3f} | {own[1]:.3f} |")
    return "\n".join(rows)


def _percentiles(values: list[float]) -> tuple[float, float]:
    """Give the median, and the 99th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
