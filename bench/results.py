"""From measurements to a table, ratios and floors: plain computation, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

BASELINE = "direct"
OURS = "counterseal"
COMPILED = "counterseal-compiled"
WITHOUT_LIMITS = "counterseal-without-limits"
PER_CORE_FLOOR = 0.4  # of Envoy's requests per CPU-second, at least
ADDED_P50_FLOOR = 2.0  # times nginx + Lua's added p50, at most
LEDGER_FLOOR = 0.95  # of our own throughput per core without the ledger of limits, at least


@dataclass(frozen=True)
class Measurement:
    """One contestant in one round. `cpu_s` is None for direct, which has no process of its own."""

    per_second: float
    answers: int
    cpu_s: float | None
    loaded_p50_us: int
    loaded_p99_us: int
    p50_us: float
    p99_us: float
    shared_p50_us: float  # at one connection, contestant, load and upstream on one CPU
    faults: tuple[str, ...] = ()

    @property
    def per_cpu_second(self) -> float | None:
        """Requests per CPU-second of all processes of the contestant together."""
        return self.answers / self.cpu_s if self.cpu_s else None


@dataclass(frozen=True)
class Line:
    """Medians over the rounds; latencies in microseconds, added ones against direct of the same round.

    `per_cpu_rounds` are requests per CPU-second round by round, for what differs by less than one round from the next.
    """

    title: str
    per_second: float
    spread: tuple[float, float]
    per_cpu_second: float | None
    loaded_p50_us: float
    loaded_p99_us: float
    p50_us: float
    p99_us: float
    added_p50_us: float | None
    added_p99_us: float | None
    shared_added_p50_us: float | None
    per_cpu_rounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Ratio:
    """A comparison; `value` is None where one side was not measured or not measurably above direct."""

    text: str
    value: float | None
    floor: str | None = None
    is_met: bool | None = None


def summarise(title: str, rounds: Sequence[Measurement], direct: Sequence[Measurement]) -> Line:
    """One line of the table. `direct` holds the same rounds of the baseline, or is empty."""
    rates = [one.per_second for one in rounds]
    per_cpu = [one.per_cpu_second for one in rounds if one.per_cpu_second is not None]
    paired = list(zip(rounds, direct, strict=False))
    return Line(
        title,
        median(rates),
        (min(rates), max(rates)),
        median(per_cpu) if per_cpu else None,
        median(one.loaded_p50_us for one in rounds),
        median(one.loaded_p99_us for one in rounds),
        median(one.p50_us for one in rounds),
        median(one.p99_us for one in rounds),
        median(one.p50_us - base.p50_us for one, base in paired) if paired else None,
        median(one.p99_us - base.p99_us for one, base in paired) if paired else None,
        median(one.shared_p50_us - base.shared_p50_us for one, base in paired) if paired else None,
        tuple(per_cpu),
    )


def ratios(lines: Mapping[str, Line]) -> list[Ratio]:
    """Ours, compiled and as plain Python, against the peers and ourselves without the ledger; with HMAC out."""
    found: list[Ratio] = []
    for ours in (COMPILED, OURS):
        found += [
            _at_least(_per_core(lines, ours, "envoy"), PER_CORE_FLOOR),
            _at_most(_added(lines, ours, "nginx-lua"), ADDED_P50_FLOOR),
            _shared_added(lines, ours, "nginx-lua"),
            _per_core(lines, ours, "nginx-lua"),
            _per_core(lines, ours, "nginx"),
            _added(lines, ours, "envoy"),
            _added(lines, ours, "nginx"),
        ]
    found.append(_per_core(lines, f"{OURS}-power", OURS))
    found.append(_at_least(_round_by_round(lines, OURS, WITHOUT_LIMITS), LEDGER_FLOOR))
    for other, peers in ((f"{OURS}-ed25519", ("envoy", "nginx-lua")), ("nginx-lua", ("envoy",))):
        found += [_per_core(lines, other, peer) for peer in peers]
        found += [_added(lines, other, peer) for peer in peers]
    return found


def table(lines: Mapping[str, Line]) -> str:
    """The figures as a Markdown table, which also reads well in a terminal."""
    rows = [
        (
            "contestant",
            "req/s (32)",
            "min-max",
            "req/CPU-s",
            "p50 / p99 ms (32)",
            "p50 µs (1)",
            "p99 µs (1)",
            "added p50 µs",
            "added p99 µs",
            "added p50 µs, one CPU",
        ),
        *(_cells(line) for line in lines.values()),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rendered = [_row(row, widths) for row in rows]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
    return "\n".join([rendered[0], rule, *rendered[1:]])


def ratio_lines(found: Sequence[Ratio]) -> str:
    """One Markdown bullet a ratio, with its floor where it has one."""
    return "\n".join(f"- {_sentence(ratio)}" for ratio in found)


def _sentence(ratio: Ratio) -> str:
    value = "not measured" if ratio.value is None else f"{ratio.value:.2f}"
    if ratio.floor is None:
        return f"{ratio.text}: {value}"
    verdict = {True: "**met**", False: "**not met**", None: "not judged"}[ratio.is_met]
    return f"{ratio.text}: {value} (floor {ratio.floor}: {verdict})"


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.title,
        _number(line.per_second),
        f"{line.spread[0]:,.0f}-{line.spread[1]:,.0f}",
        _number(line.per_cpu_second),
        f"{line.loaded_p50_us / 1000:.2f} / {line.loaded_p99_us / 1000:.2f}",
        _number(line.p50_us),
        _number(line.p99_us),
        _number(line.added_p50_us),
        _number(line.added_p99_us),
        _number(line.shared_added_p50_us),
    )


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return "| " + " | ".join([cells[0].ljust(widths[0]), *padded[1:]]) + " |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _per_core(lines: Mapping[str, Line], ours: str, peer: str) -> Ratio:
    over, under = (lines[name].per_cpu_second if name in lines else None for name in (ours, peer))
    value = over / under if over is not None and under else None
    return Ratio(f"throughput per core, {ours} / {peer}", value)


def _round_by_round(lines: Mapping[str, Line], ours: str, other: str) -> Ratio:
    """The median of each round's own ratio: the machine differs more from round to round than these two do."""
    pairs = zip(*(lines[name].per_cpu_rounds if name in lines else () for name in (ours, other)), strict=False)
    found = [over / under for over, under in pairs]
    return Ratio(f"throughput per core, {ours} / {other}, round by round", median(found) if found else None)


def _added(lines: Mapping[str, Line], ours: str, peer: str) -> Ratio:
    over, under = (lines[name].added_p50_us if name in lines else None for name in (ours, peer))
    return Ratio(f"added p50 at 1 connection, {ours} / {peer}", _over_positive(over, under))


def _shared_added(lines: Mapping[str, Line], ours: str, peer: str) -> Ratio:
    over, under = (lines[name].shared_added_p50_us if name in lines else None for name in (ours, peer))
    return Ratio(f"the same with everything on one CPU, {ours} / {peer}", _over_positive(over, under))


def _over_positive(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under is not None and under > 0 else None


def _at_least(ratio: Ratio, floor: float) -> Ratio:
    is_met = None if ratio.value is None else ratio.value >= floor
    return Ratio(ratio.text, ratio.value, f"at least {floor:g}", is_met)


def _at_most(ratio: Ratio, floor: float) -> Ratio:
    is_met = None if ratio.value is None else ratio.value <= floor
    return Ratio(ratio.text, ratio.value, f"at most {floor:g}", is_met)
