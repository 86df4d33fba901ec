"""From a form to a judged order and on to the exchange: every field that policy saw arrives as it was (law L4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.fuzz.tools import is_text, json_in

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.canonical import encode_query
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.intent import Intent, Leg
from counterseal.core.judge import Denial, judge
from counterseal.core.reasons import REASONS
from counterseal.core.wire import WireError, decode_pairs
from counterseal.paper import futures_batch, wire

ENDPOINTS = tuple(
    sorted((each for each in load_catalogue() if each.mutating and each.typed), key=lambda each: each.name)
)
_ORDERS = tuple(number for number, each in enumerate(ENDPOINTS) if each.path.endswith(("/order", "/batchOrders")))
_LIMIT = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
_LEGS = b'batchOrders=[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1","reduceOnly":true}]'
COVERED = (
    "counterseal.core.judge",
    "counterseal.core.shape",
    "counterseal.core.legs",
    "counterseal.core.wire",
    "counterseal.core.binance.values",
    "counterseal.paper.futures_batch",
    "counterseal.paper.wire",
)
SEEDS = tuple(bytes((number,)) + text for number in _ORDERS for text in (_LIMIT, _LEGS)) + tuple(
    bytes((number,)) + b"&".join(b"%b=1" % name.encode() for name in each.required)
    for number, each in enumerate(ENDPOINTS)
)
TOKENS = (
    *sorted({f"{name}=".encode() for each in ENDPOINTS for name in each.params}),
    b"&", b"=", b"%5B", b"%22", b"%7B", b"[", b"]", b"{", b"}", b'"', b":", b",", b"BTCUSDT", b"BUY", b"0.1", b"1e3",
    b"true", b"TRUE", b"\\u0042", b"%E5%B8%81", b"batchOrders=", b"orderIdList=", b"[1,2]", b'["a","b"]', b"\\ud800",
)  # fmt: skip
_MADE = "cs-fuzz"


def target(data: bytes) -> None:
    """Judge, write, let the exchange read, and compare."""
    endpoint = ENDPOINTS[data[0] % len(ENDPOINTS)] if data else ENDPOINTS[0]
    try:
        pairs = decode_pairs(data[1:])
    except WireError:
        return
    judged = judge(endpoint, pairs, lambda: _MADE)
    assert judged == judge(endpoint, pairs, lambda: _MADE), "a shape that was seen is judged differently"
    if isinstance(judged, Denial):
        assert judged.reason in REASONS and len(judged.name) <= 64
        return
    _check_intent(endpoint, judged, dict(pairs))
    read = wire.read(wire.Request(endpoint.method, b"/x?" + encode_query(judged.pairs), {}, [], b"", ""))
    arrived = read.merged()
    assert read.pairs == list(judged.pairs) and arrived == {name: arrived[name] for name in judged.values}
    assert not read.has_duplicates or endpoint.lists
    _check_legs(endpoint, judged, arrived)


def _check_intent(endpoint: Endpoint, judged: Intent, asked: dict[str, str]) -> None:
    """Only what is known, nothing twice, and no value changed but those that have several spellings."""
    names = [name for name, _ in judged.pairs]
    assert set(names) <= endpoint.params.keys() and {"timestamp", "recvWindow", "signature"}.isdisjoint(names)
    assert all(name in endpoint.lists or names.count(name) == 1 for name in names)
    assert all(is_text(value) and value for _, value in judged.pairs) or endpoint.lists
    for name, value in judged.pairs:
        came = next((asked[alias] for alias, real in endpoint.aliases.items() if real == name and alias in asked), None)
        came = asked.get(name, came)
        kept = came is not None and (came == value or came.lower() == value or came.lstrip()[:1] in '["')
        assert kept or (came is None and value == _MADE) or name in endpoint.lists, (name, came, value)


def _check_legs(endpoint: Endpoint, judged: Intent, arrived: dict[str, str]) -> None:
    """Compare each leg with what the exchange will trade by."""
    if "batchOrders" in arrived:
        legs = futures_batch._legs(arrived["batchOrders"])
        assert len(legs) == len(judged.legs) and json_in(arrived["batchOrders"].encode()) is not None
        for leg, there in zip(judged.legs, legs, strict=True):
            _check_leg(leg, there)
    elif len(judged.legs) == 1 and not endpoint.path.endswith("/keepPriority"):
        _check_leg(judged.legs[0], arrived)
    for leg in judged.legs:
        assert leg.symbol in (arrived.get("symbol"), *judged.symbols)


def _check_leg(leg: Leg, there: dict[str, Any]) -> None:
    assert (leg.symbol, leg.side) == (there.get("symbol", ""), there.get("side", ""))
    assert leg.type == there.get("type", "")
    assert leg.quantity == (Decimal(there["quantity"]) if "quantity" in there else None)
    assert leg.quote_quantity == (Decimal(there["quoteOrderQty"]) if "quoteOrderQty" in there else None)
    prices = [
        Decimal(value) for name, value in there.items() if name.lower().endswith("price") and name != "priceMatch"
    ]
    assert sorted(leg.prices) == sorted(prices) or "callbackRate" in there, (leg.prices, prices)
    if leg.reduces:
        assert "true" in (there.get("reduceOnly"), there.get("closePosition"))
