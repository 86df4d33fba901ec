"""Drives the official USD-M SDK through one trading session; job and output: ``steps.py``."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    NewOrderNewOrderRespTypeEnum,
    NewOrderReduceOnlyEnum,
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
    PlaceMultipleOrdersBatchOrdersParameterInner,
)

sys.path.append(str(Path(__file__).resolve().parent.parent))
from official import configuration, plain
from steps import (
    MISSING_ORDER_ID,
    OWN_ID,
    UNKNOWN_ORDER,
    Facts,
    Job,
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
        self.api = DerivativesTradingUsdsFutures(config_rest_api=configuration(job)).rest_api
        self.order: dict[str, Any] = {}
        self.fill: dict[str, Any] = {}

    def start(self) -> Facts:
        self.api.test_connectivity()
        time = plain(self.api.check_server_time())["serverTime"]
        symbols = {each["symbol"]: each for each in plain(self.api.exchange_information())["symbols"]}
        self.price = Decimal(plain(self.api.symbol_price_ticker(symbol=SYMBOL))["price"])
        found = symbols[SYMBOL]
        self.sizes = sizes_of(found | {"filters": [plain(each) for each in found["filters"]]})
        return {"time": time, "symbols": len(symbols), "price": self.price}

    def account(self) -> Facts:
        balances = {each["asset"]: each for each in plain(self.api.futures_account_balance_v3())}
        expect(Decimal(balances["USDT"]["balance"]) > 0, "no USDT")
        wallet = plain(self.api.account_information_v3())["totalWalletBalance"]
        return {"USDT": balances["USDT"]["balance"], "wallet": wallet}

    def leverage(self) -> Facts:
        answer = plain(self.api.change_initial_leverage(SYMBOL, 5))
        expect(answer["leverage"] == 5, f"leverage is {answer['leverage']}")
        return {"leverage": answer["leverage"]}

    def quantity(self) -> float:
        return float(self.sizes.quantity(self.price, "0.002"))

    def buy(self, own_id: str | None = None) -> dict[str, Any]:
        order: dict[str, Any] = plain(
            self.api.new_order(
                symbol=SYMBOL,
                side=NewOrderSideEnum.BUY,
                type=NewOrderTypeEnum.LIMIT,
                time_in_force=NewOrderTimeInForceEnum.GTC,
                quantity=self.quantity(),
                price=float(self.sizes.away(self.price)),
                new_client_order_id=own_id,
                new_order_resp_type=NewOrderNewOrderRespTypeEnum.RESULT,
            )
        )
        return order

    def place(self) -> Facts:
        self.order = self.buy()
        expect(self.order["status"] == "NEW", f"placed order is {self.order['status']}")
        return facts(self.order)

    def query(self) -> Facts:
        found = plain(self.api.query_order(SYMBOL, order_id=self.order["orderId"]))
        expect(found["orderId"] == self.order["orderId"], "another order was found")
        expect(found["status"] == "NEW", f"resting order is {found['status']}")
        return facts(found)

    def open_orders(self) -> Facts:
        listed = [each["orderId"] for each in plain(self.api.current_all_open_orders(symbol=SYMBOL))]
        expect(self.order["orderId"] in listed, "the resting order is not listed")
        return {"count": len(listed)}

    def cancel(self) -> Facts:
        gone = plain(self.api.cancel_order(SYMBOL, order_id=self.order["orderId"]))
        expect(gone["status"] == "CANCELED", f"cancelled order is {gone['status']}")
        return facts(gone)

    def market_order(self, side: NewOrderSideEnum, reduce_only: NewOrderReduceOnlyEnum | None) -> Order:
        order: Order = plain(
            self.api.new_order(
                symbol=SYMBOL,
                side=side,
                type=NewOrderTypeEnum.MARKET,
                quantity=self.quantity(),
                reduce_only=reduce_only,
                new_order_resp_type=NewOrderNewOrderRespTypeEnum.RESULT,
            )
        )
        expect(order["status"] == "FILLED", f"market order is {order['status']}")
        return order

    def open_position(self) -> Facts:
        self.fill = self.market_order(NewOrderSideEnum.BUY, None)
        return facts(self.fill)

    def size(self) -> Decimal:
        held = plain(self.api.position_information_v3(symbol=SYMBOL))
        return sum((Decimal(each["positionAmt"]) for each in held), Decimal(0))

    def position(self) -> Facts:
        expect(self.size() >= Decimal(self.fill["executedQty"]), "the position is not there")
        return {"contracts": self.size()}

    def close_position(self) -> Facts:
        return facts(self.market_order(NewOrderSideEnum.SELL, NewOrderReduceOnlyEnum.TRUE))

    def flat(self) -> Facts:
        expect(self.size() == 0, f"{self.size()} still held")
        return {"contracts": self.size()}

    def trades(self) -> Facts:
        mine = plain(self.api.account_trade_list(SYMBOL, order_id=self.fill["orderId"]))
        total = sum(Decimal(each["qty"]) for each in mine if each["orderId"] == self.fill["orderId"])
        expect(total == Decimal(self.fill["executedQty"]) > 0, "the fill is not among my trades")
        return {"order_id": str(self.fill["orderId"]), "trades": len(mine), "amount": total}

    def batch(self) -> Facts:
        wanted = [
            PlaceMultipleOrdersBatchOrdersParameterInner(
                symbol=SYMBOL,
                side="BUY",
                type="LIMIT",
                timeInForce="GTC",
                quantity=self.quantity(),
                price=float(self.sizes.away(self.price, ratio)),
            )
            for ratio in ("0.9", "0.89")
        ]
        placed = plain(self.api.place_multiple_orders(wanted))
        ids = [each["orderId"] for each in placed]
        gone = plain(self.api.cancel_multiple_orders(SYMBOL, order_id_list=ids))
        statuses = [each["status"] for each in gone]
        expect(statuses == ["CANCELED", "CANCELED"], f"the batch was not cancelled: {statuses}")
        return {"order_ids": [str(each) for each in ids]}

    def own_id(self) -> Facts:
        placed = self.buy(OWN_ID)
        expect(placed["clientOrderId"] == OWN_ID, f"client id came back as {placed['clientOrderId']}")
        found = plain(self.api.query_order(SYMBOL, orig_client_order_id=OWN_ID))
        expect(found["orderId"] == placed["orderId"], "another order was found by client id")
        self.api.cancel_order(SYMBOL, orig_client_order_id=OWN_ID)
        return facts(found)

    def unknown_cancel(self) -> Facts:
        return refused(lambda: self.api.cancel_order(SYMBOL, order_id=MISSING_ORDER_ID), BadRequestError, UNKNOWN_ORDER)

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
            ("batch", self.batch),
            ("own_id", self.own_id),
            ("unknown_cancel", self.unknown_cancel),
        ]


def facts(order: dict[str, Any]) -> Facts:
    return {
        "order_id": str(order["orderId"]),
        "client_order_id": order["clientOrderId"],
        "status": order["status"],
    }


def main() -> int:
    job = read_job()
    return run(job, Session(job).steps())


if __name__ == "__main__":
    raise SystemExit(main())
