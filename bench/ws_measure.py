"""What `ws_run.py` measures: frames a second and core, delay, memory, all contestants in turn."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ws_contestants as contestants
import ws_results as results
from processes import Cores
from ws_contestants import Contestant, Subscribers, Upstream
from ws_messages import stream
from ws_results import Delay, Found, Memory, Throughput

CROWDS = (50, 500)
STREAMS = 10
WARM_UP_S = 0.5
# So many messages are on their way at most; and what more of them brings.
WINDOW, WIDE_WINDOW = 64, 1_024
RATE = 10_000
# LOAD-3: so many clients, so many streams.
CLIENTS, MANY = 500, 1_000
MORE = 100
APART = 100


@dataclass(frozen=True)
class Bench:
    """What every measurement needs."""

    directory: Path
    cores: Cores
    upstream: Upstream
    seconds: float
    is_short: bool = False


def measure(bench: Bench, rounds: int) -> Found:
    """All contestants in turn, round by round."""
    found, crowds = Found(), CROWDS[1:] if bench.is_short else CROWDS
    for number in range(rounds):
        with _gateway(bench, f"gateway{number}") as gateway:
            for crowd in crowds:
                found.add(results.OURS, crowd, _throughput(bench, gateway, _alike(crowd), WINDOW))
                found.add(results.OURS_WIDE, crowd, _throughput(bench, gateway, _alike(crowd), WIDE_WINDOW))
                found.add(results.OURS_APART, crowd, _throughput(bench, gateway, _apart(crowd), WINDOW))
            if not bench.is_short:
                found.add_delay(results.OURS, results.ALL_TO_ALL, _delay(bench, gateway, *_all_to_all()))
            found.add_delay(results.OURS, results.EACH_TO_ONE, _delay(bench, gateway, *_each_to_one()))
        for way, title in contestants.PEERS.items():
            with _peer(bench, way) as peer:
                for crowd in crowds:
                    found.add(title, crowd, _throughput(bench, peer, _alike(crowd), WINDOW))
                if title == results.UNBATCHED and not bench.is_short:
                    found.add_delay(title, results.EACH_TO_ONE, _delay(bench, peer, *_each_to_one()))
        if not bench.is_short:
            found.memory.append(_memory(bench, number))
        print(f"  round {number + 1} of {rounds}", flush=True)
    return found


@dataclass(frozen=True)
class Crowd:
    """Who listens to what: one text of names with commas for each; the last of them listens to everything."""

    wanted: list[str]
    size: int
    streams: int


def _alike(size: int) -> Crowd:
    """Everybody listens to the same streams."""
    return Crowd([f"{size}*{_names(range(STREAMS))}"], size, STREAMS)


def _apart(size: int) -> Crowd:
    """Everybody listens to ten of a hundred streams, no two to the same ten; the last one, for the count, to all."""
    steps = [2 * (number // 100) + 1 for number in range(size - 1)]
    streams = [_names((number + at * step) % APART for at in range(10)) for number, step in enumerate(steps)]
    return Crowd([*streams, _names(range(APART))], size, APART)


def _names(numbers: Iterable[int]) -> str:
    return ",".join(map(stream, numbers))


def _throughput(bench: Bench, contestant: Contestant, crowd: Crowd, window: int) -> Throughput:
    """The upstream sends as fast as it arrives."""
    with _subscribers(bench, contestant, 1, crowd.wanted) as subscribers:
        _settle(bench, crowd.streams)
        bench.upstream.set_rate(-window)
        time.sleep(WARM_UP_S)
        cpu_s, before = contestant.cpu_s(), subscribers.report()
        time.sleep(bench.seconds)
        after, spent = subscribers.report(), contestant.cpu_s() - cpu_s
        bench.upstream.set_rate(0)
    frames, took_s = after["frames"] - before["frames"], (after["at_ns"] - before["at_ns"]) / 1e9
    return Throughput(frames, took_s, spent, _faults(after, frames, crowd, before))


def _faults(after: dict[str, Any], frames: int, crowd: Crowd, before: dict[str, Any]) -> tuple[str, ...]:
    """Say what must not be: an end, a gap, a subscriber that got much less than the others."""
    least = after["least"] - before["least"]
    found = [f"{after['ended']} connections ended"] if after["ended"] else []
    found += [f"{after['gaps']} gaps"] if after["gaps"] else []
    found += ["nothing was delivered"] if not frames else []
    return tuple(found + (["some got less than half of what others got"] if least * crowd.size < frames / 2 else []))


def _all_to_all() -> tuple[list[str], int, int]:
    """What the subscribers want, how many of them look at every frame, how many streams there are."""
    return [f"50*{_names(range(STREAMS))}"], 3, STREAMS


def _each_to_one() -> tuple[list[str], int, int]:
    """As above, after LOAD-3: the numbers have gaps, but each message has its age."""
    apart = MANY // CLIENTS
    own = [_names(range(first, first + apart)) for first in range(0, MANY, apart)]
    return own, CLIENTS, MANY


def _delay(bench: Bench, gateway: Contestant, wanted: list[str], audited: int, streams: int) -> Delay:
    """At a rate that is kept, from the moment a message was made until a subscriber has it."""
    with _subscribers(bench, gateway, audited, wanted) as subscribers:
        _settle(bench, streams)
        bench.upstream.set_rate(RATE)
        time.sleep(WARM_UP_S)
        cpu_s, before = gateway.cpu_s(), subscribers.report()
        time.sleep(bench.seconds)
        after, spent = subscribers.report(), gateway.cpu_s() - cpu_s
        bench.upstream.set_rate(0)
    took_s = (after["at_ns"] - before["at_ns"]) / 1e9
    frames = after["frames"] - before["frames"]
    return Delay(after["p50_ms"], after["p99_ms"], after["most_ms"], frames / took_s, spent / took_s)


def _memory(bench: Bench, number: int) -> Memory:
    """Resident memory of a fresh gateway without subscribers, with 500 of them, and with 500 more that want much."""
    many = _names(range(1 + MORE))
    with _gateway(bench, f"memory{number}") as gateway:
        with _subscribers(bench, gateway, 0, [f"2*{many}"]):
            _settle(bench, 1 + MORE)
        empty = gateway.resident_kib()
        with _subscribers(bench, gateway, 0, [f"{CLIENTS}*{stream(0)}"]):
            modest = gateway.resident_kib()
            with _subscribers(bench, gateway, 0, [f"{CLIENTS}*{many}"]):
                greedy = gateway.resident_kib()
    subscriber = (modest - empty) / CLIENTS
    return Memory(subscriber, max(0.0, (greedy - modest) / CLIENTS - subscriber) / MORE * 1024)


# -- what is started and ended


@contextmanager
def _gateway(bench: Bench, name: str) -> Iterator[Contestant]:
    (bench.directory / name).mkdir()
    found = contestants.start_gateway(bench.directory / name, bench.cores, bench.upstream)
    try:
        yield found
    finally:
        found.child.close()


@contextmanager
def _peer(bench: Bench, way: str) -> Iterator[Contestant]:
    found = contestants.start_peer(way, bench.directory, bench.cores, bench.upstream)
    try:
        yield found
    finally:
        found.child.close()


@contextmanager
def _subscribers(bench: Bench, contestant: Contestant, audited: int, wanted: list[str]) -> Iterator[Subscribers]:
    found = Subscribers(bench.cores, contestant.port, bench.upstream.progress, audited, wanted)
    try:
        yield found
    finally:
        bench.upstream.set_rate(0)
        found.close()


def _settle(bench: Bench, streams: int) -> None:
    """Wait until the upstream has been told of everything."""
    deadline = time.monotonic() + 20
    while bench.upstream.set_rate(0)["streams"] != streams:
        if time.monotonic() > deadline:
            raise TimeoutError("the upstream was not told of all streams")
        time.sleep(0.05)
