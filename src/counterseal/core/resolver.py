"""When an unknown request is proven: what to ask the exchange next, at which moment, and what each answer proves.

One `Proof` is about one thing that a request would have brought about: an order born, ended or changed. What it shows
is final at once. That it never came about is proven only when the request has expired (`Rules`), and an order's birth
only by several denials of its id, the open orders and the trades besides. All times are milliseconds of one clock that
only grows; nothing here asks or waits.
"""

from enum import Enum
from typing import NamedTuple

# Pauses between sound answers that prove nothing yet, and after unsound ones.
PAUSES_MS = (250, 500, 1000, 2000, 3000)
FIRST_RETRY_MS = 500
LONGEST_RETRY_MS = 5_000
# Unresolved for so long is a critical event, and from then on pauses grow with its age.
OVERDUE_MS = 60_000
RARELY_MS = 60_000
PART_OF_AGE = 6


class Rules(NamedTuple):
    """What must have passed before a denial counts.

    `skew_ms` is how far ahead of its time the exchange takes a timestamp, `backend_ms` how long it may work on what it
    has taken, `lag_ms` how far its reads are behind. `misses` denials over `span_ms` after expiry are needed, two of
    them `apart_ms` apart after the rest has passed.
    """

    skew_ms: int = 1_000
    backend_ms: int = 10_000
    lag_ms: int = 2_000
    misses: int = 4
    span_ms: int = 10_000
    apart_ms: int = 1_000


RULES = Rules()


class Ask(Enum):
    """The questions, in order; only an order's birth needs more than the first."""

    NAMED = "by its id"
    OPEN = "open orders"
    TRADES = "trades"
    WINDOW = "all orders of that time"


class Finding(Enum):
    """What one answer says. SILENT is no answer, or one that proves nothing."""

    THERE = "it came about"
    NEVER = "it cannot come about any more"
    NOT_THERE = "not there"
    TRADED = "something was traded"
    SILENT = "no sound answer"


class End(Enum):
    """What is proven."""

    TAKEN = "taken"
    ABSENT = "absent"
    REFUSED = "refused"


class Proof(NamedTuple):
    """What is known of one thing. `places` tells that it is an order's birth.

    `expires_ms` is when the request can no longer be let in, `settled_ms` when what was let in must show. The rest is
    evidence: denials since expiry (`missing`, the first and last of them) and the first denial since all has settled.
    """

    places: bool
    begun_ms: int
    expires_ms: int
    settled_ms: int
    ask: Ask = Ask.NAMED
    asked: int = 0
    asked_ms: int = 0
    silent: int = 0
    missing: int = 0
    first_missing_ms: int = 0
    first_late_ms: int | None = None
    end: End | None = None


def begin(sent_ms: int, recv_window_ms: int, now_ms: int, *, places: bool, rules: Rules = RULES) -> Proof:
    """Begin with nothing known. `sent_ms` is no earlier than the moment of the request's timestamp."""
    expires_ms = sent_ms + recv_window_ms + rules.skew_ms
    return Proof(places, now_ms, expires_ms, expires_ms + rules.backend_ms + rules.lag_ms)


def next_ask(proof: Proof, rules: Rules = RULES) -> tuple[Ask, int]:
    """Give the next question and the moment for it."""
    if not proof.asked:
        return proof.ask, proof.begun_ms
    at_ms = proof.asked_ms + _pause_ms(proof, rules)
    for moment_ms in (proof.expires_ms, proof.settled_ms):
        if proof.asked_ms < moment_ms < at_ms:
            return proof.ask, moment_ms
    return proof.ask, at_ms


def _pause_ms(proof: Proof, rules: Rules) -> int:
    if proof.silent:
        age_ms = proof.asked_ms - proof.begun_ms
        longest = LONGEST_RETRY_MS if age_ms < OVERDUE_MS else min(age_ms // PART_OF_AGE, RARELY_MS)
        return min(FIRST_RETRY_MS << min(proof.silent - 1, 10), longest)
    if proof.ask is not Ask.NAMED:
        return 0
    if proof.asked_ms >= proof.settled_ms:
        return rules.apart_ms + rules.apart_ms // 10
    return PAUSES_MS[min(proof.asked, len(PAUSES_MS)) - 1]


def learn(proof: Proof, finding: Finding, asked_ms: int, rules: Rules = RULES) -> Proof:
    """Take in the answer to `proof.ask`, which left at `asked_ms`: an answer cannot be older than its question."""
    asked = proof._replace(asked=proof.asked + 1, asked_ms=asked_ms, silent=0)
    if finding is Finding.THERE:
        return asked._replace(end=End.TAKEN)
    if finding is Finding.NEVER:
        return asked._replace(end=End.REFUSED)
    if finding is Finding.SILENT:
        return asked._replace(silent=proof.silent + 1)
    if finding is Finding.TRADED:
        return asked._replace(ask=Ask.WINDOW)
    return _denied(asked, rules) if proof.ask is Ask.NAMED else _looked_elsewhere(asked)


def _denied(proof: Proof, rules: Rules) -> Proof:
    """One more denial by id: what was asked before expiry counts for nothing."""
    at_ms = proof.asked_ms
    if at_ms < proof.expires_ms:
        return proof
    if not proof.places:
        return proof._replace(end=End.ABSENT) if at_ms >= proof.settled_ms else proof
    first_ms = proof.first_missing_ms if proof.missing else at_ms
    late_ms = at_ms if proof.first_late_ms is None and at_ms >= proof.settled_ms else proof.first_late_ms
    counted = proof._replace(missing=proof.missing + 1, first_missing_ms=first_ms, first_late_ms=late_ms)
    enough = counted.missing >= rules.misses and at_ms - first_ms >= rules.span_ms
    twice = late_ms is not None and at_ms - late_ms >= rules.apart_ms
    return counted._replace(ask=Ask.OPEN) if enough and twice else counted


def _looked_elsewhere(proof: Proof) -> Proof:
    return proof._replace(ask=Ask.TRADES) if proof.ask is Ask.OPEN else proof._replace(end=End.ABSENT)
