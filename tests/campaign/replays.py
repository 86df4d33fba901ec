"""A gateway that remembers over restarts, and requests that are captured on their way to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.campaign.credentials import ALPHA, BETA, BETAS, BotKey, rest, with_query
from tests.gateway.rig import Rig as GatewayRig
from tests.gateway.rig import ScriptedVenue
from tests.gateway.streams.rig import SERVED
from tests.gateway.wsapi.rig import payload

from counterseal.adapters.replay_file import ReplayFile
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.binance.hosts import STREAM_HOSTS
from counterseal.core.replay import SeenWindow
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.gateway.wsapi.socket import Desk
from counterseal.gateway.wsapi.users import NoUserMethods


class Remembering:
    """One run of the gateway, wired as the service does it; `after` is the run that was killed before it."""

    def __init__(self, folder: Path, after: Remembering | None = None) -> None:
        self.gateway = rig = GatewayRig(BETA, after=after and after.gateway)
        self.rig, self.folder, self.clock, self.venue, self.state = self, folder, rig.clock, rig.venue, rig.state
        self.journal = rig.journal
        for bot, keys in (("alpha", ALPHA), ("beta", BETAS)):
            rig.state.credentials.update({key.key_id: key.credential(bot) for key in keys.values()})
        self.marks = ReplayFile(folder, rig.state.monotonic_ms())
        rig.state.seen = SeenWindow(self.marks.remembered, rig.state.monotonic_ms())
        self.hub = Hub(self.clock, STREAM_HOSTS["paper"], _nowhere, lambda n: n // 2, rig.tasks, lambda **_: None)
        upgrades = Upgrades(self.hub, SERVED, rig.log)
        turn = Turn(rig.journal, rig.signer, self.marks, rig.clock)
        self.plane = Plane(
            Parts(
                state=rig.state, venue=rig.venue, signer=rig.signer, verifier=SignatureVerifier(), journal=rig.journal,
                turn=turn, tasks=rig.tasks, log=rig.log, draw=lambda n: n // 2, upgrade=upgrades.judge,
            )
        )  # fmt: skip
        rig.refresher, rig.handler = self.plane.refresher, self.plane.handler
        upgrades.api = Desk(
            self.hub, self.plane.handler, turn, rig.tasks, rig.state, NoUserMethods(), self.plane.budget.ledger.limit
        )
        self.door = Door(self.plane.handler, turn, self.clock, rig.tasks, 512, streams=upgrades)
        self.door.start()

    def connection(self) -> BotConnection:
        """A connection that was just accepted."""
        return BotConnection(self.door)

    async def wait(self, seconds: float = 0.0) -> None:
        """Let time pass."""
        await self.clock.advance(seconds)
        await self.clock.advance(0)

    async def killed(self) -> Remembering:
        """End this run as a kill does, and give the next one."""
        await self.end()
        again = Remembering(self.folder, self)
        await again.gateway.warm()
        return again

    async def end(self) -> None:
        """Stop; nothing may have failed."""
        self.hub.close()
        self.marks.close()
        await self.gateway.end()


async def _nowhere(_family: str, _link: Any) -> None:
    raise AssertionError("no stream is asked for here")


# -- what is captured

LIMIT = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
OCO = ("side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=110000&belowType=STOP_LOSS&belowStopPrice=90000"
       "&listClientOrderId={id}&aboveClientOrderId={id}-a&belowClientOrderId={id}-b")  # fmt: skip
LEGS = json.dumps([{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
                    "price": "90000.0", "newClientOrderId": "ID"}])  # fmt: skip


class Kind(NamedTuple):
    """One kind of request. In `query`, {id} is a client order id of its own and {n} a number of its own.

    `then` is what ruling 6 and ruling 12 have a repetition get while it is fresh: "again" (a read), "stored" (the first
    one's answer), "refused". `elsewhere` is another request of the same parameters: method and path.
    """

    purpose: str
    method: str
    path: str
    query: str
    then: str
    elsewhere: tuple[str, str] | None = None
    body: Callable[[str, int], Any] | None = None
    # Of the WebSocket API: the same request there.
    call: str = ""


def _row(number: int, **more: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "orderId": number, **more}


SPOT, FUTURES = "/api/v3/order", "/fapi/v1/order"
KINDS = (
    Kind("account", "GET", SPOT, "symbol=BTCUSDT&orderId={n}", "again", ("DELETE", SPOT), call="order.status"),
    Kind("account", "GET", SPOT, "symbol=BTCUSDT&origClientOrderId={id}", "again", ("DELETE", SPOT)),
    Kind("account", "GET", "/api/v3/myTrades", "symbol=BTCUSDT&orderId={n}", "again", ("DELETE", SPOT),
         call="myTrades"),
    Kind("account", "GET", "/api/v3/openOrders", "symbol=S{n}USDT", "again", ("DELETE", "/api/v3/openOrders")),
    Kind("account", "GET", FUTURES, "symbol=BTCUSDT&orderId={n}", "again", ("DELETE", FUTURES)),
    Kind("account", "GET", "/fapi/v1/userTrades", "symbol=BTCUSDT&orderId={n}", "again", ("DELETE", FUTURES)),
    Kind("trade", "POST", SPOT, f"symbol=BTCUSDT&{LIMIT}&newClientOrderId={{id}}", "stored", ("POST", FUTURES),
         call="order.place"),
    Kind("trade", "POST", SPOT, f"symbol=BTCUSDT&{LIMIT}&icebergQty=0.000{{n}}", "refused", ("POST", f"{SPOT}/test")),
    Kind("trade", "POST", f"{SPOT}/test", f"symbol=BTCUSDT&{LIMIT}&newClientOrderId={{id}}", "refused", ("POST", SPOT)),
    Kind("trade", "POST", FUTURES, f"symbol=BTCUSDT&{LIMIT}&newClientOrderId={{id}}", "stored", ("POST", SPOT)),
    Kind("trade", "POST", "/api/v3/orderList/oco", f"symbol=BTCUSDT&{OCO}", "stored", None,
         lambda one, n: {"orderListId": n, "listClientOrderId": one, "symbol": "BTCUSDT",
                         "listOrderStatus": "EXECUTING",
                         "orders": [_row(n, clientOrderId=f"{one}-{leg}") for leg in "ab"]}),
    Kind("trade", "POST", "/fapi/v1/batchOrders", f"batchOrders={LEGS.replace('ID', '{id}')}", "stored", None,
         lambda one, n: [_row(n, clientOrderId=one, status="NEW")]),
    Kind("trade", "POST", f"{SPOT}/cancelReplace",
         f"symbol=BTCUSDT&{LIMIT}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={{n}}&newClientOrderId={{id}}",
         "stored", None,
         lambda one, n: {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS", "cancelResponse": _row(n),
                               "newOrderResponse": _row(n + 1, clientOrderId=one, status="NEW")}),
    Kind("trade", "DELETE", SPOT, "symbol=BTCUSDT&orderId={n}", "stored", ("DELETE", FUTURES),
         lambda _, n: _row(n, status="CANCELED"), call="order.cancel"),
    Kind("trade", "DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId={id}", "stored", ("GET", SPOT)),
    Kind("trade", "DELETE", FUTURES, "symbol=BTCUSDT&orderId={n}", "stored", ("DELETE", SPOT),
         lambda _, n: _row(n, status="CANCELED")),
    Kind("trade", "DELETE", "/fapi/v1/algoOrder", "algoId={n}", "stored", None, lambda _, n: {"algoId": n}),
    Kind("trade", "DELETE", "/fapi/v1/allOpenOrders", "symbol=S{n}USDT", "all", ("DELETE", "/api/v3/openOrders")),
    Kind("trade", "PUT", FUTURES, "symbol=BTCUSDT&orderId={n}&side=BUY&quantity=0.002&price=90000.0", "refused", None),
    Kind("settings", "POST", "/fapi/v1/leverage", "symbol=S{n}USDT&leverage=5", "refused", None),
    Kind("settings", "POST", "/fapi/v1/marginType", "symbol=S{n}USDT&marginType=ISOLATED", "refused", None),
    Kind("settings", "POST", "/fapi/v1/positionMargin", "symbol=S{n}USDT&amount=1.5&type=1", "refused", None),
)  # fmt: skip


class Captured(NamedTuple):
    """A request as it was seen on its way: the bytes, who sent it, until when (ms) it is fresh."""

    kind: Kind
    bot: str
    key: BotKey
    number: int
    query: str
    fresh_until_ms: int

    @property
    def name(self) -> str:
        """Its client order id, or what tells it apart."""
        return f"c-{self.number}"

    def bytes(self, key_id: str = "", place: tuple[str, str] | None = None) -> bytes:
        """Give the bytes: as captured, or under another key id, or for another method and path."""
        method, path = place or (self.kind.method, self.kind.path)
        return rest(method, f"{path}?{self.query}", key_id or self.key.key_id)

    def script(self, venue: ScriptedVenue) -> None:
        """Let the exchange know what to say to it."""
        if self.kind.body is not None:
            venue.script.setdefault(self.kind.path, []).append((200, self.kind.body(self.name, self.number)))
        elif self.kind.then == "all":
            venue.script.setdefault("/fapi/v1/openOrders", []).append((200, []))


def capture(kind: Kind, bot: str, key: BotKey, number: int, stamp_ms: int, window_ms: int | None) -> Captured:
    """Make a request that is signed for a moment; `window_ms` None leaves recvWindow to the exchange's 5,000 ms."""
    text = kind.query.replace("{id}", f"c-{number}").replace("{n}", str(number))
    text = text.replace(" ", "").replace("[", "%5B").replace("]", "%5D").replace("{", "%7B").replace("}", "%7D")
    text = text.replace('"', "%22")
    if window_ms is not None:
        text += f"&recvWindow={window_ms}"
    return Captured(kind, bot, key, number, with_query(key, text, stamp_ms), stamp_ms + min(window_ms or 5_000, 5_000))


def frame(kind: Kind, key: BotKey, number: int, stamp_ms: int) -> dict[str, Any]:
    """Give the parameters of a request by the WebSocket API, signed."""
    text = kind.query.replace("{id}", f"c-{number}").replace("{n}", str(number))
    params: dict[str, Any] = dict(pair.split("=") for pair in text.split("&"))
    params |= {"apiKey": key.key_id, "timestamp": stamp_ms}
    return {**params, "signature": key.sign(payload(params))}
