"""How each SDK is pointed at the gateway, as text to copy. The credential is read from its file, never shown."""

CREDENTIAL = """\
import json
credential = json.load(open({file!r}))
key, secret = credential["apiKey"], credential["secretKey"]"""

CCXT = """\
# ccxt
import ccxt, re
exchange = ccxt.binance({{"apiKey": key, "secret": secret}})
for name, url in exchange.urls["api"].items():
    if isinstance(url, str):
        exchange.urls["api"][name] = re.sub(r"^https?://[^/]+", "{base}", url)
print(exchange.fetch_balance()["USDT"])"""

PYTHON_BINANCE = """\
# python-binance
from binance import Client
class GatewayClient(Client):
    API_URL = "{base}/api"; MARGIN_API_URL = "{base}/sapi"
    FUTURES_URL = "{base}/fapi"; FUTURES_DATA_URL = "{base}/futures/data"
client = GatewayClient(key, secret)
print(client.get_asset_balance("USDT"))"""

SDK_SPOT = """\
# binance-sdk-spot
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_spot.spot import Spot
spot = Spot(config_rest_api=ConfigurationRestAPI(api_key=key, api_secret=secret, base_path="{base}", timeout=5000))
print(spot.rest_api.get_account().data().balances[:3])"""

SDK_USDM = """\
# binance-sdk-derivatives-trading-usds-futures
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
usdm = DerivativesTradingUsdsFutures(
    config_rest_api=ConfigurationRestAPI(api_key=key, api_secret=secret, base_path="{base}", timeout=5000))
print(usdm.rest_api.futures_account_balance_v3().data()[:3])"""

SDKS = (CCXT, PYTHON_BINANCE, SDK_SPOT, SDK_USDM)


def connect_text(base: str, credential_file: str) -> str:
    """Give the text that says how to connect: base URL, where the credential is, one block per SDK."""
    blocks = [CREDENTIAL.format(file=credential_file), *(block.format(base=base) for block in SDKS)]
    return "\n\n".join(blocks)
