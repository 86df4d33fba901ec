"""core.public_cache: kept while young, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.public_cache import ENTRY_BYTES, MAX_ANSWER_BYTES, MAX_BYTES, Kept, PublicCache
from counterseal.core.public_reads import SharedRead


def read(name: str, serve_ms: int = 100) -> SharedRead:
    return SharedRead((name, (("symbol", "X"),), None, None), serve_ms)


def answer(asked_ms: int, size: int = 2) -> Kept:
    return Kept(b"{" + b" " * (size - 2) + b"}", "a date", asked_ms)


# What `answer(…, 100)` for a read of one pair takes.
SIZE_100 = 100 + len("symbolX") + ENTRY_BYTES


def test_an_answer_is_served_until_its_time_is_over() -> None:
    """By the moment before it was asked for, to the millisecond; then it is gone."""
    cache, kept = PublicCache(), answer(1_000)
    cache.keep(read("a"), 200, kept, 1_040)
    assert cache.find(read("a"), 1_099) is kept
    assert cache.find(read("b"), 1_050) is None
    assert cache.find(read("a"), 1_100) is None
    assert (len(cache), cache.size) == (0, 0)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 418, 429, 500, 503])
def test_only_whole_successes_are_kept(status: int) -> None:
    cache = PublicCache()
    cache.keep(read("a"), status, answer(0), 0)
    assert len(cache) == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b" {}", b"null"])
def test_what_is_no_json_object_or_list_is_not_kept(body: bytes) -> None:
    """A firewall's page with status 200 would otherwise be everybody's exchangeInfo for a minute."""
    cache = PublicCache()
    cache.keep(read("a"), 200, Kept(body, "", 0), 0)
    assert len(cache) == 0
    cache.keep(read("a"), 200, Kept(b"[]", "", 0), 0)
    assert len(cache) == 1


def test_an_answer_that_came_too_late_is_not_kept() -> None:
    """Its age counts from before the request: a slow answer is old when it comes."""
    cache = PublicCache()
    cache.keep(read("a"), 200, answer(0), 100)
    assert len(cache) == 0


def test_the_answer_that_was_asked_for_last_stays() -> None:
    cache, older, newer = PublicCache(), answer(1_000), answer(1_001)
    cache.keep(read("a"), 200, newer, 1_010)
    cache.keep(read("a"), 200, older, 1_020)
    assert cache.find(read("a"), 1_030) is newer
    newest = answer(1_030, 100)
    cache.keep(read("a"), 200, newest, 1_040)
    assert cache.find(read("a"), 1_050) is newest
    assert (len(cache), cache.size) == (1, SIZE_100)


def test_bytes_in_all_are_bounded_and_the_one_used_longest_ago_goes() -> None:
    """Exactly as many as fit stay; being served counts as use."""
    cache = PublicCache(max_bytes=3 * SIZE_100)
    for name in "abc":
        cache.keep(read(name), 200, answer(0, 100), 0)
    assert len(cache) == 3 and cache.size == 3 * SIZE_100
    assert cache.find(read("a"), 1) is not None
    cache.keep(read("d"), 200, answer(1, 100), 1)
    assert cache.find(read("b"), 1) is None
    assert [cache.find(read(name), 1) is not None for name in "acd"] == [True] * 3


def test_entries_are_bounded() -> None:
    cache = PublicCache(max_entries=2)
    for name in "abc":
        cache.keep(read(name), 200, answer(0), 0)
    assert [cache.find(read(name), 0) is not None for name in "abc"] == [False, True, True]


def test_one_answer_is_bounded() -> None:
    """To the byte, with what it takes beside its body."""
    cache = PublicCache(max_answer_bytes=SIZE_100)
    cache.keep(read("a"), 200, answer(0, 101), 0)
    assert len(cache) == 0
    cache.keep(read("a"), 200, answer(0, 100), 0)
    assert len(cache) == 1


def test_an_answer_too_large_leaves_the_others() -> None:
    """It does not push them out, and does not take the place of its predecessor."""
    cache = PublicCache(max_answer_bytes=SIZE_100)
    cache.keep(read("a"), 200, answer(0), 0)
    cache.keep(read("b"), 200, answer(0), 0)
    cache.keep(read("a"), 200, answer(1, 200), 1)
    assert [cache.find(read(name), 1) for name in "ab"] == [answer(0), answer(0)]


def test_the_dead_go_when_something_comes() -> None:
    """Nobody asks for last minute's candles again: they are not kept until the bounds are reached."""
    cache = PublicCache()
    for name in "abc":
        cache.keep(read(name), 200, answer(0), 0)
    cache.keep(read("d"), 200, answer(100), 100)
    assert len(cache) == 1


def test_the_defaults_hold_what_they_must() -> None:
    assert (MAX_BYTES, MAX_ANSWER_BYTES) == (64 << 20, 32 << 20)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 300), st.integers(2, 150), st.booleans())))
def test_the_bounds_hold_whatever_happens(steps: list[tuple[str, int, int, bool]]) -> None:
    """Sizes add up, nothing is served above its age, and nothing but what was kept."""
    cache = PublicCache(max_bytes=5 * SIZE_100 // 2, max_answer_bytes=SIZE_100, max_entries=3)
    now_ms = 0
    for name, pause_ms, size, keeps in steps:
        now_ms += pause_ms
        if keeps:
            cache.keep(read(name), 200, answer(now_ms, size), now_ms)
        else:
            found = cache.find(read(name), now_ms)
            assert found is None or now_ms - found.asked_ms < 100
        assert len(cache) <= 3 and cache.size <= 5 * SIZE_100 // 2
        assert cache.size == sum(entry.size for entry in cache._entries.values())
