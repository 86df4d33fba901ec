"""User data of a key that the exchange refuses: nobody goes on asking, and another key of the account takes over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.gateway.userdata.rig import Rig, text_of, with_rig
from tests.limits.house import key_of

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.key_refusal import WHOLE, Need, Probe
from counterseal.core.messages import HeldKey
from counterseal.gateway.userdata.feeds import wanted

PROBE = "/sapi/v1/account/apiRestrictions"
READER = '\n[keys.reader]\nfunctions = ["account"]\naccount = "main"\n'


def asked(rig: Rig) -> list[str]:
    """What named the key at the exchange by REST, without probes."""
    return [f"{method} {path}" for method, path, _ in rig.mouth.asked if path.endswith("listenKey")]


async def begin_anew(rig: Rig) -> None:
    """End all feeds, and let them begin again."""
    keys = dict(rig.side.signer.keys())
    rig.hold({})
    await rig.wait(0.6)
    rig.mouth.asked.clear()
    rig.hold(keys)


@pytest.mark.slow
@pytest.mark.threat(67)
@with_rig()
async def test_a_deleted_key_is_not_asked_with_time_and_again(rig: Rig) -> None:
    gone = key_of("main")
    rig.exchange.keys.delete(gone.api_key)
    await begin_anew(rig)
    await rig.wait(25)
    assert rig.mouth.count("GET", PROBE) == 1
    # Both futures markets were asked at the same moment, neither of them again.
    assert sorted(asked(rig)) == ["POST /dapi/v1/listenKey", "POST /fapi/v1/listenKey"]
    assert rig.state.quarantine.is_shut("main")
    rig.exchange.keys.add(gone)
    await rig.wait(120)
    assert all(row["stands"] for row in rig.feeds.report())
    assert not rig.state.quarantine


@pytest.mark.threat(67)
@with_rig(products=("spot",))
async def test_a_subscription_that_is_refused_is_heard_too(rig: Rig) -> None:
    rig.exchange.keys.delete(key_of("main").api_key)
    await begin_anew(rig)
    await rig.wait(5)
    assert rig.mouth.count("GET", PROBE) == 1
    assert rig.state.quarantine.is_shut("main")


@with_rig(products=("usdm",))
async def test_nothing_is_asked_with_a_key_that_is_held_back(rig: Rig) -> None:
    held = rig.side.signer.keys()["main"]
    rig.state.quarantine.hear({"main": "it can withdraw"}, {}, 0)
    await begin_anew(rig)
    await rig.wait(10)
    assert asked(rig) == []
    assert [row["why"] for row in rig.feeds.report()] == ["the key is quarantined"]
    assert held.ref == "main"


def test_another_key_of_the_account_carries_the_events() -> None:
    text = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
[keys.main]
functions = ["account"]
[keys.spare]
functions = ["account", "trade"]
[bots.a]
keys = ["main"]
products = ["usdm"]
"""
    config = load(text)
    assert isinstance(config, Config)
    held = {name: HeldKey(name, name * 16, "hmac", "paper") for name in ("main", "spare")}
    assert wanted(config, held)["main", "usdm"].ref == "main"
    assert wanted(config, held, lambda ref: ref == "main")["main", "usdm"].ref == "spare"
    assert wanted(config, held, lambda _ref: True)["main", "usdm"].ref == "main", "there is none that is better"


@with_rig(products=("usdm",))
async def test_a_feed_moves_to_the_key_that_stands_by(rig: Rig) -> None:
    spare = replace(key_of("reader"), account="main")
    rig.exchange.keys.add(spare)
    held = dict(rig.side.signer.keys())
    rig.hold({**held, "reader": HeldKey("reader", spare.api_key, "hmac", "paper")})
    rig.configure(text_of({"alpha": "main"}, ("usdm",), READER))
    await rig.wait(2)
    before = rig.feeds.report()[0]
    assert before["stands"]
    quarantine = rig.state.quarantine
    reader = rig.side.signer.keys()["reader"]
    need = Need("usdm", changes=False)
    assert quarantine.refused(reader, need, rig.state.monotonic_ms(), rig.state.monotonic_ms())
    assert rig.feeds.in_use() == {"reader": 1}, "as long as it is only suspected, nothing moves"
    quarantine.probed(reader, Probe(401, -2015), rig.state.monotonic_ms())
    assert quarantine.judge("reader", WHOLE, rig.state.monotonic_ms(), is_exit=False) is not None
    await rig.wait(2)
    assert rig.feeds.in_use() == {"main": 1}
    assert rig.feeds.report()[0]["stands"]
