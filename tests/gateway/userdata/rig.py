"""The gateway's real objects and the real paper exchange in one process on one virtual clock: REST and sockets reach
the same accounts.
"""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251 - seeded
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from tests.gateway.exposed import ListTail
from tests.gateway.rig import MONDAY_MS
from tests.gateway.streams.rig import Exchange, _a_few_turns
from tests.limits.gateway_side import GatewaySide
from tests.limits.house import OURS, Network, key_of
from tests.limits.lines import Answer

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.adapters.stream_line import ATTEMPTS, ATTEMPTS_WINDOW_MS
from counterseal.adapters.stream_link import Dial
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.binance.hosts import SOCKET_HOSTS, USER_HOSTS
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.core.streams.allowance import Allowance
from counterseal.gateway.exits.lines import SocketLinks
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.turn import Turn
from counterseal.gateway.userdata.events import UserEvent
from counterseal.gateway.userdata.feeds import Links
from counterseal.paper.faulted import Reply
from counterseal.paper.http import RequestReader
from counterseal.paper.wire import Request

HEAD = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
"""
KEY = """
[keys.{0}]
functions = ["account", "trade", "settings"]
account = "{0}"
"""
BOT = """
[bots.{bot}]
keys = ["{account}"]
products = {products}
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 20
"""
FAMILIES = ("spot", "usdm", "coinm")
STEP_S = 0.05
ORDERS = {
    "spot": ("/api/v3/order", "symbol=BTCUSDT&side=BUY&quantity=0.002"),
    "usdm": ("/fapi/v1/order", "symbol=BTCUSDT&side=BUY&quantity=0.002"),
    "coinm": ("/dapi/v1/order", "symbol=BTCUSD_PERP&side=BUY&quantity=1"),
}


def text_of(accounts_of: Mapping[str, str], products: tuple[str, ...] = FAMILIES, more: str = "") -> str:
    """A configuration: a key for each account, and the bots."""
    keys = "".join(KEY.format(account) for account in sorted(set(accounts_of.values())))
    bots = "".join(
        BOT.format(bot=bot, account=account, products=json.dumps(products)) for bot, account in accounts_of.items()
    )
    return HEAD + keys + bots + more


class Listening:
    """Somebody who listens and remembers."""

    def __init__(self) -> None:
        self.events: list[UserEvent] = []
        self.gaps: list[tuple[str, str]] = []

    def on_event(self, event: UserEvent) -> None:
        self.events.append(event)

    def on_gap(self, account: str, family: str) -> None:
        self.gaps.append((account, family))

    def kinds(self) -> list[str]:
        """The kinds of the events since the last call."""
        events, self.events = self.events, []
        return [event.kind for event in events]


class Mouth:
    """Answers REST at the exchange that the sockets reach too, and remembers what was asked."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._request: Request | None = None
        self.asked: list[tuple[str, str, int]] = []
        # The paths whose next answers are something else: status and body.
        self.script: dict[str, list[tuple[int, Any]]] = {}

    def answer(self, raw: bytes, _lane: str = "", peer: str = OURS) -> Reply:
        RequestReader(peer, self._take).feed(raw)
        request = self._request
        assert request is not None, raw
        name = f"{request.method} {request.path}"
        if self.script.get(name):
            status, body = self.script[name].pop(0)
            reply = Reply(status, json.dumps(body).encode(), {})
        else:
            reply = self._exchange.exchange.handle(request)
        self.asked.append((request.method, request.path, reply.status))
        return reply

    def _take(self, request: Request, _keep_alive: bool) -> None:
        self._request = request

    def count(self, method: str, path: str) -> int:
        """How often something was asked."""
        return sum(one[:2] == (method, path) for one in self.asked)


class Log:
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda text, **fields: self.lines.append((level, text, fields))

    def of(self, level: str) -> list[str]:
        """The texts of one level."""
        return [text for found, text, _ in self.lines if found == level]


class Side(GatewaySide):
    """The gateway, with links to user data."""

    links: Links
    sockets: SocketLinks

    def _wire(self) -> None:
        self.log = Log()
        self.plane = Plane(
            Parts(
                state=self.state, venue=self.venue, signer=self.signer, verifier=SignatureVerifier(),
                journal=self.journal, turn=Turn(self.journal, self.signer, None, self.clock), tasks=self.tasks,
                log=self.log, draw=lambda n: n // 2, links=self.links, sockets=self.sockets,
            )
        )  # fmt: skip
        self.refresher, self.resolver, self.handler = self.plane.refresher, self.plane.resolver, self.plane.handler


class Rig:
    """`accounts_of` tells each bot's account; `more` is added to the configuration."""

    def __init__(
        self,
        home: Path,
        accounts_of: Mapping[str, str] | None = None,
        products: tuple[str, ...] = FAMILIES,
        more: str = "",
        **options: Any,
    ) -> None:
        accounts_of = accounts_of or {"alpha": "main"}
        self.clock = VirtualClock(MONDAY_MS)
        self.exchange = Exchange(home, self.clock)
        for account in sorted(set(accounts_of.values())):
            self.exchange.keys.add(key_of(account))
        self.mouth = Mouth(self.exchange)
        self.network = Network(self.mouth, self.clock, random.Random(1), fixed_s=0.01)  # type: ignore[arg-type]
        Side.links = Links(
            USER_HOSTS["paper"], self.exchange.dial, Allowance(ATTEMPTS, ATTEMPTS_WINDOW_MS), lambda n: n // 2
        )  # fmt: skip
        self.left_from: list[str] = []
        Side.sockets = SocketLinks(SOCKET_HOSTS["paper"], self._dial_from, Side.links.attempts)
        self.side = Side(self.network, self.clock, accounts_of, **options)
        self.attempts = Side.links.attempts
        self.configure(text_of(accounts_of, products, more))
        self.feeds, self.state, self.log = self.side.plane.feeds, self.side.state, self.side.log
        self.listening = {
            (account, family): Listening() for account in set(accounts_of.values()) for family in FAMILIES
        }
        for whose, listening in self.listening.items():
            self.feeds.join(listening, *whose)

    def _dial_from(self, egress: str) -> Dial:
        self.left_from.append(egress)
        return self.exchange.dial

    def configure(self, text: str) -> None:
        """Put a configuration in force, as a reload does."""
        config = load(text)
        assert isinstance(config, Config), config
        self.side.state.config = config
        self.side.plane.exposures.configure()

    @property
    def told(self) -> list[Mapping[str, Any]]:
        """The events of the journal."""
        return [record for record in self.side.journal.records if record["type"] == "event"]

    def told_of(self, what: str) -> list[Mapping[str, Any]]:
        """The journal's events of one kind."""
        return [record for record in self.told if record["what"] == what]

    async def start(self, wait_s: float = 1.0) -> Rig:
        """Warm up, connect."""
        await self.run(self.side._read_once())
        self.feeds.start()
        await self.wait(wait_s)
        return self

    async def open_exposure(self) -> None:
        """Read what is at risk, and poll from then on, as the service does."""
        self.side.tasks.spawn(self.side.plane.read_exposure(ListTail([])), "open")
        await self.wait(0.5)

    async def wait(self, seconds: float, step_s: float = STEP_S) -> None:
        """Let time pass for everybody."""
        for _ in range(round(seconds / step_s)):
            await self.clock.advance(step_s)
            self.exchange.exchange.tick()
            await self.clock.advance(0)

    async def idle(self, seconds: float, step_s: float = 5.0) -> None:
        """Let much time pass, in which nothing happens in the markets."""
        self.clock._settle = _a_few_turns  # type: ignore[method-assign]  # this clock's alone
        for _ in range(round(seconds / step_s)):
            await self.clock.advance(step_s)
            self.exchange.exchange.realtime.tick(self.exchange.now_ms)
            await self.clock.advance(0)
        del self.clock._settle

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let time pass until something is done."""
        task = asyncio.get_running_loop().create_task(work)
        while not task.done():
            await self.wait(STEP_S)
        return task.result()

    async def ask(self, bot: str, method: str, path: str, query: str = "") -> Answer:
        """Ask as a bot."""
        line = self.side.line
        return await self.run(line.ask(line.credential(bot, ""), method, path, query, signed=True))  # type: ignore[no-any-return]

    async def order(self, family: str, more: str = "&type=MARKET", bot: str = "alpha") -> dict[str, Any]:
        """Place an order as a bot; it must be taken."""
        path, query = ORDERS[family]
        answer = await self.ask(bot, "POST", path, query + more)
        assert answer.status == 200, answer
        return dict(json.loads(answer.body))

    def outside(self, family: str, more: str = "&type=MARKET", account: str = "main") -> dict[str, Any]:
        """Place an order past the gateway; it must be taken."""
        path, query = ORDERS[family]
        params = dict(pair.split("=") for pair in (query + more).split("&"))
        answer = self.exchange.signed("POST", path, key=key_of(account), **params)
        assert answer.status == 200, answer
        return dict(answer.body)

    def heard(self, family: str, account: str = "main") -> Listening:
        """Who listens there."""
        return self.listening[account, family]

    def row(self, family: str, account: str = "main") -> dict[str, Any]:
        """What the status says of a feed."""
        return next(
            row for row in self.feeds.report() if (row["account"], row["family"]) == (account, family)
        )  # fmt: skip

    def hold(self, keys: Mapping[str, HeldKey]) -> None:
        """From now on the signer holds these keys."""
        self.side.signer._held = dict(keys)

    async def end(self) -> None:
        """Stop; nothing may have failed, and no listen key may have been written anywhere."""
        self.feeds.close()
        await self.clock.advance(0)
        await self.side.end()
        written = repr(self.side.journal.records) + repr(self.log.lines)
        for market in (self.exchange.exchange.usdm, self.exchange.exchange.coinm):
            for account in market.accounts.values():
                assert account.listen_key is None or account.listen_key not in written


def with_rig(*args: Any, **more: Any) -> Callable[[Callable[[Rig], Coroutine[Any, Any, None]]], Callable[[Path], None]]:
    """Run a test's coroutine with a rig that is made of these and has started."""

    def decorate(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
        def run(tmp_path: Path) -> None:
            async def whole() -> None:
                rig = await Rig(tmp_path, *args, **more).start()
                await test(rig)
                await rig.end()

            asyncio.run(whole())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
