"""One request to the exchange, on a permit that is settled by what comes of it."""

from collections.abc import Callable

from counterseal.core.binance.sizes import most_of
from counterseal.gateway import answers
from counterseal.gateway.budget import Budget, Permit
from counterseal.gateway.state import State
from counterseal.ports.venue import NotSent, Terms, Venue, VenueReply


def _always() -> bool:
    return True


class Exchange:
    """The only way out to the exchange."""

    def __init__(self, state: State, venue: Venue, budget: Budget) -> None:
        self._state = state
        self._venue = venue
        self._budget = budget

    async def send(self, permit: Permit, request: bytes, bot: str, wanted: Callable[[], bool] = _always) -> VenueReply:
        """Send once, if it is still wanted when the first byte is about to leave. Raises NotSent or Lost."""
        permit.left_ms = self._state.monotonic_ms()
        try:
            claim, endpoint = permit.reservation.claim, permit.endpoint
            terms = Terms(claim.is_exit, wanted, claim.ask.egress, most_of(endpoint.method, endpoint.path))
            reply = await self._venue.send(endpoint.family, request, terms)
            self._learn(permit, reply, bot)
        except NotSent as error:
            self._budget.not_sent(permit, error)
            raise
        finally:
            # Lost, or this task was cancelled: it may have arrived.
            if permit.reservation.is_open:
                self._budget.close(permit)
        return reply

    def _learn(self, permit: Permit, reply: VenueReply, bot: str) -> None:
        """Take spending, limits, bans and refusals from the answer."""
        status = reply.status
        code = answers.parse(reply).code if status >= 400 else None
        self._budget.settle(permit, reply, code)
        if status < 300 and not self._budget.rejects.loops:
            return  # accepted, and nobody is in a loop
        # What a batch was told stands in its legs, which are read by whoever sent it.
        if status >= 400 or not permit.endpoint.path.endswith("/batchOrders"):
            self._budget.told(bot, permit, status, code)
