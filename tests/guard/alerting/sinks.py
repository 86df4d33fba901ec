"""Channels for tests: one that does what it is told, on a virtual clock, and a desk of them that runs."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.codes import code_of
from counterseal.core.alerts.desk import Terms
from counterseal.core.alerts.model import Alert, Failure, Message, Severity
from counterseal.core.alerts.routing import Route, at_least
from counterseal.guard.alerting.alerts import Alerts, Channel
from counterseal.ports.alert_sink import SinkError


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test's coroutine in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


REFUSED = SinkError(Failure.REFUSED, "answered 403")
AWAY = SinkError(Failure.TRANSIENT, "no connection")


@dataclass
class Sink:
    """`mode` is "well", "down", "slow", "refusing", "limited" or "hanging". `got` are messages with their moment."""

    clock: VirtualClock
    mode: str = "well"
    has_probe: bool = True
    got: list[tuple[int, Message]] = field(default_factory=list)
    tried: list[int] = field(default_factory=list)
    probes: int = 0
    closed: bool = False

    async def send(self, message: Message) -> None:
        self.tried.append(self.now_ms())
        await self._meet()
        self.got.append((self.now_ms(), message))

    async def probe(self) -> bool:
        self.probes += 1
        if self.has_probe:
            await self._meet()
        return self.has_probe

    async def close(self) -> None:
        self.closed = True

    async def _meet(self) -> None:
        if self.mode == "down":
            raise AWAY
        if self.mode == "refusing":
            raise REFUSED
        if self.mode == "limited":
            raise SinkError(Failure.RATE_LIMITED, "answered 429", 30_000)
        if self.mode == "slow":
            await self.clock.sleep(8.0)
        if self.mode == "hanging":
            await asyncio.Future()
        if self.mode == "broken":
            raise RuntimeError("secret-in-the-text")
        await self.clock.sleep(0.05)

    def now_ms(self) -> int:
        return self.clock.monotonic_ns() // 1_000_000

    def codes(self) -> list[str]:
        """The codes of all that arrived."""
        return [code for _, message in self.got for code in message.codes]


class Log:
    """Remembers what was logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: self.lines.append((level, event, fields))


@dataclass
class Rig:
    """Alerts at work on a virtual clock."""

    folder: Path
    least: dict[str, Severity]
    terms: Terms = field(default_factory=Terms)
    clock: VirtualClock = field(default_factory=VirtualClock)
    faults: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    digest_ms: int = 3_600_000

    def __post_init__(self) -> None:
        self.log = Log()
        self.records: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.failed: list[BaseException] = []
        self.tasks = Tasks(lambda _name, error: self.failed.append(error))
        self.sinks = {name: Sink(self.clock) for name in self.least}
        self.begin()

    def begin(self) -> None:
        """Make the running part, as at a start of the guard."""
        channels = tuple(
            Channel(Route(name, at_least(least), self.digest_ms), self.sinks[name], self.timeout_s)
            for name, least in self.least.items()
        )
        self.alerts = Alerts(
            self.clock, self.tasks, self.log, channels, self.terms, self.folder,
            record=lambda record: self.records.append(dict(record)), faults=self.faults, say=self.said.append,
        )  # fmt: skip

    async def up(self, seconds: float = 5.0) -> None:
        """Start, and let the channels prove themselves."""
        self.alerts.start()
        await self.clock.advance(seconds)

    async def down(self) -> None:
        """Stop."""
        await self.tasks.cancel_all()
        await self.alerts.close()

    def tell(
        self, code: str = "gateway_stuck", key: str = "", text: str = "", severity: Severity | None = None, **more: Any
    ) -> int:
        """Raise an alert; gives when."""
        row = code_of(code)
        wall_ms = self.clock.wall_ns() // 1_000_000
        self.alerts.raise_(Alert(severity or row.severity, code, row.title, text, key or code, wall_ms, **more))
        return self.clock.monotonic_ns() // 1_000_000
