"""The gateway as `gateway.service` wires it, with the recorder behind it, the desk beside it and no socket anywhere."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from tests.captures.desk_client import DeskClient
from tests.captures.exchange_keys import REF, ExchangeKey
from tests.captures.recorder import Arrived, Recorder
from tests.captures.rows import CAPTURES, Row

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.binance.catalogue import HOSTS, locate
from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.core.config.model import PURPOSES, Bot, Config, Gateway, Key, Listen, Venue
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.exchange_clock import Reading
from counterseal.core.market import FamilyMarket, SymbolRule
from counterseal.core.replay import SeenWindow
from counterseal.core.secret import Secret
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.gateway.ways import make_way

BOT, INCARNATION = "captured", "test"
INJECTED = f"cs-{INCARNATION}-"
VIRTUAL = ("VKEY", "VSECRET", "VED", "VRSA")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT")


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of one captured request: the bot's answer, what the log says, what reached the exchange."""

    row: Row
    status: int
    body: bytes
    form: str | None
    reason: str | None
    arrived: tuple[Arrived, ...]


@dataclass
class MemoryJournal:
    """The Journal port over a list."""

    records: list[Mapping[str, Any]] = field(default_factory=list)
    failed: bool = False

    def append(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)

    def flush(self) -> None:
        """Memory is written already."""

    @property
    def closed(self) -> str:
        """Memory is always open."""
        return ""

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class MemoryLog:
    """The canonical lines."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def info(self, _event: str, **fields: Any) -> None:
        self.lines.append(fields)

    def warning(self, _event: str, **_fields: Any) -> None:
        """What is no canonical line is not kept."""

    critical = warning


class Wire(asyncio.Transport):
    """A connection of a bot on this host that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40_000)})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        """The test looks at what was written only."""

    def resume_reading(self) -> None:
        """Reading never pauses."""


class Rig:
    """One gateway with a fresh ledger, at one moment of the captures' time."""

    def __init__(self, key: ExchangeKey, at_ms: int, host: str, *, under_names: bool = False) -> None:
        self._under_names = under_names
        self.clock = VirtualClock(at_ms)
        self.recorder = Recorder(self.clock, key.check)
        self.journal, self.log = MemoryJournal(), MemoryLog()
        self.faults: list[str] = []
        self._state = _state(self.clock, host)
        self._door = self._wire_up(DeskClient(key, self.clock))

    def _wire_up(self, signer: DeskClient) -> Door:
        state, clock, venue = self._state, self.clock, self.recorder
        tasks = Tasks(lambda name, error: self.faults.append(f"{name}: {error!r}"))
        turn = Turn(self.journal, signer, None, clock)
        plane = Plane(
            Parts(
                state=state,
                venue=venue,
                signer=signer,
                verifier=SignatureVerifier(),
                journal=self.journal,
                turn=turn,
                tasks=tasks,
                log=self.log,
                draw=lambda n: n // 2,
            )
        )
        return Door(plane.handler, turn, clock, tasks, max_per_source=1)

    async def pass_on(self, row: Row) -> Passage:
        """Give one request to the gateway at its own time, on a connection of its own."""
        await self._reach(row.at_ms)
        lines, arrived = len(self.log.lines), len(self.recorder.arrived)
        wire, connection = Wire(), BotConnection(self._door)
        connection.connection_made(wire)
        if self._under_names:
            host = host_of(row)
            # As gateway/connect.py leaves it once CONNECT and TLS have named the host.
            connection._way = make_way(host, BOT_HOSTS["paper"][host])
            row = row.with_header("host", host)
        connection.data_received(row.to_bytes())
        await self.clock.advance(0)
        connection.connection_lost(None)
        (line,) = self.log.lines[lines:]
        status, body = _answer(wire.written)
        return Passage(
            row, status, body, line.get("signature_form"), line["reason"], tuple(self.recorder.arrived[arrived:])
        )

    async def _reach(self, at_ms: int) -> None:
        """Let time pass until `at_ms`; the market is read anew, as the gateway does every two seconds."""
        await self.clock.advance((at_ms * 1_000_000 - self.clock.wall_ns()) / 1e9)
        now_ms = self._state.monotonic_ms()
        for family in ("spot", "usdm"):
            self._state.markets[family] = _market(now_ms)


def host_of(row: Row) -> str:
    """Give the exchange's host that the client would have asked, had its base URL not been ours."""
    if row.header("upgrade") is not None:
        return "stream.binance.com"
    located = locate(row.path)
    return HOSTS[located[0]] if located else "api.binance.com"


def _answer(written: bytes) -> tuple[int, bytes]:
    head, _, body = written.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


def _market(now_ms: int) -> FamilyMarket:
    prices = {symbol: Decimal(20_000) for symbol in SYMBOLS}
    rules = {symbol: SymbolRule(symbol.removesuffix("USDT"), "USDT", "TRADING") for symbol in SYMBOLS}
    return FamilyMarket(prices, now_ms, rules, now_ms)


def _state(clock: VirtualClock, host: str) -> State:
    catalogue = load_catalogue()
    state = State(
        clock=clock,
        catalogue=catalogue,
        config=_config(tuple({endpoint.product for endpoint in catalogue})),
        policy_hash="",
        credentials=credentials(),
        incarnation=INCARNATION,
        seen=SeenWindow(),
        allowed_hosts=frozenset({host}),
        hosts=HOSTS,
    )
    state.reading = Reading(clock.wall_ns() // 1_000_000 - state.monotonic_ms(), 1, state.monotonic_ms())
    return state


def credentials() -> dict[str, Credential]:
    """Give the captures' keys as credentials of one bot, by the name that the bot sends."""
    keys = CAPTURES / "keys"
    ed25519, rsa = (keys / "ed25519.pub.pem").read_bytes(), (keys / "rsa.pub.pem").read_bytes()
    return {
        "VKEY": Credential("VKEY", BOT, CredentialKind.HMAC, Secret(b"VSECRET"), None, 0),
        "VED": Credential("VED", BOT, CredentialKind.ED25519, None, ed25519, 0),
        "VRSA": Credential("VRSA", BOT, CredentialKind.RSA, None, rsa, 0),
    }


def _config(products: tuple[str, ...]) -> Config:
    functions = frozenset({"account", "trade", "settings"})
    key = Key(name=REF, functions=functions, strategy=None, environment="paper", region=None, rotation_days=None)
    return Config(
        venue=Venue(environment="paper", address=None, ca_file=None, unsafe_production=False, unsafe_tls12=()),
        listen=Listen(address="127.0.0.1:0", hosts=(), unsafe_listen=False),
        gateway=Gateway(order_recv_window_ms=2_000, max_connections_per_source=1, max_wait_ms=0, durability="process"),
        keys={REF: key},
        bots={BOT: _bot(products)},
    )


def _bot(products: tuple[str, ...]) -> Bot:
    return Bot(
        name=BOT,
        mode="enforce",
        verification="lenient",
        keys=(REF,),
        products=products,
        purposes=PURPOSES,
        symbols=("*",),
        max_order_notional=None,
        max_order_quantity={},
        price_collar_percent=None,
        max_leverage=125,
        hours=(),
        sources=(),
    )


async def replay(rows: Mapping[str, list[Row]], key: ExchangeKey, *, under_names: bool = False) -> list[Passage]:
    """Give every client's requests to a gateway of its own, by the base URL or under the exchange's names.

    Raises AssertionError when a task of it failed.
    """
    passages = []
    for own in rows.values():
        rig = Rig(key, own[0].at_ms, cast(str, own[0].header("host")), under_names=under_names)
        passages += [await rig.pass_on(row) for row in own]
        assert not rig.faults, rig.faults
    return passages
