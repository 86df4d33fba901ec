"""One connection from one address to the WebSocket API of USD-M: what was asked, and what came of it."""

import asyncio
from typing import NamedTuple

from counterseal.adapters.stream_link import Dial, StreamLink
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.upstream import ANSWER_TIMEOUT_S
from counterseal.core.binance.socket_cancel import PATH, PLACE
from counterseal.gateway.exits import frames
from counterseal.gateway.exits.frames import Said
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Lost, Unreachable

# How long to leave a host alone that could not be reached, or whose connection was lost.
AGAIN_MS = 5_000


class _Asked(NamedTuple):
    """A request that is out, and when it left (monotonic ns)."""

    answer: "asyncio.Future[tuple[Said, int]]"
    sent_ns: int


class Line:
    """A connection, made when asked for. It says how it was refused, if it was (`refused`: status, seconds)."""

    def __init__(self, clock: Clock, host: str, dial: Dial) -> None:
        self._clock = clock
        self._host = host
        self._dial = dial
        self._link: StreamLink | None = None
        self._asked: dict[int, _Asked] = {}
        self._who_wait: list[asyncio.Future[bool]] = []
        self._again_at_ms = 0
        # An answer has failed to come: nobody else shall ask here.
        self._is_dull = False
        self.refused: tuple[int, int] | None = None

    @property
    def stands(self) -> bool:
        """Whether something can be asked."""
        return self._link is not None and self._link.is_open and not self._is_dull

    @property
    def is_idle(self) -> bool:
        """Whether nothing is out."""
        return not self._asked

    @property
    def may_connect(self) -> bool:
        """Whether there is no connection, and one may be tried."""
        return self._link is None and self._clock.monotonic_ns() // 1_000_000 >= self._again_at_ms

    def connect(self, tasks: Tasks) -> None:
        """Begin to connect; how it went is told to who waits."""
        self._link = StreamLink(self._clock, self._host, PATH, self)
        tasks.spawn(self._reach(self._link), "connect to the WebSocket API")

    async def _reach(self, link: StreamLink) -> None:
        try:
            await self._dial(PLACE[0], link)
        except Unreachable as fault:
            link.end(str(fault))

    async def opened(self, within_s: float) -> bool:
        """Wait until it stands; False when it does not, or not so soon."""
        if self.stands or self._link is None or self._is_dull:
            return self.stands
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._who_wait.append(waiter)
        timer = self._clock.call_later(within_s, lambda: _tell(waiter, stands=False))
        try:
            return await waiter
        finally:
            timer.cancel()
            self._who_wait.remove(waiter)

    async def ask(self, number: int, text: bytes) -> tuple[Said, int, int]:
        """Send one request on a line that stands; gives the answer, when it left and when the answer came.

        Raises Lost when no answer came: it may have been executed.
        """
        if self._link is None:
            raise Lost("no connection")
        sent_ns = self._clock.monotonic_ns()
        answer: asyncio.Future[tuple[Said, int]] = asyncio.get_running_loop().create_future()
        self._asked[number] = _Asked(answer, sent_ns)
        self._link.send_text(text)
        timer = self._clock.call_later(ANSWER_TIMEOUT_S, lambda: self._overdue(number))
        try:
            said, received_ns = await answer
        finally:
            timer.cancel()
            self._asked.pop(number, None)
        return said, sent_ns, received_ns

    def _overdue(self, number: int) -> None:
        self._is_dull = True
        self._fail(number, "no answer in time")

    def _fail(self, number: int, why: str) -> None:
        asked = self._asked.get(number)
        if asked is not None and not asked.answer.done():
            asked.answer.set_exception(Lost(why))

    def tick(self) -> None:
        """Find out whether the other side lives; end what nobody shall use any more."""
        if self._link is None:
            return
        if self._is_dull and self.is_idle:
            self.end("no answer in time")
        else:
            self._link.tick(self._clock.monotonic_ns())

    def end(self, why: str) -> None:
        """Disconnect."""
        if self._link is not None:
            self._link.end(why)

    # -- StreamLink's listener

    def on_open(self, link: StreamLink) -> None:
        """Tell who waits."""
        if link is self._link:
            for waiter in self._who_wait:
                _tell(waiter, stands=True)

    def on_text(self, link: StreamLink, text: bytes) -> None:
        """Give an answer to who asked. One that nobody asked for, or that came before, is nothing to anybody."""
        said = frames.read(text)
        asked = self._asked.get(said.id) if said is not None and link is self._link else None
        if said is not None and asked is not None and not asked.answer.done():
            asked.answer.set_result((said, self._clock.monotonic_ns()))

    def on_lost(self, link: StreamLink, why: str) -> None:
        """What is out has no answer any more."""
        if link is not self._link:
            return
        self._link, self._is_dull = None, False
        wait_s = link.retry_after_s
        if link.refused_with in (418, 429):
            self.refused = (link.refused_with, wait_s)
        self._again_at_ms = self._clock.monotonic_ns() // 1_000_000 + max(AGAIN_MS, wait_s * 1000)
        for number in list(self._asked):
            self._fail(number, why)
        for waiter in self._who_wait:
            _tell(waiter, stands=False)


def _tell(waiter: "asyncio.Future[bool]", *, stands: bool) -> None:
    if not waiter.done():
        waiter.set_result(stands)
