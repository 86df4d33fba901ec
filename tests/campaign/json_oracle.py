"""What must become of an order in JSON, by readers that have not seen the gateway: forwarded so, or refused.

A frame of the WebSocket API is an order by its parameters; a batch of futures is a list of orders in one parameter.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.campaign.echoing import SYMBOLS
from tests.campaign.json_reader import Bad, Num, compact, read
from tests.campaign.numbers_spelled import is_plain_int
from tests.campaign.schemas import Decision, Row, decide, leg_rows, rows

MOST_LEGS, MOST_ID, INT64 = 10, 36, 1 << 63
MOST_SKEW_MS, MICROSECONDS = 5_000, 10**15
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_KNOWN = {row["symbol"] for row in SYMBOLS if row["status"] == "TRADING"}
# Method of the WebSocket API -> HTTP method and path, for the methods that the campaign uses.
METHODS = {
    ("/ws-api/v3", "order.place"): ("POST", "/api/v3/order"),
    ("/ws-api/v3", "order.test"): ("POST", "/api/v3/order/test"),
    ("/ws-api/v3", "order.cancel"): ("DELETE", "/api/v3/order"),
    ("/ws-api/v3", "order.amend.keepPriority"): ("PUT", "/api/v3/order/amend/keepPriority"),
    ("/ws-api/v3", "orderList.place.oto"): ("POST", "/api/v3/orderList/oto"),
    ("/ws-fapi/v1", "order.place"): ("POST", "/fapi/v1/order"),
    ("/ws-fapi/v1", "order.modify"): ("PUT", "/fapi/v1/order"),
    ("/ws-fapi/v1", "order.cancel"): ("DELETE", "/fapi/v1/order"),
    ("/ws-fapi/v1", "algoOrder.place"): ("POST", "/fapi/v1/algoOrder"),
}
# Who asks, and how he wants his answer: these are no parameters of an order.
_ASIDE = frozenset({"apiKey", "signature", "returnRateLimits"})
_ROWS = {(row.method, row.path): row for row in rows()}
_LEGS = {(row.method, row.path): row for row in leg_rows()}
REFUSED = Decision("refused")


class Wanted(NamedTuple):
    """What must reach the exchange: a method and path with the texts of each order; None where nothing may."""

    method: str
    path: str
    orders: tuple[Mapping[str, str], ...]


def of_frame(address: str, text: bytes, now_ms: int) -> Wanted | None:
    """Judge a frame of a connection that is logged on, at a moment of the exchange's time."""
    try:
        message = read(text)
    except (Bad, RecursionError):
        return None
    if not isinstance(message, dict) or not _is_id(message.get("id")) or not _is_text(message.get("method")):
        return None
    params, place = message.get("params"), METHODS.get((address, message["method"]))
    if place is None or not isinstance(params, dict):
        return None
    pairs = {name: _as_text(value) for name, value in params.items()}
    if any(text is None or not _NAME(name) or _CONTROL(text) for name, text in pairs.items()):
        return None
    texts = {name: text for name, text in pairs.items() if name not in _ASIDE and text is not None}
    if "apiKey" in pairs or "signature" in pairs or not _is_now(texts.pop("timestamp", ""), texts, now_ms):
        return None
    said_twice = texts.get("clientOrderId") in (texts.get("newClientOrderId"), texts.get("origClientOrderId"))
    if "clientOrderId" in texts and said_twice:
        del texts["clientOrderId"]
    decision = _decided(_ROWS[place], texts)
    return None if decision.reason else Wanted(*place, (dict(decision.pairs),))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Num)


def _is_id(value: Any) -> bool:
    if isinstance(value, Num):
        return bool(_INTEGER(value)) and -INT64 <= int(value) < INT64
    return value is None or (isinstance(value, str) and len(value) <= MOST_ID)


def _is_now(stamp: str, texts: Mapping[str, str], now_ms: int) -> bool:
    if not is_plain_int(stamp):
        return False
    told_ms = int(stamp) // 1000 if int(stamp) >= MICROSECONDS else int(stamp)
    window = texts.get("recvWindow", "5000")
    return not window[:1].isdigit() or abs(now_ms - told_ms) <= min(float(window), MOST_SKEW_MS)


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value) if isinstance(value, str) else compact(value)


def of_batch(path: str, method: str, text: bytes) -> Wanted | None:
    """Judge the list of orders of a batch, as it stands in its parameter."""
    try:
        if _CONTROL(text.decode()):
            return None
        found = read(text)
        found = read(str(found)) if _is_text(found) else found
    except (Bad, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(found, list) or not 0 < len(found) <= MOST_LEGS:
        return None
    row, legs, ids = _LEGS[method, path], [], set()
    for item in found:
        if not isinstance(item, dict):
            return None
        decision = _decided(row, {name: _scalar(value) for name, value in item.items()})
        if decision.reason is not None:
            return None
        legs.append(dict(decision.pairs))
        name = legs[-1].get("newClientOrderId")
        if name is not None and name in ids:
            return None
        ids.add(name)
    return Wanted(method, path, tuple(legs))


def _scalar(value: Any) -> str:
    """Give what stands for one value as text; what is no single value is of no kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else ""


def _decided(row: Row, texts: Mapping[str, str]) -> Decision:
    found = decide(row, texts.items())
    if found.reason is not None:
        return found
    places = row.method in ("POST", "PUT")
    if places and texts["symbol"] not in _KNOWN and not (_reduces(texts) and row.method == "POST"):
        return REFUSED
    return REFUSED if any(_CONTROL(text) for text in texts.values()) else found


def _reduces(texts: Mapping[str, str]) -> bool:
    """Tell whether an order can only shrink a position; one that closes it states no quantity."""
    closes = texts.get("closePosition", "").lower() == "true" and "quantity" not in texts
    one_way = texts.get("positionSide", "BOTH") == "BOTH"
    return one_way and (closes or texts.get("reduceOnly", "").lower() == "true")


def without_made(legs: Iterable[Mapping[str, str]], wanted: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Give orders as they were sent without the ids that the gateway gave to those that had none."""
    names = ("newClientOrderId", "clientAlgoId", "listClientOrderId", "workingClientOrderId", "pendingClientOrderId")
    return [
        {name: value for name, value in leg.items() if name in asked or name not in names}
        for leg, asked in zip(legs, wanted, strict=True)
    ]
