"""AUTH-2: a bot that names what is another bot's is told what it is told of something that is not there.

The oracle is the paper exchange: its own answer to the same request about an id that nobody has.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import pytest
from tests.campaign.tally import Tally, campaign
from tests.gateway.userdata.bots import BotsRig, with_bots
from tests.gateway.wsapi.rig import KEY, SECRET, Caller

from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret

pytestmark = [pytest.mark.slow, pytest.mark.threat(21)]
FULL = 500
NOBODYS = count(10**9)
REPLACE = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=90000&cancelReplaceMode=STOP_ON_FAILURE"
MODIFY = "side=BUY&quantity=0.003&price=90000"


class Way(NamedTuple):
    """A request that names an order: by an id, by a number, or both. `call` is the WebSocket API's name of it.

    `told` is the answer where the documents have another than the exchange's own: (status, code).
    """

    family: str
    method: str
    path: str
    by_id: str
    by_number: str
    more: str = ""
    call: str = ""
    told: tuple[int, int] | None = None
    store: str = "order"


# Several results in one answer: the exchange would carry out the rest, the gateway carries out nothing of it.
NOTHING_DONE = (400, -2011)
WAYS = [
    Way("spot", "GET", "/api/v3/order", "origClientOrderId", "orderId", call="order.status"),
    Way("spot", "DELETE", "/api/v3/order", "origClientOrderId", "orderId", call="order.cancel"),
    Way("spot", "PUT", "/api/v3/order/amend/keepPriority", "origClientOrderId", "orderId", "newQty=0.001",
        call="order.amend.keepPriority"),
    Way("spot", "POST", "/api/v3/order/cancelReplace", "cancelOrigClientOrderId", "cancelOrderId", REPLACE,
        call="order.cancelReplace", told=NOTHING_DONE),
    Way("spot", "GET", "/api/v3/order/amendments", "", "orderId", call="order.amendments", told=(400, -2013)),
    # What the exchange says of a list that is not there is documented nowhere; the paper exchange only assumes it.
    Way("spot", "GET", "/api/v3/orderList", "origClientOrderId", "orderListId", store="list", told=(400, -2013)),
    Way("spot", "DELETE", "/api/v3/orderList", "listClientOrderId", "orderListId", store="list"),
    Way("usdm", "GET", "/fapi/v1/algoOrder", "clientAlgoId", "algoId", store="algo"),
    Way("usdm", "DELETE", "/fapi/v1/algoOrder", "clientAlgoId", "algoId", store="algo"),
    *[way for family, root in (("usdm", "/fapi"), ("coinm", "/dapi")) for way in (
        Way(family, "GET", f"{root}/v1/order", "origClientOrderId", "orderId", call="order.status"),
        Way(family, "GET", f"{root}/v1/openOrder", "origClientOrderId", "orderId"),
        Way(family, "GET", f"{root}/v1/orderAmendment", "origClientOrderId", "orderId", told=(400, -2013)),
        Way(family, "DELETE", f"{root}/v1/order", "origClientOrderId", "orderId", call="order.cancel"),
        Way(family, "PUT", f"{root}/v1/order", "origClientOrderId", "orderId", MODIFY, call="order.modify"),
        Way(family, "DELETE", f"{root}/v1/batchOrders", "[origClientOrderIdList]", "[orderIdList]",
            told=NOTHING_DONE))],
]  # fmt: skip
DOORS = {"spot": "/ws-api/v3", "usdm": "/ws-fapi/v1"}


@dataclass(frozen=True)
class Order:
    """One of beta's: in which market, of which symbol, by which names."""

    family: str
    symbol: str
    client_id: str
    number: int
    store: str = "order"


class Case(NamedTuple):
    """Alpha names one of beta's orders by "id", "number" or "both", by REST or by the WebSocket API."""

    way: Way
    order: Order
    form: str
    by_socket: bool = False


# -- what beta has

LIMIT, MARKET = "&type=LIMIT&timeInForce=GTC&price=90000", "&type=MARKET"
OCO = ("symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=110000&belowType=STOP_LOSS"
       "&belowStopPrice=90000&listClientOrderId={0}&aboveClientOrderId={0}-a&belowClientOrderId={0}-b")  # fmt: skip
ALGO = (
    "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type=STOP_MARKET&triggerPrice=120000&quantity=0.002&clientAlgoId={}"
)


async def orders_of_beta(rig: BotsRig) -> list[Order]:
    """Open, filled and cancelled ones in each market, lists and conditional ones."""
    found = []
    for family in ("spot", "usdm", "coinm"):
        for number, more in enumerate((LIMIT, LIMIT, MARKET, MARKET, LIMIT, LIMIT)):
            name = f"b-{family}-{number}"
            body = await rig.order(family, f"{more}&newClientOrderId={name}", "beta")
            found.append(Order(family, body["symbol"], name, body["orderId"]))
            if number >= 4:
                root = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}[family]
                gone = await rig.ask(
                    "beta", "DELETE", f"{root}/order", f"symbol={body['symbol']}&orderId={body['orderId']}"
                )
                assert gone.status == 200, gone
    for number in range(2):
        name = f"b-list-{number}"
        body = await _placed(rig, "/api/v3/orderList/oco", OCO.format(name))
        found.append(Order("spot", "BTCUSDT", name, body["orderListId"], "list"))
        name = f"b-algo-{number}"
        body = await _placed(rig, "/fapi/v1/algoOrder", ALGO.format(name))
        found.append(Order("usdm", "BTCUSDT", name, body["algoId"], "algo"))
    return found


async def _placed(rig: BotsRig, path: str, query: str) -> Any:
    answer = await rig.ask("beta", "POST", path, query)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def cases(orders: list[Order]) -> Iterator[Case]:
    """Every order by every way that could mean it, by each of its names."""
    for order in orders:
        for way in WAYS:
            if (way.family, way.store) != (order.family, order.store):
                continue
            forms = ("number",) if not way.by_id else ("id", "number", "both")
            # A batch is named by one list or the other.
            yield from (Case(way, order, form) for form in forms if not (form == "both" and "[" in way.by_id))
            if way.call and way.family in DOORS:
                yield from (Case(way, order, form, by_socket=True) for form in forms)


# -- asking


def query_of(case: Case, client_id: str, number: int) -> str:
    """Write the request's query with these names."""
    way, named = case.way, []
    if case.form in ("id", "both"):
        named.append(_named(way.by_id, client_id))
    if case.form in ("number", "both"):
        named.append(_named(way.by_number, number))
    symbol = [] if case.order.store == "algo" or way.method + way.path == "GET/api/v3/orderList" else \
        [f"symbol={case.order.symbol}"]  # fmt: skip
    return "&".join([*symbol, *named, *([way.more] if way.more else [])])


def _named(name: str, value: object) -> str:
    if name.startswith("["):
        return f"{name[1:-1]}=%5B{f'%22{value}%22' if isinstance(value, str) else value}%5D"
    return f"{name}={value}"


async def asked(
    rig: BotsRig, callers: dict[str, Caller], case: Case, client_id: str, number: int
) -> tuple[int, Any, int]:
    """Ask as alpha: gives status, body and how often the exchange was asked."""
    query, before = query_of(case, client_id, number), len(rig.mouth.asked)
    if case.by_socket:
        caller = callers[case.way.family]
        params = caller.signed(dict(pair.split("=") for pair in query.split("&")))
        answer = await caller.ask(case.way.call, params, 0.2)
        error = answer.get("error", {})
        status, body = answer["status"], {"code": error["code"], "msg": error["msg"]} if error else answer["result"]
    else:
        told = await rig.ask("alpha", case.way.method, case.way.path, query)
        status, body = told.status, json.loads(told.body)
    return status, body, sum(one[1] == case.way.path for one in rig.mouth.asked[before:])


async def judge(tally: Tally, rig: BotsRig, callers: dict[str, Caller], case: Case) -> None:
    """Compare with the exchange's answer about something that nobody has."""
    order, name = (
        case.order,
        f"{case.way.method} {case.way.path} by {case.form}, socket: {case.by_socket}, {case.order}",
    )
    status, body, sent = await asked(rig, callers, case, order.client_id, order.number)
    tally.note(forwarded=sent, reason="as if it were not there")
    if sent:
        tally.disagree(f"{name}: it was sent")
    nobodys = next(NOBODYS)
    theirs = await asked(rig, callers, case, f"n-{nobodys}", nobodys)
    if not theirs[2]:
        tally.disagree(f"{name}: what nobody has was not asked for, {theirs}")
    same = (status, body.get("code")) == case.way.told if case.way.told is not None else (status, body) == theirs[:2]
    if not same:
        tally.disagree(f"{name}: {status} {body}, and {theirs} of what is not there")


# -- ids that are taken, and streams


async def taken(tally: Tally, rig: BotsRig, order: Order) -> None:
    """A new order under another bot's id is a duplicate, as it would be at the exchange were that one open."""
    path = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order", "coinm": "/dapi/v1/order"}[order.family]
    before = len(rig.mouth.asked)
    side = (
        "symbol=BTCUSD_PERP&side=BUY&quantity=1"
        if order.family == "coinm"
        else "symbol=BTCUSDT&side=BUY&quantity=0.002"
    )
    told = await rig.ask("alpha", "POST", path, f"{side}{LIMIT}&newClientOrderId={order.client_id}")
    sent = sum(one[1] == path for one in rig.mouth.asked[before:])
    tally.note(forwarded=sent, reason="taken")
    expected = (-2010, "Duplicate order sent.") if order.family == "spot" else (-4116, "ClientOrderId is duplicated.")
    body = json.loads(told.body)
    if sent or (body["code"], body["msg"]) != expected:
        tally.disagree(f"a new order named {order.client_id}: {body}, {sent} sent")


async def keys(tally: Tally, rig: BotsRig, path: str) -> None:
    """Beta's listen key in alpha's hands: prolonged and ended by nobody but beta."""
    key = await rig.key("beta", path)
    for method in ("PUT", "DELETE"):
        answers = [await rig.call("alpha", method, path, f"listenKey={one}") for one in (key, "x" * 64)]
        told = [(one.status, one.body, one.headers.get("x-counterseal-reason")) for one in answers]
        tally.note(reason="as if it were not there")
        if told[0] != told[1] or told[0][0] != 400:
            tally.disagree(f"{method} {path}: {told}")
    assert (await rig.call("beta", "PUT", path, f"listenKey={key}")).status == 200


async def streams(tally: Tally, rig: BotsRig, rounds: int) -> None:
    """While beta trades alpha's streams say nothing of it, and beta's do."""
    heard = {
        bot: [rig.bot(f"/private/ws/{await rig.key(bot)}"), rig.bot(f"/ws/{await rig.key(bot, '/dapi/v1/listenKey')}")]
        for bot in ("alpha", "beta")
    }
    spot = Caller(rig, "/ws-api/v3")  # type: ignore[arg-type]  # it uses the door alone
    spot.connect()
    assert (await spot.ask("userDataStream.subscribe.signature", spot.signed({}), 0.2))["status"] == 200
    for number in range(rounds):
        family = ("spot", "usdm", "coinm")[number % 3]
        name = f"s-{number}"
        await rig.order(family, f"{(LIMIT, MARKET)[number % 2]}&newClientOrderId={name}", "beta")
        await rig.wait(0.3)
        told = b"".join([text for bot in heard["alpha"] for text in bot.take()] + spot.take())
        tally.note(other="not heard")
        if name.encode() in told:
            tally.disagree(f"alpha heard of {name}: {told[:300]!r}")
        if family != "spot" and name.encode() not in b"".join(text for bot in heard["beta"] for text in bot.take()):
            tally.disagree(f"beta did not hear of {name}: the trap is none")


@with_bots()
async def test_auth_2(rig: BotsRig) -> None:
    """Nothing leaves; status, code and text are the exchange's."""
    rig.state.credentials[KEY] = Credential(KEY, "alpha", CredentialKind.HMAC, Secret(SECRET), None, 0)
    orders = await orders_of_beta(rig)
    callers = {family: Caller(rig, path) for family, path in DOORS.items()}  # type: ignore[arg-type]
    for caller in callers.values():
        caller.connect()
        rig.bots.append(caller)
    with campaign("AUTH-2", "what is another bot's: orders, ids, streams", FULL) as tally:
        every = list(cases(orders))
        for case in tally.some(every):
            await judge(tally, rig, callers, case)
            # Who is refused again and again is slowed: no case is to be refused for that, nor for the limits.
            rig.side.plane.budget.rejects.loops.clear()
            await rig.wait(0.5)
        plain = [order for order in orders if order.store == "order"]
        for order in plain:
            await taken(tally, rig, order)
        for path in ("/fapi/v1/listenKey", "/dapi/v1/listenKey") * 3:
            await keys(tally, rig, path)
        await streams(tally, rig, max(20, FULL - len(every) - len(plain) - 12))
