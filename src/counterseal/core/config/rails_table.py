"""The settings of the guard's limits: the same for a bot, a strategy, an account and all of them together."""

from decimal import Decimal
from types import MappingProxyType

from counterseal.core.config import model
from counterseal.core.config.parsers import amount, choice, quantities, whole
from counterseal.core.config.section import Section, Setting

RAILS = (
    Setting(
        "max_position",
        amount(),
        None,
        "Largest size of all positions together, at the mark price. Unlike `max_exposure`, which refuses orders, the"
        " guard watches it: at `emergency_percent` of it positions are reduced.",
        "10000",
        "US dollars",
        "no limit",
    ),
    Setting(
        "max_symbol_position",
        quantities(),
        MappingProxyType({}),
        "The same for one symbol.",
        '{ BTCUSDT = 5000, "*" = 1000 }',
        "US dollars",
    ),
    Setting(
        "max_open_orders",
        whole(1, 100_000),
        None,
        "Largest number of open orders.",
        "50",
        "orders",
        "no limit",
    ),
    Setting(
        "max_daily_loss",
        amount(),
        None,
        "How much may be lost since the start of the UTC day, with what is not realised, fees and funding. Transfers"
        " are no loss.",
        "300",
        "US dollars",
        "no limit",
    ),
    Setting(
        "max_drawdown",
        amount(),
        None,
        "How far it may be below its highest worth.",
        "1000",
        "US dollars",
        "no limit",
    ),
    Setting("warn_percent", amount(100), Decimal(60), "At how much of a limit people are warned.", "60", "percent"),
    Setting(
        "emergency_percent",
        amount(100),
        Decimal(80),
        "At how much of a limit nothing that raises risk passes any more and positions are reduced: a size that is too"
        " large to `warn_percent` of its limit.",
        "80",
        "percent",
    ),
    Setting(
        "keep_percent",
        whole(0, 100),
        0,
        "How much of the positions stays when it is a loss that reaches `emergency_percent`.",
        "50",
        "percent",
    ),
    Setting(
        "on_limit",
        choice(model.ON_LIMIT),
        "halt",
        "What is done when a limit is passed all the same, besides what is done at `emergency_percent`: `alert` is"
        " nothing more, `halt` waits for an operator, `flatten` cancels the orders and closes the positions too.",
        '"flatten"',
    ),
)

ACCOUNT_RAILS = (
    Setting(
        "max_effective_leverage",
        amount(),
        None,
        "Largest size of the account's futures positions in relation to what its futures wallets are worth.",
        "5",
        "times",
        "no limit",
    ),
)

STRATEGIES = Section(
    "strategies",
    "What all bots of one strategy may have and lose together. NAME is what the keys call the strategy; a bot belongs"
    " to those of its keys.",
    RAILS,
    named=True,
)

FLEET = Section("fleet", "What all accounts may have and lose together.", RAILS)
