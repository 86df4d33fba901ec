"""core.public_reads: what may be shared, for how long, and which reads are the same."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.public_reads import (
    BOOK,
    CANDLES,
    PRICE,
    RULES,
    SHARED,
    STATISTICS,
    Pair,
    SharedRead,
    group_of,
    shared_read,
)

PAGE = Path(__file__).parents[2] / "docs" / "topics" / "shared-reads.md"
CATALOGUE = load_catalogue()
# Public, and shared by nobody, each for a reason.
ALONE = {
    # Who asks measures the moment or the way.
    *(("spot", f"/api/v3/{name}") for name in ("time", "ping")),
    *(("usdm", f"/fapi/v1/{name}") for name in ("time", "ping")),
    *(("coinm", f"/dapi/v1/{name}") for name in ("time", "ping")),
    *(("options", f"/eapi/v1/{name}") for name in ("time", "ping")),
    ("papi", "/papi/v1/ping"),
    # Takes a recvWindow: not public everywhere.
    ("spot", "/sapi/v1/dci/product/list"),
}
NOON_MS = 1_795_392_000_000 + 43_200_000


def endpoint(path: str, family: str = "spot", method: str = "GET") -> Endpoint:
    found = CATALOGUE.get(family, method, path)
    assert found is not None
    return found


def read(path: str, *pairs: Pair, unit: str | None = None, at_ms: int = NOON_MS, unsure_ms: int = 0) -> SharedRead:
    found = shared_read(endpoint(path), pairs, unit, (at_ms - unsure_ms, at_ms + unsure_ms))
    assert found is not None
    return found


# -- what


def test_every_public_read_was_decided() -> None:
    """Each public endpoint of the catalogue is in the table or among those that are left out; nothing else is."""
    public = {
        (e.family, e.path)
        for e in CATALOGUE
        if e.method == "GET" and e.security == "NONE" and not e.signed and e.family != "www"
    }
    assert set(SHARED) | ALONE == public
    assert set(SHARED) & ALONE == set()


def test_nothing_is_shared_but_what_the_table_names() -> None:
    """No endpoint that is signed, wants a key, changes something, or is on the web hosts."""
    for one in CATALOGUE:
        if group_of(one) is not None:
            assert (one.method, one.security, one.signed, one.purpose) == ("GET", "NONE", False, "read")
            assert one.family != "www" and not one.mutating
            assert (one.family, one.path) in SHARED
    assert sum(group_of(one) is not None for one in CATALOGUE) == len(SHARED)


@pytest.mark.parametrize(
    "change", [{"signed": True}, {"security": "MARKET_DATA"}, {"method": "POST"}, {"purpose": "account"}]
)
def test_the_table_alone_makes_nothing_public(change: dict[str, Any]) -> None:
    """An endpoint that came to be signed would not be shared, whatever the table says."""
    depth = endpoint("/api/v3/depth")
    assert group_of(depth) is BOOK
    assert group_of(replace(depth, **change)) is None
    assert shared_read(replace(depth, **change), (), None, None) is None


# -- for how long


@pytest.mark.parametrize(
    ("path", "serve_ms"),
    [
        ("/api/v3/depth", 100),
        ("/api/v3/ticker/bookTicker", 100),
        ("/api/v3/ticker/price", 250),
        ("/api/v3/trades", 250),
        ("/api/v3/ticker/24hr", 250),
        ("/api/v3/klines", 500),
        ("/api/v3/exchangeInfo", 60_000),
    ],
)
def test_how_long(path: str, serve_ms: int) -> None:
    assert read(path).serve_ms == serve_ms


def test_prices_are_never_older_than_a_poll_a_second_notices() -> None:
    """What has prices in it stays within half a second."""
    assert max(BOOK.serve_ms, PRICE.serve_ms, CANDLES.serve_ms) <= 500


def test_the_page_tells_every_path_with_its_time() -> None:
    """docs/topics/shared-reads.md lists what the table has, group by group."""
    rows = [line.split("|")[1:4] for line in PAGE.read_text().splitlines() if line.startswith("| **")]
    told = {path: int(ms) for ms, paths in ((row[1].replace(",", ""), row[2]) for row in rows)
            for path in re.findall(r"`(/[^`]+)`", paths)}  # fmt: skip
    assert told == {path: group.serve_ms for (_, path), group in SHARED.items()}


# -- the same


def test_order_does_not_matter_and_a_written_default_does() -> None:
    """`symbol=a&limit=5` is `limit=5&symbol=a`; nobody guesses what the exchange's defaults are."""
    symbol, limit = ("symbol", "BTCUSDT"), ("limit", "100")
    assert read("/api/v3/depth", symbol, limit) == read("/api/v3/depth", limit, symbol)
    assert read("/api/v3/depth", symbol) != read("/api/v3/depth", symbol, limit)


def test_values_of_one_name_keep_their_order() -> None:
    one, other = ("symbols", "A"), ("symbols", "B")
    assert read("/api/v3/ticker", one, other) != read("/api/v3/ticker", other, one)


PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=3, unique_by=lambda pair: pair[0])


@given(PAIRS, PAIRS)
def test_two_reads_are_the_same_exactly_when_their_parameters_are(one: list[Pair], other: list[Pair]) -> None:
    same = read("/api/v3/ticker/price", *one).key == read("/api/v3/ticker/price", *other).key
    assert same == (dict(one) == dict(other))


def test_endpoint_and_time_unit_are_part_of_it() -> None:
    keys = {
        read("/api/v3/ticker/price").key,
        read("/api/v3/ticker/bookTicker").key,
        read("/api/v3/ticker/price", unit="MICROSECOND").key,
        read("/api/v3/ticker/price", unit="MILLISECOND").key,
    }
    assert len(keys) == 4
    coinm = shared_read(endpoint("/futures/data/basis", "coinm"), (), None, (0, 0))
    usdm = shared_read(endpoint("/futures/data/basis", "usdm"), (), None, (0, 0))
    assert coinm is not None and usdm is not None and coinm.key != usdm.key


# -- periods


@pytest.mark.parametrize("path", ["/api/v3/klines", "/sapi/v1/system/status"])
def test_what_is_made_by_the_minute_is_not_shared_over_its_end(path: str) -> None:
    """A bot that asks after the close never gets what was asked for before it."""
    before, after = read(path, at_ms=NOON_MS - 1), read(path, at_ms=NOON_MS)
    assert before.key != after.key
    assert after.key == read(path, at_ms=NOON_MS + 59_999).key


def test_a_second_s_candle_has_seconds_for_periods() -> None:
    short, long = ("interval", "1s"), ("interval", "1m")
    assert read("/api/v3/klines", short).key != read("/api/v3/klines", short, at_ms=NOON_MS + 1_000).key
    assert read("/api/v3/klines", long).key == read("/api/v3/klines", long, at_ms=NOON_MS + 1_000).key


def test_around_the_end_the_clock_s_uncertainty_is_a_period_of_its_own() -> None:
    """Before for certain, nobody knows, after for certain: none is shared with another."""
    before, unsure, after = (read("/api/v3/klines", at_ms=NOON_MS + ms, unsure_ms=20).key for ms in (-21, 0, 20))
    assert len({before, unsure, after}) == 3
    assert unsure == read("/api/v3/klines", at_ms=NOON_MS - 20, unsure_ms=20).key


def test_without_exchange_time_only_what_has_no_period_is_shared() -> None:
    assert shared_read(endpoint("/api/v3/klines"), (), None, None) is None
    price = shared_read(endpoint("/api/v3/ticker/price"), (), None, None)
    assert price == read("/api/v3/ticker/price"), "and the moment is no part of it"


def test_groups_by_period_are_candles_and_statistics() -> None:
    assert [group.by_period for group in (BOOK, PRICE, CANDLES, STATISTICS, RULES)] == [False, False, True, True, False]
