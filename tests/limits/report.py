"""What became of a column, in figures, and all columns in one table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.limits.bots import Tally
from tests.limits.house import FOREIGN, MARKET, OWN, WEIGHT_POOLS, Ban, Served
from tests.limits.scenario import Run

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Figures:
    """One column. Weights are what the exchange counted, times are seconds unless they say ms."""

    asked: int
    answered: int
    failed: int
    too_many: int
    banned: int
    banned_s: float
    highest: dict[str, int]  # the fullest minute of each weight pool
    placed: int
    cancels: int
    cancels_refused: int
    slowest_cancel_s: float
    queue_ms: float
    candles_weight: int
    fairness: float
    surprises: dict[str, int]


def figures_of(run: Run) -> Figures:
    """Read them off a run."""
    tallies = [bot.tally for bot in run.bots]
    ours = [one for one in run.house.served if one.lane != FOREIGN]
    statuses = Counter(one.status for one in ours)
    return Figures(
        asked=_sum(tallies, lambda tally: tally.asked),
        answered=_sum(tallies, lambda tally: tally.answered),
        failed=_sum(tallies, lambda tally: tally.failed),
        too_many=statuses[429],
        banned=statuses[418],
        banned_s=banned_s(run),
        highest={name: max(minutes.values(), default=0) for name, minutes in by_minute(run.house.served).items()},
        placed=_sum(tallies, lambda tally: tally.placed),
        cancels=_sum(tallies, lambda tally: tally.cancels),
        cancels_refused=_sum(tallies, lambda tally: tally.cancels_refused),
        slowest_cancel_s=max(tally.slowest_cancel_s for tally in tallies),
        queue_ms=max(tally.longest_queue_ns for tally in tallies) / 1e6,
        candles_weight=weight_of(run, lambda one: one.path.endswith("/klines")),
        fairness=fairness(tallies),
        surprises=dict(sum((Counter(tally.surprises) for tally in tallies), Counter[str]())),
    )


def _sum(tallies: Sequence[Tally], count: Callable[[Tally], int]) -> int:
    return sum(count(tally) for tally in tallies)


def weight_of(run: Run, is_meant: Callable[[Served], bool]) -> int:
    """The weight of some requests of the bots, in all pools together."""
    return sum(sum(one.weights) for one in run.house.served if one.lane not in (OWN, FOREIGN) and is_meant(one))


def public_weight(run: Run) -> int:
    """The weight of the bots' public reads."""
    return weight_of(run, lambda one: one.lane == MARKET)


def by_minute(served: Sequence[Served]) -> dict[str, dict[int, int]]:
    """The weight of each clock minute (its number since the epoch), by the names of WEIGHT_POOLS."""
    found: dict[str, dict[int, int]] = {name: defaultdict(int) for name in WEIGHT_POOLS}
    for one in served:
        for name, weight in zip(found, one.weights, strict=True):
            found[name][one.at_ms // MINUTE_MS] += weight
    return found


def bans_of(run: Run) -> list[Ban]:
    """The bans as far as they lie within the run."""
    end_ms = run.size.start_ms + int(run.seconds * 1000)
    return [ban._replace(until_ms=min(ban.until_ms, end_ms)) for ban in run.house.bans if ban.from_ms < end_ms]


def banned_s(run: Run) -> float:
    """For how long the address was banned from spot, from futures, or both, added up."""
    return sum(ban.until_ms - ban.from_ms for ban in bans_of(run)) / 1000


def fairness(tallies: Sequence[Tally]) -> float:
    """The worst bot's part of its wishes that was met, over the mean of all bots' parts. 1 is even."""
    parts = [tally.weight_answered / max(1, tally.weight_asked) for tally in tallies]
    mean = sum(parts) / len(parts)
    return min(parts) / mean if mean else 0.0


_ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("requests of the bots", lambda f: f"{f.asked:,}"),
    ("answered with 200", lambda f: f"{f.answered:,}"),
    ("429 of the exchange", lambda f: f"{f.too_many:,}"),
    ("418 of the exchange", lambda f: f"{f.banned:,}"),
    ("banned, spot and futures added up", lambda f: f"{f.banned_s / 60:.1f} min"),
    ("fullest minute, spot (6,000)", lambda f: f"{f.highest['spot']:,}"),
    ("fullest minute, futures (2,400)", lambda f: f"{f.highest['futures']:,}"),
    ("orders placed", lambda f: f"{f.placed:,}"),
    ("cancels wanted", lambda f: f"{f.cancels:,}"),
    ("tries of cancels that were refused", lambda f: f"{f.cancels_refused:,}"),
    ("slowest cancel, from wish to done", lambda f: f"{f.slowest_cancel_s:,.2f} s"),
    ("a cancel's longest wait in the gateway", lambda f: f"{f.queue_ms:.0f} ms"),
    ("weight of the candles that all read", lambda f: f"{f.candles_weight:,}"),
    ("worst bot's part over the mean part", lambda f: f"{f.fairness:.2f}"),
)


def table(columns: Sequence[tuple[str, Figures]]) -> str:
    """Give the columns side by side, as text."""
    lines = [f"{'':40}" + "".join(f"{name:>18}" for name, _ in columns)]
    for title, show in _ROWS:
        lines.append(f"{title:40}" + "".join(f"{show(figures):>18}" for _, figures in columns))
    return "\n".join(lines)
