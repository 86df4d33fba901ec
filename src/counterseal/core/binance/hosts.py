"""The exchange's hosts per environment. Base addresses are an enumeration: nothing joins a URL from configuration."""

from collections.abc import Mapping

from counterseal.core.binance.catalogue import HOSTS

ENVIRONMENT_HOSTS: Mapping[str, Mapping[str, str]] = {
    "production": HOSTS,
    # One TLS port answers for all of them; the certificate names them all.
    "paper": HOSTS,
    "testnet": {
        "spot": "testnet.binance.vision",
        "usdm": "testnet.binancefuture.com",
        "coinm": "testnet.binancefuture.com",
    },
    "demo": {
        "spot": "demo-api.binance.com",
        "usdm": "demo-fapi.binance.com",
        "coinm": "demo-dapi.binance.com",
    },
}
