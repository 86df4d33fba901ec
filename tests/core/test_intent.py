"""When a whole request can only lower exposure."""

from decimal import Decimal

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.intent import Intent, Leg

CATALOGUE = load_catalogue()
SHRINKS = Leg("BTCUSDT", "SELL", "MARKET", Decimal(1), None, (), True)
GROWS = SHRINKS._replace(reduces=False)


def _endpoint(family: str, method: str, path: str) -> Endpoint:
    endpoint = CATALOGUE.get(family, method, path)
    assert endpoint is not None
    return endpoint


ORDER = _endpoint("usdm", "POST", "/fapi/v1/order")
CANCEL = _endpoint("usdm", "DELETE", "/fapi/v1/order")
LEVERAGE = _endpoint("usdm", "POST", "/fapi/v1/leverage")
ACCOUNT = _endpoint("spot", "GET", "/api/v3/account")


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("endpoint", "legs", "reduces"),
    [
        (CANCEL, (), True),
        (ORDER, (SHRINKS,), True),
        (ORDER, (SHRINKS, SHRINKS), True),
        (ORDER, (GROWS,), False),
        (ORDER, (SHRINKS, GROWS), False),
        (ORDER, (GROWS, SHRINKS), False),
        (LEVERAGE, (), False),
        (ACCOUNT, (), False),
    ],
)
def test_cancels_and_nothing_but_reducing_legs_reduce(endpoint: Endpoint, legs: tuple[Leg, ...], reduces: bool) -> None:
    intent = Intent(endpoint, (), {}, (), legs, (), bool(legs))
    assert intent.reduces is reduces
