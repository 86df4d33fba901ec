"""Base addresses are an enumeration."""

import re

import pytest

from counterseal.core.binance.catalogue import HOSTS
from counterseal.core.binance.hosts import BOT_HOSTS, CERTIFIED_HOSTS, ENVIRONMENT_HOSTS


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


@pytest.mark.parametrize("environment", sorted(ENVIRONMENT_HOSTS))
def test_a_bot_finds_every_host_of_its_environment(environment: str) -> None:
    """But the web site: people log in there, so that no certificate of ours may name it."""
    for family, host in ENVIRONMENT_HOSTS[environment].items():
        if family == "www":
            assert host not in BOT_HOSTS[environment]
        else:
            assert family in BOT_HOSTS[environment][host].families
            assert BOT_HOSTS[environment][host].ports == {443}


def test_no_name_means_two_environments() -> None:
    """A bot that is set up for a test network is refused where real money is, and the other way round."""
    production, testnet, demo = (set(BOT_HOSTS[name]) for name in ("production", "testnet", "demo"))
    assert not production & testnet and not production & demo and not testnet & demo
    assert BOT_HOSTS["paper"] == BOT_HOSTS["production"]


def test_hosts_of_streams_serve_no_rest() -> None:
    """They are known, so that the refusal of an upgrade says why; both of their ports are."""
    for name in ("stream.binance.com", "fstream.binance.com", "ws-api.binance.com", "ws-fapi.binance.com"):
        assert BOT_HOSTS["production"][name].families == ()
        assert BOT_HOSTS["production"][name].ports == {443, 9443}


def test_one_host_can_mean_two_families() -> None:
    assert BOT_HOSTS["testnet"]["testnet.binancefuture.com"].families == ("usdm", "coinm")


def test_certificates_name_every_host_of_every_environment_and_nothing_else() -> None:
    assert set(CERTIFIED_HOSTS) == {host for hosts in BOT_HOSTS.values() for host in hosts}
    for host in CERTIFIED_HOSTS:
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(binance\.com|binance\.vision|binancefuture\.com)", host)
        assert not host.startswith(("www.", "accounts."))
