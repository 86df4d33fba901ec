"""What the guard does of itself: about a limit that is neared or passed, and about what came from outside."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from counterseal.adapters.tasks import Tasks
from counterseal.core.config.model import Config
from counterseal.core.guardrails.breach import Breach, Cut
from counterseal.core.guardrails.limits import Action
from counterseal.core.holdings import BOTH, SPOT, Holding
from counterseal.core.ladder import Actor, Kind, Rung, Scope, Trip
from counterseal.core.reach import reach, shares
from counterseal.guard.acting import Proof
from counterseal.guard.hands.parts import Excess, Key
from counterseal.guard.stopping import Stopping
from counterseal.guard.telling import Telling
from counterseal.guard.watch.intruders import Intruder
from counterseal.ports.clock import Clock

GUARD = "guard"
_RUNGS = {Action.REDUCE: Rung.REDUCING, Action.HALT: Rung.HALTED, Action.FLATTEN: Rung.FLATTEN}
_ZERO = Decimal(0)


class Reducer(Protocol):
    """Makes positions smaller."""

    def reduce(
        self,
        account: str,
        family: str,
        targets: Callable[[Holding], Decimal | None],
        *,
        fresh: Sequence[Holding] | None = None,
        bot: str = "",
    ) -> Awaitable[Proof]: ...


def _nothing_seen(_account: str, _family: str) -> None:
    return None


def _nothing_held(_account: str, _family: str, _bot: str) -> None:
    return None


# A position, or a bot's part of it: account, market, symbol, side, owner.
_Piece = tuple[str, str, str, str, str]


class Responding:
    """Acts on breaches and intruders. `hands` gives the way to the exchange, None while there is none.

    `picture` gives the positions of an account in a market where they are known well enough to act on at once, `held`
    what one bot has there, with its sign.
    """

    def __init__(
        self,
        stopping: Stopping,
        telling: Telling,
        hands: Callable[[], Reducer | None],
        config: Callable[[], Config],
        clock: Clock,
        tasks: Tasks,
        log: Any,
        picture: Callable[[str, str], Sequence[Holding] | None] = _nothing_seen,
        held: Callable[[str, str, str], Mapping[Key, Decimal] | None] = _nothing_held,
    ) -> None:
        self._stopping, self._telling, self._hands, self._config = stopping, telling, hands, config
        self._clock, self._tasks, self._log, self._picture, self._held = clock, tasks, log, picture, held
        # One reduction at a time of what one owner has in one position.
        self._reducing: set[_Piece] = set()

    def on_breach(self, breach: Breach) -> None:
        """Stop first, then make the positions smaller; a warning is only told."""
        self._telling.limit(breach)
        if breach.action is Action.ALERT:
            return
        cuts = breach.cuts
        rung = _RUNGS[breach.action]
        if rung is Rung.FLATTEN:
            if self._is_shared(breach.scope):
                # What others hold there is not this one's to close: its own part goes, and it waits for a person.
                rung = Rung.HALTED
            else:
                cuts = ()
        self._stop(breach.scope, rung, str(breach), cancels=True)
        for whose in dict.fromkeys((cut.account, cut.family, cut.owner) for cut in cuts):
            self._reduce(*whose, [cut for cut in cuts if (cut.account, cut.family, cut.owner) == whose])

    def on_intruder(self, intruder: Intruder) -> None:
        """Tell people, and do what the settings say."""
        self._telling.intruder(intruder.code, intruder.text, intruder.account, intruder.symbol)
        rung = {"halt": Rung.HALTED, "emergency": Rung.FLATTEN}.get(intruder.response)
        if rung is not None:
            scope = Scope(Kind.ACCOUNT, intruder.account)
            self._stop(scope, rung, f"{intruder.code}: {intruder.text}", cancels=rung is Rung.FLATTEN)

    def _stop(self, scope: Scope, rung: Rung, cause: str, *, cancels: bool) -> None:
        now_ms = self._clock.wall_ns() // 1_000_000
        self._stopping.stop(Trip(scope, rung, Actor.GUARD, GUARD, cause, now_ms, cancels), {})

    def _is_shared(self, scope: Scope) -> bool:
        config = self._config()
        return bool(shares(config, reach(scope, config)))

    def _reduce(self, account: str, family: str, owner: str, cuts: Sequence[Cut]) -> None:
        # What is closed for one bot is booked on it alone, and not on all who hold the same.
        hands = self._hands()
        due = {_piece(cut): cut for cut in cuts if _piece(cut) not in self._reducing}
        if hands is not None and due:
            self._reducing.update(due)
            work = self._carry_out(hands, (account, family), owner, due)
            self._tasks.spawn(work, f"reduce {account} {family} {owner}".rstrip())

    async def _carry_out(self, hands: Reducer, place: tuple[str, str], owner: str, due: Mapping[_Piece, Cut]) -> None:
        part = self._excess(place, owner, due.values()) if owner else None
        try:
            targets = Targets([*due.values()]) if part is None else part
            proof = await hands.reduce(*place, targets, fresh=self._picture(*place), bot=owner)
            remains = () if part is None else part.remains()
            is_done = proof.done and not remains
            self._log.warning("positions were reduced", account=place[0], family=place[1], bot=owner or None,
                              done=is_done, text=proof.text, left=[*proof.left, *remains])  # fmt: skip
            if not is_done:
                self._telling.stuck_reduce(place, "; ".join((proof.text, *remains)))
        finally:
            self._reducing.difference_update(due)

    def _excess(self, place: tuple[str, str], owner: str, cuts: Iterable[Cut]) -> Excess:
        too_much, keeps = {}, {}
        for cut in cuts:
            key = cut.place.symbol, cut.place.side
            too_much[key], keeps[key] = cut.amount.copy_sign(cut.held), abs(cut.held) - cut.amount
        return Excess(too_much, keeps, lambda: self._held(*place, owner))


def _piece(cut: Cut) -> _Piece:
    return cut.account, cut.family, cut.place.symbol, cut.place.side, cut.owner


class Targets:
    """How large a position may stay: what it was when it was first looked at, less what has to go."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self._cuts = {(cut.place.symbol, cut.place.side): cut.amount for cut in cuts}
        self._targets: dict[tuple[str, str], Decimal] = {}

    def __call__(self, one: Holding) -> Decimal | None:
        """Give the target; None for what is no affair of these cuts."""
        key = one.symbol, "" if one.side in (BOTH, SPOT) else one.side
        cut = self._cuts.get(key)
        if cut is None:
            return None
        return self._targets.setdefault(key, max(_ZERO, abs(one.amount) - cut))
