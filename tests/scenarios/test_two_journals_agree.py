"""After a mixed run the gateway's journal and the exchange's tell the same story, record by record (L1, L2, L4)."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from laws import check_l1_l2_l4
from stack import Reply, Stack

SPOT = "symbol={s}&side={side}&type=LIMIT&timeInForce=GTC&quantity={q}&price={p}"
MARKETS = {"BTCUSDT": ("0.001", 90_000), "ETHUSDT": ("0.01", 3_000), "BNBUSDT": ("0.05", 600)}


class Bot:
    """A bot with a seeded mind: what it does next depends on the seed and on what it knows of its own orders."""

    def __init__(self, stack: Stack, name: str, seed: int) -> None:
        self._stack, self._name, self._rng = stack, name, random.Random(seed)
        self._spot: list[tuple[str, str]] = []
        self._futures: list[tuple[str, str]] = []
        self._count = 0
        self.answered = Counter[str]()

    def run(self, operations: int) -> Counter[str]:
        """Do so many things; gives how often each kind was answered with success."""
        kinds = [
            self.place,
            self.place_futures,
            self.cancel,
            self.query,
            self.modify,
            self.batch,
            self.oco,
            self.cancel_replace,
            self.leverage,
            self.market,
            self.algo,
            self.cancel_futures,
            self.repeat,
            self.nonsense,
        ]
        for _ in range(operations):
            kind = self._rng.choice(kinds)
            reply = kind()
            if reply is not None:
                self.answered[f"{kind.__name__} {reply.status}"] += 1
        return self.answered

    def call(self, method: str, path: str, query: str) -> Reply:
        return self._stack.call(method, path, query, bot=self._name)

    def name(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    def order(self) -> tuple[str, str]:
        symbol = self._rng.choice(list(MARKETS))
        quantity, price = MARKETS[symbol]
        side = self._rng.choice(("BUY", "SELL"))
        level = price * self._rng.randint(92, 108) // 100
        return symbol, SPOT.format(s=symbol, side=side, q=quantity, p=f"{level}.0{'0' * self._rng.randint(0, 1)}")

    def place(self) -> Reply:
        symbol, query = self.order()
        name = self.name()
        reply = self.call("POST", "/api/v3/order", f"{query}&newClientOrderId={name}")
        self._spot.append((symbol, name))
        return reply

    def place_futures(self) -> Reply:
        symbol, query = self.order()
        name = self.name()
        reply = self.call("POST", "/fapi/v1/order", f"{query.replace('0.001', '0.01')}&newClientOrderId={name}")
        self._futures.append((symbol, name))
        return reply

    def market(self) -> Reply:
        symbol = self._rng.choice(list(MARKETS))
        return self.call("POST", "/api/v3/order", f"symbol={symbol}&side=BUY&type=MARKET&quoteOrderQty=25.50")

    def cancel(self) -> Reply | None:
        if not self._spot:
            return None
        symbol, name = self._rng.choice(self._spot)
        return self.call("DELETE", "/api/v3/order", f"symbol={symbol}&origClientOrderId={name}")

    def cancel_futures(self) -> Reply | None:
        if not self._futures:
            return None
        symbol, name = self._rng.choice(self._futures)
        return self.call("DELETE", "/fapi/v1/order", f"symbol={symbol}&origClientOrderId={name}")

    def query(self) -> Reply:
        return self.call("GET", "/api/v3/openOrders", f"symbol={self._rng.choice(list(MARKETS))}")

    def modify(self) -> Reply | None:
        if not self._futures:
            return None
        symbol, name = self._rng.choice(self._futures)
        price = MARKETS[symbol][1] * self._rng.randint(85, 95) // 100
        return self.call(
            "PUT", "/fapi/v1/order", f"symbol={symbol}&side=BUY&quantity=0.05&price={price}.0&origClientOrderId={name}"
        )

    def batch(self) -> Reply:
        legs = []
        for _ in range(self._rng.randint(1, 5)):
            symbol, query = self.order()
            leg = dict(pair.split("=") for pair in query.replace("0.001", "0.01").split("&"))
            legs.append({**leg, "newClientOrderId": self.name()})
            self._futures.append((symbol, legs[-1]["newClientOrderId"]))
        return self.call("POST", "/fapi/v1/batchOrders", f"batchOrders={quote(json.dumps(legs), safe='')}")

    def oco(self) -> Reply:
        return self.call(
            "POST",
            "/api/v3/orderList/oco",
            f"symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=140000.00&belowType=STOP_LOSS&belowStopPrice=60000.00"
            f"&listClientOrderId={self.name()}",
        )

    def cancel_replace(self) -> Reply | None:
        if not self._spot:
            return None
        symbol, name = self._rng.choice(self._spot)
        quantity, price = MARKETS[symbol]
        fresh = self.name()
        self._spot.append((symbol, fresh))
        return self.call(
            "POST",
            "/api/v3/order/cancelReplace",
            f"symbol={symbol}&side=BUY&type=LIMIT&cancelReplaceMode=STOP_ON_FAILURE&timeInForce=GTC&quantity={quantity}"
            f"&price={price * 9 // 10}.00&cancelOrigClientOrderId={name}&newClientOrderId={fresh}",
        )

    def leverage(self) -> Reply:
        return self.call("POST", "/fapi/v1/leverage", f"symbol=BTCUSDT&leverage={self._rng.randint(1, 20)}")

    def algo(self) -> Reply:
        return self.call(
            "POST",
            "/fapi/v1/algoOrder",
            f"algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.01&triggerPrice=70000.0&clientAlgoId={self.name()}",
        )

    def repeat(self) -> Reply | None:
        if not self._spot:
            return None
        return self.call(
            "POST", "/api/v3/order", f"{self.order()[1]}&newClientOrderId={self._rng.choice(self._spot)[1]}"
        )

    def nonsense(self) -> Reply:
        return self.call(
            "POST",
            "/api/v3/order",
            f"{self.order()[1]}&{self._rng.choice(('price=1', 'x=1', 'quantity=1e3', 'Side=BUY'))}",
        )


@pytest.mark.threat(47)
@pytest.mark.threat(53)
def test_300_operations_of_two_bots(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Spot and USD-M: place, cancel, query, modify, batch, OCO, cancel-replace, leverage, conditional, repetition,
    nonsense.
    """
    options = (
        "--no-limits",
        "--volatility",
        "0",
        "--balance",
        "USDT=100000000",
        "--balance",
        "BTC=1000",
        "--balance",
        "ETH=1000",
        "--balance",
        "BNB=1000",
        "--futures-balance",
        "USDT=100000000",
        "--max-num-orders",
        "5000",
    )
    with Stack(
        tmp_path_factory.mktemp("laws"), bots={"alpha": "hmac", "beta": "ed25519"}, paper_options=options
    ) as stack:
        bots = [Bot(stack, "alpha", 1), Bot(stack, "beta", 2)]
        with ThreadPoolExecutor(2) as pool:
            answered = sum(pool.map(lambda bot: bot.run(150), bots), Counter[str]())
        counted = check_l1_l2_l4(stack)
        succeeded = {kind.split()[0] for kind in answered if kind.endswith(" 200")}
        assert succeeded == {
            "place",
            "place_futures",
            "cancel",
            "query",
            "modify",
            "batch",
            "oco",
            "cancel_replace",
            "leverage",
            "market",
            "algo",
            "cancel_futures",
            "repeat",
        }, answered
        assert (counted.intents, counted.unknown) == (counted.changes_received, 0)
        assert counted.orders_accepted > 80, counted
        bots_of = {entry["bot"] for entry in stack.journal() if entry["type"] == "intent"}
        assert bots_of == {"alpha", "beta"}
        denied = Counter(entry["reason"] for entry in stack.journal() if entry["type"] == "denied")
        assert set(denied) >= {"repeated_parameter", "unknown_parameter", "duplicate_client_order_id"}, denied


def test_the_checker_sees_what_is_wrong(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A lost outcome, an extra order, a changed field and a doubled order are found: the laws' own test."""
    with Stack(tmp_path_factory.mktemp("liar")) as stack:
        for number in range(3):
            assert (
                stack.call(
                    "POST",
                    "/api/v3/order",
                    f"{SPOT.format(s='BTCUSDT', side='BUY', q='0.001', p='90000.00')}&newClientOrderId=l-{number}",
                ).status
                == 200
            )
        check_l1_l2_l4(stack)
        journal, received = stack.journal(), stack.received()
        place = next(i for i, row in enumerate(received) if row["method"] == "POST")

        def broken(ours: list, theirs: list) -> str:  # type: ignore[type-arg]  # journal rows
            stack.journal, stack.received = (lambda: ours), (lambda: theirs)  # type: ignore[method-assign]  # the lie
            with pytest.raises(AssertionError) as error:
                check_l1_l2_l4(stack)
            return str(error.value)

        last = max(i for i, entry in enumerate(journal) if entry["type"] == "outcome")
        assert "missing" in broken(journal[:-2] + journal[-1:], received)
        assert "without an end" in broken(journal[:last], received)
        extra = {**received[place], "params": [*received[place]["params"], ["newOrderRespType", "ACK"]]}
        assert "no intent says" in broken(journal, [*received, extra])
        assert "more often" in broken(journal, [*received, received[place]])
        assert "never saw it" in broken(journal, received[:place] + received[place + 1 :])
        wrong = {**received[place], "order": {**received[place]["order"], "price": "90001.00000000"}}
        assert "price" in broken(journal, [*received[:place], wrong, *received[place + 1 :]])
        intent = next(entry for entry in journal if entry["type"] == "intent")
        second = {**received[place], "order": {**received[place]["order"], "orderId": "77"}}
        doubled = [
            *journal,
            {**intent, "seq": len(journal) + 1, "id": "x"},
            {"type": "outcome", "id": "x", "outcome": "ACCEPTED", "seq": len(journal) + 2},
        ]
        assert "several orders" in broken(doubled, [*received, second])
