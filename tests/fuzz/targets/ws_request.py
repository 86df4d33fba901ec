"""A request of the WebSocket API: what is read, and what is signed, is what the paper exchange reads (law L4)."""

from __future__ import annotations

import json

from tests.fuzz.tools import is_text, json_in, utf8_in

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Catalogue
from counterseal.core.reasons import REASONS
from counterseal.core.wsapi import frames, methods, replies
from counterseal.core.wsapi.call import call_of, wants_limits
from counterseal.core.wsapi.frames import Frame, Refused
from counterseal.paper import ws_params

_ORDER = (
    b'{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","price":"1.0","quantity":'
    b'0.10,"apiKey":"k","signature":"s","timestamp":1}}'
)
COVERED = ("counterseal.core.wsapi", "counterseal.core.strict_json", "counterseal.paper.ws_params")
SEEDS = (
    _ORDER, b'{"id":"a","method":"ping"}', b'{"method":"time","params":null}', b'{"id":null,"method":"m","params":{}}',
    b'{"id":-9223372036854775808,"method":"depth","params":{"symbol":"A","limit":1}}', b'{"id":1.0,"method":"m"}',
    b'{"id":1,"method":"m","params":{"l":[1.50,{"a":false,"b":null}],"n":null}}', b'{"id":1,"method":1}', b"[]",
    b'{"id":1,"method":"order.cancel","params":{"clientOrderId":"x","origClientOrderId":"x","symbol":"A"}}',
    b'{"id":"\\u0022\\n","method":"session.logon","params":{"apiKey":"k","returnRateLimits":false}}', b'{"id":[]}',
    b'{"id":1,"method":"m","params":{"l":[1.50, {"a": false, "b": ["x"]}],"f":true}}',
    b'{"id":1,"method":"m","params":{"a b":"1"}}', b'{"id":1,"method":"m","params":{"a":"\\u0000"}}', b'{"id":true}',
    '{"id":"币","method":"m","params":{"symbol":"币\\u5b89"}}'.encode(), b'{"id":1,"id":2,"method":"m"}',
)  # fmt: skip
TOKENS = (
    b'"id":', b'"method":', b'"params":', b'"apiKey":', b'"signature":', b'"timestamp":', b'"symbol":', b"order.place",
    b"order.cancel", b"session.logon", b"session.status", b"ping", b"{", b"}", b"[", b"]", b'"', b":", b",", b"null",
    b"true", b"false", b"0.10", b"1e3", b"-0", b"\\u0000", b"\\ud800", b'"returnRateLimits":', b'"clientOrderId":',
    b'"newClientOrderId":', b"9223372036854775808", b"\x7f",
)  # fmt: skip
_CATALOGUES: dict[str, Catalogue] = {"rest": load_catalogue(), "here": methods.catalogue()}


def target(data: bytes) -> None:
    """Read, and have the exchange read."""
    text = utf8_in(data)
    if text is None:
        return
    try:
        frame = frames.read(text)
    except Refused as refused:
        assert refused.reason in REASONS
        _check_id(refused.id)
        _check_answer(refused.id)
        return
    _check_id(frame.id)
    _check_answer(frame.id)
    message = ws_params.decode(text.encode())
    assert message["method"] == frame.method
    assert ws_params.request_id(message.get("id")) == json.loads(frame.id)
    params = message.get("params")
    texts = ws_params.texts(params) if isinstance(params, dict) else {}
    assert tuple(texts.items()) == frame.pairs
    _check_call(frame, texts)


def _check_id(asked: str) -> None:
    found = json.loads(asked)
    assert found is None or (type(found) is int and -(1 << 63) <= found < 1 << 63) or len(found) <= frames.MAX_ID
    assert is_text(asked)


def _check_answer(asked: str) -> None:
    """The id goes into our frames as it is: they stay what they were."""
    good = json_in(replies.result(asked, 200, b'{"a":1}', b"[]"))
    assert good == {"id": json.loads(asked), "status": 200, "result": {"a": 1}, "rateLimits": []}
    bad = json_in(replies.error(asked, 400, b'{"code":-1,"msg":""}', None, {"x": 1}))
    assert bad == {"id": json.loads(asked), "status": 400, "error": {"code": -1, "msg": "", "data": {"x": 1}}}


def _check_call(frame: Frame, texts: dict[str, str]) -> None:
    """What the signature is compared with is what the exchange would compare it with."""
    wants_limits(frame, otherwise=True)
    for family in ("spot", "usdm", "coinm"):
        method = methods.find(family, frame.method)
        if method is None:
            continue
        endpoint = _CATALOGUES["here" if method.ends_here else "rest"].get(family, method.verb, method.path)
        assert endpoint is not None
        call = call_of(endpoint, frame, None)
        signed = ws_params.payload(texts)
        assert (call.payload, call.signature) == (signed.signed, signed.signature or "")
        assert call.key_id == texts.get("apiKey")
        left = {name: value for name, value in texts.items() if name not in ("apiKey", "signature", "returnRateLimits")}
        dropped = {name: value for name, value in left.items() if (name, value) not in call.pairs}
        assert dict(call.pairs).items() <= left.items() and dropped.keys() <= {"clientOrderId"}
        assert len(list(call.other_payloads())) == 2
