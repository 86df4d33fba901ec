"""core.wsapi.methods: every method of the exchange is known, and leads to an endpoint that exists."""

import json
from pathlib import Path

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.wsapi.methods import HERE, METHODS, catalogue, find

# Market, method, whether it must be signed, and what it demands: the exchange's own list, as figures.
LISTED = json.loads((Path(__file__).parent / "methods.json").read_text())


@pytest.mark.parametrize(("family", "name", "signed", "params"), LISTED)
def test_every_method_has_its_endpoint(family: str, name: str, signed: bool, params: list[str]) -> None:
    """One that takes whatever the method takes, and demands no more than it does; signed where the method is."""
    method = find(family, name)
    assert method is not None
    endpoint = (catalogue() if method.ends_here else load_catalogue()).get(family, method.verb, method.path)
    assert endpoint is not None
    if endpoint.refusal == "stream":
        # Listen keys: refused at the exchange, answered here.
        assert name in ("userDataStream.start", "userDataStream.ping", "userDataStream.stop")
        return
    assert endpoint.signed == signed
    asked = {param.removesuffix("?") for param in params} - {"id", "recvWindow"}
    assert asked <= set(endpoint.params)
    demanded = {param for param in params if not param.endswith("?")}
    # The retired list takes a trailing stop too; over REST it is described with a stop price alone.
    allowed = {"stopPrice"} if name == "orderList.place" else set()
    assert set(endpoint.required) - allowed <= demanded


def test_what_is_not_in_the_list_is_a_futures_session() -> None:
    """The exchange describes them in words alone."""
    more = set(METHODS) - {(family, name) for family, name, *_ in LISTED}
    assert more == {
        (family, f"session.{verb}") for family in ("usdm", "coinm") for verb in ("logon", "status", "logout")
    }


def test_no_two_methods_of_a_market_mean_the_same() -> None:
    """Or two rows were confused."""
    places = [(family, method.verb, method.path) for (family, _), method in METHODS.items()]
    assert len(set(places)) == len(places)


def test_markets_have_their_own() -> None:
    """A name of another market is none here."""
    assert find("coinm", "algoOrder.place") is None
    assert find("spot", "order.modify") is None
    assert find("options", "order.place") is None


@pytest.mark.parametrize(
    ("family", "name", "is_open"),
    [
        ("spot", "session.logon", False),
        ("spot", "session.status", True),
        ("spot", "userDataStream.subscribe", False),
        ("spot", "userDataStream.unsubscribe", True),
    ],
)
def test_what_ends_here(family: str, name: str, is_open: bool) -> None:
    """It says whether anybody may ask."""
    method = find(family, name)
    assert method is not None
    assert (method.verb, method.ends_here, method.is_open) == (HERE, True, is_open)


def test_a_logon_needs_no_right_but_the_market() -> None:
    """Each request of the session is judged by itself."""
    endpoint = catalogue().get("spot", HERE, "session.logon")
    assert endpoint is not None
    assert (endpoint.purpose, endpoint.signed, endpoint.mutating) == ("session", True, False)
