"""The store of keys that is away: what goes on, from when on what raises risk is refused, who is told."""

import pytest
from tests.gateway.cells import proves
from tests.gateway.failing_rig import Watched
from tests.gateway.rig import on_virtual_time

from counterseal.core.lease import HOUR_MS
from counterseal.gateway.guard_news import code_of
from counterseal.gateway.health import failing_report

HALF_OVER = "the store of keys is away, and half of its copy's time is over"
WHY = "Vault at https://10.0.0.7:8200 cannot be reached"


def hear(rig: Watched, age_ms: int, why: str = WHY) -> None:
    rig.key_lease.hear({"fetched_ms": rig.now_ms - age_ms, "length_ms": 24 * HOUR_MS, "why": why})
    rig.look()


def criticals(rig: Watched) -> list[str]:
    return [event for event, _ in rig.log.criticals if event == HALF_OVER]


@proves("secrets_away")
@on_virtual_time
async def test_while_its_copy_is_young_all_goes_on_with_a_warning() -> None:
    """And with a critical alert from half of the lease on, once."""
    rig = await Watched().warm()
    hear(rig, 0, "")
    assert failing_report(rig.state) == []
    began_ms = rig.now_ms
    hear(rig, HOUR_MS)
    await rig.meets("secrets_away", began_ms)
    assert rig.told("secrets_away") == rig.state.told_ms(began_ms) and criticals(rig) == []
    [row] = failing_report(rig.state)
    assert (row["state"], row["detail"]) == ("secrets_away", f"{WHY}; its copy is 60 min old")

    hear(rig, 12 * HOUR_MS)
    rig.look()
    assert await rig.passes()
    assert criticals(rig) == [HALF_OVER]

    hear(rig, 0, "")
    assert failing_report(rig.state) == []
    hear(rig, 13 * HOUR_MS)
    assert criticals(rig) == [HALF_OVER] * 2
    await rig.end()


@proves("secrets_lease_over")
@pytest.mark.threat(68)
@on_virtual_time
async def test_when_the_lease_is_over_what_raises_risk_is_refused() -> None:
    """At that moment, without a further word; exits and reads go on for as long as the signer has its keys."""
    rig = await Watched().warm()
    hear(rig, 24 * HOUR_MS - 5_000)
    assert await rig.passes()
    over_ms = rig.now_ms + 5_000
    await rig.clock.advance(4.9)
    await rig.refresher.measure_offset()
    rig.look()
    assert rig.state.failures.get("secrets_lease_over") is None
    await rig.clock.advance(0.2)
    rig.look()
    await rig.meets("secrets_lease_over", over_ms)
    assert rig.told("secrets_lease_over") == rig.state.told_ms(over_ms)
    hear(rig, 0, "")
    assert await rig.passes()
    assert rig.told("secrets_lease_over", "ended") == rig.state.told_ms(over_ms)
    await rig.end()


@on_virtual_time
async def test_without_a_word_there_is_no_lease() -> None:
    """Keys in a file have none."""
    rig = await Watched().warm()
    rig.look()
    assert list(rig.key_lease.signs()) == [] and failing_report(rig.state) == []
    await rig.end()


def test_the_alert_has_a_code_of_its_own() -> None:
    assert code_of(HALF_OVER, {}) == "keystore_away"
