"""One place among the exchange's streams, kept connected: told what is wanted, renewed before its end, made again.

A line is one connection most of the time. Ahead of the exchange's limit of 24 hours, and when the exchange says that
its server shuts down, a successor is made beside it; `core/streams/seam.py` sees to it that nobody notices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from counterseal.adapters.stream_link import Dial, StreamLink
from counterseal.adapters.stream_voice import Voice
from counterseal.adapters.tasks import Tasks
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.seam import Seam
from counterseal.core.streams.telling import Telling
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Unreachable

# Messages a second that the exchange takes: 5 on spot and 10 on futures, answers to its pings among them.
MESSAGES = {"spot": 4, "usdm": 9, "coinm": 9}
# Connection attempts that all lines together make in five minutes; the exchange takes 300. So many that ten lines that
# lost their connections a minute ago still have some left: else they would stand still when the exchange is back.
ATTEMPTS, ATTEMPTS_WINDOW_MS = 100, 300_000
# So many refused subscriptions of a line are put on record in as long.
REFUSALS = 20
RENEW_S, RENEW_SPREAD_S = 23 * 3600, 1800
OVERLAP_MS, OVERLAP_MOST_MS = 2_000, 30_000
# So long it is waited for a message that both deliver, or for the old one's answer: either proves that nothing is
# missing between them.
JOIN_MS = 10_000
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
    error: msgspec.Raw = msgspec.Raw(b"")


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
    on_loss: Callable[["Line"], None]


class Line:
    """Keeps the `wanted` names of one place subscribed, as long as there are any."""

    def __init__(self, place: Place, wanted: Mapping[str, None], common: Common) -> None:
        self.place = self._place = place
        self.wanted = self._wanted = wanted
        self._common = common
        self._current: Voice | None = None
        self._successor: Voice | None = None
        self._seam: Seam | None = None
        self._after: tuple[Seam, int] | None = None
        self._failures = 0
        self._retry_at_ms = 0
        self._empty_since_ms: int | None = None
        self._keep_until_ms = 0
        self._refusals = Allowance(REFUSALS, ATTEMPTS_WINDOW_MS)

    # -- what its owner asks

    def touch(self) -> None:
        """What is wanted has changed."""
        now_ms = self._now_ms()
        if self._current is None:
            self._connect(now_ms)
        for voice in self._voices():
            voice.speak(now_ms, adds_only=now_ms < self._keep_until_ms)

    def tick(self) -> None:
        """Time has passed."""
        now_ms = self._now_ms()
        for voice in self._voices():
            voice.link.tick(self._common.clock.monotonic_ns())
            voice.expect(now_ms, OVERLAP_MOST_MS)
        for voice in self._voices():
            voice.speak(now_ms, adds_only=now_ms < self._keep_until_ms)
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

    def keep(self, until_ms: int) -> None:
        """Unsubscribe nothing before this moment: who listened is expected back."""
        self._keep_until_ms = until_ms

    @property
    def stands(self) -> bool:
        """There is a connection, on which all that was wanted has been asked for and answered."""
        return self._current is not None and self._current.settled_ms is not None

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

    def _forgive(self, lost: Voice, now_ms: int) -> None:
        """After a connection that stood for a while, begin with short pauses again."""
        if lost.settled_ms is not None and now_ms - lost.settled_ms >= RETRY_MOST_MS:
            self._failures = 0

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
            self._question(current, self._successor, now_ms)
            self._take_over(self._successor, now_ms)
        elif self._is_due(current, now_ms) and self._common.attempts.take(now_ms):
            self._seam, self._after = Seam(), None
            self._successor = self._open(now_ms)

    def _is_due(self, current: Voice, now_ms: int) -> bool:
        return current.link.is_open and now_ms >= max(current.renew_at_ms, self._retry_at_ms)

    def _question(self, current: Voice, successor: Voice, now_ms: int) -> None:
        """Have the old connection say that it has brought all that was before the successor stood."""
        if successor.settled_ms is not None and not successor.asks_old and current.pace.take(now_ms):
            successor.asks_old = True
            current.link.ask()

    def _take_over(self, successor: Voice, now_ms: int) -> None:
        overlap_ms = -1 if successor.settled_ms is None else now_ms - successor.settled_ms
        is_torn = not self._is_joined()
        if overlap_ms >= (JOIN_MS if is_torn or not successor.has_all(now_ms) else OVERLAP_MS):
            if is_torn:
                self._common.on_loss(self)
            self._switch(now_ms)

    def _switch(self, now_ms: int) -> None:
        """The successor is the connection from now on; what it alone has delivered is passed on first."""
        old, seam = self._current, self._seam
        self._current, self._successor, self._seam = self._successor, None, None
        if seam is not None:
            self._after = (seam, now_ms + AFTER_MS)
            for name, text in seam.switch():
                if name in self._wanted:
                    self._common.relay(self._place, name, text, _decode(text).data)
        if old is not None:
            self._common.counts.renewed += 1
            old.link.end("renewed")

    # -- StreamLink's listener

    def on_open(self, link: StreamLink) -> None:
        """Say what is wanted."""
        now_ms = self._now_ms()
        for voice in self._voices():
            if voice.link is link:
                voice.speak(now_ms, adds_only=now_ms < self._keep_until_ms)

    def on_text(self, link: StreamLink, text: bytes) -> None:
        """Pass a stream's message on, once; read everything else."""
        try:
            message = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._common.counts.unread += 1
            return
        if message.stream is None:
            self._answered(link, message)
        elif message.stream == SHUTDOWN:
            self._shut_down(link)
        elif self._is_news(link, message.stream, text) and message.stream in self._wanted:
            # Another line may have it by now.
            self._common.relay(self._place, message.stream, text, message.data)

    def _is_news(self, link: StreamLink, name: str, text: bytes) -> bool:
        if self._current is None or link is not self._current.link:
            if self._seam is not None and self._successor is not None:
                self._successor.has_spoken = True
                self._seam.new(name, text)
            return False
        self._current.has_spoken = True
        if self._seam is not None:
            self._seam.old(name, text)
            return True
        return self._after is None or not self._after[0].is_repeat(name, text)

    def _answered(self, link: StreamLink, message: Envelope) -> None:
        for voice in self._voices():
            if voice.link is link:
                voice.has_spoken = True
                if bytes(message.error) in (b"", b"null"):
                    voice.telling.answered(message.id)
                else:
                    self._refused(voice.telling.refused(message.id))
                if voice.settled_ms is None and voice.telling.is_whole:
                    self._settle(voice)

    def _refused(self, names: tuple[str, ...]) -> None:
        """Put on record that the exchange does not take something; not each time, as bots may ask again and again."""
        if self._refusals.take(self._now_ms()):
            self._common.tell(what="stream_refused", host=self._host, streams=len(names))

    def _settle(self, voice: Voice) -> None:
        voice.settled_ms = self._now_ms()
        voice.matches = 0 if self._seam is None else self._seam.matches

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
            if self._current.has_spoken and not self._leaves_no_gap(now_ms):
                self._common.on_loss(self)
            self._forgive(self._current, now_ms)
            self._current = None
            if self._successor is not None:
                self._switch(now_ms)
                return
            self._back_off(now_ms, link.retry_after_s)

    def _leaves_no_gap(self, now_ms: int) -> bool:
        return self._is_joined() and self._successor is not None and self._successor.has_all(now_ms)

    def _is_joined(self) -> bool:
        """The old connection has brought all that was before the successor had all streams, and the successor brings
        all that is behind: both have delivered the same message since, or the old one has answered and is not behind.
        """
        current, seam, successor = self._current, self._seam, self._successor
        if current is None or seam is None or successor is None or successor.settled_ms is None or seam.is_short:
            return False
        has_answered = successor.asks_old and current.link.has_answered
        return seam.matches > successor.matches or (has_answered and not seam.is_holding)

    @property
    def _host(self) -> str:
        return self._common.hosts[self._place.family]
