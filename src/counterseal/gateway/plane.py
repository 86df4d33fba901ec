"""Everything between a bot's request and the exchange, wired once for the service and for tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.gateway.admission import Admission
from counterseal.gateway.budget import Budget
from counterseal.gateway.changes import Changes
from counterseal.gateway.exchange import Exchange
from counterseal.gateway.handler import Handler
from counterseal.gateway.ids import IdMaker
from counterseal.gateway.line import Line
from counterseal.gateway.outbound import Outbound
from counterseal.gateway.reads import Reads
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.resolver import Resolver
from counterseal.gateway.room import Room
from counterseal.gateway.stampede import Stampede
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import Journal
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import Venue
from counterseal.ports.verifier import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the plane is made of. `draw(n)` gives an unforeseeable number from 0 to n - 1."""

    state: State
    venue: Venue
    signer: SigningClient
    verifier: Verifier
    journal: Journal
    turn: Turn
    tasks: Tasks
    log: Any
    draw: Callable[[int], int]


class Plane:
    """The way of a request: `handler` takes it, `refresher` keeps what decisions rest on."""

    def __init__(self, parts: Parts) -> None:
        state, signer, turn, log = parts.state, parts.signer, parts.turn, parts.log
        self._turn = turn
        self._log = log
        self.budget = Budget(state, parts.draw, self._tell)
        exchange = Exchange(state, parts.venue, self.budget)
        room = Room(state, self.budget, Line(state, self.budget))
        outbound = Outbound(state, exchange, signer, turn)
        self.refresher = Refresher(state, self.budget, exchange, state.clock, parts.tasks, log.warning)
        self.resolver = Resolver(state, outbound, self.budget, signer, parts.journal, turn, parts.tasks, log)
        stampede = Stampede(state.public, state.clock, parts.tasks)
        reads = Reads(state, outbound, room, signer, self.refresher, state.clock, stampede)
        changes = Changes(state, outbound, room, signer, parts.journal, turn, self.resolver, self.refresher)
        admission = Admission(state, parts.verifier, IdMaker(state.incarnation))
        self.handler = Handler(state, admission, reads, changes, self.refresher, parts.journal, turn, log)

    def _tell(self, **fields: Any) -> None:
        """Put on record what an operator must know about the exchange's limits."""
        self._turn.write({"type": "event", **fields})
        self._log.warning("limits", **fields)
