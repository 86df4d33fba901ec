"""Drives ccxt (synchronous) through one trading session; job and output: ``steps.py``."""

import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt

sys.path.append(str(Path(__file__).resolve().parent.parent))
from steps import (
    MISSING_ORDER_ID,
    OWN_ID,
    UNICODE_SYMBOL,
    UNKNOWN_ORDER,
    Facts,
    Job,
    Sizes,
    Step,
    expect,
    read_job,
    refused,
    run,
)

SPOT, USDM, UNICODE = "BTC/USDT", "BTC/USDT:USDT", UNICODE_SYMBOL.removesuffix("USDT") + "/USDT"
COINM = "BTC/USD:BTC"


def connect(job: Job) -> ccxt.binance:
    """A client; where the job has a base, every REST address has its scheme, host and port replaced by it."""
    client = ccxt.binance({"apiKey": job.key, "secret": job.credential})
    addresses = client.urls["api"]
    for name, address in addresses.items():
        if job.base and isinstance(address, str):
            addresses[name] = re.sub(r"^\w+://[^/]+", job.base, address)
    if job.ca:
        # `verify and validateServerSsl` is what reaches requests: only the second one can be a path.
        client.validateServerSsl = job.ca
    if job.proxy:
        client.httpsProxy = job.proxy
    return client


class Session:
    """State and steps that the two markets share."""

    def __init__(self, job: Job, symbol: str) -> None:
        self.job = job
        self.symbol = symbol
        self.client = connect(job)
        self.price = Decimal(0)
        self.sizes: Sizes = Sizes(Decimal(1), Decimal(1), Decimal(1))
        self.order: dict[str, Any] = {}
        self.fill: dict[str, Any] = {}

    def start(self) -> Facts:
        markets = self.client.load_markets()
        self.price = Decimal(str(self.client.fetch_ticker(self.symbol)["last"]))
        self.sizes = self.sizes_of(self.symbol)
        return {"markets": len(markets), "time": self.client.fetch_time(), "price": self.price}

    def sizes_of(self, symbol: str) -> Sizes:
        market = self.client.market(symbol)
        precision = market["precision"]
        minimum = market["limits"]["cost"]["min"]
        return Sizes(*(Decimal(str(each)) for each in (precision["price"], precision["amount"], minimum)))

    def limit_buy(self, **params: object) -> dict[str, Any]:
        """A small resting buy 10 % under the market, through the unified call."""
        quantity, price = self.sizes.quantity(self.price, "0.001"), self.sizes.away(self.price)
        order: dict[str, Any] = self.client.create_order(
            self.symbol, "limit", "buy", float(quantity), float(price), params
        )
        return order

    def place(self) -> Facts:
        self.order = self.limit_buy()
        expect(self.order["status"] == "open", f"placed order is {self.order['status']}")
        return facts(self.order)

    def query(self) -> Facts:
        found = self.client.fetch_order(self.order["id"], self.symbol)
        expect(found["id"] == self.order["id"], "another order was found")
        expect(found["status"] == "open", f"resting order is {found['status']}")
        return facts(found)

    def open_orders(self) -> Facts:
        listed = [each["id"] for each in self.client.fetch_open_orders(self.symbol)]
        expect(self.order["id"] in listed, "the resting order is not listed")
        return {"count": len(listed)}

    def cancel(self) -> Facts:
        gone = self.client.cancel_order(self.order["id"], self.symbol)
        expect(gone["status"] == "canceled", f"cancelled order is {gone['status']}")
        return facts(gone)

    def own_id(self) -> Facts:
        order = self.limit_buy(newClientOrderId=OWN_ID)
        expect(order["clientOrderId"] == OWN_ID, f"client id came back as {order['clientOrderId']}")
        found = self.client.fetch_order(None, self.symbol, {"origClientOrderId": OWN_ID})
        expect(found["id"] == order["id"], "another order was found by client id")
        self.client.cancel_order(order["id"], self.symbol)
        return facts(found)

    def trades(self) -> Facts:
        mine = self.client.fetch_my_trades(self.symbol, params={"orderId": self.fill["id"]})
        expect(mine and all(each["order"] == self.fill["id"] for each in mine), "the fill is not there")
        total = sum(Decimal(str(each["amount"])) for each in mine)
        expect(total == Decimal(str(self.fill["filled"])), f"trades of {total} for {self.fill['filled']}")
        return {"order_id": self.fill["id"], "trades": len(mine), "amount": total}

    def unknown_cancel(self) -> Facts:
        missing = str(MISSING_ORDER_ID)
        return refused(lambda: self.client.cancel_order(missing, self.symbol), ccxt.ExchangeError, UNKNOWN_ORDER)


class SpotSession(Session):
    def account(self) -> Facts:
        balance = self.client.fetch_balance()
        expect(balance["USDT"]["free"] > 0, "no USDT")
        return {"USDT": balance["USDT"]["free"], "BTC": balance.get("BTC", {}).get("free")}

    def market_buy(self) -> Facts:
        quantity = self.sizes.quantity(self.price, "0.001")
        self.fill = self.client.create_order(self.symbol, "market", "buy", float(quantity))
        expect(self.fill["status"] == "closed", f"market order is {self.fill['status']}")
        return facts(self.fill)

    def unicode_symbol(self) -> Facts:
        sizes, last = self.sizes_of(UNICODE), self.client.fetch_ticker(UNICODE)["last"]
        quantity, price = sizes.quantity(last), sizes.away(last)
        order = self.client.create_order(UNICODE, "limit", "buy", float(quantity), float(price))
        gone = self.client.cancel_order(order["id"], UNICODE)
        expect(gone["status"] == "canceled", f"cancelled order is {gone['status']}")
        return facts(gone)

    def cancel_replace(self) -> Facts:
        old = self.limit_buy()
        quantity, price = self.sizes.quantity(self.price, "0.001"), self.sizes.away(self.price, "0.91")
        new = self.client.edit_order(old["id"], self.symbol, "limit", "buy", float(quantity), float(price))
        expect(new["id"] != old["id"] and new["status"] == "open", "the order was not replaced")
        left = self.client.fetch_order(old["id"], self.symbol)
        expect(left["status"] == "canceled", f"the old order is {left['status']}")
        self.client.cancel_order(new["id"], self.symbol)
        return facts(new)

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
            ("unknown_cancel", self.unknown_cancel),
        ]


class UsdmSession(Session):
    def account(self) -> Facts:
        balance = self.client.fetch_balance({"type": "future"})
        expect(balance["USDT"]["free"] > 0, "no USDT")
        return {"USDT": balance["USDT"]["free"]}

    def leverage(self) -> Facts:
        answer = self.client.set_leverage(5, self.symbol)
        expect(int(answer["leverage"]) == 5, f"leverage is {answer['leverage']}")
        return {"leverage": answer["leverage"]}

    def market_order(self, side: str, **params: object) -> dict[str, Any]:
        quantity = self.sizes.quantity(self.price, "0.002")
        order: dict[str, Any] = self.client.create_order(self.symbol, "market", side, float(quantity), None, params)
        if order["status"] != "closed":  # the exchange acknowledges futures market orders as NEW
            order = self.client.fetch_order(order["id"], self.symbol)
        expect(order["status"] == "closed", f"market order is {order['status']}")
        return order

    def open_position(self) -> Facts:
        self.fill = self.market_order("buy")
        return facts(self.fill)

    def size(self) -> Decimal:
        held = self.client.fetch_positions([self.symbol])
        return sum((Decimal(str(each["contracts"])) for each in held), Decimal(0))

    def position(self) -> Facts:
        expect(self.size() >= Decimal(str(self.fill["filled"])), "the position is not there")
        return {"contracts": self.size()}

    def close_position(self) -> Facts:
        return facts(self.market_order("sell", reduceOnly=True))

    def flat(self) -> Facts:
        expect(self.size() == 0, f"{self.size()} still held")
        return {"contracts": self.size()}

    def batch(self) -> Facts:
        quantity = float(self.sizes.quantity(self.price, "0.002"))
        wanted = [
            {"symbol": self.symbol, "type": "limit", "side": "buy", "amount": quantity, "price": float(price)}
            for price in (self.sizes.away(self.price, "0.9"), self.sizes.away(self.price, "0.89"))
        ]
        placed = self.client.create_orders(wanted)
        expect([each["status"] for each in placed] == ["open", "open"], "the batch was not placed")
        gone = self.client.cancel_orders([each["id"] for each in placed], self.symbol)
        expect([each["status"] for each in gone] == ["canceled", "canceled"], "the batch was not cancelled")
        return {"order_ids": [each["id"] for each in placed]}

    def contract(self) -> Facts:
        """One contract of COIN-M, on its own host, by the same calls."""
        price = self.client.fetch_ticker(COINM)["last"] * 0.9
        order = self.client.create_order(COINM, "limit", "buy", 1, float(self.client.price_to_precision(COINM, price)))
        found = self.client.fetch_order(order["id"], COINM)
        expect((found["status"], found["amount"]) == ("open", 1), f"resting contract is {found['status']}")
        (gone,) = self.client.cancel_orders([order["id"]], COINM)
        expect(gone["status"] == "canceled", f"cancelled contract is {gone['status']}")
        return facts(gone)

    def own_mapping(self) -> Facts:
        """Far more than the margin holds: the error's class is of the market's own table, found by host name."""
        price = float(self.sizes.away(self.price))
        return refused(
            lambda: self.client.create_order(self.symbol, "limit", "buy", 900, price), ccxt.InsufficientFunds, -2019
        )

    def steps(self) -> list[Step]:
        by_host = [] if self.job.base else [("own_mapping", self.own_mapping)]
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
            ("batch", self.batch),
            ("contract", self.contract),
            ("own_id", self.own_id),
            ("unknown_cancel", self.unknown_cancel),
            *by_host,
        ]


def facts(order: dict[str, Any]) -> Facts:
    return {"order_id": order["id"], "client_order_id": order["clientOrderId"], "status": order["status"]}


def main() -> int:
    job = read_job()
    session = SpotSession(job, SPOT) if job.market == "spot" else UsdmSession(job, USDM)
    return run(job, session.steps())


if __name__ == "__main__":
    raise SystemExit(main())
