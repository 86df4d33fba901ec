"""A bot that listens to streams: it says which, and gets them from the hub; a listen key brings its user data."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from counterseal.core.streams import commands
from counterseal.core.streams.commands import Command, Refused
from counterseal.core.streams.routes import MOST_STREAMS, Opening
from counterseal.gateway.state import Source
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.socket import TRY_LATER, BotSocket
from counterseal.gateway.userdata.bot import KeysOnSocket, UserStreams

# Messages a second that the exchange takes from a client, pings and pongs among them.
MESSAGES = {"spot": 5, "usdm": 10, "coinm": 10}


class BotStream(BotSocket):
    """A stream connection after its handshake. Without `users` it takes no listen key."""

    def __init__(
        self,
        hub: Hub,
        opening: Opening,
        transport: asyncio.Transport,
        on_end: Callable[[Any], None],
        source: Source,
        users: UserStreams | None = None,
    ) -> None:
        super().__init__(hub, transport, MESSAGES[opening.family], on_end)
        self._hub = hub
        self._family, self._unit = opening.family, opening.unit
        # Market streams are public data without a credential: for this host alone, and not where user data is.
        self._market = opening.family if source.is_loopback and not opening.is_private else ""
        self._users = KeysOnSocket(users, self, source, opening.family if opening.is_bound else "")
        self.is_combined = opening.is_combined
        self._names: dict[str, None] = {}

    def start(self, opening: Opening, early: bytes) -> None:
        """Listen to what the address names, and read what came behind the handshake."""
        self.open()
        for key in opening.keys:
            self._users.join(key, opening.events)
        if not self._join(opening.names):
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

    def catch_up(self) -> None:
        """Put what the hub has for it."""
        self._hub.catch_up(self)

    def on_over(self) -> None:
        """Listen no more."""
        for name in list(self._names):
            self._leave(name)
        self._users.leave_all()

    def check_deadline(self, now_ns: int) -> None:
        """As every connection; and end what a listen key opens no more."""
        super().check_deadline(now_ns)
        if self.is_open:
            self._users.check()

    def describe(self) -> dict[str, Any]:
        """Tell how many streams it listened to."""
        return {"streams": self._count}

    @property
    def _count(self) -> int:
        return len(self._names) + len(self._users)

    def _carry_out(self, command: Command) -> bytes:
        if command.method == "SUBSCRIBE":
            self._subscribe(command)
        elif command.method == "UNSUBSCRIBE":
            for name in command.names:
                if name in self._names:
                    self._leave(name)
                self._users.leave(name)
        elif command.method == "LIST_SUBSCRIPTIONS":
            return commands.result(command.id, [*self._names, *self._users.names])
        elif command.method == "GET_PROPERTY":
            return commands.result(command.id, self.is_combined)
        else:
            self.catch_up()
            self.is_combined = command.value
        return commands.result(command.id)

    def _subscribe(self, command: Command) -> None:
        """All of the names, or none of them."""
        keys = self._users.opened_by(command.names)
        names = dict.fromkeys(commands.wanted(self._market, command, keys))
        added = [name for name in names if name not in self._names and name not in keys]
        if self._count + len(added) + len(keys) > MOST_STREAMS:
            raise Refused(2, f"Invalid request: more than {MOST_STREAMS} streams on a connection", command.id)
        if not self._join(added):
            raise Refused(2, "Invalid request: the gateway holds as many streams as it may", command.id)
        for key in keys:
            self._users.join(key)

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
