"""Drives the official binance-sdk-spot through one trading session; job and output: ``steps.py``."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from binance_common.errors import BadRequestError
from binance_sdk_spot.rest_api.models import (
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
    OrderCancelReplaceCancelReplaceModeEnum,
    OrderCancelReplaceSideEnum,
    OrderCancelReplaceTimeInForceEnum,
    OrderCancelReplaceTypeEnum,
    OrderListOcoAboveTypeEnum,
    OrderListOcoBelowTimeInForceEnum,
    OrderListOcoBelowTypeEnum,
    OrderListOcoSideEnum,
)
from binance_sdk_spot.spot import Spot

sys.path.append(str(Path(__file__).resolve().parent.parent))
from official import configuration, plain
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
    sizes_of,
)

SYMBOL = "BTCUSDT"
Order = dict[str, Any]


class Session:
    """One trading session; the SDK declares prices and quantities as float, so that is what it is given."""

    def __init__(self, job: Job) -> None:
        self.api = Spot(config_rest_api=configuration(job)).rest_api
        self.order: dict[str, Any] = {}
        self.fill: dict[str, Any] = {}

    def start(self) -> Facts:
        self.api.ping()
        time = plain(self.api.time())["serverTime"]
        info = plain(self.api.exchange_info())
        self.price = Decimal(plain(self.api.ticker_price(symbol=SYMBOL))["price"])
        self.sizes = self.sizes_of(SYMBOL)
        return {"time": time, "symbols": len(info["symbols"]), "price": self.price}

    def sizes_of(self, symbol: str) -> Sizes:
        found = plain(self.api.exchange_info(symbol=symbol))["symbols"][0]
        return sizes_of(found | {"filters": [plain(each) for each in found["filters"]]})

    def account(self) -> Facts:
        balances = {each["asset"]: each for each in plain(self.api.get_account())["balances"]}
        expect(Decimal(balances["USDT"]["free"]) > 0, "no USDT")
        return {"USDT": balances["USDT"]["free"]}

    def buy(self, symbol: str, quantity: Decimal, price: Decimal, own_id: str | None = None) -> Order:
        order: Order = plain(
            self.api.new_order(
                symbol=symbol,
                side=NewOrderSideEnum.BUY,
                type=NewOrderTypeEnum.LIMIT,
                time_in_force=NewOrderTimeInForceEnum.GTC,
                quantity=float(quantity),
                price=float(price),
                new_client_order_id=own_id,
            )
        )
        return order

    def quantity(self) -> Decimal:
        return self.sizes.quantity(self.price, "0.001")

    def place(self) -> Facts:
        self.order = self.buy(SYMBOL, self.quantity(), self.sizes.away(self.price))
        expect(self.order["status"] == "NEW", f"placed order is {self.order['status']}")
        return facts(self.order)

    def query(self) -> Facts:
        found = plain(self.api.get_order(SYMBOL, order_id=self.order["orderId"]))
        expect(found["orderId"] == self.order["orderId"], "another order was found")
        expect(found["status"] == "NEW", f"resting order is {found['status']}")
        return facts(found)

    def open_ids(self) -> list[int]:
        return [each["orderId"] for each in plain(self.api.get_open_orders(symbol=SYMBOL))]

    def open_orders(self) -> Facts:
        listed = self.open_ids()
        expect(self.order["orderId"] in listed, "the resting order is not listed")
        return {"count": len(listed)}

    def cancel(self) -> Facts:
        gone = plain(self.api.delete_order(SYMBOL, order_id=self.order["orderId"]))
        expect(gone["status"] == "CANCELED", f"cancelled order is {gone['status']}")
        return facts(gone)

    def market_buy(self) -> Facts:
        self.fill = plain(
            self.api.new_order(
                symbol=SYMBOL,
                side=NewOrderSideEnum.BUY,
                type=NewOrderTypeEnum.MARKET,
                quantity=float(self.quantity()),
            )
        )
        expect(self.fill["status"] == "FILLED" and self.fill["fills"], f"market order: {self.fill['status']}")
        return facts(self.fill)

    def trades(self) -> Facts:
        mine = plain(self.api.my_trades(SYMBOL, order_id=self.fill["orderId"]))
        total = sum(Decimal(each["qty"]) for each in mine if each["orderId"] == self.fill["orderId"])
        expect(total == Decimal(self.fill["executedQty"]) > 0, "the fill is not among my trades")
        return {"order_id": str(self.fill["orderId"]), "trades": len(mine), "amount": total}

    def unicode_symbol(self) -> Facts:
        price = plain(self.api.ticker_price(symbol=UNICODE_SYMBOL))["price"]
        sizes = self.sizes_of(UNICODE_SYMBOL)
        placed = self.buy(UNICODE_SYMBOL, sizes.quantity(price), sizes.away(price))
        gone = plain(self.api.delete_order(UNICODE_SYMBOL, order_id=placed["orderId"]))
        expect(gone["status"] == "CANCELED", f"cancelled order is {gone['status']}")
        return facts(gone)

    def own_id(self) -> Facts:
        placed = self.buy(SYMBOL, self.quantity(), self.sizes.away(self.price), OWN_ID)
        expect(placed["clientOrderId"] == OWN_ID, f"client id came back as {placed['clientOrderId']}")
        found = plain(self.api.get_order(SYMBOL, orig_client_order_id=OWN_ID))
        expect(found["orderId"] == placed["orderId"], "another order was found by client id")
        self.api.delete_order(SYMBOL, orig_client_order_id=OWN_ID)
        return facts(found)

    def cancel_replace(self) -> Facts:
        old = self.buy(SYMBOL, self.quantity(), self.sizes.away(self.price))
        answer = plain(
            self.api.order_cancel_replace(
                symbol=SYMBOL,
                side=OrderCancelReplaceSideEnum.BUY,
                type=OrderCancelReplaceTypeEnum.LIMIT,
                cancel_replace_mode=OrderCancelReplaceCancelReplaceModeEnum.STOP_ON_FAILURE,
                time_in_force=OrderCancelReplaceTimeInForceEnum.GTC,
                quantity=float(self.quantity()),
                price=float(self.sizes.away(self.price, "0.91")),
                cancel_order_id=old["orderId"],
            )
        )
        results = (answer["cancelResult"], answer["newOrderResult"])
        expect(results == ("SUCCESS", "SUCCESS"), f"cancel-replace answered {results}")
        new = plain(answer["newOrderResponse"])
        self.api.delete_order(SYMBOL, order_id=new["orderId"])
        return facts(new)

    def oco(self) -> Facts:
        """A sell of what was bought: a limit above the market, a stop-limit below it."""
        answer = plain(
            self.api.order_list_oco(
                symbol=SYMBOL,
                side=OrderListOcoSideEnum.SELL,
                quantity=float(self.fill["executedQty"]),
                above_type=OrderListOcoAboveTypeEnum.LIMIT_MAKER,
                above_price=float(self.sizes.away(self.price, "1.1")),
                below_type=OrderListOcoBelowTypeEnum.STOP_LOSS_LIMIT,
                below_stop_price=float(self.sizes.away(self.price, "0.92")),
                below_price=float(self.sizes.away(self.price, "0.91")),
                below_time_in_force=OrderListOcoBelowTimeInForceEnum.GTC,
            )
        )
        legs = [plain(each)["orderId"] for each in answer["orders"]]
        expect(len(legs) == 2, f"{len(legs)} legs")
        self.api.delete_order_list(SYMBOL, order_list_id=answer["orderListId"])
        expect(not set(legs) & set(self.open_ids()), "a leg of the cancelled list still rests")
        return {"list_id": answer["orderListId"], "order_ids": [str(each) for each in legs]}

    def unknown_cancel(self) -> Facts:
        return refused(lambda: self.api.delete_order(SYMBOL, order_id=MISSING_ORDER_ID), BadRequestError, UNKNOWN_ORDER)

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
            ("unknown_cancel", self.unknown_cancel),
        ]


def facts(order: dict[str, Any]) -> Facts:
    return {
        "order_id": str(order["orderId"]),
        # The answer to a spot cancel has the cancel's own id as clientOrderId.
        "client_order_id": order.get("origClientOrderId", order["clientOrderId"]),
        "status": order["status"],
    }


def main() -> int:
    job = read_job()
    return run(job, Session(job).steps())


if __name__ == "__main__":
    raise SystemExit(main())
