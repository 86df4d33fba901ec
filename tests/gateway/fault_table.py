"""The faults of an exchange in trouble and the kinds of requests that meet them, with the class that each cell must
have: written from the table of classes (what an answer proves), not from the code that is judged by it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from counterseal.paper.faulted import Reply
from counterseal.paper.faults_answers import INTERNAL_503, THROTTLED_503, UNKNOWN_503, answer
from counterseal.paper.faults_body import SPOILERS

ACCEPTED, REJECTED, UNKNOWN, NOT_SENT = "ACCEPTED", "REJECTED", "UNKNOWN", "NOT_SENT"
SPOT, USDM = "spot", "usdm"


class Wire(NamedTuple):
    """What comes over the wire: an answer's bytes, and then whether it ends there or hangs."""

    data: bytes
    end: str = "keep"  # keep | fin | stall


@dataclass(frozen=True)
class Fault:
    """`spot` and `usdm` are the classes there. `truths` are whether the exchange executes the request all the same.

    `make` gives the wire from the true reply (None where nothing was executed) and now; None for a connection refused.
    """

    name: str
    spot: str
    usdm: str
    truths: tuple[bool, ...]
    make: Callable[["Kind", Reply | None, int], Wire] | None

    def expected(self, kind: "Kind") -> str:
        """The class of this cell."""
        return EXCEPT.get((self.name, kind.name)) or (self.spot if kind.family == SPOT else self.usdm)


@dataclass(frozen=True)
class Kind:
    """A kind of request. `ids` are the client ids that it brings into the world, `named` the field that repeats what
    it was named by; `born` are questions that find an order when it was carried out, `ended` one that finds it ended.
    """

    name: str
    family: str
    method: str
    path: str
    query: str
    ids: tuple[str, ...] = ()
    named: str = ""
    born: tuple[tuple[str, str], ...] = ()
    ended: tuple[str, str] = ("", "")
    altered: tuple[str, str, str] = ("", "", "")
    signed: bool = True

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


def _bytes(status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body) if length is None else length}\r\n{lines}\r\n"
    return head.encode() + body


def sound(reply: Reply) -> Wire:
    """The true reply."""
    return Wire(_bytes(reply.status, reply.body, reply.headers))


def _canned(name: str) -> Callable[[Kind, Reply | None, int], Wire]:
    def make(_kind: Kind, _reply: Reply | None, now_ms: int) -> Wire:
        told = answer(name, now_ms)
        return Wire(_bytes(told.status, told.body, told.headers))

    return make


def _text(text: str) -> Callable[[Kind, Reply | None, int], Wire]:
    """A 503 with its text and no code."""
    return _canned("503:" + json.dumps({"msg": text}))


def _fixed(status: int, body: bytes, **headers: str) -> Callable[[Kind, Reply | None, int], Wire]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _kind, _reply, _now_ms: Wire(_bytes(status, body, named))


def _spoiled(name: str) -> Callable[[Kind, Reply | None, int], Wire]:
    def make(kind: Kind, reply: Reply | None, _now_ms: int) -> Wire:
        if reply is None:
            raise ValueError("only a true reply can be spoilt")
        argument = kind.named if name == "missing_field" else ""
        return Wire(_bytes(reply.status, SPOILERS[name](reply.body, argument), reply.headers))

    return make


def _cut(_kind: Kind, reply: Reply | None, _now_ms: int) -> Wire:
    body = b"{}" * 40 if reply is None else reply.body
    return Wire(_bytes(200, body[: len(body) // 2], {}, len(body)), "fin")


def _nothing(end: str) -> Callable[[Kind, Reply | None, int], Wire]:
    return lambda _kind, _reply, _now_ms: Wire(b"", end)


NO, YES, BOTH = (False,), (True,), (True, False)


def _same(name: str, outcome: str, truths: tuple[bool, ...]) -> Fault:
    return Fault(name, outcome, outcome, truths, _canned(name))


STATUS = (
    *[_same(name, REJECTED, NO) for name in ("418", "418-bare", "429", "429-bare", "403", "401")],
    *[_same(name, REJECTED, NO) for name in ("-1021", "-1022", "-1003", "-1015")],
    # Two results, which only a cancelReplace has (EXCEPT).
    *[_same(name, UNKNOWN, NO) for name in ("409-partial", "409-failed")],
    *[_same(name, UNKNOWN, BOTH) for name in ("451", "500", "502", "504")],
    # Without a code, so that the status decides; and with a status of refusals, so that the code does.
    Fault("408", UNKNOWN, UNKNOWN, BOTH, _canned("408:<html><title>408 Request Timeout</title></html>")),
    *[
        Fault(str(code), UNKNOWN, UNKNOWN, BOTH, _canned("400:" + json.dumps({"code": code, "msg": "Timeout."})))
        for code in (-1000, -1006, -1007)
    ],
    *[_same(name, UNKNOWN, BOTH) for name in ("503-unknown", "503-strange", "503-strange-bare")],
    # An earlier order lives: this one, or another one.
    *[_same(name, UNKNOWN, BOTH) for name in ("-2010-duplicate", "-4116")],
    # The text says one thing and the code -1000 another: the more careful row holds.
    _same("503-unavailable", UNKNOWN, BOTH),
    # So with status 500 and code -1001.
    _same("-1001", UNKNOWN, BOTH),
    Fault("503-internal", UNKNOWN, REJECTED, NO, _canned("503-internal")),
    Fault("503-throttled", UNKNOWN, REJECTED, NO, _canned("503-throttled")),
    Fault("-1008", UNKNOWN, REJECTED, NO, _canned("-1008")),
    Fault("503-unknown, no code", UNKNOWN, UNKNOWN, BOTH, _text(UNKNOWN_503)),
    Fault("503-unavailable, no code", UNKNOWN, REJECTED, NO, _text("Service Unavailable.")),
    Fault("503-internal, no code", UNKNOWN, REJECTED, NO, _text(INTERNAL_503)),
    Fault("503-throttled, no code", UNKNOWN, REJECTED, NO, _text(THROTTLED_503)),
)
TRANSPORT = (
    Fault("refused", NOT_SENT, NOT_SENT, NO, None),
    Fault("lost before it was executed", UNKNOWN, UNKNOWN, NO, _nothing("fin")),
    Fault("lost after it was executed", UNKNOWN, UNKNOWN, YES, _nothing("fin")),
    Fault("stall", UNKNOWN, UNKNOWN, BOTH, _nothing("stall")),
    Fault("FIN in the body", UNKNOWN, UNKNOWN, BOTH, _cut),
)
CONTENT = (
    *[Fault(name, UNKNOWN, UNKNOWN, YES, _spoiled(name)) for name in (
        "truncated", "error_in_200", "wrong_client_id", "wrong_symbol", "nan_price", "invalid_utf8", "missing_field",
    )],
    Fault("unknown_enum", ACCEPTED, ACCEPTED, YES, _spoiled("unknown_enum")),
    Fault("HTML", UNKNOWN, UNKNOWN, BOTH, _fixed(200, b"<html><body>maintenance</body></html>")),
    Fault("gzip rubbish", UNKNOWN, UNKNOWN, BOTH, _fixed(200, b"\x1f\x8b\x08\x00rubbish", Content_Encoding="gzip")),
    Fault("3xx", UNKNOWN, UNKNOWN, BOTH, _fixed(302, b"", Location="https://elsewhere.example/")),
)  # fmt: skip
FAULTS = (*STATUS, *TRANSPORT, *CONTENT)

_LIMIT = "side=BUY&type=LIMIT&timeInForce=GTC"
_LEG = '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.01","price":"%s",'
_BATCH = f'[{_LEG % "80001.0"}"newClientOrderId":"b1"}},{_LEG % "80002.0"}"newClientOrderId":"b2"}}]'
# What rests before: "old" on both sides.
RESTING = (
    ("/api/v3/order", f"symbol=BTCUSDT&{_LIMIT}&quantity=0.002&price=80000.00&newClientOrderId=old"),
    ("/fapi/v1/order", f"symbol=BTCUSDT&{_LIMIT}&quantity=0.01&price=80000.0&newClientOrderId=old"),
)


def _found(path: str, name: str, *ids: str) -> tuple[tuple[str, str], ...]:
    return tuple([(path, f"symbol=BTCUSDT&{name}={one}" if "lgo" not in path else f"{name}={one}") for one in ids])


_OLD = "symbol=BTCUSDT&origClientOrderId=old"
_ORDER, _FORDER = "/api/v3/order", "/fapi/v1/order"
KINDS = (
    Kind("place LIMIT", SPOT, "POST", _ORDER,
         f"symbol=BTCUSDT&{_LIMIT}&quantity=0.002&price=81000.00&newClientOrderId=n1", ("n1",), "clientOrderId",
         _found(_ORDER, "origClientOrderId", "n1")),
    Kind("place MARKET", USDM, "POST", _FORDER,
         "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&newClientOrderId=n1", ("n1",), "clientOrderId",
         _found(_FORDER, "origClientOrderId", "n1")),
    Kind("place conditional", USDM, "POST", "/fapi/v1/algoOrder",
         "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.01&triggerPrice=70000"
         "&clientAlgoId=n1", ("n1",), "clientAlgoId", _found("/fapi/v1/algoOrder", "clientAlgoId", "n1")),
    Kind("batch", USDM, "POST", "/fapi/v1/batchOrders", "batchOrders=" + quote(_BATCH), ("b1", "b2"), "clientOrderId",
         _found(_FORDER, "origClientOrderId", "b1", "b2")),
    Kind("modify", USDM, "PUT", _FORDER,
         "symbol=BTCUSDT&side=BUY&quantity=0.02&price=79000.0&origClientOrderId=old", (), "clientOrderId",
         altered=(_FORDER, _OLD, '"price":"79000.0"')),
    Kind("cancel by client id", SPOT, "DELETE", _ORDER, _OLD, (), "origClientOrderId", ended=(_ORDER, _OLD)),
    Kind("cancel by number", USDM, "DELETE", _FORDER, "symbol=BTCUSDT&orderId={old}", (), "orderId",
         ended=(_FORDER, _OLD)),
    Kind("cancel all", SPOT, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT", (), "symbol", ended=(_ORDER, _OLD)),
    Kind("cancelReplace", SPOT, "POST", "/api/v3/order/cancelReplace",
         f"symbol=BTCUSDT&{_LIMIT}&quantity=0.002&price=81000.00&cancelReplaceMode=STOP_ON_FAILURE"
         "&cancelOrigClientOrderId=old&newClientOrderId=n1", ("n1",), "newOrderResponse",
         _found(_ORDER, "origClientOrderId", "n1"), ended=(_ORDER, _OLD)),
    Kind("order list", SPOT, "POST", "/api/v3/orderList/oco",
         "symbol=BTCUSDT&side=BUY&quantity=0.002&aboveType=STOP_LOSS_LIMIT&abovePrice=130000.00"
         "&aboveStopPrice=129000.00&aboveTimeInForce=GTC&belowType=LIMIT_MAKER&belowPrice=81500.00"
         "&listClientOrderId=n1&aboveClientOrderId=n2&belowClientOrderId=n3", ("n1", "n2", "n3"), "listClientOrderId",
         _found(_ORDER, "origClientOrderId", "n2", "n3")),
    Kind("setting", USDM, "POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5", (), "leverage"),
    Kind("signed read", SPOT, "GET", _ORDER, _OLD, (), "clientOrderId"),
    Kind("public read", SPOT, "GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT", (), "symbols", signed=False),
)  # fmt: skip

# Where a kind of request has a class of its own.
EXCEPT = {
    # Both results are read: one half happened, or none.
    ("409-partial", "cancelReplace"): ACCEPTED,
    ("409-failed", "cancelReplace"): REJECTED,
    # It named its order by the number, and that is repeated truly: no client id was sent that could be another.
    ("wrong_client_id", "cancel by number"): ACCEPTED,
    ("wrong_client_id", "cancel all"): ACCEPTED,
    # What is absent contradicts nothing where no order is born: a symbol was repeated truly.
    ("missing_field", "modify"): ACCEPTED,
    ("missing_field", "cancel by client id"): ACCEPTED,
    ("missing_field", "cancel by number"): ACCEPTED,
    ("missing_field", "cancel all"): ACCEPTED,
    ("missing_field", "setting"): ACCEPTED,
}
# Cells that make no sense, and why.
NO_CELL = {
    ("wrong_client_id", "setting"): "its answer names no client id",
    ("wrong_client_id", "public read"): "its answer names no client id",
    ("nan_price", "setting"): "its answer names no price",
    ("nan_price", "public read"): "its answer names no price",
}
