"""Products of money are exact; an inverse never flatters."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.exact import inverse_up, product

texts = st.from_regex(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", fullmatch=True)


@given(st.lists(texts, min_size=2, max_size=3))
def test_a_product_equals_the_fraction(numbers: list[str]) -> None:
    """Two or three numbers of the wire's grammar multiply without rounding."""
    expected = Fraction(1)
    for text in numbers:
        expected *= Fraction(text)
    assert Fraction(product(*map(Decimal, numbers))) == expected


@given(texts.filter(lambda text: Decimal(text) > 0))
def test_an_inverse_is_rounded_up(text: str) -> None:
    """Never below the truth, and not above it by more than one part in 10**39."""
    inverse, truth = Fraction(inverse_up(Decimal(text))), 1 / Fraction(text)
    assert truth <= inverse <= truth * (1 + Fraction(1, 10**39))
