"""Drives python-binance (synchronous) through one trading session; job and output: ``steps.py``."""

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from binance import Client
from binance.exceptions import BinanceAPIException

sys.path.append(str(Path(__file__).resolve().parent.parent))
from steps import (
    BAD_SIGNATURE,
    MISSING_ORDER_ID,
    OWN_ID,
    UNICODE_SYMBOL,
    UNKNOWN_ORDER,
    Facts,
    Job,
    Step,
    expect,
    read_job,
    refused,
    run,
    sizes_of,
    text,
)

SYMBOL = "BTCUSDT"
CONTRACT = "BTCUSD_PERP"


def connect(job: Job) -> Client:
    """A client, with the addresses moved as its users do it where the job has a base; the constructor pings."""
    addresses = {
        "API_URL": "/api",
        "MARGIN_API_URL": "/sapi",
        "FUTURES_URL": "/fapi",
        "FUTURES_DATA_URL": "/futures/data",
        "FUTURES_COIN_URL": "/dapi",
        "FUTURES_COIN_DATA_URL": "/futures/data",
        "OPTIONS_URL": "/eapi",
        "PAPI_URL": "/papi",
    }
    places = {name: job.base + path for name, path in addresses.items()} if job.base else {}
    moved = type("MovedClient", (Client,), places)
    signing = {"api_secret": job.credential} if job.kind == "hmac" else {"private_key": job.credential}
    requests_params = {"verify": job.ca} if job.ca else {}
    if job.proxy:
        requests_params["proxies"] = {"https": job.proxy}
    client: Client = moved(job.key, requests_params=requests_params or None, **signing)
    return client


class Session:
    """State and steps that the two markets share; the markets differ in the names of the SDK's methods."""

    create: Callable[..., dict[str, Any]]
    get: Callable[..., dict[str, Any]]
    delete: Callable[..., dict[str, Any]]
    listing: Callable[..., list[dict[str, Any]]]
    my_trades: Callable[..., list[dict[str, Any]]]
    smallest = "0.001"

    def __init__(self, job: Job) -> None:
        self.job = job
        self.client: Client = None
        self.order: dict[str, Any] = {}
        self.fill: dict[str, Any] = {}

    def learn(self, info: dict[str, Any], price: object) -> Facts:
        self.price = Decimal(str(price))
        symbols = {each["symbol"]: each for each in info["symbols"]}
        self.sizes = sizes_of(symbols[SYMBOL])
        self.symbols = symbols
        return {"symbols": len(symbols), "price": self.price}

    def limit(self, ratio: str = "0.9") -> dict[str, Any]:
        """Parameters of a small resting buy."""
        return {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": text(self.sizes.quantity(self.price, self.smallest)),
            "price": text(self.sizes.away(self.price, ratio)),
        }

    def place(self) -> Facts:
        # The default answer of futures is ACK; RESULT has the status in both markets.
        self.order = self.create(**self.limit(), newOrderRespType="RESULT")
        expect(self.order["status"] == "NEW", f"placed order is {self.order['status']}")
        return facts(self.order)

    def query(self) -> Facts:
        found = self.get(symbol=SYMBOL, orderId=self.order["orderId"])
        expect(found["orderId"] == self.order["orderId"], "another order was found")
        expect(found["status"] == "NEW", f"resting order is {found['status']}")
        return facts(found)

    def open_orders(self) -> Facts:
        listed = [each["orderId"] for each in self.listing(symbol=SYMBOL)]
        expect(self.order["orderId"] in listed, "the resting order is not listed")
        return {"count": len(listed)}

    def cancel(self) -> Facts:
        gone = self.delete(symbol=SYMBOL, orderId=self.order["orderId"])
        expect(gone["status"] == "CANCELED", f"cancelled order is {gone['status']}")
        return facts(gone)

    def own_id(self) -> Facts:
        """The SDK signs ``my:bot/1`` but sends ``my%3Abot%2F1``: the exchange refuses, a gateway may heal."""

        def order() -> dict[str, Any]:
            return self.create(**self.limit(), newClientOrderId=OWN_ID)

        if self.job.strict:
            return refused(order, BinanceAPIException, BAD_SIGNATURE)
        placed = order()
        expect(placed["clientOrderId"] == OWN_ID, f"client id came back as {placed['clientOrderId']}")
        found = self.get(symbol=SYMBOL, origClientOrderId=OWN_ID)
        expect(found["orderId"] == placed["orderId"], "another order was found by client id")
        self.delete(symbol=SYMBOL, origClientOrderId=OWN_ID)
        return facts(found)

    def trades(self) -> Facts:
        mine = [each for each in self.my_trades(symbol=SYMBOL) if each["orderId"] == self.fill["orderId"]]
        total = sum(Decimal(each["qty"]) for each in mine)
        expect(total == Decimal(self.fill["executedQty"]) > 0, "the fill is not among my trades")
        return {"order_id": str(self.fill["orderId"]), "trades": len(mine), "amount": total}

    def unknown_cancel(self) -> Facts:
        return refused(lambda: self.delete(symbol=SYMBOL, orderId=MISSING_ORDER_ID), BinanceAPIException, UNKNOWN_ORDER)


class SpotSession(Session):
    def start(self) -> Facts:
        self.client = connect(self.job)
        self.create, self.get, self.delete = (
            self.client.create_order,
            self.client.get_order,
            self.client.cancel_order,
        )
        self.listing, self.my_trades = self.client.get_open_orders, self.client.get_my_trades
        time = self.client.get_server_time()["serverTime"]
        price = self.client.get_symbol_ticker(symbol=SYMBOL)["price"]
        return {"time": time, **self.learn(self.client.get_exchange_info(), price)}

    def account(self) -> Facts:
        balances = {each["asset"]: each for each in self.client.get_account()["balances"]}
        expect(Decimal(balances["USDT"]["free"]) > 0, "no USDT")
        return {"USDT": balances["USDT"]["free"]}

    def market_buy(self) -> Facts:
        quantity = text(self.sizes.quantity(self.price, self.smallest))
        self.fill = self.client.order_market_buy(symbol=SYMBOL, quantity=quantity)
        expect(self.fill["status"] == "FILLED" and self.fill["fills"], f"market order: {self.fill['status']}")
        return facts(self.fill)

    def unicode_symbol(self) -> Facts:
        expect(UNICODE_SYMBOL in self.symbols, f"no {UNICODE_SYMBOL} in exchangeInfo")
        sizes = sizes_of(self.symbols[UNICODE_SYMBOL])
        price = self.client.get_symbol_ticker(symbol=UNICODE_SYMBOL)["price"]
        order = self.limit() | {
            "symbol": UNICODE_SYMBOL,
            "quantity": text(sizes.quantity(price)),
            "price": text(sizes.away(price)),
        }
        placed = self.create(**order)
        gone = self.delete(symbol=UNICODE_SYMBOL, orderId=placed["orderId"])
        expect(gone["status"] == "CANCELED", f"cancelled order is {gone['status']}")
        return facts(gone)

    def cancel_replace(self) -> Facts:
        old = self.create(**self.limit())
        answer = self.client.cancel_replace_order(
            **self.limit("0.91"), cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=old["orderId"]
        )
        results = (answer["cancelResult"], answer["newOrderResult"])
        expect(results == ("SUCCESS", "SUCCESS"), f"cancel-replace answered {results}")
        new = answer["newOrderResponse"]
        self.delete(symbol=SYMBOL, orderId=new["orderId"])
        return facts(new)

    def oco(self) -> Facts:
        """A sell of what was bought: a limit above the market, a stop-limit below it."""
        answer = self.client.create_oco_order(
            symbol=SYMBOL,
            side="SELL",
            quantity=self.fill["executedQty"],
            aboveType="LIMIT_MAKER",
            abovePrice=text(self.sizes.away(self.price, "1.1")),
            belowType="STOP_LOSS_LIMIT",
            belowStopPrice=text(self.sizes.away(self.price, "0.92")),
            belowPrice=text(self.sizes.away(self.price, "0.91")),
            belowTimeInForce="GTC",
        )
        legs = [each["orderId"] for each in answer["orders"]]
        expect(len(legs) == 2, f"{len(legs)} legs")
        self.delete(symbol=SYMBOL, orderId=legs[0])  # takes the other leg with it
        left = {each["orderId"] for each in self.listing(symbol=SYMBOL)} & set(legs)
        expect(not left, "a leg of the cancelled list still rests")
        return {"list_id": answer["orderListId"], "order_ids": [str(each) for each in legs]}

    def otoco(self) -> Facts:
        """A resting buy, and what sells again once it is filled; the SDK names none of the orders."""
        quantity = text(self.sizes.quantity(self.price, self.smallest))
        answer = self.client.v3_post_order_list_otoco(
            symbol=SYMBOL,
            workingType="LIMIT",
            workingSide="BUY",
            workingTimeInForce="GTC",
            workingPrice=text(self.sizes.away(self.price, "0.9")),
            workingQuantity=quantity,
            pendingSide="SELL",
            pendingQuantity=quantity,
            pendingAboveType="LIMIT_MAKER",
            pendingAbovePrice=text(self.sizes.away(self.price, "0.95")),
            pendingBelowType="STOP_LOSS",
            pendingBelowStopPrice=text(self.sizes.away(self.price, "0.85")),
        )
        orders = [each["orderId"] for each in answer["orders"]]
        expect(len(orders) == 3, f"{len(orders)} orders")
        self.delete(symbol=SYMBOL, orderId=min(orders))
        left = {each["orderId"] for each in self.listing(symbol=SYMBOL)} & set(orders)
        expect(not left, "an order of the cancelled list still rests")
        return {"list_id": answer["orderListId"], "order_ids": [str(each) for each in orders]}

    def steps(self) -> list[Step]:
        return [
            ("start", self.start),
            ("account", self.account),
            ("place", self.place),
            ("query", self.query),
            ("open_orders", self.open_orders),
            ("cancel", self.cancel),
            ("fill", self.market_buy),
            ("trades", self.trades),
            ("unicode_symbol", self.unicode_symbol),
            ("own_id", self.own_id),
            ("cancel_replace", self.cancel_replace),
            ("oco", self.oco),
            ("otoco", self.otoco),
            ("unknown_cancel", self.unknown_cancel),
        ]


class UsdmSession(Session):
    smallest = "0.002"

    def start(self) -> Facts:
        self.client = connect(self.job)
        self.create, self.get, self.delete = (
            self.client.futures_create_order,
            self.client.futures_get_order,
            self.client.futures_cancel_order,
        )
        self.listing, self.my_trades = self.client.futures_get_open_orders, self.client.futures_account_trades
        self.client.futures_ping()
        time = self.client.futures_time()["serverTime"]
        price = self.client.futures_symbol_ticker(symbol=SYMBOL)["price"]
        return {"time": time, **self.learn(self.client.futures_exchange_info(), price)}

    def account(self) -> Facts:
        balances = {each["asset"]: each for each in self.client.futures_account_balance()}
        expect(Decimal(balances["USDT"]["balance"]) > 0, "no USDT")
        wallet = self.client.futures_account()["totalWalletBalance"]
        return {"USDT": balances["USDT"]["balance"], "wallet": wallet}

    def leverage(self) -> Facts:
        answer = self.client.futures_change_leverage(symbol=SYMBOL, leverage=5)
        expect(answer["leverage"] == 5, f"leverage is {answer['leverage']}")
        return {"leverage": answer["leverage"]}

    def market_order(self, side: str, **params: object) -> dict[str, Any]:
        quantity = text(self.sizes.quantity(self.price, self.smallest))
        order = self.create(
            symbol=SYMBOL, side=side, type="MARKET", quantity=quantity, newOrderRespType="RESULT", **params
        )
        expect(order["status"] == "FILLED", f"market order is {order['status']}")
        return order

    def open_position(self) -> Facts:
        self.fill = self.market_order("BUY")
        return facts(self.fill)

    def size(self) -> Decimal:
        held = self.client.futures_position_information(symbol=SYMBOL)
        return sum((Decimal(each["positionAmt"]) for each in held), Decimal(0))

    def position(self) -> Facts:
        expect(self.size() >= Decimal(self.fill["executedQty"]), "the position is not there")
        return {"contracts": self.size()}

    def close_position(self) -> Facts:
        return facts(self.market_order("SELL", reduceOnly="true"))

    def flat(self) -> Facts:
        expect(self.size() == 0, f"{self.size()} still held")
        return {"contracts": self.size()}

    def batch(self) -> Facts:
        placed = self.client.futures_place_batch_order(batchOrders=[self.limit("0.9"), self.limit("0.89")])
        ids = [each["orderId"] for each in placed]
        gone = self.client.futures_cancel_orders(symbol=SYMBOL, orderidlist=ids)
        statuses = [each["status"] for each in gone]
        expect(statuses == ["CANCELED", "CANCELED"], f"the batch was not cancelled: {statuses}")
        return {"order_ids": [str(each) for each in ids]}

    def contract(self) -> Facts:
        """One contract of COIN-M, under its own path."""
        (ticker,) = self.client.futures_coin_symbol_ticker(symbol=CONTRACT)
        placed = self.client.futures_coin_create_order(
            symbol=CONTRACT,
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity=1,
            price=text(Decimal(int(Decimal(ticker["price"]) * 9 / 10))),
        )
        found = self.client.futures_coin_get_order(symbol=CONTRACT, orderId=placed["orderId"])
        expect((found["status"], found["origQty"]) == ("NEW", "1"), f"resting contract is {found['status']}")
        gone = self.client.futures_coin_cancel_order(symbol=CONTRACT, orderId=placed["orderId"])
        expect(gone["status"] == "CANCELED", f"cancelled contract is {gone['status']}")
        return facts(gone)

    def steps(self) -> list[Step]:
        return [
            ("start", self.start),
            ("account", self.account),
            ("leverage", self.leverage),
            ("place", self.place),
            ("query", self.query),
            ("open_orders", self.open_orders),
            ("cancel", self.cancel),
            ("open", self.open_position),
            ("position", self.position),
            ("close", self.close_position),
            ("flat", self.flat),
            ("trades", self.trades),
            # With a private key this version raises ValueError in its own code before it sends a batch.
            *([("batch", self.batch)] if self.job.kind == "hmac" else []),
            ("contract", self.contract),
            ("own_id", self.own_id),
            ("unknown_cancel", self.unknown_cancel),
        ]


def facts(order: dict[str, Any]) -> Facts:
    return {
        "order_id": str(order["orderId"]),
        # The answer to a spot cancel has the cancel's own id as clientOrderId.
        "client_order_id": order.get("origClientOrderId", order["clientOrderId"]),
        "status": order.get("status", "ACK"),
    }


def main() -> int:
    job = read_job()
    session = SpotSession(job) if job.market == "spot" else UsdmSession(job)
    return run(job, session.steps())


if __name__ == "__main__":
    raise SystemExit(main())
