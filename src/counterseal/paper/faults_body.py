"""Bodies that say something else than what happened: each takes the true reply's bytes and gives false ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

Spoiler = Callable[[bytes, str], bytes]
ID_NAMES = ("clientOrderId", "clientAlgoId", "origClientOrderId", "listClientOrderId")
PRICE = re.compile(rb'"(price|avgPrice|stopPrice|markPrice|lastPrice|bidPrice)":"[0-9.]+"')


def truncated(body: bytes, argument: str) -> bytes:
    """The first half, as if that were all."""
    return body[: len(body) // 2]


def wrong_symbol(body: bytes, argument: str) -> bytes:
    return re.sub(rb'"symbol":"[^"]*"', b'"symbol":"%s"' % (argument or "WRONGUSDT").encode(), body)


def wrong_client_id(body: bytes, argument: str) -> bytes:
    wrong = (argument or "not-the-one-that-was-sent").encode()
    for name in ID_NAMES:
        body = re.sub(rb'"%s":"[^"]*"' % name.encode(), b'"%s":"%s"' % (name.encode(), wrong), body)
    return body


def duplicate_keys(body: bytes, argument: str) -> bytes:
    """The object's first member once more in front, with another value."""
    first = re.match(rb'\s*\{\s*("[^"]+")\s*:', body)
    if first is None:
        return b'{"code":0,' + body.lstrip()[1:] if body.lstrip().startswith(b"{") else body
    return b"{" + first[1] + b':"FISH",' + body[body.index(b'"') :]


def nan_price(body: bytes, argument: str) -> bytes:
    """Prices become the bare word NaN, which is no JSON."""
    return PRICE.sub(rb'"\1":NaN', body)


def error_in_200(body: bytes, argument: str) -> bytes:
    return b'{"code":-2010,"msg":"Account has insufficient balance for requested action."}'


def invalid_utf8(body: bytes, argument: str) -> bytes:
    at = body.find(b'":"') + 3
    return body[:at] + b"\xff\xfe\xc3" + body[at:] if at > 2 else b"\xff" + body


def unknown_enum(body: bytes, argument: str) -> bytes:
    """A status nobody has heard of; where there is none, `status` is added."""
    strange = (argument or "CANCEL_ONLY").encode()
    found = re.sub(rb'"(status|algoStatus)":"[A-Z_]+"', rb'"\1":"%s"' % strange, body)
    return found if found != body else _extra(body, "status", strange.decode())


def missing_field(body: bytes, argument: str) -> bytes:
    """Without the named field (default: `orderId` or the first there is), in objects and lists of objects."""
    return json.dumps(_without(_loaded(body), argument)).encode()


def extra_field(body: bytes, argument: str) -> bytes:
    return _extra(body, argument or "somethingNew", {"nested": [1, "two"]})


def _extra(body: bytes, name: str, value: object) -> bytes:
    loaded = _loaded(body)
    for item in loaded if isinstance(loaded, list) else [loaded]:
        if isinstance(item, dict):
            item[name] = value
    return json.dumps(loaded).encode()


def _without(value: object, name: str) -> object:
    if isinstance(value, list):
        return [_without(item, name) for item in value]
    if not isinstance(value, dict) or not value:
        return value
    gone = name or ("orderId" if "orderId" in value else next(iter(value)))
    return {key: item for key, item in value.items() if key != gone}


def _loaded(body: bytes) -> object:
    try:
        loaded: object = json.loads(body)
    except ValueError:
        return {}
    return loaded


SPOILERS: dict[str, Spoiler] = {
    "truncated": truncated,
    "wrong_symbol": wrong_symbol,
    "wrong_client_id": wrong_client_id,
    "duplicate_keys": duplicate_keys,
    "nan_price": nan_price,
    "error_in_200": error_in_200,
    "invalid_utf8": invalid_utf8,
    "unknown_enum": unknown_enum,
    "missing_field": missing_field,
    "extra_field": extra_field,
}
