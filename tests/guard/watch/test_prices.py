"""Prices as confirmed as they are: which have changed, until when they count, what something rests on."""

import asyncio
from decimal import Decimal

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.positions.marks import AHEAD_MS, MOST_AGE_MS, Mark, Pair
from counterseal.guard.watch.prices import MARKET, WANTED_MS, MarketPrices

D = Decimal


def made() -> tuple[VirtualClock, MarketPrices]:
    """Give prices of two markets that have been read once."""
    clock = VirtualClock()
    prices = MarketPrices(clock)
    prices.follow({"usdm", "spot"})
    for family in ("usdm", "spot"):
        prices.take(family, {"ETHUSDT": Mark(D(10), MARKET, 1_000, 0)})
    prices.changed()
    return clock, prices


def test_a_message_is_taken_once_and_says_what_has_changed() -> None:
    _, prices = made()
    assert prices.hear("usdm", [("BTCUSDT", "100", 1_000), ("ETHUSDT", "10", 1_200), ("", "1", 1)], 1_000)
    assert prices.changed() == {("usdm", "BTCUSDT"), ("", "BTC")}
    prices.symbol("usdm", "BTCUSDT")
    assert not prices.hear("usdm", [("BTCUSDT", "101", 1_100)], 1_100), "the same reading"
    assert prices.hear("usdm", [("BTCUSDT", "101", 1_300)], 1_300)
    assert prices.symbol("usdm", "BTCUSDT") == Pair(D(101), D(100))
    assert not prices.hear("coinm", [("BTCUSD_PERP", "1", 1)], 1)
    assert not prices.hear("usdm", [("BTCUSDT", "1", 9_001 + AHEAD_MS)], 9_000), "from the future"
    assert not prices.hear("usdm", [("BTCUSDT", "-1", 9_000), ("BTCUSDT", "x", 9_000)], 9_000)


def test_a_message_is_as_old_as_it_says() -> None:
    clock, prices = made()
    asyncio.run(clock.advance(10))
    prices.hear("usdm", [("BTCUSDT", "100", 1_000)], 4_000)
    assert not prices.is_heard("usdm", {"BTCUSDT"}, 2_999)
    assert prices.is_heard("usdm", {"BTCUSDT"}, 3_000)
    assert prices.is_heard("usdm", (), 3_000)
    assert not prices.is_heard("usdm", {"ETHUSDT", "BTCUSDT"}, 3_000), "what was read was not heard"
    assert not prices.is_heard("spot", (), 3_000)
    assert prices.last("usdm", "BTCUSDT") == D(100)
    asyncio.run(clock.advance((MOST_AGE_MS - 2_999) / 1000))
    assert prices.last("usdm", "BTCUSDT") is None
    assert prices.last("coinm", "BTCUSD_PERP") is None


def test_everything_has_changed_when_markets_do_and_when_one_was_read_first() -> None:
    _, prices = made()
    assert prices.changed() == set()
    prices.follow({"usdm", "coinm"})
    assert prices.changed() is None
    prices.tick("coinm", "BTCUSD_PERP", Mark(D(1), "account", 5, 5))
    assert prices.changed() == {("coinm", "BTCUSD_PERP"), ("", "BTC")}
    prices.take("coinm", {"BTCUSD_PERP": Mark(D(1), MARKET, 5, 5)})
    assert prices.changed() is None


def test_until_when_what_was_given_counts() -> None:
    clock, prices = made()
    asyncio.run(clock.advance(2))
    prices.hear("usdm", [("BTCUSDT", "100", 2_000), ("ETHUSDT", "10", 2_000)], 2_000)
    prices.begin()
    assert prices.symbol("usdm", "BTCUSDT") is None
    assert prices.lasts_ms > 1 << 60
    prices.symbol("usdm", "ETHUSDT")
    assert prices.lasts_ms == 2_000 + MOST_AGE_MS


def test_what_was_asked_for_of_late_is_wanted() -> None:
    clock, prices = made()
    prices.symbol("usdm", "BTCUSDT")
    asyncio.run(clock.advance(WANTED_MS / 1000))
    prices.symbol("usdm", "ETHUSDT")
    assert prices.wanted("usdm") == {"BTCUSDT", "ETHUSDT"}
    asyncio.run(clock.advance(0.001))
    assert prices.wanted("usdm") == {"ETHUSDT"}


def test_what_the_stream_tells_an_answer_does_not_tell_again() -> None:
    clock, prices = made()
    asyncio.run(clock.advance(10))
    prices.hear("usdm", [("BTCUSDT", "100", 10_000)], 10_000)
    told = {"BTCUSDT": Mark(D(200), MARKET, 10_500, 10_000), "SOLUSDT": Mark(D(5), MARKET, 10_500, 10_000)}
    assert prices.take("usdm", told)
    assert prices.last("usdm", "BTCUSDT") == D(100)
    assert prices.last("usdm", "SOLUSDT") == D(5)
    asyncio.run(clock.advance(3))
    assert prices.take("usdm", {"BTCUSDT": Mark(D(200), MARKET, 13_000, 13_000)})
    assert prices.last("usdm", "BTCUSDT") == D(200)
