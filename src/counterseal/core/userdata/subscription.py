"""The request that opens a spot account's user data: no REST call, but the WebSocket API's.

Its signature covers `apiKey`, `recvWindow` and `timestamp`, in this order, which is that of the names: the same bytes
as a query of theirs. Those of `session.logon` are no others.
"""

from counterseal.core.binance.catalogue import Endpoint, build

METHOD = "userDataStream.subscribe.signature"
PATH = "/ws-api/v3"
# No HTTP method: what is signed for it is found under no path of the REST API.
PLACE = ("spot", "WS", METHOD)
# What the connection and the subscription weigh together.
WEIGHT = 2 + 2
_ROW = {
    "family": PLACE[0], "method": PLACE[1], "path": PLACE[2], "purpose": "account", "security": "USER_STREAM",
    "signed": True, "weight": {"kind": "fixed", "value": WEIGHT}, "params": [],
}  # fmt: skip
SUBSCRIBE: Endpoint = next(iter(build([_ROW])))
