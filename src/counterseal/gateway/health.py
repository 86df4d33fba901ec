"""Looks four times a second at what decisions rest on, and tells the gate what fails and what is well again."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from counterseal.adapters.host_probes import HostProbes
from counterseal.adapters.tasks import Tasks
from counterseal.core.failures import Sign
from counterseal.gateway.gate import Gate
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.state import ANONYMOUS, State
from counterseal.ports.clock import Timer

LOOK_MS = 250
# Every so many looks the disk is asked too.
DISK_EVERY = 4
MAX_DISK, MAX_MEMORY = 0.95, 0.80
MAX_LATE_MS = 250
# One look that comes late is a hiccup; so many in a row are a lag.
LATE_IN_A_ROW = 3
MAINTENANCE_S = 30.0


class Health:
    """Watches once it is started. `probes` measure this host; `marks_failed` tells that replay marks are not kept,
    `more` what others know.
    """

    def __init__(
        self,
        state: State,
        gate: Gate,
        refresher: Refresher,
        probes: HostProbes,
        marks_failed: Callable[[], bool],
        tasks: Tasks,
        more: Callable[[], Iterable[Sign]] = tuple,
    ) -> None:
        self._state = state
        self._gate = gate
        self._refresher = refresher
        self._probes = probes
        self._marks_failed = marks_failed
        self._tasks = tasks
        self._more = more
        self._clock = state.clock
        self._timer: Timer | None = None
        self._looks = 0
        self._due_ms = 0
        self._late_ms: deque[int] = deque(maxlen=LATE_IN_A_ROW)
        self._disk = Sign("disk_nearly_full", is_failing=False)
        self._maintenance = Sign("maintenance", is_failing=False)
        self._is_asking = False
        self._refusals_told = 0

    def ask(self) -> None:
        """Begin to ask the exchange, before there is anything to look at: the first order may be too late for it."""
        if not self._is_asking:
            self._is_asking = True
            self._tasks.spawn(self._ask_for_maintenance(), "ask for maintenance")

    def start(self) -> None:
        """Begin to look."""
        self._due_ms = self._state.monotonic_ms()
        self._tick()
        self.ask()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._tell_refusals()

    def _tick(self) -> None:
        now_ms = self._state.monotonic_ms()
        self._late_ms.append(now_ms - self._due_ms)
        self._due_ms = now_ms + LOOK_MS
        self._timer = self._clock.call_later(LOOK_MS / 1000, self._tick)
        self.look()

    def look(self) -> None:
        """Look at everything once."""
        self._gate.look_at_journal()
        self._gate.expire()
        self._tell_refusals()
        for sign in self._signs():
            self._gate.note(sign)
        for family, market in self._state.markets.items():
            market.prices_held = self._state.failures.watched("prices_old", family)

    def _tell_refusals(self) -> None:
        """Put on record how many requests were refused unread since the last look: one by one it would cost too much.

        Nobody has looked at their signatures, so they are nobody's.
        """
        refusals = self._state.overload.refusals
        count, self._refusals_told = refusals - self._refusals_told, refusals
        if count:
            self._gate.record({"type": "denied", "reason": "gateway_overloaded", "count": count})
            denied = self._state.counter(ANONYMOUS).denied
            denied["gateway_overloaded"] = denied.get("gateway_overloaded", 0) + count

    def _signs(self) -> Iterator[Sign]:
        now_ms = self._state.monotonic_ms()
        yield self._of_clock(now_ms)
        yield Sign("replay_marks_lost", is_failing=self._marks_failed())
        used = self._refresher.families()
        # Also those that no bot trades any more: what began there ends, as nothing rests on it.
        for family in sorted(used | self._state.markets.keys()):
            market, is_used = self._state.market(family), family in used
            old_ms = market.prices_old_from_ms(), market.rules_old_from_ms()
            is_old = is_used and not market.prices_fresh(now_ms), is_used and not market.rules_fresh(now_ms)
            yield Sign("prices_old", is_failing=is_old[0], scope=family, since_ms=old_ms[0])
            yield Sign("rules_old", is_failing=is_old[1], scope=family, since_ms=old_ms[1])
        if self._looks % DISK_EVERY == 0:
            self._disk = _share("disk_nearly_full", self._probes.disk, MAX_DISK)
        self._looks += 1
        yield self._disk
        yield _share("memory_nearly_full", self._probes.memory, MAX_MEMORY)
        late_ms = min(self._late_ms) if len(self._late_ms) == LATE_IN_A_ROW else 0
        yield Sign("loop_lagging", is_failing=late_ms > MAX_LATE_MS, detail=f"{late_ms} ms")
        yield self._of_overload()
        yield self._maintenance
        yield from self._more()

    def _of_clock(self, now_ms: int) -> Sign:
        reading = self._state.reading
        since_ms = None if reading is None else reading.uncertain_from_ms()
        return Sign("clock_uncertain", is_failing=not self._state.clock_certain(now_ms), since_ms=since_ms)

    def _of_overload(self) -> Sign:
        overload = self._state.overload
        lasts = overload.lasts(self._clock.monotonic_ns())
        since_ms = None if overload.since_ns is None else overload.since_ns // 1_000_000
        return Sign("overloaded", lasts, f"{overload.refusals} refused", since_ms=since_ms)

    async def _ask_for_maintenance(self) -> None:
        """The exchange tells it under an address of its own, where it has that address at all."""
        while True:
            told = await self._refresher.read_maintenance()
            if told is not None:
                self._maintenance = Sign("maintenance", is_failing=told)
            await self._clock.sleep(MAINTENANCE_S)


def _share(name: str, probe: Callable[[], float], most: float) -> Sign:
    """What cannot be measured counts as failing: the disk that does not answer is none to rely on."""
    try:
        used = probe()
    except OSError as fault:
        return Sign(name, is_failing=True, detail=str(fault.strerror))
    return Sign(name, is_failing=used > most, detail=f"{used:.1%}")


def failing_report(state: State) -> list[dict[str, Any]]:
    """Give the states in force for `counterseal status`, the oldest first; times are exchange time."""
    return [
        {
            "state": failure.row.name,
            "scope": failure.scope or None,
            "since_ms": state.told_ms(failure.since_ms),
            "detail": failure.detail or None,
            "reason": failure.reason or None,
            "ends": failure.row.ends.value,
        }
        for failure in state.failures
    ]
