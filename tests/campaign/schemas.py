"""What the exchange's documents say an endpoint takes, and where the gateway is stricter on purpose: an oracle.

The names are facts of schema_oracle.json, which says of when they are. Values follow from the names' endings and from
the documented words below. Nothing of this is read from the gateway's own schema.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tests.campaign.numbers_spelled import is_plain, is_plain_int

TABLE = json.loads((Path(__file__).parent / "schema_oracle.json").read_text())
FACTS_OF: str = TABLE["facts_of"]
Pairs = list[tuple[str, str]]

# -- kinds, by how a name ends. First match wins.
_ENDINGS = (
    ("list", r"orderIdList|origClientOrderIdList|batchOrders"),
    ("flag", r"reduceOnly|closePosition|priceProtect|dualSidePosition|multiAssetsMargin|omitZeroBalances"
             r"|computeCommissionRates"),
    ("id", r".*[cC]lientOrderId|clientAlgoId"),
    ("whole", r".*([oO]rderId|StrategyId|strategyId|StrategyType|strategyType|[tT]railingDelta|[pP]egOffsetValue)"),
    ("whole", r"algoId|orderListId|fromId|from[A-Z]\w*Id|preventedMatchId|modifyId|limit|page|startTime|endTime"
              r"|leverage|goodTillDate"),
    ("word", r"priceMatch|.*[pP]egPriceType|.*[sS]ide|.*[tT]imeInForce|.*Type|type|.*Mode|cancelRestrictions"),
    ("decimal", r".*([pP]rice|Qty|[qQ]uantity)|callbackRate|amount"),
    ("symbol", r"symbol|pair|marginAsset"),
)  # fmt: skip
_WORDS = (
    (r"side|\w*Side", "BUY SELL"),
    (r"positionSide", "BOTH LONG SHORT"),
    (r"\w*[tT]imeInForce", "GTC IOC FOK"),
    (r"\w*[pP]egPriceType", "PRIMARY_PEG MARKET_PEG"),
    (r"\w*[pP]egOffsetType", "PRICE_LEVEL"),
    (r"newOrderRespType", "ACK RESULT FULL"),
    (r"selfTradePreventionMode", "NONE EXPIRE_MAKER EXPIRE_TAKER EXPIRE_BOTH DECREMENT TRANSFER"),
    (r"cancelReplaceMode", "STOP_ON_FAILURE ALLOW_FAILURE"),
    (r"cancelRestrictions", "ONLY_NEW ONLY_PARTIALLY_FILLED"),
    (r"orderRateLimitExceededMode", "DO_NOTHING CANCEL_ONLY"),
    (
        r"workingType|\w*(Above|Below|above|below|pending)Type",
        "LIMIT LIMIT_MAKER STOP_LOSS STOP_LOSS_LIMIT TAKE_PROFIT",
    ),
    (r"priceMatch", "NONE OPPONENT OPPONENT_5 OPPONENT_10 OPPONENT_20 QUEUE QUEUE_5 QUEUE_10 QUEUE_20"),
    (r"marginType", "ISOLATED CROSSED"),
    (r"algoType", "CONDITIONAL"),
    (r"autoCloseType", "LIQUIDATION ADL"),
    (r"incomeType", "TRANSFER WELCOME_BONUS REALIZED_PNL FUNDING_FEE COMMISSION INSURANCE_CLEAR"),
)
_SPOT_TYPES = "LIMIT MARKET STOP_LOSS STOP_LOSS_LIMIT TAKE_PROFIT TAKE_PROFIT_LIMIT LIMIT_MAKER"
_FUTURES_TYPES = "LIMIT MARKET STOP STOP_MARKET TAKE_PROFIT TAKE_PROFIT_MARKET TRAILING_STOP_MARKET"
_BAD = {
    "decimal": ("1e-3", "-1", "+1", " 1", "1,0", ".5", "5.", "0x1", "", "NaN", "007"),
    "whole": ("1.5", "-1", "1e3", "0x1", "", " 7", "1_000", "9" * 20, "007", "true"),
    "flag": ("1", "yes", "", "t", "true ", "TRUEE", "0", "null"),
    "word": ("buy", "B U", "", "-", "1", "BUY;", "BUY,SELL", "A" * 41),
    "symbol": ("", "BTC USDT", "BTC&USDT", "BTC=USDT", 'BTC"', "B" * 65),
    "id": ("", "x" * 65),
    "list": ("", "[", "[]", "{}", "7", "[1,2", "[1]]", "[null]", "[[1]]", "[NaN]", '[{"a":1,"a":1}]'),
}  # fmt: skip
BAD_NUMBER = frozenset({"decimal", "whole"})

# -- where the gateway is stricter than the documents, each with its reason
STRICTER: Mapping[str, str] = {
    "size": "an order, and a change of one, without a size cannot be judged: quantity, or what stands for it",
    "lower": "settings only lower risk: margin to isolated or added, multi-assets and hedge mode off",
    "leverage": "leverage has a cap of the bot's",
    "reserved": "new ids do not begin as those of the exchange's own orders: a liquidation would pass for the bot's",
    "twice": "two ids of one request must differ, or neither order could be asked for by its id",
    "twin": "the exchange has documented no parameters of COIN-M's conditional orders: those of USD-M are taken",
    "conditional": "no order of a batch waits for a price: on COIN-M too conditional orders go by algoOrder (-4120)",
    "change": "a change states price and quantity: the exchange demands both, on COIN-M since the two are one",
    "retired": "the WebSocket API's orderList.place, retired by the exchange, takes its stop by its price alone",
    "window": "every signed call takes recvWindow, whether or not its table says so",
}
# Where it is laxer: names that a client library needs, and what they stand for.
LAXER: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("DELETE", f"/{root}/v1/batchOrders"): {  # ccxt
        "orderidlist": "orderIdList",
        "origclientorderidlist": "origClientOrderIdList",
    }
    for root in ("fapi", "dapi")
}
MAX_LEVERAGE, MAX_WINDOW_MS = 20, 60_000
_LOWER = {"marginType": "ISOLATED", "dualSidePosition": "false", "multiAssetsMargin": "false"}
_RESERVED = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")
_TESTS = frozenset({"/api/v3/order/test", "/fapi/v1/order/test", "/api/v3/sor/order/test"})
# A conditional order closes a position without stating a size.
_SIZES = ("quantity", "quoteOrderQty")
_CONDITIONAL = frozenset(
    {"stopPrice", "closePosition", "activationPrice", "callbackRate", "workingType", "priceProtect"}
)
_NEVER_NEW = re.compile(r"(orig|cancel)\w*").fullmatch


class Row(NamedTuple):
    """An endpoint by the documents. `address` and `name` are set for a method of a WebSocket API.

    `is_leg`: it is one order within a batch.
    """

    family: str
    method: str
    path: str
    required: tuple[str, ...]
    documented: frozenset[str]
    address: str = ""
    name: str = ""
    is_leg: bool = False

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    @property
    def states_a_size(self) -> bool:
        """Whether it places or changes one order whose size has a name of its own."""
        return self.method in ("POST", "PUT") and "quantity" in self.documented


class Decision(NamedTuple):
    """What must become of a request: the reason of its refusal, or the pairs that must reach the exchange.

    `made` are the names of ids that the gateway gives because the bot gave none, `by` is the exception that refuses.
    """

    reason: str | None
    pairs: tuple[tuple[str, str], ...] = ()
    made: tuple[str, ...] = ()
    by: str = ""


def rows() -> list[Row]:
    """Give the endpoints of the table, undocumented ones with the parameters of their twin."""
    params = {(row["method"], row["path"]): row["params"].split() for row in TABLE["endpoints"]}
    found = []
    for row in TABLE["endpoints"]:
        method, path = row["method"], row["path"]
        names = params[method, path]
        if not names:
            # STRICTER["twin"]
            names = params[method, path.replace("/dapi/", "/fapi/")]
        required = tuple(name for name in names if not name.endswith("?"))
        if (method, path) == ("PUT", "/dapi/v1/order"):
            # STRICTER["change"]
            required += ("quantity", "price")
        documented = frozenset(name.rstrip("?") for name in names) | {"recvWindow"}
        found.append(Row(row["family"], method, path, required, documented))
    return found


def socket_rows() -> list[Row]:
    """Give the methods of the WebSocket APIs, each with the request that means the same."""
    families, found = {"/ws-api/v3": "spot", "/ws-fapi/v1": "usdm", "/ws-dapi/v1": "coinm"}, []
    for row in TABLE["methods"]:
        names = row["params"].split()
        required = tuple(name for name in names if not name.endswith("?"))
        if row["name"] == "orderList.place":
            # STRICTER["retired"]
            required += ("stopPrice",)
        documented = frozenset(name.rstrip("?") for name in names) | {"recvWindow"}
        method, path = row["means"].split()
        found.append(Row(families[row["address"]], method, path, required, documented, row["address"], row["name"]))
    return found


def leg_rows() -> list[Row]:
    """Give what one order of a batch may state: what it may by itself, but for what is no part of a batch."""
    found = []
    for row in rows():
        if row.path in ("/fapi/v1/order", "/dapi/v1/order") and row.method in ("POST", "PUT"):
            # STRICTER["conditional"]
            documented = row.documented - _CONDITIONAL - {"recvWindow"}
            found.append(
                row._replace(path=row.path.replace("order", "batchOrders"), documented=documented, is_leg=True)
            )
    return found


def kind_of(row: Row, name: str) -> str:
    """Give the kind of a parameter."""
    if name == "recvWindow":
        return "window"
    if name == "type" and "/positionMargin" in row.path:
        return "whole"
    return next(kind for kind, ending in _ENDINGS if re.fullmatch(ending, name))


def good_values(row: Row, name: str) -> tuple[str, ...]:
    """Give documented values of a parameter; the first one is the usual one."""
    kind = kind_of(row, name)
    if kind == "word":
        return _words(row, name)
    if kind == "symbol":
        return ({"symbol": _symbol(row), "pair": "BTCUSD", "marginAsset": "BTC"}[name],)
    if name == "batchOrders":
        return (json.dumps([_leg(row), {**_leg(row), "symbol": _symbol(row)}]),)
    if name in ("orderIdList", "origClientOrderIdList"):
        return ("[7,8]",) if name == "orderIdList" else ('["a","b"]',)
    return {
        "decimal": ("2", "0.5", "1000.25"),
        "whole": ("1", "7"),
        "flag": ("false", "true", "FALSE", "True"),
        "id": (f"{name[:20]}-1", "a.b:C/d_e-9"),
        "window": ("1500", "5000", "6000.346", "60000"),
    }[kind]


def _leg(row: Row) -> dict[str, str]:
    legs = {"symbol": _symbol(row), "side": "BUY", "quantity": "1", "price": "90000"}
    return {**legs, "type": "LIMIT", "timeInForce": "GTC"} if row.method == "POST" else {**legs, "orderId": "7"}


def _symbol(row: Row) -> str:
    return "BTCUSD_PERP" if row.family == "coinm" else "BTCUSDT"


def _words(row: Row, name: str) -> tuple[str, ...]:
    if name in ("type", "workingType") and not row.path.startswith("/api/v3/orderList"):
        if name == "workingType":
            return ("MARK_PRICE", "CONTRACT_PRICE")
        return tuple((_SPOT_TYPES if row.family == "spot" else _FUTURES_TYPES).split())
    if name == "positionSide":
        return ("BOTH", "LONG", "SHORT")
    return tuple(next(words for ending, words in _WORDS if re.fullmatch(ending, name)).split())


def bad_values(row: Row, name: str) -> tuple[str, ...]:
    """Give values that are of no documented form."""
    if name == "recvWindow":
        return ("-1", "1e3", "", "60001", "abc", " 5000", "6000.", "60000.001")
    return _BAD[kind_of(row, name)]


def base(row: Row) -> Pairs:
    """Give the shortest good request."""
    names = list(row.required)
    if row.states_a_size and "quantity" not in names:
        names.append("quantity")
    return [(name, good_values(row, name)[0]) for name in names]


# -- the judgement


def decide(row: Row, pairs: Iterable[tuple[str, str]]) -> Decision:
    """Say what must become of a request."""
    seen: dict[str, str] = {}
    for wire, value in pairs:
        name = LAXER.get((row.method, row.path), {}).get(wire, wire)
        if name not in row.documented:
            return Decision("unknown_parameter")
        if name in seen:
            return Decision("repeated_parameter")
        fault = _fault(row, name, value)
        if fault is not None:
            return Decision(fault)
        seen[name] = value.lower() if kind_of(row, name) == "flag" else value
    missing = [name for name in row.required if name not in seen]
    if missing:
        return Decision("mandatory_parameter")
    return _stricter(row, seen) or Decision(None, tuple(seen.items()), tuple(_made(row, seen)))


def _fault(row: Row, name: str, value: str) -> str | None:
    kind = kind_of(row, name)
    if kind == "window":
        return None if is_plain(value) and Decimal(value) <= MAX_WINDOW_MS else "recv_window_malformed"
    fits = {
        "decimal": is_plain,
        "whole": is_plain_int,
        "flag": lambda text: text.lower() in ("true", "false"),
        "word": re.compile(r"[A-Z][A-Z0-9_]{0,39}").fullmatch,
        "symbol": lambda text: 0 < len(text) <= 64 and not any(c.isspace() or c in "&=%+\"'\\" for c in text),
        "id": lambda text: 0 < len(text) <= 64,
        "list": lambda text: text in good_values(row, name),
    }[kind](value)
    if fits:
        return None
    return "malformed_number" if kind in BAD_NUMBER else "malformed_value"


def _stricter(row: Row, seen: Mapping[str, str]) -> Decision | None:
    """Judge what the documents allow and the gateway does not."""
    new = [seen[name] for name in new_ids(row) if name in seen and seen[name] != seen.get("origClientOrderId")]
    if any(value.startswith(_RESERVED) for value in new):
        return Decision("client_id_reserved", by="reserved")
    if any(seen.get(name, lower) != lower for name, lower in _LOWER.items()) and row.changes:
        return Decision("setting_raises_risk", by="lower")
    if row.changes and "/positionMargin" in row.path and seen["type"] != "1":
        return Decision("setting_raises_risk", by="lower")
    if row.path.endswith("/leverage") and int(seen["leverage"]) > MAX_LEVERAGE:
        return Decision("leverage_over_cap", by="leverage")
    closes = seen.get("closePosition") == "true" and row.method == "POST"
    reduces = seen.get("reduceOnly") == "true" and seen.get("positionSide", "BOTH") == "BOTH" and row.method == "POST"
    if row.states_a_size and not closes and not reduces and not any(name in seen for name in _SIZES):
        return Decision("mandatory_parameter", by="size")
    if len(set(new)) < len(new):
        repeated = "duplicate_client_order_id" if row.family == "spot" else "duplicate_client_order_id_futures"
        return Decision(repeated, by="twice")
    return None


def new_ids(row: Row) -> list[str]:
    """Give the parameters under which a request brings ids into the world."""
    if row.path in _TESTS or not (row.method == "POST" or row.path.endswith("/keepPriority")):
        return []
    found = [name for name in sorted(row.documented) if name.endswith("ClientOrderId") and not _NEVER_NEW(name)]
    return found + [name for name in row.documented if name == "clientAlgoId"]


def _made(row: Row, seen: Mapping[str, str]) -> Iterator[str]:
    return (name for name in new_ids(row) if name not in seen)
