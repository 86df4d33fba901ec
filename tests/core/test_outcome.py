"""What an answer proves: the closed list row by row, and UNKNOWN for everything else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterseal.core.outcome import Answer, Outcome, classify, is_duplicate, leg_outcome, read_answer

ERRORS = json.loads((Path(__file__).parent.parent / "vectors" / "exchange_errors.json").read_text())
A, R, U = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN
SPOT, FUTURES = "spot", "usdm"
FAMILIES = ("spot", "usdm", "coinm", "papi", "options")
NOT_FUTURES = ("spot", "www")
INTERNAL = "Internal error; unable to process your request. Please try again."
THROTTLED = (
    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
)
ECHO = {"symbol": "BTCUSDT", "clientOrderId": "mine"}


def error(code: Any, msg: Any = "text") -> dict[str, Any]:
    return {"code": code, "msg": msg}


def outcome(family: str, status: int, body: Any, expected: dict[str, str] | None = None) -> Outcome:
    return classify(family, read_answer(status, body), expected or {})


# status, body, class on spot, class on futures
ROWS = [
    # 2xx, well formed, symbol and clientOrderId match
    (200, {**ECHO, "orderId": 1}, A, A),
    (201, {**ECHO, "orderId": 1}, A, A),
    # 2xx but truncated, mismatched, unparsable, or a 3xx
    (200, None, U, U),
    (200, {**ECHO, "symbol": "ETHUSDT"}, U, U),
    (200, {**ECHO, "clientOrderId": "other"}, U, U),
    (200, {"symbol": "BTCUSDT"}, U, U),
    (200, {}, U, U),
    (200, [dict(ECHO)], U, U),
    (200, "mine", U, U),
    (200, 1, U, U),
    (200, {**ECHO, **error(-2010)}, U, U),
    (200, {**ECHO, **error(400)}, U, U),
    (200, {**ECHO, "code": [1]}, U, U),
    *[(status, dict(ECHO), U, U) for status in (100, 199, 300, 301, 302, 307, 308, 399)],
    # 4xx with a known reject code
    *[(400, error(code), R, R) for code in (-1002, -1013, -1014, -1020, -1100, -1111, -1121, -1130, -2011, -2013)],
    (400, error(-2010, "Account has insufficient balance for requested action."), R, R),
    (400, error(-2038), R, R),
    *[(400, error(code), U, R) for code in (-2018, -2019, -2025, -2027, -4000, -4003, -4164, -4400, -5021, -5022)],
    (404, error(-1121), R, R),
    # an earlier order of that id is live
    (400, error(-2010, "Duplicate order sent."), U, U),
    (400, error(-4116, "ClientOrderId is duplicated."), U, U),
    (200, error(-2010, "Duplicate order sent."), U, U),
    # clock and signature
    (400, error(-1021), R, R),
    (400, error(-1022), R, R),
    # keys, firewall, throttling, ban
    (401, error(-2015), R, R),
    (401, None, R, R),
    (400, error(-2014), R, R),
    (403, None, R, R),
    (403, error(-1002), R, R),
    (429, error(-1003), R, R),
    (429, error(-1015), R, R),
    (429, None, R, R),
    (400, error(-1003), R, R),
    (418, error(-1003), R, R),
    (418, None, R, R),
    # backend timeouts
    (408, error(-1007), U, U),
    (408, None, U, U),
    (408, error(-2010), U, U),
    *[
        (status, error(code), U, U)
        for code in (-1000, -1006, -1007)
        for status in (200, 400, 401, 403, 409, 418, 429, 500, 503)
    ],
    # -1001 and the 503 texts
    (400, error(-1001, INTERNAL), U, R),
    (503, error(-1001, INTERNAL), U, R),
    (503, {"msg": INTERNAL}, U, R),
    (503, {"msg": "Service Unavailable."}, U, R),
    (503, {"msg": "Service Unavailable"}, U, R),
    (503, {"msg": "Service Unavailable. Perhaps."}, U, U),
    (503, error(-1008, "anything"), U, R),
    (503, {"msg": THROTTLED}, U, R),
    (400, error(-1008), U, R),
    (503, {"msg": "Unknown error, please check your request or try again later."}, U, U),
    (503, error(-1000, INTERNAL), U, U),
    (503, error(-2010), U, U),
    (503, None, U, U),
    # any other 5xx
    *[
        (status, body, U, U)
        for status in (500, 501, 502, 504, 599)
        for body in (None, error(-1001, INTERNAL), error(-1008), error(-2010))
    ],
    # codes outside the list, and answers without one
    (400, None, U, U),
    (400, {}, U, U),
    (400, error(-9999), U, U),
    (400, error(-1), U, U),
    (400, error(-1016), U, U),
    (400, error(-2012), U, U),
    (400, error(True), U, U),
    (400, error("-2011"), U, U),
    (400, error(2011), U, U),
    (400, [error(-2011)], U, U),
    (451, None, U, U),
    # 409 without the two results
    (409, None, U, U),
    (409, error(-2011), U, U),
    (409, error(-2021), U, U),
    (0, None, U, U),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "spot", "futures"), ROWS)
def test_the_closed_list(status: int, body: Any, spot: Outcome, futures: Outcome) -> None:
    """Every row of the classification table, on spot and on futures."""
    assert outcome(SPOT, status, body, ECHO) is spot
    assert outcome(FUTURES, status, body, ECHO) is futures


# -- cancelReplace: two results in one answer

FAILED, LOST, PLACED = error(-2011), error(-1007), {"symbol": "BTCUSDT", "orderId": 2}


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize(
    ("cancel", "new", "result"),
    [
        (("FAILURE", FAILED), ("FAILURE", error(-2010, "Stop price would trigger immediately.")), R),
        (("FAILURE", FAILED), ("NOT_ATTEMPTED", None), R),
        (("SUCCESS", {"orderId": 1}), ("FAILURE", error(-2010)), A),
        (("FAILURE", FAILED), ("SUCCESS", PLACED), A),
        (("SUCCESS", {"orderId": 1}), ("FAILURE", LOST), U),
        (("FAILURE", LOST), ("SUCCESS", PLACED), U),
        (("FAILURE", FAILED), ("FAILURE", LOST), U),
        (("FAILURE", FAILED), ("FAILURE", error(-2010, "Duplicate order sent.")), U),
        (("FAILURE", FAILED), ("FAILURE", None), U),
        (("SUCCESS", {"orderId": 1}), ("SUCCESS", None), U),
        (("SUCCESS", {"orderId": 1}), ("PERHAPS", PLACED), U),
        (("SUCCESS", {"orderId": 1}), (None, None), U),
    ],
)
@pytest.mark.parametrize("code", [-2021, -2022])
def test_both_results_are_read(code: int, status: int, cancel: Any, new: Any, result: Outcome) -> None:
    """REJECTED when nothing happened, ACCEPTED when something did and all is known, else UNKNOWN."""
    data = {
        "cancelResult": cancel[0],
        "cancelResponse": cancel[1],
        "newOrderResult": new[0],
        "newOrderResponse": new[1],
    }
    told = read_answer(status, {**error(code), "data": data})
    assert classify(SPOT, told, {}, has_two_results=True) is result
    assert classify(SPOT, told, {}) is U, "told to a request that has one result it is somebody else's"


def test_a_spot_2022_without_results_and_the_futures_codes_of_the_same_number() -> None:
    """-2021 and -2022 are cancelReplace on spot; on futures they refuse an order (would trigger, reduce-only)."""
    for body in (error(-2022), {**error(-2022), "data": 7}):
        assert classify(SPOT, read_answer(400, body), {}, has_two_results=True) is U
    assert outcome(FUTURES, 400, error(-2021)) is R
    assert outcome(FUTURES, 400, error(-2022)) is R


# -- batches


@pytest.mark.parametrize(
    ("leg", "result"),
    [
        ({"orderId": 1}, A),
        ({"orderId": 1, "code": 200}, A),
        ({"orderId": 1, "code": "200"}, A),
        (error(-4164), R),
        (error(-2019), R),
        (error(-1007), U),
        (error(-1000), U),
        (error(-4116), U),
        (error(-2010, "Duplicate order sent."), U),
        (error(-9999), U),
        (error(500), U),
        ({"code": []}, U),
        (None, U),
        ("x", U),
        ([], U),
    ],
)
def test_a_batch_is_as_certain_as_its_least_certain_leg(leg: Any, result: Outcome) -> None:
    """A leg whose outcome is unknown makes the batch UNKNOWN; a refused one does not."""
    assert leg_outcome(FUTURES, leg) is result
    whole = outcome(FUTURES, 200, [{"orderId": 1}, leg, {"orderId": 2}])
    assert whole is (U if result is U else A)


@pytest.mark.parametrize(
    "body", [{}, {"code": 200, "msg": "success"}, {"code": "200"}, {"code": 0}, [], {"leverage": 5}]
)
def test_successes_without_an_echo(body: Any) -> None:
    """Test orders answer {}, futures cancels {"code": 200}: with nothing to compare these are accepted."""
    assert outcome(FUTURES, 200, body) is A


# -- properties

bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("code", "msg", "data", "symbol", "clientOrderId", "x")), inner, max_size=4)
    ),
    max_leaves=8,
)
codes = st.integers(-6000, 600) | st.none()
REJECT_STATUSES = {401, 403, 418, 429}


@given(st.sampled_from(NOT_FUTURES), st.integers(500, 599), bodies | st.builds(error, codes, st.text()))
@example("spot", 503, {"msg": "Service Unavailable."})
def test_a_5xx_on_spot_rejects_nothing(family: str, status: int, body: Any) -> None:
    """The exchange says of every spot 5xx that it could have been a success."""
    assert outcome(family, status, body) is U


@given(st.sampled_from(FAMILIES), st.integers(0, 700), bodies)
def test_nothing_is_accepted_without_the_echo(family: str, status: int, body: Any) -> None:
    """ACCEPTED only from a 2xx that states symbol and id as sent."""
    if outcome(family, status, body, ECHO) is A:
        assert 200 <= status < 300
        assert {name: body[name] for name in ECHO} == ECHO


@given(st.sampled_from(FAMILIES), st.integers(300, 700), bodies)
def test_without_a_code_or_a_listed_text_nothing_is_rejected(family: str, status: int, body: Any) -> None:
    """A body without one of the exchange's codes rejects by its status only (401, 403, 418, 429)."""
    answer = read_answer(status, body)
    if answer.code is None and not answer.message.startswith(("Service Un", "Internal err", "Request thr")):
        assert classify(family, answer, {}) is (R if status in REJECT_STATUSES else U)


DOCUMENTED = {row["code"] for row in ERRORS}
UNDOCUMENTED = st.integers(-30_000, -1).filter(
    lambda code: code not in DOCUMENTED and not -1199 <= code <= -1100 and not -4999 <= code <= -4000
)


@given(st.sampled_from(FAMILIES), st.integers(400, 499).filter(lambda s: s not in REJECT_STATUSES), UNDOCUMENTED)
def test_a_code_outside_the_list_proves_nothing(family: str, status: int, code: int) -> None:
    """A code that the exchange has not documented is UNKNOWN, but for the blocks -11xx and (futures) -4xxx."""
    assert outcome(family, status, error(code)) is U


def test_which_documented_codes_do_not_reject() -> None:
    """Of all documented codes these alone leave an order of either product in doubt."""
    doubtful = {
        code for code in DOCUMENTED if outcome(SPOT, 400, error(code)) is outcome(FUTURES, 400, error(code)) is U
    }
    assert doubtful == {
        -1000,
        -1004,
        -1005,
        -1006,
        -1007,
        -1010,
        -1016,
        -1033,
        -1034,
        -1035,
        -2012,
        -2035,
        -2036,
        -2042,
    }


def test_an_answer_is_read_with_care() -> None:
    """A code is a negative number that is no boolean; a message is a text."""
    assert read_answer(400, error(-1, "m")) == Answer(400, error(-1, "m"), -1, "m")
    assert read_answer(400, error(True, 5)) == Answer(400, error(True, 5), None, "")
    assert read_answer(200, [1]) == Answer(200, [1], None, "")


def test_duplicates() -> None:
    """The text decides for -2010, the number for -4116."""
    assert is_duplicate(read_answer(400, error(-2010, "Duplicate order sent.")))
    assert is_duplicate(read_answer(400, error(-4116)))
    assert not is_duplicate(read_answer(400, error(-2010, "Market is closed.")))
    assert not is_duplicate(read_answer(400, error(-2011, "Duplicate order sent.")))
