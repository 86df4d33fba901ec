"""The cancel of one USD-M order by the exchange's WebSocket API, whose weight is a pool of its own.

Its signature covers `apiKey` and all parameters, sorted by name, their values as they are and not percent-encoded.
"""

from collections.abc import Sequence

from counterseal.core.binance.catalogue import Endpoint, build

METHOD = "order.cancel"
PATH = "/ws-fapi/v1"
# The REST request that means the same, and is judged, recorded and settled in its place.
SAME_AS = "usdm DELETE /fapi/v1/order"
# No HTTP method: what is signed for it is found under no path of the REST API.
PLACE = ("usdm", "WS", METHOD)
_PUNCTUATION = frozenset("._-:/")
_ROW = {
    "family": PLACE[0], "method": PLACE[1], "path": PLACE[2], "purpose": "trade", "security": "TRADE", "signed": True,
    "weight": {"kind": "fixed", "value": 1}, "params": ["symbol", "orderId?", "origClientOrderId?"],
}  # fmt: skip
CANCEL: Endpoint = next(iter(build([_ROW])))


def is_plain(value: str) -> bool:
    """Tell whether a value that stands raw under a signature can be read in one way only: letters of any script,
    digits, and what client order ids have besides."""
    return all(each.isalnum() or each in _PUNCTUATION for each in value)


def fits(pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a cancel can be said there: known names, plain values, a number as JSON writes it."""
    return all(
        name in CANCEL.params and is_plain(value) and (name != "orderId" or _is_number(value)) for name, value in pairs
    )


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdecimal() and not value.startswith("0")
