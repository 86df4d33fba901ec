"""Draws docs/topics/one-ledger-of-limits.svg: 20 bots on one address for half an hour, without and with the gateway.

Runs the scenario of tests/limits with the test environment's Python: .env/test/bin/python tools/draw_limits.py
The same seed gives the same picture. It prints the table of both columns, too.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "topics" / "one-ledger-of-limits.svg"
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.limits.house import LANES  # noqa: E402  found by the path above
from tests.limits.report import bans_of, by_minute, figures_of, table  # noqa: E402  found by the path above
from tests.limits.scenario import Run, Size, alone, run  # noqa: E402  found by the path above

WIDTH, HEIGHT = 960, 590
PLOT_W, PLOT_H, STRIP_H = 380, 150, 36
LEFTS, TOPS = (64, 548), (106, 362)
# Colours that people who see red and green alike can tell apart.
COLOURS = dict(zip(LANES, ("#d55e00", "#e69f00", "#0072b2", "#56b4e9", "#8c8c8c"), strict=False))
SHOWN = [lane for lane in LANES if lane in COLOURS]
LIMITS = {"spot": 6_000, "futures": 2_400}
TITLES = {"spot": "spot, 6,000 a minute", "futures": "USD-M futures, 2,400 a minute"}
OURS_PERCENT = 80
MINUTE_MS = 60_000

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 14px; }
.small { font-size: 11px; fill: #57606a; }
.page { fill: #ffffff; }
.axis { stroke: #8c959f; stroke-width: 1; fill: none; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.limit { stroke: #cf222e; stroke-width: 1.5; }
.part { stroke: #cf222e; stroke-width: 1; stroke-dasharray: 5 4; }
.ban { fill: #cf222e; fill-opacity: 0.13; }
.bantext, .limittext { fill: #cf222e; font-size: 11px; }
.done { fill: #1a7f6b; }
.refused { fill: #cf222e; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9da7b1; }
  .page { fill: #161b22; }
  .axis { stroke: #6e7681; }
  .grid { stroke: #30363d; }
  .limit, .part { stroke: #ff7b72; }
  .ban { fill: #ff7b72; fill-opacity: 0.18; }
  .bantext, .limittext { fill: #ff7b72; }
  .done { fill: #3fb8a0; }
  .refused { fill: #ff7b72; }
}
"""


class Panel(NamedTuple):
    """Where one plot stands and what it shows: a side of the exchange in one column."""

    left: int
    top: int
    side: str
    column: Run
    with_gateway: bool

    @property
    def start_ms(self) -> int:
        """The whole minute in which the bots began."""
        return self.column.size.start_ms // MINUTE_MS * MINUTE_MS

    @property
    def minutes(self) -> int:
        """How many minutes of the clock the run touches."""
        return int(self.column.size.minutes) + 1

    def x(self, at_ms: float) -> float:
        """Give the place of a moment."""
        return self.left + PLOT_W * (at_ms - self.start_ms) / (self.minutes * MINUTE_MS)

    def y(self, weight: float) -> float:
        """Give the height of a weight; the limit stands at six sevenths."""
        return self.top + PLOT_H * (1 - min(weight / LIMITS[self.side] * 6 / 7, 1))


def draw(without: Run, through: Run) -> str:
    """Give the picture as SVG."""
    parts = [f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>', *legend()]
    for row, (column, name) in enumerate(((without, "without the gateway"), (through, "with the gateway"))):
        parts.append(text(LEFTS[0], TOPS[row] - 26, f"{without.size.bots} bots, {name}", "title"))
        for left, side in zip(LEFTS, LIMITS, strict=True):
            parts += panel(Panel(left, TOPS[row], side, column, column is through))
    label = f"Request weight a minute by lane, {without.size.bots} bots on one address, without and with the gateway"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">\n'
        f"<title>{label}</title>\n<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def legend() -> Iterator[str]:
    """What the colours stand for."""
    yield text(LEFTS[0], 24, "Request weight that the exchange counted, minute by minute, by lane", "title")
    x = LEFTS[0]
    for lane in reversed(SHOWN):
        yield f'<rect x="{x}" y="36" width="11" height="11" fill="{COLOURS[lane]}"/>'
        yield text(x + 16, 46, lane)
        x += 34 + 7 * len(lane)
    for kind, label in (("done", "cancels done"), ("refused", "cancels refused")):
        yield f'<rect class="{kind}" x="{x}" y="36" width="11" height="11"/>'
        yield text(x + 16, 46, label)
        x += 34 + 7 * len(label)


def panel(at: Panel) -> Iterator[str]:
    """One plot: axes, bans, bars, limits, and the strip of cancels below."""
    yield text(at.left + PLOT_W, at.top - 8, TITLES[at.side], "small", "end")
    yield from _grid(at)
    yield from _bans(at)
    yield from _bars(at)
    yield from _limits(at)
    yield from _cancels(at)


def _grid(at: Panel) -> Iterator[str]:
    limit = LIMITS[at.side]
    for weight in range(0, limit + 1, limit // 3):
        yield line(at.left, at.y(weight), at.left + PLOT_W, at.y(weight), "axis" if weight == 0 else "grid")
        yield text(at.left - 6, at.y(weight) + 4, f"{weight:,}", "small", "end")
    bottom = at.top + PLOT_H + STRIP_H
    for minute in range(0, at.minutes, 5):
        x = at.x(at.start_ms + minute * MINUTE_MS)
        yield line(x, bottom, x, bottom + 4, "axis")
        is_last = minute + 5 >= at.minutes
        yield text(x, bottom + 16, f"{minute} min" if is_last else str(minute), "small", "middle")
    middle = at.top + PLOT_H / 2
    yield text(at.left - 46, middle, "weight", "small", "middle", f"rotate(-90 {at.left - 46} {middle:g})")


def _bans(at: Panel) -> Iterator[str]:
    for ban in bans_of(at.column):
        if ban.side == at.side:
            left, right = at.x(ban.from_ms), at.x(ban.until_ms)
            yield f'<rect class="ban" x="{left:.1f}" y="{at.top}" width="{right - left:.1f}" height="{PLOT_H}"/>'
            if right - left > 90:
                yield text((left + right) / 2, at.top + PLOT_H / 2, "banned (418)", "bantext", "middle")


def _bars(at: Panel) -> Iterator[str]:
    heights: dict[int, int] = {}
    for lane in SHOWN:
        served = [one for one in at.column.house.served if one.lane == lane]
        for minute, weight in sorted(by_minute(served)[at.side].items()):
            if weight > 0:
                yield _bar(at, minute * MINUTE_MS, heights.get(minute, 0), weight, COLOURS[lane])
                heights[minute] = heights.get(minute, 0) + weight


def _bar(at: Panel, from_ms: int, below: int, weight: int, colour: str) -> str:
    left, right = at.x(from_ms), at.x(from_ms + MINUTE_MS)
    top, bottom = at.y(below + weight), at.y(below)
    size = f'width="{right - left - 1:.1f}" height="{bottom - top:.1f}"'
    return f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{colour}"/>'


def _limits(at: Panel) -> Iterator[str]:
    limit = LIMITS[at.side]
    yield line(at.left, at.y(limit), at.left + PLOT_W, at.y(limit), "limit")
    yield text(at.left + 4, at.y(limit) - 4, "limit", "limittext")
    if at.with_gateway:
        y = at.y(limit * OURS_PERCENT / 100)
        yield line(at.left, y, at.left + PLOT_W, y, "part")
        yield text(at.left + 4, y - 4, "what bots may have of it", "limittext")


def _cancels(at: Panel) -> Iterator[str]:
    """Tries to cancel, minute by minute, below the axis: what was done above what was refused."""
    counts: dict[tuple[int, bool], int] = {}
    for one in (one for bot in at.column.bots for one in bot.tally.cancel_tries if one.side == at.side):
        key = (one.at_ms // MINUTE_MS, one.done)
        counts[key] = counts.get(key, 0) + 1
    most = max((bots_cancels(at.column), *counts.values()))
    top = at.top + PLOT_H + 4
    yield text(at.left - 6, top + 18, "cancels", "small", "end")
    for minute in sorted({minute for minute, _ in counts}):
        y = float(top)
        for done in (True, False):
            height = (STRIP_H - 6) * counts.get((minute, done), 0) / most
            left, right = at.x(minute * MINUTE_MS), at.x((minute + 1) * MINUTE_MS)
            size = f'width="{right - left - 1:.1f}" height="{height:.1f}"'
            kind = "done" if done else "refused"
            yield f'<rect class="{kind}" x="{left:.1f}" y="{y:.1f}" {size}/>'
            y += height
    yield line(at.left, top + STRIP_H - 4, at.left + PLOT_W, top + STRIP_H - 4, "axis")


def bots_cancels(column: Run) -> int:
    """How many cancels a minute the bots wish for on one side."""
    return int(column.size.bots * 60 / column.size.trade_every_s)


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start", turn: str = "") -> str:
    """Give a line of text."""
    more = (f' class="{kind}"' if kind else "") + (f' transform="{turn}"' if turn else "")
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{more}>{content}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Give a straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both columns, print their table, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of virtual time")
    parser.add_argument("--out", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    size = Size(minutes=options.minutes)
    columns = run(alone(size), through=False), run(size, through=False), run(size, through=True)
    titles = ("one bot alone", "without", "with the gateway")
    print(table(list(zip(titles, map(figures_of, columns), strict=True))))
    options.out.write_text(draw(columns[1], columns[2]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
