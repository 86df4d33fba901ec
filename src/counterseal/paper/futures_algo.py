"""Handlers of the conditional order endpoints."""

from __future__ import annotations

from counterseal.paper import futures_replies as replies
from counterseal.paper.algo import AlgoOrder
from counterseal.paper.call import Call
from counterseal.paper.errors import Json, no_such_order, one_of, unknown_order
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.futures_new import build_algo
from counterseal.paper.limits import OrderCounts
from counterseal.paper.params import integer, limit_of


class FuturesAlgos:
    """place, query, cancel and list conditional orders."""

    def __init__(self, market: FuturesMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def place(self, call: Call) -> Json:
        call.headers.update(self.counts.add("usdm", call.account, (1, 1), call.now_ms))
        algo = build_algo(self.market, self.market.account(call.account), call.params, call.now_ms)
        self.market.algos.place(algo, call.now_ms)
        reply = self._shown(algo)
        call.algo = {name: str(reply[name]) for name in ("algoId", "clientAlgoId", "symbol", "side", "orderType")}
        for name in ("actualOrderId", "actualPrice", "tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice",
                     "tpOrderType"):  # fmt: skip
            del reply[name]
        return reply

    def _shown(self, algo: AlgoOrder) -> Json:
        return replies.algo(self.market.symbols[algo.symbol], algo)

    def _find(self, call: Call) -> AlgoOrder | None:
        algo_id, client_id = integer(call.params, "algoId"), call.params.get("clientAlgoId")
        if algo_id is None and client_id is None:
            raise one_of("algoId", "clientAlgoId")
        return self.market.algos.find(call.account, algo_id, client_id)

    def query(self, call: Call) -> Json:
        algo = self._find(call)
        if algo is None:
            raise no_such_order()
        return self._shown(algo)

    def cancel(self, call: Call) -> Json:
        algo = self._find(call)
        if algo is None or not algo.is_open:
            raise unknown_order()
        self.market.algos.end(algo, "CANCELED", call.now_ms)
        return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def open_orders(self, call: Call) -> list[Json]:
        name = call.params.get("symbol")
        if name is not None:
            self.market.symbol(name)
        return [self._shown(algo) for algo in self.market.algos.open(call.account, name)]

    def all_orders(self, call: Call) -> list[Json]:
        name = self.market.symbol(call.params["symbol"]).name
        found = (item for item in self.market.algos.by_id.values() if item.account == call.account)
        mine = [self._shown(item) for item in found if item.symbol == name]
        return mine[-limit_of(call.params, 500, 1000) :]

    def cancel_open(self, call: Call) -> Json:
        name = self.market.symbol(call.params["symbol"]).name
        for algo in self.market.algos.open(call.account, name):
            self.market.algos.end(algo, "CANCELED", call.now_ms)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}
