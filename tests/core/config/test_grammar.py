"""Single values: what is read, what is refused, and that nothing beyond ASCII passes as a number or name."""

from decimal import Decimal
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.grammar import parse_amount, parse_label, parse_name, parse_path, parse_symbol, parse_user


@pytest.mark.parametrize("text", ["a", "alpha", "0", "a_b-c", "x" * 32])
def test_a_name_passes(text: str) -> None:
    assert parse_name(text) == text


@pytest.mark.parametrize("text", ["", "Alpha", "-a", "_a", "a b", "a.b", "x" * 33, "ä", "٣", "a\n"])
def test_other_text_is_no_name(text: str) -> None:
    assert parse_name(text) is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [("Grid-1.a_b", True), ("x" * 32, True), ("x" * 33, False), ("a b", False), ("", False)],
)
def test_labels(text: str, valid: bool) -> None:
    assert (parse_label(text) == text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [("counterseal", True), ("_a.b-1", True), ("x" * 32, True), ("x" * 33, False), ("1a", False), ("-a", False),
     ("Root", False), ("a b", False), ("ä", False), ("", False)],
)  # fmt: skip
def test_users(text: str, valid: bool) -> None:
    assert (parse_user(text) == text) is valid


@pytest.mark.parametrize(
    "text", ["*", "BTCUSDT", "BTCUSD_PERP", "BTC-240628-60000-C", "1000SATSUSDT", "测试USDT", "１２３４５６"]
)
def test_a_symbol_passes_unchanged(text: str) -> None:
    assert parse_symbol(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "btcusdt",
        "BTC USDT",
        "**",
        "BTC/USDT",
        "BTC\u00a0USDT",
        "BTC\u202eUSDT",
        "A" * 41,
        "A\n",
        "\ud800",
    ],
)
def test_other_text_is_no_symbol(text: str) -> None:
    assert parse_symbol(text) is None


@pytest.mark.parametrize(
    ("text", "valid"), [("/a/b.pem", True), ("a b.pem", True), ("", False), ("~/a", False), ("a\x00", False)]
)
def test_paths(text: str, valid: bool) -> None:
    assert (parse_path(text) == text) is valid


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.1", "0.1"),
        (Decimal("0.1"), "0.1"),
        (5, "5"),
        ("2500.00", "2500.00"),
        (Decimal("1e5"), "100000"),
        (Decimal("1E-18"), "0.000000000000000001"),
        (10**15 - 1, "999999999999999"),
        ("999999999999999.999999999999999999", "999999999999999.999999999999999999"),
    ],
)
def test_an_amount_is_exact_and_keeps_its_digits(value: str | int | Decimal, expected: str) -> None:
    found = parse_amount(value)
    assert found is not None and format(found, "f") == expected
    assert found.as_tuple().exponent <= 0  # type: ignore[operator]  # finite


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "0.0",
        "-1",
        "+1",
        "1e3",
        "1_000",
        " 1",
        "1.",
        ".5",
        "01",
        "٣",
        "１",
        "NaN",
        "inf",
        "1" * 16,
        "0." + "1" * 19,
        "1\n",
    ]
    + [0, -1, 10**15, 10**400]
    + [Decimal(text) for text in ("0", "-0.1", "NaN", "sNaN", "Infinity", "-Infinity", "1e15", "1e-19", "1e99999")],
)
def test_other_values_are_no_amount(value: str | int | Decimal) -> None:
    assert parse_amount(value) is None


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers() | st.text())
def test_an_amount_is_never_rounded(value: Decimal | int | str) -> None:
    found = parse_amount(value)
    assert found is None or (found > 0 and found == Decimal(value))


def test_networks_of_the_standard_library_are_what_parse_network_gives() -> None:
    from counterseal.core.config.addresses import parse_network

    assert parse_network("10.0.0.0/8") == ip_network("10.0.0.0/8")
    assert parse_network("::1") == ip_network("::1/128")
