"""Why a key is refused: each of the four causes is told from the others by what else is known."""

from typing import Any

import pytest
from tests.core.test_quarantine import FINE, LACKS, READ, REFUSED, TRADE

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.key_refusal import (
    Cause,
    Evidence,
    Need,
    Probe,
    diagnose,
    is_expired,
    is_refusal,
    lacking,
    need_of,
)


@pytest.mark.parametrize(
    ("status", "code", "refuses"),
    [
        (401, -2015, True), (400, -2015, True), (401, -2014, True), (401, None, True), (401, -1022, False),
        (400, -1021, False), (403, None, False), (200, None, False), (418, -1003, False),
    ],
)  # fmt: skip
def test_what_refuses_a_key(status: int, code: int | None, refuses: bool) -> None:
    assert is_refusal(status, code) is refuses
    assert Probe(status, code).is_refused is refuses


def evidence(**changes: Any) -> Evidence:
    known = Evidence(TRADE, REFUSED, fits=True, has_worked=True, restricted=True, others_work=None)
    return known._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "cause", "certain"),
    [
        ({"fits": False}, Cause.ENVIRONMENT, True),
        ({"probe": LACKS}, Cause.PERMISSION, True),
        ({"probe": Probe(401, -2014)}, Cause.KEY, True),
        ({"probe": Probe(401, -2015, None, elsewhere=True)}, Cause.ADDRESS, True),
        ({"has_worked": False}, Cause.ENVIRONMENT, False),
        ({"restricted": False}, Cause.KEY, True),
        ({"others_work": False}, Cause.ADDRESS, False),
        ({"others_work": True}, Cause.KEY, False),
        ({"restricted": None}, Cause.KEY, False),
    ],
)
def test_each_of_the_four_causes_is_told_from_the_others(changes: dict[str, Any], cause: Cause, certain: bool) -> None:
    found = diagnose(evidence(**changes))
    assert found is not None
    assert (found.cause, found.is_certain) == (cause, certain)
    assert found.text


def test_a_permission_to_trade_that_has_ended_is_a_missing_one() -> None:
    ended = FINE._replace(expired=True)
    found = diagnose(evidence(probe=ended))
    assert found is not None
    assert (found.cause, found.is_certain, "has ended" in found.text) == (Cause.PERMISSION, True, True)
    assert diagnose(evidence(probe=ended, need=READ)) is None


@pytest.mark.parametrize(
    ("until", "ended"), [(999, True), (1_000, True), (1_001, False), (0, False), (True, False), (None, False)]
)
def test_when_a_permission_has_ended(until: Any, ended: bool) -> None:
    assert is_expired({} if until is None else {"tradingAuthorityExpirationTime": until}, 1_000) is ended


def test_what_was_taken_and_lacks_nothing_has_no_cause() -> None:
    assert diagnose(evidence(probe=FINE)) is None
    assert diagnose(evidence(probe=Probe(200))) is None


def test_what_an_endpoint_needs() -> None:
    catalogue = load_catalogue()
    order, account = catalogue.get("usdm", "POST", "/fapi/v1/order"), catalogue.get("spot", "GET", "/api/v3/account")
    assert order is not None
    assert account is not None
    assert need_of(order) == Need("usdm", changes=True)
    assert need_of(order).permission == "enableFutures"
    assert need_of(account) == READ
    assert need_of(account).permission == "enableReading"
    assert str(need_of(order)) == "trading on usdm"
    assert str(READ) == "reading on spot"
    assert Need("www", changes=True).permission == "enableReading"


@pytest.mark.parametrize(
    ("need", "flags", "lacks"),
    [
        (Need("usdm", changes=False), {"enableFutures": False}, "Enable Futures"),
        (Need("options", changes=False), {"enableVanillaOptions": False}, "Enable European Options"),
        (Need("usdm", changes=False), {"enableFutures": False, "enableReading": False}, "Enable Reading"),
        (Need("usdm", changes=False), {"enableFutures": True}, None),
        (Need("usdm", changes=False), {}, None),
        (Need("usdm", changes=False), None, None),
        (Need("spot", changes=False), {"enableSpotAndMarginTrading": False}, None),
    ],
)
def test_reading_may_take_the_permission_to_trade(need: Need, flags: Any, lacks: str | None) -> None:
    """Then that reading alone is closed, and not every part of the key."""
    found = lacking(need, Probe(200, None, None if flags is None else {"enableReading": True, **flags}))
    assert (None if found is None else found.text.split(";")[0]) == (None if lacks is None else f"it lacks {lacks}")
