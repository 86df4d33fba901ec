"""One place among the exchange's streams, kept connected: told what is wanted, renewed before its end, made again.

A line is one connection most of the time. Ahead of the exchange's limit of 24 hours, and when the exchange says that
its server shuts down, a successor is made beside it; `core/streams/seam.py` sees to it that bots notice nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from counterseal.adapters.stream_link import Dial, StreamLink
from counterseal.adapters.tasks import Tasks
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.seam import Seam
from counterseal.core.streams.telling import Telling
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Unreachable

# Messages a second that the exchange takes: 5 on spot and 10 on futures, answers to its pings among them.
MESSAGES = {"spot": 4, "usdm": 9, "coinm": 9}
# Connection attempts that all lines together make in five minutes; the exchange takes 300.
ATTEMPTS, ATTEMPTS_WINDOW_MS = 19, 300_000
RENEW_S, RENEW_SPREAD_S = 23 * 3600, 1800
OVERLAP_MS, OVERLAP_MOST_MS = 2_000, 30_000
# What the old connection delivered ahead of its successor is remembered so much longer.
AFTER_MS = 60_000
LINGER_MS = 30_000
RETRY_MS, RETRY_MOST_MS = 250, 30_000
SHUTDOWN = "!serverShutdown"


class Place(NamedTuple):
    """Where streams are served upstream. `route` is USD-M's "public" or "market"; `unit` as in a bot's address."""

    family: str
    route: str = ""
    unit: str = ""

    @property
    def path(self) -> str:
        """The path of the handshake; names are told afterwards."""
        path = f"/{self.route}/stream" if self.route else "/stream"
        return f"{path}?timeUnit={self.unit}" if self.unit else path


class Envelope(msgspec.Struct):
    """A message of the exchange: of a stream, or the answer to a command. `data` is the payload's bytes as they are."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    id: int | str | None = None
    error: msgspec.Raw | None = None


_decode = msgspec.json.Decoder(Envelope).decode
Relay = Callable[[Place, str, bytes, msgspec.Raw], None]


@dataclass(slots=True)
class Counts:
    """What happened since the start. `lost` are connections that ended before their successor stood."""

    lost: int = 0
    renewed: int = 0
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Common:
    """What all lines share. `hosts` are the stream hosts by family; `draw(n)` gives a number from 0 to n - 1."""

    clock: Clock
    hosts: Mapping[str, str]
    dial: Dial
    draw: Callable[[int], int]
    tasks: Tasks
    tell: Callable[..., None]
    relay: Relay
    attempts: Allowance
    counts: Counts


@dataclass(slots=True)
class Voice:
    """A connection, what it has been told, and how fast it may be told more."""

    link: StreamLink
    telling: Telling
    pace: Allowance
    renew_at_ms: int
    settled_ms: int | None = None


class Line:
    """Keeps the `wanted` names of one place subscribed, as long as there are any."""

    def __init__(self, place: Place, wanted: Mapping[str, None], common: Common) -> None:
        self._place = place
        self._wanted = wanted
        self._common = common
        self._current: Voice | None = None
        self._successor: Voice | None = None
        self._seam: Seam | None = None
        self._after: tuple[Seam, int] | None = None
        self._failures = 0
        self._retry_at_ms = 0
        self._empty_since_ms: int | None = None

    # -- what the hub asks

    def touch(self) -> None:
        """What is wanted has changed."""
        now_ms = self._now_ms()
        if self._current is None:
            self._connect(now_ms)
        for voice in self._voices():
            self._speak(voice, now_ms)

    def tick(self) -> None:
        """Time has passed."""
        now_ms = self._now_ms()
        for voice in self._voices():
            voice.link.tick(self._common.clock.monotonic_ns())
        for voice in self._voices():
            self._speak(voice, now_ms)
        if self._current is None:
            self._connect(now_ms)
        elif not self._wanted:
            self._linger(now_ms)
        else:
            self._empty_since_ms = None
            self._renew(self._current, now_ms)

    def close(self) -> None:
        """Disconnect for good, or until something is wanted again."""
        self._seam = self._after = None
        voices = self._voices()
        self._current = self._successor = None
        for voice in voices:
            voice.link.end("not needed")

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return sum(voice.link.is_open for voice in self._voices())

    # -- connecting

    def _voices(self) -> list[Voice]:
        return [voice for voice in (self._current, self._successor) if voice is not None]

    def _now_ms(self) -> int:
        return self._common.clock.monotonic_ns() // 1_000_000

    def _connect(self, now_ms: int) -> None:
        if self._wanted and now_ms >= self._retry_at_ms and self._common.attempts.take(now_ms):
            self._current = self._open(now_ms)

    def _open(self, now_ms: int) -> Voice:
        common, place = self._common, self._place
        link = StreamLink(common.clock, common.hosts[place.family], place.path, self)
        life_ms = (RENEW_S + common.draw(RENEW_SPREAD_S)) * 1000
        voice = Voice(link, Telling(self._wanted), Allowance(MESSAGES[place.family], 1000), now_ms + life_ms)
        common.tasks.spawn(self._dial(link), "connect to streams")
        return voice

    async def _dial(self, link: StreamLink) -> None:
        try:
            await self._common.dial(self._place.family, link)
        except Unreachable as fault:
            link.end(str(fault))

    def _back_off(self, now_ms: int, least_s: int = 0) -> None:
        """Wait a random time up to a bound that doubles: a crowd that was cut off must not come back as one."""
        bound = min(RETRY_MS << self._failures, RETRY_MOST_MS)
        self._failures = min(self._failures + 1, 8)
        self._retry_at_ms = now_ms + max(least_s * 1000, self._common.draw(bound) + 1)

    def _linger(self, now_ms: int) -> None:
        if self._empty_since_ms is None:
            self._empty_since_ms = now_ms
        elif now_ms - self._empty_since_ms >= LINGER_MS:
            self._empty_since_ms = None
            self.close()

    # -- renewing

    def _renew(self, current: Voice, now_ms: int) -> None:
        if self._after is not None and now_ms >= self._after[1]:
            self._after = None
        if self._successor is not None:
            self._take_over(self._successor, now_ms)
        elif self._is_due(current, now_ms) and self._common.attempts.take(now_ms):
            self._seam, self._after = Seam(), None
            self._successor = self._open(now_ms)

    def _is_due(self, current: Voice, now_ms: int) -> bool:
        return current.link.is_open and now_ms >= max(current.renew_at_ms, self._retry_at_ms)

    def _take_over(self, successor: Voice, now_ms: int) -> None:
        if successor.settled_ms is not None and now_ms - successor.settled_ms >= OVERLAP_MS:
            self._switch(now_ms)
        elif now_ms - successor.link.born_ns // 1_000_000 >= OVERLAP_MOST_MS:
            successor.link.end("subscriptions are not answered")

    def _switch(self, now_ms: int) -> None:
        """The successor is the connection from now on; what it alone has delivered is passed on first."""
        old, seam = self._current, self._seam
        self._current, self._successor, self._seam = self._successor, None, None
        if seam is not None:
            self._after = (seam, now_ms + AFTER_MS)
            for name, text in seam.switch():
                self._common.relay(self._place, name, text, _decode(text).data)
        if old is not None:
            self._common.counts.renewed += 1
            old.link.end("renewed")

    # -- speaking

    def _speak(self, voice: Voice, now_ms: int) -> None:
        """Tell the exchange the next difference, if it may be told now."""
        while voice.link.is_open and not voice.pace.wait_ms(now_ms):
            message = voice.telling.next_message()
            if message is None:
                return
            voice.pace.take(now_ms)
            voice.link.send_text(message)

    # -- StreamLink's listener

    def on_open(self, link: StreamLink) -> None:
        """Say what is wanted."""
        now_ms = self._now_ms()
        for voice in self._voices():
            if voice.link is link:
                self._speak(voice, now_ms)

    def on_text(self, link: StreamLink, text: bytes) -> None:
        """Pass a stream's message on, once; read everything else."""
        try:
            message = _decode(text)
        except msgspec.DecodeError:
            self._common.counts.unread += 1
            return
        if message.stream is None:
            self._answered(link, message)
        elif message.stream == SHUTDOWN:
            self._shut_down(link)
        elif self._is_news(link, message.stream, text):
            self._common.relay(self._place, message.stream, text, message.data)

    def _is_news(self, link: StreamLink, name: str, text: bytes) -> bool:
        if self._current is None or link is not self._current.link:
            if self._seam is not None:
                self._seam.new(name, text)
            return False
        if self._seam is not None:
            self._seam.old(name, text)
            return True
        return self._after is None or not self._after[0].is_repeat(name, text)

    def _answered(self, link: StreamLink, message: Envelope) -> None:
        for voice in self._voices():
            if voice.link is link:
                names = voice.telling.answered(message.id)
                if message.error is not None:
                    self._common.tell(what="stream_refused", host=self._host, streams=len(names))
                if voice.telling.is_settled:
                    self._failures = 0
                    voice.settled_ms = voice.settled_ms or self._now_ms()

    def _shut_down(self, link: StreamLink) -> None:
        """The exchange's server goes away, at a moment that it does not tell: make the successor now."""
        now_ms = self._now_ms()
        for voice in self._voices():
            if voice.link is link:
                voice.renew_at_ms = now_ms
        if self._current is not None:
            self._renew(self._current, now_ms)

    def on_lost(self, link: StreamLink, why: str) -> None:
        """The successor stands in at once where there is one; else connect again, a little later."""
        now_ms = self._now_ms()
        if self._successor is not None and link is self._successor.link:
            self._successor = self._seam = None
            self._back_off(now_ms, link.retry_after_s)
        elif self._current is not None and link is self._current.link:
            self._common.counts.lost += 1
            self._common.tell(what="stream_lost", host=self._host, why=why, streams=len(self._wanted))
            if self._successor is not None:
                self._current = None
                self._switch(now_ms)
                return
            self._current = None
            self._back_off(now_ms, link.retry_after_s)

    @property
    def _host(self) -> str:
        return self._common.hosts[self._place.family]
