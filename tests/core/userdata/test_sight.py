"""core.userdata.sight: an event goes to its order's owner and to who sees the account."""

import itertools

import pytest

from counterseal.core.orders import Entry, IdLedger
from counterseal.core.ownership import LIST_SCOPE, Named
from counterseal.core.userdata.sight import may_see, owner_of

NAMES = (Named("A", "x", 5), Named(LIST_SCOPE, None, 9))


def ledger() -> IdLedger:
    return IdLedger()


def known(book: IdLedger, client_id: str, bot: str) -> None:
    book.open("spot", [client_id], Entry(bot, "1", b"", 0))


def owner(book: IdLedger) -> str | None:
    return owner_of(NAMES, lambda name: book.owners("spot", *name))


@pytest.mark.threat(21)
def test_the_id_counts_more_than_the_number() -> None:
    """A test network gives another bot's old number to a new order: its owner is who has just named it."""
    book = ledger()
    book.own("spot", "A", 5, "beta")
    assert owner(book) == "beta"
    known(book, "x", "alpha")
    assert owner(book) == "alpha"


def test_a_list_may_be_all_that_is_known() -> None:
    """Of an order that nothing else is known of."""
    book = ledger()
    assert owner(book) is None
    book.own("spot", LIST_SCOPE, 9, "alpha")
    assert owner(book) == "alpha"
    assert owner_of((), lambda _name: ("alpha",)) is None


def test_an_order_that_a_start_found_is_nobodys() -> None:
    """Its id is known, and no bot."""
    book = ledger()
    known(book, "x", "")
    assert owner(book) is None


@pytest.mark.threat(21)
@pytest.mark.threat(25)
def test_who_may_see() -> None:
    """Every case: whose it is, and whether the bot sees the account."""
    for found, sees_account in itertools.product(("alpha", "beta", None), (True, False)):
        expected = sees_account or found == "alpha"
        assert may_see("ORDER_TRADE_UPDATE", found, "alpha", sees_account=sees_account) is expected
        assert may_see("SOMETHING_NEW", found, "alpha", sees_account=sees_account) is expected
        for ours in ("listenKeyExpired", "eventStreamTerminated", "serverShutdown"):
            assert not may_see(ours, found, "alpha", sees_account=sees_account)
