"""Bots on the WebSocket API, the gateway's real objects, a scripted exchange; on one virtual clock."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.gateway.rig import Rig as GatewayRig
from tests.gateway.streams.rig import SERVED, Bot

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.binance.hosts import STREAM_HOSTS
from counterseal.core.credential import Credential, CredentialKind
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.gateway.wsapi.socket import Desk
from counterseal.gateway.wsapi.users import NoUserMethods, UserMethods

KEY, SECRET = "V" * 64, b"S" * 64
ED_KEY = "E" * 64
ED = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "90000.00",
}


def public_pem(private: ed25519.Ed25519PrivateKey) -> bytes:
    """The public half as a credential holds it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form)


class Rig:
    """The gateway between bots and the exchange."""

    def __init__(self, limits: str = "", users: UserMethods | None = None) -> None:
        self.gateway = rig = GatewayRig(limits)
        self.clock, self.venue, self.journal, self.state = rig.clock, rig.venue, rig.journal, rig.state
        known = Credential(ED_KEY, "alpha", CredentialKind.ED25519, None, public_pem(ED), 0)
        rig.state.credentials = {**rig.state.credentials, ED_KEY: known}
        self.hub = Hub(self.clock, STREAM_HOSTS["paper"], _nowhere, lambda n: n // 2, rig.tasks, lambda **_: None)
        self.upgrades = Upgrades(self.hub, SERVED, rig.log)
        turn = Turn(rig.journal, rig.signer, None, self.clock)
        self.plane = plane = Plane(
            Parts(
                state=rig.state, venue=rig.venue, signer=rig.signer, verifier=SignatureVerifier(), journal=rig.journal,
                turn=turn, tasks=rig.tasks, log=rig.log, draw=lambda n: n // 2, upgrade=self.upgrades.judge,
            )
        )  # fmt: skip
        rig.refresher, rig.handler = plane.refresher, plane.handler
        self.upgrades.api = Desk(
            self.hub, plane.handler, turn, rig.tasks, rig.state, users or NoUserMethods(), plane.budget.ledger.limit
        )
        self.door = Door(plane.handler, turn, self.clock, rig.tasks, 512, streams=self.upgrades)
        self.door.start()

    def connection(self) -> BotConnection:
        """A connection that was just accepted."""
        return BotConnection(self.door)

    def bot(self, path: str = "/ws-api/v3", **more: Any) -> Caller:
        """Connect a bot."""
        caller = Caller(self, path, **more)
        caller.connect()
        return caller

    async def wait(self, seconds: float = 0.0) -> None:
        """Let time pass, and what is on its way arrive."""
        await self.clock.advance(seconds)
        await self.clock.advance(0)

    async def end(self) -> None:
        """Stop; nothing may have failed."""
        self.hub.close()
        await self.gateway.end()


async def _nowhere(_family: str, _link: Any) -> None:
    raise AssertionError("no stream is asked for here")


class Caller(Bot):
    """A bot on the WebSocket API."""

    def __init__(self, rig: Rig, path: str, **more: Any) -> None:
        super().__init__(rig, path, **more)  # type: ignore[arg-type]  # it uses the door alone
        self._rig = rig
        self._asked = 0

    def now_ms(self, skew_ms: int = 0) -> int:
        """The bot's clock."""
        return self._rig.clock.wall_ns() // 1_000_000 + skew_ms

    def signed(self, params: dict[str, Any], key: str = KEY, skew_ms: int = 0) -> dict[str, Any]:
        """Give parameters as a library sends them: key, time, and a signature over all of it sorted."""
        whole = {**params, "apiKey": key, "timestamp": self.now_ms(skew_ms)}
        return {**whole, "signature": sign(payload(whole), key)}

    def say(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> Any:
        """Send a request under an id of its own."""
        self._asked += 1
        frame = {"id": self._asked, "method": method, **({} if params is None else {"params": params}), **more}
        self.send(frame)
        return frame["id"]

    async def ask(self, method: str, params: dict[str, Any] | None = None, seconds: float = 0.0, **more: Any) -> Any:
        """Send a request and give its answer."""
        asked = self.say(method, params, **more)
        await self._rig.wait(seconds)
        answers = self.answers()
        assert len(answers) == 1, answers
        assert answers[0]["id"] == asked
        return answers[0]

    def answers(self) -> list[Any]:
        """What came since the last look."""
        return [json.loads(text) for text in self.take()]


def payload(params: dict[str, Any]) -> str:
    """What the exchange's rule signs."""
    return "&".join(f"{name}={_text(value)}" for name, value in sorted(params.items()))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def sign(text: str, key: str = KEY) -> str:
    """Sign with what belongs to a key id."""
    if key == ED_KEY:
        return base64.b64encode(ED.sign(text.encode())).decode()
    return hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()


def reason(answer: Any) -> str | None:
    """Our reason in an error."""
    data = answer.get("error", {}).get("data", {})
    found: str | None = data.get("counterseal", {}).get("reason")
    return found


def with_rig(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test's coroutine with a warm rig."""

    def run() -> None:
        async def whole() -> None:
            rig = Rig()
            await rig.gateway.warm()
            await test(rig)
            await rig.end()

        asyncio.run(whole())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
