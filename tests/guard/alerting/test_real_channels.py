"""ALRT-1 once more with real connections and the real clock: whatever is wrong with the channel that a critical alert
is meant for, another one has it within 5 s.
"""

import asyncio
import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.adapters import alert_parts
from tests.adapters.alert_parts import Fake, authority, https
from tests.guard.alerting.sinks import Log

from counterseal.adapters.home import Home
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tasks import Tasks
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.guard.alerting import build, sources

alert_parts.require("httpx")

SETTINGS = """
[venue]
environment = "testnet"
[alerts.channels.first]
kind = "webhook"
severities = ["critical"]
ca_file = "{ca}"
[alerts.channels.second]
kind = "webhook"
severities = ["info"]
ca_file = "{ca}"
"""
MODES = ("down", "slow", "refusing", "limited", "somebody else")


def ruin(mode: str, fake: Fake) -> None:
    """Make an endpoint that was well until now what the mode says."""
    if mode == "slow":
        fake.delay_s = 8.0
    elif mode == "refusing":
        fake.answer = lambda _asked: (403, {}, b"")
    elif mode == "limited":
        fake.answer = lambda _asked: (429, {"Retry-After": "60"}, b"")


async def told_after(mode: str, first: Fake, second: Fake, ca: Path, root: Path) -> float:
    """Raise a critical alert right when the first channel becomes bad; gives after how long the second had it."""
    home, failed = Home(root), list[BaseException]()
    (root / "alerts").mkdir(mode=0o700, parents=True)
    for name, fake in (("first", first), ("second", second)):
        path = root / "alerts" / f"{name}.secret"
        path.touch(0o600)
        path.write_text(fake.url)
    config = load(SETTINGS.format(ca=ca))
    assert isinstance(config, Config)
    tasks = Tasks(lambda _name, error: failed.append(error))
    planned = build.plan(config, home, {})
    alerts = build.alerts(planned, SystemClock(), tasks, Log(), home, lambda _record: None, lambda _text: None)
    alerts.start()
    await asyncio.sleep(2.0)
    assert mode in ("down", "somebody else") or alerts.failing() == {}
    ruin(mode, first)
    began = time.monotonic()
    alerts.raise_(sources.plain("gateway_stuck", "x", 1_795_000_000_000))
    while not any("gateway_stuck" in json.loads(asked.body)["codes"] for asked in list(second.asked)):
        assert time.monotonic() - began < 10, mode
        await asyncio.sleep(0.01)
    took = time.monotonic() - began
    await tasks.cancel_all()
    await alerts.close()
    assert failed == []
    return took


@pytest.mark.slow
@pytest.mark.threat(63)
def test_another_channel_has_it_within_five_seconds(tmp_path: Path) -> None:
    trust, other = authority(tmp_path / "trust"), authority(tmp_path / "other")
    with ExitStack() as stack:
        firsts = {mode: stack.enter_context(https(trust.server_context())) for mode in MODES}
        seconds = {mode: stack.enter_context(https(trust.server_context())) for mode in MODES}
        firsts["somebody else"] = stack.enter_context(https(other.server_context()))
        nobody = stack.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))
        firsts["down"] = Fake(url=f"https://127.0.0.1:{nobody.getsockname()[1]}")

        async def all_of_them() -> list[float]:
            return await asyncio.gather(
                *(told_after(mode, firsts[mode], seconds[mode], trust.ca, tmp_path / mode) for mode in MODES)
            )

        took = dict(zip(MODES, asyncio.run(all_of_them()), strict=True))

    assert all(seconds_ <= 5.0 for seconds_ in took.values()), took
