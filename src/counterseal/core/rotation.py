"""The states of a key's versions and what leads from one to another: one table, from which the documents are made.

Of every key that signs there is exactly one active version at each moment. What changes two versions at once changes
them together: the key file is replaced as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from counterseal.core.key_refs import number_of


class Stage(StrEnum):
    """Where a version stands. The key file holds these words."""

    SPARE = "spare"
    STAGED = "staged"
    PENDING = "pending"
    VALIDATED = "validated"
    ACTIVE = "active"
    DRAINING = "draining"
    RETIRED = "retired"
    REVOKED = "revoked"


class Event(StrEnum):
    """What moves a version."""

    TAKE = "take"
    COMPLETE = "complete"
    VALIDATE = "validate"
    PROMOTE = "promote"
    DRAINED = "drained"
    REFUSED = "refused"
    CORRECT = "correct"
    ABORT = "abort"


class Version(NamedTuple):
    """A version as a rotation sees it. `since_ms` is when it came to its stage."""

    ref: str
    stage: Stage
    has_api_key: bool = True
    since_ms: int = 0


class Refusal(NamedTuple):
    """Why an event moves nothing; one sentence."""

    why: str


# What a version is for, in the order of its life.
MEANING = {
    Stage.SPARE: "made in advance, sealed, held by nobody",
    Stage.STAGED: "chosen to be the next one; a pair made here waits for its API key",
    Stage.PENDING: "held by the signer, which signs reads with it and nothing else, for the guard's probe",
    Stage.VALIDATED: "proven at the exchange; still reads only",
    Stage.ACTIVE: "signs whatever is asked from now on; exactly one",
    Stage.DRAINING: "was active: requests and user data that began with it end with it, nothing new begins",
    Stage.RETIRED: "held by nobody; its API key is shown to the exchange until that refuses it",
    Stage.REVOKED: "the exchange has refused it; its secret is forgotten here",
}
# What the signer holds, and of that what it signs reads with and nothing else.
HELD = frozenset({Stage.PENDING, Stage.VALIDATED, Stage.ACTIVE, Stage.DRAINING})
READS_ONLY = frozenset({Stage.PENDING, Stage.VALIDATED})
SUCCESSORS = frozenset({Stage.STAGED, Stage.PENDING, Stage.VALIDATED})

_ROTATOR, _OPERATOR = "the rotator", "an operator"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row. `to` is None where the version is forgotten; `beside` moves another version in the same stroke.

    `api_key` tells whether it needs one (True), needs to have none (False), or does not care.
    """

    stage: Stage
    event: Event
    to: Stage | None
    by: str
    when: str
    beside: tuple[Stage, Stage] | None = None
    api_key: bool | None = None


TABLE: tuple[Transition, ...] = (
    Transition(Stage.SPARE, Event.TAKE, Stage.STAGED, _ROTATOR, "a rotation begins, and this is the oldest spare"),
    Transition(
        Stage.STAGED, Event.COMPLETE, Stage.PENDING, "an operator by `key set-api-key`; of a spare the rotator",
        "its API key is known", api_key=True,
    ),
    Transition(
        Stage.PENDING, Event.VALIDATE, Stage.VALIDATED, _ROTATOR,
        "the guard's probe: the exchange takes its signature, names the account of the active one and the same rights",
    ),
    Transition(
        Stage.VALIDATED, Event.PROMOTE, Stage.ACTIVE, _ROTATOR, "no other version is draining",
        beside=(Stage.ACTIVE, Stage.DRAINING),
    ),
    Transition(
        Stage.DRAINING, Event.DRAINED, Stage.RETIRED, _ROTATOR,
        "no request and no user data of gateway and guard stands on it any more",
    ),
    Transition(
        Stage.RETIRED, Event.REFUSED, Stage.REVOKED, _ROTATOR,
        "the guard shows its API key without a signature: the exchange refuses it, and takes the active one",
    ),
    # The ways back.
    Transition(
        Stage.PENDING, Event.CORRECT, Stage.STAGED, "an operator by `key set-api-key`", "its API key is corrected"
    ),
    Transition(Stage.SPARE, Event.ABORT, None, "an operator by `key spare remove`", "it is not wanted any more"),
    Transition(
        Stage.STAGED, Event.ABORT, Stage.SPARE, _OPERATOR, "it has an API key: it was a spare", api_key=True
    ),
    Transition(
        Stage.STAGED, Event.ABORT, None, _OPERATOR, "it has no API key: the exchange does not know it", api_key=False
    ),
    Transition(Stage.PENDING, Event.ABORT, Stage.RETIRED, _OPERATOR, "the exchange knows it: it must be deleted there"),
    Transition(
        Stage.VALIDATED, Event.ABORT, Stage.RETIRED, _OPERATOR, "the exchange knows it: it must be deleted there"
    ),
    Transition(
        Stage.ACTIVE, Event.ABORT, Stage.DRAINING, _OPERATOR, "the one before is still draining and comes back",
        beside=(Stage.DRAINING, Stage.ACTIVE),
    ),
    Transition(
        Stage.DRAINING, Event.ABORT, Stage.ACTIVE, _OPERATOR, "the one after it is taken back",
        beside=(Stage.ACTIVE, Stage.DRAINING),
    ),
    Transition(
        Stage.RETIRED, Event.ABORT, Stage.PENDING, _OPERATOR,
        "it is proven anew and becomes the active one again; until then the present one stays",
    ),
)  # fmt: skip
# Revoked has no way back: the exchange does not know the key any more. The way on is another rotation.


def fault_of(versions: Sequence[Version]) -> str | None:
    """Tell what is wrong with the versions of one key, None when nothing is."""
    stages = [version.stage for version in versions]
    if stages.count(Stage.ACTIVE) != 1:
        return "a key has exactly one active version"
    if stages.count(Stage.DRAINING) > 1:
        return "another version is still draining; wait until it is retired"
    if sum(stage in SUCCESSORS for stage in stages) > 1:
        return "another version is on its way already; see: counterseal key rotate NAME --status"
    return None


def apply(versions: Sequence[Version], ref: str, event: Event, now_ms: int) -> tuple[Version, ...] | Refusal:
    """Give the versions of one key after an event, or why it moves nothing."""
    version = next((each for each in versions if each.ref == ref), None)
    row = None if version is None else _row(version, event)
    if version is None or row is None:
        at = "unknown" if version is None else version.stage.value
        return Refusal(f"{ref} is {at}, and {event.value} leads nowhere from there")
    after = [moved for each in versions if (moved := _moved(each, ref, row, now_ms)) is not None]
    if row.beside is not None and len([each for each in versions if each.stage is row.beside[0]]) != 1:
        return Refusal(f"there is no {row.beside[0].value} version beside {ref}")
    fault = fault_of(after)
    return tuple(after) if fault is None else Refusal(fault)


def aborted(versions: Sequence[Version]) -> str | None:
    """Give the version at which a rotation is taken back: the one on its way, else the one that it has replaced."""
    for stages in (SUCCESSORS, {Stage.DRAINING}, {Stage.RETIRED}):
        found = [version for version in versions if version.stage in stages]
        if found:
            return max(found, key=lambda version: number_of(version.ref)).ref
    return None


def only(versions: Sequence[Version], *stages: Stage) -> Version | None:
    """Give the version that is in one of the stages, None when there is none; the oldest of several."""
    found = [version for version in versions if version.stage in stages]
    return min(found, key=lambda version: number_of(version.ref)) if found else None


def _row(version: Version, event: Event) -> Transition | None:
    for row in TABLE:
        if (row.stage, row.event) == (version.stage, event) and row.api_key in (None, version.has_api_key):
            return row
    return None


def _moved(version: Version, ref: str, row: Transition, now_ms: int) -> Version | None:
    if version.ref == ref:
        return None if row.to is None else version._replace(stage=row.to, since_ms=now_ms)
    if row.beside is not None and version.stage is row.beside[0]:
        return version._replace(stage=row.beside[1], since_ms=now_ms)
    return version
