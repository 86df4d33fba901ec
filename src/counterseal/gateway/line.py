"""The line before the exchange's limits: who waits, for how long at most, and who is next.

It moves when something was given back, when a window turns, and before anybody new is let in.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from counterseal.core.budget.queue import Waiting
from counterseal.core.messages import HeldKey
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import Budget, NoRoom, Permit, lane_of
from counterseal.gateway.state import State
from counterseal.ports.clock import Timer


class _Request:
    """What waits: a request, who wants it, why it has to wait."""

    def __init__(self, admitted: Admitted, key: HeldKey | None, wanted: Callable[[], bool], short: NoRoom) -> None:
        self.admitted = admitted
        self.key = key
        self.wanted = wanted
        self.short = short
        self.permit: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()

    def give_up(self) -> None:
        """Let it have its refusal."""
        if not self.permit.done():
            self.permit.set_exception(self.short)


class Line:
    """Lets requests wait for permits."""

    def __init__(self, state: State, budget: Budget) -> None:
        self._state = state
        self._budget = budget
        self._queue = budget.queue
        self._is_moving = False
        self._turns_ms = 0
        self._timer: Timer | None = None
        budget.on_room = self.move

    async def wait(
        self,
        admitted: Admitted,
        key: HeldKey | None,
        wanted: Callable[[], bool],
        short: NoRoom,
        since_ms: int | None = None,
    ) -> Permit:
        """Give a permit as soon as there is room. Raises NoRoom `max_wait_ms` after `since_ms` (None: now), or when
        nobody wants it."""
        now_ms = self._state.monotonic_ms()
        by_ms = (now_ms if since_ms is None else since_ms) + self._state.config.gateway.max_wait_ms
        if by_ms <= now_ms:
            raise short
        request = _Request(admitted, key, wanted, short)
        waiting = Waiting(admitted.bot, lane_of(admitted), by_ms, short.short_of, request)
        if not self._queue.add(waiting):
            raise short
        self._turns_ms = min(self._turns_ms or short.until_ms, short.until_ms)
        self._set_alarm()
        self._state.counter(admitted.bot).waited += 1
        try:
            return await request.permit
        except asyncio.CancelledError:
            # It may have been given a permit in this very turn of the loop.
            if request.permit.done() and not request.permit.cancelled() and request.permit.exception() is None:
                self._budget.close(request.permit.result())
            raise
        finally:
            self._queue.drop(waiting)

    def move(self) -> None:
        """Let go who can, and who has waited long enough."""
        if self._is_moving or not self._queue.size:
            return
        self._is_moving = True
        try:
            self._turns_ms = 0
            # Before who has waited long enough is refused: its window may turn at this very moment.
            self._queue.ready(self._try, self._load)
            for waiting in self._queue.expired(self._state.monotonic_ms()):
                _request(waiting).give_up()
        finally:
            self._is_moving = False
        if self._queue.size:
            self._set_alarm()

    def _try(self, waiting: Waiting) -> str:
        """Let one go, with a permit or a refusal: "", or what it still waits for."""
        request = _request(waiting)
        try:
            if request.permit.done() or not request.wanted():
                raise request.short
            permit = self._budget.take(request.admitted, request.key)
        except NoRoom as short:
            request.short = short
            if short.may_wait and request.wanted():
                self._turns_ms = min(self._turns_ms or short.until_ms, short.until_ms)
                return short.short_of
            request.give_up()
            return ""
        request.permit.set_result(permit)
        return ""

    def _load(self, waiting: Waiting) -> int:
        request = _request(waiting)
        return self._budget.load(request.admitted, request.key)

    def _set_alarm(self) -> None:
        """Look again when a window turns, or at the first deadline."""
        deadline_ms = self._queue.next_deadline_ms()
        at_ms = min([moment for moment in (self._turns_ms, deadline_ms) if moment], default=0)
        if self._timer is not None:
            self._timer.cancel()
        delay_ms = max(1, at_ms - self._state.monotonic_ms())
        self._timer = self._state.clock.call_later(delay_ms / 1000, self.move)


def _request(waiting: Waiting) -> _Request:
    return cast(_Request, waiting.item)
