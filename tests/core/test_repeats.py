"""LIM-4's counting: equal orders within a window, exactly, against a naive count."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.intent import Leg
from counterseal.core.repeats import Latch, Repeats, learn

PLACE = "spot POST /api/v3/order"
WINDOW_MS = 1_000


def leg(quantity: str = "1", price: str = "100", side: str = "BUY", symbol: str = "BTCUSDT") -> Leg:
    return Leg(symbol, side, "LIMIT", Decimal(quantity), None, (Decimal(price),), reduces=False)


def place(repeats: Repeats, one: Leg, now_ms: int = 0, bot: str = "alpha", endpoint: str = PLACE) -> int:
    return repeats.place(bot, endpoint, (one,), now_ms, WINDOW_MS)[1]


def test_equal_orders_count_together() -> None:
    """However a number is written; any other field makes another order, and so do another endpoint and another bot."""
    repeats = Repeats()
    assert [place(repeats, leg()), place(repeats, leg("1.000", "100.0"))] == [1, 2]
    assert place(repeats, leg("2")) == place(repeats, leg(price="101")) == place(repeats, leg(side="SELL")) == 1
    assert place(repeats, leg(symbol="ETHUSDT")) == place(repeats, leg(), endpoint="usdm POST /fapi/v1/order") == 1
    assert place(repeats, leg(), bot="beta") == 1


def test_a_batch_counts_each_leg() -> None:
    repeats = Repeats()
    _, most = repeats.place("alpha", PLACE, (leg(), leg("2"), leg()), 0, WINDOW_MS)
    assert most == 2
    assert place(repeats, leg()) == 3


def test_what_was_never_taken_does_not_count() -> None:
    """Taken back once; a second time changes nothing, nor does the end of the window later."""
    repeats = Repeats()
    first, _ = repeats.place("alpha", PLACE, (leg(),), 0, WINDOW_MS)
    assert place(repeats, leg()) == 2
    first[0].drop()
    first[0].drop()
    assert place(repeats, leg(), 999) == 2
    assert place(repeats, leg(), 1_000) == 2
    assert place(repeats, leg(), 5_000) == 1


def test_what_was_counted_before_an_operators_word_counts_no_longer() -> None:
    repeats = Repeats()
    placed, _ = repeats.place("alpha", PLACE, (leg(),), 0, WINDOW_MS)
    repeats.forget("alpha")
    repeats.forget("never seen")
    assert place(repeats, leg()) == 1
    placed[0].drop()
    assert place(repeats, leg()) == 2


def test_what_is_counted_is_forgotten_behind_the_window() -> None:
    repeats = Repeats()
    for now_ms in range(0, 100_000, 10):
        place(repeats, leg(price=str(now_ms + 1)), now_ms)
    window = repeats._windows["alpha"]
    assert len(window.placed) == len(window.counts) == WINDOW_MS // 10


def test_what_was_never_taken_is_not_kept_for_the_window() -> None:
    """A bot in a loop whose orders are refused at once for a day costs no memory; nor do several of them at a time."""
    repeats = Repeats()
    place(repeats, leg("2"))
    for now_ms in range(WINDOW_MS):
        both = [repeats.place("alpha", PLACE, (leg(),), now_ms, WINDOW_MS)[0][0] for _ in range(2)]
        for one in both:
            one.drop()
    window = repeats._windows["alpha"]
    assert len(window.placed) <= 3
    assert place(repeats, leg("2"), WINDOW_MS - 1) == 2
    assert place(repeats, leg(), WINDOW_MS - 1) == 1


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 2), st.booleans()), max_size=40))
def test_the_count_is_exact(story: list[tuple[int, int, bool]]) -> None:
    """Against a list of everything: those of the last window that were not taken back."""
    repeats, now_ms = Repeats(), 0
    said: list[tuple[int, int]] = []
    for step_ms, kind, refused in story:
        now_ms += step_ms
        placed, most = repeats.place("alpha", PLACE, (leg(str(kind + 1)),), now_ms, WINDOW_MS)
        said.append((now_ms, kind))
        assert most == sum(1 for at_ms, other in said if other == kind and now_ms - at_ms < WINDOW_MS)
        if refused:
            placed[0].drop()
            said.pop()


@pytest.mark.parametrize("state", ["disabled", "enabled"])
def test_latches_are_folded(state: str) -> None:
    """The last record of a bot says whether it is stopped; a word for a bot that is not stopped changes nothing."""
    record: dict[str, Any] = {"type": "latch", "bot": "alpha", "state": state, "why": "repeats", "t": 7}
    latches = {"beta": Latch("repeats", 1)}
    learn(latches, record)
    expected = {"alpha": Latch("repeats", 7)} if state == "disabled" else {}
    assert latches == {"beta": Latch("repeats", 1), **expected}
