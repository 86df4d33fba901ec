"""Load generation: throughput with wrk at 32 connections, exact latency with one blocking connection."""

from __future__ import annotations

import gc
import json
import math
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orders
from orders import Credential

SCRIPT = Path(__file__).with_name("wrk_orders.lua")
CONNECTIONS = 32
MAX_SECONDS = 4
SIGNING_NS_PER_ORDER = 6_000  # first guess of how long pre-signing takes; only sets the planned start
ORDERS_PER_STAMP = 1_000  # of the latency run: signed together, sent while their stamp is good
MAX_START_SLIP_MS = 400  # a run that starts later than this after its stamp is signed anew


class LoadFailed(Exception):
    """The load generator got no usable result; the message says where it broke off."""


class OrdersRanOut(Exception):
    """Too few orders had been signed for the run."""


@dataclass(frozen=True)
class Target:
    """Where a contestant listens. `host` is sent as Host; `ca` is trusted when the URL is https."""

    base_url: str
    credential: Credential
    host: str
    ca: Path | None = None


@dataclass(frozen=True)
class Throughput:
    """Outcome of one wrk run; latencies in microseconds at 32 connections."""

    answers: int
    seconds: float
    bad_status: int
    broken: int
    p50_us: int
    p99_us: int

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


@dataclass(frozen=True)
class Latency:
    """Exact percentiles in microseconds over sequential orders, and the answers that were wrong."""

    count: int
    p50_us: float
    p99_us: float
    faults: tuple[str, ...]


def run_throughput(target: Target, seconds: int, capacity: int, directory: Path) -> Throughput:
    """Send up to `capacity` fresh orders for `seconds` (at most 4) over 32 connections, each order once.

    Raises OrdersRanOut when the capacity was too small: such a run is void, nothing is sent twice to fill it.
    """
    if seconds > MAX_SECONDS:
        raise ValueError(f"runs are at most {MAX_SECONDS} s: timestamps must stay within recvWindow")
    outcome = _run_wrk(target, seconds, capacity, directory)
    if outcome["exhausted"]:
        raise OrdersRanOut(f"{capacity} orders were not enough")
    return Throughput(
        outcome["answers"],
        outcome["duration_us"] / 1e6,
        outcome["bad_status"],
        outcome["broken"],
        outcome["p50_us"],
        outcome["p99_us"],
    )


def _run_wrk(target: Target, seconds: int, capacity: int, directory: Path) -> dict[str, int]:
    order_file = directory / "orders.txt"
    _sign_for_prompt_start(order_file, target, capacity)
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "5s",
        "-s",
        str(SCRIPT),
        target.base_url,
        "--",
        str(order_file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
    order_file.unlink()
    for line in done.stdout.splitlines():
        if line.startswith("BENCH "):
            outcome: dict[str, int] = json.loads(line.removeprefix("BENCH "))
            return outcome
    raise LoadFailed(f"wrk gave no result: {done.stdout[-300:]} {done.stderr[-300:]}")


def _sign_for_prompt_start(path: Path, target: Target, capacity: int) -> None:
    """Sign for a start in the near future and return at that moment; anew if signing took longer."""
    allowance_ms = 100 + capacity * SIGNING_NS_PER_ORDER // 1_000_000
    for _ in range(5):
        start_ms = orders.now_ms() + allowance_ms
        orders.write_orders(path, target.credential, target.host, capacity, start_ms)
        slip_ms = orders.now_ms() - start_ms
        if slip_ms <= MAX_START_SLIP_MS:
            time.sleep(max(0, -slip_ms) / 1000)
            return
        allowance_ms += 2 * slip_ms
    raise LoadFailed("signing the orders takes longer each time; the machine is too busy to measure on")


def run_latency(target: Target, count: int) -> Latency:
    """Send `count` orders one after the other on one kept-alive connection, timing each to its last byte."""
    url = urlsplit(target.base_url)
    taken_ns: list[int] = []
    faults: list[str] = []
    with _connect(url.hostname or "", url.port or 0, target) as connection:
        while len(taken_ns) < count:
            _time_orders(connection, target, min(ORDERS_PER_STAMP, count - len(taken_ns)), taken_ns, faults)
    taken_ns.sort()
    return Latency(count, percentile(taken_ns, 0.50) / 1000, percentile(taken_ns, 0.99) / 1000, tuple(faults))


def _time_orders(connection: socket.socket, target: Target, count: int, taken_ns: list[int], faults: list[str]) -> None:
    """Sign `count` orders, then time them; appends nanoseconds to `taken_ns`, wrong answers to `faults`."""
    header_block = orders.headers(target.credential, target.host)
    stamp_ms = orders.now_ms() + orders.STAMP_AFTER_START_MS
    signed = [
        (
            b'"clientOrderId":"%s"' % order.client_order_id.encode(),
            f"POST {order.target} HTTP/1.1\r\n{header_block}".encode(),
        )
        for order in orders.sign_orders(target.credential, count, stamp_ms)
    ]
    gc.collect()
    gc.disable()
    try:
        for echo, request in signed:
            begin = time.perf_counter_ns()
            connection.sendall(request)
            head, body = _read_answer(connection)
            taken_ns.append(time.perf_counter_ns() - begin)
            if not head.startswith(b"HTTP/1.1 200") or echo not in body:
                faults.append((head.partition(b"\r\n")[0] + b" " + body[:120]).decode("ascii", "replace"))
    finally:
        gc.enable()


def percentile(ascending: list[int], share: float) -> int:
    """Nearest-rank percentile of a sorted, non-empty list."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def get_json(target: Target, path: str) -> dict[str, Any]:
    """One GET on its own connection; raises LoadFailed unless the answer is 200 with a JSON object."""
    url = urlsplit(target.base_url)
    with _connect(url.hostname or "", url.port or 0, target) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {target.host}\r\nAccept: */*\r\n\r\n".encode())
        head, body = _read_answer(connection)
    answer = json.loads(body)
    if not head.startswith(b"HTTP/1.1 200") or not isinstance(answer, dict):
        raise LoadFailed(f"GET {path}: {head[:80]!r}")
    return answer


def _connect(host: str, port: int, target: Target) -> socket.socket:
    plain = socket.create_connection((host, port), 10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.ca is None:
        return plain
    context = ssl.create_default_context(cafile=str(target.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context.wrap_socket(plain, server_hostname=target.host)


def _read_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """(head, body) of one answer with a Content-Length; raises LoadFailed on anything else."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _receive(connection)
    head, body = data[:end], data[end + 4 :]
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        raise LoadFailed(f"an answer without Content-Length: {head[:200]!r}")
    length = int(lowered[at + 17 :].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _receive(connection)
    return head, body


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise LoadFailed("the connection was closed in the middle of an answer")
    return data
