"""From wire pairs to an intent or a denial: nothing unknown, nothing twice, every leg judged, ids given."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.canonical import encode_query
from counterseal.core.binance.catalogue import Endpoint, build
from counterseal.core.binance.schema import Kind
from counterseal.core.intent import EXCHANGE_IDS, Intent
from counterseal.core.judge import Denial, judge
from counterseal.core.legs import TESTS, id_names
from counterseal.core.wire import decode_pairs

CATALOGUE = load_catalogue()
Pair = tuple[str, str]
GOOD = {
    Kind.TEXT: "any text",
    Kind.SYMBOL: "测试USDT",
    Kind.SYMBOLS: '["BTCUSDT","测试USDT"]',
    Kind.DECIMAL: "0.10",
    Kind.INT: "7",
    Kind.BOOL: "true",
    Kind.ENUM: "LIMIT",
    Kind.CLIENT_ID: "my id/1",
    Kind.INT_LIST: "[1,2]",
    Kind.CLIENT_ID_LIST: '["a","b"]',
}
BAD = {
    Kind.TEXT: "x" * 4097,
    Kind.SYMBOL: "BTC USDT",
    Kind.DECIMAL: "1e9",
    Kind.INT: "-1",
    Kind.BOOL: "yes",
    Kind.ENUM: "buy",
    Kind.CLIENT_ID: "",
    Kind.INT_LIST: "[1.5]",
    Kind.CLIENT_ID_LIST: "[]",
    Kind.LEGS: "x" * 4097,
}


def _endpoint(family: str, method: str, path: str) -> Endpoint:
    endpoint = CATALOGUE.get(family, method, path)
    assert endpoint is not None
    return endpoint


SPOT_ORDER = _endpoint("spot", "POST", "/api/v3/order")
USDM_ORDER = _endpoint("usdm", "POST", "/fapi/v1/order")
BATCH = _endpoint("usdm", "POST", "/fapi/v1/batchOrders")
MODIFY_BATCH = _endpoint("usdm", "PUT", "/fapi/v1/batchOrders")
CANCEL_BATCH = _endpoint("usdm", "DELETE", "/fapi/v1/batchOrders")
OCO = _endpoint("spot", "POST", "/api/v3/orderList/oco")
TICKER = _endpoint("spot", "GET", "/api/v3/ticker/24hr")
TYPED = [e for e in CATALOGUE if e.typed]
TWELVE = [SPOT_ORDER, USDM_ORDER, OCO, CANCEL_BATCH, *[e for e in TYPED if e.purpose == "trade"][:8]]
ORDER = [("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("quantity", "1"), ("price", "100.50")]


def _ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"made-{next(numbers)}"


def _judge(endpoint: Endpoint, pairs: list[Pair]) -> Intent | Denial:
    return judge(endpoint, pairs, _ids())


def _intent(endpoint: Endpoint, pairs: list[Pair]) -> Intent:
    judged = _judge(endpoint, pairs)
    assert isinstance(judged, Intent), judged
    return judged


def _full(endpoint: Endpoint, *, optional: bool = True) -> list[Pair]:
    """A good value for every parameter of an endpoint."""
    pairs = []
    for p in endpoint.params.values():
        if p.name != "recvWindow" and (p.required or optional):
            legs = [{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}]
            if endpoint.method == "PUT":
                del legs[0]["type"]
            pairs.append((p.name, json.dumps(legs) if p.kind is Kind.LEGS else GOOD[p.kind]))
    return pairs


# -- a good request


def test_an_order_keeps_its_pairs_their_order_and_its_money() -> None:
    wire = [*ORDER, ("newClientOrderId", "mine"), ("recvWindow", "5000"), ("timestamp", "1")]
    intent = _intent(SPOT_ORDER, wire)
    assert intent.endpoint is SPOT_ORDER
    assert intent.pairs == (*ORDER, ("newClientOrderId", "mine"))
    assert dict(intent.pairs) == intent.values
    assert intent.symbols == ("BTCUSDT",)
    assert intent.client_ids == ("mine",)
    assert intent.places
    (leg,) = intent.legs
    assert (leg.quantity, leg.prices, leg.reduces) == (Decimal(1), (Decimal("100.50"),), False)


@pytest.mark.parametrize("begin", EXCHANGE_IDS)
@pytest.mark.parametrize("batch", [False, True])
def test_no_new_id_begins_as_the_exchanges_own(begin: str, batch: bool) -> None:
    """An order of that name would pass for a liquidation, or a liquidation for the bot's order; a query may name it."""
    refused = Denial("client_id_reserved", "newClientOrderId")
    if batch:
        leg = dict(ORDER) | {"newClientOrderId": f"{begin}1"}
        wire = [("batchOrders", json.dumps([leg]))]
        assert _judge(_endpoint("usdm", "POST", "/fapi/v1/batchOrders"), wire) == refused
        return
    named = _endpoint("spot", "POST", "/api/v3/order")
    assert _judge(named, [*ORDER, ("newClientOrderId", f"{begin}1")]) == refused
    assert isinstance(_judge(named, [*ORDER, ("newClientOrderId", f"x{begin}1")]), Intent)
    asked = [("symbol", "BTCUSDT"), ("origClientOrderId", f"{begin}1")]
    assert isinstance(_judge(_endpoint("spot", "GET", "/api/v3/order"), asked), Intent)


@pytest.mark.threat(16)
@pytest.mark.parametrize("endpoint", TYPED, ids=lambda e: e.name)
@pytest.mark.parametrize("optional", [False, True])
def test_every_typed_endpoint_accepts_its_own_parameters(endpoint: Endpoint, optional: bool) -> None:
    """What comes out is what came in, re-encodes to bytes that decode to it, and is judged the same again."""
    intent = _intent(endpoint, _full(endpoint, optional=optional))
    assert dict(intent.pairs) == intent.values
    assert decode_pairs(encode_query(intent.pairs)) == list(intent.pairs)
    again = _intent(endpoint, list(intent.pairs))
    assert (again.pairs, again.legs, again.client_ids) == (intent.pairs, intent.legs, intent.client_ids)
    if "batchOrders" not in endpoint.params:
        names = [name for name, _ in intent.pairs if not name.endswith(("ClientOrderId", "clientAlgoId"))]
        sent = [name for name, _ in _full(endpoint, optional=optional)]
        assert names == [name for name in sent if not name.endswith(("ClientOrderId", "clientAlgoId"))]


def test_a_read_of_any_kind_has_no_legs_and_no_ids() -> None:
    for endpoint in CATALOGUE:
        if endpoint.purpose in ("read", "account"):
            intent = _intent(endpoint, _full(endpoint))
            assert (intent.legs, intent.client_ids, intent.places) == ((), (), False)
            assert list(intent.pairs) == _full(endpoint)


def test_what_the_signer_sets_itself_need_not_come_from_the_bot() -> None:
    """recvWindow is mandatory at two endpoints."""
    endpoints = [endpoint for endpoint in CATALOGUE if "recvWindow" in endpoint.required]
    assert len(endpoints) == 2
    for endpoint in endpoints:
        assert _intent(endpoint, [("coin", "BTC")]).values == {"coin": "BTC"}


# -- names


@pytest.mark.threat(9)
@pytest.mark.threat(10)
@pytest.mark.parametrize("endpoint", TWELVE, ids=lambda e: e.name)
def test_no_parameter_may_come_twice_in_any_place_order_or_value(endpoint: Endpoint) -> None:
    """Query and body are one list here: the same name again is refused wherever it stands, equal values too."""
    full = _full(endpoint)
    for at, (name, value) in enumerate(full):
        for other in (value, "other", ""):
            for twice in ([*full, (name, other)], [(name, other), *full], [*full[:at], (name, other), *full[at:]]):
                assert _judge(endpoint, twice) in (Denial("repeated_parameter", name), _fault(endpoint, name, other))
        assert _judge(endpoint, [*full, (name, value)]) == Denial("repeated_parameter", name)


def _fault(endpoint: Endpoint, name: str, value: str) -> Denial | None:
    """The denial of the value itself, where it stands first and is bad."""
    judged = _judge(endpoint, [*[pair for pair in _full(endpoint) if pair[0] != name], (name, value)])
    return judged if isinstance(judged, Denial) else None


@pytest.mark.threat(9)
def test_a_second_signature_is_refused() -> None:
    """The signature element has been taken out before pairs are judged: one that is left is a second one."""
    assert _judge(SPOT_ORDER, [*ORDER, ("signature", "x")]) == Denial("repeated_parameter", "signature")


@pytest.mark.threat(9)
@pytest.mark.parametrize("name", ["timestamp", "recvWindow"])
def test_our_own_names_may_come_once(name: str) -> None:
    once = _intent(SPOT_ORDER, [*ORDER, (name, "1")])
    assert name not in once.values
    assert _judge(SPOT_ORDER, [*ORDER, (name, "1"), (name, "1")]) == Denial("repeated_parameter", name)


@pytest.mark.threat(10)
@pytest.mark.parametrize("endpoint", TWELVE, ids=lambda e: e.name)
def test_names_are_byte_exact(endpoint: Endpoint) -> None:
    full = _full(endpoint)
    for name, value in full:
        spellings = {name.lower(), name.upper(), name.capitalize(), name.swapcase(), name + "s", name[:-1], f"{name}_"}
        for other in sorted(spellings - set(endpoint.params) - set(endpoint.aliases)):
            assert _judge(endpoint, [*full, (other, value)]) == Denial("unknown_parameter", other)


@pytest.mark.threat(11)
@pytest.mark.parametrize(
    "name",
    ["closePosition", "sideEffectType", "isIsolated", "autoRepayAtCancel", "reduceOnly", "positionSide", "priceMatch",
     "clientOrderId", "returnRateLimits", "stopLossPrice", "leverage", "asset", "toAccount", "x" * 200],
)  # fmt: skip
def test_unknown_parameters_that_could_change_the_meaning_are_refused(name: str) -> None:
    assert _judge(SPOT_ORDER, [*ORDER, (name, "true")]) == Denial("unknown_parameter", name[:64])


def test_aliases_become_the_true_name_and_cannot_repeat_it() -> None:
    wire = [("symbol", "BTCUSDT"), ("orderidlist", "[1,2]")]
    assert _intent(CANCEL_BATCH, wire).pairs == (("symbol", "BTCUSDT"), ("orderIdList", "[1,2]"))
    assert _judge(CANCEL_BATCH, [*wire, ("orderIdList", "[1,2]")]) == Denial("repeated_parameter", "orderIdList")
    assert _judge(USDM_ORDER, [("orderidlist", "[1]")]) == Denial("unknown_parameter", "orderidlist")


def _own(**changes: Any) -> Endpoint:
    row = {
        "family": "spot", "method": "POST", "path": "/sapi/v1/asset/dust", "purpose": "refused", "security": "NONE",
        "signed": True, "weight": {"kind": "fixed", "value": 1}, "params": ["asset", "b?"],
    }  # fmt: skip
    (endpoint,) = build([row | changes])
    return endpoint


def test_list_names_may_repeat_and_each_keeps_its_value() -> None:
    intent = _intent(_own(), [("asset", "BTC"), ("b", "1"), ("asset", "ETH")])
    assert intent.pairs == (("asset", "BTC"), ("b", "1"), ("asset", "ETH"))
    assert _judge(_own(), [("asset", "BTC"), ("asset", "x" * 4097)]) == Denial("malformed_value", "asset")


def test_tolerated_names_are_dropped() -> None:
    endpoint = replace(SPOT_ORDER, dropped=frozenset({"returnRateLimits"}))
    intent = _intent(endpoint, [*ORDER, ("returnRateLimits", "false"), ("newClientOrderId", "mine")])
    assert "returnRateLimits" not in intent.values
    assert intent.pairs == (*ORDER, ("newClientOrderId", "mine"))


@pytest.mark.parametrize("endpoint", TYPED, ids=lambda e: e.name)
def test_what_the_exchange_demands_must_be_there(endpoint: Endpoint) -> None:
    full = _full(endpoint)
    for name in set(endpoint.required) - {"recvWindow"}:
        without = [pair for pair in full if pair[0] != name]
        assert _judge(endpoint, without) == Denial("mandatory_parameter", name)


# -- values


@pytest.mark.threat(14)
@pytest.mark.parametrize("endpoint", TYPED, ids=lambda e: e.name)
def test_a_value_of_another_kind_is_refused_by_name_and_never_shown(endpoint: Endpoint) -> None:
    full = dict(_full(endpoint))
    for p in endpoint.params.values():
        if p.name == "recvWindow":
            continue
        judged = _judge(endpoint, list((full | {p.name: BAD[p.kind]}).items()))
        number = p.kind in (Kind.DECIMAL, Kind.INT)
        assert judged == Denial("malformed_number" if number else "malformed_value", p.name)


@pytest.mark.threat(14)
@pytest.mark.parametrize("name", ["quantity", "price", "stopPrice", "icebergQty", "quoteOrderQty", "trailingDelta"])
@pytest.mark.parametrize("text", ["1e9", "1_000", "１", "+1", "0x10", " 1", "-0", "1" * 40, "NaN", "", "1\u00a0"])
def test_numbers_of_another_spelling_are_refused(name: str, text: str) -> None:
    wire = [pair for pair in ORDER if pair[0] != name]
    assert _judge(SPOT_ORDER, [*wire, (name, text)]) == Denial("malformed_number", name)


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "tRuE"])
def test_booleans_are_read_in_any_case_and_go_out_in_lower(text: str) -> None:
    intent = _intent(USDM_ORDER, [*ORDER, ("reduceOnly", text)])
    assert ("reduceOnly", "true") in intent.pairs
    assert intent.legs[0].reduces
    assert intent.reduces


@pytest.mark.threat(15)
def test_symbols_are_neither_folded_nor_normalised() -> None:
    for symbol in ("btcusdt", "BTCUſDT", "ＢＴＣUSDT", "BTCUSDT\u0301", "测试USDT"):
        assert _intent(SPOT_ORDER, [("symbol", symbol), *ORDER[1:]]).symbols == (symbol,)


# -- symbols


@pytest.mark.parametrize(
    ("pairs", "symbols"),
    [
        ([], ()),
        ([("symbol", "A")], ("A",)),
        ([("symbols", '["A","B"]')], ("A", "B")),
        ([("symbols", '["A","A"]')], ("A",)),
        ([("symbols", '["A"]'), ("symbol", "B")], ("B", "A")),
        ([("symbols", "A,B")], ("A", "B")),
        ([("symbols", "[A,B]")], ("[A", "B]")),
        ([("symbols", "[]")], ("[]",)),
        ([("symbols", '["A",1,null]')], ("A", "1", "None")),
        ([("symbols", "[" * 4000)], ("[" * 4000,)),
    ],
)
def test_every_symbol_named_is_seen_also_in_lists_that_are_no_json(pairs: list[Pair], symbols: tuple[str, ...]) -> None:
    """A policy that allows some symbols must see them all, or something that it cannot allow."""
    assert _intent(TICKER, pairs).symbols == symbols


# -- ids


@pytest.mark.threat(54)
@pytest.mark.parametrize("endpoint", [e for e in TYPED if id_names(e.method, e.path)], ids=lambda e: e.name)
def test_an_order_without_an_id_gets_one(endpoint: Endpoint) -> None:
    """Every order of a list, and the list; an id that the bot gives stays where it stands."""
    names = id_names(endpoint.method, endpoint.path)
    bare = _full(endpoint, optional=False)
    intent = _intent(endpoint, bare)
    made = tuple((name, f"made-{number}") for number, name in enumerate(names, 1))
    assert intent.pairs == (*bare, *made)
    assert intent.client_ids == tuple(value for _, value in made)
    for at, name in enumerate(names):
        mine = _intent(endpoint, [(name, "mine"), *bare])
        others = [other for other in names if other != name]
        made = tuple((other, f"made-{number}") for number, other in enumerate(others, 1))
        assert mine.pairs == ((name, "mine"), *bare, *made)
        assert mine.client_ids[at] == "mine"
        assert len(mine.client_ids) == len(names)


@pytest.mark.threat(54)
def test_an_amendment_may_keep_the_id_by_which_it_names_the_order() -> None:
    """Then no id is new; any other one is, also where the order is named by its number."""
    amend = _endpoint("spot", "PUT", "/api/v3/order/amend/keepPriority")
    bare = [("symbol", "BTCUSDT"), ("newQty", "0.5")]
    named = [*bare, ("origClientOrderId", "old")]
    kept = _intent(amend, [*named, ("newClientOrderId", "old")])
    assert (kept.client_ids, kept.places, kept.reduces) == ((), False, False)
    assert _intent(amend, [*named, ("newClientOrderId", "new")]).client_ids == ("new",)
    numbered = _intent(amend, [*bare, ("orderId", "7")])
    assert numbered.client_ids == ("made-1",)
    assert numbered.values["newClientOrderId"] == "made-1"


@pytest.mark.threat(54)
def test_all_ids_of_a_list_are_named() -> None:
    ids = [("aboveClientOrderId", "a"), ("listClientOrderId", "l"), ("belowClientOrderId", "b")]
    intent = _intent(OCO, [*_full(OCO, optional=False), *ids])
    assert intent.client_ids == ("l", "a", "b")


@pytest.mark.parametrize("endpoint", [e for e in TYPED if not id_names(e.method, e.path)], ids=lambda e: e.name)
def test_tests_cancels_and_modifications_get_no_id(endpoint: Endpoint) -> None:
    if "batchOrders" in endpoint.params:
        return
    intent = _intent(endpoint, _full(endpoint, optional=False))
    assert list(intent.pairs) == _full(endpoint, optional=False)
    assert intent.client_ids == ()
    assert bool(intent.legs) is (endpoint.path in TESTS or endpoint.method == "PUT")


@pytest.mark.threat(12)
def test_a_modification_is_judged_as_an_order() -> None:
    modify = _endpoint("usdm", "PUT", "/fapi/v1/order")
    intent = _intent(
        modify, [("symbol", "BTCUSDT"), ("side", "BUY"), ("quantity", "9"), ("price", "3"), ("orderId", "1")]
    )
    assert intent.legs[0].quantity == Decimal(9)
    assert not intent.places
    assert not intent.reduces


def test_an_untyped_order_is_never_given_legs_or_ids() -> None:
    """It is refused by policy; nothing here may make it look judged."""
    for place in (("papi", "POST", "/papi/v1/um/order"), ("spot", "POST", "/sapi/v1/margin/order/oto")):
        untyped = _endpoint(*place)
        intent = _intent(untyped, _full(untyped))
        assert (intent.legs, intent.client_ids, intent.places) == ((), (), False)
    options = _endpoint("options", "POST", "/eapi/v1/batchOrders")
    assert _intent(options, [("orders", "[{}]")]).legs == ()


@pytest.mark.parametrize("endpoint", [SPOT_ORDER, BATCH, _endpoint("usdm", "PUT", "/fapi/v1/order")])
@pytest.mark.parametrize("wire", [ORDER, [("symbol", "BTCUSDT")], [("batchOrders", json.dumps([dict(ORDER)]))]])
def test_an_order_without_types_is_never_given_legs_or_ids_whatever_its_path(
    endpoint: Endpoint, wire: list[Pair]
) -> None:
    """The same paths, had the catalogue no types for them."""
    params = {name: param for one in (SPOT_ORDER, BATCH, endpoint) for name, param in one.params.items()}
    intent = _intent(replace(endpoint, typed=False, params=params, required=(), shapes={}), wire)
    assert (intent.pairs, intent.legs, intent.client_ids, intent.places) == (tuple(wire), (), (), False)


# -- batches

LEG = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "20000.10", "timeInForce": "GTC"}
CHANGE = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "price": "2", "orderId": "7"}


def _batch(legs: Any, endpoint: Endpoint = BATCH) -> Intent | Denial:
    return _judge(endpoint, [("batchOrders", legs if isinstance(legs, str) else json.dumps(legs))])


def _legs_out(intent: Intent | Denial) -> list[dict[str, str]]:
    assert isinstance(intent, Intent), intent
    legs: list[dict[str, str]] = json.loads(intent.values["batchOrders"])
    return legs


def test_a_batch_becomes_compact_text_with_an_id_for_every_leg() -> None:
    other = {**LEG, "symbol": "测试USDT", "newClientOrderId": "mine", "reduceOnly": True}
    intent = _batch([LEG, other, LEG])
    assert isinstance(intent, Intent)
    assert _legs_out(intent) == [
        {**LEG, "newClientOrderId": "made-1"},
        {**other, "reduceOnly": "true"},
        {**LEG, "newClientOrderId": "made-2"},
    ]
    assert "测试USDT" in intent.values["batchOrders"], "text stays as it is, without escapes"
    assert intent.client_ids == ("made-1", "mine", "made-2")
    assert intent.symbols == ("BTCUSDT", "测试USDT")
    assert [leg.reduces for leg in intent.legs] == [False, True, False]
    assert intent.places
    assert not intent.reduces
    assert dict(intent.pairs) == intent.values


def test_a_batch_may_be_one_json_string_and_hold_scalars_as_json() -> None:
    legs = [{**LEG, "quantity": "QUANTITY", "reduceOnly": False, "goodTillDate": 1693207680000}]
    text = json.dumps(legs).replace('"QUANTITY"', "0.10")
    for wire in (text, json.dumps(text)):
        (leg,) = _legs_out(_batch(wire))
        assert (leg["quantity"], leg["reduceOnly"], leg["goodTillDate"]) == ("0.10", "false", "1693207680000")


def test_other_parameters_of_a_batch_keep_their_place() -> None:
    wire = [("timestamp", "1"), ("batchOrders", json.dumps([LEG])), ("recvWindow", "5000")]
    assert [name for name, _ in _intent(BATCH, wire).pairs] == ["batchOrders"]


BAD_LEGS: list[tuple[Any, Denial]] = [
    ({**LEG, "quantity": "1e9"}, Denial("malformed_number", "quantity")),
    ({**LEG, "quantity": 1e30}, Denial("malformed_number", "quantity")),
    ({**LEG, "quantity": -1}, Denial("malformed_number", "quantity")),
    ({**LEG, "quantity": None}, Denial("malformed_number", "quantity")),
    ({**LEG, "quantity": {"a": "1"}}, Denial("malformed_number", "quantity")),
    ({**LEG, "quantity": ["1"]}, Denial("malformed_number", "quantity")),
    ({**LEG, "quantity": True}, Denial("malformed_number", "quantity")),
    ({**LEG, "price": "１"}, Denial("malformed_number", "price")),
    ({**LEG, "goodTillDate": "1.5"}, Denial("malformed_number", "goodTillDate")),
    ({**LEG, "symbol": "BTC USDT"}, Denial("malformed_value", "symbol")),
    ({**LEG, "symbol": {"symbol": "BTCUSDT"}}, Denial("malformed_value", "symbol")),
    ({**LEG, "side": "buy"}, Denial("malformed_value", "side")),
    ({**LEG, "side": 1}, Denial("malformed_value", "side")),
    ({**LEG, "reduceOnly": "yes"}, Denial("malformed_value", "reduceOnly")),
    ({**LEG, "reduceOnly": 1}, Denial("malformed_value", "reduceOnly")),
    ({**LEG, "newClientOrderId": ""}, Denial("malformed_value", "newClientOrderId")),
    ({**LEG, "newClientOrderId": "a\nb"}, Denial("malformed_value", "newClientOrderId")),
    ({**LEG, "newClientOrderId": None}, Denial("malformed_value", "newClientOrderId")),
    ({**LEG, "Symbol": "ETHUSDT"}, Denial("unknown_parameter", "Symbol")),
    ({**LEG, "closePosition": "true"}, Denial("unknown_parameter", "closePosition")),
    ({**LEG, "orderId": "1"}, Denial("unknown_parameter", "orderId")),
    ({**LEG, "origClientOrderId": "x"}, Denial("unknown_parameter", "origClientOrderId")),
    ({**LEG, "quoteOrderQty": "1"}, Denial("unknown_parameter", "quoteOrderQty")),
    ({**LEG, "batchOrders": []}, Denial("unknown_parameter", "batchOrders")),
    ({**LEG, "timestamp": "1"}, Denial("unknown_parameter", "timestamp")),
    ({**LEG, "": "1"}, Denial("unknown_parameter", "batchOrders")),
    ({**LEG, "evil\n\u202ename": "1"}, Denial("unknown_parameter", "batchOrders")),
    ({**LEG, "x" * 65: "1"}, Denial("unknown_parameter", "batchOrders")),
    ({name: value for name, value in LEG.items() if name != "symbol"}, Denial("mandatory_parameter", "symbol")),
    ({name: value for name, value in LEG.items() if name != "side"}, Denial("mandatory_parameter", "side")),
    ({name: value for name, value in LEG.items() if name != "type"}, Denial("mandatory_parameter", "type")),
    ({}, Denial("mandatory_parameter", "symbol")),
    ([], Denial("malformed_value", "batchOrders")),
    ("x", Denial("malformed_value", "batchOrders")),
    (1, Denial("malformed_value", "batchOrders")),
    (None, Denial("malformed_value", "batchOrders")),
    (True, Denial("malformed_value", "batchOrders")),
    ([LEG], Denial("malformed_value", "batchOrders")),
]


@pytest.mark.threat(12)
@pytest.mark.threat(13)
@pytest.mark.parametrize(("leg", "denial"), BAD_LEGS)
def test_one_bad_leg_among_any_number_refuses_all(leg: Any, denial: Denial) -> None:
    for count in range(1, 6):
        for at in range(count):
            legs: list[Any] = [LEG] * count
            legs[at] = leg
            assert _batch(legs) == denial


@pytest.mark.threat(12)
@pytest.mark.threat(13)
@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "1", '"x"', "[",
        "[{]", json.dumps([LEG]) + "x", json.dumps(LEG), json.dumps([LEG] * 11),
        '[{"symbol":"A","symbol":"B","side":"BUY","type":"LIMIT"}]', '[{"symbol":"A","\\u0073ymbol":"B"}]',
        '[{"symbol":"A","side":"BUY","type":"LIMIT","quantity":NaN}]', '[{"symbol":"A","quantity":Infinity}]',
        '[{"symbol":"\\ud800","side":"BUY","type":"LIMIT"}]', "[" * 9 + "]" * 9, "[" * 4000, "[{'symbol':'A'}]",
        json.dumps(json.dumps(json.dumps([LEG]))), "\ufeff" + json.dumps([LEG]), "x" * 4097,
    ],
)  # fmt: skip
def test_what_is_no_strict_list_of_one_to_ten_legs_is_refused(text: str) -> None:
    assert _batch(text) == Denial("malformed_value", "batchOrders")


@pytest.mark.parametrize("count", [1, 10])
def test_one_to_ten_legs_pass(count: int) -> None:
    assert len(_legs_out(_batch([LEG] * count))) == count


@pytest.mark.threat(12)
def test_a_batch_of_contracts_takes_what_a_contract_s_order_takes() -> None:
    """COIN-M knows no goodTillDate; conditional orders go in no batch."""
    coinm = _endpoint("coinm", "POST", "/dapi/v1/batchOrders")
    intent = _batch([LEG, {**LEG, "reduceOnly": "true"}], coinm)
    assert isinstance(intent, Intent)
    assert [leg.quantity for leg in intent.legs] == [Decimal(1), Decimal(1)]
    assert (intent.client_ids, intent.places) == (("made-1", "made-2"), True)
    for name in ("goodTillDate", "stopPrice", "closePosition", "activationPrice"):
        assert _batch([LEG, {**LEG, name: "1"}], coinm) == Denial("unknown_parameter", name)
    assert isinstance(_batch([CHANGE], _endpoint("coinm", "PUT", "/dapi/v1/batchOrders")), Intent)


@pytest.mark.threat(12)
def test_modifications_are_judged_leg_by_leg_too() -> None:
    intent = _batch([CHANGE, {**CHANGE, "quantity": 3}], MODIFY_BATCH)
    assert isinstance(intent, Intent)
    assert _legs_out(intent) == [CHANGE, {**CHANGE, "quantity": "3"}]
    assert [leg.quantity for leg in intent.legs] == [Decimal(1), Decimal(3)]
    assert (intent.places, intent.client_ids, intent.reduces) == (False, (), False)
    for name in ("symbol", "side", "quantity", "price"):
        bad = {key: value for key, value in CHANGE.items() if key != name}
        assert _batch([CHANGE, bad], MODIFY_BATCH) == Denial("mandatory_parameter", name)


@pytest.mark.threat(11)
@pytest.mark.threat(43)
@pytest.mark.parametrize("flag", ["reduceOnly", "closePosition", "newClientOrderId", "type", "positionSide"])
def test_a_modification_cannot_call_itself_reducing(flag: str) -> None:
    """The exchange takes no such flag there; a leg that passed as reducing would have escaped every limit."""
    assert _batch([{**CHANGE, flag: "true"}], MODIFY_BATCH) == Denial("unknown_parameter", flag)


# -- properties: agreement between what is judged and what is sent

_VALUES = {
    kind: st.sampled_from([good, BAD.get(kind, "x")]) | st.text(st.characters(exclude_categories=("Cs", "Cc")),
    max_size=12)
    for kind, good in GOOD.items()
} | {Kind.LEGS: st.lists(st.fixed_dictionaries({}, optional={n: st.sampled_from([v, 1, True]) for n, v in LEG.items()}),
                         max_size=3).map(json.dumps)}  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[Endpoint, list[Pair]]:
    """An endpoint with some of its parameters, mostly good, now and then a name too many."""
    endpoint = draw(st.sampled_from(TYPED))
    pairs = [
        (p.name, draw(_VALUES[p.kind]) if draw(st.booleans()) else dict(_full(endpoint)).get(p.name, "1"))
        for p in endpoint.params.values()
        if p.required or draw(st.booleans())
    ]
    if draw(st.integers(0, 9)) == 0:
        pairs.append((draw(st.sampled_from(["symbol", "Symbol", "x", "signature"])), "1"))
    return endpoint, draw(st.permutations(pairs))


@pytest.mark.threat(9)
@pytest.mark.threat(16)
@given(requests())
def test_what_was_judged_is_what_the_exchange_will_read(request: tuple[Endpoint, list[Pair]]) -> None:
    """L4 within the core: encoded pairs decode to the judged ones, each name once, of the schema, grammar kept."""
    endpoint, wire = request
    intent = _judge(endpoint, wire)
    if isinstance(intent, Denial):
        assert intent.name in {"", *endpoint.params, *LEG, "Symbol", "x", "signature"}
        return
    received = decode_pairs(encode_query(intent.pairs))
    assert received == list(intent.pairs)
    assert dict(received) == intent.values
    names = [name for name, _ in received]
    assert len(names) == len(set(names))
    assert set(names) <= set(endpoint.params) - {"recvWindow"}
    assert all(endpoint.params[name].check(value) == value for name, value in received)
    assert set(intent.client_ids) <= {value for _, value in received} or "batchOrders" in names
    for leg in intent.legs:
        assert leg.symbol in intent.symbols


@pytest.mark.threat(10)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5), st.sampled_from(list(CATALOGUE)))
def test_no_pairs_make_it_raise(wire: list[Pair], endpoint: Endpoint) -> None:
    assert isinstance(_judge(endpoint, wire), Intent | Denial)


@pytest.mark.threat(9)
@pytest.mark.threat(10)
@pytest.mark.parametrize("endpoint", TWELVE, ids=lambda e: e.name)
def test_pollution_between_query_and_body_is_refused_on_the_wire(endpoint: Endpoint) -> None:
    """Each parameter again in the other place, plain or spelled in escapes, equal or different, first or last."""
    full = _full(endpoint)
    text = encode_query(full)
    for name, value in full:
        escaped = "".join(f"%{ord(c):02x}" for c in name)
        for spelled in (name, escaped, f"%{ord(name[0]):02X}{name[1:]}"):
            extra = f"{spelled}={quote(value, safe='')}".encode()
            for query, body in ((text, extra), (extra, text), (text + b"&" + extra, b""), (b"", extra + b"&" + text)):
                judged = _judge(endpoint, decode_pairs(query) + decode_pairs(body))
                assert judged == Denial("repeated_parameter", name)
