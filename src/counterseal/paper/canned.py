"""A fast path for benchmarks of what stands in front: new orders answered as accepted without being looked at.

No signature check, no matching, no limits, no journal.  It is never on by itself, the server says so when it starts,
and every such answer carries `X-Paper-Canned: 1`.
"""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.faulted import Reply
from counterseal.paper.wire import Request

SPOT, USDM = b"/api/v3/order", b"/fapi/v1/order"
HEADERS = {"X-Paper-Canned": "1"}
NOTICE = "canned answers are on: orders are neither checked nor executed nor journalled"
SPOT_REPLY = (
    b'{"symbol":"%b","orderId":%d,"orderListId":-1,"clientOrderId":"%b","transactTime":%d,"price":"%b","origQty":"%b",'
    b'"executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW",'
    b'"timeInForce":"GTC","type":"LIMIT","side":"%b","workingTime":%d,"selfTradePreventionMode":"EXPIRE_MAKER","fills":[]}'
)
USDM_REPLY = (
    b'{"symbol":"%b","orderId":%d,"clientOrderId":"%b","updateTime":%d,"price":"%b","origQty":"%b","executedQty":"0",'
    b'"status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"%b","stopPrice":"0","reduceOnly":false,'
    b'"positionSide":"BOTH","closePosition":false,"origType":"LIMIT","workingType":"CONTRACT_PRICE",'
    b'"priceProtect":false,"priceMatch":"NONE","selfTradePreventionMode":"EXPIRE_MAKER","goodTillDate":0}'
)


class Canned:
    """Makes the answers; order ids count up, what the request names is echoed."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._next = 90_000_000

    def answer(self, request: Request) -> Reply | None:
        """The answer to a new order, or None for everything else."""
        path, _, query = request.target.partition(b"?")
        if request.method != "POST" or path not in (SPOT, USDM):
            return None
        sent = dict(part.partition(b"=")[::2] for part in (query + b"&" + request.body).split(b"&"))
        self._next += 1
        now_ms = self._now_ns() // 1_000_000
        named = (sent.get(b"symbol", b""), self._next, sent.get(b"newClientOrderId", b"canned-%d" % self._next), now_ms,
                 sent.get(b"price", b"0"), sent.get(b"quantity", b"0"), sent.get(b"side", b"BUY"))  # fmt: skip
        body = SPOT_REPLY % (*named, now_ms) if path == SPOT else USDM_REPLY % named
        return Reply(200, body, dict(HEADERS))
