"""How many stream messages the paper exchange pushes: 200 streams, 10,000 messages a second in all.

    PYTHONPATH=src python bench/paper_streams.py [--seconds 10] [--streams 200] [--step-ms 20] [--connections 4]

Starts an exchange of its own on a free port, listens from this process, and prints what arrived, how late, and how
much of a core the exchange needed.  Each stream has one message a step (public trades), so the rate that is asked for
is streams * 1000 / step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

SOURCE = Path(__file__).parents[1] / "src"
EVENT_TIME = re.compile(rb'"E":(\d+)')
WARM_UP_S = 1.0
SLICE = 50  # one message in so many is looked at for its age


def main() -> None:
    """Run the exchange, listen, print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--step-ms", type=int, default=20)
    parser.add_argument("--connections", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        process, endpoint = start(Path(home), arguments.step_ms)
        try:
            found = asyncio.run(measure(endpoint, process.pid, arguments))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    print(json.dumps(found))


def start(home: Path, step_ms: int) -> tuple[subprocess.Popen[str], dict[str, str]]:
    command = [sys.executable, "-m", "counterseal.paper", "serve", "--home", str(home), "--step-ms", str(step_ms)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process, json.loads((home / "endpoint.json").read_text("utf-8"))


def names(home_listing: dict[str, list[str]], count: int) -> list[tuple[str, str]]:
    """(host and path, stream name): trades of every symbol, then best prices, as many as are wanted."""
    found = [
        ("stream.binance.com/ws", f"{name}@{kind}") for kind in ("trade", "aggTrade") for name in home_listing["spot"]
    ]
    found += [("fstream.binance.com/market/ws", f"{name}@aggTrade") for name in home_listing["usdm"]]
    found += [("fstream.binance.com/public/ws", f"{name}@trade") for name in home_listing["usdm"]]
    found += [("stream.binance.com/ws", f"{name}@bookTicker") for name in home_listing["spot"]]
    if len(found) < count:
        raise SystemExit(f"there are only {len(found)} such streams")
    return found[:count]


def listing() -> dict[str, list[str]]:
    raw = json.loads((SOURCE / "counterseal/paper/data/symbols.json").read_text("utf-8"))
    return {market: [row["symbol"].lower() for row in raw[market]] for market in ("spot", "usdm")}


class Counter:
    """What arrived, and how old a sample of it was (ms)."""

    def __init__(self) -> None:
        self.messages = 0
        self.octets = 0
        self.ages: list[float] = []

    def take(self, message: bytes) -> None:
        self.messages += 1
        self.octets += len(message)
        if self.messages % SLICE == 0:
            mark = EVENT_TIME.search(message)
            if mark is not None:
                self.ages.append(time.time() * 1000 - int(mark[1]))


async def measure(endpoint: dict[str, str], pid: int, arguments: argparse.Namespace) -> dict[str, object]:
    wanted = names(listing(), arguments.streams)
    groups: dict[str, list[str]] = {}
    for number, (place, name) in enumerate(wanted):
        groups.setdefault(f"{place}#{number % arguments.connections}", []).append(name)
    counter = Counter()
    context = ssl.create_default_context(cafile=endpoint["ca"])
    tasks = [asyncio.create_task(listen(endpoint, context, place, chosen, counter)) for place, chosen in groups.items()]
    await asyncio.sleep(WARM_UP_S)
    counter.messages, counter.octets, counter.ages = 0, 0, []
    before, began = cpu_s(pid), time.monotonic()
    await asyncio.sleep(arguments.seconds)
    lasted, used = time.monotonic() - began, cpu_s(pid) - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ages = sorted(counter.ages)
    return {
        "streams": len(wanted), "connections": len(groups),
        "asked_per_s": round(len(wanted) * 1000 / arguments.step_ms),
        "messages_per_s": round(counter.messages / lasted), "MB_per_s": round(counter.octets / lasted / 1e6, 2),
        "age_ms_p50": round(ages[len(ages) // 2], 1), "age_ms_p99": round(ages[len(ages) * 99 // 100], 1),
        "cores": round(used / lasted, 2),
    }  # fmt: skip


async def listen(
    endpoint: dict[str, str], context: ssl.SSLContext, place: str, chosen: list[str], counter: Counter
) -> None:
    host, _, path = place.partition("#")[0].partition("/")
    where = f"wss://{host}/{path}/" + "/".join(chosen)
    options = {"host": endpoint["host"], "port": endpoint["port"], "server_hostname": host}
    async with connect(where, ssl=context, proxy=None, max_queue=None, **options) as connection:
        await drain(connection, counter)


async def drain(connection: ClientConnection, counter: Counter) -> None:
    while True:
        counter.take(await connection.recv(decode=False))


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
