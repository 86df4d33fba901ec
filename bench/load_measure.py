"""LOAD-1, LOAD-2, LOAD-4: a mixed load of fifty bots at half of what the machine can do, light, and three times it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import load_home as home
import load_results as results
from contestants import VENUE_HOST, Place, Upstream
from load_bots import CANCEL, ORDER, READ, Plan
from load_home import Gateway, Watch
from load_results import Found

# So many connections of each bot at three times saturation: a refused request keeps one for 25 ms.
PER_BOT = 8
OVER = 3
STEADY, LIGHT, IDLE = 500, 200, 50
# Orders that were made before a measurement, so that there is something to cancel.
WARM_S = 1.0
# Longer than what is kept alive towards the exchange is idle.
SETTLE_S = 35.0
SUM = re.compile(rb'"type":"denied","reason":"gateway_overloaded","count":(\d+)').findall
ONE = re.compile(rb'"type":"denied","bot":"[^"]*","reason":"gateway_overloaded"').findall


@dataclass(frozen=True)
class Bench:
    """What every measurement needs. Lengths in seconds: of each usual one, and of the overload."""

    place: Place
    upstream: Upstream
    seconds: float
    overload_s: float


def measure(bench: Bench, found: Found) -> None:
    """Measure everything that has to do with orders, through one gateway."""
    ca = bench.upstream.certificates.ca
    with home.gateway(bench.place, "gateway", bench.upstream.port, ca) as gateway:
        _crowd(bench, gateway.plan(WARM_S))
        found.saturation = _told("saturation", _counted(bench, found, gateway.plan(bench.seconds)))
        half = found.per_second / 2
        for title, rate in (("half", half), ("steady", float(STEADY)), ("light", float(LIGHT))):
            ours = _counted(bench, found, gateway.plan(bench.seconds, rate=rate, per_bot=2))
            direct = _crowd(bench, _direct(bench, gateway, rate))
            setattr(found, title, _told(title, ours))
            setattr(found, f"{title}_direct", direct)
        idle = gateway.plan(bench.seconds, rate=float(IDLE), mix={CANCEL: 100})
        found.idle_cancels = _told("idle cancels", _crowd(bench, idle))
        _overload(bench, found, gateway)


def _direct(bench: Bench, gateway: Gateway, rate: float) -> Plan:
    """The same bots without a gateway."""
    ca = str(bench.upstream.certificates.ca)
    bots = list(gateway.bots.values())
    return Plan(bench.upstream.port, VENUE_HOST, bots, bench.seconds, per_bot=2, rate=rate, ca=ca)


def _overload(bench: Bench, found: Found, gateway: Gateway) -> None:
    """Three times saturation; memory and descriptors before it, at their most, and when all bots have gone."""
    before = gateway.resident_kib(), gateway.descriptors()
    refused_before = _shed(gateway)
    watch = Watch(gateway)
    watch.start()
    rate = OVER * found.per_second
    mix = {ORDER: 60, CANCEL: 10, READ: 30}
    crowd = _counted(bench, found, gateway.plan(bench.overload_s, rate=rate, per_bot=PER_BOT, mix=mix))
    watch.close()
    found.overload = _told("overload", crowd)
    _settle(gateway, before[1])
    most = max((row[1] for row in watch.rows), default=0), max((row[2] for row in watch.rows), default=0)
    after = gateway.resident_kib(), gateway.descriptors()
    found.watched = {"before": before, "at most in": most, "after": after}
    found.shed_on_record = _shed(gateway) - refused_before
    told = results.refused(crowd, results.SHED)
    if found.shed_on_record != told:
        found.faults.append(f"the bots were shed {told} times, the journal has {found.shed_on_record}")


def _settle(gateway: Gateway, descriptors: int) -> None:
    """Wait until what the overload left open is closed, for a while."""
    deadline = time.monotonic() + SETTLE_S
    while gateway.descriptors() > descriptors and time.monotonic() < deadline:
        time.sleep(0.2)


def _shed(gateway: Gateway) -> int:
    """How many requests were refused for overload by the gateway's journal: in sums, and one by one."""
    time.sleep(0.6)  # it adds up four times a second
    texts = (path.read_bytes() for path in (gateway.home / "journal").rglob("*") if path.is_file())
    return sum(sum(map(int, SUM(text))) + len(ONE(text)) for text in texts)


def _counted(bench: Bench, found: Found, plan: Plan) -> dict[str, Any]:
    """Run a crowd; what the exchange has had must be what the crowd was told."""
    before = home.seen(bench.upstream, "seen"), home.seen(bench.upstream, "cancels")
    crowd = _crowd(bench, plan)
    after = home.seen(bench.upstream, "seen"), home.seen(bench.upstream, "cancels")
    for kind, arrived in ((ORDER, after[0] - before[0]), (CANCEL, after[1] - before[1])):
        answers = crowd["kinds"].get(kind, {"answers": {}})["answers"]
        told, lost = answers.get("200", 0), answers.get("no answer", 0)
        if not told <= arrived <= told + lost:
            found.faults.append(f"{kind}: {told} were told 200, {lost} nothing, the exchange had {arrived}")
    wrong = [fault for row in crowd["kinds"].values() for fault in row["faults"]]
    found.faults += wrong[:1]
    return crowd


def _crowd(bench: Bench, plan: Plan) -> dict[str, Any]:
    return home.run_crowd(bench.place, plan)


def _told(title: str, crowd: dict[str, Any]) -> dict[str, Any]:
    rate, kinds = results.served(crowd) / crowd["seconds"], crowd["kinds"]
    late = ", ".join(f"{kind} p99 {results.of(crowd, kind) or 0:.2f} ms" for kind in kinds)
    print(f"  {title:14} {rate:8,.0f} served a second, refused {results.codes(crowd)}; {late}", flush=True)
    return crowd
