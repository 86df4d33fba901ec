"""SOAK-1: a mixed load in front of the paper exchange with faults: growth of memory, descriptors, the loop's lag."""

from __future__ import annotations

import dataclasses
import random
import threading
from typing import Any

import load_home
import load_paper
from load_bots import CANCEL, ORDER, PROBE, READ
from load_home import Crowd, Watch
from load_measure import Bench
from load_paper import Paper
from load_results import Found, of

RATE, PROBES = 100, 50
# The id of an order that was taken is kept for ever, on purpose: so there are few, lest they hide what leaks.
ORDERS = 0.2
# What happens to one request after the other, chosen by seed; the exchange knows more kinds.
FAULTS = (
    "answer:502", "answer:503-unknown", "answer:-1007", "answer:-1021", "reset", "close", "truncated", "delay:300",
    "delay:2000", "fin_in_body", "slow:2000",
)  # fmt: skip
MATCHES = (*4 * (("DELETE", "/api/v3/order"), ("GET", "/api/v3/openOrders")), ("POST", "/api/v3/order"))
EVERY_S = 2.0
WARM_S = 1.0
# Memory is a line from here on: what is read and kept at the start is no growth.
SETTLED = 0.25
SEED = 8


class Trouble(threading.Thread):
    """Orders a fault of the exchange every two seconds."""

    def __init__(self, paper: Paper) -> None:
        super().__init__(daemon=True)
        self._paper = paper
        self._over = threading.Event()
        self._draw = random.Random(SEED)
        self.count = 0

    def run(self) -> None:
        """Until it is over."""
        while not self._over.wait(EVERY_S):
            method, path = self._draw.choice(MATCHES)
            fault = self._draw.choice(FAULTS)
            self._paper.order("/paper/faults", {"match": {"method": method, "path": path}, "fault": fault})
            self.count += 1

    def close(self) -> None:
        """No more."""
        self._over.set()
        self.join()


def measure(bench: Bench, found: Found, minutes: float) -> None:
    """Measure it for so long."""
    place = bench.place
    with load_paper.exchange(place, "soak") as paper, load_paper.gateway(place, "soak", paper, 10) as gateway:
        load_home.run_crowd(place, gateway.plan(WARM_S, mix={READ: 100}))  # its port is open before it serves
        seconds = minutes * 60
        loads = ((float(RATE), {CANCEL: 60, READ: 40}), (float(PROBES), {PROBE: 100}), (ORDERS, {ORDER: 100}))
        plans = [gateway.plan(seconds, rate=rate, per_bot=2, mix=mix) for rate, mix in loads]
        # Else most of its connections would be idle for so long that the gateway ends them.
        plans[2] = dataclasses.replace(plans[2], bots=plans[2].bots[:1])
        crowds = [Crowd(place.cores, plan, place.directory) for plan in plans]
        watch, trouble = Watch(gateway, min(5.0, seconds / 20)), Trouble(paper)
        for one in (watch, trouble):
            one.start()
        try:
            for crowd in crowds:
                crowd.begin()
            reports = [crowd.report() for crowd in crowds]
        finally:
            for each in (trouble, watch, *crowds):
                each.close()
    found.soak = _judged(reports, watch, trouble)
    print(f"  soak: {found.soak}", flush=True)


def _judged(reports: list[dict[str, Any]], watch: Watch, trouble: Trouble) -> dict[str, Any]:
    rows = watch.rows[int(len(watch.rows) * SETTLED) :]
    answers: dict[str, int] = {}
    for row in (row for each in (reports[0], reports[2]) for row in each["kinds"].values()):
        for name, count in row["answers"].items():
            answers[name] = answers.get(name, 0) + count
    half = len(rows) // 2
    return {
        "seconds": round(reports[0]["seconds"]),
        "answers": answers,
        "faults": trouble.count,
        "mib": round(rows[-1][1] / 1024, 1),
        "mib_per_hour": round(slope([(at_s, kib) for at_s, kib, _ in rows]) * 3600 / 1024, 2),
        "descriptors_grown": max(0, _most(rows[half:]) - _most(rows[:half])),
        "lag_p99_ms": of(reports[1], PROBE, "p99", "refused"),
        "lag_p999_ms": of(reports[1], PROBE, "p999", "refused"),
    }


def _most(rows: list[tuple[float, int, int]]) -> int:
    return max(descriptors for _, _, descriptors in rows)


def slope(points: list[tuple[float, int]]) -> float:
    """The line through points by least squares: how much the second grows with the first."""
    mean_x, mean_y = (sum(each[axis] for each in points) / len(points) for axis in (0, 1))
    over = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return over / (sum((x - mean_x) ** 2 for x, _ in points) or 1.0)
