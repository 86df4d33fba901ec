"""Pre-signed orders: unique, fresh, sent once.

Signing happens before a run, so that the load generator costs the same for every contestant.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RECV_WINDOW_MS = 5_000
PATH = "/api/v3/order"
PAIRS = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
# The exchange takes no timestamp more than a second ahead of its clock and none older than recvWindow.
# Stamped half a second after the planned start, the orders of a run of four seconds stay inside both.
STAMP_AFTER_START_MS = 500


@dataclass(frozen=True)
class Credential:
    """A key pair as a bot holds it; `secret` keys the HMAC."""

    api_key: str
    secret: bytes = field(repr=False)

    @classmethod
    def random(cls) -> Credential:
        """64 letters and digits each, as the exchange's are."""
        return cls(secrets.token_hex(32), secrets.token_hex(32).encode())


@dataclass(frozen=True)
class SignedOrder:
    """`target` is the request target, complete with query and signature."""

    client_order_id: str
    target: str


def sign_orders(credential: Credential, count: int, timestamp_ms: int) -> Iterator[SignedOrder]:
    """`count` orders with ids that no other call of this function uses."""
    batch = secrets.token_hex(6)
    freshness = f"&recvWindow={RECV_WINDOW_MS}&timestamp={timestamp_ms}"
    for number in range(count):
        client_order_id = f"bench-{batch}-{number}"
        query = f"{PAIRS}&newClientOrderId={client_order_id}{freshness}"
        signature = hmac.digest(credential.secret, query.encode(), "sha256").hex()
        yield SignedOrder(client_order_id, f"{PATH}?{query}&signature={signature}")


def headers(credential: Credential, host: str) -> str:
    """Header block of an order without a body, the empty line included."""
    return (
        f"Host: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        f"X-MBX-APIKEY: {credential.api_key}\r\nContent-Length: 0\r\n\r\n"
    )


def write_orders(path: Path, credential: Credential, host: str, count: int, start_ms: int) -> None:
    """One line each: host, API key, then `count` targets stamped for a run that starts at `start_ms`."""
    path.touch(mode=0o600)
    with path.open("w") as out:
        out.write(f"{host}\n{credential.api_key}\n")
        for order in sign_orders(credential, count, start_ms + STAMP_AFTER_START_MS):
            out.write(order.target + "\n")


def now_ms() -> int:
    """Wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
