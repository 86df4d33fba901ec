"""A bot that listens to market streams: it says which, and gets them from the hub."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from counterseal.core.streams import commands
from counterseal.core.streams.commands import Command, Refused
from counterseal.core.streams.routes import MOST_STREAMS, Opening
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.socket import TRY_LATER, BotSocket

# Messages a second that the exchange takes from a client, pings and pongs among them.
MESSAGES = {"spot": 5, "usdm": 10, "coinm": 10}


class BotStream(BotSocket):
    """A stream connection after its handshake."""

    def __init__(self, hub: Hub, opening: Opening, transport: asyncio.Transport, on_end: Callable[[Any], None]) -> None:
        super().__init__(hub, transport, MESSAGES[opening.family], on_end)
        self._hub = hub
        self._family, self._unit = opening.family, opening.unit
        self.is_combined = opening.is_combined
        self._names: dict[str, None] = {}

    def start(self, names: tuple[str, ...], early: bytes) -> None:
        """Listen to the names of the address, and read what came behind the handshake."""
        self.open()
        if not self._join(names):
            self.close(TRY_LATER, "The gateway holds as many streams as it may")
        elif early:
            self.data_received(early)

    def on_text(self, text: str) -> None:
        """Carry out a command."""
        try:
            answer = self._carry_out(commands.read(text))
        except Refused as refused:
            answer = refused.text
        self.send(answer)

    def on_over(self) -> None:
        """Listen no more."""
        for name in list(self._names):
            self._leave(name)

    def describe(self) -> dict[str, Any]:
        """Tell how many streams it listened to."""
        return {"streams": len(self._names)}

    def _carry_out(self, command: Command) -> bytes:
        if command.method == "SUBSCRIBE":
            self._subscribe(command)
        elif command.method == "UNSUBSCRIBE":
            for name in command.names:
                if name in self._names:
                    self._leave(name)
        elif command.method == "LIST_SUBSCRIPTIONS":
            return commands.result(command.id, list(self._names))
        elif command.method == "GET_PROPERTY":
            return commands.result(command.id, self.is_combined)
        else:
            self.is_combined = command.value
        return commands.result(command.id)

    def _subscribe(self, command: Command) -> None:
        """All of the names, or none of them."""
        names = commands.wanted(self._family, command)
        added = [name for name in dict.fromkeys(names) if name not in self._names]
        if len(self._names) + len(added) > MOST_STREAMS:
            raise Refused(2, f"Invalid request: more than {MOST_STREAMS} streams on a connection", command.id)
        if not self._join(added):
            raise Refused(2, "Invalid request: the gateway holds as many streams as it may", command.id)

    def _join(self, names: Sequence[str]) -> bool:
        for number, name in enumerate(names):
            if not self._hub.join(self, self._family, self._unit, name):
                for joined in names[:number]:
                    self._leave(joined)
                return False
            self._names[name] = None
        return True

    def _leave(self, name: str) -> None:
        del self._names[name]
        self._hub.leave(self, self._family, self._unit, name)
