"""JSON of the exchange as those read it who decide by it: prices, rules, orders, lists, events, answers to queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from tests.fuzz.tools import is_text

from counterseal.core import listings, queries
from counterseal.core.exposure.rows import orders_in, shown
from counterseal.core.market import parse_prices, parse_rules
from counterseal.core.outcome import read_answer
from counterseal.core.ownership import born, number_in
from counterseal.core.queries import Window
from counterseal.core.resolver import Ask
from counterseal.core.streams import rest_shapes
from counterseal.core.streams.depth_messages import read_change, read_snapshot
from counterseal.core.subjects import Store, Subject, subjects
from counterseal.core.userdata import names as event_names
from counterseal.core.userdata.rows import MOST_TEXT, told
from counterseal.gateway import answers
from counterseal.gateway.exits import frames as exit_frames
from counterseal.gateway.userdata.subscription import Subscription

COVERED = (
    "counterseal.core.market",
    "counterseal.core.queries",
    "counterseal.core.listings",
    "counterseal.core.ownership",
    "counterseal.core.exposure.rows",
    "counterseal.core.userdata",
    "counterseal.core.streams.rest_shapes",
    "counterseal.core.streams.depth_messages",
    "counterseal.gateway.exits.frames",
    "counterseal.gateway.userdata.subscription",
)
SEEDS = (
    b'[{"symbol":"BTCUSDT","price":"1.5"}]', b'{"symbols":[{"symbol":"A","baseAsset":"B","status":"TRADING"}]}',
    b'[{"symbol":"A","contractSize":100,"contractStatus":"TRADING","baseAsset":"B","quoteAsset":"USD"}]',
    b'{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"mine","status":"NEW","executedQty":"0.1","time":1}',
    b'[{"symbol":"BTCUSDT","algoId":1,"clientAlgoId":"mine","algoStatus":"NEW","actualOrderId":"2","createTime":5}]',
    b'{"e":"executionReport","s":"BTCUSDT","c":"a","C":"b","i":1,"g":-1,"X":"NEW","z":"0.1","S":"BUY"}',
    b'{"e":"ORDER_TRADE_UPDATE","o":{"s":"BTCUSDT","c":"a","i":1,"X":"NEW","z":"0","S":"BUY"}}', b'{"orders":[{}]}',
    b'{"e":"ALGO_UPDATE","o":{"s":"BTCUSDT","caid":"a","aid":1,"ai":"2","X":"NEW"}}', b'{"balances":[{"asset":"A"}]}',
    b'{"e":"listStatus","s":"A","C":"c","g":1,"L":"ALL_DONE","O":[{"s":"A","i":1,"c":"x"}]}', b"[[[[]]]]", b"1e400",
    b'{"data":{"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4","E":5,"u":6,"U":7,"pu":8}}', b'{"lastUpdateId":1}',
    b'{"data":{"s":"BTCUSDT","b":"\\ud800","B":NaN,"a":1e999,"A":"4"}}', b'{"orderReports":[{"clientOrderId":"a"}]}',
    b'{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}', b'[{"orderId":1},{"orderId":-1},{"orderId":"2"}]',
    b'{"data":{"e":"depthUpdate","U":2,"u":3,"s":"BTCUSDT","b":[["1.0","1"]],"a":[["2","0"]],"E":1}}',
    b'{"id":1,"status":200,"result":{"a":1}}', b'{"id":2,"status":429,"error":{"code":-1003,"data":{"retryAfter":1}}}',
    b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated"}}',
    b'{"e":"TRADE_LITE","s":"A","c":"autoclose-1","i":7}',
)  # fmt: skip
_NAMES = """
symbol price status orderId clientOrderId executedQty time algoId clientAlgoId algoStatus actualOrderId e s c C i g X
z S o caid aid ai L O data b a B A E u U pu lastUpdateId bids asks symbols baseAsset contractSize or event id error
result orderReports orders free locked balances asset positionAmt origClientOrderId subscriptionId
"""
TOKENS = (
    *[f'"{name}":'.encode() for name in _NAMES.split()], b"{", b"}", b"[", b"]", b",", b'"', b"null", b"true", b"-1",
    b"1e999", b"NaN", b"0.1", b"\\ud800", b"[[", b"]]",
)  # fmt: skip
_WINDOW = Window(1_000_000, 1_010_000)
_ASKED: tuple[Subject, ...] = (
    *subjects("spot", "POST", "/api/v3/order", {"symbol": "BTCUSDT", "newClientOrderId": "mine", "side": "BUY"}),
    *subjects("usdm", "DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "1"}),
    *subjects("coinm", "POST", "/dapi/v1/algoOrder", {"symbol": "BTCUSDT", "clientAlgoId": "mine", "quantity": "1"}),
    *subjects("spot", "DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}),
)
_KINDS = (
    "executionReport", "listStatus", "ORDER_TRADE_UPDATE", "ALGO_UPDATE", "TRADE_LITE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
)  # fmt: skip


class _Nobody:
    """Stands where the gateway would be told of a refusal."""

    def monotonic_ms(self) -> int:
        return 0

    def on_refusal(self, _held: object, _endpoint: object, status: int, code: int | None, _now_ms: int) -> None:
        assert type(status) is int and (code is None or type(code) is int)


# A way to user data whose connection is never opened.
_HEAR = Subscription(_Nobody(), _Nobody(), None, None).hear  # type: ignore[arg-type]  # all that an answer reaches


def target(data: bytes) -> None:
    """Every reader takes it or leaves it, and what it takes is sound."""
    _check_texts(data)
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    _check_market(body)
    _check_rows(body)
    _check_queries(body)
    if isinstance(body, dict):
        _check_event(body)


def _check_texts(data: bytes) -> None:
    """Readers that get bytes: of streams, of the exits' connection, of a subscription."""
    change, snapshot = read_change(data), read_snapshot(data)
    if change is not None:
        assert all(type(number) is int for number in (change.first, change.last, change.event_ms, change.trade_ms))
        assert is_text(change.symbol + change.pair)
    assert snapshot is None or all(len(row) == 2 for row in snapshot.bids + snapshot.asks)
    assert rest_shapes.moment_ms(data) is not None
    for _, fields in rest_shapes.WHOLE.values():
        shaped = rest_shapes.answer(data, fields, "BTCUSDT")
        assert shaped is None or answers.is_whole(shaped), "an answer that is no JSON"
    said = exit_frames.read(data)
    assert said is None or 200 <= said.status <= 599
    try:
        _HEAR(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass


def _check_market(body: Any) -> None:
    prices = _read(lambda: parse_prices(body)) or {}
    assert all(price > 0 and price.is_finite() and isinstance(name, str) for name, price in prices.items())
    for family in ("spot", "usdm", "coinm"):
        rules = _read(lambda of=family: parse_rules(of, body)) or {}  # type: ignore[misc]  # bound at once
        for rule in rules.values():
            assert rule.worth(Decimal(1)) > 0 and isinstance(rule.status, str)
            assert family == "coinm" or rule.contract_size is None


def _read(read: Callable[[], Any]) -> Any:
    """What is no such list says so in one of these ways."""
    try:
        return read()
    except (KeyError, TypeError, AttributeError):
        return None


def _check_rows(body: Any) -> None:
    for row in orders_in(body):
        found = shown(row)
        if found is not None:
            assert found.names or found.number
            assert found.filled >= 0 and all(isinstance(name, str) for name in found.names)
    for family in ("spot", "usdm"):
        assert listings.is_held(family, body) in (True, False)
        listings.held_symbols(family, body, {"AB": ("A", "B")})
    if listings.is_list(body):
        assert all(type(number) is int and number >= 0 for number in listings.traded(body))
        for store in Store:
            for row in body:
                assert isinstance(listings.found(store, row).symbol, str)
    for path in ("/api/v3/orderList/oco", "/fapi/v1/batchOrders", "/api/v3/order/cancelReplace"):
        assert all(type(number) is int for _, number in born(path, "BTCUSDT", body))


def _check_queries(body: Any) -> None:
    for status in (200, 400):
        answer = read_answer(status, body)
        for subject in _ASKED:
            for ask in Ask:
                finding, order = queries.read(subject, ask, answer, _WINDOW)
                assert order is None or (isinstance(order, dict) and order.get("symbol", "") in ("BTCUSDT", ""))
                assert finding is not None


def _check_event(body: dict[str, Any]) -> None:
    for kind in (*_KINDS, str(body.get("e", ""))):
        for one in told(kind, body):
            texts = (one.symbol, *one.names, one.side, one.status)
            assert all(isinstance(text, str) and len(text) <= MOST_TEXT for text in texts)
            assert one.names or one.number is not None
            assert number_in(one.number) == one.number and (one.row is None or json.dumps(one.row))
        for named in event_names.names_in(kind, body):
            assert named.client_id is None or isinstance(named.client_id, str)
            assert named.number is None or type(named.number) is int
