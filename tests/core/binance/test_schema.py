"""Which values are judged by which grammar: every parameter of every typed endpoint has a kind."""

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.schema import Kind, kind_of, tolerances_of, typed

CATALOGUE = load_catalogue()
TYPED = [e for e in CATALOGUE if e.typed]


def test_105_endpoints_are_typed_and_all_are_in_the_catalogue() -> None:
    assert len(TYPED) == 105
    assert all(typed(e.family, e.method, e.path) for e in TYPED)
    assert not any(typed(e.family, e.method, e.path) for e in CATALOGUE if not e.typed)


@pytest.mark.threat(11)
def test_no_parameter_of_a_typed_endpoint_is_free_text() -> None:
    free = {
        (e.name, p.name) for e in TYPED for p in e.params.values() if p.kind is Kind.TEXT and p.name != "recvWindow"
    }
    assert free == set()


def test_untyped_parameters_are_text() -> None:
    assert {p.kind for e in CATALOGUE if not e.typed for p in e.params.values()} == {Kind.TEXT}


@pytest.mark.threat(11)
def test_no_refused_or_public_endpoint_is_typed() -> None:
    assert {e.purpose for e in TYPED} == {"account", "trade", "settings"}


@pytest.mark.threat(14)
def test_money_is_decimal_wherever_it_appears() -> None:
    """By the words in the name, so that a new parameter cannot slip in as another kind."""
    for e in TYPED:
        for p in e.params.values():
            low = p.name.lower()
            if low.endswith(("price", "qty", "quantity", "rate")) or low == "amount":
                assert p.kind is Kind.DECIMAL, (e.name, p.name)
            if low.endswith("clientorderid") or low == "clientalgoid":
                assert p.kind is Kind.CLIENT_ID, (e.name, p.name)


@pytest.mark.threat(23)
def test_the_type_of_position_margin_is_a_number_and_of_orders_a_word() -> None:
    """As a word, 1 and 2 were refused and margin could not be added at all."""
    for root in ("/fapi", "/dapi"):
        assert kind_of("type", f"{root}/v1/positionMargin") is Kind.INT
        assert kind_of("type", f"{root}/v1/positionMargin/history") is Kind.INT
    assert kind_of("type", "/fapi/v1/order") is Kind.ENUM
    endpoint = CATALOGUE.get("usdm", "POST", "/fapi/v1/positionMargin")
    assert endpoint is not None
    assert endpoint.params["type"].kind is Kind.INT


@pytest.mark.threat(12)
def test_what_stays_untyped_belongs_to_products_that_the_paper_exchange_has_no_orders_of() -> None:
    """Ruling 3: a change can be judged where a judged order can be compared with a parsed one."""
    untyped = [e for e in CATALOGUE if e.purpose in ("trade", "settings") and not e.typed]
    assert {e.path.split("/")[1] for e in untyped} == {"sapi", "papi", "eapi"}
    assert {e.path.split("/")[1] for e in TYPED} == {"api", "fapi", "dapi"}


def test_unknown_names_are_text() -> None:
    assert kind_of("noSuchName") is Kind.TEXT


def test_tolerances_are_these() -> None:
    batch = tolerances_of("usdm", "DELETE", "/fapi/v1/batchOrders")
    assert batch.aliases == {"orderidlist": "orderIdList", "origclientorderidlist": "origClientOrderIdList"}
    assert tolerances_of("coinm", "DELETE", "/dapi/v1/batchOrders") == batch
    assert tolerances_of("spot", "POST", "/sapi/v1/asset/dust").lists == {"asset"}
    tolerant = [e for e in CATALOGUE if e.aliases or e.lists or e.dropped]
    assert len(tolerant) == 3
    nothing = tolerances_of("spot", "POST", "/api/v3/order")
    assert (nothing.aliases, nothing.lists, nothing.dropped) == ({}, frozenset(), frozenset())


def test_aliases_lead_to_parameters_and_are_none_themselves() -> None:
    for e in CATALOGUE:
        assert set(e.aliases.values()) <= set(e.params)
        assert not set(e.aliases) & set(e.params)
        assert e.lists <= set(e.params)
