"""An exchange that notes what arrives, checks its signature over the raw bytes and says yes.

It reads requests with a parser of its own, so that what it finds is what the bytes say and not what the gateway thinks.
"""

import json
from dataclasses import dataclass
from urllib.parse import unquote

from tests.captures.exchange_keys import Check

from counterseal.ports.clock import Clock
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request at the exchange. `pairs` are all of them, decoded; `verified` is None without a signature."""

    raw: bytes
    family: str
    method: str
    path: str
    headers: dict[str, str]
    pairs: tuple[Pair, ...]
    signature: str
    verified: bool | None
    answer: bytes

    @property
    def bare(self) -> bytes:
        """The bytes without our signature, which is random text and could spell anything."""
        return self.raw.partition(b"&signature=")[0] + self.raw.partition(b" HTTP/1.1")[2]


class Recorder:
    """The Venue port. Answers 200 with the symbol and the client id that were sent."""

    def __init__(self, clock: Clock, check: Check) -> None:
        self._clock = clock
        self._check = check
        self.arrived: list[Arrived] = []

    async def send(self, family: str, request: bytes, _terms: Terms = ORDINARY) -> VenueReply:
        """Note one request and answer it."""
        arrived = read(family, request, self._check)
        self.arrived.append(arrived)
        now_ns = self._clock.monotonic_ns()
        return VenueReply(200, {"content-type": "application/json"}, arrived.answer, now_ns, now_ns)

    async def close(self) -> None:
        """Nothing is open."""


def read(family: str, request: bytes, check: Check) -> Arrived:
    """Parse a request and check its signature."""
    head, _, body = request.partition(b"\r\n\r\n")
    if body:
        raise ValueError("the gateway sends no body")
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    payload, _, signature = query.partition("&signature=")
    pairs = tuple(_pair(element) for element in query.split("&")) if query else ()
    return Arrived(
        raw=request,
        family=family,
        method=method,
        path=path,
        headers={name.lower(): value for name, value in (line.split(": ", 1) for line in lines)},
        pairs=pairs,
        signature=signature,
        verified=check(payload.encode(), unquote(signature)) if "signature" in dict(pairs) else None,
        answer=_answer(path, dict(pairs)),
    )


def _pair(element: str) -> Pair:
    name, equals, value = element.partition("=")
    if not equals:
        raise ValueError("an element without a value")
    # RFC 3986: a plus sign is a plus sign.
    return unquote(name, errors="strict"), unquote(value, errors="strict")


def _answer(path: str, values: dict[str, str]) -> bytes:
    return json.dumps(_body(path, values)).encode()


def _body(path: str, values: dict[str, str]) -> object:
    """A plausible answer that speaks of what was asked."""
    if "batchOrders" in values:
        return [_order(leg) for leg in json.loads(values["batchOrders"])]
    if path.endswith("/batchOrders"):
        ids = json.loads(values.get("orderIdList") or values["origClientOrderIdList"])
        return [_order(values) for _ in ids]
    if path.endswith("/cancelReplace"):
        done = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        return {**done, "cancelResponse": {"symbol": values["symbol"]}, "newOrderResponse": _order(values)}
    return _order(values)


def _order(values: dict[str, str]) -> dict[str, object]:
    order: dict[str, object] = {"orderId": int(values.get("orderId", 7)), "status": "NEW"}
    if "symbol" in values:
        order["symbol"] = values["symbol"]
    if "newClientOrderId" in values:
        order["clientOrderId"] = values["newClientOrderId"]
    return order
