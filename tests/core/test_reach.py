"""What a scope reaches: accounts and parts of the exchange, all orders there or some bots' alone."""

import pytest

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.reach import Reach, is_known, reach, shares

TEXT = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "ca.pem"
[keys.one]
functions = ["trade"]
account = "main"
strategy = "grid"
[keys.two]
functions = ["trade"]
account = "second"
[keys.read]
functions = ["account"]
account = "other"
[bots.alpha]
keys = ["one"]
products = ["spot", "usdm", "sapi"]
purposes = ["trade"]
[bots.beta]
keys = ["one", "two"]
products = ["usdm"]
purposes = ["read", "trade"]
[bots.gamma]
keys = ["two"]
products = ["spot"]
purposes = ["trade"]
[bots.reader]
keys = ["read", "one"]
products = ["spot", "coinm"]
purposes = ["read"]
"""


@pytest.fixture(name="config", scope="module")
def _config() -> Config:
    found = load(TEXT)
    assert isinstance(found, Config), found
    return found


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (FLEET, [Reach("main", "spot"), Reach("main", "usdm"), Reach("second", "spot"), Reach("second", "usdm")]),
        (Scope(Kind.ACCOUNT, "main"), [Reach("main", "spot"), Reach("main", "usdm")]),
        (Scope(Kind.ACCOUNT, "other"), []),
        (
            Scope(Kind.SYMBOL, "BTCUSDT"),
            [
                Reach(account, family, ("BTCUSDT",))
                for account, family in (("main", "spot"), ("main", "usdm"), ("second", "spot"), ("second", "usdm"))
            ],
        ),
        (
            Scope(Kind.BOT, "alpha"),
            [Reach("main", "spot", None, ("alpha",)), Reach("main", "usdm", None, ("alpha",))],
        ),
        (Scope(Kind.BOT, "reader"), []),
        (
            # A strategy is stopped with everything that its bots can reach.
            Scope(Kind.STRATEGY, "grid"),
            [
                Reach("main", "spot", None, ("alpha",)),
                Reach("main", "usdm", None, ("alpha", "beta")),
                Reach("second", "usdm", None, ("beta",)),
            ],
        ),
    ],
)
def test_what_a_scope_reaches(config: Config, scope: Scope, expected: list[Reach]) -> None:
    assert list(reach(scope, config)) == expected


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        (FLEET, True), (Scope(Kind.SYMBOL, "ANYTHING"), True),
        (Scope(Kind.BOT, "alpha"), True), (Scope(Kind.BOT, "alhpa"), False),
        (Scope(Kind.ACCOUNT, "second"), True), (Scope(Kind.ACCOUNT, "secnod"), False),
        (Scope(Kind.STRATEGY, "grid"), True), (Scope(Kind.STRATEGY, "main"), False),
    ],
)  # fmt: skip
def test_a_scope_that_the_settings_do_not_name_is_no_scope(config: Config, scope: Scope, known: bool) -> None:
    assert is_known(scope, config) is known


@pytest.mark.parametrize(
    ("scope", "accounts"),
    [
        (FLEET, ()),
        (Scope(Kind.ACCOUNT, "main"), ()),
        (Scope(Kind.BOT, "alpha"), ("main",)),
        (Scope(Kind.BOT, "beta"), ("main",)),
        (Scope(Kind.BOT, "gamma"), ()),
        (Scope(Kind.STRATEGY, "grid"), ()),
    ],
)
def test_where_others_trade_too_a_position_is_not_ones_alone(
    config: Config, scope: Scope, accounts: tuple[str, ...]
) -> None:
    assert shares(config, reach(scope, config)) == accounts
