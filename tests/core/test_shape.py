"""Judging by shape and judging name by name are one judgement."""

import random  # noqa: TID251 - seeded, to draw cases
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Catalogue, Endpoint
from counterseal.core.intent import Intent
from counterseal.core.judge import Denial, judge
from counterseal.core.shape import MAX_SHAPES, shape_of

CATALOGUE: Catalogue = load_catalogue()
TYPED = [one for one in CATALOGUE if one.typed]
Pair = tuple[str, str]
VALUES = ("BTCUSDT", "0.001", "-1", "1e5", "7", "", "BUY", "true", "True", "x" * 70, "测试", "[1,2]", "a b", "0x1")


def fresh(endpoint: Endpoint) -> Endpoint:
    """The endpoint with no shape learnt."""
    return replace(endpoint, shapes={})


def shapeless(endpoint: Endpoint) -> Endpoint:
    """The endpoint with no room for shapes: everything is judged name by name."""
    return replace(endpoint, shapes={(str(number),): None for number in range(MAX_SHAPES)})


def both(endpoint: Endpoint, wire: list[Pair]) -> tuple[Intent | Denial, Intent | Denial, Intent | Denial]:
    """What is said with a shape when it is learnt, when it is known, and without."""
    learning = fresh(endpoint)
    first, second = judge(learning, wire, lambda: "made"), judge(learning, wire, lambda: "made")
    return first, second, judge(shapeless(endpoint), wire, lambda: "made")


@pytest.mark.threat(9)
@given(st.integers(0, 2**32))
def test_a_shape_changes_no_judgement(seed: int) -> None:
    """Random names in random order with random values, for every typed endpoint: the three answers agree."""
    dice = random.Random(seed)
    endpoint = dice.choice(TYPED)
    names = [*endpoint.params, "timestamp", "recvWindow", "signature", "unknown"]
    chosen = [name for name in names if name in endpoint.required or dice.random() < 0.3]
    dice.shuffle(chosen)
    if chosen and dice.random() < 0.1:
        chosen.append(dice.choice(chosen))
    first, second, plain = both(endpoint, [(name, dice.choice(VALUES)) for name in chosen])
    assert first == second
    assert _facts(first) == _facts(plain)


def _facts(judged: Intent | Denial) -> object:
    return judged if isinstance(judged, Denial) else judged[1:]


def test_a_plain_order_has_a_shape_and_a_made_id() -> None:
    """The names of an ordinary order are learnt once; the id it lacks is in the plan."""
    order = CATALOGUE.get("spot", "POST", "/api/v3/order")
    assert order is not None
    endpoint = fresh(order)
    names = ("symbol", "side", "type", "quantity", "timestamp")
    shape = shape_of(endpoint, names)
    assert shape is not None
    assert shape is shape_of(endpoint, names)
    assert (shape.made, shape.ids) == (("newClientOrderId",), ("newClientOrderId",))
    assert shape.pick(("BTCUSDT", "BUY", "MARKET", "1", "5")) == ("BTCUSDT", "BUY", "MARKET", "1")


@pytest.mark.parametrize(
    "names",
    [
        ("symbol", "side", "type", "symbol"),
        ("symbol", "side", "type", "signature"),
        ("symbol", "side", "type", "nothing"),
        ("symbol", "side"),
        ("symbol",),
    ],
)
def test_what_could_be_refused_by_name_has_no_shape(names: tuple[str, ...]) -> None:
    order = CATALOGUE.get("spot", "POST", "/api/v3/order")
    assert order is not None
    assert shape_of(fresh(order), names) is None


def test_shapes_are_bounded() -> None:
    """A bot that shuffles its names cannot fill the memory."""
    order = CATALOGUE.get("spot", "POST", "/api/v3/order")
    assert order is not None
    endpoint, names = fresh(order), ["symbol", "side", "type", *list(order.params)[3:20]]
    dice = random.Random(5)
    for _ in range(3 * MAX_SHAPES):
        dice.shuffle(names)
        judge(endpoint, [(name, "1") for name in names], lambda: "made")
    assert len(endpoint.shapes) <= MAX_SHAPES
