"""Limits as the settings name them: levels at their thresholds, and what is done at each."""

from decimal import Decimal

import pytest
from tests.core.guardrails.views import config
from tests.core.positions.shapes import D

from counterseal.core.guardrails.limits import Action, Level, Limit, Measure, limits_of
from counterseal.core.ladder import FLEET, Kind, Scope


def limit(measure: Measure = Measure.POSITION, on_limit: Action = Action.HALT) -> Limit:
    """Give a limit of 1,000."""
    return Limit(FLEET, measure, D(1_000), "", D("0.6"), D("0.8"), D(0), on_limit)


@pytest.mark.parametrize(("value", "level"), [
    ("599.99", Level.CLEAR), ("600", Level.WARN), ("799.99", Level.WARN), ("800", Level.EMERGENCY),
    ("999.99", Level.EMERGENCY), ("1000", Level.LIMIT), ("5000", Level.LIMIT), ("0", Level.CLEAR),
])  # fmt: skip
def test_what_lies_on_a_threshold_has_reached_it(value: str, level: Level) -> None:
    assert limit().level(Decimal(value)) is level


@pytest.mark.parametrize("on_limit", [Action.ALERT, Action.HALT, Action.FLATTEN])
def test_what_is_done(on_limit: Action) -> None:
    one = limit(on_limit=on_limit)
    assert [one.action(level) for level in (Level.WARN, Level.EMERGENCY, Level.LIMIT)] == [
        Action.ALERT, Action.REDUCE, Action.REDUCE if on_limit is Action.ALERT else on_limit,
    ]  # fmt: skip
    assert limit(Measure.OPEN_ORDERS).action(Level.EMERGENCY) is Action.ALERT


def test_every_setting_is_a_limit_of_its_scope() -> None:
    every = "max_position = 1\nmax_symbol_position = { BTCUSDT = 2, '*' = 3 }\nmax_open_orders = 4\n" \
            "max_daily_loss = 5\nmax_drawdown = 6\nwarn_percent = 50\nemergency_percent = 70\nkeep_percent = 25\n" \
            "on_limit = 'flatten'\n"  # fmt: skip
    found = limits_of(config(f"{every}[strategies.grid]\n{every}[accounts.main]\nmax_effective_leverage = 7\n{every}"
                             f"[fleet]\n{every}"))  # fmt: skip
    by_scope: dict[Scope, set[tuple[Measure, str, Decimal]]] = {}
    for one in found:
        by_scope.setdefault(one.scope, set()).add((one.measure, one.symbol, one.limit))
        assert (one.warn, one.emergency, one.keep, one.on_limit) == (D("0.5"), D("0.7"), D("0.25"), Action.FLATTEN)
    same = {
        (Measure.POSITION, "", D(1)), (Measure.OPEN_ORDERS, "", D(4)), (Measure.DAILY_LOSS, "", D(5)),
        (Measure.DRAWDOWN, "", D(6)), (Measure.SYMBOL_POSITION, "*", D(3)),
    }  # fmt: skip
    of_symbol = (Measure.SYMBOL_POSITION, "BTCUSDT", D(2))
    assert by_scope == {
        Scope(Kind.BOT, "beta"): same | {of_symbol},
        Scope(Kind.STRATEGY, "grid"): same | {of_symbol},
        Scope(Kind.ACCOUNT, "main"): same | {of_symbol, (Measure.LEVERAGE, "", D(7))},
        FLEET: same,
        Scope(Kind.SYMBOL, "BTCUSDT"): {of_symbol},
    }
    assert [one.scope.kind for one in found[:1]] == [Kind.BOT]
    assert Measure.DRAWDOWN.is_loss and not Measure.LEVERAGE.is_loss


def test_without_settings_there_are_none() -> None:
    assert limits_of(config("[accounts.main]\nmax_exposure = 5\n")) == ()
