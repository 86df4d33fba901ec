"""What came over WebSockets, as the gateway's journal has it: to listen is no change, a cancel is one of REST."""

from __future__ import annotations

from counterseal.paper.check_cuts import Row

# A WebSocket API's methods, and the request of REST that an intent names for each.
AS_REST = {"order.cancel": ("DELETE", "/fapi/v1/order")}
LISTENS = frozenset({"CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY",
                     "/fapi/v1/listenKey", "/dapi/v1/listenKey"})  # fmt: skip


def listens(row: Row) -> bool:
    """Whether a request only opens, keeps or ends what is listened to."""
    return row["path"] in LISTENS or (row["method"] == "WS" and row["path"].startswith("userDataStream."))


def as_rest(row: Row) -> Row:
    """A request as it would have come over REST; anything else as it is."""
    if row["method"] != "WS" or row["path"] not in AS_REST:
        return row
    method, path = AS_REST[row["path"]]
    return {**row, "method": method, "path": path, "params": [pair for pair in row["params"] if pair[0] != "apiKey"]}
