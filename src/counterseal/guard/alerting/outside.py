"""A sign of life to somebody outside, who tells people when it stays away: what this host cannot tell any more.

It is given only while all is well: a call that stays away is the message.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.model import Failure
from counterseal.core.secret import Secret
from counterseal.guard.alerting.doing import within
from counterseal.ports.alert_sink import SinkError
from counterseal.ports.clock import Clock

OUTSIDE = "outside"
_TIMEOUT_S = 10.0


class Caller(Protocol):
    """Posts to URLs."""

    async def post(self, url: Secret, content: bytes, headers: dict[str, str]) -> Any:
        """Give the answer, which has a `status`. Raises SinkError."""
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...


class Outside:
    """Calls the URL every `every_s` while `is_well` says so; `start` once inside the loop."""

    def __init__(self, url: Secret, https: Caller, every_s: float) -> None:
        self._url, self._https, self._every_s = url, https, every_s
        self._running: asyncio.Task[None] | None = None
        self.failures = 0

    def start(self, is_well: Callable[[], bool], clock: Clock, tasks: Tasks, log: Any) -> None:
        """Begin to call."""
        self._running = tasks.spawn(self._run(is_well, clock, tasks, log), "alerts: outside")

    async def close(self) -> None:
        """Call no more, give up connections."""
        if self._running is not None:
            self._running.cancel()
        await self._https.close()

    async def _run(self, is_well: Callable[[], bool], clock: Clock, tasks: Tasks, log: Any) -> None:
        while True:
            if is_well():
                await self._call(clock, tasks, log)
            await clock.sleep(self._every_s)

    async def _call(self, clock: Clock, tasks: Tasks, log: Any) -> None:
        try:
            answer = await within(_TIMEOUT_S, self._https.post(self._url, b"", {}), clock, tasks)
            if not 200 <= answer.status < 300:
                raise SinkError(Failure.TRANSIENT, f"answered {answer.status}")
            self.failures = 0
        except SinkError as fault:
            self.failures += 1
            log.warning("nobody outside hears that all is well", why=fault.detail, times=self.failures)
