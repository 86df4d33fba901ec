"""An exchange in process on a clock that only the test moves, and a caller that signs like a client."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from counterseal.paper.exchange import Exchange, Reply
from counterseal.paper.journal import Journal
from counterseal.paper.keys import ApiKey, KeyFile, make
from counterseal.paper.options import Options
from counterseal.paper.wire import Request

START_MS = 1_795_000_000_000
ALL = ("read", "trade", "futures", "margin")


@dataclass
class Answer:
    """A reply with its body decoded."""

    status: int
    body: Any
    headers: dict[str, str]
    reply: Reply = field(repr=False)

    @property
    def code(self) -> int | None:
        return self.body.get("code") if isinstance(self.body, dict) else None


class Rig:
    """One exchange, its clock, and one HMAC key of the account `main`."""

    def __init__(self, home: Path, **options: Any) -> None:
        self.home = home
        self.now_ms = START_MS
        self.keys = KeyFile(home / "keys.json")
        self.key = self.add_key()
        self.journal = Journal(home / "journal.jsonl")
        settings = Options(**{"volatility": 0, **options})
        self.exchange = Exchange(settings, self.keys, self.journal, lambda: self.now_ms * 1_000_000)

    def add_key(self, account: str = "main", permissions: tuple[str, ...] = ALL) -> ApiKey:
        key = make("hmac", None, permissions, account, self.now_ms)
        self.keys.add(key)
        return key

    def wait(self, ms: int) -> None:
        self.now_ms += ms

    def raw(self, method: str, target: str | bytes, headers: dict[str, str] | None = None, body: bytes = b"",
            peer: str = "127.0.0.1") -> Answer:  # fmt: skip
        target = target.encode() if isinstance(target, str) else target
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        reply = self.exchange.handle(Request(method, target, lower, list(lower), body, peer))
        return Answer(reply.status, json.loads(reply.body) if reply.body else None, reply.headers, reply)

    def public(self, path: str, peer: str = "127.0.0.1", **params: Any) -> Answer:
        return self.raw("GET", path + ("?" + urlencode(params) if params else ""), peer=peer)

    def signed(self, method: str, path: str, key: Any = None, peer: str = "127.0.0.1", **params: Any) -> Answer:
        """Sign over the query as sent, from the address `peer`; `timestamp` is now unless given."""
        key = key or self.key
        params.setdefault("timestamp", self.now_ms)
        query = urlencode(params)
        target = f"{path}?{query}&signature={sign(key, query)}"
        return self.raw(method, target, {"X-MBX-APIKEY": key.api_key}, peer=peer)

    def order(self, **changes: Any) -> Answer:
        """A spot LIMIT buy far below the price, changed as told (None drops a parameter)."""
        return self.signed("POST", "/api/v3/order", **_merged(changes))

    def futures_order(self, **changes: Any) -> Answer:
        return self.signed("POST", "/fapi/v1/order", **_merged(changes))

    def set_price(self, market: str, symbol: str, price: str) -> None:
        target = self.exchange.markets()[market]
        target.shift(symbol, Decimal(price), self.now_ms)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "journal.jsonl").read_text("utf-8").splitlines()]

    def balance(self, asset: str) -> tuple[str, str]:
        rows = self.signed("GET", "/api/v3/account").body["balances"]
        row = next(row for row in rows if row["asset"] == asset)
        return row["free"], row["locked"]


def sign(key: ApiKey, payload: str) -> str:
    return hmac.new(key.verifier.encode(), payload.encode(), hashlib.sha256).hexdigest()


def _merged(changes: dict[str, Any]) -> dict[str, Any]:
    base = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
            "price": "96000"}  # fmt: skip
    merged = {**base, **changes}
    if merged["type"] == "MARKET":
        for name in ("timeInForce", "price"):
            if name not in changes:
                merged[name] = None
    return {name: value for name, value in merged.items() if value is not None}
