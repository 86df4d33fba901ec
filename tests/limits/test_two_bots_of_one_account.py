"""Bots that share an account, in front of the real paper exchange: each sees, changes and cancels its own alone.

alpha and beta share the account; chief has the right to it. What somebody places at the exchange by hand is nobody's.
"""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251 - seeded
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.limits.gateway_side import GatewaySide, Rights
from tests.limits.house import House, Network
from tests.limits.lines import Answer, Straight
from tests.limits.scenario import MONDAY_MS
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

pytestmark = pytest.mark.threat(21)
BUY = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002"
ORDER, OPEN = "/api/v3/order", "/api/v3/openOrders"
NOBODYS = {"code": -2013, "msg": "Order does not exist."}
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
FUTURES = {"usdm": ("/fapi/v1", "BTCUSDT", "0.002"), "coinm": ("/dapi/v1", "BTCUSD_PERP", "1")}


@dataclass
class Stage:
    """The gateway, its bots, the exchange, and the way past the gateway."""

    side: GatewaySide
    house: House
    outside: Straight
    account: str = "acct1"

    async def ask(self, bot: str, method: str, path: str, query: str = "") -> Answer:
        """Ask as a bot, a millisecond after what was asked before: a payload signed twice is a replay."""
        await asyncio.sleep(0.001)
        line = self.side.line
        return await line.ask(line.credential(bot, ""), method, path, query, signed=True)

    async def good(self, bot: str, method: str, path: str, query: str = "") -> Any:
        """Ask as a bot; it must work."""
        answer = await self.ask(bot, method, path, query)
        assert answer.status == 200, (path, query, answer)
        return json.loads(answer.body)

    async def refused(self, bot: str, method: str, path: str, query: str, reason: str) -> Any:
        """Ask as a bot; it must be refused for this reason, and nothing may reach the exchange."""
        before = len(self.signed())
        answer = await self.ask(bot, method, path, query)
        assert answer.headers.get("x-counterseal-reason") == reason, (path, query, answer)
        assert len(self.signed()) == before
        return json.loads(answer.body)

    async def by_hand(self, method: str, path: str, query: str) -> Any:
        """Ask past the gateway, with the account's own key."""
        answer = await self.outside.ask(self.outside.credential("", self.account), method, path, query, signed=True)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    async def rest(self, bot: str, client_id: str, price: str = "80000.00") -> int:
        """Place a spot order that rests; give its number."""
        body = await self.good(bot, "POST", ORDER, f"{BUY}&price={price}&newClientOrderId={client_id}")
        return int(body["orderId"])

    def signed(self) -> list[str]:
        """The signed requests that reached the exchange: the gateway's own reads of prices and time are not."""
        return [one.query for one in self.house.served if "signature=" in one.query]

    def deletes(self) -> list[str]:
        """The paths that were cancelled on, in order."""
        return [one.path for one in self.house.served if one.method == "DELETE"]


Act = Callable[[Stage], Awaitable[None]]


def on_stage(act: Act, **symbols: tuple[str, ...]) -> None:
    """Play on a stage of its own; `symbols` are what a bot is held to."""

    async def play(loop: VirtualLoop) -> None:
        clock = LoopClock(loop, MONDAY_MS + 20_000)
        house = House(Path(home), clock, ["acct1"])
        network = Network(house, clock, random.Random("ownership"), fixed_s=0.01)
        bots = dict.fromkeys(("alpha", "beta", "chief"), "acct1")
        side = GatewaySide(network, clock, bots, rights=Rights(owners=frozenset({"chief"})))
        products = ("spot", "usdm", "coinm")
        policies = {
            name: replace(bot, products=products, symbols=symbols.get(name, ("*",)))
            for name, bot in side.state.config.bots.items()
        }
        side.state.config = replace(side.state.config, bots=policies)
        await side.start_clock()
        await act(Stage(side, house, Straight(network, clock)))
        await side.end()

    with tempfile.TemporaryDirectory() as home:
        run_virtually(play)


# -- one order


def test_one_spot_order_is_its_bots_alone() -> None:
    """By number, by id and by both: others are told that there is none, the bot and the chief see and change it."""

    async def act(stage: Stage) -> None:
        number = await stage.rest("alpha", "a-1")
        own = await stage.rest("beta", "b-1")
        for name in (f"orderId={number}", "origClientOrderId=a-1", f"orderId={number}&origClientOrderId=b-1"):
            named = f"symbol=BTCUSDT&{name}"
            assert await stage.refused("beta", "GET", ORDER, named, "foreign_order") == NOBODYS
            assert await stage.refused("beta", "DELETE", ORDER, named, "foreign_order_change") == UNKNOWN
            amend = await stage.refused(
                "beta", "PUT", f"{ORDER}/amend/keepPriority", f"{named}&newQty=0.001", "foreign_order_change"
            )
            assert amend == UNKNOWN
        replacing = f"{BUY}&price=80001.00&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={number}"
        await stage.refused("beta", "POST", f"{ORDER}/cancelReplace", replacing, "foreign_order_change")
        amendments = f"symbol=BTCUSDT&orderId={number}"
        await stage.refused("beta", "GET", f"{ORDER}/amendments", amendments, "foreign_order")
        for bot in ("alpha", "chief"):
            assert (await stage.good(bot, "GET", ORDER, f"symbol=BTCUSDT&orderId={number}"))["status"] == "NEW"
        assert (await stage.good("chief", "DELETE", ORDER, f"symbol=BTCUSDT&orderId={number}"))["orderId"] == number
        assert (await stage.good("beta", "DELETE", ORDER, f"symbol=BTCUSDT&orderId={own}"))["orderId"] == own

    on_stage(act)


def test_lists_of_spot_orders_and_trades_are_each_bots_own() -> None:
    """Open and all orders, trades, order lists. What a bot gets is of the exchange's shape, byte for byte its rows."""

    async def act(stage: Stage) -> None:
        mine, theirs = await stage.rest("alpha", "a-1"), await stage.rest("beta", "b-1", "80001.00")
        for bot in ("alpha", "beta"):
            await stage.good(bot, "POST", ORDER, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001")
        for path in (OPEN, "/api/v3/allOrders"):
            rows = await stage.good("alpha", "GET", path, "symbol=BTCUSDT")
            numbers = {row["orderId"] for row in rows}
            assert mine in numbers
            assert theirs not in numbers
            everything = await stage.good("chief", "GET", path, "symbol=BTCUSDT")
            assert {mine, theirs} <= {row["orderId"] for row in everything}
            assert [row for row in everything if row["orderId"] in numbers] == rows
        traded = [await stage.good(bot, "GET", "/api/v3/myTrades", "symbol=BTCUSDT") for bot in ("alpha", "beta")]
        orders = [{row["orderId"] for row in rows} for rows in traded]
        assert orders[0]
        assert orders[1]
        assert not orders[0] & orders[1]
        assert [row["orderId"] for row in await stage.good("alpha", "GET", OPEN)] == [mine]

    on_stage(act)


def test_an_order_list_and_its_legs_are_its_bots_alone() -> None:
    """By its own number, and by the numbers and ids of its orders, which only the answer told."""

    async def act(stage: Stage) -> None:
        oco = (
            "symbol=BTCUSDT&side=BUY&quantity=0.002&aboveType=STOP_LOSS_LIMIT&abovePrice=150000&aboveStopPrice=149000"
            "&aboveTimeInForce=GTC&belowType=LIMIT_MAKER&belowPrice=80000&listClientOrderId=list-1"
        )
        placed = await stage.good("alpha", "POST", "/api/v3/orderList/oco", oco)
        number, legs = placed["orderListId"], [row["orderId"] for row in placed["orders"]]
        await stage.refused("beta", "GET", "/api/v3/orderList", f"orderListId={number}", "foreign_order")
        await stage.refused("beta", "GET", "/api/v3/orderList", "origClientOrderId=list-1", "foreign_order")
        cancel = f"symbol=BTCUSDT&orderListId={number}"
        await stage.refused("beta", "DELETE", "/api/v3/orderList", cancel, "foreign_order_change")
        for leg in legs:
            await stage.refused("beta", "DELETE", ORDER, f"symbol=BTCUSDT&orderId={leg}", "foreign_order_change")
        for path in ("/api/v3/openOrderList", "/api/v3/allOrderList"):
            assert await stage.good("beta", "GET", path) == []
            assert [row["orderListId"] for row in await stage.good("alpha", "GET", path)] == [number]
        assert (await stage.good("alpha", "DELETE", "/api/v3/orderList", cancel))["listOrderStatus"] == "ALL_DONE"

    on_stage(act)


@pytest.mark.parametrize("family", FUTURES)
def test_futures_orders_are_their_bots_alone(family: str) -> None:
    """Orders, batches, modifications, lists and trades on USD-M and COIN-M."""
    root, symbol, quantity = FUTURES[family]

    async def act(stage: Stage) -> None:
        await stage.side.refresher.read_rules()
        leg = {
            "symbol": symbol,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": quantity,
            "price": "80000",
        }
        one = "&".join(f"{name}={value}" for name, value in leg.items())
        placed = await stage.good("alpha", "POST", f"{root}/order", f"{one}&newClientOrderId=a-1")
        number = placed["orderId"]
        batch = json.dumps([leg, leg], separators=(",", ":"))
        rows = await stage.good("alpha", "POST", f"{root}/batchOrders", f"batchOrders={batch}")
        numbers = [number, *[row["orderId"] for row in rows]]
        for each in numbers:
            named = f"symbol={symbol}&orderId={each}"
            for path in ("order", "openOrder"):
                assert await stage.refused("beta", "GET", f"{root}/{path}", named, "foreign_order") == NOBODYS
            assert await stage.refused("beta", "DELETE", f"{root}/order", named, "foreign_order_change") == UNKNOWN
            changed = f"{named}&side=BUY&quantity={quantity}&price=80001"
            assert await stage.refused("beta", "PUT", f"{root}/order", changed, "foreign_order") == NOBODYS
        several = f"symbol={symbol}&orderIdList=[{number}]"
        await stage.refused("beta", "DELETE", f"{root}/batchOrders", several, "foreign_order_change")
        for path in ("openOrders", "allOrders"):
            assert await stage.good("beta", "GET", f"{root}/{path}", f"symbol={symbol}") == []
            seen = await stage.good("alpha", "GET", f"{root}/{path}", f"symbol={symbol}")
            assert {row["orderId"] for row in seen} == set(numbers)
        market = f"symbol={symbol}&side=BUY&type=MARKET&quantity={quantity}"
        await stage.good("alpha", "POST", f"{root}/order", market)
        assert await stage.good("beta", "GET", f"{root}/userTrades", f"symbol={symbol}") == []
        assert await stage.good("alpha", "GET", f"{root}/userTrades", f"symbol={symbol}") != []

    on_stage(act)


@pytest.mark.parametrize("family", FUTURES)
def test_conditional_orders_are_their_bots_alone(family: str) -> None:
    """One of them, the open ones, all of them; and a cancel that names no symbol."""
    root, symbol, quantity = FUTURES[family]

    async def act(stage: Stage) -> None:
        await stage.side.refresher.read_rules()
        stop = (
            f"algoType=CONDITIONAL&symbol={symbol}&side=BUY&type=STOP_MARKET&quantity={quantity}&triggerPrice=150000"
            "&clientAlgoId=stop-1"
        )
        number = (await stage.good("alpha", "POST", f"{root}/algoOrder", stop))["algoId"]
        for named in (f"algoId={number}", "clientAlgoId=stop-1"):
            await stage.refused("beta", "DELETE", f"{root}/algoOrder", named, "foreign_order_change")
            if family == "usdm":
                await stage.refused("beta", "GET", f"{root}/algoOrder", named, "foreign_order")
        assert await stage.good("beta", "GET", f"{root}/openAlgoOrders") == []
        assert [row["algoId"] for row in await stage.good("alpha", "GET", f"{root}/openAlgoOrders")] == [number]
        done = await stage.good("beta", "DELETE", f"{root}/algoOpenOrders", f"symbol={symbol}")
        assert done["code"] == 200
        assert stage.deletes() == []
        assert [row["algoId"] for row in await stage.good("alpha", "GET", f"{root}/openAlgoOrders")] == [number]
        await stage.good("alpha", "DELETE", f"{root}/algoOpenOrders", f"symbol={symbol}")
        assert stage.deletes() == [f"{root}/algoOrder"]
        assert await stage.good("alpha", "GET", f"{root}/openAlgoOrders") == []

    on_stage(act)


# -- the account


def test_positions_need_the_right_and_balances_do_not() -> None:
    """An empty list of positions would be a lie: the read is refused."""

    async def act(stage: Stage) -> None:
        await stage.good("beta", "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002")
        for path in ("/fapi/v3/positionRisk", "/fapi/v2/account", "/fapi/v1/income", "/dapi/v1/account"):
            body = await stage.refused("alpha", "GET", path, "", "account_right_missing")
            assert body["code"] == -1002
        for path in ("/api/v3/account", "/fapi/v3/balance", "/fapi/v1/positionSide/dual"):
            await stage.good("alpha", "GET", path)
        assert [row["symbol"] for row in await stage.good("chief", "GET", "/fapi/v3/positionRisk")] == ["BTCUSDT"]

    on_stage(act)


def test_what_nobody_is_known_to_own_is_open_to_every_bot() -> None:
    """Placed by hand, or forgotten: doubt must not stop an exit, nor may a bot be told that its order is not there."""

    async def act(stage: Stage) -> None:
        body = await stage.by_hand("POST", ORDER, f"{BUY}&price=79000.00&newClientOrderId=hand")
        named = f"symbol=BTCUSDT&orderId={body['orderId']}"
        assert (await stage.good("alpha", "GET", ORDER, named))["status"] == "NEW"
        assert [row["orderId"] for row in await stage.good("beta", "GET", OPEN)] == [body["orderId"]]
        assert (await stage.good("beta", "DELETE", ORDER, named))["status"] == "CANCELED"

    on_stage(act)


# -- cancels of everything


def test_a_cancel_of_everything_leaves_the_others_orders_alone() -> None:
    """Order by order; the answer is the exchange's. The other bot's order rests on, and so the second time -2011."""

    async def act(stage: Stage) -> None:
        mine = [await stage.rest("alpha", f"a-{n}", f"8000{n}.00") for n in range(3)]
        theirs = await stage.rest("beta", "b-1")
        rows = await stage.good("alpha", "DELETE", OPEN, "symbol=BTCUSDT")
        assert sorted(row["orderId"] for row in rows) == mine
        assert {row["status"] for row in rows} == {"CANCELED"}
        assert [row["orderId"] for row in await stage.good("chief", "GET", OPEN)] == [theirs]
        assert stage.deletes() == [ORDER] * 3
        again = await stage.ask("alpha", "DELETE", OPEN, "symbol=BTCUSDT")
        assert (again.status, json.loads(again.body)) == (400, UNKNOWN)
        assert stage.side.journal.counts["outcome"] == 4 + 3

    on_stage(act)


def test_a_cancel_of_everything_takes_a_list_once_and_the_chiefs_takes_all() -> None:
    async def act(stage: Stage) -> None:
        oco = (
            "symbol=BTCUSDT&side=BUY&quantity=0.002&aboveType=STOP_LOSS_LIMIT&abovePrice=150000&aboveStopPrice=149000"
            "&aboveTimeInForce=GTC&belowType=LIMIT_MAKER&belowPrice=80000"
        )
        await stage.good("alpha", "POST", "/api/v3/orderList/oco", oco)
        await stage.rest("alpha", "a-1")
        await stage.rest("beta", "b-1")
        rows = await stage.good("alpha", "DELETE", OPEN, "symbol=BTCUSDT")
        assert sorted("orderReports" in row for row in rows) == [False, True]
        assert sorted(stage.deletes()) == [ORDER, "/api/v3/orderList"]
        await stage.rest("alpha", "a-2")
        assert len(await stage.good("chief", "DELETE", OPEN, "symbol=BTCUSDT")) == 2
        assert stage.deletes()[-1] == OPEN

    on_stage(act)


@pytest.mark.parametrize("family", FUTURES)
def test_a_futures_cancel_of_everything_leaves_the_others_orders_alone(family: str) -> None:
    root, symbol, quantity = FUTURES[family]

    async def act(stage: Stage) -> None:
        await stage.side.refresher.read_rules()
        one = f"symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price=80000"
        for bot in ("alpha", "alpha", "beta"):
            await stage.good(bot, "POST", f"{root}/order", one)
        done = await stage.good("alpha", "DELETE", f"{root}/allOpenOrders", f"symbol={symbol}")
        assert done == {"code": 200, "msg": "The operation of cancel all open order is done."}
        assert stage.deletes() == [f"{root}/order"] * 2
        assert len(await stage.good("beta", "GET", f"{root}/openOrders")) == 1
        assert await stage.good("alpha", "GET", f"{root}/openOrders") == []

    on_stage(act)


def test_where_no_other_bot_may_trade_one_cancel_takes_everything() -> None:
    """Ruling 15: one call when the bot owns everything in scope: no other could have put anything there."""

    async def act(stage: Stage) -> None:
        await stage.rest("alpha", "a-1")
        await stage.good(
            "beta", "POST", ORDER, BUY.replace("BTCUSDT", "ETHUSDT").replace("0.002", "0.02") + "&price=2000.00"
        )
        assert len(await stage.good("alpha", "DELETE", OPEN, "symbol=BTCUSDT")) == 1
        assert stage.deletes() == [OPEN]
        # A reload lets beta go where alpha is: from then on it is order by order again.
        bots = {name: replace(bot, symbols=("*",)) for name, bot in stage.side.state.config.bots.items()}
        stage.side.state.config = replace(stage.side.state.config, bots=bots)
        await stage.rest("alpha", "a-2")
        await stage.good("alpha", "DELETE", OPEN, "symbol=BTCUSDT")
        assert stage.deletes() == [OPEN, ORDER]

    on_stage(act, beta=("ETHUSDT",), chief=("ETHUSDT",))


def test_what_a_bot_left_before_a_reload_is_not_swept_away() -> None:
    """Nobody else may trade there any more, but somebody has: order by order."""

    async def act(stage: Stage) -> None:
        await stage.rest("alpha", "a-1")
        theirs = await stage.rest("beta", "b-1")
        bots = {
            name: replace(bot, symbols=("*",) if name == "alpha" else ("ETHUSDT",))
            for name, bot in stage.side.state.config.bots.items()
        }
        stage.side.state.config = replace(stage.side.state.config, bots=bots)
        await stage.good("alpha", "DELETE", OPEN, "symbol=BTCUSDT")
        assert stage.deletes() == [ORDER]
        assert [row["orderId"] for row in await stage.good("chief", "GET", OPEN)] == [theirs]

    on_stage(act)
