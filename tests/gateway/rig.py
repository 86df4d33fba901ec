"""The gateway's hot path in one process on virtual time: real decisions, a scripted exchange, a signer without a
process.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.upstream import SWEEP_S, UpstreamConnection
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core import http1
from counterseal.core.binance.canonical import encode_query
from counterseal.core.binance.catalogue import HOSTS
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.http1 import Bad
from counterseal.core.messages import HeldKey, Refused, Sign, Signed
from counterseal.core.replay import SeenWindow
from counterseal.core.secret import Secret
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.recovery import recover, recovered_record
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable
from counterseal.ports.venue import ORDINARY, Lost, NotSent, Terms, VenueReply

HOST = "127.0.0.1:8180"
# A Monday, midnight UTC.
MONDAY_MS = 1_795_392_000_000
CONFIG = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
[keys.main]
functions = ["account", "trade", "settings"]
[bots.alpha]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 20
"""
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Sent:
    """A request as the exchange got it: when (virtual ms since the start), and what."""

    at_ms: int
    method: str
    path: str
    params: dict[str, str]


@dataclass
class ScriptedVenue:
    """The Venue port. `script` maps a path to what its next requests meet; an empty script answers sensibly.

    "lost", "not_sent", "stall" (no answer ever), or (status, body[, headers]). What comes takes `delay_s`.
    """

    clock: VirtualClock
    skew_ms: int = 0
    script: dict[str, list[Any]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    delay_s: float = 0.0
    sent: list[Sent] = field(default_factory=list)

    async def send(self, _family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
        path, _, query = target.partition("?")
        if not terms.wanted():
            raise NotSent("no longer wanted")
        self.sent.append(Sent(self.clock.monotonic_ns() // 1_000_000, method, path, dict(parse_qsl(query))))
        step = self.script[path].pop(0) if self.script.get(path) else "not_sent" if path in self.down else None
        begun_ns = self.clock.monotonic_ns()
        if self.delay_s:
            await self.clock.sleep(self.delay_s)
        if step == "lost":
            raise Lost("scripted")
        if step == "not_sent":
            raise NotSent("scripted")
        if step == "stall":
            return await self._stalled(request)
        status, body, *headers = step if step is not None else (200, self._body(method, path, dict(parse_qsl(query))))
        return VenueReply(status, headers[0] if headers else {}, _encode(body), begun_ns, self.clock.monotonic_ns())

    async def _stalled(self, request: bytes) -> VenueReply:
        """A real connection whose other end never speaks."""
        connection = UpstreamConnection(self.clock)
        connection.connection_made(asyncio.Transport())
        connection._transport = None  # what is written goes nowhere
        answer = connection.send(request)

        def sweep() -> None:
            # As the pool does, but only until the connection has given up: a week has few timers here.
            connection.check_deadline(self.clock.monotonic_ns())
            if not answer.done():
                self.clock.call_later(SWEEP_S, sweep)

        sweep()
        return await answer

    def _body(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.clock.wall_ns() // 1_000_000 + self.skew_ms}
        if path.endswith("/ticker/price"):
            return [{"symbol": "BTCUSDT", "price": "100000.00"}]
        if path.endswith("/exchangeInfo"):
            return {"symbols": [{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING"}]}
        if method == "POST" and path.endswith("/order"):
            return {
                "symbol": params["symbol"],
                "orderId": 7,
                "clientOrderId": params["newClientOrderId"],
                "status": "NEW",
            }
        return {}

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class InlineSigner:
    """The SigningClient port: signs at the flush, or never when `silent`."""

    clock: VirtualClock
    silent: bool = False
    asked: list[Sign] = field(default_factory=list)
    _queued: list[tuple[Sign, "asyncio.Future[Signed | Refused]"]] = field(default_factory=list)
    _count: int = 0

    def keys(self) -> Mapping[str, HeldKey]:
        return {"main": HeldKey("main", "K" * 64, "hmac", "paper")}

    def queue(self, request: Sign) -> "asyncio.Future[Signed | Refused]":
        future: asyncio.Future[Signed | Refused] = asyncio.get_running_loop().create_future()
        self._queued.append((request, future))
        return future

    def flush(self) -> None:
        queued, self._queued = self._queued, []
        for request, future in queued:
            self.asked.append(request)
            if self.silent:
                self.clock.call_later(3.0, lambda f=future: f.done() or f.set_exception(SignerUnavailable("silent")))
            else:
                stamp = self.clock.wall_ns() // 1_000_000 + request.offset_ms
                query = encode_query(
                    (*request.pairs, ("recvWindow", str(request.recv_window_ms)), ("timestamp", str(stamp)))
                )
                mark = hmac.new(b"exchange", query, hashlib.sha256).hexdigest()
                future.set_result(
                    Signed(id=request.id, query=query + b"&signature=" + mark.encode(), timestamp_ms=stamp)
                )

    def drop(self, error: Exception) -> None:
        queued, self._queued = self._queued, []
        for _, future in queued:
            future.set_exception(error)

    def next_id(self) -> int:
        self._count += 1
        return self._count


@dataclass
class MemoryJournal:
    """The Journal port over a list; `failing` makes the next flush latch it."""

    records: list[Mapping[str, Any]] = field(default_factory=list)
    failed: bool = False
    failing: bool = False
    clock: VirtualClock | None = None
    _queued: list[Mapping[str, Any]] = field(default_factory=list)

    def append(self, entry: Mapping[str, Any]) -> None:
        stamp = {"t": self.clock.wall_ns() // 1_000_000} if self.clock else {}
        self._queued.append({**stamp, **entry})

    def flush(self) -> None:
        queued, self._queued = self._queued, []
        if queued and (self.failing or self.failed):
            self.failed = True
            raise JournalError("scripted")
        self.records += queued

    @property
    def closed(self) -> str:
        return "journal_unavailable" if self.failed else ""

    async def close(self) -> None:
        """Nothing is open."""

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """The records of one type."""
        return [entry for entry in self.records if entry["type"] == kind]


class Silence:
    """A log of which only the critical lines are kept."""

    def __init__(self) -> None:
        self.criticals: list[tuple[str, dict[str, Any]]] = []

    def info(self, _event: str, **_fields: Any) -> None:
        """Drop a line."""

    warning = info

    def critical(self, event: str, **fields: Any) -> None:
        """Keep a line."""
        self.criticals.append((event, fields))


class Rig:
    """One gateway at midnight of a Monday. `limits` are further settings of bot alpha.

    `after` is a gateway that was killed: its clock, exchange and journal go on, and `left` is what that journal leaves
    UNKNOWN.
    """

    def __init__(self, limits: str = "", hours: tuple[str, ...] = (), after: "Rig | None" = None) -> None:
        self.clock = after.clock if after else VirtualClock(MONDAY_MS)
        self.venue = after.venue if after else ScriptedVenue(self.clock)
        self.signer = InlineSigner(self.clock)
        self.journal = MemoryJournal(clock=self.clock, records=list(after.journal.records) if after else [])
        recovered = recover(
            self.journal.records, self.clock.wall_ns() // 1_000_000, self.clock.monotonic_ns() // 1_000_000
        )
        self.left = [*recovered.unresolved, *recovered.open]
        self.journal.records += [recovered_record(intent) for intent in recovered.open]
        self.log = Silence()
        self.faults: list[str] = []
        config = load(CONFIG + limits + (f"\nhours = {list(hours)}" if hours else ""))
        assert isinstance(config, Config), config
        credential = Credential("V" * 64, "alpha", CredentialKind.HMAC, Secret(b"S" * 64), None, 0)
        self.state = State(
            clock=self.clock,
            catalogue=load_catalogue(),
            config=config,
            policy_hash="",
            credentials={credential.key_id: credential},
            incarnation=f"{after.state.incarnation}-again" if after else "rig",
            seen=SeenWindow(),
            ledger=recovered.ledger,
            latches=recovered.latches,
            cancels=recovered.cancels,
            allowed_hosts=frozenset({HOST}),
            hosts=HOSTS,
        )
        self.tasks = Tasks(lambda name, error: self.faults.append(f"{name}: {error!r}"))
        turn = Turn(self.journal, self.signer, None, self.clock)
        self.plane = Plane(
            Parts(
                state=self.state,
                venue=self.venue,
                signer=self.signer,
                verifier=SignatureVerifier(),
                journal=self.journal,
                turn=turn,
                tasks=self.tasks,
                log=self.log,
                draw=lambda n: n // 2,
            )
        )
        self.refresher, self.resolver, self.handler = self.plane.refresher, self.plane.resolver, self.plane.handler

    async def warm(self) -> "Rig":
        """Read time, prices and symbols once."""
        for read in (self.refresher.measure_offset, self.refresher.read_prices, self.refresher.read_rules):
            assert await read()
        self.venue.sent.clear()
        return self

    def signed(self, query: str, skew_ms: int = 0) -> str:
        """Give the query as the bot sends it now; its clock is the exchange's."""
        stamp = self.clock.wall_ns() // 1_000_000 + self.venue.skew_ms + skew_ms
        payload = f"{query}&timestamp={stamp}" if query else f"timestamp={stamp}"
        return f"{payload}&signature={hmac.new(b'S' * 64, payload.encode(), hashlib.sha256).hexdigest()}"

    def start(self, method: str, path: str, query: str = "") -> "asyncio.Task[Reply]":
        """Hand a request in; the answer comes when time has been advanced far enough."""
        return asyncio.get_running_loop().create_task(self.finish(self.inquiry(method, path, query)))

    def inquiry(self, method: str, path: str, query: str = "") -> Inquiry:
        """Give a request of bot alpha as the listener hands it in."""
        length = "" if method == "GET" else "Content-Length: 0\r\n"
        head = (
            f"{method} {path}?{self.signed(query)} HTTP/1.1\r\nHost: {HOST}\r\nX-MBX-APIKEY: {'V' * 64}\r\n{length}\r\n"
        )
        read = http1.read_head(head.encode())
        assert read is not None
        assert not isinstance(read, Bad), read
        return Inquiry(read[0], b"", ip_address("127.0.0.1"))

    async def finish(self, inquiry: Inquiry) -> Reply:
        """Take an inquiry all the way."""
        judged = self.handler.begin(inquiry)
        return await self.handler.finish(inquiry, judged) if isinstance(judged, Admitted) else judged

    async def ask(self, method: str, path: str, query: str = "") -> Reply:
        """Ask and wait without letting time pass."""
        asked = self.start(method, path, query)
        await self.clock.advance(0)
        assert asked.done(), "the answer needs time: use start"
        return asked.result()

    async def end(self) -> None:
        """Stop what runs; no task may have failed."""
        await self.tasks.cancel_all()
        assert self.faults == []


def why(reply: Reply) -> str | None:
    """The reason of a refusal."""
    return reply.headers.get("X-Counterseal-Reason")


def on_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test's coroutine."""

    def run() -> None:
        asyncio.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
