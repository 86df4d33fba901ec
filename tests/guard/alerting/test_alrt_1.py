"""ALRT-1: a channel is down, slow, refusing or rate-limited while 10,000 things happen in 10 s. 50 runs.

What is critical is delivered on another channel within 5 s, no channel gets more than 20 messages in any minute, what
nobody answers is told again, and every channel was proven before it was needed.
"""

from pathlib import Path
from random import Random  # noqa: TID251 - seeded

import pytest
from tests.guard.alerting.sinks import Rig, Sink, in_loop

from counterseal.core.alerts.desk import Terms
from counterseal.core.alerts.model import Detail, Kind, Severity

FAULTS = ("down", "slow", "refusing", "limited", "hanging")
# `make test` has one of each fault, CI all fifty.
RUNS = [pytest.param(fault, seed, marks=[pytest.mark.slow] if seed else []) for seed in range(10) for fault in FAULTS]
EVENTS = 10_000
QUIET = ("stream_gap", "limit_warning", "ladder_resumed", "bot_disabled", "alert_channel_back")
LEAST = {"sms": Severity.CRITICAL, "pager": Severity.HIGH, "chat": Severity.MEDIUM, "mail": Severity.INFO}


def most_in_a_minute(sink: Sink) -> int:
    """Count what was tried, taken or not, in the fullest minute."""
    times = sink.tried
    return max((sum(start <= each < start + 60_000 for each in times) for start in times), default=0)


def first_telling(rig: Rig, code: str, but: str) -> int:
    """When a code first arrived on another channel."""
    return min(
        (at_ms for name, sink in rig.sinks.items() if name != but for at_ms, m in sink.got if code in m.codes),
        default=1 << 60,
    )


@pytest.mark.threat(63)
@pytest.mark.parametrize(("fault", "seed"), RUNS)
@in_loop
async def test_a_critical_alert_is_told_whatever_becomes_of_a_channel(fault: str, seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    rig = Rig(tmp_path, LEAST, Terms(detail=Detail.FULL, escalate_ms=120_000))
    await rig.up()
    # Each channel has proven itself before anything happened.
    assert all(sink.probes >= 1 for sink in rig.sinks.values())
    assert {channel["state"] for channel in rig.alerts.view()["channels"].values()} == {"well"}

    victim = rng.choice([*rig.sinks])
    rig.sinks[victim].mode = fault
    critical_at = {rng.randrange(EVENTS): code for code in ("intruder_order", "gateway_stuck", "limit_passed")}
    raised: dict[str, int] = {}
    for number in range(EVENTS):
        code = critical_at.get(number)
        if code is not None:
            raised[code] = rig.tell(code)
        else:
            quiet = rng.choice(QUIET)
            # Some of one kind again and again, some each with a name of its own.
            rig.tell(quiet, key=f"{quiet} {rng.randrange(3 if rng.random() < 0.5 else EVENTS)}")
        if number % 100 == 99:
            await rig.clock.advance(0.1)
    await rig.clock.advance(60)

    late = {code: first_telling(rig, code, victim) - at_ms for code, at_ms in raised.items()}
    assert all(ms <= 5_000 for ms in late.values()), late
    if fault != "slow":  # a slow one works, only too late
        told = {code for name, sink in rig.sinks.items() if name != victim for code in sink.codes()}
        assert "alert_channel_down" in told

    # Nobody answers for the intruder's order, somebody for the rest.
    numbers = {row["code"]: row["number"] for row in rig.alerts.view()["alerts"] if row["severity"] == "CRITICAL"}
    assert set(raised) <= set(numbers)
    for code, number in numbers.items():
        if code != "intruder_order":
            assert rig.alerts.ack(number, "alice") is not None
    before = {name: len(sink.got) for name, sink in rig.sinks.items()}
    await rig.clock.advance(300)
    again = [code for name, sink in rig.sinks.items() for _, m in sink.got[before[name] :] for code in m.codes]
    assert "intruder_order" in again
    assert not {"gateway_stuck", "limit_passed"} & set(again)
    assert all(most_in_a_minute(sink) <= 20 for sink in rig.sinks.values())
    assert rig.failed == []
    await rig.down()


@pytest.mark.threat(63)
@in_loop
async def test_a_flood_of_critical_alerts_hides_none_and_stays_within_the_bound(tmp_path: Path) -> None:
    """10,000 different critical alerts of three codes, and one of a fourth in the middle of them."""
    rig = Rig(tmp_path, LEAST)
    await rig.up()
    raised = 0
    for number in range(EVENTS):
        rig.tell(("intruder_order", "intruder_fill", "recon_differs")[number % 3], key=f"k{number}")
        if number == 7_000:
            raised = rig.tell("journal_failing")
        if number % 100 == 99:
            await rig.clock.advance(0.1)
    await rig.clock.advance(120)

    assert first_telling(rig, "journal_failing", "") - raised <= 5_000
    for name, sink in rig.sinks.items():
        assert most_in_a_minute(sink) <= 20, name
        assert "journal_failing" in sink.codes(), name
    view = rig.alerts.view()
    assert view["lost"] == 0
    assert sum(entry.count for entry in rig.alerts._desk.book) == EVENTS + 1
    assert len(rig.alerts._desk.book) <= 500
    await rig.down()


@pytest.mark.threat(63)
@in_loop
async def test_a_channel_that_dies_unseen_is_found_by_its_heartbeat_and_told_on_another(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"chat": Severity.MEDIUM, "mail": Severity.INFO}, Terms(heartbeat_ms=60_000))
    rig.sinks["mail"].has_probe = False
    await rig.up()
    rig.sinks["chat"].mode = "refusing"
    await rig.clock.advance(70)

    assert rig.alerts.failing() == {"alert_channel_down": "chat"}
    assert "alert_channel_down" in rig.sinks["mail"].codes()
    # The one without a probe proves itself by a message.
    assert Kind.HEARTBEAT in {message.kind for _, message in rig.sinks["mail"].got}
    rig.sinks["chat"].mode = "well"
    await rig.clock.advance(120)
    assert rig.alerts.failing() == {}
    await rig.down()
