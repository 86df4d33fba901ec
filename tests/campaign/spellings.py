"""40 requests that pass, and the ways to write their paths and methods that some server would take for the same.

The table of what exists is the shipped data file, read as plain JSON.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

Escape = Callable[[str], str]
# First element of a path -> the host family it belongs to, and the host names under which it is served as well.
FAMILIES = {"api": "spot", "sapi": "spot", "fapi": "usdm"}
HOSTS = {"spot": "api.binance.com", "usdm": "fapi.binance.com"}
METHODS = ("GET", "POST", "PUT", "DELETE")
OTHER_METHODS = ("HEAD", "OPTIONS", "PATCH", "TRACE", "ORDER")

_LEG = '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.001","price":"90000"}]'
_CHANGED_LEG = '[{"symbol":"BTCUSDT","orderId":"7","side":"BUY","quantity":"0.001","price":"90000"}]'
_SIDE = "symbol=BTCUSDT&side=BUY"
_LIMIT = f"{_SIDE}&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000"
_WORKING = (
    "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=90000&workingQuantity=0.001&workingTimeInForce=GTC"
)
_REQUESTS = f"""
POST /api/v3/order {_LIMIT}
POST /api/v3/order/test {_LIMIT}
POST /api/v3/order/cancelReplace {_LIMIT}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=7
POST /api/v3/order/oco {_SIDE}&quantity=0.001&price=90000&stopPrice=110000
POST /api/v3/orderList/oco {_SIDE}&quantity=0.001&aboveType=STOP_LOSS&aboveStopPrice=110000&belowType=LIMIT_MAKER&belowPrice=90000
POST /api/v3/orderList/oto {_WORKING}&pendingType=MARKET&pendingSide=SELL&pendingQuantity=0.001
POST /api/v3/orderList/opo {_WORKING}&pendingType=MARKET&pendingSide=SELL
POST /api/v3/sor/order {_LIMIT}
PUT /api/v3/order/amend/keepPriority symbol=BTCUSDT&orderId=7&newQty=0.0005
DELETE /api/v3/order symbol=BTCUSDT&orderId=7
DELETE /api/v3/openOrders symbol=BTCUSDT
DELETE /api/v3/orderList symbol=BTCUSDT&orderListId=7
GET /api/v3/account omitZeroBalances=true
GET /api/v3/account/commission symbol=BTCUSDT
GET /api/v3/order symbol=BTCUSDT&orderId=7
GET /api/v3/openOrders symbol=BTCUSDT
GET /api/v3/allOrders symbol=BTCUSDT
GET /api/v3/myTrades symbol=BTCUSDT
GET /api/v3/orderList orderListId=7
GET /api/v3/rateLimit/order recvWindow=5000
POST /fapi/v1/order {_LIMIT}
PUT /fapi/v1/order {_SIDE}&orderId=7&quantity=0.001&price=90000
DELETE /fapi/v1/order symbol=BTCUSDT&orderId=7
POST /fapi/v1/batchOrders batchOrders={_LEG}
PUT /fapi/v1/batchOrders batchOrders={_CHANGED_LEG}
DELETE /fapi/v1/batchOrders symbol=BTCUSDT&orderIdList=[7]
DELETE /fapi/v1/allOpenOrders symbol=BTCUSDT
POST /fapi/v1/algoOrder algoType=CONDITIONAL&{_SIDE}&type=STOP_MARKET&triggerPrice=110000&quantity=0.001
DELETE /fapi/v1/algoOrder algoId=7
POST /fapi/v1/leverage symbol=BTCUSDT&leverage=5
POST /fapi/v1/marginType symbol=BTCUSDT&marginType=ISOLATED
GET /fapi/v1/order symbol=BTCUSDT&orderId=7
GET /fapi/v1/openOrders symbol=BTCUSDT
GET /fapi/v1/income symbol=BTCUSDT
GET /fapi/v2/positionRisk symbol=BTCUSDT
GET /fapi/v3/account recvWindow=5000
GET /api/v3/depth symbol=BTCUSDT
GET /api/v3/klines symbol=BTCUSDT&interval=1m
GET /fapi/v1/depth symbol=BTCUSDT
GET /fapi/v1/klines symbol=BTCUSDT&interval=1m
"""  # noqa: E501 - one request a line


class Request(NamedTuple):
    """A request that passes as it stands."""

    method: str
    path: str
    query: str


REQUESTS = [Request(*line.split(" ")) for line in _REQUESTS.strip().split("\n")]


@cache
def catalogue() -> frozenset[tuple[str, str, str]]:
    """Every (family, method, path) of the shipped data file."""
    rows = json.loads(files("counterseal").joinpath("data/rest_endpoints.json").read_bytes())
    return frozenset((row["family"], row["method"], row["path"]) for row in rows)


@cache
def served() -> frozenset[tuple[str, str]]:
    """Every (method, path) of the paper exchange's own table."""
    rows = json.loads(files("counterseal.paper").joinpath("data/endpoints.json").read_bytes())
    return frozenset((row["method"], row["path"]) for row in rows)


def exists(method: str, path: str) -> bool:
    """Tell whether a bot's path is an endpoint byte for byte, behind one of its own host's names or none."""
    first = path[1:].partition("/")[0]
    for family, host in HOSTS.items():
        if first == host:
            return (family, method, path.removeprefix(f"/{host}")) in catalogue()
    return (FAMILIES.get(first, ""), method, path) in catalogue()


def escape(times: int) -> Escape:
    """Give what writes text percent-encoded so many times; 0 leaves it as it is."""
    sign = "%" + "25" * (times - 1)
    return lambda text: "".join(f"{sign}{byte:02x}" for byte in text.encode()) if times else text


def _parts(path: str) -> tuple[str, str, str]:
    """Cut a path into its first element, what lies between, and the last."""
    first, _, rest = path[1:].partition("/")
    middle, _, last = rest.rpartition("/")
    return first, middle, last


def _at_version(path: str, text: str) -> str:
    """Put text in the place of the slash before the version."""
    return path.replace("/v", f"{text}v", 1)


def spellings(path: str, esc: Escape) -> list[str]:
    """25 ways to write a path, what is special in each written by `esc`."""
    first, middle, last = _parts(path)
    host = HOSTS[FAMILIES[first]]
    return [
        "/" + esc("/") + path[1:],
        path + esc("/"),
        _at_version(path, "/" + esc("/")),
        _at_version(path, esc("/")),
        f"/{first}/{middle}{esc('/')}{last}",
        _at_version(path, esc("\\")),
        f"/{esc('.')}{path}",
        f"/x/{esc('..')}{path}",
        _at_version(path, f"/{esc('..')}/{first}/"),
        f"{path}/{esc('.')}",
        f"{path}/x{esc('/..')}",
        "/" + esc(first[0].upper()) + path[2:],
        f"/{first}/{middle}/{esc(last.upper())}",
        path[:-1] + esc(path[-1].swapcase()),
        f"/{first}{esc(';')}a=b/{middle}/{last}",
        f"{path}{esc(';jsessionid=')}1",
        f"{path}{esc('.')}json",
        path + esc("\0"),
        path + esc(" "),
        path + esc("\t"),
        path + esc("\r\n") + "X-A:b",
        _at_version(path, esc("\u2215")),
        path[:-1] + esc(chr(ord(path[-1]) + 0xFEE0)),
        f"/{host}{esc('.')}{path}",
        f"/{host.replace('.', esc('.'), 1).upper()}{path}",
    ]


def encodings(path: str, esc: Escape) -> list[str]:
    """Ways that decode to the very path: each letter and slash of it, all of it, a dot of its host written by `esc`."""
    first, middle, last = _parts(path)
    ways = [path[:at] + esc(path[at]) + path[at + 1 :] for at in range(1, len(path))]
    host = HOSTS[FAMILIES[first]].replace(".", esc("."), 1)
    return [*ways, "/" + esc(path[1:]), f"/{first}/{middle}/{esc(last)}", f"/{host}{path}"]
