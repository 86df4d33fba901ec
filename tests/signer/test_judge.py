"""Names and bounds: what is refused with which reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signer.desks import KEYS, TABLE, ask, desk, good

from counterseal.core.binance.canonical import encode_query
from counterseal.core.messages import SIGNER_REASONS, Refused, Sign, Signed
from counterseal.signer import shape
from counterseal.signer.judge import Judge
from counterseal.signer.shape import Page, Shape
from counterseal.signer.table import Entry

JUDGE = Judge(TABLE, KEYS, 0)


def judged(request: Sign, judge: Judge = JUDGE) -> Shape | str:
    return judge.shape(request, tuple(name for name, _ in request.pairs))


def test_what_is_in_the_table_and_within_bounds_is_signed() -> None:
    assert isinstance(judged(good()), Shape)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key_ref": "other"}, "unknown_key"),
        ({"family": "usdm"}, "not_in_table"),
        ({"method": "post"}, "not_in_table"),
        ({"path": "/api/v3/order/"}, "not_in_table"),
        ({"path": "/api/v3/order?x"}, "not_in_table"),
        ({"path": "/sapi/v1/capital/withdraw/apply"}, "not_in_table"),
        ({"method": "GET", "path": "/api/v3/depth"}, "not_in_table"),
        ({"pairs": (("Symbol", "BTCUSDT"),)}, "unknown_parameter"),
        ({"pairs": (("symbol ", "BTCUSDT"),)}, "unknown_parameter"),
        ({"pairs": (("timestamp", "1"),)}, "unknown_parameter"),
        ({"pairs": (("recvWindow", "1"),)}, "unknown_parameter"),
        ({"pairs": (("signature", "1"),)}, "unknown_parameter"),
        ({"pairs": (("symbol", "A"), ("side", "BUY"), ("symbol", "B"))}, "repeated_parameter"),
        ({"pairs": (("quantity", "1"), ("quantity", "1"))}, "repeated_parameter"),
        ({"offset_ms": 5001}, "offset_out_of_bounds"),
        ({"offset_ms": -5001}, "offset_out_of_bounds"),
        ({"recv_window_ms": 5001}, "recv_window_out_of_bounds"),
        ({"recv_window_ms": -1}, "recv_window_out_of_bounds"),
        ({"epoch": 1}, "newer_epoch"),
        ({"epoch": -1}, "older_epoch"),
    ],
)
def test_what_is_outside_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    assert judged(good(**changes)) == reason
    assert ask(desk(), good(**changes)) == [Refused(1, reason)]
    assert reason in SIGNER_REASONS


@pytest.mark.threat(56)
@pytest.mark.parametrize(("epoch", "reason"), [(0, "older_epoch"), (6, "older_epoch"), (7, None), (8, "newer_epoch")])
def test_an_instance_whose_lease_is_over_gets_nothing_signed(epoch: int, reason: str | None) -> None:
    (answer,) = ask(desk(epoch=7), good(epoch=epoch))

    assert answer == Refused(1, reason) if reason else isinstance(answer, Signed)


def test_a_list_may_repeat() -> None:
    page = Page(Entry(frozenset({"asset", "side"}), frozenset({"asset"})))

    assert isinstance(page.shape(("asset", "asset")), Shape)
    assert page.shape(("asset", "asset", "side", "side")) == "repeated_parameter"
    assert isinstance(page.shape(("asset", "side", "asset")), Shape)


def test_names_that_together_would_do_elsewhere_are_refused_in_any_order() -> None:
    page = Page(Entry(frozenset({"coin", "network", "amount"}), elsewhere=(frozenset({"coin", "amount"}),)))

    assert isinstance(page.shape(("coin", "network")), Shape)
    assert page.shape(("amount", "network", "coin")) == "reaches_elsewhere"


def test_a_name_that_would_need_escaping_is_never_signed() -> None:
    """The catalogue holds none; if one came in, it must not end up in a query unescaped."""
    assert Page(Entry(frozenset({"a&b"}))).shape(("a&b",)) == "unknown_parameter"
    assert Page(Entry(frozenset({"a%s"}))).shape(("a%s",)) == "unknown_parameter"


def test_sequences_of_names_are_remembered_up_to_a_bound() -> None:
    names = [f"n{number}" for number in range(shape.REMEMBERED + 10)]
    page = Page(Entry(frozenset(names)))

    first = page.shape((names[0],))
    assert page.shape((names[0],)) is first
    for name in names:
        assert isinstance(page.shape((name,)), Shape)
    assert len(page._shapes) <= shape.REMEMBERED
    assert page.shape((names[0],)) == first


@given(st.lists(st.text(max_size=12), max_size=5))
def test_the_query_is_the_canonical_one(values: list[str]) -> None:
    """The signer's encoder against the one that the rest of the program uses."""
    names = tuple(f"n{number}" for number in range(len(values)))
    found = Page(Entry(frozenset(names))).shape(names)

    assert isinstance(found, Shape)
    assert f"{found.query(values)}end".encode() == encode_query([*zip(names, values, strict=True), ("end", "")])[:-1]
