"""User data on connections to the spot WebSocket API: one subscription for each account of a connection."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from counterseal.core.ownership import number_in
from counterseal.core.userdata.listen_keys import Holder
from counterseal.gateway import reply as replies
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import Source
from counterseal.gateway.userdata.bot import UserStreams
from counterseal.gateway.userdata.events import UserEvent
from counterseal.gateway.wsapi.users import EventSocket, UserAsk
from counterseal.ports.clock import Clock, Timer

MOST_EVER = 65_535
# How often it is looked whether each may go on.
CHECK_S = 0.25
UNSUBSCRIBE = "userDataStream.unsubscribe"
SUBSCRIBES = ("userDataStream.subscribe", "userDataStream.subscribe.signature")


class Subscription:
    """One account's events on one connection: a Subscriber. `source` is the address that asked for them."""

    def __init__(self, ask: UserAsk, number: int, holder: Holder, end: Callable[["Subscription"], None]) -> None:
        self.bot, self.account, self.family = holder.bot, holder.account, holder.family
        self.holder = holder
        self.source: Source = ask.source
        self.by_session = ask.by_session
        self.number = number
        self.socket = ask.socket
        self._end = end

    def give(self, event: UserEvent) -> None:
        """Pass an event on as it came."""
        self.push(event.text)

    def gap(self) -> None:
        """End it, and its connection when everything asked on it is answered.

        A bot that goes on listening would not know that it missed a fill, and one library does not hear that a
        subscription has ended while it waits for an event.
        """
        self._end(self)
        self.socket.drain()

    def push(self, text: bytes) -> None:
        """Send an event."""
        self.socket.send(b'{"subscriptionId":%d,"event":%b}' % (self.number, text))


@dataclass(slots=True)
class _Connection:
    """A connection's subscriptions by number, and how many it ever had."""

    open: dict[int, Subscription] = field(default_factory=dict)
    count: int = 0


class Subscriptions:
    """All of them: a UserMethods."""

    def __init__(self, streams: UserStreams, clock: Clock) -> None:
        self._keys, self._audience = streams.keys, streams.audience
        self._clock = clock
        self._connections: dict[EventSocket, _Connection] = {}
        self._timer: Timer | None = None

    # -- UserMethods

    def answer(self, ask: UserAsk) -> Reply:
        """Carry out a method; status 200 and the `result`, or an error as the exchange says it."""
        if ask.method == UNSUBSCRIBE:
            return self._unsubscribe(ask)
        if ask.method not in SUBSCRIBES:
            return replies.denial("stream_not_available")
        if ask.unit:
            # Events are passed on as they came, and they came in milliseconds.
            return replies.denial("websocket_not_available")
        account = self._keys.account_of(ask.credential.bot) if ask.credential else None
        if ask.credential is None or account is None:
            return replies.denial("no_key")
        return self._subscribe(ask, Holder(ask.credential.key_id, ask.credential.bot, account, "spot"))

    def subscriptions(self, socket: EventSocket) -> list[int]:
        """Give the numbers of a connection's subscriptions."""
        found = self._connections.get(socket)
        return list(found.open) if found else []

    def has_session_one(self, socket: EventSocket) -> bool:
        """Tell whether one of them came by the logon."""
        return any(each.by_session for each in self._open(socket))

    def logged_out(self, socket: EventSocket) -> None:
        """End those that came by the logon."""
        for each in self._open(socket):
            if each.by_session:
                self._end(each)

    def gone(self, socket: EventSocket) -> None:
        """The connection is over. May be told twice."""
        for each in self._open(socket):
            self._audience.leave(each)
        self._connections.pop(socket, None)

    # -- one by one

    def _open(self, socket: EventSocket) -> list[Subscription]:
        found = self._connections.get(socket)
        return list(found.open.values()) if found else []

    def _subscribe(self, ask: UserAsk, holder: Holder) -> Reply:
        if not ask.socket.is_open:
            return replies.denial("bot_gone")
        if not self._audience.hears(holder.account, holder.family):
            return replies.denial("user_data_unavailable")
        connection = self._connections.setdefault(ask.socket, _Connection())
        if any(each.account == holder.account for each in connection.open.values()):
            return replies.error(400, -2035, "User Data Stream subscription already active.")
        if connection.count >= MOST_EVER:
            return replies.error(400, -2042, "Maximum subscription ID reached for this connection.")
        one = Subscription(ask, connection.count, holder, self._end)
        connection.open[one.number] = one
        connection.count += 1
        self._audience.join(one)
        if self._timer is None:
            self._timer = self._clock.call_later(CHECK_S, self._check)
        return Reply(200, b'{"subscriptionId":%d}' % one.number)

    def _unsubscribe(self, ask: UserAsk) -> Reply:
        """End one, or without a number all of this connection."""
        asked = ask.values.get("subscriptionId")
        if asked is None:
            for each in self._open(ask.socket):
                self._end(each)
            return Reply(200, b"{}")
        number = number_in(asked)
        one = next((each for each in self._open(ask.socket) if each.number == number), None)
        if one is None:
            return replies.error(400, -2036, "User Data Stream subscription not active.")
        self._end(one)
        return Reply(200, b"{}")

    def _end(self, one: Subscription) -> None:
        """End a subscription and say so on it."""
        self._audience.leave(one)
        connection = self._connections.get(one.socket)
        if connection is None or connection.open.pop(one.number, None) is None:
            return
        event = {"e": "eventStreamTerminated", "E": self._keys.exchange_ms()}
        one.push(json.dumps(event, separators=(",", ":")).encode())

    def _check(self) -> None:
        """End what its credential opens no more."""
        for socket in list(self._connections):
            for each in self._open(socket):
                if self._keys.refuses(each.holder, each.source, is_signed=True) is not None:
                    self._end(each)
        self._timer = self._clock.call_later(CHECK_S, self._check) if self._connections else None
