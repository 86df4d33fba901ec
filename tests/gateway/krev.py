"""KREV-1: a gateway and the paper exchange in one process on virtual time, and a key that goes at a chosen moment."""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251 - seeded
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.gateway.rig import MemoryJournal, Silence
from tests.limits.gateway_side import GatewaySide
from tests.limits.house import OURS, House, Network, key_of
from tests.limits.lines import Answer
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.gateway import quarantine
from counterseal.gateway.guard_news import code_of
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.turn import Turn
from counterseal.paper.faulted import Reply
from counterseal.paper.keys import RESTRICTED, ApiKey

MONDAY_MS = 1_795_392_000_000
TRIP_S = 0.02
MAIN, READER = key_of("main"), replace(key_of("reader"), account="main", permissions=("read",))
SETTINGS = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
egress = {egress}
[keys.main]
functions = ["account", "trade", "settings"]
[keys.reader]
functions = ["account"]
[bots.bot00]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
sees_account = true
"""
# What happens to the key at the exchange.
DELETED, UNLISTED, PERMISSION = "key deleted", "address unlisted", "permission removed"
FAULTS = (DELETED, UNLISTED, PERMISSION)
# When: before the request is begun; when it is signed and has not left; when it was carried out and answered; when it
# was carried out and the answer is lost.
BEFORE, SIGNED, ANSWERED, LOST = "before", "signed", "answered", "answer lost"
WHENS = (BEFORE, SIGNED, ANSWERED, LOST)
REQUESTS = ("order", "market order", "query", "cancel", "replacement")


class Case(NamedTuple):
    """One key, one moment in one order's life."""

    fault: str
    when: str
    request: str
    market: str

    def __str__(self) -> str:
        return f"{self.fault}, {self.when}, {self.request}, {self.market}"


class Seen(NamedTuple):
    """A request as it came to the exchange: when (virtual ms), by which key, and what it was told."""

    at_ms: int
    key: str
    method: str
    path: str
    code: int | None


def cases() -> list[Case]:
    """All sixty: three faults at twenty points; spot and USD-M in turns."""
    points = [(when, request) for when in WHENS for request in REQUESTS]
    return [
        Case(fault, when, request, ("spot", "usdm")[(number + offset) % 2])
        for offset, fault in enumerate(FAULTS) for number, (when, request) in enumerate(points)
    ]  # fmt: skip


class KeyedHouse(House):
    """The exchange, which notes by which key it was asked."""

    def __init__(self, home: Path, clock: LoopClock) -> None:
        super().__init__(home, clock, ["main"], volatility=0)
        self._clock = clock
        self.exchange.keys.add(READER)
        self.seen: list[Seen] = []
        self.after: Callable[[str, str], None] = lambda method, path: None

    def answer(self, raw: bytes, lane: str = "", peer: str = OURS) -> Reply:
        """Answer, note, and tell."""
        key = raw.partition(b"X-MBX-APIKEY: ")[2].partition(b"\r\n")[0].decode()
        reply = super().answer(raw, lane, peer)
        served = self.served[-1]
        self.seen.append(Seen(self._clock.monotonic_ns() // 1_000_000, key, served.method, served.path, served.code))
        self.after(served.method, served.path)
        return reply


class KeyedGateway(GatewaySide):
    """One gateway with two keys of one account: a bot's, and one that stands by and may read."""

    def __init__(self, network: Network, clock: LoopClock, egress: Sequence[str]) -> None:
        self.log, self._egress = Silence(), list(egress)
        self.criticals: list[tuple[int, str, dict[str, Any]]] = []
        super().__init__(network, clock, {"bot00": "main", "nobody": "reader"})

    def _wire(self) -> None:
        config = load(SETTINGS.format(egress=json.dumps(self._egress)))
        assert isinstance(config, Config), config
        self.state.config = config
        self.journal = MemoryJournal()  # type: ignore[assignment]
        self.log.critical = self._critical  # type: ignore[method-assign]
        turn = Turn(self.journal, self.signer, None, self.clock)
        self.plane = Plane(
            Parts(
                state=self.state, venue=self.venue, signer=self.signer, verifier=SignatureVerifier(),
                journal=self.journal, turn=turn, tasks=self.tasks, log=self.log, draw=lambda n: n // 2,
            )
        )  # fmt: skip
        self.refresher, self.resolver, self.handler = self.plane.refresher, self.plane.resolver, self.plane.handler

    def _critical(self, event: str, **fields: Any) -> None:
        self.criticals.append((self.clock.monotonic_ns() // 1_000_000, event, fields))


@dataclass
class Life:
    """An order's life, in which the key goes."""

    case: Case
    clock: LoopClock
    house: KeyedHouse
    network: Network
    gateway: KeyedGateway
    answers: list[Answer] = field(default_factory=list)
    gone_ms: int | None = None
    count: int = 0

    # -- the bot

    async def ask(self, method: str, path: str, query: str) -> Answer:
        """Ask as the bot, never twice in one millisecond: equal pairs would be taken for a repetition."""
        await asyncio.sleep(0.001)
        credential = self.gateway.line.credential("bot00", "")
        answer = await self.gateway.line.ask(credential, method, path, query, signed=True)
        self.answers.append(answer)
        return answer

    @property
    def path(self) -> str:
        """Where orders of the market go."""
        return "/api/v3/order" if self.case.market == "spot" else "/fapi/v1/order"

    def name(self) -> str:
        """A new client order id."""
        self.count += 1
        return f"krev-{self.count}"

    async def order(self, name: str = "", price: str = "80000.00") -> Answer:
        """Place an order far from the price."""
        terms = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price={price}"
        return await self.ask("POST", self.path, f"{terms}&newClientOrderId={name or self.name()}")

    async def request(self, kind: str) -> Answer:
        """Ask what the case is about, of the order that rests."""
        if kind == "order":
            return await self.order()
        if kind == "market order":
            terms = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002&newClientOrderId={self.name()}"
            return await self.ask("POST", self.path, terms)
        if kind in ("query", "cancel"):
            method = "GET" if kind == "query" else "DELETE"
            return await self.ask(method, self.path, "symbol=BTCUSDT&origClientOrderId=rests")
        if self.case.market == "spot":
            terms = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=79000.00"
            more = f"cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=rests&newClientOrderId={self.name()}"
            return await self.ask("POST", "/api/v3/order/cancelReplace", f"{terms}&{more}")
        terms = "symbol=BTCUSDT&side=BUY&quantity=0.002&price=79000.0&origClientOrderId=rests"
        return await self.ask("PUT", self.path, terms)

    def target(self) -> tuple[str, str]:
        """Method and path of what the case is about."""
        if self.case.request != "replacement":
            method = {"query": "GET", "cancel": "DELETE"}.get(self.case.request, "POST")
            return method, self.path
        return ("POST", "/api/v3/order/cancelReplace") if self.case.market == "spot" else ("PUT", self.path)

    # -- the key

    def take_away(self) -> None:
        """Let it happen, once."""
        if self.gone_ms is not None:
            return
        self.gone_ms, keys = self.clock.monotonic_ns() // 1_000_000, self.house.exchange.keys
        if self.case.fault == DELETED:
            keys.delete(MAIN.api_key)
        elif self.case.fault == UNLISTED:
            keys.change(MAIN.api_key, {"ips": ("203.0.113.99",)})
        else:
            lost = "trade" if self.case.market == "spot" else "futures"
            keys.change(MAIN.api_key, {"permissions": tuple({"read", "trade", "futures"} - {lost})})

    def give_back(self) -> None:
        """Let the key be as it was."""
        self.house.exchange.keys.add(listed(MAIN))

    async def meet_the_point(self) -> None:
        """Ask the case's request, and let the key go at its moment."""
        if self.case.when == BEFORE:
            self.take_away()
        elif self.case.when == SIGNED:
            self.gateway.signer.on_signing = lambda asked: self.take_away()
        else:
            aim = self.target()
            self.house.after = lambda method, path: self.take_away() if (method, path) == aim else None
            if self.case.when == LOST:
                match = dict(zip(("method", "path"), aim, strict=True))
                self.house.exchange.faults.take({"fault": "reset", "when": "after", "times": 1, "match": match})
        await self.request(self.case.request)
        self.take_away()

    # -- what came of it

    def by_main(self) -> list[Seen]:
        """The requests that named the key after the exchange had first refused it, without probes and exits.

        An answer is on its way for a while: what left before it came could not know. A key that lacks a permission
        may go on reading.
        """
        known_ms = self.known_ms()
        probe = quarantine.RESTRICTIONS[1]
        return [
            one for one in self.house.seen
            if known_ms is not None and one.key == MAIN.api_key and one.at_ms > known_ms + TRIP_S * 1000
            and one.path != probe and one.method != "DELETE"
            and not (self.case.fault == PERMISSION and one.method == "GET")
        ]  # fmt: skip

    def known_ms(self) -> int | None:
        """When the exchange first refused the key."""
        return next((one.at_ms for one in self.house.seen if one.code == -2015 and one.key == MAIN.api_key), None)

    def seen_probes(self) -> list[str]:
        """What was read of an account or a key with the key after it had gone."""
        paths = {"/api/v3/account", "/fapi/v3/balance", quarantine.RESTRICTIONS[1]}
        return [one.path for one in self.house.seen if one.path in paths and one.at_ms > (self.gone_ms or 0)]

    def told(self) -> list[tuple[int, str, dict[str, Any]]]:
        """The alerts of keys."""
        return [one for one in self.gateway.criticals if code_of(one[1], one[2]) == "key_quarantined"]

    def exits(self) -> list[Seen]:
        """The cancels that named the key after its first refusal."""
        known_ms = self.known_ms() or 0
        return [one for one in self.house.seen if one.key == MAIN.api_key and one.method == "DELETE"
                and one.at_ms > known_ms]  # fmt: skip

    def records(self, kind: str) -> list[Mapping[str, Any]]:
        """What the gateway's journal holds of a type."""
        return [row for row in self.gateway.journal.records if row["type"] == kind]


def listed(key: ApiKey) -> ApiKey:
    """The key, bound to our address."""
    return replace(key, status=RESTRICTED, ips=(OURS,))


def live(case: Case, act: Callable[[Life], Any], egress: Sequence[str] = ()) -> Life:
    """Let an order live, and `act` look on. `egress` are the addresses that the gateway leaves from."""
    with tempfile.TemporaryDirectory() as home:
        return run_virtually(lambda loop: _live(case, act, loop, Path(home), egress))


async def _live(case: Case, act: Callable[[Life], Any], loop: VirtualLoop, home: Path, egress: Sequence[str]) -> Life:
    clock = LoopClock(loop, MONDAY_MS)
    house = KeyedHouse(home, clock)
    house.exchange.keys.add(replace(listed(MAIN), ips=(OURS, *egress)))
    network = Network(house, clock, random.Random("krev"), fixed_s=TRIP_S)
    gateway = KeyedGateway(network, clock, egress)
    await gateway.start()
    life = Life(case, clock, house, network, gateway)
    assert (await life.order("rests")).status == 200
    await act(life)
    await gateway.end()
    return life


async def trade_on(life: Life, seconds: float) -> None:
    """Ask this and that twice a second, as a bot does that takes no notice."""
    for step in range(int(seconds * 2)):
        kind = ("order", "query", "order", "cancel")[step % 4]
        await life.request(kind)
        await asyncio.sleep(0.5)


def body(answer: Answer) -> Any:
    """The answer's JSON."""
    return json.loads(answer.body)
