"""What an answer of the exchange proves: ACCEPTED, REJECTED, or UNKNOWN unless proven.

The closed list of `semantics.md` 5.2: a request that changes something is REJECTED only when the answer says so
unmistakably. Everything else that could have been executed is UNKNOWN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """NOT_SENT: no byte left. UNKNOWN: it may have been executed."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    NOT_SENT = "NOT_SENT"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, the parsed body (None when it is no JSON), the exchange's code and message if any."""

    status: int
    body: Any
    code: int | None
    message: str


# Codes whose meaning is "execution status unknown", and those that say too little.
_UNKNOWN_CODES = frozenset({-1000, -1006, -1007})
# Answers to a throttled or banned caller: refused before execution.
_THROTTLED = frozenset({429, 418})
_FUTURES = frozenset({"usdm", "coinm", "papi", "options"})
_FUTURES_FAILED_503 = (
    "Service Unavailable",
    "Internal error; unable to process your request",
    "Request throttled by system",
)


def read_answer(status: int, body: Any) -> Answer:
    """Take code and message out of a body of the exchange's error shape."""
    code, message = None, ""
    if isinstance(body, dict):
        raw = body.get("code")
        # Futures answer some successes with {"code": 200, "msg": "success"}.
        if isinstance(raw, int) and not isinstance(raw, bool) and raw < 0:
            code = raw
        text = body.get("msg")
        message = text if isinstance(text, str) else ""
    return Answer(status, body, code, message)


def classify(family: str, answer: Answer, expected: Mapping[str, str]) -> Outcome:
    """Classify the answer to a request that changes something.

    `expected` maps fields of the reply (symbol, clientOrderId) to the texts that were sent; a reply that states another
    value belongs to another request.
    """
    if 200 <= answer.status < 300:
        return _success(answer, expected)
    if answer.status in _THROTTLED or answer.status in (401, 403):
        return Outcome.REJECTED
    if answer.status == 409:
        return Outcome.UNKNOWN if answer.code is None else _half_done(answer)
    if answer.status == 503 and family in _FUTURES:
        return _futures_503(answer)
    if 400 <= answer.status < 500 and answer.status != 408:
        return Outcome.UNKNOWN if answer.code is None or answer.code in _UNKNOWN_CODES else Outcome.REJECTED
    return Outcome.UNKNOWN


def _success(answer: Answer, expected: Mapping[str, str]) -> Outcome:
    if answer.body is None:
        return Outcome.UNKNOWN
    if answer.code is not None:
        return Outcome.UNKNOWN
    if isinstance(answer.body, dict):
        for name, sent in expected.items():
            if name in answer.body and answer.body[name] != sent:
                return Outcome.UNKNOWN
    return Outcome.ACCEPTED


def _half_done(answer: Answer) -> Outcome:
    """cancelReplace: -2022 says that both halves failed, -2021 that one did."""
    return Outcome.REJECTED if answer.code == -2022 else Outcome.UNKNOWN


def _futures_503(answer: Answer) -> Outcome:
    failed = answer.code == -1008 or any(answer.message.startswith(text) for text in _FUTURES_FAILED_503)
    return Outcome.REJECTED if failed else Outcome.UNKNOWN


def is_duplicate(answer: Answer) -> bool:
    """Tell whether the exchange says that an earlier order of this id is live."""
    return (answer.code == -2010 and answer.message == "Duplicate order sent.") or answer.code == -4116
