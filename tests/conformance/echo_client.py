"""A process that runs the real link to the exchange through a fuzzing server's cases: its port, and how many at once.

The server tells how many cases there are, runs one on each connection, and writes its report when it is asked to.
"""

import asyncio
import sys

import uvloop

from counterseal.adapters.stream_link import StreamLink
from counterseal.adapters.system_clock import SystemClock

AGENT = "counterseal"
TICK_S = 0.25
# More than the longest case takes; the server itself gives up earlier.
CASE_S = 120.0


class Echo:
    """Owns one link. Says what it hears, if it is to, and keeps the last of it."""

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers
        self.heard = b""
        self.over = asyncio.Event()

    def on_open(self, link: StreamLink) -> None:
        """Wait to be spoken to."""

    def on_text(self, link: StreamLink, text: bytes) -> None:
        """Say it."""
        self.heard = text
        if self._answers:
            link.send_text(text)

    def on_lost(self, _link: StreamLink, _why: str) -> None:
        """The case is over."""
        self.over.set()


async def visit(port: int, path: str, *, answers: bool) -> bytes:
    """Connect, and stay until the connection ends; gives the last text that came."""
    clock, echo = SystemClock(), Echo(answers=answers)
    link = StreamLink(clock, "127.0.0.1", path, echo)
    await asyncio.get_running_loop().create_connection(lambda: link, "127.0.0.1", port)
    async with asyncio.timeout(CASE_S):
        while not echo.over.is_set():
            link.tick(clock.monotonic_ns())
            try:
                await asyncio.wait_for(echo.over.wait(), TICK_S)
            except TimeoutError:
                continue
    return echo.heard


async def run(port: int, at_once: int) -> None:
    """Run all cases, so many at once, and have the report written."""
    cases = int(await visit(port, "/getCaseCount", answers=False))
    free = asyncio.Semaphore(at_once)

    async def case(number: int) -> None:
        async with free:
            await visit(port, f"/runCase?case={number}&agent={AGENT}", answers=True)

    await asyncio.gather(*(case(number) for number in range(1, cases + 1)))
    await visit(port, f"/updateReports?agent={AGENT}", answers=False)


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2])))
