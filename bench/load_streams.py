"""LOAD-3: 500 subscribers, 1,000 streams, 10,000 messages a second, and meanwhile orders whose events must all come."""

from __future__ import annotations

import datetime
import hmac
import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import load_home as home
import load_results as results
import processes
import ws_orders
from certificate import HOSTS, make_certificates
from contestants import Place
from load_bots import ORDER
from load_home import Crowd, Gateway
from load_measure import Bench
from load_results import Found
from ours import SOURCES
from ws_contestants import Subscribers, Upstream
from ws_messages import stream

CLIENTS, STREAMS, RATE, ORDERS = 500, 1_000, 10_000, 50
WARM_UP_S = 0.5
PATIENCE_S = 20.0


class Events(ws_orders.Socket, threading.Thread):
    """A bot that listens to its orders' events; `names` are the orders that it has heard of."""

    def __init__(self, gateway: Gateway, bot: str) -> None:
        threading.Thread.__init__(self, daemon=True)
        self.wire = ws_orders._connected(gateway.port)
        ws_orders.Socket.__init__(self, self.wire, gateway.port)
        self.names: list[str] = []
        key, secret = gateway.bots[bot]
        params: dict[str, Any] = {"apiKey": key, "timestamp": time.time_ns() // 1_000_000}
        params["signature"] = hmac.digest(secret.encode(), ws_orders._payload(params), "sha256").hex()
        self._greeting = ws_orders._request("userDataStream.subscribe.signature", 1, params)

    def subscribe(self) -> bool:
        """Ask for events; False where they do not come yet."""
        return b'"status":200' in self.ask(self._greeting)

    def run(self) -> None:
        """Hear until the connection ends."""
        try:
            while True:
                opcode, data = self._next()
                if opcode == ws_orders.PING:
                    self.wire.sendall(ws_orders._masked(ws_orders.PONG, data))
                elif opcode == ws_orders.TEXT and b'"executionReport"' in data:
                    self.names.append(str(json.loads(data)["event"]["c"]))
        except (OSError, processes.ProcessFailed):
            pass


def measure(bench: Bench, found: Found) -> None:
    """Measure it through a gateway of its own."""
    with ExitStack() as stack:
        directory = bench.place.for_contestant("streams").directory
        upstream = _exchange(bench.place, directory)
        stack.callback(upstream.child.close)
        gateway = stack.enter_context(home.gateway(bench.place, "fan-out", upstream.port, upstream.ca, 1))
        events = _events(gateway)
        stack.callback(events.wire.close)
        apart = STREAMS // CLIENTS
        wanted = [",".join(stream(first + each) for each in range(apart)) for first in range(0, STREAMS, apart)]
        subscribers = Subscribers(bench.place.cores, gateway.port, upstream.progress, CLIENTS, wanted)
        stack.callback(subscribers.close)
        _settle(upstream)
        found.streams = _measured(bench, found, upstream, gateway, subscribers, events)
    print(f"  streams: {found.streams}", flush=True)


def _exchange(place: Place, directory: Path) -> Upstream:
    hosts = (*HOSTS, "ws-api.binance.com")
    made = make_certificates(directory, datetime.datetime.now(datetime.UTC), hosts)
    port, progress = processes.free_port(), directory / "progress"
    words = [str(port), str(made.certificate), str(made.key), str(progress)]
    command = [str(SOURCES.python), str(home.BENCH / "load_exchange.py"), *words]
    child = processes.start(command, place.cores.load, directory / "exchange.log")
    processes.wait_for_port(child, port)
    return Upstream(port, made.ca, progress, child)


def _events(gateway: Gateway) -> Events:
    """Listen as soon as events come."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        events = Events(gateway, "bot0")
        if events.subscribe():
            events.start()
            return events
        events.wire.close()
        time.sleep(0.25)
    raise processes.ProcessFailed("the gateway has no user data")


def _settle(upstream: Upstream) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while upstream.set_rate(0)["streams"] != STREAMS:
        if time.monotonic() > deadline:
            raise processes.ProcessFailed("the exchange was not asked for all streams")
        time.sleep(0.05)


def _measured(
    bench: Bench, found: Found, upstream: Upstream, gateway: Gateway, subscribers: Subscribers, events: Events
) -> dict[str, Any]:
    crowd = Crowd(
        bench.place.cores,
        gateway.plan(bench.seconds, rate=float(ORDERS), mix={ORDER: 100}, per_bot=8),
        bench.place.directory,
    )
    try:
        upstream.set_rate(RATE)
        time.sleep(WARM_UP_S)
        before = subscribers.report()
        crowd.begin()
        orders = crowd.report()
        after = subscribers.report()
    finally:
        crowd.close()
        upstream.set_rate(0)
    placed = results.served(orders)
    deadline = time.monotonic() + 2
    while len(events.names) < placed and time.monotonic() < deadline:
        time.sleep(0.05)
    took_s = (after["at_ns"] - before["at_ns"]) / 1e9
    if after["ended"] or len(set(events.names)) != len(events.names):
        found.faults.append(f"streams: {after['ended']} connections ended, {len(events.names)} events")
    return {
        "p50_ms": after["p50_ms"], "p99_ms": after["p99_ms"], "most_ms": after["most_ms"],
        "frames_per_second": round((after["frames"] - before["frames"]) / took_s),
        "orders": placed, "orders_not_served": results.unserved(orders), "events": len(events.names),
        "events_lost": max(0, placed - len(set(events.names))),
    }  # fmt: skip
