"""A pool of connections in which one is always to spare: what is urgent must not wait for a handshake."""

from counterseal.adapters.upstream import IDLE_S, UpstreamPool
from counterseal.ports.venue import NotSent, Terms

# One may be in use for a read at the moment at which an order has to leave.
SPARE = 2
# An idle connection that is older is parted with soon; another one is made before.
YOUNG_S = IDLE_S - 7.0
# So often it is to be looked at.
LOOK_S = 5.0


class SparePool(UpstreamPool):
    """An `UpstreamPool` that can be asked to have connections ready."""

    async def prepare(self, family: str, egress: str = "") -> None:
        """Have connections ready from an address; what cannot be reached now is tried again the next time."""
        route = (egress, family)
        young_ns = self._clock.monotonic_ns() - int(YOUNG_S * 1e9)
        ready = sum(one.open and one.idle_since_ns >= young_ns for one in self._idle.get(route, ()))
        for _ in range(SPARE - ready):
            try:
                self._keep(route, await self._connect(family, Terms(egress=egress)))
            except NotSent:
                return
