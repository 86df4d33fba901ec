"""The watch before the real paper exchange, both on one virtual clock; user data comes as the gateway would pass it on.

A bot's orders carry its name in their client id; whatever has no such id is nobody's.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from tests.core.config.texts import PAPER, config_of
from tests.gateway.streams.rig import Wire
from tests.paper.harness import Rig
from tests.paper.ws_harness import Api, Client

from counterseal.adapters.stream_link import StreamLink
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert
from counterseal.core.binance.hosts import STREAM_HOSTS
from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Config
from counterseal.core.guardrails.breach import Breach
from counterseal.core.userdata.names import names_in
from counterseal.guard.watch.intruders import Intruder
from counterseal.guard.watch.streams import Links
from counterseal.guard.watch.watch import Calls, Watch
from counterseal.ports.venue import Unreachable, VenueReply

STEP_MS = 100
FUTURES = "fstream.binance.com"
PRODUCTS = ("spot", "usdm", "coinm")


def toml(products: tuple[str, ...] = ("usdm",), more: str = "", bots: tuple[str, ...] = ("alpha", "beta")) -> str:
    """Give settings with some bots on the account `main`; `more` goes behind the first bot's."""
    keys = '[keys.main]\nfunctions = ["account", "trade", "settings"]\nstrategy = "grid"\n'
    made = [f'[bots.{bot}]\nkeys = ["main"]\nproducts = {json.dumps(products)}\npurposes = ["account", "trade"]\n'
            'symbols = ["*"]\n' for bot in bots]  # fmt: skip
    return PAPER + keys + made[0] + more + "\n" + "".join(made[1:])


class Log:
    """Keeps what is said loudly."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda text, **fields: self.lines.append((level, text, fields))


class PaperAsker:
    """An `Asker` over the exchange in process. `silent` gives no answers; `weight` counts what was asked."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.silent: set[str] = set()
        self.change: Callable[[str, Any], Any] = lambda _path, body: body
        self.asked: list[tuple[int, str]] = []

    async def ask(
        self, account: str, family: str, method: str, path: str, pairs: tuple[tuple[str, str], ...] = (),
        lane: Lane = Lane.ACCOUNT,
    ) -> VenueReply | None:  # fmt: skip
        await asyncio.sleep(0)
        self.asked.append((self._rig.now_ms, path))
        if path in self.silent:
            return None
        answer = self._rig.signed(method, path, **dict(pairs)) if account else self._rig.public(path, **dict(pairs))
        body = json.dumps(self.change(path, answer.body)).encode()
        return VenueReply(answer.status, {}, body, 0, 0)


class House:
    """One exchange, one watch, and what the watch said. `deaf` withholds events from it."""

    def __init__(
        self,
        home: Path,
        text: str,
        records: list[Mapping[str, Any]] | None = None,
        rig: Rig | None = None,
        has_streams: bool = False,
        **options: Any,
    ) -> None:
        self.text = text
        self.rig = Rig(home, **options) if rig is None else rig
        self.config: Config = config_of(text)
        self.clock = VirtualClock(self.rig.now_ms)
        self.log = Log()
        self.tasks = Tasks(lambda name, error: self.faults.append((name, error)))
        self.faults: list[tuple[str, BaseException]] = []
        self.asker = PaperAsker(self.rig)
        self.breaches: list[Breach] = []
        self.intruders: list[tuple[int, Intruder]] = []
        self.alerts: list[tuple[int, Alert]] = []
        self.states: list[tuple[int, Mapping[str, Any]]] = []
        self.records: list[Mapping[str, Any]] = []
        self.deaf = False
        self.on_breach: Callable[[Breach], None] = lambda _breach: None
        self.late: list[tuple[int, dict[str, Any]]] = []
        self.late_ms = 0
        self.watch = Watch(
            lambda: self.config, self.asker, self.clock, self.tasks, self.log,
            Calls(self._breach, lambda one: self.intruders.append((self.now_ms, one)),
                  lambda alert: self.alerts.append((self.now_ms, alert)),
                  lambda state: self.states.append((self.now_ms, state)), self.records.append),
            lambda: self.rig.now_ms, self._links() if has_streams else None,
        )  # fmt: skip
        for record in records or ():
            self.watch.fold(json.loads(json.dumps(record)))
        self.clients = {
            family: self._listen(family)
            for family in sorted({f for b in self.config.bots.values() for f in b.products})
        }

    def _links(self) -> Links:
        """Give the way to the exchange's streams of prices; nothing gets through while `is_cut`."""
        self.is_cut = False
        self.wires: list[Wire] = []

        async def dial(_family: str, link: StreamLink) -> None:
            if self.is_cut:
                raise Unreachable("cut")
            self.wires.append(Wire(self.rig, link))  # type: ignore[arg-type]  # it takes the exchange and the time of it
            link.connection_made(self.wires[-1])

        return Links(STREAM_HOSTS["paper"], dial, lambda n: n // 2)

    def hear(self, family: str, data: Any) -> None:
        """Let the stream of a market's prices tell something, as if the exchange had sent it."""
        streams = self.watch._streams
        assert streams is not None
        text = json.dumps({"stream": next(iter(streams._names[family])), "data": data}).encode()
        voice = streams._lines[family]._current
        assert voice is not None
        streams._lines[family].on_text(voice.link, text)

    def cut(self) -> None:
        """End all streams of prices, and let none begin."""
        self.is_cut = True
        for wire in self.wires:
            wire.abort()

    def _breach(self, breach: Breach) -> None:
        self.breaches.append(breach)
        self.clock.call_later(0.05, lambda: self.on_breach(breach))

    def _listen(self, family: str) -> Client:
        if family == "spot":
            api = Api(self.rig)
            assert api.signed("userDataStream.subscribe.signature")["status"] == 200
            return api
        path, host = (
            ("/fapi/v1/listenKey", FUTURES) if family == "usdm" else ("/dapi/v1/listenKey", "dstream.binance.com")
        )
        key = self.rig.raw("POST", path, {"X-MBX-APIKEY": self.rig.key.api_key}).body["listenKey"]
        return Client(self.rig, f"/private/ws?listenKey={key}" if family == "usdm" else f"/ws/{key}", host)

    @classmethod
    def on(cls, other: "House") -> "House":
        """Give another watch before the same exchange, with what the other one wrote down."""
        return cls(other.rig.home, other.text, other.records, other.rig)

    @property
    def now_ms(self) -> int:
        """Milliseconds since the test began."""
        return self.clock.monotonic_ns() // 1_000_000

    async def begin(self, seconds: float = 10) -> None:
        """Start, and let everything be read twice."""
        self.watch.start()
        await self.run(seconds)

    async def run(self, seconds: float) -> None:
        """Let time pass for the exchange and for the watch."""
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.rig.wait(STEP_MS)
            self.rig.exchange.tick()
            self.pump()
            await self.clock.advance(STEP_MS / 1000)

    def pump(self) -> None:
        """Pass on what the exchange has told, as late as it is to be."""
        for family, client in self.clients.items():
            for row in client.read():
                self.late.append((self.now_ms + self.late_ms, self._message(family, row.get("event", row))))
        due = [message for at_ms, message in self.late if at_ms <= self.now_ms]
        self.late = [each for each in self.late if each[0] > self.now_ms]
        for message in due:
            if not self.deaf:
                self.watch.on_event(message)

    def _message(self, family: str, body: dict[str, Any]) -> dict[str, Any]:
        names = names_in(str(body.get("e")), body)
        owners = [name.client_id.split("-")[0] for name in names if name.client_id and "-" in name.client_id]
        owner = next((owner for owner in owners if owner in (*self.config.bots, "guard")), None)
        return {"type": "event", "what": "order" if names else "account", "account": "main", "family": family,
                "kind": body.get("e"), "owner": owner, "body": body}  # fmt: skip

    def order(self, bot: str, family: str = "usdm", **changes: Any) -> dict[str, Any]:
        """Let a bot place an order; "" is somebody outside."""
        self._count = getattr(self, "_count", 0) + 1
        path = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order", "coinm": "/dapi/v1/order"}[family]
        asked = {"symbol": "BTCUSD_PERP" if family == "coinm" else "BTCUSDT", "side": "BUY", "type": "MARKET",
                 "quantity": "1" if family == "coinm" else "0.01",
                 "newClientOrderId": f"{bot}-{self._count}" if bot else f"x{self._count}"} | changes  # fmt: skip
        answer = self.rig.signed("POST", path, **{name: value for name, value in asked.items() if value is not None})
        assert answer.status == 200, answer.body
        self.pump()
        return dict(answer.body)

    def said(self, code: str) -> list[tuple[int, Alert]]:
        """Give the alerts of a code with when they came."""
        return [(at_ms, alert) for at_ms, alert in self.alerts if alert.code == code]

    def is_closed(self) -> bool:
        """Tell whether the gateway was told last that nothing which raises risk may pass."""
        return bool(self.states) and "monitor_stale" in self.states[-1][1]

    async def end(self) -> None:
        """Stop; nothing may have failed."""
        self.watch.close()
        await self.tasks.cancel_all()
        self.rig.journal.close()
        assert not self.faults, self.faults
        assert not [line for line in self.log.lines if line[0] == "error"], self.log.lines


def on_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run
