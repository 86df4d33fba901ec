"""What happens to the exchange by plan rather than by a client: scenarios, schedules, and traffic that is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from counterseal.paper.errors import ApiError, Json
from counterseal.paper.limits import POOLS, Windows
from counterseal.paper.market import Walk
from counterseal.paper.replay import Player, Recording, read
from counterseal.paper.scenarios import Playing, named

BY_ACCOUNT = ("spot_orders_10s", "spot_orders_1d", "futures_orders_10s", "futures_orders_1m", "papi_orders")
ADDRESS, ACCOUNT = "127.0.0.1", "main"
Walks = dict[str, dict[str, Walk]]


@dataclass(slots=True)
class Traffic:
    """Somebody else who uses up a pool of ours: `amount` every `every_ms`."""

    pool: str
    subject: str
    amount: int
    every_ms: int
    last: int | None = None

    def spend(self, windows: Windows, now_ms: int) -> None:
        """Charge what has come due since the last call, at most one window's worth."""
        turn = now_ms // self.every_ms
        if self.last is not None and turn > self.last:
            due = min(turn - self.last, max(1, POOLS[self.pool].window_ms // self.every_ms))
            windows.add(self.pool, self.subject, self.amount * due, now_ms)
        self.last = turn


@dataclass(frozen=True, slots=True)
class Planned:
    """A command of the admin socket at an instant of the paper clock."""

    at_ms: int
    command: Json


def traffic(text: str) -> Traffic:
    """`POOL=AMOUNT/SECONDS` or `POOL@SUBJECT=AMOUNT/SECONDS`; ValueError for what is neither."""
    where, _, how = text.partition("=")
    pool, _, subject = where.partition("@")
    amount, _, seconds = how.partition("/")
    if pool not in POOLS or not amount.isdigit() or not seconds.isdigit() or not int(seconds):
        raise ValueError("expected POOL[@SUBJECT]=AMOUNT/SECONDS")
    return Traffic(pool, subject or default_subject(pool), int(amount), int(seconds) * 1000)


def default_subject(pool: str) -> str:
    """Whom a pool of ours belongs to when nobody is named: the local address or the account `main`."""
    return ACCOUNT if pool in BY_ACCOUNT else ADDRESS


def schedule(path: Path) -> list[tuple[int, Json]]:
    """The rows of a schedule file: JSON lines `{"at_ms": N, "do": ..., ...}`, ms after the start.  ValueError."""
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            row = json.loads(line)
            rows.append((int(row.pop("at_ms")), row))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise ValueError(f"{path}: line {number} is no planned command") from None
    return sorted(rows, key=lambda item: item[0])


class Director:
    """Runs plans on the paper clock.  `run` is the admin's way to carry a command out."""

    def __init__(self, walks: Walks, windows: Windows, step_ms: int, seed: int, run: Callable[[Json], Json]) -> None:
        self._walks = walks
        self._windows = windows
        self._step_ms = step_ms
        self._seed = seed
        self._run = run
        self._planned: list[Planned] = []
        self.traffic: list[Traffic] = []
        self.playing: list[Playing] = []
        self.actors: list[Callable[[int], None]] = []  # others who act when time passes
        self.failed: list[tuple[Json, str]] = []

    def advance(self, now_ms: int) -> None:
        """Do what has come due."""
        for act in self.actors:
            act(now_ms)
        for spender in self.traffic:
            spender.spend(self._windows, now_ms)
        while self._planned and self._planned[0].at_ms <= now_ms:
            command = self._planned.pop(0).command
            try:
                self._run(command)
            except (ApiError, ValueError) as error:
                self.failed.append((command, str(error)))

    def plan(self, start_ms: int, rows: list[tuple[int, Json]]) -> None:
        """Add a schedule whose times count from `start_ms`."""
        self._planned += [Planned(start_ms + after, command) for after, command in rows]
        self._planned.sort(key=lambda item: item.at_ms)

    def play(self, spec: str, start_ms: int) -> Playing:
        """Let a scenario begin at an instant, on the next step of the market.  ValueError for an unknown one."""
        first = (start_ms // self._step_ms + 1) * self._step_ms
        playing = Playing(named(spec), first, self._step_ms, self._seed)
        for walks in self._walks.values():
            for walk in walks.values():
                walk.add_script(playing)
        self.playing.append(playing)
        return playing

    def replay(self, spec: str, start_ms: int, skip_ms: int = 0, speed: int = 1) -> Recording:
        """Let `MARKET:SYMBOL=FILE` be played from an instant on.  ValueError for what cannot be."""
        where, _, file = spec.partition("=")
        market, _, name = where.partition(":")
        walk = self._walks.get(market, {}).get(name)
        if walk is None:
            raise ValueError(
                f"{where}: expected MARKET:SYMBOL of a listed symbol, market one of {', '.join(self._walks)}"
            )
        recording = read(Path(file), walk.symbol)
        walk.follow(Player(recording, start_ms, self._step_ms, skip_ms, speed))
        return recording
