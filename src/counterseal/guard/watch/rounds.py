"""Work that is due again and again, each by its own period, never twice at once, and sooner when something happens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from counterseal.adapters.tasks import Tasks
from counterseal.ports.clock import Clock

# What failed is tried again after this time.
RETRY_MS = 1_000
# Work that hangs no longer keeps the next one from beginning.
HANGS_MS = 5_000


@dataclass(slots=True)
class Round:
    """One kind of work. `work` tells whether it was done; `least_ms` lies between two beginnings at least.

    `late_ms` is how much later the second one is due: what began together shall not go on together.
    """

    work: Callable[[], Awaitable[bool]]
    every_ms: int
    least_ms: int
    due_ms: int
    late_ms: int = 0
    began_ms: int | None = None
    is_flying: bool = False


class Rounds:
    """All of it. Nothing runs before `step` is called."""

    def __init__(self, clock: Clock, tasks: Tasks) -> None:
        self._clock, self._tasks = clock, tasks
        self._rounds: dict[str, Round] = {}

    def every(
        self,
        name: str,
        work: Callable[[], Awaitable[bool]],
        every_ms: int,
        least_ms: int | None = None,
        late_ms: int = 0,
    ) -> None:
        """Do something from now on, the second time so much later; what is known by the name already keeps its turn."""
        known = self._rounds.get(name)
        if known is None:
            least = every_ms if least_ms is None else least_ms
            self._rounds[name] = Round(work, every_ms, least, self._now_ms(), late_ms)
        else:
            known.every_ms, known.least_ms = every_ms, every_ms if least_ms is None else least_ms

    def pace(self, name: str, every_ms: int) -> None:
        """Change how often something is due, from its last beginning on."""
        found = self._rounds.get(name)
        if found is not None and found.began_ms is not None:
            found.every_ms, found.due_ms = every_ms, found.began_ms + every_ms

    def drop(self, keep: set[str]) -> None:
        """Forget all work but this."""
        for name in self._rounds.keys() - keep:
            del self._rounds[name]

    def soon(self, name: str) -> None:
        """Do it at once, or as soon as it may be done again."""
        found = self._rounds.get(name)
        if found is not None:
            now_ms = self._now_ms()
            free_ms = now_ms if found.began_ms is None else max(now_ms, found.began_ms + found.least_ms)
            found.due_ms = min(found.due_ms, free_ms)

    def step(self) -> None:
        """Begin what is due."""
        now_ms = self._now_ms()
        for name, each in self._rounds.items():
            hangs = each.began_ms is not None and now_ms - each.began_ms >= HANGS_MS
            if now_ms >= each.due_ms and (not each.is_flying or hangs):
                each.is_flying, each.began_ms, each.due_ms = True, now_ms, now_ms + each.every_ms + each.late_ms
                each.late_ms = 0
                self._tasks.spawn(self._fly(each, now_ms), name)

    async def _fly(self, each: Round, began_ms: int) -> None:
        is_done = False
        try:
            is_done = await each.work()
        finally:
            if each.began_ms == began_ms:
                each.is_flying = False
                if not is_done:
                    each.due_ms = min(each.due_ms, self._now_ms() + RETRY_MS)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
