"""The terminal view: what the exchange is doing, redrawn in place on a terminal and as plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TextIO

State = dict[str, Any]
REDRAW_MS, LINE_MS = 500, 5_000
HOME, CLEAR_BELOW, CLEAR_LINE = "\x1b[H", "\x1b[J", "\x1b[K"
RED, GREEN, BOLD, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


class Watch:
    """Shows states as they are given.  `look` may be called as often as one likes; it keeps its own pace."""

    def __init__(self, out: TextIO, see: Callable[[], State]) -> None:
        self._out = out
        self._see = see
        self._is_live = out.isatty()
        self._next_ms = 0
        self._begun = False
        self._told: set[str] = set()

    def look(self, now_ms: int) -> None:
        """Draw when it is time to."""
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + (REDRAW_MS if self._is_live else LINE_MS)
        state = self._see()
        lines = picture(state, colour=True) if self._is_live else self._news(state)
        if self._is_live:
            start = HOME if self._begun else "\x1b[2J" + HOME
            self._out.write(start + "".join(line + CLEAR_LINE + "\n" for line in lines) + CLEAR_BELOW)
        else:
            self._out.write("".join(line + "\n" for line in lines))
        self._begun = True
        self._out.flush()

    def _news(self, state: State) -> list[str]:
        """A line of prices, and one for each thing that has not been told yet."""
        seconds = state["now_ms"] // 1000 % 86_400
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        prices = "  ".join(f"{row['symbol']} {row['last']} {_change(row)}" for row in state["prices"][:4])
        lines = [f"{clock}  {prices}  positions {len(state['positions'])}"]
        for text in _happenings(state):
            if text not in self._told:
                self._told.add(text)
                lines.append(f"{clock}  {text}")
        return lines


def picture(state: State, *, colour: bool) -> list[str]:
    """The whole screen."""
    paint = _paint if colour else _leave
    lines = [paint("counterseal paper exchange", BOLD) + f"   clock {state['skew_ms']:+} ms   {_scenarios(state)}", ""]
    lines.append(f"{'symbol':<10}{'last':>14}{'mark':>14}{'spot':>14}{'1 min':>9}")
    for row in state["prices"]:
        tone = RED if _moved(row) < 0 else GREEN
        shown = paint(f"{_change(row):>9}", tone)
        lines.append(f"{row['symbol']:<10}{row['last']:>14}{_as(row['mark'], row['last']):>14}"
                     f"{row['spot'] or '-':>14}{shown}")  # fmt: skip
    lines += ["", f"{'account':<12}{'position':<22}{'entry':>12}{'mark':>14}{'profit':>18}"]
    for row in state["positions"]:
        held = f"{row['amount']} {row['symbol']} {row['leverage']}x"
        painted = paint(f"{_profit(row):>18}", RED if Decimal(row["profit"]) < 0 else GREEN)
        lines.append(f"{row['account']:<12}{held:<22}{_short(row['entry']):>12}{_short(row['mark']):>14}{painted}")
    return [*lines, "", *_sections(state, paint)]


def _sections(state: State, paint: Callable[[str, str], str]) -> Iterable[str]:
    yield paint("closed by force", BOLD)
    yield from [f"  {_forced(row)}" for row in reversed(state["forced"])] or ["  nobody yet"]
    yield paint("bans", BOLD)
    yield from [f"  {_ban(row, state['now_ms'])}" for row in state["bans"]] or ["  none"]
    yield paint("limits in use", BOLD)
    for row in state["pools"]:
        yield f"  {row['pool']:<22}{row['subject'][:30]:<32}{row['used']:>8} of {row['limit']}"
    if state["faults"] or state["faults_done"]:
        yield paint("faults", BOLD)
        yield from (f"  {row['fault']} on {row['match'] or 'everything'}, hit {row['hits']}" for row in state["faults"])
        yield "  done: " + ", ".join(f"{kind} {count}" for kind, count in state["faults_done"].items())


def _happenings(state: State) -> Iterable[str]:
    for row in state["scenarios"]:
        if row["at_ms"] >= 0:
            yield f"scenario {row['name']} has begun"
    for row in state["forced"]:
        yield f"closed by force: {_forced(row)}"
    for row in state["bans"]:
        yield f"banned: {row['peer']} from {row['side']} until {row['until_ms']}"
    for kind, count in state["faults_done"].items():
        yield f"fault {kind}, {count} times so far"


def _scenarios(state: State) -> str:
    texts = []
    for row in state["scenarios"]:
        at = row["at_ms"] // 1000
        texts.append(f"{row['name']} " + ("over" if row["at_ms"] > row["lasts_ms"] else f"at {at} s"))
    return ", ".join(texts)


def _forced(row: State) -> str:
    price = f" at {row['price']}" if "price" in row else ""
    return f"{row['account']} {row['side']} {row.get('qty', '')} {row['symbol']}{price} {row['status']}"


def _ban(row: State, now_ms: int) -> str:
    return f"{row['peer']} from {row['side']} for another {(row['until_ms'] - now_ms) // 1000} s"


def _moved(row: State) -> Decimal:
    before = Decimal(row["before"])
    return (Decimal(row["last"]) - before) * 100 / before


def _change(row: State) -> str:
    return f"{_moved(row):+.2f}%"


def _as(text: str, like: str) -> str:
    """A price with as many places as another one shows."""
    return f"{Decimal(text):.{len(like.partition('.')[2])}f}"


def _profit(row: State) -> str:
    """In the margin asset; two places are enough for dollars, not for coins."""
    return f"{Decimal(row['profit']):.{2 if 'USD' in row['asset'] else 6}f} {row['asset']}"


def _short(text: str) -> str:
    return f"{Decimal(text):.6g}" if Decimal(text) < 1 else f"{Decimal(text):.2f}"


def _paint(text: str, tone: str) -> str:
    return tone + text + PLAIN


def _leave(text: str, tone: str) -> str:
    return text
