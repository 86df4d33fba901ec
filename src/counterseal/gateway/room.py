"""Into the exchange's limits and out again: at once where there is room, else after a short wait in line."""

from collections.abc import Callable, Sequence

from counterseal.core.messages import HeldKey
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.budget import Budget, NoRoom, Permit
from counterseal.gateway.line import Line
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State


class Room:
    """Gives permits to requests of bots."""

    def __init__(self, state: State, budget: Budget, line: Line) -> None:
        self._state = state
        self._budget = budget
        self._queue = budget.queue
        self._line = line

    def enter_now(self, admitted: Admitted, key: HeldKey | None) -> Permit | None:
        """Give a permit at once, None where it is worth waiting for one. Raises NoRoom."""
        try:
            if self._queue.size:
                self._line.move()  # who came before goes before
            return self._budget.take(admitted, key)
        except NoRoom as short:
            if short.may_wait:
                return None
            raise

    async def enter(
        self, admitted: Admitted, key: HeldKey | None, wanted: Callable[[], bool], since_ms: int | None = None
    ) -> Permit:
        """Give a permit, after a wait where that can help and as long as it is wanted. Raises NoRoom.

        `since_ms` (monotonic) is since when it has waited, in other ways than here; None: since now.
        """
        try:
            if self._queue.size:
                self._line.move()
            return self._budget.take(admitted, key)
        except NoRoom as short:
            if not short.may_wait:
                raise
            return await self._line.wait(admitted, key, wanted, short, since_ms)

    def leave(self, inquiry: Inquiry, permit: Permit) -> None:
        """Close a permit, whatever became of it, and note what it cost."""
        held = permit.reservation
        if held.is_open:
            self._budget.close(permit)
        if held.claim.plan.weighs:
            inquiry.weight += held.amounts[0]
        inquiry.left = self._budget.ledger.left(held)

    def give_back(self, permit: Permit | None) -> None:
        """Close a permit that something broke before it was used; nothing happens to one that is closed."""
        if permit is not None and permit.reservation.is_open:
            self._budget.close(permit)

    def refusal(self, short: NoRoom) -> Reply:
        """Give the answer to who found no room."""
        until_ms = self._state.told_ms(short.until_ms)
        return replies.denial(short.reason, retry_after_s=short.wait_s, until_ms=until_ms)

    def told_legs(self, admitted: Admitted, permit: Permit, legs: Sequence[object]) -> None:
        """Learn from a batch's answer: it was refused when all of its legs were."""
        codes = [leg.get("code") if isinstance(leg, dict) else None for leg in legs]
        refused = bool(codes) and all(isinstance(code, int) for code in codes)
        self._budget.told(admitted.bot, permit, 200, codes[0] if refused else None)
