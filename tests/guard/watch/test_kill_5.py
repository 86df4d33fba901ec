"""KILL-5: one bad tick, a restart, a step of the clock: nobody is stopped, nothing is closed. A hundred cases."""

import os
import random  # noqa: TID251 - seeded
from pathlib import Path
from typing import Any

import pytest
from tests.guard.watch.house import House, on_virtual_time, toml

WHOLE = 100
CASES = range(int(os.environ.get("KILL5_CASES", str(WHOLE // 4))))
KINDS = ("bad mark", "bad mark of the account", "bad mark of the stream", "restart", "step", "stale", "cut stream")
LIMITS = "max_daily_loss = 100\nmax_drawdown = 100\nmax_position = 15000\non_limit = 'flatten'\n"
TEXT = toml(more=LIMITS) + f"[accounts.main]\n{LIMITS}[fleet]\n{LIMITS}"
DAY_MS = 86_400_000


def tick_once(house: House, path: str, factor: float) -> None:
    """Let one answer tell prices that are off by a factor."""
    left = 1

    def change(asked: str, body: Any) -> Any:
        nonlocal left
        if asked != path or not left:
            return body
        left -= 1
        for row in (
            body.get("positions", ()) if path.endswith("account") else [body] if isinstance(body, dict) else body
        ):
            if "markPrice" in row:
                row["markPrice"] = str(round(float(row["markPrice"]) * factor, 2))
            elif float(row["positionAmt"]):
                entry = float(row["notional"]) - float(row["unrealizedProfit"])
                row["notional"] = str(round(float(row["notional"]) * factor, 8))
                row["unrealizedProfit"] = str(round(float(row["notional"]) - entry, 8))
        return body

    house.asker.change = change


def bad_message(house: House, factor: float) -> None:
    """Let one message of the stream tell a price that is off by a factor."""
    price = float(house.rig.public("/fapi/v1/premiumIndex", symbol="BTCUSDT").body["markPrice"])
    house.hear("usdm", [{"s": "BTCUSDT", "p": f"{price * factor:.8f}", "E": house.rig.now_ms}])


@pytest.mark.parametrize("case", CASES)
@on_virtual_time
async def test_kill_5(case: int, tmp_path: Path) -> None:
    rng = random.Random(case)
    kind, factor = KINDS[case % len(KINDS)], rng.choice((0.01, 0.5, 0.9, 1.1, 2, 100))
    (tmp_path / "a").mkdir()
    has_streams = "stream" in kind or rng.random() < 0.3
    house = House(tmp_path / "a", TEXT, seed=case, has_streams=has_streams)
    await house.begin(12)
    house.order("alpha", quantity="0.08", side=rng.choice(("BUY", "SELL")))
    await house.run(rng.uniform(4, 9))
    warned = len(house.breaches)
    if kind == "bad mark":
        tick_once(house, "/fapi/v1/premiumIndex", factor)
    elif kind == "bad mark of the account":
        tick_once(house, "/fapi/v3/account", factor)
    elif kind == "bad mark of the stream":
        bad_message(house, factor)
    elif kind == "cut stream":
        house.cut()
    elif kind == "step":
        house.clock.step_wall(rng.choice((-DAY_MS, DAY_MS, 3_600_000)))
    elif kind == "stale":
        house.asker.silent.update({"/fapi/v3/account", "/fapi/v1/premiumIndex"})
    elif kind == "restart":
        house = await restarted(house)
    await house.run(15)
    house.asker.silent.clear()
    await house.run(5)
    assert not house.breaches[warned if kind != "restart" else 0 :], list(map(str, house.breaches))
    assert not house.intruders
    await house.end()


async def restarted(house: House) -> House:
    """Give another watch on the same exchange, which has what the first one wrote down."""
    await house.tasks.cancel_all()
    again = House.on(house)
    again.watch.start()
    return again
