"""A desk in this process, requests for it, and its answers."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters import packets, signing
from counterseal.core.caps import Caps
from counterseal.core.messages import HeldKey, Message, Sign
from counterseal.core.secret import Secret
from counterseal.signer import table
from counterseal.signer.caps import CapsJudge
from counterseal.signer.desk import Desk, HeldSigningKey, Line

TABLE = table.load()
SECRET = b"k" * 64
KEYS = {"main": HeldSigningKey(HeldKey("main", "api", "hmac", "paper"), signing.load("hmac", Secret(SECRET)))}
NOW_MS = 1_700_000_000_000
ORDER = (("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "MARKET"), ("quantity", "1"))


def good(**changes: Any) -> Sign:
    """A request that is signed, with changes."""
    fields: dict[str, Any] = {
        "id": 1,
        "key_ref": "main",
        "family": "spot",
        "method": "POST",
        "path": "/api/v3/order",
        "pairs": ORDER,
        "recv_window_ms": 5000,
        "offset_ms": -5000,
    }
    return Sign(**(fields | changes))


def futures(**changes: Any) -> Sign:
    """The same on USD-M."""
    return good(**({"family": "usdm", "path": "/fapi/v1/order"} | changes))


def desk(caps: Mapping[str, Caps] | None = None, monotonic_ns: Callable[[], int] = lambda: 0, **options: Any) -> Desk:
    """A desk with one HMAC key and the shipped table."""
    judge = None if caps is None else CapsJudge(caps, monotonic_ns)
    return Desk(TABLE, KEYS, "incarnation", lambda: NOW_MS, judge, **options)


def ask(at: Desk, *requests: Message, line: Line | None = None) -> list[Any]:
    """The answers to requests, which travel as packets."""
    return [m for p in packets.encode(requests) for a in at.answer(p, line) for m in packets.decode(a)]
