"""What of the uses of canaries is told, and where one is found."""

import pytest

from counterseal.core.canaries import MOST_BYTES, MOST_SOURCES, TOGETHER_MS, Canary, Sightings, Use, find

WIKI, DISK = Canary("f" * 16, "wiki"), Canary("e" * 16, "disk")
KEY = "Ab3" * 21 + "Z"


def use(canary: Canary = WIKI, source: str = "10.0.0.1", at_ms: int = 1_000) -> Use:
    return Use(canary, source, "GET", "/api/v3/account", {"user-agent": "thief"}, at_ms)


def test_the_first_use_is_told_at_once_and_repeats_once_a_minute() -> None:
    sightings = Sightings()
    first = sightings.see(use())
    assert first is not None and (first.times, first.since) == (1, 0)
    assert [sightings.see(use(at_ms=1_000 + n)) for n in range(1, 500)] == [None] * 499
    again = sightings.see(use(at_ms=1_000 + TOGETHER_MS))
    assert again is not None and (again.times, again.since) == (501, 499)
    assert sightings.counts() == {WIKI.fingerprint: 501}


def test_each_new_address_is_told_at_once_up_to_a_bound() -> None:
    sightings = Sightings()
    told = [sightings.see(use(source=f"10.0.{n // 256}.{n % 256}")) for n in range(1_000)]
    assert sum(one is not None for one in told) == MOST_SOURCES
    later = sightings.see(use(source="10.9.9.9", at_ms=1_000 + TOGETHER_MS))
    assert later is not None and later.since == 1_000 - MOST_SOURCES
    assert later.is_one_of_many and not any(one.is_one_of_many for one in told if one)


def test_one_canary_s_uses_hide_none_of_another_s() -> None:
    sightings = Sightings()
    assert sightings.see(use()) is not None
    assert sightings.see(use(DISK)) is not None
    assert sightings.counts() == {WIKI.fingerprint: 1, DISK.fingerprint: 1}
    assert Sightings().counts() == {}


@pytest.mark.parametrize(
    "text",
    [KEY, f"/ws/{KEY}", f"listenKey={KEY}&timestamp=1", f"a=1&apiKey={KEY}", f'{{"apiKey":"{KEY}"}}', f"x_{KEY}-y"],
)
def test_a_key_id_is_found_wherever_it_stands(text: str) -> None:
    assert find({KEY: WIKI, "Z" * 64: DISK}, [b"", text.encode()]) is WIKI


@pytest.mark.parametrize("text", ["", KEY[:63], f"{KEY}A", f"A{KEY}", KEY.lower(), "-" * MOST_BYTES + KEY])
def test_what_is_none_is_not_found(text: str) -> None:
    """Nor what stands so far behind that it is not looked for."""
    assert find({KEY: WIKI}, [text.encode()]) is None
