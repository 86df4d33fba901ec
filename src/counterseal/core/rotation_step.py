"""What to do now for one key: a pure function of its versions and of what is known at this moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from counterseal.core.rotation import HELD, READS_ONLY, SUCCESSORS, Event, Stage, Version, fault_of, only

# The exchange knows no such key, or not from here, or it may not do this: its answer for a key that was deleted.
REFUSALS = frozenset({-2008, -2014, -2015})
# A key that may be used from anywhere is one that a thief can use.
_BOUND = "ipRestrict"
_READS = {stage.value: "reads" for stage in READS_ONLY}


class Do(StrEnum):
    """What a step is. `MAKE` makes a pair, `REFILL` has the signer take up the key file, `WAIT` ends this run."""

    APPLY = "apply"
    MAKE = "make"
    REFILL = "refill"
    PROBE = "probe"
    DRAIN = "drain"
    WAIT = "wait"
    DONE = "done"


class Step(NamedTuple):
    """What to do, to which version, and why in one sentence."""

    do: Do
    ref: str = ""
    why: str = ""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What the exchange said of a version. `is_taken`: it took a signed request. `rights` None: it told of none."""

    is_taken: bool
    account: str | None = None
    rights: Mapping[str, bool] | None = None
    code: int | None = None
    text: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the exchange has refused the key itself."""
        return not self.is_taken and self.code in REFUSALS


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. `held` is what the signer holds, ref to stage, `in_use` how much stands on each ref: None where
    nothing runs or nobody tells. `probes` are those of this run. `is_wanted`: another version is to be begun;
    `from_spare`: of a spare and nothing else.
    """

    is_wanted: bool = False
    from_spare: bool = False
    held: Mapping[str, str] | None = None
    in_use: Mapping[str, int] | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)


def next_step(versions: Sequence[Version], facts: Facts) -> Step:
    """Tell what to do now. Whatever is unknown or fails leaves the active version active."""
    fault = fault_of(versions)
    if fault is not None:
        return Step(Do.WAIT, why=f"the key file cannot be as it is: {fault}")
    if facts.held is not None and _lags(versions, facts.held):
        return Step(Do.REFILL, why="the signer takes up the key file")
    draining, successor = only(versions, Stage.DRAINING), only(versions, *SUCCESSORS)
    if draining is not None:
        return _drain(draining, facts)
    if successor is not None:
        return _forward(versions, successor, facts)
    if facts.is_wanted:
        return _begin(versions, facts)
    return _prove(versions, facts)


def _lags(versions: Sequence[Version], held: Mapping[str, str]) -> bool:
    """To the signer one that is pending and one that is validated are the same."""
    wanted = {each.ref: each.stage.value for each in versions if each.stage in HELD and each.has_api_key}
    return {ref: _READS.get(stage, stage) for ref, stage in wanted.items()} != {
        ref: _READS.get(stage, stage) for ref, stage in held.items()
    }


def _drain(draining: Version, facts: Facts) -> Step:
    if facts.in_use is None:
        return Step(Do.WAIT, draining.ref, "nobody tells what still stands on it; is everything running?")
    count = facts.in_use.get(draining.ref, 0)
    if count:
        return Step(Do.DRAIN, draining.ref, f"{count} requests or streams still stand on it")
    return Step(Do.APPLY, draining.ref, "nothing stands on it any more", Event.DRAINED)


def _forward(versions: Sequence[Version], successor: Version, facts: Facts) -> Step:
    if successor.stage is Stage.STAGED:
        if not successor.has_api_key:
            return Step(Do.WAIT, successor.ref, "it waits for its API key")
        return Step(Do.APPLY, successor.ref, "it has its API key", Event.COMPLETE)
    if facts.held is None:
        return Step(Do.WAIT, successor.ref, "nothing is running that could try it; start it with: counterseal up")
    if successor.stage is Stage.VALIDATED:
        return Step(Do.APPLY, successor.ref, "it is proven", Event.PROMOTE)
    return _validate(_active(versions), successor, facts)


def _validate(active: Version, successor: Version, facts: Facts) -> Step:
    for ref in (active.ref, successor.ref):
        if ref not in facts.probes:
            return Step(Do.PROBE, ref, "the exchange is asked")
    why = unfit(facts.probes[successor.ref], facts.probes[active.ref])
    if why:
        return Step(Do.WAIT, successor.ref, why)
    return Step(Do.APPLY, successor.ref, "the exchange takes it", Event.VALIDATE)


def _begin(versions: Sequence[Version], facts: Facts) -> Step:
    spare = only(versions, Stage.SPARE)
    if spare is not None:
        return Step(Do.APPLY, spare.ref, "the oldest spare is taken", Event.TAKE)
    if facts.from_spare:
        return Step(Do.WAIT, why="there is no spare; add one with: counterseal key spare add NAME")
    return Step(Do.MAKE, why="a pair is made here")


def _prove(versions: Sequence[Version], facts: Facts) -> Step:
    """Ask of every retired version whether the exchange still takes it."""
    alive = [version.ref for version in versions if version.stage is Stage.RETIRED]
    if not alive or facts.held is None:
        return Step(Do.DONE) if not alive else Step(Do.WAIT, alive[0], "nothing is running that could try it")
    active = _active(versions).ref
    for ref in (active, *alive):
        if ref not in facts.probes:
            return Step(Do.PROBE, ref, "the exchange is asked")
    if not facts.probes[active].is_taken:
        # Whatever refuses the active one too proves nothing of the other.
        return Step(Do.WAIT, active, f"the active version is not taken either: {facts.probes[active].text}")
    for ref in alive:
        if facts.probes[ref].is_refused:
            return Step(Do.APPLY, ref, "the exchange refuses it", Event.REFUSED)
    return Step(Do.WAIT, alive[0], "the exchange still takes it: delete it there")


def unfit(new: Probe, active: Probe) -> str:
    """Say why a version may not follow the active one, "" when it may.

    It must be of the same account and have the same rights; it may be bound to addresses where the other is not.
    """
    if not active.is_taken:
        return f"the active version was not taken, so that nothing can be compared: {active.text}"
    if not new.is_taken:
        return f"the exchange does not take it: {new.text}"
    if new.account is None or active.account is None:
        why = next((text for text in (new.text, active.text) if text), "no name came")
        return f"the exchange did not name the account of both: {why}"
    if new.account != active.account:
        return "it is a key of another account than the active one"
    if (new.rights is None) != (active.rights is None):
        return "the exchange told the rights of one of the two only"
    before, after = active.rights or {}, new.rights or {}
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    other = [name for name in names if name != _BOUND or not after.get(name)]
    if other:
        return f"its rights are not those of the active one: {', '.join(other)}"
    return ""


def _active(versions: Sequence[Version]) -> Version:
    return next(version for version in versions if version.stage is Stage.ACTIVE)
