"""The connections to the WebSocket API of USD-M, one an address, there only while the address's REST pool is closed."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from counterseal.adapters.stream_link import Dial
from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.socket_cancel import CANCEL
from counterseal.core.budget.asking import Ask, Short
from counterseal.core.budget.charge import Plan
from counterseal.core.budget.pools import POOLS, WS_API_CONNECT
from counterseal.core.budget.share import Lane
from counterseal.core.streams.allowance import Allowance
from counterseal.core.venue_wall import SOCKET
from counterseal.gateway.budget import OWN, Budget
from counterseal.gateway.exits import frames
from counterseal.gateway.exits.frames import Said
from counterseal.gateway.exits.line import Line
from counterseal.gateway.state import State
from counterseal.ports.clock import Timer
from counterseal.ports.venue import ORDINARY, NotSent, Terms, VenueReply

TICK_S = 0.25
# How long a cancel waits for the connection before it goes by REST.
READY_S = 0.25
_POOL, _WEIGHT = WS_API_CONNECT["usdm"]
# A handshake is no call of the catalogue.
_CONNECT = replace(CANCEL, name="usdm WS connect", weight=lambda _: _WEIGHT)
_HANDSHAKE = Plan(_CONNECT, (POOLS[_POOL],), (), _CONNECT.weight)


class SocketLinks(NamedTuple):
    """How the WebSocket API of USD-M is reached: its host, what connects from an address, and how often it may try."""

    host: str
    dial_from: Callable[[str], Dial]
    attempts: Allowance


class SocketLines:
    """The Venue port for requests to that API; the address tells the connection."""

    def __init__(self, state: State, budget: Budget, links: SocketLinks, tasks: Tasks) -> None:
        self._state = state
        self._budget = budget
        self._links = links
        self._tasks = tasks
        self._lines: dict[str, Line] = {}
        self._timer: Timer | None = None
        self._count = 0

    # -- connecting

    def on_stop(self, egress: str) -> None:
        """An address was told to stop: have a connection ready where cancels may go by it."""
        if self._state.wall.lets_by_socket(self._state.monotonic_ms(), egress):
            self._connect(egress)

    def _connect(self, egress: str) -> None:
        """Connect, if it may be tried now and there is room for it."""
        line = self._lines.get(egress)
        if line is None:
            line = self._lines[egress] = Line(self._state.clock, self._links.host, self._links.dial_from(egress))
        if line.may_connect and self._pays(egress):
            line.connect(self._tasks)
            if self._timer is None:
                self._timer = self._state.clock.call_later(TICK_S, self._tick)

    def _pays(self, egress: str) -> bool:
        """Take what a connection costs; it counts whatever comes of it."""
        now = self._budget.moment()
        held = self._budget.ledger.reserve(Ask(OWN, 0, Lane.RISK, "", egress, _HANDSHAKE, (_WEIGHT,)), now)
        if isinstance(held, Short):
            return False
        if not self._links.attempts.take(now.monotonic_ms):
            self._budget.ledger.release(held, now)
            return False
        self._budget.ledger.keep(held, now)
        return True

    def _tick(self) -> None:
        """End connections whose pool is open again; while there are others, look again soon."""
        self._timer = None
        now_ms = self._state.monotonic_ms()
        for egress, line in list(self._lines.items()):
            if line.refused is not None:
                status, wait_s = line.refused
                line.refused = None
                self._state.wall.note(SOCKET, status, wait_s, now_ms, egress)
            line.tick()
            if line.is_idle and self._state.wall.closed("usdm", now_ms, egress=egress) is None:
                del self._lines[egress]
                line.end("not needed any more")
        if self._lines:
            self._timer = self._state.clock.call_later(TICK_S, self._tick)

    async def ready(self, egress: str) -> bool:
        """Tell whether a request can leave an address, after a short wait for a connection that is being made."""
        if not self.stands(egress):
            self._connect(egress)
        line = self._lines.get(egress)
        return line is not None and await line.opened(READY_S)

    def stands(self, egress: str) -> bool:
        """Tell whether a request could leave an address at this moment."""
        line = self._lines.get(egress)
        return line is not None and line.stands

    # -- the Venue port

    async def send(self, _family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request, given as a signed payload with its signature. Raises NotSent or Lost."""
        line = self._lines.get(terms.egress)
        if line is None or not line.stands or not terms.wanted():
            raise NotSent("not wanted, or no connection")
        self._count += 1
        said, sent_ns, received_ns = await line.ask(self._count, frames.request(self._count, request))
        return VenueReply(said.status, self._headers(said), said.body, sent_ns, received_ns)

    def _headers(self, said: Said) -> dict[str, str]:
        """Give the header that REST would have: in how many seconds to come again."""
        if said.until_ms is None:
            return {}
        return {"retry-after": str(max(0, -(-(said.until_ms - self._budget.moment().exchange_ms) // 1000)))}

    async def close(self) -> None:
        """Disconnect for good."""
        if self._timer is not None:
            self._timer.cancel()
        for line in self._lines.values():
            line.end("closed")
        self._lines.clear()
