"""Unknown requests as the resolver takes them up: out of the hot path, or out of the journal at a start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterseal.core.orders import Entry
from counterseal.core.outcome import Outcome
from counterseal.core.queries import Window
from counterseal.core.resolver import RULES
from counterseal.core.subjects import Change, Subject, subjects
from counterseal.gateway.admission import Admitted
from counterseal.gateway.state import State

# Nothing is signed with more (the signer's own bound): what holds for a request of which only the intent is known.
MAX_RECV_WINDOW_MS = 5_000
# Nor by a clock that is further from the exchange's.
MAX_OFFSET_MS = 5_000
# Whatever came of an intent of the run before happened within this: it waits, is signed, travels and is worked on.
RECOVERED_SPAN_MS = 60_000
# The exchange forgets some orders that ended without a trade after three days; from then on it can prove no absence.
PROVABLE_MS = 48 * 3600 * 1000


@dataclass(eq=False, slots=True)
class Case:
    """One unknown request. `sent_ms` is monotonic and no earlier than its timestamp, `window` is exchange time.

    `key` names the exchange key that signed it: only that one is certain to see the same account. `duplicate` tells
    that the exchange refused it because its id was live. `unseen` are the subjects that have not been asked for yet,
    `heard` what the last answer about each that was asked for said.
    """

    entry: Entry
    family: str
    path: str
    client_ids: tuple[str, ...]
    subjects: tuple[Subject, ...]
    key: str
    sent_ms: int
    recv_window_ms: int
    window: Window
    duplicate: bool = False
    keeps_ids: bool = False
    unseen: set[Subject] = field(default_factory=set)
    heard: dict[Subject, str] = field(default_factory=dict)


def case_of(
    state: State, admitted: Admitted, entry: Entry, key: str, signed_ms: int, recv_window_ms: int, *, duplicate: bool
) -> Case | None:
    """Give the case of a request that has just become UNKNOWN; None where there is nothing to ask for.

    `signed_ms` is the monotonic moment at which its signature was there.
    """
    endpoint, intent = admitted.endpoint, admitted.intent
    asked = _ours(state, entry, subjects(endpoint.family, endpoint.method, endpoint.path, intent.values))
    if not asked:
        return None
    stamp_ms = state.exchange_ms(signed_ms) or state.clock.wall_ns() // 1_000_000
    last_ms = stamp_ms + recv_window_ms + RULES.skew_ms + RULES.backend_ms + RULES.lag_ms
    return Case(
        entry, endpoint.family, endpoint.path, intent.client_ids, asked, key, signed_ms, recv_window_ms,
        Window(stamp_ms, last_ms), duplicate, unseen=set(asked),
    )  # fmt: skip


def recovered_case(state: State, intent: Mapping[str, Any]) -> Case | None:
    """Give the case of an intent that the journal left UNKNOWN; None where there is nothing to ask for.

    When it was signed nobody knows, but it was before this run began: wall clocks step, so it counts from now. By which
    clock its intent was written is known all the same: no other can have had it signed.
    """
    family, ids = intent["family"], tuple(intent["client_ids"])
    offset_ms, now_ms = state.offset_ms(), state.monotonic_ms()
    stamp_ms = intent["t"] + (offset_ms if abs(offset_ms) <= MAX_OFFSET_MS else 0)
    age_ms = state.told_ms(now_ms) - intent["t"]
    known = [entry for name in ids if (entry := state.ledger.get(family, name)) and entry.request == intent["id"]]
    digest = bytes.fromhex(intent["digest"])
    entry = known[0] if known else Entry(intent["bot"], intent["id"], digest, now_ms - age_ms, Outcome.UNKNOWN)
    asked = _ours(state, entry, subjects(family, intent["method"], intent["path"], dict(intent["pairs"])))
    if not asked:
        return None
    return Case(
        entry, family, intent["path"], ids, asked, intent["key"], now_ms, MAX_RECV_WINDOW_MS,
        Window(stamp_ms, stamp_ms + RECOVERED_SPAN_MS), keeps_ids=age_ms > PROVABLE_MS, unseen=set(asked),
    )  # fmt: skip


def _ours(state: State, entry: Entry, asked: tuple[Subject, ...]) -> tuple[Subject, ...]:
    """A leg that was refused at once has given its id back: whoever bears that id now is somebody else."""
    ledger = state.ledger
    return tuple([s for s in asked if s.change is not Change.BORN or ledger.get(s.family, s.client_id) is entry])
