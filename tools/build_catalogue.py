"""Build src/counterseal/data/rest_endpoints.json from a table of facts about the exchange.

    python tools/build_catalogue.py FACTS.json

FACTS.json has one row per endpoint (method, path, host, security, signed, weight, params). What this file adds is
*our own* classification: every endpoint gets a purpose (read, account, trade, settings, refused), and a refused one its
class. Nothing is trusted because the exchange calls it harmless: anything that is not a GET and not listed here by hand
is refused (withdrawals and transfers are USER_DATA in the exchange's documents).
"""

import json
import sys
from collections import Counter
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "src/counterseal/data/rest_endpoints.json"
FAMILIES = {
    "https://api.binance.com": "spot",
    "https://fapi.binance.com": "usdm",
    "https://dapi.binance.com": "coinm",
    "https://eapi.binance.com": "options",
    "https://papi.binance.com": "papi",
    "https://www.binance.com": "www",
}
TRADE = """
DELETE /api/v3/openOrders /api/v3/order /api/v3/orderList
POST /api/v3/order /api/v3/order/cancelReplace /api/v3/orderList/oco /api/v3/orderList/opo /api/v3/orderList/opoco
POST /api/v3/orderList/oto /api/v3/orderList/otoco /api/v3/order/oco /api/v3/order/test /api/v3/sor/order
POST /api/v3/sor/order/test
PUT /api/v3/order/amend/keepPriority
DELETE /sapi/v1/margin/openOrders /sapi/v1/margin/orderList /sapi/v1/margin/order
POST /sapi/v1/margin/order /sapi/v1/margin/order/oco /sapi/v1/margin/order/oto /sapi/v1/margin/order/otoco
DELETE /sapi/v1/algo/futures/order /sapi/v1/algo/spot/order
POST /sapi/v1/algo/futures/newOrderTwap /sapi/v1/algo/futures/newOrderVp /sapi/v1/algo/spot/newOrderTwap
DELETE /fapi/v1/algoOrder /fapi/v1/algoOpenOrders /fapi/v1/allOpenOrders /fapi/v1/batchOrders /fapi/v1/order
PUT /fapi/v1/batchOrders /fapi/v1/order
POST /fapi/v1/algoOrder /fapi/v1/order /fapi/v1/batchOrders /fapi/v1/order/test
DELETE /dapi/v1/algoOrder /dapi/v1/algoOpenOrders /dapi/v1/allOpenOrders /dapi/v1/batchOrders /dapi/v1/order
PUT /dapi/v1/batchOrders /dapi/v1/order
POST /dapi/v1/algoOrder /dapi/v1/order /dapi/v1/batchOrders
DELETE /eapi/v1/allOpenOrdersByUnderlying /eapi/v1/allOpenOrders /eapi/v1/batchOrders /eapi/v1/order
POST /eapi/v1/order /eapi/v1/batchOrders
DELETE /papi/v1/cm/conditional/allOpenOrders /papi/v1/cm/allOpenOrders /papi/v1/um/algo/allOpenOrders
DELETE /papi/v1/um/conditional/allOpenOrders /papi/v1/um/allOpenOrders /papi/v1/cm/conditional/order /papi/v1/cm/order
DELETE /papi/v1/margin/allOpenOrders /papi/v1/margin/orderList /papi/v1/margin/order /papi/v1/um/algo/order
DELETE /papi/v1/um/conditional/order /papi/v1/um/order
PUT /papi/v1/cm/order /papi/v1/um/order
POST /papi/v1/margin/order/oco /papi/v1/margin/order /papi/v1/cm/conditional/order /papi/v1/cm/order
POST /papi/v1/um/algo/order /papi/v1/um/conditional/order /papi/v1/um/order
"""
SETTINGS = """
POST /fapi/v1/leverage /fapi/v1/marginType /fapi/v1/multiAssetsMargin /fapi/v1/positionSide/dual /fapi/v1/positionMargin
POST /dapi/v1/leverage /dapi/v1/marginType /dapi/v1/positionSide/dual /dapi/v1/positionMargin
POST /papi/v1/cm/leverage /papi/v1/cm/positionSide/dual /papi/v1/um/leverage /papi/v1/um/positionSide/dual
POST /sapi/v1/margin/max-leverage
"""
# Reads that the exchange serves by POST.
ACCOUNT_POSTS = "POST /sapi/v1/asset/get-funding-asset /sapi/v3/asset/getUserAsset"
# Endpoints whose parameters the exchange has not documented: assumed to be those of their USD-M twin.
TWINS = {
    ("POST", "/dapi/v1/algoOrder"): "/fapi/v1/algoOrder",
    ("DELETE", "/dapi/v1/algoOrder"): "/fapi/v1/algoOrder",
    ("DELETE", "/dapi/v1/algoOpenOrders"): "/fapi/v1/algoOpenOrders",
    ("GET", "/dapi/v1/openAlgoOrders"): "/fapi/v1/openAlgoOrders",
}
# What the exchange demands by word where the table of facts calls it optional. A change of a COIN-M order without a
# price could not be judged by it.
DEMANDED = {("PUT", "/dapi/v1/order"): {"quantity", "price"}}
# GETs that change something.
CHANGING_GETS = {"/sapi/v1/soft-staking/set"}
# First match wins; the order goes from the most dangerous class to the least.
CLASSES = (
    ("withdraw", ("withdraw", "deposit", "fiat", "/pay/")),
    (
        "key_management",
        ("apikey", "api-key", "subaccountapi", "special-key", "api/ip", "apirestrictions/ip", "/broker/"),
    ),
    ("stream", ("listenkey", "listen-key", "userlistentoken", "userdatastream")),
    ("dead_man", ("countdowncancelall",)),
    ("transfer", ("transfer", "collection", "sub-account", "giftcard", "gift-card")),
    ("borrow", ("borrow", "loan", "repay", "liability", "liquidation")),
    ("convert", ("convert", "dust")),
)


def listed(text: str) -> set[tuple[str, str]]:
    """Read lines of `METHOD path path ...`."""
    found = set()
    for line in text.strip().splitlines():
        method, *paths = line.split()
        found |= {(method, path) for path in paths}
    return found


def classify(row: dict, trade: set, settings: set, account: set) -> tuple[str, str | None]:
    """Give (purpose, refusal class or None) of one endpoint."""
    key, low = (row["method"], row["path"]), row["path"].lower()
    if key in trade:
        return "trade", None
    if key in settings:
        return "settings", None
    if key in account:
        return "account", None
    named = next((name for name, words in CLASSES if any(word in low for word in words)), None)
    if row["method"] != "GET":
        return "refused", named or "not_trading"
    if named in ("key_management", "stream") and "apirestrictions" not in low:
        return "refused", named
    if row["security"] == "PREDICTION_TRADE" or row["path"] in CHANGING_GETS:
        return "refused", "not_trading"
    if row["signed"] or row["security"] not in ("NONE", "MARKET_DATA"):
        return "account", None
    return "read", None


def build(rows: list[dict]) -> list[dict]:
    """Give the shipped rows; raises SystemExit when a hand-listed endpoint is not in the facts."""
    trade, settings, account = listed(TRADE), listed(SETTINGS), listed(ACCOUNT_POSTS)
    missing = (trade | settings | account) - {(r["method"], r["path"]) for r in rows}
    if missing:
        raise SystemExit(f"listed by hand but not in the facts: {sorted(missing)}")
    params = {(row["method"], row["path"]): row["params"] for row in rows}
    twinned = [row | {"params": _demanded(row, row["params"] or _twin_params(row, params))} for row in rows]
    return [shipped(row, *classify(row, trade, settings, account)) for row in twinned]


def _twin_params(row: dict, params: dict) -> list[str]:
    twin = TWINS.get((row["method"], row["path"]))
    return params[row["method"], twin] if twin else []


def _demanded(row: dict, params: list[str]) -> list[str]:
    demanded = DEMANDED.get((row["method"], row["path"]), set())
    return [name.rstrip("?") if name.rstrip("?") in demanded else name for name in params]


def shipped(row: dict, purpose: str, refusal: str | None) -> dict:
    """Give one row in the shipped form."""
    orders = row.get("unfilled_order_count")
    counts = {"10S": orders, "1D": orders} if orders else row.get("order_count")
    out = {
        "family": FAMILIES[row["host"]],
        "method": row["method"],
        "path": row["path"],
        "purpose": purpose,
        "refusal": refusal,
        "security": row["security"],
        "signed": row["signed"],
        "scope": row["weight_scope"],
        "weight": row["weight"] or {"kind": "fixed", "value": 1},
        "orders": counts,
        "free_on_success": row.get("weight_zero_on_success") or None,
        "params": row["params"],
    }
    return {name: value for name, value in out.items() if value is not None}


def main() -> None:
    """Write the data file, one row a line so that a change shows as a line."""
    rows = build(json.loads(Path(sys.argv[1]).read_text()))
    rows.sort(key=lambda r: (r["family"], r["path"], r["method"]))
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    OUT.write_text(f"[\n{lines}\n]\n")
    print(len(rows), dict(Counter(r["purpose"] for r in rows)), dict(Counter(r.get("refusal") for r in rows)))


if __name__ == "__main__":
    main()
