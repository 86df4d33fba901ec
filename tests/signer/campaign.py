"""What a gateway in other hands could send: seeded requests and packets, from nearly right to random bytes."""

import json
import random  # noqa: TID251 - seeded, to draw cases
from collections.abc import Sequence

from tests.signer.oracle import BY_PLACE, OWN, QUANTITIES, Limits

from counterseal.adapters import packets
from counterseal.core.messages import Hello, HelloRequest, Message, Refused, Sign, Signed

SECOND_NS = 1_000_000_000
EPOCH = 3
LIMITS = {
    "main": Limits(
        symbols={"BTCUSDT", "ETHUSDT", "btcusdt", "BTCUSD_PERP"},
        quantity={"BTCUSDT": "0.5", "BTCUSD_PERP": "5000", "*": "10"},
        quote={"BTCUSDT": "5000"},
        leverage=5,
        rates={SECOND_NS: 5, 60 * SECOND_NS: 200},
    ),
    "second": Limits(quantity={"*": "1000000"}, quote={"*": "50000"}),
    "free": Limits(),
}
PLACES = list(BY_PLACE)
CHANGING = [p for p, row in BY_PLACE.items() if row.typed and p[1] != "GET"]
SIGNABLE = [p for p, r in BY_PLACE.items() if r.signed and r.purpose in ("account", "trade", "settings")]
REFUSED = [p for p, r in BY_PLACE.items() if r.signed and r.purpose == "refused" and p[1] != "GET"]
NAMES = sorted({name for row in BY_PLACE.values() for name in row.names} | OWN | {"apiKey", "Symbol", "symbol "})
SYMBOLS = [
    "BTCUSDT",
    "BTCUSDT",
    "ETHUSDT",
    "ETHUSDT",
    "BTCUSD_PERP",
    "btcusdt",
    "XRPUSDT",
    "测试USDT",
    "BTCU\u017fDT",
    "BTCUSDT ",
    "BTCUSDT\n",
    "BTC\u200bUSDT",
    "",
]
SIZES = ["0.1", "0.5", "0.50", "0.4999", "1", "0.500000000000000001", "9.99", "10", "10.01", "5000", "5001", "0"]
STRANGE = ["", "1e9", "+1", "-1", " 1", "1_0", "\uff11", "0x1", "NaN", "1.", ".5", "01", "null", "[]", "1\n", "9" * 40]
TEXTS = ["BUY", "SELL", "LIMIT", "MARKET", "GTC", "1", "2", "65000.1", "id-1", "a&quantity=9", "ä%00", "", "\u5e01"]


class Campaign:
    """Draws everything from one seed. `keys` are names that are asked for, `epoch` is the right one."""

    def __init__(self, seed: int, keys: Sequence[str] = ("main", "main", "second", "free"), epoch: int = EPOCH) -> None:
        self._draw = random.Random(seed)
        self._next = 0
        self._keys, self._epoch = keys, epoch

    def requests(self, count: int) -> list[Sign]:
        """Requests of the protocol, whatever they ask."""
        return [self.request() for _ in range(count)]

    def elapsed_ns(self) -> int:
        """Time that passes between two packets."""
        return self._draw.choice([0, 0, 0, 1, 999_999, 20_000_000, 333_333_333, SECOND_NS])

    def request(self) -> Sign:
        draw = self._draw
        family, method, path = self._place()
        return Sign(
            id=self._number(),
            key_ref=draw.choice(["none", "", "MAIN", "*"] if draw.random() < 0.03 else self._keys),
            family=family,
            method=method,
            path=path,
            pairs=tuple(self._pairs(family, method, path)),
            recv_window_ms=self._rarely([-1, 5001, 60_000, 2**63 - 1, -(2**63)], [0, 1, 2000, 5000]),
            offset_ms=self._rarely([5001, -5001, 2**63 - 1, -(2**63)], [0, -5000, 5000, 17]),
            epoch=self._rarely([self._epoch - 1, self._epoch + 1, -(2**63), 2**63], [self._epoch]),
        )

    def junk(self) -> bytes:
        """A packet that is not wholly of the protocol, or not of requests."""
        draw = self._draw
        packet = packets.encode([self.request() for _ in range(draw.randrange(1, 4))])[0]
        kind = draw.randrange(6)
        if kind == 0:
            return draw.randbytes(draw.randrange(200))
        if kind == 1:
            return packet[: draw.randrange(len(packet))]
        if kind == 2:
            return packet + draw.randbytes(draw.randrange(1, 9))
        if kind == 3:
            at = draw.randrange(len(packet))
            return packet[:at] + draw.randbytes(1) + packet[at + 1 :]
        if kind == 4:
            return (packet + bytes(65_600))[: 65_537 + draw.randrange(64)]
        return packets.encode([self._foreign()])[0]

    def _foreign(self) -> Message:
        return self._draw.choice([Hello("x", ()), Signed(1, b"x", 1), Refused(1, "x"), HelloRequest("x")])

    def _rarely(self, rare: Sequence[int], usual: Sequence[int]) -> int:
        return self._draw.choice(rare if self._draw.random() < 0.03 else usual)

    def _number(self) -> int:
        draw = self._draw
        if draw.random() < 0.02:
            return max(0, self._next - draw.randrange(0, 50))
        self._next += draw.choice([1, 1, 1, 7])
        return self._next

    def _place(self) -> tuple[str, str, str]:
        draw = self._draw
        where = draw.random()
        if where < 0.62:
            return draw.choice(CHANGING)
        if where < 0.80:
            return draw.choice(SIGNABLE)
        if where < 0.90:
            return draw.choice(REFUSED)
        if where < 0.95:
            return draw.choice(PLACES)
        family, method, path = draw.choice(CHANGING)
        return draw.choice([
            (family, method.lower(), path), (family, method, path + "/"), (family, method, path.upper()),
            ("spot", method, path), (family, "GET", path), (family, method, path + "?symbol=A"), ("", "", ""),
            (family, method, draw.choice(REFUSED)[2]),
        ])  # fmt: skip

    def _pairs(self, family: str, method: str, path: str) -> list[tuple[str, str]]:
        draw = self._draw
        row = BY_PLACE.get((family, method, path))
        names = sorted(row.names) if row else []
        chosen = [name for name in names if draw.random() < 0.4]
        for name in ("symbol", *QUANTITIES, "batchOrders", "leverage"):
            if name in names and name not in chosen and draw.random() < 0.7:
                chosen.append(name)
        if draw.random() < 0.04:
            chosen += sorted(BY_PLACE[draw.choice(REFUSED)].needs)
        if draw.random() < 0.04 and chosen:
            chosen.append(draw.choice(chosen))
        if draw.random() < 0.04:
            chosen.append(draw.choice(NAMES))
        draw.shuffle(chosen)
        pairs = [(name, self._value(name, (family, method))) for name in chosen]
        if draw.random() < 0.001:
            pairs[:1] = [(name, "A" * 40_000) for name, _ in pairs[:1]]
        return pairs

    def _value(self, name: str, place: tuple[str, str]) -> str:
        draw = self._draw
        if name == "symbol":
            return draw.choice(SYMBOLS)
        if name in (*QUANTITIES, "quoteOrderQty", "amount"):
            return draw.choice(STRANGE if draw.random() < 0.1 else SIZES)
        if name == "leverage":
            return draw.choice(["1", "5", "6", "125", "5.0", "-1", "", "5"])
        if name in ("reduceOnly", "closePosition"):
            return draw.choice(["true", "false", "false", "true", "TRUE", "1"])
        if name == "positionSide":
            return draw.choice(["BOTH", "LONG", "SHORT"])
        if name == "batchOrders":
            return self._batch(*place)
        return draw.choice(TEXTS)

    def _batch(self, family: str, method: str) -> str:
        draw = self._draw
        root = {"coinm": "/dapi"}.get(family, "/fapi")
        place = (family if root == "/dapi" else "usdm", method if method in ("POST", "PUT") else "POST")
        single = sorted(BY_PLACE[(*place, f"{root}/v1/order")].names)
        legs: list[object] = []
        for _ in range(draw.choice([1, 1, 2, 3, 5, 10, 11, 0])):
            names = {name for name in single if draw.random() < 0.4} | {"symbol", "quantity"}
            leg: dict[str, object] = {name: self._value(name, place) for name in sorted(names)}
            if draw.random() < 0.05:
                leg[draw.choice(["quoteOrderQty", "Quantity", "closePosition", "quantity"])] = draw.choice(
                    ["9", 9, True]
                )
            legs.append(leg)
        text = json.dumps(legs, ensure_ascii=draw.random() < 0.5)
        spoiled = draw.random()
        if spoiled < 0.03:
            return text[: draw.randrange(len(text))]
        if spoiled < 0.05:
            return json.dumps(text)
        if spoiled < 0.08:
            return text.replace('"quantity"', '"quantity": "0.1", "quantity"', 1)
        return text
