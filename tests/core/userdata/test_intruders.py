"""Whose an order of an event is, and that each is told once."""

import pytest

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.orders import Entry, IdLedger
from counterseal.core.outcome import Outcome
from counterseal.core.userdata.intruders import Once, Sender, sender
from counterseal.core.userdata.rows import Told

CONFIG = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
[keys.main]
functions = ["trade"]
account = "main"
[keys.other]
functions = ["trade"]
account = "other"
[bots.alpha]
keys = ["main"]
products = ["usdm"]
purposes = ["trade"]
symbols = ["*"]
[bots.beta]
keys = ["other"]
products = ["usdm"]
purposes = ["trade"]
symbols = ["*"]
"""


def judged(ledger: IdLedger, number: int | None = 5, status: str = "NEW", *names: str) -> Sender:
    config = load(CONFIG)
    assert isinstance(config, Config), config
    one = Told("BTCUSDT", "BTCUSDT", names, number, None, "BUY", status, None)
    return sender("usdm", "main", one, ledger, config)


def with_id(bot: str, status: str = "NEW") -> IdLedger:
    ledger = IdLedger()
    ledger.open("usdm", ("mine",), Entry(bot, "1", b"", 0, Outcome.ACCEPTED, status))
    return ledger


def test_an_order_that_nothing_is_known_of() -> None:
    assert judged(IdLedger()) is Sender.INTRUDER
    assert judged(IdLedger(), 5, "FILLED", "web_1") is Sender.INTRUDER


def test_what_was_never_born_concerns_nobody() -> None:
    assert judged(IdLedger(), None) is Sender.OURS
    assert judged(IdLedger(), 5, "REJECTED") is Sender.OURS


@pytest.mark.parametrize("bot", ["alpha", "gone", ""])
def test_an_id_of_ours(bot: str) -> None:
    """Also of a bot that is gone, or one that a start has found at the exchange."""
    assert judged(with_id(bot), 5, "NEW", "x", "mine") is Sender.OURS
    assert judged(with_id(bot, ""), 5, "FILLED", "mine") is Sender.OURS


def test_a_number_of_ours() -> None:
    ledger = IdLedger()
    ledger.own("usdm", "BTCUSDT", 5, "alpha")
    assert judged(ledger, 5, "NEW", "autoclose-1") is Sender.OURS
    assert judged(ledger, 6) is Sender.INTRUDER


@pytest.mark.parametrize("status", ["FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "FINISHED", "ALL_DONE"])
def test_the_id_of_an_order_that_has_ended_is_no_proof(status: str) -> None:
    assert judged(with_id("alpha", status), 5, "NEW", "mine") is Sender.INTRUDER


def test_nor_is_that_of_another_account() -> None:
    assert judged(with_id("beta"), 5, "NEW", "mine") is Sender.INTRUDER


@pytest.mark.parametrize(
    "name", ["autoclose-1", "adl_autoclose", "adl_autoclose-2", "settlement_autoclose-3", "delivery_autoclose-4"]
)
def test_the_exchange_has_orders_of_its_own(name: str) -> None:
    assert judged(IdLedger(), 5, "NEW", name) is Sender.EXCHANGE
    assert judged(IdLedger(), 5, "NEW", f"x{name}") is Sender.INTRUDER


def test_each_is_told_once_and_the_oldest_is_forgotten() -> None:
    once = Once(most=2)
    assert [once.is_new("a", number) for number in (1, 1, 2, 2)] == [True, False, True, False]
    assert (once.has("a", 1), once.has("a", 3)) == (True, False)
    assert once.is_new("a", 3)
    assert [once.has("a", number) for number in (1, 2, 3)] == [False, True, True]
