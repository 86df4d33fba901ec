"""Listen keys on a bot's stream connection: each brings the events that its bot may see, until it ends."""

import json
from collections.abc import Collection, Iterable

from counterseal.core.judge import Denial
from counterseal.core.streams.frames import text_frame
from counterseal.core.userdata.listen_keys import Holder
from counterseal.core.userdata.mint import is_listen_key
from counterseal.gateway.state import Source
from counterseal.gateway.streams.socket import POLICY, BotSocket
from counterseal.gateway.userdata.audience import Audience
from counterseal.gateway.userdata.events import UserEvent
from counterseal.gateway.userdata.keys import Keys

# "Service restart": every client connects again by itself, and asks for its orders as after any lost connection.
RESTART = 1012
NO_EVENTS: frozenset[str] = frozenset()


class UserStreams:
    """What all connections share."""

    def __init__(self, keys: Keys, audience: Audience) -> None:
        self.keys = keys
        self.audience = audience

    def judge(self, keys: Collection[str], source: Source, family: str) -> tuple[str, Denial | None]:
        """Judge the listen keys of an address: gives the bot that they show, "" for none, and why they are refused.

        `family` is the one that the address names, empty when it names none.
        """
        bot = ""
        for key in keys:
            holder = self.keys.holder_of(key)
            if holder is None or family not in ("", holder.family):
                return bot, Denial("stream_unknown")
            bot = holder.bot
            refusal = self.keys.refuses(holder, source)
            if refusal is None and not self.audience.hears(holder.account, holder.family):
                refusal = Denial("user_data_unavailable")
            if refusal is not None:
                return bot, refusal
        return bot, None


class KeyStream:
    """One listen key on one connection: a Subscriber. `events` are the kinds that are wanted, none for all."""

    def __init__(self, socket: BotSocket, key: str, holder: Holder, events: frozenset[str]) -> None:
        self.bot, self.account, self.family = holder.bot, holder.account, holder.family
        self.holder = holder
        self._socket = socket
        self._key = key
        self._events = events

    def give(self, event: UserEvent) -> None:
        """Pass an event on as it came."""
        if not self._events or event.kind in self._events:
            self.push(event.text)

    def gap(self) -> None:
        """Hang up: a bot that goes on listening would not know that it missed a fill."""
        self._socket.close(RESTART, "User data may be missing: connect again and ask for orders and balances")

    def expire(self, now_ms: int) -> None:
        """Say that the key has ended, in exchange time."""
        event = {"e": "listenKeyExpired", "E": now_ms, "listenKey": self._key}
        self.push(json.dumps(event, separators=(",", ":")).encode())

    def push(self, text: bytes) -> None:
        """Send an event; none may be left out for a later one."""
        if self._socket.is_combined:
            text = b'{"stream":"%b","data":%b}' % (self._key.encode(), text)
        self._socket.push(text_frame(text), None)


class KeysOnSocket:
    """The listen keys of one connection, none without `streams`.

    `family` is the one that the address names, empty when it names none.
    """

    def __init__(self, streams: UserStreams | None, socket: BotSocket, source: Source, family: str) -> None:
        self._streams = streams
        self._socket = socket
        self._source = source
        self._family = family
        self._open: dict[str, KeyStream] = {}

    @property
    def names(self) -> list[str]:
        """The keys, in the order in which they came."""
        return list(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def opened_by(self, names: Iterable[str]) -> list[str]:
        """Give those of the names that are listen keys which may be used here, each once."""
        return [name for name in dict.fromkeys(names) if is_listen_key(name) and self._opens(name)]

    def _opens(self, name: str) -> bool:
        if self._streams is None:
            return False
        return self._streams.judge((name,), self._source, self._family)[1] is None

    def join(self, key: str, events: frozenset[str] = NO_EVENTS) -> None:
        """Listen from now on with a key that has been judged."""
        holder = self._streams.keys.holder_of(key) if self._streams else None
        if self._streams and holder is not None and key not in self._open:
            self._open[key] = KeyStream(self._socket, key, holder, events)
            self._streams.audience.join(self._open[key])

    def leave(self, key: str) -> None:
        """Listen with it no more."""
        stream = self._open.pop(key, None)
        if stream is not None and self._streams is not None:
            self._streams.audience.leave(stream)

    def leave_all(self) -> None:
        """The connection is over."""
        for key in self.names:
            self.leave(key)

    def check(self) -> None:
        """Look whether each key still opens anything: one that has ended is told, a bot that lost its right is cut."""
        if not self._open or self._streams is None:
            return
        keys = self._streams.keys
        for key, stream in list(self._open.items()):
            if keys.refuses(stream.holder, self._source) is not None:
                self._socket.close(POLICY, "The credential of this stream is no longer valid here")
                return
            if keys.holder_of(key) is None:
                self.leave(key)
                stream.expire(keys.exchange_ms())
