"""countdownCancelAll, as the guard alone asks for it: after so many ms without another the exchange cancels by itself.

The catalogue refuses it to bots, because a countdown of 0 switches it off and one of 1 cancels everybody's orders.
"""

from collections.abc import Mapping

from counterseal.core.binance.catalogue import Endpoint, build

PATHS: Mapping[str, str] = {"usdm": "/fapi/v1/countdownCancelAll", "coinm": "/dapi/v1/countdownCancelAll"}
WEIGHT = 10
COUNTDOWNS: Mapping[str, Endpoint] = {
    endpoint.family: endpoint
    for endpoint in build(
        {
            "family": family, "method": "POST", "path": path, "purpose": "trade", "security": "TRADE", "signed": True,
            "weight": {"kind": "fixed", "value": WEIGHT}, "params": ["symbol", "countdownTime"],
        }
        for family, path in PATHS.items()
    )
}  # fmt: skip
