"""Base addresses are an enumeration."""

import re

import pytest

from counterseal.core.binance.catalogue import HOSTS
from counterseal.core.binance.hosts import ENVIRONMENT_HOSTS


def test_the_environments_are_these_four() -> None:
    assert set(ENVIRONMENT_HOSTS) == {"production", "paper", "testnet", "demo"}


@pytest.mark.threat(32)
@pytest.mark.parametrize("environment", sorted(ENVIRONMENT_HOSTS))
def test_every_host_is_a_plain_name_of_the_exchange(environment: str) -> None:
    """No scheme, port, user, path or address: nothing to join a URL from."""
    for family, host in ENVIRONMENT_HOSTS[environment].items():
        assert family in HOSTS
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(binance\.com|binance\.vision|binancefuture\.com)", host)


def test_paper_answers_under_the_real_names_and_the_test_networks_do_not() -> None:
    assert ENVIRONMENT_HOSTS["paper"] == ENVIRONMENT_HOSTS["production"] == HOSTS
    for environment in ("testnet", "demo"):
        assert set(ENVIRONMENT_HOSTS[environment]) == {"spot", "usdm", "coinm"}
        assert not set(ENVIRONMENT_HOSTS[environment].values()) & set(HOSTS.values())
