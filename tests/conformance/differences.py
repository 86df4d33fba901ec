"""Where we differ from what Autobahn's cases expect, on purpose or with a reason: nothing else may differ.

A case that is named here and passes is a difference too: what is said of it is no longer true.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.conformance.suite import Outcome

CASES = 517
PASSED = Outcome("OK", "OK", None)


@dataclass(frozen=True)
class Difference:
    """Cases that end in one and the same other way; `cases` are their numbers, `*` for any rest."""

    why: str
    outcome: Outcome
    cases: str
    # Where two of our bounds are met by the same byte, the goodbye may name either.
    or_code: int | None = None

    def is_met(self, outcome: Outcome) -> bool:
        """Tell whether a case ended so."""
        return outcome in (self.outcome, self.outcome._replace(code=self.or_code or self.outcome.code))


_REFUSED = ("FAILED", "FAILED")
COMPRESSION = Difference(
    "compression is not taken up, so there is nothing to test", Outcome("UNIMPLEMENTED", "OK", 1000), "12.* 13.*"
)
WHOLE_FRAMES = Difference(
    "a frame is judged when it is whole: bad UTF-8 within one is found at its end (RFC 6455 leaves the moment open)",
    Outcome("NON-STRICT", "OK", 1007), "6.4.3 6.4.4",
)  # fmt: skip
CLOSE_WITHIN = Difference(
    "the websockets library answers a goodbye between the fragments of a message with 1002 instead of the code it got",
    Outcome("FAILED", "WRONG CODE", 1002), "7.1.5",
)  # fmt: skip
UNDEFINED_CODES = Difference(
    "close codes of 5000 and above are refused; the suite only takes note",
    Outcome("INFORMATIONAL", "INFORMATIONAL", 1002), "7.13.1 7.13.2",
)  # fmt: skip
COMMON = (COMPRESSION, WHOLE_FRAMES, CLOSE_WITHIN, UNDEFINED_CODES)

SERVER = (
    *COMMON,
    Difference(
        "no message of a bot is binary: refused with 1003", Outcome(*_REFUSED, 1003),
        "1.2.* 9.2.1 9.4.1 9.4.2 9.4.3 9.4.4 9.4.5 9.8.*",
    ),
    Difference(
        "a bot's message has at most 16 fragments: refused with 1008", Outcome(*_REFUSED, 1008),
        "6.2.3 6.2.4 9.3.1 9.3.2 9.3.3 10.1.1",
    ),
    Difference(
        "a bot's message has at most 64 KiB: refused with 1009", Outcome(*_REFUSED, 1009),
        "9.1.2 9.1.3 9.1.4 9.1.5 9.1.6 9.2.2 9.2.3 9.2.4 9.2.5 9.2.6 9.3.5 9.3.6 9.3.7 9.3.8 9.3.9 "
        "9.4.7 9.4.8 9.4.9 9.5.* 9.6.*",
    ),
    Difference(
        "16 fragments of 4 KiB are 64 KiB: refused for the one or for the other", Outcome(*_REFUSED, 1008), "9.3.4",
        or_code=1009,
    ),
    Difference(
        "binary fragments of 64 KiB: refused for the first one's kind or for the second one's size",
        Outcome(*_REFUSED, 1009), "9.4.6", or_code=1003,
    ),
    Difference(
        "256 KiB and a goodbye back to back: refused for its size; the suite only takes note",
        Outcome("INFORMATIONAL", "INFORMATIONAL", 1009), "7.1.6",
    ),
)  # fmt: skip

CLIENT = (
    *COMMON,
    Difference(
        "the exchange sends no binary message where we listen: refused with 1003", Outcome(*_REFUSED, 1003),
        "1.2.* 9.2.1 9.2.2 9.2.3 9.2.4 9.2.5 9.4.* 9.6.* 9.8.*",
    ),
    Difference(
        "a message of the exchange has at most 8 MiB: refused with 1009", Outcome(*_REFUSED, 1009), "9.1.6 9.2.6",
    ),
    Difference(
        "256 KiB and a goodbye back to back: both are answered; the suite only takes note",
        Outcome("INFORMATIONAL", "INFORMATIONAL", 1000), "7.1.6",
    ),
)  # fmt: skip


def expected(case: str, differences: Iterable[Difference]) -> Difference | None:
    """Give what is said of a case; None when it is to pass. Raises ValueError when two things are said of it."""
    said = [each for each in differences if any(fnmatchcase(case, pattern) for pattern in each.cases.split())]
    if len(said) > 1:
        raise ValueError(f"more than one reason for {case}")
    return said[0] if said else None


def surprises(outcomes: Mapping[str, Outcome], differences: Iterable[Difference]) -> list[str]:
    """Name the cases that did not end as is said of them."""
    found = []
    for case, outcome in outcomes.items():
        known = expected(case, differences)
        as_said = known.is_met(outcome) if known else outcome._replace(code=None) == PASSED
        if not as_said:
            found.append(case)
    return found


def table(outcomes: Mapping[str, Outcome], differences: Iterable[Difference]) -> str:
    """Count what passed and what differs, by reason."""
    counts = Counter(expected(case, differences) for case in outcomes)
    rows = [f"{len(outcomes)} cases, {counts.pop(None, 0)} passed"]
    rows += [f"{count:4} {known.outcome.behavior}: {known.why}" for known, count in counts.items() if known]
    return "\n".join(rows)
