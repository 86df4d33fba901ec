"""What the watch knows of accounts at the paper exchange, whose it says it is, and what it has done about it."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.core.config.texts import config_of
from tests.guard.watch.house import House, on_virtual_time, toml

from counterseal.core.guardrails.limits import Action, Level
from counterseal.core.positions.books import FOREIGN
from counterseal.core.positions.reading import Place
from counterseal.guard.watch.plan import READS, plan_of

BTC = Place("BTCUSDT")


def held(house: House, bot: str) -> list[Decimal]:
    """Give what a bot holds."""
    return [lot.amount for *_, lot in house.watch.lots(bot)]


@on_virtual_time
async def test_a_position_is_known_at_once_and_is_its_bot_s(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    assert house.watch.positions("main", "usdm") is not None
    house.order("alpha", quantity="0.03")
    house.order("beta", quantity="0.01", side="SELL")
    found = house.watch.positions("main", "usdm")
    assert found is not None
    assert found.positions[BTC].amount == Decimal("0.02")
    assert held(house, "alpha") == [Decimal("0.03")]
    assert held(house, "beta") == [Decimal("-0.01")]
    assert house.watch.lots(FOREIGN) == []
    await house.run(20)
    assert not house.intruders, house.intruders
    assert not house.alerts, house.alerts
    assert not house.is_closed()
    await house.end()


@on_virtual_time
async def test_every_event_prompts_a_read_and_many_of_them_one(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin(12)
    house.asker.asked.clear()
    for _ in range(20):
        house.order("alpha", quantity="0.001")
        await house.run(0.1)
    await house.run(1)
    reads = [at_ms for at_ms, path in house.asker.asked if path == "/fapi/v3/account"]
    assert 1 <= len(reads) <= 3, reads
    await house.end()


@pytest.mark.parametrize("family", ["spot", "usdm", "coinm"])
@on_virtual_time
async def test_a_minute_weighs_no_more_than_the_plan_says(family: str, tmp_path: Path) -> None:
    house = House(tmp_path, toml((family,)))
    await house.begin(60)
    plan = house.watch.plans[family]
    asked = [path for _, path in house.asker.asked]
    reads = READS[family]
    weight = sum(
        reads.account * (path == reads.account_path) + reads.marks * (path == reads.marks_path)
        + (reads.orders // len(reads.orders_paths)) * (path in reads.orders_paths)
        for path in asked
    )  # fmt: skip
    # The list of orders is read once in three minutes, and here in the first.
    assert weight <= plan.weight + reads.orders, (weight, plan)
    assert plan.weight <= reads.limit
    await house.end()


@pytest.mark.parametrize("family", ["spot", "usdm", "coinm"])
def test_what_does_not_fit_is_said(family: str) -> None:
    fitting = [accounts for accounts in range(1, 60) if plan_of(family, accounts).fits]
    assert fitting == list(range(1, len(fitting) + 1)), "more accounts never fit better"
    assert len(fitting) >= 3
    assert plan_of(family, len(fitting) + 1, egresses=4).fits
    for accounts in fitting:
        assert plan_of(family, accounts).weight <= READS[family].limit


@on_virtual_time
async def test_a_loss_is_told_before_the_limit_and_the_position_is_to_be_closed(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more="max_daily_loss = 100"))
    await house.begin()
    house.order("alpha", quantity="0.1")
    await house.run(10)
    assert not house.breaches
    house.rig.set_price("usdm", "BTCUSDT", "99100")
    await house.run(10)
    assert house.breaches, house.watch.view()
    breach = house.breaches[-1]
    assert (breach.level, breach.action) == (Level.EMERGENCY, Action.REDUCE), str(breach)
    assert [(cut.account, cut.family, cut.place, cut.amount) for cut in breach.cuts] == [
        ("main", "usdm", BTC, Decimal("0.1"))
    ]
    assert [row["level"] for row in house.watch.view()["levels"]] == ["EMERGENCY"]
    house.rig.set_price("usdm", "BTCUSDT", "98500")
    await house.run(10)
    assert (house.breaches[-1].level, house.breaches[-1].action) == (Level.LIMIT, Action.HALT)
    await house.end()


@on_virtual_time
async def test_a_position_that_is_too_large_is_cut_to_where_the_warning_begins(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more="max_position = 10000\non_limit = 'flatten'"))
    await house.begin()
    house.order("alpha", quantity="0.07")
    await house.run(6)
    assert [breach.level for breach in house.breaches] == [Level.WARN]
    assert house.breaches[0].cuts == ()
    house.order("alpha", quantity="0.02")
    await house.run(6)
    breach = house.breaches[-1]
    assert breach.action is Action.REDUCE
    left = Decimal("0.09") - sum(cut.amount for cut in breach.cuts)
    assert Decimal(5900) < left * 100_000 <= Decimal(6001), left
    await house.end()


@on_virtual_time
async def test_the_start_of_the_day_survives_a_restart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    text = toml() + "[accounts.main]\nmax_daily_loss = 100\n"
    first = House(tmp_path / "a", text)
    await first.begin()
    first.order("alpha", quantity="0.1")
    await first.run(10)
    assert not first.breaches
    await first.end()
    # The same account after a fall that happened while the guard was away.
    again = House(tmp_path / "b", text, first.records)
    again.rig.set_price("usdm", "BTCUSDT", "99100")
    await again.begin(3)
    again.order("alpha", quantity="0.1")
    again.rig.set_price("usdm", "BTCUSDT", "98100")
    await again.run(12)
    assert again.breaches, again.watch.view()
    assert again.breaches[-1].level >= Level.EMERGENCY
    await again.end()


@on_virtual_time
async def test_whose_a_position_is_survives_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    house.order("alpha", quantity="0.1")
    await house.run(5)
    records = list(house.records)
    await house.tasks.cancel_all()
    (tmp_path / "other").mkdir()
    again = House(tmp_path / "other", toml(), records)
    # The account there holds nothing: what was held before is missing.
    await again.begin(4)
    assert held(again, "alpha") == [Decimal("0.1")]
    assert [(lot.amount) for *_, lot in again.watch.lots(FOREIGN)] == [Decimal("-0.1")]
    assert again.said("recon_differs"), again.alerts
    assert not again.intruders
    restated = [row for record in again.records for row in record.get("subs", ()) if record["what"] == "books"]
    assert {row["owner"] for row in restated} >= {"alpha"}
    await house.end()
    await again.end()


@on_virtual_time
async def test_one_bad_tick_does_nothing_and_two_do(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more="max_daily_loss = 100"))
    await house.begin()
    house.order("alpha", quantity="0.1")
    await house.run(10)
    ticks = 1

    def change(path: str, body: object) -> object:
        nonlocal ticks
        if path == "/fapi/v1/premiumIndex" and ticks and isinstance(body, dict):
            ticks -= 1
            return body | {"markPrice": "50000.0"}
        return body

    house.asker.change = change
    await house.run(20)
    assert ticks == 0
    assert not house.breaches
    house.asker.silent.add("/fapi/v3/account")
    ticks = 2
    await house.run(10)
    assert house.breaches
    await house.end()


@on_virtual_time
async def test_what_the_guard_closes_is_taken_from_whoever_held_it(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    house.order("alpha", quantity="0.09")
    house.order("beta", quantity="0.03")
    house.order("guard", quantity="0.06", side="SELL", reduceOnly="true")
    await house.run(5)
    assert held(house, "alpha") == [Decimal("0.045")]
    assert held(house, "beta") == [Decimal("0.015")]
    assert not house.alerts
    await house.end()


@on_virtual_time
async def test_both_sides_of_hedge_mode_are_positions_of_their_own(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    house.rig.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    await house.begin()
    house.order("alpha", quantity="0.03", positionSide="LONG")
    house.order("alpha", quantity="0.02", positionSide="SHORT", side="SELL")
    found = house.watch.positions("main", "usdm")
    assert found is not None
    assert {place: row.amount for place, row in found.positions.items()} == {
        Place("BTCUSDT", "LONG"): Decimal("0.03"), Place("BTCUSDT", "SHORT"): Decimal("-0.02"),
    }  # fmt: skip
    await house.end()


@on_virtual_time
async def test_a_reload_takes_up_limits_and_gives_up_markets(tmp_path: Path) -> None:
    house = House(tmp_path, toml(("usdm", "spot")))
    await house.begin()
    house.order("alpha", quantity="0.1")
    await house.run(6)
    assert set(house.watch.ages()) == {"main usdm", "main spot", "prices usdm", "prices spot"}
    house.config = config_of(toml(("usdm",), "max_position = 100"))
    house.watch.reload()
    await house.run(6)
    assert set(house.watch.ages()) == {"main usdm", "prices usdm"}
    assert house.breaches
    await house.end()


@on_virtual_time
async def test_levels_of_cross_margin_and_portfolio_margin_are_read(tmp_path: Path) -> None:
    house = House(
        tmp_path,
        toml(("usdm",))
        .replace('products = ["usdm"]', 'products = ["usdm", "sapi", "papi"]', 1)
        .replace("usdm", "usdm"),
    )
    await house.begin(12)
    assert house.watch.levels()["main", "sapi"].level == Decimal(999)
    assert house.watch.levels()["main", "papi"].status == "NORMAL"
    await house.end()
