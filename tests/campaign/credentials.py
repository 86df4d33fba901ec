"""Bots with credentials of every kind and their ways in: what the campaigns about who asks have in common."""

# ruff: noqa: TID251 - randomness is seeded
from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from tests.campaign.house import House, answers_in
from tests.gateway.rig import HOST, Sent
from tests.gateway.streams.rig import BotWire
from tests.gateway.wsapi.rig import ED, ED_KEY, KEY, SECRET

from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret
from counterseal.gateway.turn import Turn
from counterseal.gateway.userdata.audience import Audience
from counterseal.gateway.userdata.bot import UserStreams
from counterseal.gateway.userdata.keys import Keys
from counterseal.gateway.userdata.subscriptions import Subscriptions
from counterseal.gateway.ways import make_way
from counterseal.gateway.wsapi.socket import Desk

T = TypeVar("T")
# What is added to the first bot's section, and a second bot on the same account.
BETA = """
max_repeats = 0
[bots.beta]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 20
max_repeats = 0
"""
# Where a client that keeps the exchange's addresses sends a family's requests.
REST_HOSTS = {"spot": "api.binance.com", "usdm": "fapi.binance.com", "coinm": "dapi.binance.com",
              "options": "eapi.binance.com", "papi": "papi.binance.com"}  # fmt: skip
# Of an answer's header lines, those that tell the time.
_TIMED = (b"date: ", b"server-timing: ")


@dataclass(frozen=True)
class BotKey:
    """What a bot holds: its key id, and a secret (bytes) or a private key to sign with."""

    key_id: str
    secret: Any

    def sign(self, payload: str) -> str:
        """Sign as a library does, before anything is percent-encoded."""
        if isinstance(self.secret, bytes):
            return hmac.new(self.secret, payload.encode(), hashlib.sha256).hexdigest()
        if isinstance(self.secret, ed25519.Ed25519PrivateKey):
            return base64.b64encode(self.secret.sign(payload.encode())).decode()
        return base64.b64encode(self.secret.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    def credential(self, bot: str, **bounds: Any) -> Credential:
        """What the gateway holds of it."""
        if isinstance(self.secret, bytes):
            return Credential(self.key_id, bot, CredentialKind.HMAC, Secret(self.secret), None, 0, **bounds)
        kind = CredentialKind.RSA if isinstance(self.secret, rsa.RSAPrivateKey) else CredentialKind.ED25519
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self.secret.public_key().public_bytes(serialization.Encoding.PEM, form)
        return Credential(self.key_id, bot, kind, None, pem, 0, **bounds)


def bot_key(name: str, kind: str) -> BotKey:
    """Make a key of a kind ("hmac", "ed25519", "rsa") whose id follows from its name."""
    digest = hashlib.sha256(f"{kind} of {name}".encode())
    key_id = base64.b64encode(digest.digest() * 2, altchars=b"AB").decode()[:64]
    if kind == "hmac":
        return BotKey(key_id, digest.hexdigest().encode())
    return BotKey(
        key_id, ed25519.Ed25519PrivateKey.from_private_bytes(digest.digest()) if kind == "ed25519" else _rsa()
    )


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


# The keys of two bots by kind. The first two are the house's.
ALPHA = {"hmac": BotKey(KEY, SECRET), "ed25519": BotKey(ED_KEY, ED), "rsa": bot_key("alpha", "rsa")}
BETAS = {kind: bot_key("beta", kind) for kind in ("hmac", "ed25519")}


class Told(NamedTuple):
    """What a bot was told. `shape` is all of it but the time: two that share it cannot be told apart."""

    status: int
    code: int | None
    reason: str | None
    shape: bytes


@dataclass
class Line:
    """One connection of a bot. `host` is the exchange's host that it was made to by CONNECT, "" for the base URL."""

    hall: Hall
    host: str = ""
    peer: str = "127.0.0.1"
    wire: BotWire = field(init=False)

    def __post_init__(self) -> None:
        self.wire, connection = BotWire(self.peer), self.hall.rig.connection()
        if self.host:
            # What connect.NamedConnection does once CONNECT and TLS have named the host.
            connection._way = make_way(self.host, BOT_HOSTS["paper"][self.host])
        self.wire.protocol = connection
        connection.connection_made(self.wire)

    async def ask(self, *parts: bytes, seconds: float = 0.002) -> tuple[list[Told], list[Sent]]:
        """Send bytes, let time pass; give the answers and what reached the exchange."""
        before, self.wire.received = len(self.hall.venue.sent), b""
        for part in parts:
            self.wire.protocol.data_received(part)
        await self.hall.rig.wait(seconds)
        # When a bot's clock seems wrong the gateway measures its own, which is nothing of the bot's.
        sent = [one for one in self.hall.venue.sent[before:] if not one.path.endswith("/time")]
        return told_in(self.wire.received), sent

    async def end(self) -> None:
        """Hang up."""
        self.wire.close()
        await asyncio.sleep(0)


def told_in(data: bytes) -> list[Told]:
    """Read what a connection received."""
    if data.startswith(b"HTTP/1.1 101 "):
        # From here on it is another protocol's.
        return [Told(101, None, None, data)]
    heads = [part for part in data.split(b"HTTP/1.1 ") if part]
    return [told(answer.status, answer.reason, answer.body, _timeless(head))
            for answer, head in zip(answers_in(data), heads, strict=True)]  # fmt: skip


def told(status: int, reason: str | None, body: bytes, shape: bytes) -> Told:
    """Read one answer."""
    found = json.loads(body) if body else None
    return Told(status, found.get("code") if isinstance(found, dict) else None, reason, shape)


def _timeless(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    return b"\r\n".join([line for line in head.split(b"\r\n") if not line.lower().startswith(_TIMED)]) + b"\n" + body


class Hall(House):
    """A house with two bots, whose credentials are of every kind. `audible` is whether user data can be heard."""

    def __init__(self, more: str = BETA, *, audible: bool = True) -> None:
        super().__init__(more)
        self.state = self.rig.state
        self.hold(dict.fromkeys(ALPHA.values(), "alpha") | dict.fromkeys(BETAS.values(), "beta"))
        rig, handler = self.rig, self.rig.plane.handler
        self.draw = random.Random(5)
        keys = Keys(self.state, rig.gateway.signer, self.draw.randrange, Secret(b"of the installation"))
        audience = Audience(self.state, rig.plane.feeds)
        if audible:
            audience.hears = lambda *_: True  # type: ignore[method-assign]  # no exchange is connected here
        self.streams = rig.upgrades.users = UserStreams(keys, audience)
        handler._listen_keys = keys.answer
        turn = Turn(rig.journal, rig.gateway.signer, None, rig.clock)
        rig.upgrades.api = Desk(
            rig.hub, handler, turn, rig.gateway.tasks, self.state, Subscriptions(self.streams, rig.clock),
            rig.plane.budget.ledger.limit,
        )  # fmt: skip

    def hold(self, keys: Mapping[BotKey, str], **bounds: Any) -> None:
        """Let the gateway hold these keys too, each of a bot, as a reload does."""
        held = {key.key_id: key.credential(bot, **bounds) for key, bot in keys.items()}
        self.state.credentials = {**self.state.credentials, **held}

    def revoke(self, *keys: BotKey) -> None:
        """Take keys away, as a reload does."""
        gone = {key.key_id for key in keys}
        self.state.credentials = {name: held for name, held in self.state.credentials.items() if name not in gone}

    @property
    def now_ms(self) -> int:
        """The exchange's time, which is the bots' too."""
        return self.clock.wall_ns() // 1_000_000 + self.venue.skew_ms


def with_query(key: BotKey, query: str, stamp_ms: int) -> str:
    """Give a query with its time and signature."""
    payload = f"{query}&timestamp={stamp_ms}" if query else f"timestamp={stamp_ms}"
    return f"{payload}&signature={quote(key.sign(payload), safe='')}"


def rest(method: str, target: str, key_id: str | None, *lines: str, host: str = HOST, body: str = "") -> bytes:
    """Give the bytes of a request; no key header where `key_id` is None."""
    named = () if key_id is None else (f"X-MBX-APIKEY: {key_id}",)
    length = () if method == "GET" else (f"Content-Length: {len(body)}",)
    head = (f"{method} {target} HTTP/1.1", f"Host: {host}", *named, *length, *lines)
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1")


async def opened(**options: Any) -> Hall:
    """Give a hall that is warm."""
    hall = Hall(**options)
    await hall.rig.gateway.warm()
    return hall


def portions(cases: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give cases in lists of at most `size`: so many as one hall takes before what builds up in it would tell."""
    cases = iter(cases)
    while portion := list(islice(cases, size)):
        yield portion


def in_turn(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test's coroutine."""

    def run() -> None:
        asyncio.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
