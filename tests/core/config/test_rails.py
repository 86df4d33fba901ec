"""The guard's limits in the settings: the same for a bot, a strategy, an account and the fleet."""

from decimal import Decimal

from tests.core.config.texts import PAPER, config_of, fault_of, faults_of

KEY = '[keys.main]\nfunctions = ["trade"]\nstrategy = "grid.1"\n'


def test_limits_of_all_scopes() -> None:
    config = config_of(
        PAPER + KEY + '[bots.a]\nmax_position = "1.5"\n[strategies."grid.1"]\nmax_drawdown = 2\n[accounts.main]\n'
        "max_daily_loss = 3\nmax_effective_leverage = 4\n[fleet]\nmax_open_orders = 5\non_limit = 'flatten'\n"
    )
    assert config.bots["a"].max_position == Decimal("1.5")
    assert config.strategies["grid.1"].max_drawdown == 2
    assert (config.accounts["main"].max_daily_loss, config.accounts["main"].max_effective_leverage) == (3, 4)
    assert (config.fleet.max_open_orders, config.fleet.on_limit, config.fleet.keep_percent) == (5, "flatten", 0)
    assert (config.bots["a"].warn_percent, config.bots["a"].emergency_percent, config.bots["a"].on_limit) == (
        60, 80, "halt",
    )  # fmt: skip


def test_a_strategy_that_no_key_has() -> None:
    assert str(fault_of(PAPER + KEY + "[strategies.grid]\n")).endswith(
        "strategies.grid: is no strategy of a key; correct it, or give the strategy to a key"
    )
    causes = [fault.cause for fault in faults_of(PAPER + KEY + '[strategies."a b"]\n')]
    assert "is no name that a strategy can have" in causes
    found = fault_of(PAPER + "[keys.main]\nstrategy = 5\n[strategies.grid]\n")
    assert found.setting == "keys.main.strategy", "what has a fault of its own is not judged again"


def test_thresholds_are_in_order() -> None:
    for section in ("bots.a", "fleet", "accounts.main", 'strategies."grid.1"'):
        fault = fault_of(PAPER + KEY + f"[{section}]\nwarn_percent = 80\nemergency_percent = 70\n")
        assert (fault.setting.split(".")[-1], fault.cause) == ("warn_percent", "is above emergency_percent")
    config_of(PAPER + KEY + "[fleet]\nwarn_percent = 70\nemergency_percent = 70\n")
    assert fault_of(PAPER + "[fleet]\nwarn_percent = 0\n").setting == "fleet.warn_percent"
