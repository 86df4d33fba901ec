"""Houses whose exchange answers every kind of request well, so that thousands of good orders leave no doubt behind.

What reaches the exchange is kept as pairs in their order: a name that stands there twice, or without a value, is seen.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

from tests.campaign.house import Answer, House, Outcome, raw
from tests.gateway.rig import CONFIG
from tests.gateway.wsapi.rig import SECRET, Caller, reason

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

# What the signer sets itself; the journals' comparison leaves it out too.
SIGNERS = frozenset({"recvWindow", "timestamp", "signature"})
PRODUCTS = 'products = ["spot", "usdm", "coinm"]'
MOST_CASES, MOST_SECONDS = 300, 600
PRICES_MS = 2_000
_TRADED = {"status": "TRADING", "contractStatus": "TRADING", "contractSize": 100}
_PAIRS = (("BTCUSDT", "BTC", "USDT"), ("ETHUSDT", "ETH", "USDT"), ("BTCUSD_PERP", "BTC", "USD"))
SYMBOLS = [
    *({"symbol": name, "baseAsset": base, "quoteAsset": quote, **_TRADED} for name, base, quote in _PAIRS),
    {"symbol": "LUNAUSDT", "baseAsset": "LUNA", "quoteAsset": "USDT", "status": "BREAK", "contractStatus": "SETTLING"},
]
PRICES = [{"symbol": row["symbol"], "price": "100000.00"} for row in SYMBOLS]
# Of each kind of list the names of its orders' ids.
_LISTS = {
    "/api/v3/order/oco": ("limit", "stop"),
    "/api/v3/orderList/oco": ("above", "below"),
    "/api/v3/orderList/oto": ("working", "pending"),
    "/api/v3/orderList/opo": ("working", "pending"),
    "/api/v3/orderList/otoco": ("working", "pendingAbove", "pendingBelow"),
    "/api/v3/orderList/opoco": ("working", "pendingAbove", "pendingBelow"),
}
Values = Mapping[str, str]


class Got(NamedTuple):
    """A request as it reached the exchange, its pairs decoded in the order in which they stood."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]

    def said(self) -> list[tuple[str, str]]:
        """The pairs that are not the signer's."""
        return [pair for pair in self.pairs if pair[0] not in SIGNERS]


class EchoHouse(House):
    """A house whose exchange repeats what it was told. `got` is what reached it since the last look."""

    def __init__(self, limits: str = "", symbols: str = '"*"') -> None:
        super().__init__(limits)
        text = CONFIG.replace('products = ["spot", "usdm"]', PRODUCTS).replace(
            'symbols = ["*"]', f"symbols = [{symbols}]"
        )
        # The throttle of repeated orders would stop this bot with reason.
        found = load(f"{text}max_repeats = 0\n{limits}")
        assert isinstance(found, Config), found
        self.rig.state.config = found
        self.got: list[Got] = []
        self._prices_ms = 0
        self._send, self._otherwise = self.venue.send, self.venue._body
        self.venue.send, self.venue._body = self._noted, self._body  # type: ignore[method-assign]

    async def _noted(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        before = len(self.venue.sent)
        try:
            return await self._send(family, request, terms)
        finally:
            if len(self.venue.sent) > before:
                self.got.append(_read(request))

    def _body(self, method: str, path: str, params: Values) -> Any:
        if path.endswith("/exchangeInfo"):
            return {"symbols": SYMBOLS}
        if path.endswith("/ticker/price"):
            return PRICES
        if method == "GET":
            return self._otherwise(method, path, params)
        return echo(method, path, params)

    async def ask(
        self, method: str, path: str, pairs: Iterable[tuple[str, str]], seconds: float = 0.002, *, in_body: bool = False
    ) -> Outcome:
        """Send pairs as a signed request, percent-encoded; `in_body` is for what is too long for a head."""
        whole = [*pairs, ("timestamp", str(self.clock.wall_ns() // 1_000_000))]
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in whole)
        return await self.ask_raw(method, path, text, seconds, in_body=in_body)

    async def ask_raw(
        self, method: str, path: str, text: str, seconds: float = 0.002, *, in_body: bool = False
    ) -> Outcome:
        """Sign a text that has its timestamp, and send it as it stands."""
        signed = f"{text}&signature={hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()}"
        sent = raw(method, path, body=signed) if in_body else raw(method, f"{path}?{signed}")
        return await self.feed(sent, seconds=seconds)

    async def frame(self, caller: Caller, text: bytes, seconds: float = 0.002) -> Outcome:
        """Send one text message of the WebSocket API as it stands, whatever it is."""
        before = len(self.venue.sent)
        caller._client.send_text(text)
        caller.give(b"".join(caller._client.data_to_send()))
        await self.rig.wait(seconds)
        told = [json.loads(answer) for answer in caller.take()]
        answers = tuple(Answer(one["status"], reason(one), json.dumps(one).encode()) for one in told)
        return Outcome(answers, caller.code is not None, tuple(self.venue.sent[before:]))

    async def keep_prices(self) -> None:
        """Read prices again before they are too old; it is no part of a case."""
        now_ms = self.clock.monotonic_ns() // 1_000_000
        if now_ms - self._prices_ms > PRICES_MS:
            await self.rig.gateway.refresher.read_prices()
            self._prices_ms = now_ms
        self.take()

    def take(self) -> list[Got]:
        """What reached the exchange since the last call, but for the gateway's own questions for the time."""
        found, self.got = self.got, []
        return [one for one in found if not one.path.endswith("/time")]


def _read(request: bytes) -> Got:
    method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
    path, _, query = target.partition("?")
    elements = [element.partition("=") for element in query.split("&") if element]
    return Got(method, path, tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in elements))


def echo(method: str, path: str, values: Values) -> Any:
    """Answer a request that changes something as the exchange would, as far as its answer is compared with it."""
    if path.endswith("/batchOrders"):
        return _batch(values)
    if path in _LISTS and method == "POST":
        return _list(path, values)
    if path.endswith("/cancelReplace"):
        new = _order(values, values.get("newClientOrderId"))
        halves = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        return {**halves, "cancelResponse": {"symbol": values["symbol"]}, "newOrderResponse": new}
    if path.endswith("/keepPriority"):
        return {"amendedOrder": _order(values, values.get("newClientOrderId"))}
    if path.endswith("/openOrders"):
        return []
    if path.endswith("/algoOrder"):
        return {name: values[name] for name in ("symbol", "clientAlgoId") if name in values}
    if path.endswith("/order") and method == "POST":
        return _order(values, values.get("newClientOrderId"))
    return {}


def _order(values: Mapping[str, Any], client_id: str | None) -> dict[str, Any]:
    named = {} if client_id is None else {"clientOrderId": client_id}
    return {"symbol": values["symbol"], "orderId": int(values.get("orderId", 7)), **named, "status": "NEW"}


def _list(path: str, values: Values) -> dict[str, Any]:
    orders = [{"clientOrderId": values[f"{prefix}ClientOrderId"], "orderId": 7} for prefix in _LISTS[path]]
    return {
        "symbol": values["symbol"],
        "orderListId": 1,
        "listClientOrderId": values["listClientOrderId"],
        "orders": orders,
    }


def _batch(values: Values) -> list[Any]:
    if "batchOrders" in values:
        return [_order(leg, leg.get("newClientOrderId")) for leg in json.loads(values["batchOrders"])]
    named = json.loads(values.get("orderIdList") or values.get("origClientOrderIdList") or "[]")
    return [{"symbol": values["symbol"], "orderId": 7} for _ in named]


class Houses:
    """Gives a house that no earlier case has filled: a fresh one every few hundred cases, and every ten minutes."""

    def __init__(self, limits: str = "", symbols: str = '"*"') -> None:
        self._limits, self._symbols = limits, symbols
        self._house: EchoHouse | None = None
        self._cases = 0

    async def get(self) -> EchoHouse:
        """Give a house for one case."""
        self._cases += 1
        house = self._house
        if house is None or self._cases > MOST_CASES or house.clock.monotonic_ns() > MOST_SECONDS * 1_000_000_000:
            await self.end()
            house = self._house = EchoHouse(self._limits, self._symbols)
            await house.rig.gateway.warm()
            self._cases = 0
        house.take()
        return house

    async def end(self) -> None:
        """Stop; no task may have failed."""
        if self._house is not None:
            await self._house.rig.end()
            self._house = None
