"""What is surely weak is refused, and nothing of a passphrase stands in the refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.passphrase import MAX_BYTES, weakness

GOOD = ["stapled quartz under nine rivers", "x7$kQ2!mWz9#", "пять слов без всякой связи", "Ofen;Regal;Mond;Teich"]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_one_passes(text: str) -> None:
    assert weakness(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "at least 12"),
        ("elevenchars", "at least 12"),
        ("ü" * (MAX_BYTES // 2) + "x", "at most 1024"),
        (" stapled quartz rivers", "space"),
        ("stapled quartz rivers ", "space"),
        ("stapled\tquartz rivers", "cannot be typed"),
        ("stapled\x00quartz rivers", "cannot be typed"),
        ("aaaaaaaaaaaaaaaa", "repeats"),
        ("abcabdabcabdabcabd", "repeats"),
        ("k7Qz!k7Qz!k7Q", "repeats"),
        ("abababcbabcbabcd", "repeats"),
        ("123456789012", "runs along"),
        ("abcdefghijklmnop", "runs along"),
        ("QwertyUiopAsdf", "runs along"),
        ("zyxwvutsrqponm", "runs along"),
        ("password1234", "tried first"),
        ("P4ssw0rd-2026!", "tried first"),
        ("Counterseal2026", "tried first"),
        ("correcthorsebatterystaple", "tried first"),
        ("Correct Horse Battery", "tried first"),
        ("binancepassword", "tried first"),
    ],
)
def test_an_obvious_one_is_refused_in_one_sentence_that_does_not_show_it(text: str, sentence: str) -> None:
    found = weakness(text)

    assert found is not None
    assert sentence in found
    assert "\n" not in found
    assert not text or len(text) < 4 or text not in found


@given(st.text(max_size=40))
def test_it_judges_any_text_and_short_ones_never_pass(text: str) -> None:
    found = weakness(text)

    assert found is None or found.startswith("the passphrase")
    assert found is not None or len(text) >= 12


@given(st.text(alphabet="bcdfghjlmnpqrtvxz279#;", min_size=20, max_size=40))
def test_what_passes_still_passes_with_a_rare_ending(text: str) -> None:
    if weakness(text) is None:
        assert weakness(text + ";Ωж§") is None
