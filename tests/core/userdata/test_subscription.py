"""The request that opens a spot account's user data."""

from counterseal.core.binance.hosts import BOT_HOSTS, USER_HOSTS
from counterseal.core.userdata.subscription import METHOD, PLACE, SUBSCRIBE


def test_it_is_an_endpoint_of_no_parameters_that_weighs_connection_and_request() -> None:
    assert (SUBSCRIBE.family, SUBSCRIBE.method, SUBSCRIBE.path) == PLACE
    assert SUBSCRIBE.path == METHOD
    assert (SUBSCRIBE.params, SUBSCRIBE.signed, SUBSCRIBE.mutating) == ({}, True, False)
    assert SUBSCRIBE.weight({}) == 4


def test_spot_has_user_data_on_its_websocket_api_and_futures_on_their_streams() -> None:
    assert USER_HOSTS["production"] == USER_HOSTS["paper"] == {
        "spot": "ws-api.binance.com", "usdm": "fstream.binance.com", "coinm": "dstream.binance.com",
    }  # fmt: skip
    for environment, hosts in USER_HOSTS.items():
        assert set(hosts.values()) <= set(BOT_HOSTS[environment])
    assert USER_HOSTS["testnet"]["spot"] == "ws-api.testnet.binance.vision"
    assert USER_HOSTS["demo"]["spot"] == "demo-ws-api.binance.com"
