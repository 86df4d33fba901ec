"""Draws docs/topics/positions.svg: a careless bot at 20x in paper's flash crash, without and with the watch.

Runs the scenario of tests/guard/watch with the test environment's Python: .env/test/bin/python tools/draw_crash.py
The same seed gives the same picture. With --seeds it runs so many, and prints both columns.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "topics" / "positions.svg"
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from draw_limits import _STYLE, line, text  # noqa: E402  found by the path above
from tests.guard.watch.house import House, on_virtual_time, toml  # noqa: E402  found by the path above
from tests.guard.watch.test_flash_crash import crash  # noqa: E402  found by the path above

WIDTH, HEIGHT = 960, 560
PLOT_W, PLOT_H = 380, 120
LEFTS, TOPS = (70, 550), (80, 240, 400)
LIMITS = "max_daily_loss = 2000\n"
SECONDS = 70
LOOK_S = 0.5
_CURVE = ".curve { fill: none; stroke: #0072b2; stroke-width: 1.5; }"


class Sample(NamedTuple):
    """One look at the exchange."""

    at_s: float
    price: float
    position: float
    margin_ratio: float


class Column(NamedTuple):
    """One run: what was seen, when the guard's orders were sent, and when the exchange closed the position."""

    samples: list[Sample]
    acts: list[float]
    forced: list[float]
    money: Decimal


class Watched(House):
    """A house that looks at the exchange after each step."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.samples: list[Sample] = []
        self.acts: list[float] = []
        super().__init__(*args, **more)

    async def run(self, seconds: float) -> None:
        """Let time pass, and look after each step."""
        for _ in range(round(seconds / LOOK_S)):
            await super().run(LOOK_S)
            self._look()

    def order(self, bot: str, *args: Any, **more: Any) -> Any:
        """Place an order, and remember when the guard did."""
        if bot == "guard":
            self.acts.append(self.now_ms / 1000)
        return super().order(bot, *args, **more)

    def _look(self) -> None:
        rows = self.rig.signed("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT").body
        account = self.rig.signed("GET", "/fapi/v3/account").body
        price = float(self.rig.public("/fapi/v1/premiumIndex", symbol="BTCUSDT").body["markPrice"])
        worth, needed = float(account["totalMarginBalance"]), float(account["totalMaintMargin"])
        position = float(sum(Decimal(row["positionAmt"]) for row in rows))
        ratio = 0.0 if position == 0 else min(needed / worth, 1.5) if worth > 0 else 1.5
        self.samples.append(Sample(self.now_ms / 1000, price, position, ratio))


def figure(value: float) -> str:
    """Write a number as an axis has it."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def column(seed: int, *, has_hands: bool) -> Column:
    """Run the crash once."""
    found: list[Column] = []

    @on_virtual_time
    async def whole(home: Path) -> None:
        house = Watched(home, toml(more=LIMITS), seed=seed, volatility=1)
        await crash(house, has_hands=has_hands)
        worth = Decimal(house.rig.signed("GET", "/fapi/v3/account").body["totalMarginBalance"])
        was_forced = bool(house.rig.signed("GET", "/fapi/v1/forceOrders").body)
        held = [sample.at_s for sample in house.samples if sample.position]
        found.append(Column(house.samples, house.acts, held[-1:] if was_forced else [], worth))
        await house.end()

    with tempfile.TemporaryDirectory() as home:
        whole(Path(home))
    return found[0]


def draw(columns: Sequence[Column]) -> str:
    """Give the picture as SVG."""
    label = "A flash crash and a careless bot at 20x, without and with the guard's watch: price, position, margin ratio"
    parts = [f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>', text(LEFTS[0], 24, label, "title")]
    for left, one, name in zip(LEFTS, columns, ("without the guard", "with the guard"), strict=True):
        parts.append(text(left, 56, name, "title"))
        for top, (title, value, low, high) in zip(TOPS, _plots(columns), strict=True):
            parts += _panel(left, top, one, (title, value, low, high))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">\n'
        f"<title>{label}</title>\n<style>{_STYLE}\n{_CURVE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


Plot = tuple[str, Callable[[Sample], float], float, float]


def _plots(columns: Sequence[Column]) -> list[Plot]:
    prices = [sample.price for one in columns for sample in one.samples]
    most = max(sample.position for one in columns for sample in one.samples)
    return [
        ("mark price, USDT", lambda one: one.price, min(prices) * 0.99, max(prices) * 1.01),
        ("position, BTC", lambda one: one.position, 0.0, most * 1.15),
        ("margin ratio (at 1 the exchange closes)", lambda one: one.margin_ratio, 0.0, 1.5),
    ]


def _panel(left: float, top: float, one: Column, plot: Plot) -> Iterator[str]:
    title, value, low, high = plot
    yield text(left + PLOT_W, top - 6, title, "small", "end")
    for part in (0.0, 0.5, 1.0):
        y = top + PLOT_H * (1 - part)
        yield line(left, y, left + PLOT_W, y, "axis" if part == 0 else "grid")
        yield text(left - 6, y + 4, figure(low + (high - low) * part), "small", "end")
    places = " ".join(
        f"{left + PLOT_W * each.at_s / SECONDS:.1f},{top + PLOT_H * (1 - (value(each) - low) / (high - low)):.1f}"
        for each in one.samples
    )
    yield f'<polyline class="curve" points="{places}"/>'
    for times, kind, word in ((one.acts, "part", "the guard reduces"), (one.forced, "limit", "closed by force")):
        for number, at_s in enumerate(times):
            x = left + PLOT_W * at_s / SECONDS
            yield line(x, top, x, top + PLOT_H, kind)
            if number == 0 and top == TOPS[0]:
                yield text(x + 4, top + 12, word, "limittext")
    for second in range(0, SECONDS + 1, 10):
        yield text(left + PLOT_W * second / SECONDS, top + PLOT_H + 14, f"{second} s", "small", "middle")


def table(seeds: int) -> str:
    """Run many seeds, and give both columns."""
    runs = [[column(seed, has_hands=has_hands) for seed in range(seeds)] for has_hands in (False, True)]
    forced = [sum(bool(one.forced) for one in each) for each in runs]
    flips = [sum(any(sample.position < 0 for sample in one.samples) for one in each) for each in runs]
    money = [f"{median(one.money for one in each):,.0f} ({min(one.money for one in each):,.0f})" for each in runs]
    return "\n".join([
        f"| {seeds} seeds | without | with the guard |", "|---|--:|--:|",
        f"| closed by the exchange | {forced[0]} | {forced[1]} |",
        f"| turned to the other side | {flips[0]} | {flips[1]} |",
        f"| of 10,000 USDT left, median (least) | {money[0]} | {money[1]} |",
    ])  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, and print the table if seeds are given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--out", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    if options.seeds:
        print(table(options.seeds))
    options.out.write_text(draw([column(0, has_hands=has_hands) for has_hands in (False, True)]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
