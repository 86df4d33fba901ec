"""Requests of several orders with one thing wrong in one of them, and the reason that refuses the whole."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

Pairs = list[tuple[str, str]]
Legs = list[str]
Leg = dict[str, str]
# The exchange places or changes up to five orders in a batch and cancels up to ten; the gateway reads up to ten.
MOST, MOST_READ, MOST_CANCELLED = 5, 10, 10


class Request(NamedTuple):
    """A request; `reason` is None where it is good. `reads_as` are its orders as the exchange must get them."""

    method: str
    path: str
    pairs: Pairs
    reason: str | None
    what: str
    reads_as: tuple[Leg, ...] = ()


def good_leg(path: str, method: str, number: int) -> Leg:
    """Give an order, or a change of one, for a batch."""
    symbol = "BTCUSD_PERP" if path.startswith("/dapi") else "BTCUSDT"
    leg = {"symbol": symbol, "side": "BUY", "quantity": "1", "price": f"9000{number}"}
    if method == "PUT":
        return {**leg, "orderId": str(number + 1)}
    return {**leg, "type": "LIMIT", "timeInForce": "GTC"}


# -- one bad leg of a batch, as JSON text

Spoil = Callable[[Leg], str]


def _with(name: str, value: str) -> Spoil:
    """A leg in which a name has a value, given as JSON."""

    def spoil(leg: Leg) -> str:
        text = json.dumps({**{n: v for n, v in leg.items() if n != name}, name: "@"})
        return text.replace('"@"', value)

    return spoil


def _without(name: str) -> Spoil:
    return lambda leg: json.dumps({n: v for n, v in leg.items() if n != name})


def _repeated(name: str, again: str) -> Spoil:
    return lambda leg: json.dumps(leg)[:-1] + f', "{again}": {json.dumps(leg[name])}}}'


def _exit(**more: str) -> Spoil:
    """An order that says it only reduces a position, larger than the bot may place."""
    return lambda leg: json.dumps({**leg, "quantity": "5000", "reduceOnly": "true", **more})


NUMBER, VALUE, MANDATORY, UNKNOWN = "malformed_number", "malformed_value", "mandatory_parameter", "unknown_parameter"
_NUMBERS = ('"1e-2"', "1e-2", '"-1"', "-1", '"+1"', '""', "null", "true", "[]", "{}", '"0x1"', '"1 "', '"1,0"', "[1]",
            '{"a": 1}', '"\\uff11"', '"1"1', "01", "1.", ".5", "NaN", "Infinity",
            '"1\\n"', '" 1"', '"1\\u0000"', '"\\t1"', '"1\\u00a0"')  # fmt: skip
_NO_JSON = frozenset({'"1"1', "01", "1.", ".5", "NaN", "Infinity"})
_BOTH: list[tuple[str, Spoil, str]] = [
    *[(f"quantity {v}", _with("quantity", v), VALUE if v in _NO_JSON else NUMBER) for v in _NUMBERS],
    *[(f"price {v}", _with("price", v), NUMBER) for v in ('"9e4"', "9e4", '"-9"', "null")],
    *[(f"side {v}", _with("side", v), VALUE) for v in ('"buy"', '""', "1", "null", "true", '"BUY "', '["BUY"]')],
    *[(f"no {name}", _without(name), MANDATORY) for name in ("symbol", "side", "quantity")],
    *[(f"unknown {name}", _with(name, '"1"'), UNKNOWN) for name in ("isIsolated", "Quantity", "stopPrice", "", "a b",
                                                                    "closePosition", "QUANTITY", "recvWindow")],
    *[(f"symbol {v}", _with("symbol", v), VALUE) for v in ('"B T"', '""', "null", '"B&T"', '"\\u0000"', "[]")],
    ("no such symbol", _with("symbol", '"NOSUCHUSDT"'), "unknown_symbol"),
    ("closed symbol", _with("symbol", '"LUNAUSDT"'), "symbol_closed"),
    *[(f"symbol {v}", _with("symbol", v), "symbol_not_allowed") for v in ('"ETHUSDT"', '"btcusdt"', "7")],
    ("too large", _with("quantity", '"5000"'), "notional_over_limit"),
    ("twice", _repeated("side", "side"), VALUE),
    ("twice by escapes", _repeated("side", "\\u0073ide"), VALUE),
    ("a surrogate", _with("symbol", '"\\ud800"'), VALUE),
    ("no object", lambda _: "7", VALUE),
    ("null", lambda _: "null", VALUE),
    ("a list", lambda leg: f"[{json.dumps(leg)}]", VALUE),
    ("a text of an object", lambda leg: json.dumps(json.dumps(leg)), VALUE),
    ("empty", lambda _: "{}", MANDATORY),
    ("deep", lambda _: "[" * 9 + "]" * 9, VALUE),
    ("cut off", lambda leg: json.dumps(leg)[:-1], VALUE),
    ("a comma too many", lambda leg: json.dumps(leg)[:-1] + ",}", VALUE),
    ("a comment", lambda leg: json.dumps(leg) + "/* */", VALUE),
]  # fmt: skip
_POST_ONLY: list[tuple[str, Spoil, str]] = [
    ("no type", _without("type"), MANDATORY),
    ("type limit", _with("type", '"limit"'), VALUE),
    *[(f"reduceOnly {v}", _with("reduceOnly", v), VALUE) for v in ('"yes"', "1", "null", '""', '"true "')],
    *[(f"id {v[:9]}", _with("newClientOrderId", v), VALUE) for v in ('""', f'"{"x" * 65}"', "null", '"\\n"', "[]")],
    ("too large in a hedge", _exit(positionSide="LONG"), "notional_over_limit"),
    ("too large, not reducing", _exit(reduceOnly="false"), "notional_over_limit"),
    ("a reserved id", _with("newClientOrderId", '"autoclose-7"'), "client_id_reserved"),
    ("a change", _with("orderId", '"7"'), UNKNOWN),
]
_PUT_ONLY: list[tuple[str, Spoil, str]] = [
    ("no price", _without("price"), MANDATORY),
    ("orderId text", _with("orderId", '"x"'), NUMBER),
    ("orderId 1.5", _with("orderId", "1.5"), NUMBER),
    ("a flag that would lower it", _with("reduceOnly", '"true"'), UNKNOWN),
    ("a type", _with("type", '"MARKET"'), UNKNOWN),
]


def _places(most: int) -> Iterator[tuple[int, int]]:
    """Give (how many, which one is bad): every place up to the exchange's most, first and last beyond it."""
    for count in range(1, most + 1):
        yield from ((count, place) for place in range(count))
    for count in range(most + 1, MOST_READ + 1):
        yield from ((count, place) for place in (0, count - 1))


def batches() -> Iterator[Request]:
    """New and changed orders of futures in batches."""
    for root in ("/fapi/v1", "/dapi/v1"):
        for method, more in (("POST", _POST_ONLY), ("PUT", _PUT_ONLY)):
            path = f"{root}/batchOrders"
            for what, spoil, reason in (*_BOTH, *more):
                for count, place in _places(MOST):
                    legs = [json.dumps(good_leg(path, method, number)) for number in range(count)]
                    legs[place] = spoil(good_leg(path, method, place))
                    yield _batch(method, path, legs, reason, f"{what}, {place + 1} of {count}")
            yield from _whole_batches(method, path)


def _batch(
    method: str, path: str, legs: Legs, reason: str | None, what: str, reads_as: tuple[Leg, ...] = ()
) -> Request:
    return Request(method, path, [("batchOrders", f"[{','.join(legs)}]")], reason, what, reads_as)


def _whole_batches(method: str, path: str) -> Iterator[Request]:
    """Good batches of every size, the same as one JSON text, and what two orders have wrong together."""
    for count in range(1, MOST + 1):
        legs = tuple(good_leg(path, method, number) for number in range(count))
        texts = [json.dumps(leg) for leg in legs]
        yield _batch(method, path, texts, None, f"good, {count}", legs)
        once_more = json.dumps(f"[{','.join(texts)}]")
        yield Request(method, path, [("batchOrders", once_more)], None, f"good as a text, {count}", legs)
    many = [json.dumps(good_leg(path, method, 1))] * (MOST_READ + 1)
    yield _batch(method, path, many, VALUE, "more than anybody takes")
    if method == "POST":
        exits = (good_leg(path, method, 0), good_leg(path, method, 1) | {"quantity": "5000", "reduceOnly": "true"})
        yield _batch(method, path, [json.dumps(leg) for leg in exits], None, "an entry and a large exit", exits)
        futures = "duplicate_client_order_id_futures"
        for count in range(2, MOST + 1):
            legs_of = [good_leg(path, method, number) | {"newClientOrderId": f"n{number}"} for number in range(count)]
            for place in range(1, count):
                same = [*legs_of[:place], legs_of[place] | {"newClientOrderId": "n0"}, *legs_of[place + 1 :]]
                yield _batch(method, path, [json.dumps(leg) for leg in same], futures, f"one id twice, {count}")


def cancels() -> Iterator[Request]:
    """Cancels of several orders of futures."""
    bad_ids = (
        "1.5",
        "-1",
        '"x"',
        "null",
        "true",
        "[7]",
        "1e3",
        '""',
        '"7 "',
        "007",
        "{}",
        "NaN",
        '"\\u0667"',
        "99999999999999999999",
    )
    bad_names = ('""', "null", "true", "[]", "{}", f'"{"x" * 65}"', '"\\u0000"', '"\\ud800"', "NaN", "007", '"a')
    for root, symbol in (("/fapi/v1", "BTCUSDT"), ("/dapi/v1", "BTCUSD_PERP")):
        path = f"{root}/batchOrders"
        for name, good, bad in (
            ("orderIdList", "{}", bad_ids),
            ("origClientOrderIdList", '"id{}"', bad_names),
        ):
            for count in range(1, MOST_CANCELLED + 1):
                items = [good.format(number + 1) for number in range(count)]
                pairs = [("symbol", symbol), (name, f"[{','.join(items)}]")]
                yield Request("DELETE", path, pairs, None, f"good {name}, {count}")
                for place in {0, count // 2, count - 1}:
                    for text in bad:
                        spoilt = [*items[:place], text, *items[place + 1 :]]
                        pairs = [("symbol", symbol), (name, f"[{','.join(spoilt)}]")]
                        yield Request("DELETE", path, pairs, VALUE, f"{name} {text[:9]}, {place + 1} of {count}")


# -- lists of spot, whose orders are parameters

_WORKING = "workingType=LIMIT&workingSide=BUY&workingPrice=90000&workingQuantity=1&workingTimeInForce=GTC"
_PENDING = "pendingSide=SELL&pendingQuantity=1"
_ONE = "pendingType=STOP_LOSS_LIMIT&pendingPrice=80000&pendingStopPrice=81000&pendingTimeInForce=GTC"
_TWO = (
    "pendingAboveType=LIMIT_MAKER&pendingAbovePrice=110000&pendingBelowType=STOP_LOSS_LIMIT"
    "&pendingBelowStopPrice=81000&pendingBelowPrice=80000&pendingBelowTimeInForce=GTC"
)
_NO_SIZE = "pendingSide=SELL"
LISTS = {
    "/api/v3/order/oco": "symbol=BTCUSDT&side=SELL&quantity=1&price=110000&stopPrice=81000&stopLimitPrice=80000"
    "&stopLimitTimeInForce=GTC",
    "/api/v3/orderList/oco": "symbol=BTCUSDT&side=SELL&quantity=1&aboveType=LIMIT_MAKER&abovePrice=110000"
    "&belowType=STOP_LOSS_LIMIT&belowStopPrice=81000&belowPrice=80000&belowTimeInForce=GTC",
    "/api/v3/orderList/oto": f"symbol=BTCUSDT&{_WORKING}&{_PENDING}&{_ONE}",
    "/api/v3/orderList/opo": f"symbol=BTCUSDT&{_WORKING}&{_NO_SIZE}&{_ONE}",
    "/api/v3/orderList/otoco": f"symbol=BTCUSDT&{_WORKING}&{_PENDING}&{_TWO}",
    "/api/v3/orderList/opoco": f"symbol=BTCUSDT&{_WORKING}&{_NO_SIZE}&{_TWO}",
    "/api/v3/order/cancelReplace": "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=90000"
    "&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=7",
}
BY_SOCKET = {
    "/api/v3/order/oco": "orderList.place",
    "/api/v3/order/cancelReplace": "order.cancelReplace",
    **{f"/api/v3/orderList/{kind}": f"orderList.place.{kind}" for kind in ("oco", "oto", "otoco", "opo", "opoco")},
}
_REQUIRED = {
    "/api/v3/order/oco": "symbol side quantity price stopPrice",
    "/api/v3/orderList/oco": "symbol side quantity aboveType belowType",
    "/api/v3/orderList/oto": "symbol workingType workingSide workingPrice workingQuantity pendingType pendingSide"
    " pendingQuantity",
    "/api/v3/orderList/opo": "symbol workingType workingSide workingPrice workingQuantity pendingType pendingSide",
    "/api/v3/orderList/otoco": "symbol workingType workingSide workingPrice workingQuantity pendingSide pendingQuantity"
    " pendingAboveType",
    "/api/v3/orderList/opoco": "symbol workingType workingSide workingPrice workingQuantity pendingSide"
    " pendingAboveType",
    "/api/v3/order/cancelReplace": "symbol side type cancelReplaceMode quantity",
}
_IDS = {
    "/api/v3/order/oco": ("listClientOrderId", "limitClientOrderId", "stopClientOrderId"),
    "/api/v3/orderList/oco": ("listClientOrderId", "aboveClientOrderId", "belowClientOrderId"),
    **dict.fromkeys(
        ("/api/v3/orderList/oto", "/api/v3/orderList/opo"),
        ("listClientOrderId", "workingClientOrderId", "pendingClientOrderId"),
    ),
    **dict.fromkeys(
        ("/api/v3/orderList/otoco", "/api/v3/orderList/opoco"),
        ("listClientOrderId", "workingClientOrderId", "pendingAboveClientOrderId", "pendingBelowClientOrderId"),
    ),
    "/api/v3/order/cancelReplace": ("newClientOrderId",),
}
_SPOILT_DECIMAL = ("1e3", "-1", "", "1,0", "NaN", " 1")
_SPOILT_WORD = ("buy", "", "B U", "1")


def _list_faults(path: str, pairs: dict[str, str]) -> Iterator[tuple[str, dict[str, str], str]]:
    """Give (what, pairs, reason): one fault in one order of a list."""
    for name, value in pairs.items():
        decimal, whole = value.replace(".", "").isdigit(), name == "cancelOrderId"
        for bad in _SPOILT_DECIMAL if decimal else _SPOILT_WORD if name != "symbol" else ("", "B T"):
            yield f"{name}={bad}", {**pairs, name: bad}, NUMBER if decimal else VALUE
        if whole:
            yield f"{name}=1.5", {**pairs, name: "1.5"}, NUMBER
        yield f"{name} in another case", {**pairs, name.upper(): value}, UNKNOWN
    for name in _REQUIRED[path].split():
        yield f"no {name}", {n: v for n, v in pairs.items() if n != name}, MANDATORY
    for name in [name for name in pairs if name.lower().endswith("quantity")]:
        yield f"{name} too large", {**pairs, name: "5000"}, "notional_over_limit"
    for symbol, why in (
        ("NOSUCHUSDT", "unknown_symbol"),
        ("LUNAUSDT", "symbol_closed"),
        ("ETHUSDT", "symbol_not_allowed"),
    ):
        yield f"symbol {symbol}", {**pairs, "symbol": symbol}, why
    ids = _IDS[path]
    for name in ids:
        yield f"{name} reserved", {**pairs, name: "settlement_autoclose-1"}, "client_id_reserved"
        yield f"{name} too long", {**pairs, name: "x" * 65}, VALUE
    for at, name in enumerate(ids):
        for other in ids[at + 1 :]:
            yield f"{name} is {other}", {**pairs, name: "same", other: "same"}, "duplicate_client_order_id"
    for name in ("isIsolated", "sideEffectType", "pendingPegType", "aboveQuantity", "workingQuoteOrderQty"):
        yield f"unknown {name}", {**pairs, name: "1"}, UNKNOWN


def lists() -> Iterator[Request]:
    """Order lists and cancelReplace: good ones, and each with one fault in one of its orders."""
    for path, text in LISTS.items():
        pairs = dict(element.split("=") for element in text.split("&"))
        yield Request("POST", path, list(pairs.items()), None, "good")
        for what, spoilt, reason in _list_faults(path, pairs):
            yield Request("POST", path, list(spoilt.items()), reason, what)
