"""LIM-1's machine: bots, an exchange that fills, ends and hides orders, answers that are late, twice or old."""

# ruff: noqa: TID251 - randomness is seeded
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.core.exposure.naive import UNITS, Naive, Part, Place, Price

from counterseal.core.exposure.claims import changes_of
from counterseal.core.exposure.money import Rate
from counterseal.core.exposure.order import Where
from counterseal.core.exposure.replay import Replay, statement
from counterseal.core.exposure.tracker import Limit, Owner, Tracker
from counterseal.core.outcome import Outcome

BOTS = {"ant": "main", "bee": "main", "cat": "other"}
SYMBOLS = {"spot": ("BTCUSDT", "ETHTRY"), "usdm": ("BTCUSDT", "ETHUSDT"), "coinm": ("BTCUSD_PERP",)}
ROOT = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}
MOST_LIVE = 60


@dataclass
class Sent:
    """A request on its way or UNKNOWN: its parts, and for each the size that it wishes an older one to have."""

    request: str
    path: str
    parts: list[Part]
    wished: bool = False


@dataclass
class World:
    """One seeded history."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.naive = Naive()
        for family, symbols in SYMBOLS.items():
            for symbol in symbols:
                contract = 10_000 if family == "coinm" else None
                dollars = 340 if symbol.endswith("TRY") else 10_000
                self.naive.prices[family, symbol] = Price(self.rng.randint(5_000, 20_000), dollars, contract)
        self.tracker = Tracker(self.rate)
        self.sent: list[Sent] = []
        self.numbers: dict[str, int] = {}
        self.limits = {"ant": 9_000, "bee": 4_000, "cat": 7_000}
        self.accounts = {"main": 11_000, "other": 6_000}
        self.symbol_limit = 6_000
        self.count = 0

    def rate(self, family: str, symbol: str) -> Rate | None:
        """The tracker's prices are the oracle's."""
        price = self.naive.prices[family, symbol]
        contract = None if price.contract is None else Decimal(price.contract) / 100
        return Rate(Decimal(price.last) / 100, contract, Decimal(price.dollars) / 10_000)

    # -- what is checked at every step

    def check(self) -> None:
        """Every sum is the oracle's, to the last digit."""
        book, naive = self.tracker.book, self.naive
        for bot in BOTS:
            assert book.bot(bot).total * UNITS == naive.bot(bot), f"bot {bot}"
        for account in self.accounts:
            assert book.account(account).total * UNITS == naive.account(account), f"account {account}"
            for symbol in {symbol for symbols in SYMBOLS.values() for symbol in symbols}:
                assert book.symbol(account, symbol).total * UNITS == naive.symbol(account, symbol), symbol

    def sums(self, bot: str, account: str, symbols: list[str]) -> list[int]:
        """The oracle's sums over which an order of this bot is judged."""
        naive = self.naive
        return [naive.bot(bot), *[naive.symbol(account, symbol) for symbol in symbols], naive.account(account)]

    def limits_of(self, bot: str, account: str, symbols: list[str]) -> list[Limit]:
        """The same for the tracker."""
        book = self.tracker.book
        return [
            Limit(book.bot(bot), Decimal(self.limits[bot]), "exposure_bot"),
            *[Limit(book.symbol(account, s), Decimal(self.symbol_limit), "exposure_symbol") for s in symbols],
            Limit(book.account(account), Decimal(self.accounts[account]), "exposure_account"),
        ]

    # -- steps

    def step(self) -> None:
        """One thing happens."""
        names = ["place", "settle", "fill", "end", "price", "state", "modify", "list", "batch", "old", "restart"]
        weights = [28, 26, 14, 12, 4, 3, 5, 4, 3, 3, 0.4]
        if sum(not part.gone for part in self.naive.parts) > MOST_LIVE:
            weights[0] = weights[7] = weights[8] = 0
        name = self.rng.choices(names, weights)[0]
        self.counts[name] += 1
        getattr(self, f"do_{name}")()
        self.naive.forget()
        self.check()

    def spot_of(self) -> tuple[str, str, str, str]:
        """Whose, and where."""
        bot = self.rng.choice(list(BOTS))
        family = self.rng.choice(list(SYMBOLS))
        return bot, BOTS[bot], family, self.rng.choice(SYMBOLS[family])

    def named(self) -> str:
        """A client id that was never used."""
        self.count += 1
        return f"id{self.count}"

    def order(self, family: str, symbol: str, side: str, name: str) -> tuple[dict[str, str], dict[str, Any]]:
        """One order as the exchange takes it, and as the oracle does."""
        size, rng = self.rng.randint(1, 20_000), self.rng
        last = self.naive.prices[family, symbol].last
        values = {"symbol": symbol, "side": side, "newClientOrderId": name, "quantity": _text(size, 3)}
        meant: dict[str, Any] = {"size": size, "quote": None, "price": None, "counts": True}
        kind = rng.random()
        if kind < 0.6:
            meant["price"] = rng.randint(last // 2, last * 2)
            values |= {"type": "LIMIT", "price": _text(meant["price"], 2)}
        elif kind < 0.7:
            stop, price = rng.randint(last // 2, last * 2), rng.randint(last // 2, last * 2)
            meant["price"] = max(stop, price)
            values |= {"type": "STOP_LOSS_LIMIT", "price": _text(price, 2), "stopPrice": _text(stop, 2)}
        elif kind < 0.8 and family == "spot":
            del values["quantity"]
            meant["size"], meant["quote"] = 0, rng.randint(1, 300_000)
            values |= {"type": "MARKET", "quoteOrderQty": _text(meant["quote"], 2)}
        else:
            values["type"] = "MARKET"
        if family != "spot" and rng.random() < 0.15:
            values["reduceOnly"], meant["counts"] = "true", False
        elif family == "usdm" and rng.random() < 0.2:
            values["positionSide"] = rng.choice(("LONG", "SHORT"))
        return values, meant

    def ask(
        self, bot: str, account: str, family: str, method: str, path: str, values: dict[str, Any],
        ids: tuple[str, ...], parts: list[Part], wished: dict[str, tuple[int, int | None]] | None = None,
    ) -> None:  # fmt: skip
        """Hand a request to both; they must agree whether it goes out."""
        request = f"r{self.named()}"
        symbols = list(dict.fromkeys(part.place[2] for part in parts))
        before = self.sums(bot, account, symbols)
        changes = changes_of(method, path, values, ids)
        held = self.tracker.reserve(
            request, Owner(bot, account, "k"), family, changes, self.limits_of(bot, account, symbols)
        )
        if wished is None:
            self.naive.parts += parts
        else:
            parts[0].wished[request] = next(iter(wished.values()))
        after = self.sums(bot, account, symbols)
        tops = [self.limits[bot], *[self.symbol_limit] * len(symbols), self.accounts[account]]
        over = [b > top * UNITS and b > a for a, b, top in zip(before, after, tops, strict=True)]
        assert bool(held.over) == any(over), (held.over, before, after)
        if held.over:
            self.counts["refused"] += 1
            self.tracker.release(request, held.parts)
            self.undo(request, parts, wished=wished is not None)
            return
        # L5: what goes out keeps every sum within its limit, or makes it no larger.
        self.counts["accepted"] += 1
        assert all(b <= max(top * UNITS, a) for a, b, top in zip(before, after, tops, strict=True))
        self.tracker.begin(request, path, held.parts)
        self.sent.append(Sent(request, path, parts, wished is not None))

    def undo(self, request: str, parts: list[Part], *, wished: bool) -> None:
        """The oracle forgets what never came about."""
        for part in parts:
            if wished:
                part.wished.pop(request, None)
            else:
                part.gone = True

    def do_place(self) -> None:
        """A single order, plain or conditional."""
        bot, account, family, symbol = self.spot_of()
        side, name = self.rng.choice(("BUY", "SELL")), self.named()
        values, meant = self.order(family, symbol, side, name)
        path = f"{ROOT[family]}/order"
        if family != "spot" and self.rng.random() < 0.2 and "price" not in values:
            path = f"{ROOT[family]}/algoOrder"
            values["clientAlgoId"] = values.pop("newClientOrderId")
            meant["price"] = self.rng.randint(5_000, 20_000)
            values["triggerPrice"] = _text(meant["price"], 2)
        where: Place = (account, family, symbol, values.get("positionSide", ""))
        self.ask(bot, account, family, "POST", path, values, (name,), [Part(bot, where, side, names=(name,), **meant)])

    def do_list(self) -> None:
        """An OCO counts its worse leg once; an OTOCO its working order too."""
        bot = self.rng.choice(list(BOTS))
        account, symbol = BOTS[bot], self.rng.choice(SYMBOLS["spot"])
        last = self.naive.prices["spot", symbol].last
        size, above, below = self.rng.randint(1, 9_000), self.rng.randint(last, 2 * last), self.rng.randint(1, last)
        side, names = self.rng.choice(("BUY", "SELL")), tuple(self.named() for _ in range(4))
        where: Place = (account, "spot", symbol, "")
        if self.rng.random() < 0.5:
            values = {
                "symbol": symbol, "side": side, "quantity": _text(size, 3), "abovePrice": _text(above, 2),
                "belowStopPrice": _text(below, 2),
            }  # fmt: skip
            parts = [Part(bot, where, side, size, None, above, True, names[1:3])]
            self.ask(bot, account, "spot", "POST", "/api/v3/orderList/oco", values, names[:3], parts)
            return
        working, other = self.rng.randint(1, 2 * last), "SELL" if side == "BUY" else "BUY"
        values = {
            "symbol": symbol, "workingSide": side, "workingQuantity": _text(size, 3), "workingPrice": _text(working, 2),
            "pendingSide": other, "pendingQuantity": _text(size, 3), "pendingAbovePrice": _text(above, 2),
            "pendingBelowStopPrice": _text(below, 2),
        }  # fmt: skip
        parts = [
            Part(bot, where, side, size, None, working, True, names[1:2]),
            Part(bot, where, other, size, None, max(above, below, working), True, names[2:]),
        ]
        self.ask(bot, account, "spot", "POST", "/api/v3/orderList/otoco", values, names, parts)

    def do_batch(self) -> None:
        """Up to four orders at once."""
        bot = self.rng.choice(list(BOTS))
        account, family = BOTS[bot], "usdm"
        legs, parts, ids = [], [], []
        for _ in range(self.rng.randint(1, 4)):
            symbol, side, name = self.rng.choice(SYMBOLS[family]), self.rng.choice(("BUY", "SELL")), self.named()
            values, meant = self.order(family, symbol, side, name)
            where: Place = (account, family, symbol, values.get("positionSide", ""))
            legs.append(values)
            parts.append(Part(bot, where, side, names=(name,), **meant))
            ids.append(name)
        text = {"batchOrders": json.dumps(legs)}
        self.ask(bot, account, family, "POST", "/fapi/v1/batchOrders", text, tuple(ids), parts)

    def do_modify(self) -> None:
        """An order gets another size and price; until that is known the larger counts."""
        ours = [p for p in self.naive.parts if p.place[1] == "usdm" and len(p.names) == 1 and p.quote is None]
        if not ours:
            return
        part = self.rng.choice(ours)
        size, price = self.rng.randint(1, 20_000), self.rng.randint(5_000, 30_000)
        values = {
            "symbol": part.place[2], "side": part.side, "quantity": _text(size, 3), "price": _text(price, 2),
            "origClientOrderId": part.names[0],
        }  # fmt: skip
        if part.place[3]:
            values["positionSide"] = part.place[3]
        wished = {"new": (size, price)}
        self.ask(part.bot, part.place[0], "usdm", "PUT", "/fapi/v1/order", values, (), [part], wished)

    # -- what becomes known

    def row(self, part: Part, name: str, filled: int, status: str) -> dict[str, Any]:
        """An order as the exchange shows it."""
        number = self.numbers.setdefault(name, len(self.numbers) + 1)
        return {
            "symbol": part.place[2], "orderId": number, "clientOrderId": name, "status": status,
            "executedQty": _text(filled, 3),
        }  # fmt: skip

    def do_settle(self) -> None:
        """An outcome becomes known, or stays UNKNOWN."""
        if not self.sent:
            return
        sent = self.sent.pop(self.rng.randrange(len(self.sent)))
        outcome = self.rng.choices(list(Outcome), [60, 12, 14, 6, 8])[0]
        self.counts[outcome.value] += 1
        if outcome is Outcome.UNKNOWN:
            self.sent.append(sent)
            self.tracker.settle(sent.request, outcome, None, 0)
            return
        body: Any = None
        if outcome is Outcome.ACCEPTED:
            body = self.accepted(sent)
        elif sent.wished:
            self.undo(sent.request, sent.parts, wished=True)
        else:
            # What a poll has shown meanwhile lives on, whatever is said of the request.
            for part in sent.parts:
                part.gone = part.gone or not any(name in self.numbers for name in part.names)
        self.tracker.settle(sent.request, outcome, body, 0)
        if outcome is Outcome.ACCEPTED:
            place = sent.parts[0].place
            self.tracker.learn(place[0], place[1], body)

    def accepted(self, sent: Sent) -> Any:
        """The exchange's answer; of a batch some legs may be refused."""
        rows: list[Any] = []
        for part in sent.parts:
            if sent.wished:
                if not part.gone and sent.request in part.wished:
                    part.take(sent.request)
                part.wished.pop(sent.request, None)
            shown = any(name in self.numbers for name in part.names)
            if "batch" in sent.path and not shown and self.rng.random() < 0.2:
                part.gone = True
                rows.append({"code": -2019, "msg": "Margin is insufficient."})
                continue
            filled = part.fills.get(part.names[0], 0)
            if not part.gone and part.quote is None and self.rng.random() < 0.3:
                filled += self.rng.randint(0, part.left())
            rows += [self.row(part, name, filled if name == part.names[0] else 0, "NEW") for name in part.names]
            if not part.gone:
                self.naive.fill(part, part.names[0], filled)
        return rows if "batch" in sent.path else rows[0] if len(rows) == 1 else {"orders": [], "orderReports": rows}

    def known(self) -> list[Part]:
        """Orders that a read can show: those on the book."""
        return [part for part in self.naive.parts if not part.gone]

    def do_fill(self) -> None:
        """A read shows that something was filled."""
        parts = self.known()
        if not parts:
            return
        part = self.rng.choice(parts)
        name = self.rng.choice(part.names)
        filled = part.fills.get(name, 0) + self.rng.randint(0, max(1, part.left()))
        self.naive.fill(part, name, filled)
        self.tracker.learn(part.place[0], part.place[1], [self.row(part, name, filled, "PARTIALLY_FILLED")])

    def do_end(self) -> None:
        """A cancel, an expiry or the last fill; of two that exclude each other one at a time."""
        parts = self.known()
        if not parts:
            return
        part = self.rng.choice(parts)
        name = self.rng.choice([name for name in part.names if name not in part.done])
        if self.may_be_older(part):
            old = {"symbol": part.place[2], "clientOrderId": name, "status": "FILLED", "executedQty": "1"}
            assert self.tracker.learn(part.place[0], part.place[1], old) == []
            return
        status = self.rng.choice(("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"))
        filled = part.fills.get(name, 0) + (part.left() if status == "FILLED" else 0)
        row = self.row(part, name, filled, status)
        if status == "CANCELED" and part.place[1] == "spot":
            row["origClientOrderId"], row["clientOrderId"] = name, self.named()
        self.naive.fill(part, name, filled)
        part.done.add(name)
        part.gone = part.done >= set(part.names)
        self.tracker.learn(part.place[0], part.place[1], row)

    def may_be_older(self, part: Part) -> bool:
        """Whether nothing has proven yet that an order of this name is this one."""
        is_sent = any(part in sent.parts and not sent.wished for sent in self.sent)
        return is_sent and not any(name in self.numbers for name in part.names)

    def do_old(self) -> None:
        """An answer comes late: it shows less than is known, or what has ended."""
        parts = [part for part in self.known() if part.fills]
        if parts:
            part = self.rng.choice(parts)
            name = self.rng.choice(list(part.fills))
            filled = self.rng.randint(0, part.fills[name])
            self.tracker.learn(part.place[0], part.place[1], self.row(part, name, filled, "NEW"))

    def do_price(self) -> None:
        """The market moves."""
        family = self.rng.choice(list(SYMBOLS))
        for symbol in SYMBOLS[family]:
            price = self.naive.prices[family, symbol]
            price.last = max(100, price.last * self.rng.randint(80, 125) // 100)
            if symbol.endswith("TRY"):
                price.dollars = self.rng.randint(250, 400)
        self.tracker.book.reprice(family)

    def do_state(self) -> None:
        """The exchange states positions: what foreign orders filled is in them."""
        family = self.rng.choice(("usdm", "coinm"))
        account = self.rng.choice(list(self.accounts))
        place: Place = (account, family, self.rng.choice(SYMBOLS[family]), self.rng.choice(("", "LONG", "SHORT")))
        position = self.rng.choice((0, self.rng.randint(-30_000, 30_000)))
        self.naive.state(place, position)
        self.tracker.book.state(Where(*place), Decimal(position) / 1000)

    def do_restart(self) -> None:
        """The book is made anew from what it states of itself."""
        covers = frozenset(BOTS.items())
        replay = Replay(Tracker(self.rate), lambda _key: "main", covers)
        for record in statement(self.tracker, covers):
            replay.take(json.loads(json.dumps({"type": "exposure", **record})))
        for where, place in self.tracker.book.places.items():
            if place.stated is not None:
                replay.tracker.book.state(where, place.stated, place.since())
        self.tracker = replay.tracker


def _text(number: int, digits: int) -> str:
    return f"{Decimal(number).scaleb(-digits):f}"
