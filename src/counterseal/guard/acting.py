"""What follows a trip: the gateway is stopped first, then orders are cancelled, then positions closed; each is proven.

The order is that of semantics: an order that is in flight lands behind the first cancel, so nothing is cancelled before
nothing new can leave.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from counterseal.adapters.tasks import Tasks
from counterseal.core.ladder import Rung, Scope, Trip
from counterseal.core.reach import Reach
from counterseal.ports.clock import Clock

# A gateway that neither hears nor ends within this time does not hold up the cancels.
BLOCK_S = 1.0
NO_WAY = "the guard has no way to the exchange"


class Proof(Protocol):
    """What an act at the exchange came to. `left` names what is still there, or could not be seen."""

    @property
    def done(self) -> bool: ...
    @property
    def left(self) -> Sequence[str]: ...
    @property
    def text(self) -> str: ...


class Hands(Protocol):
    """The guard's own way to the exchange."""

    async def cancel(self, reached: Reach) -> Proof:
        """Cancel what is open there."""
        ...

    async def flatten(self, reached: Reach) -> Proof:
        """Close what is held there."""
        ...


class Line(Protocol):
    """Tells when the gateway is stopped."""

    async def blocked(self, number: int, within_s: float) -> str: ...


@dataclass(slots=True)
class Step:
    """One thing that was done for a trip, or is under way while `done` is None."""

    what: str
    done: bool | None
    text: str
    left: tuple[str, ...] = ()

    def view(self) -> dict[str, Any]:
        """As `status` and the journal show it."""
        return {"what": self.what, "done": self.done, "text": self.text, "left": list(self.left)}


@dataclass(slots=True)
class Act:
    """All that is done for a trip."""

    trip: Trip
    steps: list[Step] = field(default_factory=list)
    is_over: bool = False

    def view(self) -> dict[str, Any]:
        """As `status` shows it."""
        return {
            "scope": str(self.trip.scope), "at_ms": self.trip.at_ms, "over": self.is_over, "proven": self.is_proven,
            "steps": [step.view() for step in self.steps],
        }  # fmt: skip

    @property
    def is_proven(self) -> bool:
        """Whether everything was done, and shown to be."""
        return self.is_over and all(step.done for step in self.steps)


class Acts:
    """Carries trips out. The newest act of each scope is remembered; a restart does nothing of itself.

    `hands` gives the way to the exchange, None while there is none. `record` keeps what came of each step,
    `over` is told of each act that has ended, `failed` of what met a fault of ours.
    """

    def __init__(
        self,
        line: Line,
        hands: Callable[[], Hands | None],
        record: Callable[[Mapping[str, Any]], object],
        over: Callable[[Act], None],
        failed: Callable[[str, BaseException], None],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._line, self._hands, self._record = line, hands, record
        self._over, self._failed = over, failed
        self._clock, self._tasks = clock, tasks
        self._acts: dict[Scope, Act] = {}

    def start(self, trip: Trip, number: int, reached: Sequence[Reach]) -> Act:
        """Begin; `number` is under which the gateway hears of the trip."""
        act = Act(trip)
        self._acts[trip.scope] = act
        self._tasks.spawn(self._carry_out(act, number, reached), f"act {trip.scope}")
        return act

    def of_before(self, trip: Trip, *, is_proven: bool) -> None:
        """Show a trip of before the guard's start: carried out, or nobody knows how far."""
        how = "carried out before the guard's start" if is_proven else "cut short by the guard's end; ask for it again"
        self._acts[trip.scope] = Act(trip, [Step("all", done=is_proven, text=how)], is_over=True)

    def forget(self, scope: Scope) -> None:
        """Show no more what was done for a scope that is active again."""
        self._acts.pop(scope, None)

    def restate(self) -> None:
        """Write down anew what has become of each."""
        for act in self._acts.values():
            if act.is_over:
                self._record(over(act))

    def view(self) -> list[dict[str, Any]]:
        """What `status` shows: the newest act of each scope."""
        return [act.view() for act in self._acts.values()]

    async def _carry_out(self, act: Act, number: int, reached: Sequence[Reach]) -> None:
        try:
            await self._block(act, number)
            if not reached and (act.trip.cancels or act.trip.rung is Rung.FLATTEN) and self._hands() is None:
                # Without settings nobody knows what it reaches: that is not the same as nothing.
                self._note(act, Step("cancel", done=False, text=NO_WAY))
            if act.trip.cancels or act.trip.rung is Rung.FLATTEN:
                await asyncio.gather(*[self._do(act, "cancel", one) for one in reached])
            if act.trip.rung is Rung.FLATTEN:
                await asyncio.gather(*[self._do(act, "close", one) for one in reached])
        finally:
            act.is_over = True
            self._record(over(act))
            self._over(act)

    async def _block(self, act: Act, number: int) -> None:
        begun_ns = self._clock.monotonic_ns()
        how = await self._line.blocked(number, BLOCK_S)
        took_ms = (self._clock.monotonic_ns() - begun_ns) // 1_000_000
        texts = {
            "acknowledged": f"the gateway has acknowledged it after {took_ms} ms",
            "ended": "no gateway serves; the next one hears it before it opens",
        }
        self._note(act, Step("block", how in texts, texts.get(how, f"the gateway did not answer within {BLOCK_S:g} s")))

    async def _do(self, act: Act, what: str, reached: Reach) -> None:
        where = " ".join((what, reached.family, reached.account, *(reached.symbols or ())))
        hands = self._hands()
        if hands is None:
            self._note(act, Step(where, done=False, text=NO_WAY))
            return
        doing = Step(where, done=None, text="under way")
        act.steps.append(doing)
        try:
            proof = await (hands.cancel(reached) if what == "cancel" else hands.flatten(reached))
            doing.done, doing.text, doing.left = proof.done, proof.text, tuple(proof.left)
        except Exception as fault:  # noqa: BLE001 - what fails in one place must not keep the others from being done
            doing.done, doing.text = False, f"it failed ({type(fault).__name__})"
            self._failed(where, fault)
        finally:
            # One that was given up is not done either.
            doing.done = bool(doing.done)
            self._keep(act, doing)

    def _note(self, act: Act, step: Step) -> None:
        act.steps.append(step)
        self._keep(act, step)

    def _keep(self, act: Act, step: Step) -> None:
        self._record({"type": "proof", "scope": str(act.trip.scope), "tripped_ms": act.trip.at_ms, **step.view()})


def over(act: Act) -> dict[str, Any]:
    """Give the record of an act that has ended."""
    what = {"type": "proof", "scope": str(act.trip.scope), "tripped_ms": act.trip.at_ms, "what": "all"}
    return {**what, "done": act.is_proven}


def proven_before(records: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Give the scopes whose newest trip was carried out whole, by the records of an earlier guard."""
    found: dict[str, bool] = {}
    for record in records:
        if record.get("type") == "ladder" and record.get("act") == "trip":
            found[str(record.get("kind")) + (f" {record['name']}" if record.get("name") else "")] = False
        elif record.get("type") == "proof" and record.get("what") == "all":
            found[str(record.get("scope"))] = record.get("done") is True
    return frozenset(scope for scope, is_proven in found.items() if is_proven)
