"""Bots that listen to user data: their connections to the gateway, beside the rig's REST and its feeds."""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251 - seeded
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from tests.gateway.rig import MemoryJournal
from tests.gateway.streams.rig import SERVED, Bot
from tests.gateway.userdata.rig import Rig
from tests.limits.lines import Answer

from counterseal.core.binance.hosts import STREAM_HOSTS
from counterseal.core.secret import Secret
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.gateway.userdata.audience import Audience
from counterseal.gateway.userdata.bot import UserStreams
from counterseal.gateway.userdata.keys import Keys
from counterseal.gateway.userdata.subscriptions import Subscriptions
from counterseal.gateway.wsapi.socket import Desk

Texts = list[bytes]
SHARED = {"alpha": "main", "beta": "main"}


class BotsRig(Rig):
    """Two bots on one account, unless told otherwise."""

    def __init__(self, home: Path, *args: Any, **more: Any) -> None:
        super().__init__(home, *(args or (SHARED,)), **more)
        side, handler = self.side, self.side.handler
        # Every record, not events alone: a key could be in any.
        side.journal.flush = partial(MemoryJournal.flush, side.journal)  # type: ignore[method-assign]  # this one's alone
        self.hub = Hub(
            self.clock, STREAM_HOSTS["paper"], self.exchange.dial, lambda n: n // 2, side.tasks, lambda **_: None
        )  # fmt: skip
        self.draw = random.Random(7)
        self.keys = self.made_keys()
        self.audience = Audience(self.state, self.feeds)
        self.streams = streams = UserStreams(self.keys, self.audience)
        self.subscriptions = Subscriptions(streams, self.clock)
        upgrades = Upgrades(self.hub, SERVED, self.log, streams)
        handler._admission._upgrade = upgrades.judge
        handler._listen_keys = self.keys.answer
        turn = Turn(side.journal, side.signer, None, self.clock)
        upgrades.api = Desk(
            self.hub, handler, turn, side.tasks, self.state, self.subscriptions, side.plane.budget.ledger.limit
        )  # fmt: skip
        self.door = Door(handler, turn, self.clock, side.tasks, 512, streams=upgrades)
        self.door.start()
        self.hub.start()
        self.bots: list[Bot] = []
        # Every listen key that a bot was given: none may be written anywhere.
        self.given: set[str] = set()

    def made_keys(self) -> Keys:
        """The listen keys of one run of the gateway, of which none is alive yet."""
        return Keys(self.state, self.side.signer, lambda n: self.draw.randrange(n), Secret(b"of the installation"))

    def restart(self) -> None:
        """Lose the connections, and what is known of listen keys."""
        for bot in self.bots:
            bot.wire.abort()
        self.bots.clear()
        self.keys = self.streams.keys = self.made_keys()
        self.side.handler._listen_keys = self.keys.answer

    def connection(self) -> asyncio.Protocol:
        """What a bot connects to."""
        return BotConnection(self.door)

    def bot(self, path: str, **more: Any) -> Bot:
        """Connect a bot."""
        bot = Bot(self, path, **more).connect()  # type: ignore[arg-type]  # what it needs of a rig is here
        self.bots.append(bot)
        return bot

    async def refused(self, path: str, **more: Any) -> str | None:
        """Give the reason of a handshake's refusal."""
        bot = self.bot(path, **more)
        await self.wait(0.05)
        return bot.reason

    async def wait(self, seconds: float, step_s: float = 0.05) -> None:
        """Let time pass for everybody."""
        await super().wait(seconds, step_s)
        for bot in self.bots:
            bot.look()

    async def call(self, bot: str, method: str, path: str = "/fapi/v1/listenKey", query: str = "") -> Answer:
        """Ask without a signature, as clients do for listen keys."""
        line = self.side.line
        answer: Answer = await self.run(line.ask(line.credential(bot, ""), method, path, query, signed=False))
        return answer

    async def key(self, bot: str, path: str = "/fapi/v1/listenKey") -> str:
        """Give a bot's listen key."""
        answer = await self.call(bot, "POST", path)
        assert answer.status == 200, answer
        found = str(json.loads(answer.body)["listenKey"])
        self.given.add(found)
        return found

    async def end(self) -> None:
        """Stop; nothing may have failed, and no key may have been written anywhere."""
        self.hub.close()
        await super().end()
        written = repr(self.side.journal.records) + repr(self.log.lines)
        assert not [key for key in self.given if key in written]


def events(bot: Bot) -> list[tuple[str, str]]:
    """Kind and client order id ("" for events that name none) of what came since the last call."""
    return [_brief(text) for text in bot.take()]


def _brief(text: bytes) -> tuple[str, str]:
    event = json.loads(text)
    event = event.get("data", event.get("event", event))
    order = event.get("o") if isinstance(event.get("o"), dict) else event
    return event["e"], str(order.get("c", order.get("caid", "")))


def with_bots(*args: Any, **more: Any) -> Callable[[Callable[[BotsRig], Coroutine[Any, Any, None]]], Any]:
    """Run a test's coroutine with a rig that has started."""

    def decorate(test: Callable[[BotsRig], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
        def run(tmp_path: Path) -> None:
            async def whole() -> None:
                rig = BotsRig(tmp_path, *args, **more)
                await rig.start()
                await test(rig)
                await rig.end()

            asyncio.run(whole())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
