"""What unknown requests close: a symbol at three, an account at ten, and a symbol with one that nobody can resolve."""

from counterseal.core.unknowns import PER_ACCOUNT, REMEMBERED, Doubt, Unknown, Unknowns

woken: list[str] = []


def unknown(name: str, symbol: str = "BTCUSDT", *, raises: bool = True, account: str = "main") -> Unknown:
    """One unknown order of spot."""
    return Unknown(
        name, account, "spot", frozenset({symbol}), frozenset({name}), raises, 100, lambda: woken.append(name)
    )


def of(*items: Unknown) -> Unknowns:
    """All of them."""
    found = Unknowns()
    for item in items:
        found.add(item)
    return found


def test_a_symbol_closes_at_three() -> None:
    """That symbol of that family and account alone, until one is resolved."""
    found = of(unknown("a"), unknown("b"))
    assert found.refusal("main", "spot", ["BTCUSDT"]) is None
    found.add(unknown("c"))
    assert found.refusal("main", "spot", ["ETHUSDT", "BTCUSDT"]) == Doubt("symbol_has_unknown_orders", 100)
    assert found.refusal("main", "spot", ["ETHUSDT"]) is None
    assert found.refusal("main", "usdm", ["BTCUSDT"]) is None
    assert found.refusal("second", "spot", ["BTCUSDT"]) is None
    found.drop("b")
    found.drop("b")
    assert found.refusal("main", "spot", ["BTCUSDT"]) is None


def test_cancels_close_nothing() -> None:
    """An order that may still rest is counted as resting."""
    assert of(*[unknown(str(n), raises=False) for n in range(20)]).refusal("main", "spot", ["BTCUSDT"]) is None


def test_an_account_closes_at_ten() -> None:
    """Whatever the symbol."""
    items = [unknown(str(number), f"S{number}USDT") for number in range(PER_ACCOUNT)]
    assert of(*items[1:]).refusal("main", "usdm", ["BTCUSDT"]) is None
    assert of(*items).refusal("main", "usdm", ["BTCUSDT"]) == Doubt("account_has_unknown_orders", 100)
    assert of(*items).refusal("second", "spot", ["S1USDT"]) is None


def test_what_is_overdue_closes_its_symbol() -> None:
    """One is enough."""
    found = of(unknown("a"), unknown("b", "ETHUSDT"))
    found.mark_overdue("a")
    found.mark_overdue("gone")
    assert found.refusal("main", "spot", ["BTCUSDT"]) == Doubt("symbol_unresolved", 60_100)
    assert found.refusal("main", "spot", ["ETHUSDT"]) is None
    assert (len(found), found.overdue(), found.oldest_ms(350)) == (2, 1, 250)
    assert Unknowns().oldest_ms(350) is None


def test_who_waits_for_an_id_is_woken() -> None:
    """By any answer that shows it."""
    found = of(unknown("a"), unknown("b"))
    found.seen("spot", "b")
    found.seen("usdm", "a")
    found.seen("spot", "other")
    assert woken == ["b"]


def test_a_place_that_was_not_reconciled_is_closed_until_it_is_read() -> None:
    """One family of one account; requests that are UNKNOWN are counted apart."""
    found = Unknowns()
    assert not found
    found.unread("main", "spot", 7)
    assert found
    assert len(found) == 0
    assert found.not_reconciled() == (("main", "spot"),)
    assert found.refusal("main", "spot", ["BTCUSDT"]) == Doubt("account_not_reconciled", 7)
    assert found.refusal("main", "usdm", ["BTCUSDT"]) is None
    assert found.refusal("other", "spot", ["BTCUSDT"]) is None
    found.is_read("main", "spot")
    found.is_read("main", "spot")
    assert not found


def test_what_has_been_seen_is_remembered() -> None:
    """Whether the request was known to be unknown then or not; of too many ids the oldest is forgotten."""
    found = of(unknown("a"))
    found.seen("usdm", "a")
    assert not found.is_shown("a", "a")
    found.seen("spot", "a")
    found.seen("spot", "b")
    found.add(unknown("b"))
    assert (found.is_shown("a", "a"), found.is_shown("b", "b"), found.is_shown("b", "a")) == (True, True, False)
    assert not found.is_shown("gone", "a")
    for number in range(REMEMBERED):
        found.seen("spot", str(number))
    found.add(unknown("b"))
    found.add(unknown("7"))
    assert (found.is_shown("b", "b"), found.is_shown("7", "7")) == (False, True)
