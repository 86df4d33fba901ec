"""core.userdata.mint: keys that are known again by the secret alone."""

import random  # noqa: TID251 - seeded
from collections import Counter

import pytest

from counterseal.core.secret import Secret
from counterseal.core.userdata.mint import Mint, is_listen_key, place_in

HOLDER = ("V" * 64, "alpha", "main", "usdm")


def mint(secret: bytes = b"s" * 32, seed: int = 1) -> Mint:
    return Mint(Secret(secret), random.Random(seed).randrange)


@pytest.mark.threat(25)
def test_a_key_is_known_again_by_who_has_the_secret() -> None:
    """Every key of a holder, of no other, and with no letter changed."""
    one, other = mint(), mint(seed=2)
    keys = [made.make(HOLDER) for made in (one, other, one)]
    assert len(set(keys)) == 3
    for key in keys:
        assert is_listen_key(key)
        assert place_in(key) == one.place(HOLDER) == other.place(HOLDER)
        assert other.is_of(key, HOLDER)
        assert not mint(b"t" * 32).is_of(key, HOLDER)
        for place in range(4):
            assert not one.is_of(key, (*HOLDER[:place], "x", *HOLDER[place + 1 :]))
        for place, letter in enumerate(key):
            assert not one.is_of(key[:place] + ("a" if letter != "a" else "b") + key[place + 1 :], HOLDER)
    assert not one.is_of("", HOLDER)
    assert not one.is_of(keys[0][:20], HOLDER)


def test_names_do_not_run_into_one_another() -> None:
    """Two holders whose names are the same in a row."""
    assert mint().place(("a", "bc", "d", "e")) != mint().place(("ab", "c", "d", "e"))
    assert mint().place(HOLDER) != mint(b"t" * 32).place(HOLDER)


def test_every_letter_comes_at_every_place() -> None:
    """What is drawn and what is computed: a key is as hard to guess as it is long."""
    made = mint()
    keys = [made.make((str(number), *HOLDER[1:])) for number in range(2_000)]
    for letters in zip(*keys, strict=True):
        counts = Counter(letters)
        assert len(counts) == 62
        assert max(counts.values()) < 80


@pytest.mark.parametrize(
    "text", ["", "a" * 63, "a" * 65, "a" * 63 + "@", "a" * 63 + "é", "a" * 63 + "\n", "!" + "a" * 63]
)
def test_what_looks_like_no_key(text: str) -> None:
    """64 letters and digits, ASCII."""
    assert not is_listen_key(text)
