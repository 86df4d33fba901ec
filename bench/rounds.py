"""The measuring itself: warm everybody up, then interleaved rounds, each answer accounted for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import load
import processes
from contestants import Contestant, Place, Running, Upstream, seen_by
from processes import ProcessFailed
from results import Measurement

WARM_UP_SECONDS = 1
WARM_UP_CAPACITY = 100_000
WARM_UP_LATENCY_ORDERS = 300
LATENCY_ORDERS = 4_000
SETTLE_S = 0.1  # what was in flight when a run ended arrives
HEADROOM = 1.7  # orders signed for a run, as a multiple of what the warm-up suggests


@dataclass(frozen=True)
class Bench:
    """What every run needs."""

    place: Place
    upstream: Upstream
    seconds: int


@dataclass(frozen=True)
class Accounted:
    """A throughput run with what it cost: CPU time of the contestant, orders that reached the upstream."""

    rate: load.Throughput
    cpu_s: float
    arrived: int


def warm_up(bench: Bench, running: Running) -> int:
    """Load it for a second; returns how many orders a measured run should have at hand."""
    warm = _run_accounted(bench, running, WARM_UP_SECONDS, WARM_UP_CAPACITY).rate
    load.run_latency(running.target, WARM_UP_LATENCY_ORDERS)
    return max(5_000, int(warm.per_second * bench.seconds * HEADROOM))


def per_cpu_second(bench: Bench, running: Running, capacity: int) -> float:
    """Load it once; returns orders per second of CPU. Raises LoadFailed when an answer was wrong."""
    run = _run_accounted(bench, running, bench.seconds, capacity)
    if run.rate.bad_status or run.rate.broken:
        raise load.LoadFailed(f"{run.rate.bad_status} errors, {run.rate.broken} broken connections")
    return run.rate.answers / run.cpu_s


def measure(bench: Bench, running: Running, capacity: int) -> Measurement:
    """Throughput at 32 connections, then latency at one; `faults` says what makes the figures worthless."""
    run = _run_accounted(bench, running, bench.seconds, capacity)
    latency = load.run_latency(running.target, LATENCY_ORDERS)
    shared = _latency_on_one_cpu(bench, running)
    return Measurement(
        run.rate.per_second,
        run.rate.answers,
        run.cpu_s if running.child else None,
        run.rate.p50_us,
        run.rate.p99_us,
        latency.p50_us,
        latency.p99_us,
        shared.p50_us,
        (*_load_faults(run), *_latency_faults(latency), *_latency_faults(shared), *_outbound_faults(bench, running)),
    )


def _latency_on_one_cpu(bench: Bench, running: Running) -> load.Latency:
    """The same with the contestant moved to the load's CPU for the while.

    One order after the other keeps only one process busy at a time, so nobody waits for the CPU; and no order
    waits for an idle CPU to wake, which in a virtual machine takes longer than a proxy's work.
    """
    if running.child is None:
        return load.run_latency(running.target, LATENCY_ORDERS)
    processes.pin_tree(running.child.pid, bench.place.cores.load)
    try:
        return load.run_latency(running.target, LATENCY_ORDERS)
    finally:
        processes.pin_tree(running.child.pid, bench.place.cores.contestant)


def _run_accounted(bench: Bench, running: Running, seconds: int, capacity: int) -> Accounted:
    """One throughput run; a run that exhausts its orders is void and repeated with twice as many."""
    for doubling in range(5):
        arrived_before, cpu_before = _orders_seen(bench), running.cpu_seconds()
        try:
            rate = load.run_throughput(running.target, seconds, capacity << doubling, bench.place.directory)
        except load.OrdersRanOut as reason:
            print(f"    {reason}: the run is void and repeated with twice as many")
            continue
        cpu_s = running.cpu_seconds() - cpu_before
        time.sleep(SETTLE_S)
        return Accounted(rate, cpu_s, _orders_seen(bench) - arrived_before)
    raise load.LoadFailed("the orders ran out five times in a row")


def measure_rounds(
    bench: Bench, started: Mapping[str, tuple[Contestant, Running]], count: int
) -> tuple[dict[str, list[Measurement]], dict[str, str]]:
    """Rounds A B C D, A B C D, ...; returns measurements by name, and why each of the others gave none."""
    capacities: dict[str, int] = {}
    measured: dict[str, list[Measurement]] = {}
    failed: dict[str, str] = {}
    for round_number in range(count + 1):
        for name, (_, running) in started.items():
            if name in failed:
                continue
            try:
                if round_number == 0:
                    capacities[name] = warm_up(bench, running)
                    continue
                one = measure(bench, running, capacities[name])
            except (load.LoadFailed, OSError, ProcessFailed) as error:
                failed[name] = str(error)
                measured.pop(name, None)
                print(f"  {name}: failed: {error}")
                continue
            measured.setdefault(name, []).append(one)
            _report(round_number, name, one)
    return measured, failed


def _report(round_number: int, name: str, one: Measurement) -> None:
    per_core = f"{one.per_cpu_second:8,.0f} per CPU-second" if one.per_cpu_second else " " * 24
    print(
        f"  round {round_number}  {name:20} {one.per_second:8,.0f} req/s  {per_core}"
        f"  p50 {one.p50_us:6.0f} µs  p99 {one.p99_us:6.0f} µs",
        flush=True,
    )
    for fault in one.faults:
        print(f"    INVALID: {fault}")


def _orders_seen(bench: Bench) -> int:
    return int(str(seen_by(bench.upstream)["count"]))


def _load_faults(run: Accounted) -> list[str]:
    rate, excess = run.rate, run.arrived - run.rate.answers
    faults = []
    if rate.bad_status:
        faults.append(f"{rate.bad_status} of {rate.answers} answers were errors")
    if rate.broken:
        faults.append(f"{rate.broken} connections failed or timed out")
    if not 0 <= excess <= load.CONNECTIONS:  # those in flight at the end were sent but not counted
        faults.append(f"the upstream had {excess:+} orders compared with the answers counted")
    return faults


def _latency_faults(latency: load.Latency) -> list[str]:
    if not latency.faults:
        return []
    wrong = len(latency.faults)
    return [f"{wrong} of {latency.count} sequential answers were wrong, the first: {latency.faults[0]}"]


def _outbound_faults(bench: Bench, running: Running) -> list[str]:
    seen = seen_by(bench.upstream)
    fault = running.outbound.fault(str(seen["key"]), str(seen["pairs"]))
    return [fault] if fault else []
