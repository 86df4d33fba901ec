"""From what `ws_run.py` measured to tables, ratios and floors: plain computation, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

OURS = "Counterseal"
OURS_WIDE, OURS_APART = f"{OURS}, 1,024 on their way", f"{OURS}, no two alike"
UNBATCHED = "websockets, broadcast"
RATIO_FLOOR = 8.0  # times the unbatched broadcast at 500 subscribers, at least
AIM = 2_000_000  # frames a second and core at 500 subscribers
P99_FLOOR_MS = 2.0
REST, SIGNED, LOGGED_ON = "REST", "WebSocket API, each signed", "WebSocket API, logged on"
ORDER_FLOOR = 1.3  # times the REST order's p50, at most
ALL_TO_ALL = "50 subscribers, 10 streams, each to all"
EACH_TO_ONE = "500 subscribers, 1,000 streams, each to one"


@dataclass(frozen=True)
class Throughput:
    """One contestant with one crowd: frames that arrived, in how long, for how much CPU of the contestant."""

    frames: int
    took_s: float
    cpu_s: float
    faults: tuple[str, ...]

    @property
    def per_second(self) -> float:
        """Frames delivered a second."""
        return self.frames / self.took_s

    @property
    def per_core(self) -> float:
        """Frames delivered per CPU-second of all its processes."""
        return self.frames / self.cpu_s if self.cpu_s else 0.0


@dataclass(frozen=True)
class Delay:
    """Milliseconds from a message's making until a subscriber had it, and what was delivered meanwhile."""

    p50_ms: float
    p99_ms: float
    most_ms: float
    per_second: float
    cores: float


@dataclass(frozen=True)
class Memory:
    """KiB for a subscriber with one stream, bytes for each stream more."""

    subscriber_kib: float
    subscription_bytes: float


@dataclass(frozen=True)
class OrderBatch:
    """Orders of one way, one after the other: nanoseconds each took, CPU time of all our processes, wrong answers."""

    taken_ns: tuple[int, ...]
    cpu_ns: int
    faults: tuple[str, ...]

    @classmethod
    def joined(cls, turns: Sequence[OrderBatch]) -> OrderBatch:
        """Make one of many."""
        taken_ns = tuple(taken for one in turns for taken in one.taken_ns)
        return cls(taken_ns, sum(one.cpu_ns for one in turns), tuple(fault for one in turns for fault in one.faults))


@dataclass
class Orders:
    """Round by round, by way. `extra` is by how many orders the exchange had more than were answered.

    `misdirected` is what is wrong with the last one that it had, `missing` the program without which none is measured.
    """

    batches: dict[str, list[OrderBatch]] = field(default_factory=dict)
    extra: int = 0
    misdirected: str = ""
    missing: str = ""

    def add(self, title: str, one: OrderBatch) -> None:
        """Keep a measurement."""
        self.batches.setdefault(title, []).append(one)

    @property
    def faults(self) -> list[str]:
        """What makes results invalid."""
        found = [f"orders were not measured: {self.missing}"] if self.missing else []
        found += [f"the exchange had {self.extra:+} orders compared with those answered"] if self.extra else []
        found += [self.misdirected] if self.misdirected else []
        for title, batches in self.batches.items():
            wrong = [fault for one in batches for fault in one.faults]
            found += [f"{title}: {len(wrong)} answers were wrong, the first: {wrong[0]}"] if wrong else []
        return found

    def p50_ratios(self, title: str) -> list[float]:
        """Give the p50 of each round of a way in that of the REST orders of the same round."""
        pairs = zip(self.batches[title], self.batches[REST], strict=True)
        return [median(one.taken_ns) / median(rest.taken_ns) for one, rest in pairs]

    def cpu_us(self, title: str) -> float:
        """Give the CPU time of an order in microseconds."""
        batches = self.batches[title]
        return sum(one.cpu_ns for one in batches) / sum(len(one.taken_ns) for one in batches) / 1000


@dataclass
class Found:
    """Everything that was measured, round by round."""

    throughput: dict[tuple[str, int], list[Throughput]] = field(default_factory=dict)
    delays: dict[tuple[str, str], list[Delay]] = field(default_factory=dict)
    memory: list[Memory] = field(default_factory=list)
    orders: Orders = field(default_factory=Orders)

    def add(self, title: str, crowd: int, one: Throughput) -> None:
        """Keep a measurement."""
        self.throughput.setdefault((title, crowd), []).append(one)

    def add_delay(self, title: str, case: str, one: Delay) -> None:
        """Keep a measurement."""
        self.delays.setdefault((title, case), []).append(one)

    @property
    def faults(self) -> list[str]:
        """What makes results invalid."""
        return [
            f"{title}, {crowd} subscribers: {fault}"
            for (title, crowd), rounds in self.throughput.items()
            for one in rounds
            for fault in one.faults
        ] + self.orders.faults


def report(found: Found) -> str:
    """Tables and ratios in Markdown."""
    parts = [_throughput_table(found), _ratio_lines(found), _delay_table(found), _delay_floor(found)]
    if found.memory:
        parts.append(_memory(found))
    if found.orders.batches:
        parts += [_order_table(found.orders), _order_floor(found.orders)]
    if found.faults:
        parts.append("INVALID:\n\n" + "\n".join(f"- {fault}" for fault in found.faults))
    return "\n\n".join(parts)


def _throughput_table(found: Found) -> str:
    titles = list(dict.fromkeys(title for title, _ in found.throughput))
    crowds = sorted({crowd for _, crowd in found.throughput})
    head = ["fan-out"]
    for crowd in crowds:
        head += [f"frames/s ({crowd})", f"frames/CPU-s ({crowd})", f"min-max ({crowd})"]
    rows = []
    for title in titles:
        row = [title]
        for crowd in crowds:
            rounds = found.throughput[title, crowd]
            per_core = [one.per_core for one in rounds]
            row += [_count(median(one.per_second for one in rounds)), _count(median(per_core))]
            row.append(f"{_count(min(per_core))}-{_count(max(per_core))}")
        rows.append(row)
    return _table(head, rows)


def _ratio_lines(found: Found) -> str:
    lines = []
    for title, crowd in sorted(found.throughput, key=lambda key: -key[1]):
        if title.startswith(OURS):
            continue
        ratio = _ratio(found, title, crowd)
        floor = f" (floor at least {RATIO_FLOOR:g}: {_verdict(ratio >= RATIO_FLOOR)})"
        is_judged = title == UNBATCHED and crowd == 500
        lines.append(
            f"- frames per core, {OURS} / {title}, {crowd} subscribers: {ratio:.1f}{floor if is_judged else ''}"
        )
    ours = median(one.per_core for one in found.throughput[OURS, 500])
    lines.append(f"- frames per core at 500 subscribers: {_count(ours)} (aim {AIM:,}: {_verdict(ours >= AIM)})")
    return "\n".join(lines)


def _ratio(found: Found, title: str, crowd: int) -> float:
    """Give the median of each round's own ratio."""
    pairs = zip(found.throughput[OURS, crowd], found.throughput[title, crowd], strict=True)
    return median(ours.per_core / other.per_core for ours, other in pairs if other.per_core)


def _delay_table(found: Found) -> str:
    head = ["10,000 messages/s", "fan-out", "p50 ms", "p99 ms", "most ms", "frames delivered/s", "cores"]
    rows = []
    for (title, case), rounds in found.delays.items():
        figures = [
            median(values) for values in zip(*((one.p50_ms, one.p99_ms, one.most_ms) for one in rounds), strict=True)
        ]
        row = [case, title, *(f"{figure:.2f}" for figure in figures)]
        rows.append(
            [*row, _count(median(one.per_second for one in rounds)), f"{median(one.cores for one in rounds):.2f}"]
        )
    return _table(head, rows)


def _delay_floor(found: Found) -> str:
    worst = median(one.p99_ms for one in found.delays[OURS, EACH_TO_ONE])
    return (
        f"- p99 at 10,000 messages a second, 500 subscribers: {worst:.2f} ms "
        f"(floor under {P99_FLOOR_MS:g}: {_verdict(worst < P99_FLOOR_MS)})"
    )


def _memory(found: Found) -> str:
    subscriber = median(one.subscriber_kib for one in found.memory)
    subscription = median(one.subscription_bytes for one in found.memory)
    return (
        f"- memory of {OURS}: {subscriber:.1f} KiB for a subscriber with one stream, "
        f"{subscription:.0f} bytes for each subscription more"
    )


def _order_table(found: Orders) -> str:
    head = ["orders, one after the other", "p50 ms", "p99 ms", "p50 / REST", "min-max", "CPU µs an order", "CPU / REST"]
    rows = []
    for title, batches in found.batches.items():
        taken_ns = sorted(taken for one in batches for taken in one.taken_ns)
        p99_ns, ratios, cpu_us = taken_ns[len(taken_ns) * 99 // 100], found.p50_ratios(title), found.cpu_us(title)
        row = [title, f"{median(taken_ns) / 1e6:.3f}", f"{p99_ns / 1e6:.3f}"]
        row += [f"{median(ratios):.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}"]
        rows.append([*row, _count(cpu_us), f"{cpu_us / found.cpu_us(REST):.2f}"])
    return _table(head, rows)


def _order_floor(found: Orders) -> str:
    ratio = median(found.p50_ratios(SIGNED))
    return (
        f"- p50 of an order, {SIGNED} / {REST}: {ratio:.2f} "
        f"(floor at most {ORDER_FLOOR:g}: {_verdict(ratio <= ORDER_FLOOR)})"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
    return "\n".join([_row(head, widths), rule, *(_row(row, widths) for row in rows)])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return "| " + " | ".join([cells[0].ljust(widths[0]), *padded[1:]]) + " |"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _verdict(is_met: bool) -> str:
    return "**met**" if is_met else "**not met**"
