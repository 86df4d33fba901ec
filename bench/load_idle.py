"""How long a start takes, and what somebody costs who is connected and does nothing."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

import load_paper
import orders
import processes
from contestants import Place
from load_home import Gateway
from load_measure import Bench
from load_results import Found
from orders import Credential
from ours import SOURCES

STARTS = 3
# So many that what the process has at hand is used up, and so many to be measured.
FIRST, MANY = 1_000, 1_000
PATIENCE_S = 20.0
UPGRADE = (
    "GET /ws/btcusdt@trade HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
READ = "GET /api/v3/time HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n"


def measure(bench: Bench, found: Found) -> None:
    """Measure both."""
    with load_paper.exchange(bench.place, "start") as paper:
        house = load_paper.House(bench.place.for_contestant("starts").directory, paper, ["alpha"])
        found.start_s = [_start(bench.place, house, number) for number in range(STARTS)]
        print(f"  start to the first order: {', '.join(f'{each:.2f} s' for each in found.start_s)}", flush=True)
        with load_paper.gateway(bench.place, "idle", paper, 1) as gateway:
            found.kib_per_connection = _each(gateway, READ)
            found.kib_per_socket = _each(gateway, UPGRADE)
    print(
        f"  an idle connection {found.kib_per_connection:.1f} KiB, an idle WebSocket {found.kib_per_socket:.1f} KiB",
        flush=True,
    )


@dataclass(frozen=True)
class Order:
    """An order that is signed when it is sent."""

    credential: Credential

    def target(self) -> str:
        """Give its request target."""
        return next(orders.sign_orders(self.credential, 1, orders.now_ms())).target


def _start(place: Place, house: load_paper.House, number: int) -> float:
    """From the command to the answer of an order that is tried again and again; in seconds."""
    key, secret = house.bots["alpha"]
    order, deadline = Order(Credential(key, secret.encode())), time.monotonic() + PATIENCE_S
    began = time.monotonic()
    both = f"{place.cores.contestant},{place.cores.load}"  # as a user starts it: no CPU is kept from it
    command = [
        "taskset",
        "-c",
        both,
        str(SOURCES.python),
        "-m",
        "counterseal.cli.main",
        "up",
        "--home",
        str(house.home),
    ]
    log = house.home.parent / f"up-{number}.log"
    child = processes.start(command, place.cores.contestant, log, env=SOURCES.environ())
    try:
        while time.monotonic() < deadline:
            if _is_placed(house.port, key, order.target()):
                took_s = time.monotonic() - began
                print(f"    {took_s:.2f} s, {processes.cpu_seconds(child.pid):.2f} s of CPU", flush=True)
                return took_s
            time.sleep(0.005)
        raise processes.ProcessFailed(f"no order within {PATIENCE_S:.0f} s: {child.last_words()}")
    finally:
        child.close()


def _is_placed(port: int, key: str, target: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", target, headers={"X-MBX-APIKEY": key, "Content-Length": "0"})
        answer = connection.getresponse()
        return answer.status == 200 and "orderId" in json.loads(answer.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _each(gateway: Gateway, request: str) -> float:
    """KiB that one more connection costs after its first answer, of a thousand that then say nothing."""
    with ExitStack() as stack:
        _connect(gateway.port, request, FIRST, stack)
        before = _settled_kib(gateway)
        _connect(gateway.port, request, MANY, stack)
        after = _settled_kib(gateway)
    time.sleep(0.5)
    return (after - before) / MANY


def _connect(port: int, request: str, many: int, stack: ExitStack) -> None:
    for _ in range(many):
        wire = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        wire.sendall(request.format(port).encode())
        answer = wire.recv(65536)
        if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 101 ")):
            raise processes.ProcessFailed(f"refused: {answer[:200]!r}")


def _settled_kib(gateway: Gateway) -> float:
    found = []
    for _ in range(5):
        time.sleep(0.2)
        found.append(gateway.resident_kib())
    return statistics.median(found)
