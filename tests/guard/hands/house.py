"""The guard's hands in this process, in front of the paper exchange in the same process, on virtual time."""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251 - seeded
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.limits.gateway_side import DeskSigner, PaperVenue
from tests.limits.house import House, Network
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

from counterseal.adapters import signing
from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.catalogue import HOSTS
from counterseal.core.caps import Caps
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.core.secret import Secret
from counterseal.guard.hands.hands import Hands
from counterseal.paper.errors import ApiError
from counterseal.signer import table
from counterseal.signer.caps import CapsJudge
from counterseal.signer.desk import Desk, HeldSigningKey, Line

START_MS = 1_795_392_000_000
_HEAD = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
"""
_KEY = """
[keys.{account}]
functions = ["account", "trade", "settings"]
account = "{account}"
"""
_BOT = """
[bots.{bot}]
keys = ["{account}"]
products = ["spot", "usdm", "coinm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 20
{more}
"""


class GuardsSigner(DeskSigner):
    """The signer's own desk on the guard's line."""

    def __init__(self, clock: LoopClock, accounts: Sequence[str]) -> None:
        super().__init__(clock, accounts)
        self._clock = clock
        self.given: dict[str, HeldKey] = {}
        self.wire(None)

    def keys(self) -> Mapping[str, HeldKey]:
        """One key an account, unless a test gives others."""
        return self.given or super().keys()

    def wire(self, caps: CapsJudge | None) -> None:
        """Sit down at a desk with these caps."""
        keys = {
            name: HeldSigningKey(held, signing.load("hmac", Secret(b"exchange"))) for name, held in self._held.items()
        }
        clock = self._clock
        desk = Desk(table.load(), keys, "g", lambda: clock.wall_ns() // 1_000_000, caps, guards=table.load_guards())
        line = Line(is_guards=True)
        self._desk.answer = lambda packet: desk.answer(packet, line)  # type: ignore[method-assign,assignment]


@dataclass
class Stage:
    """One guard's hands, one exchange, bots that ask it directly."""

    loop: VirtualLoop
    clock: LoopClock
    house: House
    network: Network
    hands: Hands
    signer: GuardsSigner
    tasks: Tasks
    faults: list[str] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=list)
    registered: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    # Whose orders are that the gateway could be asked for, and what it was asked for.
    known: dict[str, str] = field(default_factory=dict)
    learnt: list[str] = field(default_factory=list)
    # What people are told of the dead-man's switch: what, where, in which words.
    told: list[tuple[str, str, str]] = field(default_factory=list)
    bought: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    on_record: Callable[[Mapping[str, Any]], None] = lambda row: None

    def record(self, row: Mapping[str, Any]) -> None:
        """Keep a record."""
        self.records.append(row)
        self.on_record(row)

    def bot(self, method: str, path: str, account: str = "main", **params: Any) -> Any:
        """Do what a bot does on an account: the exchange's own answer, an ApiError where it refuses."""
        self.house.exchange.advance()
        texts = {name: str(value) for name, value in params.items()}
        reply, _ = self.house.exchange.run_foreign(account, method, path, texts)
        return reply

    def order(self, side: str = "BUY", quantity: str = "0.01", price: str = "80000", **params: Any) -> Any:
        """Place a LIMIT order on USD-M; a price of "" makes it a MARKET order."""
        more = {"price": price, "timeInForce": "GTC", "type": "LIMIT"} if price else {"type": "MARKET"}
        base = {"symbol": "BTCUSDT", "side": side, "quantity": quantity}
        return self.bot("POST", "/fapi/v1/order", **{**base, **more, **params})

    def stop(self, side: str = "SELL", trigger: str = "70000", **params: Any) -> Any:
        """Place a conditional order on USD-M that closes the position."""
        base = {"symbol": "BTCUSDT", "side": side, "type": "STOP_MARKET", "algoType": "CONDITIONAL",
                "triggerPrice": trigger}  # fmt: skip
        return self.bot("POST", "/fapi/v1/algoOrder", **{**base, "closePosition": "true", **params})

    def free(self, asset: str, account: str = "main") -> Decimal:
        """What is free of an asset on spot."""
        rows = self.bot("GET", "/api/v3/account", account)["balances"]
        return next((Decimal(row["free"]) for row in rows if row["asset"] == asset), Decimal(0))

    def shift(self, symbol: str, factor: Decimal) -> None:
        """Let the price of a USD-M symbol jump."""
        market, now_ms = self.house.exchange.usdm, self.house.exchange.now_ms()
        tick = market.symbols[symbol].tick
        market.shift(symbol, (market.mark(symbol, now_ms) * factor // tick) * tick, now_ms)

    def deepen(self) -> None:
        """Let an account hold as much as a test wants."""
        self.house.exchange.usdm.account("main").earn("TRANSFER", "", Decimal(10_000_000), 0, 0, "USDT")

    def thin(self, part: int) -> None:
        """Let the book of BTCUSDT offer little at each price."""
        walk = self.house.exchange.usdm.books["BTCUSDT"].walk
        walk.quantity_at = lambda step, salt: Decimal("0.010") * part  # type: ignore[method-assign,assignment]

    def dry(self) -> None:
        """Nobody is in the book of BTCUSDT any more."""
        walk = self.house.exchange.usdm.books["BTCUSDT"].walk
        walk.quantity_at = lambda step, salt: Decimal(0)  # type: ignore[method-assign,assignment]

    def cap(self, symbol: str, quantity: str) -> None:
        """Let the signer sign no larger order of a symbol."""
        caps = {"main": Caps(max_quantity={symbol: Decimal(quantity)})}
        self.signer.wire(CapsJudge(caps, lambda: self.clock.monotonic_ns()))

    def held(self, *names: str) -> None:
        """Let the signer hold these keys of the test alone."""
        self.signer.given = {name: HeldKey(name, "K" * 64, "hmac", "paper") for name in names}

    def key_used(self, method: str) -> str | None:
        """Name the key of account main that would sign."""
        if not self.signer.given:
            self.held("reads", "trades")
        key = self.hands.asker._key("main", method)
        return None if key is None else key.ref

    def mark(self, symbol: str) -> Decimal:
        """The price that the exchange values a USD-M symbol at."""
        return Decimal(str(self.house.exchange.usdm.mark(symbol, self.house.exchange.now_ms())))

    def rest(self, symbol: str, price: Decimal, at: int = 0, **params: Any) -> Any:
        """Place a LIMIT buy of a symbol well below the market, worth some hundred dollars."""
        facts = self.house.exchange.usdm.symbols[symbol]
        limit = (price * (Decimal("0.9") - Decimal(at) / 10_000) // facts.tick) * facts.tick
        quantity = max(facts.step, (200 / price // facts.step) * facts.step)
        return self.order(symbol=symbol, price=f"{limit:f}", quantity=f"{quantity:f}", **params)

    def trigger(self, symbol: str, price: Decimal) -> Any:
        """Place a conditional order that would open a position."""
        facts = self.house.exchange.usdm.symbols[symbol]
        trigger = (price * Decimal("1.2") // facts.tick) * facts.tick
        quantity = max(facts.step, (200 / price // facts.step) * facts.step)
        return self.bot("POST", "/fapi/v1/algoOrder", symbol=symbol, side="BUY", type="STOP_MARKET",
                        algoType="CONDITIONAL", triggerPrice=f"{trigger:f}", quantity=f"{quantity:f}")  # fmt: skip

    def open_orders(self, account: str = "main", root: str = "/fapi/v1") -> list[Any]:
        """What rests, plain orders and conditional ones."""
        plain = self.bot("GET", f"{root}/openOrders", account)
        return [*plain, *(self.bot("GET", f"{root}/openAlgoOrders", account) if "api/v3" not in root else [])]

    def position(self, symbol: str = "BTCUSDT", account: str = "main", side: str = "BOTH") -> Decimal:
        """How much of a position there is."""
        market = self.house.exchange.usdm
        return Decimal(str(market.account(account).position(symbol, side).amount))

    def fault(self, kind: str, when: str = "before", times: int = 1, **match: str) -> None:
        """Order a fault of the exchange."""
        self.house.exchange.faults.take({"fault": kind, "when": when, "times": times, "match": match})

    def asked(self, *paths: str) -> list[Any]:
        """What came to the exchange by paths, in order."""
        return [one for one in self.house.served if one.path in paths]

    async def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def learn(self, ids: Sequence[str]) -> None:
        """Be asked whose orders are, and know it from then on."""
        self.learnt.extend(ids)
        self.owners.update({name: self.known[name] for name in ids if name in self.known})

    def beat(self, since_ms: int = 60_000, **bots: Any) -> None:
        """Let the gateway say what rests: a bot's name with (silent ms, list of places)."""
        rows = {
            name: {"seen_ms": None, "silent_ms": silent, "resting": [list(place) for place in places]}
            for name, (silent, places) in bots.items()
        }
        self.hands.on_beat(json.loads(json.dumps({"type": "beat", "since_ms": since_ms, "bots": rows})))


Act = Callable[[Stage], Awaitable[None]]


def config_of(accounts: Mapping[str, str], more: str = "", tail: str = "") -> Config:
    """Give the settings of bots by name with their accounts; `more` stands in each bot's section."""
    parts = [_KEY.format(account=account) for account in sorted(set(accounts.values()))]
    parts += [_BOT.format(bot=bot, account=account, more=more) for bot, account in accounts.items()]
    found = load(_HEAD + "".join(parts) + tail)
    assert isinstance(found, Config), found
    return found


def on_stage(
    act: Act,
    accounts: Mapping[str, str] | None = None,
    more: str = "",
    trip_s: float | None = 0.01,
    seed: int = 1,
    tail: str = "",
    **options: Any,
) -> Stage:
    """Let `act` play, and end what runs. `options` are the exchange's."""
    with tempfile.TemporaryDirectory() as home:
        whose = accounts or {"alpha": "main"}
        return run_virtually(lambda loop: _play(loop, Path(home), act, whose, (more, tail), trip_s, seed, options))


async def _play(
    loop: VirtualLoop,
    home: Path,
    act: Act,
    accounts: Mapping[str, str],
    settings: tuple[str, str],
    trip_s: float | None,
    seed: int,
    options: Mapping[str, Any],
) -> Stage:
    stage = make_stage(loop, home, accounts, settings, trip_s, seed, options)
    assert await stage.hands.asker.measure()
    try:
        await act(stage)
    finally:
        await stage.tasks.cancel_all()
    assert stage.faults == []
    return stage


def make_stage(
    loop: VirtualLoop,
    home: Path,
    accounts: Mapping[str, str],
    settings: tuple[str, str] = ("", ""),
    trip_s: float | None = 0.01,
    seed: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Stage:
    """Put the parts together as the guard's service does."""
    clock = LoopClock(loop, START_MS)
    names = sorted(set(accounts.values()))
    house = House(home, clock, names, **{"volatility": 0, **(options or {})})
    network = Network(house, clock, random.Random(seed), fixed_s=trip_s)
    config = config_of(accounts, *settings)
    faults: list[str] = []
    tasks = Tasks(lambda name, error: faults.append(f"{name}: {error!r}"))
    made: list[Stage] = []
    signer = GuardsSigner(clock, names)
    hands = Hands(
        lambda: config,
        load_catalogue(),
        HOSTS,
        PaperVenue(network, clock),
        signer,
        clock,
        tasks,
        "test",
        lambda account, family, ids: made[0].registered.extend((account, family, each) for each in ids),
        lambda row: made[0].record(row),
        lambda what, **fields: made[0].warnings.append((what, fields)),
        bought=lambda account: made[0].bought.get(account),
        owner=lambda _account, _family, name: made[0].owners.get(name),
        tell_of_dead_man=lambda what, place, text: made[0].told.append((what, " ".join(place), text)),
        learn=lambda _account, _family, ids: made[0].learn(ids),
    )
    made.append(Stage(loop, clock, house, network, hands, signer, tasks, faults))
    return made[0]


__all__ = ["ApiError", "Stage", "config_of", "make_stage", "on_stage"]
