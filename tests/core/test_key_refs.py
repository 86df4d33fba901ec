"""A version's ref tells its key and its number, and is never given twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.key_refs import name_of, next_ref, number_of, ref_of
from counterseal.core.messages import HeldKey

_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)


@given(_names, st.integers(1, 10**6))
def test_a_ref_is_read_as_it_was_written(name: str, number: int) -> None:
    ref = ref_of(name, number)
    assert (name_of(ref), number_of(ref)) == (name, number)
    assert (ref == name) == (number == 1)
    assert HeldKey(ref, "K", "hmac", "paper").name == name


@pytest.mark.parametrize("text", ["main.", "main.1", "main.02", "main.x", "main.2.3", "main.-2", "main.²", "main.٣"])
def test_what_is_no_ref_is_refused(text: str) -> None:
    """Two spellings of one version would be two versions."""
    with pytest.raises(ValueError, match="no ref"):
        number_of(text)


def test_the_next_ref_is_above_all_that_there_are() -> None:
    assert next_ref("main", ()) == "main"
    assert next_ref("main", ("other.9", "main")) == "main.2"
    assert next_ref("main", ("main.2", "main.10", "other")) == "main.11"
