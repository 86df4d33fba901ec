"""Limits of accounts: read whole, and only for accounts that a key is of."""

from decimal import Decimal

from tests.core.config.texts import TESTNET, config_of

from counterseal.core.config.loader import load
from counterseal.core.config.summary import summarize

KEY = TESTNET + '[keys.k]\nfunctions = ["trade"]\naccount = "Sub.1"\n'


def faults_of(text: str) -> list[str]:
    found = load(text)
    assert isinstance(found, tuple), found
    return [f"{fault.setting}: {fault.cause}; {fault.remedy}" for fault in found]


def test_limits_of_an_account_are_read_and_shown() -> None:
    text = KEY + '[accounts."Sub.1"]\nmax_exposure = 20000\nmax_symbol_exposure = { BTCUSDT = 5000.5, "*" = 10 }\n'
    account = config_of(text).accounts["Sub.1"]
    assert (account.name, account.max_exposure) == ("Sub.1", 20_000)
    assert account.max_symbol_exposure == {"BTCUSDT": Decimal("5000.5"), "*": 10}
    words = [line.split() for line in summarize(config_of(text)).splitlines()]
    assert ["Sub.1", "20000", "USD", "BTCUSDT", "5000.5", "USD,", "*", "10", "USD"] in words
    assert config_of(TESTNET).accounts == {}


def test_an_account_that_no_key_is_of_is_a_fault() -> None:
    assert faults_of(KEY + "[accounts.main]\nmax_exposure = 1\n") == [
        'accounts.main: is no account of a key; correct it, or give the account to a key: "Sub.1"'
    ]
    assert faults_of(TESTNET + "[accounts.main]\nmax_exposure = 1\n") == [
        "accounts.main: is no account of a key; add the key"
    ]


def test_a_faulty_key_brings_no_second_fault() -> None:
    assert len(faults_of(TESTNET + "[keys.k]\naccount = 5\n[accounts.main]\n")) == 1


def test_a_name_that_no_account_can_have_is_a_fault() -> None:
    found = faults_of(KEY + '[accounts."-"]\nmax_exposure = 1\n')
    assert found[0] == "accounts.-: is no name that an account can have; use the account that a key names, or main"
