"""One grammar of numbers: ASCII, no sign, no exponent, bounded; the text checked is the text sent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.numbers import decimal, is_decimal, is_int

DECIMALS = ["0", "1", "10", "0.1", "0.0", "0.00000001", "1.10", "9" * 18, "9" * 18 + "." + "9" * 18, "0." + "0" * 18]
INTS = ["0", "1", "42", "1499827319559", "9" * 19]
BAD = [
    "", " ", "+1", "-1", "-0", "+0", "01", "00", "00.1", "1.", ".1", ".", "1..1", "1.1.1", "1e9", "1E9", "1e-3",
    "1e+3",
    "0x10", "0X10", "0o7", "0b1", "1_000", "1,000", "1,1", " 1", "1 ", "1\n", "\n1", "1\t", "1\x00", "1\r\n", "NaN",
    "nan",
    "Infinity", "-Infinity", "inf", "１", "１.１", "٣", "१", "৪", "²", "½", "Ⅷ", "四", "1\u00a0", "\ufeff1",
    "1\u200b",
    "1٫5", "1．5", "−1", "1d", "1f", "1L", "$1", "1%", "1/2", "(1)", "0.1e1", "1e309", "--1", "1-", "1'000", "true",
    "null",
]  # fmt: skip


@pytest.mark.threat(14)
@pytest.mark.parametrize("text", DECIMALS + INTS[:-1])
def test_decimals_of_the_grammar_pass_with_their_value(text: str) -> None:
    assert is_decimal(text)
    assert decimal(text) == Decimal(text)
    assert str(decimal(text)) == str(Decimal(text))


@pytest.mark.threat(14)
@pytest.mark.parametrize("text", INTS)
def test_whole_numbers_pass(text: str) -> None:
    assert is_int(text)


@pytest.mark.threat(14)
@pytest.mark.threat(15)
@pytest.mark.parametrize("text", BAD)
def test_every_other_spelling_is_no_number(text: str) -> None:
    assert not is_decimal(text)
    assert not is_int(text)
    assert decimal(text) is None


@pytest.mark.threat(14)
def test_size_is_bounded() -> None:
    assert not is_decimal("1" * 19)
    assert not is_decimal("1" * 40)
    assert not is_decimal("0." + "1" * 19)
    assert not is_int("1" * 20)
    assert not is_int("1.0")


_DIGITS = frozenset("0123456789")


def _oracle(text: str) -> bool:
    """The grammar once more, character by character."""
    whole, dot, fraction = text.partition(".")
    canonical = 1 <= len(whole) <= 18 and set(whole) <= _DIGITS and (whole == "0" or whole[0] != "0")
    return canonical and (not dot or (1 <= len(fraction) <= 18 and set(fraction) <= _DIGITS))


@pytest.mark.threat(14)
@given(
    st.one_of(st.text(alphabet="0123456789.", max_size=40), st.text(alphabet="01.-+eE_ ١１\n", max_size=8), st.text())
)
def test_the_grammar_is_what_a_naive_reader_says(text: str) -> None:
    assert bool(is_decimal(text)) is _oracle(text)
    assert bool(is_int(text)) is (1 <= len(text) <= 19 and set(text) <= _DIGITS and (text == "0" or text[0] != "0"))


@pytest.mark.threat(16)
@given(st.decimals(min_value=0, max_value=10**17, places=12, allow_nan=False, allow_infinity=False))
def test_no_digit_is_lost(value: Decimal) -> None:
    assert decimal(f"{value:f}") == value
