"""The table of refusals: whole, unique, and in words that SDKs and operators can use."""

import json
from pathlib import Path

import pytest

from counterseal.core.reasons import REASONS, Reason

ERRORS = json.loads((Path(__file__).parent.parent / "vectors" / "exchange_errors.json").read_text())
CODES = {row["code"] for row in ERRORS}
TEXTS = {(row["code"], row["msg"]) for row in ERRORS}


@pytest.mark.parametrize("reason", REASONS.values(), ids=list(REASONS))
def test_a_reason_is_whole(reason: Reason) -> None:
    """A status that tells of an error, a code that the exchange documents, and three texts."""
    assert REASONS[reason.code] is reason
    assert reason.code.replace("_", "").isalpha()
    assert 400 <= reason.status <= 503
    assert reason.exchange_code in CODES | {-1131, -4116}
    assert reason.message.endswith((".", "!"))
    assert reason.message.isascii()
    assert reason.meaning and reason.remedy
    assert not reason.meaning.endswith(".") and not reason.remedy.endswith(".")
    assert "|" not in reason.meaning + reason.remedy


def test_the_number_of_reasons_is_the_number_of_codes() -> None:
    """No code was given twice: the later one would have hidden the earlier."""
    from counterseal.core import reasons

    assert len(reasons._REASONS) == len(REASONS)


@pytest.mark.parametrize(
    "code", ["credential_or_signature", "credential_expired", "source_not_allowed", "outside_hours"]
)
@pytest.mark.threat(20)
def test_who_you_are_not_is_one_answer(code: str) -> None:
    """An unknown key, a wrong signature, a wrong place, a wrong hour: the bot reads the same code and text."""
    reason, same = REASONS[code], REASONS["credential_or_signature"]
    assert (reason.exchange_code, reason.message) == (same.exchange_code, same.message) == (
        -2015, "Invalid API-key, IP, or permissions for action.")  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "malformed_header",
        "repeated_header",
        "transfer_encoding",
        "expectation",
        "body_on_get",
        "malformed_content_length",
        "body_too_large",
        "head_too_large",
        "header_timeout",
        "malformed_request_line",
        "unknown_method",
        "too_many_connections",
    ],
)
@pytest.mark.threat(1)
def test_ambiguous_bytes_end_the_connection(code: str) -> None:
    """After bytes that could be read in two ways nothing more is read from that connection."""
    assert REASONS[code].closes


def test_only_bytes_end_the_connection() -> None:
    """A refusal by policy leaves the connection open: SDKs keep theirs."""
    assert {reason.exchange_code for reason in REASONS.values() if reason.closes} == {-1100, -1003}
    assert not REASONS["venue_backoff"].closes


@pytest.mark.parametrize(
    ("code", "exchange_code", "message"),
    [
        ("timestamp_outside_window", -1021, "Timestamp for this request is outside of the recvWindow."),
        ("duplicate_client_order_id", -2010, "Duplicate order sent."),
        ("symbol_closed", -2010, "Market is closed."),
        ("unknown_symbol", -1121, "Invalid symbol."),
        ("clock_uncertain", -1001, "Internal error; unable to process your request. Please try again."),
    ],
)
def test_texts_that_sdks_match_on_are_the_exchange_s(code: str, exchange_code: int, message: str) -> None:
    """Where the exchange has a text for it, it is that text, byte for byte."""
    assert (REASONS[code].exchange_code, REASONS[code].message) == (exchange_code, message)
    assert (exchange_code, message) in TEXTS


def test_what_may_have_been_executed_is_never_called_refused() -> None:
    """-1007, unknown, is said after the first byte has left, and of a halt that the guard has not confirmed."""
    unknown = {code for code, reason in REASONS.items() if reason.exchange_code == -1007}
    assert unknown == {"outcome_unknown", "halt_unconfirmed"}
    assert "nknown" in REASONS["outcome_unknown"].message
