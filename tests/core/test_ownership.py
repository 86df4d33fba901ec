"""Whose an order is: names in requests, numbers in answers, and who may see a whole account."""

import json
from typing import Any

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core import ownership
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.ownership import (
    ALGO_SCOPE,
    LIST_SCOPE,
    NAMING,
    Named,
    born,
    is_alone,
    named,
    number_in,
    sees_account,
)

HEAD = """
[venue]
environment = "testnet"
[keys.one]
functions = ["account", "trade"]
account = "one"
[keys.one-more]
functions = ["trade"]
account = "one"
[keys.two]
functions = ["account", "trade"]
account = "two"
"""


def config(**bots: str) -> Config:
    found = load(HEAD + "".join(f"[bots.{name}]\n{text}\n" for name, text in bots.items()))
    assert isinstance(found, Config), found
    return found


def trader(key: str = "one", more: str = "", symbols: str = '"*"') -> str:
    return f'keys = ["{key}"]\nproducts = ["spot"]\npurposes = ["trade"]\nsymbols = [{symbols}]\n{more}'


WATCHER = 'keys = ["one"]\nproducts = ["spot"]\npurposes = ["account"]\nsymbols = ["*"]'


@pytest.mark.threat(21)
def test_who_sees_an_account() -> None:
    """The only bot that trades there, or who has the right. Another account's bots, and bots that only read, are none
    that it would be hidden from; a key of the same account is the same account."""
    alone = config(alpha=trader(), other=trader("two"), watcher=WATCHER)
    assert sees_account(alone, "alpha", "one")
    assert not sees_account(alone, "watcher", "one")
    assert not sees_account(alone, "nobody", "one")
    shared = config(alpha=trader(), beta=trader("one-more"), gamma=trader(more="sees_account = true"))
    assert [sees_account(shared, bot, "one") for bot in ("alpha", "beta", "gamma")] == [False, False, True]


def test_who_is_alone_on_a_symbol() -> None:
    """Where no other bot may place an order: by its symbols, its products, its account. Report mode lets all pass."""
    held = config(
        alpha=trader(), beta=trader(symbols='"ETHUSDT"'), gamma=trader("two"), delta=WATCHER,
        epsilon=trader().replace("spot", "usdm"),
    )  # fmt: skip
    assert is_alone(held, "alpha", "one", "spot", "BTCUSDT")
    assert not is_alone(held, "alpha", "one", "spot", "ETHUSDT")
    assert not is_alone(held, "alpha", "one", "spot", "ethusdt")
    assert not is_alone(held, "alpha", "one", "usdm", "BTCUSDT")
    assert not is_alone(config(alpha=trader(), beta=trader()), "alpha", "one", "spot", "BTCUSDT")
    reporting = config(alpha=trader(), beta=trader(more='mode = "report"', symbols='"ETHUSDT"'))
    assert not is_alone(reporting, "alpha", "one", "spot", "BTCUSDT")


NAMES: list[tuple[str, dict[str, str], list[Named]]] = [
    ("spot DELETE /api/v3/order", {"symbol": "A", "orderId": "7"}, [Named("A", None, 7)]),
    ("spot DELETE /api/v3/order", {"symbol": "A", "origClientOrderId": "x"}, [Named("A", "x", None)]),
    (
        "usdm PUT /fapi/v1/order",
        {"symbol": "A", "origClientOrderId": "x", "orderId": "7", "price": "1"},
        [Named("A", "x", 7)],
    ),
    ("spot PUT /api/v3/order/amend/keepPriority", {"symbol": "A", "orderId": "7"}, [Named("A", None, 7)]),
    (
        "spot POST /api/v3/order/cancelReplace",
        {"symbol": "A", "cancelOrderId": "7", "newClientOrderId": "new"},
        [Named("A", None, 7)],
    ),
    ("spot DELETE /api/v3/orderList", {"symbol": "A", "listClientOrderId": "x"}, [Named(LIST_SCOPE, "x", None)]),
    ("coinm DELETE /dapi/v1/algoOrder", {"algoId": "7"}, [Named(ALGO_SCOPE, None, 7)]),
    (
        "usdm DELETE /fapi/v1/batchOrders",
        {"symbol": "A", "orderIdList": "[7,8]"},
        [Named("A", None, 7), Named("A", None, 8)],
    ),
    ("usdm DELETE /fapi/v1/batchOrders", {"symbol": "A", "origClientOrderIdList": '["x"]'}, [Named("A", "x", None)]),
    (
        "coinm PUT /dapi/v1/batchOrders",
        {"batchOrders": json.dumps([{"symbol": "A", "orderId": 7}, {"symbol": "B", "origClientOrderId": "x"}, 5])},
        [Named("A", None, 7), Named("B", "x", None)],
    ),
    ("coinm PUT /dapi/v1/batchOrders", {}, []),
    ("usdm POST /fapi/v1/batchOrders", {"batchOrders": "[]"}, []),
    ("spot POST /api/v3/order", {"symbol": "A", "newClientOrderId": "new"}, []),
]


@pytest.mark.threat(21)
@pytest.mark.parametrize(("endpoint", "values", "expected"), NAMES)
def test_what_a_change_names(endpoint: str, values: dict[str, str], expected: list[Named]) -> None:
    assert list(named(endpoint, endpoint.split(" ")[2], values)) == expected


def test_every_change_of_one_order_is_known() -> None:
    """What deletes or puts, apart from cancels of everything, names an order; so does cancel-replace."""
    everything = ("/openOrders", "/allOpenOrders", "/algoOpenOrders")
    changing = {
        endpoint.name
        for endpoint in load_catalogue()
        if endpoint.purpose == "trade" and endpoint.typed and endpoint.method in ("PUT", "DELETE")
        and not endpoint.path.endswith(everything)
    }  # fmt: skip
    assert changing | {"spot POST /api/v3/order/cancelReplace"} == NAMING


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), ("007", 7), (-1, None), (True, None), ("", None), (None, None), ("x", None), ("9" * 20, None)],
)
def test_numbers(value: object, number: int | None) -> None:
    assert number_in(value) == number


LIST = {
    "orderListId": 3,
    "orders": [{"symbol": "A", "orderId": 7}, {"symbol": "A", "orderId": 8}, "no order"],
}
BORN: list[tuple[str, Any, tuple[tuple[str, int], ...]]] = [
    ("/api/v3/order", {"orderId": 7}, (("A", 7),)),
    ("/api/v3/order", {"symbol": "B", "orderId": 7}, (("B", 7),)),
    ("/api/v3/order", {"symbol": ["B"], "orderId": 7}, (("A", 7),)),
    ("/api/v3/order", "no order", ()),
    ("/fapi/v1/algoOrder", {"symbol": "A", "algoId": 9, "orderId": 1}, ((ALGO_SCOPE, 9),)),
    ("/api/v3/orderList/oco", LIST, ((LIST_SCOPE, 3), ("A", 7), ("A", 8))),
    ("/api/v3/orderList/oco", {}, ()),
    ("/fapi/v1/batchOrders", [{"orderId": 7}, {"code": -2010, "msg": "x"}], (("A", 7),)),
    ("/fapi/v1/batchOrders", {"code": -1}, ()),
    ("/api/v3/order/cancelReplace", {"newOrderResponse": {"orderId": 7}}, (("A", 7),)),
    ("/api/v3/order/cancelReplace", {"code": -2021, "data": {"newOrderResponse": {"orderId": 7}}}, (("A", 7),)),
    ("/api/v3/order/cancelReplace", {"data": []}, ()),
    ("/api/v3/order/cancelReplace", [], ()),
]


@pytest.mark.parametrize(("path", "body", "numbers"), BORN)
def test_what_an_answer_proves(path: str, body: Any, numbers: tuple[tuple[str, int], ...]) -> None:
    assert born(path, "A", body) == numbers


def test_placements_with_several_numbers_are_named() -> None:
    assert "/api/v3/order" not in ownership.SEVERAL
    assert {"/fapi/v1/batchOrders", "/api/v3/order/oco", "/api/v3/order/cancelReplace"} <= ownership.SEVERAL
