"""Everything between a bot's request and the exchange, wired once for the service and for tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.unrecorded import Unrecorded
from counterseal.gateway.admission import Admission, Upgrade, not_carried
from counterseal.gateway.asking import Asker
from counterseal.gateway.budget import Budget
from counterseal.gateway.changes import Changes
from counterseal.gateway.exchange import Exchange
from counterseal.gateway.exits.cancels import SocketCancels
from counterseal.gateway.exits.lines import SocketLines, SocketLinks
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.gate import Gate
from counterseal.gateway.handler import Handler, ListenKeyCalls, no_listen_keys
from counterseal.gateway.ids import IdMaker
from counterseal.gateway.line import Line
from counterseal.gateway.outbound import Outbound
from counterseal.gateway.ownership import Ownership
from counterseal.gateway.polling import Polling
from counterseal.gateway.reads import Reads
from counterseal.gateway.rebuilding import Rebuilding, Tail
from counterseal.gateway.reconciler import Reconciler
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.resolver import Resolver
from counterseal.gateway.room import Room
from counterseal.gateway.since import Since
from counterseal.gateway.stampede import Stampede
from counterseal.gateway.state import State
from counterseal.gateway.streams.live_reads import FindStream, LiveReads, nothing_listened
from counterseal.gateway.sweep import Sweep
from counterseal.gateway.throttle import Throttle
from counterseal.gateway.turn import Turn
from counterseal.gateway.userdata.feeds import Links, UserFeeds
from counterseal.gateway.userdata.inside import Inside
from counterseal.ports.journal import Journal
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import Venue
from counterseal.ports.verifier import Verifier

# How long the start waits for what is at risk.
OPENING_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the plane is made of. `draw(n)` gives an unforeseeable number from 0 to n - 1; `upgrade` judges
    WebSocket handshakes, `listen_keys` answers their calls. `links` reach user data at the exchange; without them
    there is none; `listened` finds a stream that bots listen to. `sockets` reach the WebSocket API that cancels go by
    while REST is closed; without them they have REST alone.
    """

    state: State
    venue: Venue
    signer: SigningClient
    verifier: Verifier
    journal: Journal
    turn: Turn
    tasks: Tasks
    log: Any
    draw: Callable[[int], int]
    upgrade: Upgrade = not_carried
    listened: FindStream = nothing_listened
    listen_keys: ListenKeyCalls = no_listen_keys
    links: Links | None = None
    sockets: SocketLinks | None = None


class Plane:
    """The way of a request: `handler` takes it, `refresher` keeps what decisions rest on."""

    def __init__(self, parts: Parts) -> None:
        state, signer, turn, log = parts.state, parts.signer, parts.turn, parts.log
        self._log = log
        self._state = state
        self._tasks = parts.tasks
        turn.on_turn = state.overload.turned
        self.budget = Budget(state, parts.draw, self._tell)
        exchange = Exchange(state, parts.venue, self.budget)
        room = Room(state, self.budget, Line(state, self.budget))
        outbound = Outbound(state, exchange, signer, turn)
        self.refresher = Refresher(state, self.budget, exchange, state.clock, parts.tasks, log.warning)
        asker = Asker(state, outbound, self.budget, signer)
        self.exposures = Exposures(state, lambda record: self.gate.record(record))
        self.polling = Polling(state, asker, self.exposures, parts.tasks, log.warning)
        inside = Inside(state, self.exposures, self.polling, parts.tasks, self._tell_of_users, log)
        self.feeds = UserFeeds(
            state, outbound, self.budget, signer, parts.tasks, parts.links, inside, self._tell_of_users, log
        )  # fmt: skip
        self.exposures.is_blind = lambda account: self.feeds.is_lost(account) or inside.is_unread(account)
        self.rebuilding = Rebuilding(self.exposures, turn, state.clock, log)
        self.resolver = Resolver(state, asker, signer, parts.journal, turn, parts.tasks, log, self.exposures)
        self.reconciler = Reconciler(state, asker, parts.journal, turn, parts.tasks, log)
        stampede = Stampede(state.public, state.clock, parts.tasks)
        self.gate = Gate(state, parts.journal, turn, log, Unrecorded())
        self.throttle = Throttle(state, self.gate.record, log)
        ownership = Ownership(state)
        sweep = Sweep(state, ownership, outbound, self.budget, room, signer)
        self.live_reads = LiveReads(state, parts.listened, self.budget, exchange, parts.tasks)
        reads = Reads(
            state, outbound, room, signer, self.refresher, state.clock, stampede, self.gate, ownership, self.exposures,
            self.live_reads,
        )  # fmt: skip
        sockets = parts.sockets and SocketLines(state, self.budget, parts.sockets, parts.tasks)
        self.by_socket = SocketCancels(state, self.budget, room, outbound, sockets, self._tell)
        changes = Changes(
            state, outbound, room, signer, parts.journal, turn, self.resolver, self.refresher, self.gate, ownership,
            sweep, self.throttle, self.exposures, self.by_socket,
        )  # fmt: skip
        admission = Admission(state, parts.verifier, IdMaker(state.incarnation), parts.upgrade)
        since = Since(state, self.gate)
        self.handler = Handler(
            state, admission, reads, changes, self.refresher, parts.journal, turn, log, since, parts.listen_keys
        )  # fmt: skip

    async def read_exposure(self, tail: Tail) -> None:
        """Know what is at risk before the first order; for five seconds at most, then exits go ahead."""
        clock = self._state.clock
        reading = self._tasks.spawn(self._read_exposure(tail), "read exposure")
        deadline_ns = clock.monotonic_ns() + int(OPENING_S * 1e9)
        while not reading.done() and clock.monotonic_ns() < deadline_ns:
            await clock.sleep(0.005)

    async def _read_exposure(self, tail: Tail) -> None:
        await self.rebuilding.read(tail)
        if self.exposures.active:
            await self.polling.read_positions()
        self.polling.start()

    def _tell(self, **fields: Any) -> None:
        """Put on record what an operator must know about the exchange's limits."""
        self.gate.record({"type": "event", **fields})
        self._log.warning("limits", **fields)

    def _tell_of_users(self, **fields: Any) -> None:
        """Put on record what an operator must know about user data."""
        self.gate.record({"type": "event", **fields})
        self._log.warning("user data", **fields)
