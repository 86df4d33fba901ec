"""From measurements of load to a report with its floors: plain computation, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Report = Mapping[str, Any]
SHED = "503 gateway_overloaded"
# An id with its entry, and what of the last minute is kept besides.
KEPT_BYTES = 2_000


@dataclass(frozen=True)
class Figure:
    """One figure with its bound: at most `most`, or exactly `most` where that is 0."""

    text: str
    value: float | None
    most: float
    unit: str = "ms"

    @property
    def is_met(self) -> bool | None:
        """Whether it is; None where it was not measured."""
        return None if self.value is None else self.value <= self.most

    def sentence(self) -> str:
        """Say it."""
        if self.value is None:
            return f"{self.text}: not measured"
        verdict = "**met**" if self.is_met else "**not met**"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.text}: {_text(self.value)}{unit} (at most {_text(self.most)}{unit}: {verdict})"


@dataclass
class Found:
    """All that a run has measured. `faults` make it invalid; crowds are as `load_bots.py` reports them."""

    saturation: Report | None = None
    half: Report | None = None
    half_direct: Report | None = None
    steady: Report | None = None
    steady_direct: Report | None = None
    light: Report | None = None
    light_direct: Report | None = None
    idle_cancels: Report | None = None
    overload: Report | None = None
    # KiB and descriptors: before the overload, at its worst, after it.
    watched: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    shed_on_record: int = 0
    start_s: list[float] = field(default_factory=list)
    kib_per_connection: float | None = None
    kib_per_socket: float | None = None
    streams: Report | None = None
    soak: Report | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """What the gateway has served at saturation, requests a second."""
        return 0.0 if self.saturation is None else served(self.saturation) / self.saturation["seconds"]


def served(crowd: Report) -> int:
    """How many requests had the answer of the exchange."""
    return sum(kind["answers"].get("200", 0) for kind in crowd["kinds"].values())


def refused(crowd: Report, how: str = "") -> int:
    """How many were refused, all or for one reason."""
    rows = [kind["answers"] for kind in crowd["kinds"].values()]
    return sum(n for row in rows for name, n in row.items() if name != "200" and (not how or name == how))


def of(crowd: Report | None, kind: str, what: str = "p99", which: str = "served") -> float | None:
    """Give a percentile in milliseconds, None where it was not measured."""
    if crowd is None or kind not in crowd["kinds"] or crowd["kinds"][kind][which] is None:
        return None
    return float(crowd["kinds"][kind][which][what])


def figures(found: Found) -> Iterator[Figure]:
    """All figures that have a bound."""
    for share, most in (("p50", 5), ("p99", 25)):
        value = added(found.half, found.half_direct, share)
        yield Figure(f"LOAD-1, added {share} of an order at half of saturation", value, most)
    yield Figure("LOAD-1, requests at half of saturation that were not served", unserved(found.half), 0, "")
    for share, most in (("p50", 2), ("p99", 10)):
        value = added(found.light, found.light_direct, share)
        yield Figure(f"LOAD-2, added {share} of an order at 200 a second", value, most)
    yield Figure("added p99 of an order at 500 a second", added(found.steady, found.steady_direct, "p99"), 3)
    ratio = _ratio(of(found.half, "cancel"), of(found.idle_cancels, "cancel"))
    yield Figure("p99 of a cancel at half of saturation, as a multiple of its idle p99", ratio, 2, "")
    yield from _of_overload(found)
    if found.start_s:
        yield Figure("start to the first order's answer", max(found.start_s), 1, "s")
    if found.streams is not None:
        yield Figure("LOAD-3, p99 from message to subscriber", found.streams["p99_ms"], 20)
        yield Figure("LOAD-3, order events lost", found.streams["events_lost"], 0, "")
    if found.soak is not None:
        yield from _of_soak(found.soak)


def _of_overload(found: Found) -> Iterator[Figure]:
    crowd = found.overload
    if crowd is None:
        return
    yield Figure("LOAD-4, p99 of a cancel at three times saturation", of(crowd, "cancel"), 50)
    not_served = sum(n for name, n in crowd["kinds"]["cancel"]["answers"].items() if name != "200")
    yield Figure("LOAD-4, cancels that were not served", not_served, 0, "")
    yield Figure("LOAD-4, refusals by another code", refused(crowd) - refused(crowd, SHED), 0, "")
    if found.watched:
        (before, files), (after, files_after) = found.watched["before"], found.watched["after"]
        orders = crowd["kinds"]["order"]["answers"].get("200", 0)
        # Ids are kept for ever, on purpose, and answers for a minute: that is what may be left.
        kept = (after - before) * 1024 / orders if orders else None
        yield Figure("LOAD-4, memory left over for each order that was placed", kept, KEPT_BYTES, "bytes")
        yield Figure("LOAD-4, descriptors afterwards over before", files_after - files, 0, "")


def _of_soak(soak: Report) -> Iterator[Figure]:
    yield Figure("SOAK-1, growth of memory", soak["mib_per_hour"], 1, "MiB/h")
    yield Figure("SOAK-1, growth of descriptors", soak["descriptors_grown"], 0, "")
    yield Figure("SOAK-1, p99.9 of the loop's lag", soak["lag_p999_ms"], 50)


def added(ours: Report | None, direct: Report | None, share: str) -> float | None:
    """What the gateway adds to an order's percentile."""
    mine, theirs = of(ours, "order", share), of(direct, "order", share)
    return None if mine is None or theirs is None else mine - theirs


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under


def unserved(crowd: Report | None) -> float | None:
    """How many requests had no answer of the exchange, those that were given up among them."""
    if crowd is None:
        return None
    return refused(crowd) + sum(kind["given_up"] for kind in crowd["kinds"].values())


def _text(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


# -- the report


def table(crowds: Mapping[str, Report | None]) -> str:
    """What became of every crowd's requests, by kind."""
    head = (
        "| load | kind | sent | served | refused | no answer | given up | p50 ms | p99 ms | p99.9 ms | refusal p99 ms |"
    )
    lines = [head, "|---|---|" + "---:|" * 9]
    for title, crowd in crowds.items():
        for kind, row in (crowd or {"kinds": {}})["kinds"].items():
            answers = dict(row["answers"])
            well, lost = answers.pop("200", 0), answers.pop("no answer", 0)
            times = [_ms(of(crowd, kind, share)) for share in ("p50", "p99", "p999")]
            late = _ms(of(crowd, kind, "p99", "refused"))
            counts = [f"{n:,}" for n in (row["sent"], well, sum(answers.values()), lost, row["given_up"])]
            lines.append(f"| {' | '.join([title, kind, *counts, *times, late])} |")
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def codes(crowd: Report) -> str:
    """By which codes a crowd was refused."""
    names = sorted({name for row in crowd["kinds"].values() for name in row["answers"]} - {"200"})
    return ", ".join(f"{name}: {refused(crowd, name):,}" for name in names) or "none"


def report(found: Found) -> str:
    """The whole of it but its head."""
    crowds = {
        "saturation (closed, 50 bots)": found.saturation,
        "half of saturation": found.half,
        "half of saturation, direct": found.half_direct,
        "500 a second": found.steady,
        "500 a second, direct": found.steady_direct,
        "200 a second": found.light,
        "200 a second, direct": found.light_direct,
        "cancels alone, 50 a second": found.idle_cancels,
        "three times saturation": found.overload,
    }
    parts = [
        "\n".join(f"- {figure.sentence()}" for figure in figures(found)),
        table(crowds),
        "\n".join(filter(None, _notes(found))),
    ]
    return "\n\n".join(part for part in parts if part)


def _notes(found: Found) -> Iterator[str]:
    if found.saturation is not None:
        yield f"- saturation: {found.per_second:,.0f} requests a second"
        ratio = _ratio(of(found.saturation, "cancel"), of(found.idle_cancels, "cancel"))
        yield "" if ratio is None else f"- p99 of a cancel at saturation, as a multiple of its idle p99: {ratio:.2f}"
    if found.overload is not None:
        crowd = found.overload
        rate = served(crowd) / crowd["seconds"]
        yield f"- at three times saturation {rate:,.0f} requests a second were served; refused by {codes(crowd)}"
        times = ", ".join(f"{share} {_ms(of(crowd, 'cancel', share, 'venue'))} ms" for share in ("p50", "p99"))
        yield f"- of the cancels' time in it the exchange, which shares the bots' CPU, had {times}"
        yield f"- refusals for overload that the journal has, in sums and one by one: {found.shed_on_record:,}"
    for when, (kib, files) in found.watched.items():
        yield f"- memory and descriptors {when} the overload: {kib / 1024:,.1f} MiB, {files}"
    if found.start_s:
        yield f"- start to the first order's answer: {', '.join(f'{each:.2f} s' for each in found.start_s)}"
    if found.kib_per_connection is not None:
        yield f"- memory of an idle bot's connection: {found.kib_per_connection:.1f} KiB"
    if found.kib_per_socket is not None:
        yield f"- memory of an idle WebSocket: {found.kib_per_socket:.1f} KiB"
    for title, rows in (("streams", found.streams), ("soak", found.soak)):
        if rows is not None:
            yield f"- {title}: " + ", ".join(f"{name} {value}" for name, value in rows.items())
    yield from (f"- INVALID: {fault}" for fault in found.faults)
