"""How many signed orders the paper exchange accepts per second of its own CPU time, over TLS, one kept-alive request
at a time on each of some connections.

Run with the test environment: `PYTHONPATH=src python bench/paper_orders.py [--seconds 5] [--kind hmac] [--canned]`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SYMBOLS = {"BTCUSDT": ("0.002", "90000.00"), "ETHUSDT": ("0.01", "3700.00"), "BNBUSDT": ("0.05", "800.00"),
           "SOLUSDT": ("0.1", "180.00"), "XRPUSDT": ("10", "2.2000"), "ADAUSDT": ("20", "0.7000"),
           "DOGEUSDT": ("100", "0.18000"), "LTCUSDT": ("0.2", "100.00")}  # fmt: skip
PATHS = {"spot": ("/api/v3/order", "/api/v3/openOrders"), "usdm": ("/fapi/v1/order", "/fapi/v1/allOpenOrders")}
SWEEP_EVERY = 150  # orders on a symbol until its open orders are cancelled, as the filter of 200 asks for
Signer = Callable[[bytes], str]


class Client:
    """One connection that places limit orders on one symbol and now and then cancels them all."""

    def __init__(
        self, endpoint: dict[str, str], context: ssl.SSLContext, api_key: str, sign: Signer, symbol: str, market: str,
        sweeps: bool,
    ) -> None:  # fmt: skip
        plain = socket.create_connection((endpoint["host"], int(endpoint["port"])))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire = context.wrap_socket(plain, server_hostname="api.binance.com")
        self._head = f"Host: api.binance.com\r\nX-MBX-APIKEY: {api_key}\r\nContent-Length: 0\r\n\r\n"
        self._sign = sign
        self._symbol = symbol
        self._order, self._all = PATHS[market]
        self._sweeps = sweeps
        self._count = 0
        self.accepted = 0
        self.refused: list[bytes] = []

    def send(self) -> None:
        self._count += 1
        now = time.time_ns() // 1_000_000
        if self._sweeps and self._count % SWEEP_EVERY == 0:
            method, path, query = "DELETE", self._all, f"symbol={self._symbol}&timestamp={now}"
        else:
            quantity, price = SYMBOLS[self._symbol]
            method, path = "POST", self._order
            query = (f"symbol={self._symbol}&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"
                     f"&newClientOrderId=p-{self._symbol}-{self._count}&timestamp={now}")  # fmt: skip
        self.wire.sendall(
            f"{method} {path}?{query}&signature={self._sign(query.encode())} HTTP/1.1\r\n{self._head}".encode()
        )

    def receive(self) -> None:
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.wire.recv(65536)
        at = data.index(b"Content-Length: ") + 16
        length = int(data[at : data.index(b"\r\n", at)])
        while len(data) < end + 4 + length:
            data += self.wire.recv(65536)
        if data.startswith(b"HTTP/1.1 200"):
            self.accepted += data[end + 4 :].startswith(b"{") and b'"clientOrderId"' in data
        else:
            self.refused.append(data[end + 4 :])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_key(home: Path, kind: str) -> tuple[str, Signer]:
    """A key of the exchange and how to sign with it."""
    out = home / "bench-key.json"
    words = [
        sys.executable,
        "-m",
        "counterseal.paper",
        "key",
        "create",
        "--home",
        str(home),
        "--kind",
        kind,
        "--out",
        str(out),
    ]
    private = Ed25519PrivateKey.generate()
    if kind == "ed25519":
        pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (home / "bench.pub.pem").write_bytes(pem)
        words += ["--public-key", str(home / "bench.pub.pem")]
    subprocess.run(words, check=True)
    shown = json.loads(out.read_text())
    if kind == "ed25519":
        return shown["apiKey"], lambda payload: quote(base64.b64encode(private.sign(payload)).decode(), safe="")
    secret = shown["secretKey"].encode()
    return shown["apiKey"], lambda payload: hmac.digest(secret, payload, hashlib.sha256).hex()


def run(seconds: float, kind: str, market: str, options: list[str]) -> tuple[int, float, float]:
    """(orders accepted, CPU seconds of the exchange, seconds)."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        api_key, sign = make_key(home, kind)
        words = [sys.executable, "-m", "counterseal.paper", "serve", "--home", str(home), "--no-limits", *options]
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            endpoint = json.loads((home / "endpoint.json").read_text())
            context = ssl.create_default_context(cafile=endpoint["ca"])
            clients = [Client(endpoint, context, api_key, sign, name, market, not options) for name in SYMBOLS]
            for client in clients:
                client.send()
                client.receive()
                client.accepted = 0
            began, cpu = time.monotonic(), cpu_seconds(process.pid)
            while time.monotonic() - began < seconds:
                for client in clients:
                    client.send()
                for client in clients:
                    client.receive()
            cpu, took = cpu_seconds(process.pid) - cpu, time.monotonic() - began
            refused = [text for client in clients for text in client.refused]
            if refused:
                raise SystemExit(f"{len(refused)} refused, the first: {refused[0]!r}")
            return sum(client.accepted for client in clients), cpu, took
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            process.stdout.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--kind", choices=("hmac", "ed25519"), default="hmac")
    parser.add_argument("--market", choices=tuple(PATHS), default="spot")
    parser.add_argument("--canned", action="store_true")
    arguments = parser.parse_args()
    accepted, cpu, took = run(
        arguments.seconds, arguments.kind, arguments.market, ["--canned"] if arguments.canned else []
    )
    rates = f"{accepted / took:.0f} a second, {accepted / cpu:.0f} per CPU second"
    print(f"{accepted} orders accepted in {took:.1f} s: {rates}")


if __name__ == "__main__":
    main()
