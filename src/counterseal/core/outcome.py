"""What an answer of the exchange proves: ACCEPTED, REJECTED, or UNKNOWN unless proven.

The closed list of `semantics.md` 5.2: a request that changes something is REJECTED only when the answer says so
unmistakably. Everything else that could have been executed is UNKNOWN.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Outcome(StrEnum):
    """NOT_SENT: no byte left. UNKNOWN: it may have been executed. ABSENT: it was not, and cannot be any more."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    NOT_SENT = "NOT_SENT"
    ABSENT = "ABSENT"


class Answer(NamedTuple):
    """A complete answer: status, the parsed body (None when it is no JSON), the exchange's code and message if any."""

    status: int
    body: Any
    code: int | None
    message: str


# Answers to a throttled, banned or unknown caller: refused before execution.
_BEFORE_EXECUTION = frozenset({401, 403, 418, 429})
_FUTURES = frozenset({"usdm", "coinm", "papi", "options"})
_NO_CODE = (200, "200", 0)  # a tuple: what the exchange sends may be unhashable
# Codes whose meaning is "execution status unknown".
_UNKNOWN_CODES = frozenset({-1000, -1006, -1007})
# Codes that say: refused, nothing was executed. What is not here proves nothing: -1016 and -2012 are left out because
# they do not say how far the request came, -2010 counts unless it is the duplicate.
_REJECTS = frozenset(
    {-1002, -1003, -1013, -1014, -1015, -1020, -1021, -1022, *range(-1199, -1099)}
    | {-2010, -2011, -2013, -2014, -2015, -2016}
)
_SPOT_REJECTS = _REJECTS | {-1210, -1211, *range(-1225, -1219), -2026, -2038, -2039, -2043}
_FUTURES_REJECTS = (
    _REJECTS
    | {-1001, -1008, -1011, -1023, -1099, -2007, *range(-2028, -2016), -2038, -2039}
    | {*range(-4999, -3999), -5021, -5022, -5024, -5026, -5027, -5028, -5040}
) - {-4116}
_FUTURES_FAILED_503 = frozenset(
    {"Service Unavailable", "Internal error; unable to process your request. Please try again"}
)
_THROTTLED_503 = "Request throttled by system-level protection"
# A cancelReplace of which at least one half failed; futures give these numbers another meaning.
_TWO_RESULTS = frozenset({-2021, -2022})


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


def classify(family: str, answer: Answer, expected: Mapping[str, str], *, has_two_results: bool = False) -> Outcome:
    """Classify the answer to a request that changes something.

    `expected` maps fields of the reply (symbol, clientOrderId) to the texts that were sent; a reply that does not state
    exactly them belongs to another request. A batch is as certain as its least certain leg. `has_two_results` is for a
    cancelReplace: told to any other request they are an answer to somebody else.
    """
    if answer.code in _UNKNOWN_CODES or is_duplicate(answer):
        return Outcome.UNKNOWN
    if _gives_two_results(family, answer) and not has_two_results:
        return Outcome.UNKNOWN
    if 200 <= answer.status < 300:
        return _success(family, answer, expected)
    if answer.status in _BEFORE_EXECUTION:
        return Outcome.REJECTED
    if answer.status == 503 and family in _FUTURES:
        return _futures_503(answer)
    if 400 <= answer.status < 500 and answer.status != 408:
        return _refused(family, answer)
    return Outcome.UNKNOWN


def leg_outcome(family: str, leg: Any) -> Outcome:
    """Classify one element of a batch's reply. Only a REJECTED leg frees its client id."""
    read = read_answer(400, leg)
    if read.code is None:
        return Outcome.ACCEPTED if isinstance(leg, dict) and leg.get("code", 200) in _NO_CODE else Outcome.UNKNOWN
    return _refused(family, read)


def _success(family: str, answer: Answer, expected: Mapping[str, str]) -> Outcome:
    body = answer.body
    if isinstance(body, list) and not expected:
        proven = all(leg_outcome(family, leg) is not Outcome.UNKNOWN for leg in body)
    elif isinstance(body, dict):
        # Some futures replies carry {"code": 200}; any other code is no success.
        proven = body.get("code", 200) in _NO_CODE and all(body.get(name) == sent for name, sent in expected.items())
    else:
        proven = False
    return Outcome.ACCEPTED if proven else Outcome.UNKNOWN


def _refused(family: str, answer: Answer) -> Outcome:
    futures = family in _FUTURES
    if _gives_two_results(family, answer):
        return _cancel_replace(answer)
    if is_duplicate(answer) or answer.status == 409:
        return Outcome.UNKNOWN
    return Outcome.REJECTED if answer.code in (_FUTURES_REJECTS if futures else _SPOT_REJECTS) else Outcome.UNKNOWN


def _gives_two_results(family: str, answer: Answer) -> bool:
    return answer.code in _TWO_RESULTS and family not in _FUTURES


def _cancel_replace(answer: Answer) -> Outcome:
    """Read both results: REJECTED when nothing happened, ACCEPTED when what happened is known and is not nothing."""
    data = answer.body.get("data")
    if not isinstance(data, dict):
        return Outcome.UNKNOWN
    halves = [(data.get(half + "Result"), data.get(half + "Response")) for half in ("cancel", "newOrder")]
    if not all(_half_known(result, response) for result, response in halves):
        return Outcome.UNKNOWN
    return Outcome.ACCEPTED if any(result == "SUCCESS" for result, _ in halves) else Outcome.REJECTED


def _half_known(result: object, response: object) -> bool:
    if result == "FAILURE":
        return _refused("spot", read_answer(400, response)) is Outcome.REJECTED
    return result == "NOT_ATTEMPTED" or (result == "SUCCESS" and isinstance(response, dict))


def _futures_503(answer: Answer) -> Outcome:
    text = answer.message.rstrip(".")
    failed = answer.code in (-1001, -1008) or text in _FUTURES_FAILED_503 or text.startswith(_THROTTLED_503)
    return Outcome.REJECTED if failed else Outcome.UNKNOWN


def is_duplicate(answer: Answer) -> bool:
    """Tell whether the exchange says that an earlier order of this id is live.

    That is no rejection: our own request may be that order, executed at an earlier try inside the exchange.
    """
    return (answer.code == -2010 and answer.message == "Duplicate order sent.") or answer.code == -4116
