"""When a channel counts as down, when it is tried again, when it must prove itself."""

import pytest

from counterseal.core.alerts.health import MAX_RETRY_AFTER_MS, Health, Turn
from counterseal.core.alerts.model import Failure

T, R, L = Failure.TRANSIENT, Failure.REFUSED, Failure.RATE_LIMITED


def health(heartbeat_ms: int = 60_000) -> Health:
    return Health(heartbeat_ms, 0)


def test_a_new_channel_is_well_until_something_says_otherwise_and_proves_itself_soon() -> None:
    one = health()
    assert one.is_well(0) and one.may_send(0) and one.proven_ms is None
    assert not one.probe_due(999) and one.probe_due(1_000)


def test_a_proof_lasts_until_the_next_heartbeat() -> None:
    one = health()
    one.began(1_000)
    assert one.is_busy and not one.may_send(1_000) and not one.probe_due(1_000)
    assert one.worked(1_100) is Turn.NONE
    assert one.proven_ms == 1_100 and not one.is_busy
    assert not one.probe_due(61_099) and one.probe_due(61_100)


def test_one_without_a_probe_is_asked_for_a_message_at_the_next_heartbeat() -> None:
    one = health()
    one.began(1_000)
    one.unprovable(1_000)
    assert not one.has_probe and one.proven_ms is None and one.is_well(1_000)
    assert not one.probe_due(60_999) and one.probe_due(61_000)


def test_one_failure_is_not_down_two_are() -> None:
    one = health()
    assert one.failed(T, "no connection", None, 0) is Turn.NONE
    assert not one.is_well(0) and not one.is_down and one.detail == "no connection"
    assert not one.may_send(999) and one.may_send(1_000)
    assert one.failed(T, "again", None, 1_000) is Turn.DOWN
    assert one.is_down and one.down_ms == 1_000
    assert one.failed(T, "again", None, 3_000) is Turn.NONE
    assert not one.probe_due(7_999) and one.probe_due(8_000)
    assert one.worked(8_000) is Turn.BACK
    assert one.is_well(8_000) and not one.is_down and one.detail == ""


def test_what_is_refused_is_down_at_once() -> None:
    assert health().failed(R, "answered 404", None, 0) is Turn.DOWN


def test_the_rest_grows_to_a_minute() -> None:
    one, now_ms, rests = health(), 0, []
    for _ in range(8):
        one.failed(T, "x", None, now_ms)
        rest_ms = next(ms for ms in range(0, 100_000, 1_000) if one.may_send(now_ms + ms))
        rests.append(rest_ms)
        now_ms += rest_ms
    assert rests == [1_000, 2_000, 5_000, 15_000, 30_000, 60_000, 60_000, 60_000]


@pytest.mark.parametrize(("asked", "rest"), [(0, 1_000), (7_000, 7_000), (10**9, MAX_RETRY_AFTER_MS)])
def test_a_channel_that_says_when_to_come_back_is_heeded_within_bounds(asked: int, rest: int) -> None:
    one = health()
    assert one.failed(L, "answered 429", asked, 0) is Turn.NONE
    assert not one.may_send(rest - 1) and one.may_send(rest)


def test_short_limits_are_no_outage_and_long_ones_are() -> None:
    one = health()
    for now_ms in (0, 5_000, 10_000):
        assert one.failed(L, "answered 429", 5_000, now_ms) is Turn.NONE
    assert not one.is_well(10_000)
    assert one.failed(L, "answered 429", 60_000, 15_000) is Turn.DOWN


def test_a_failure_that_lasts_without_a_success_becomes_an_outage() -> None:
    one = health()
    assert one.look(10**9) is Turn.NONE
    one.failed(L, "answered 429", 60_000, 0)
    assert one.look(29_999) is Turn.NONE
    assert one.look(30_000) is Turn.DOWN
    assert one.look(30_001) is Turn.NONE


def test_one_that_takes_long_is_not_waited_for() -> None:
    one = health()
    one.began(0)
    assert one.is_well(1_999) and not one.is_well(2_000)
