"""600 ways to write a number, and what a reader who has not seen the gateway says of each.

What is taken: ASCII digits, at most one dot with digits on both sides, no zero in front of another digit, at most 18
digits on either side (19 in a whole number). The exchange takes up to 20 digits and zeros in front; the gateway is
stricter on purpose: no price or size needs more than 18 digits, and a zero in front is octal to some.
"""

# ruff: noqa: TID251 - randomness is seeded
import random
import unicodedata
from collections.abc import Iterator

COUNT = 600
MOST_WHOLE, MOST_FRACTION, MOST_INT = 18, 18, 19
_DIGITS = frozenset("0123456789")


def is_plain(text: str) -> bool:
    """Tell whether a text is a plain decimal number."""
    whole, dot, fraction = text.partition(".")
    return _is_whole(whole, MOST_WHOLE) and (not dot or _is_digits(fraction, MOST_FRACTION))


def is_plain_int(text: str) -> bool:
    """Tell whether a text is a plain whole number."""
    return _is_whole(text, MOST_INT)


def _is_whole(text: str, most: int) -> bool:
    return _is_digits(text, most) and (text == "0" or text[0] != "0")


def _is_digits(text: str, most: int) -> bool:
    return 0 < len(text) <= most and all(character in _DIGITS for character in text)


_PLAIN = (
    "0", "1", "7", "10", "42", "99", "100", "90000", "123456789", "0.1", "0.10", "0.100", "0.001", "0.0010", "1.0",
    "1.00", "1.5", "9.99", "10.01", "90000.00", "90000.01", "100000.5", "0.00000001", "0.000000000000000001", "0.0",
    "0.00", "1.000000000000000000", "999999999999999999", "100000000000000000", "9007199254740993", "9007199254740992",
    "0.30000000000000004", "0.1000000000000000055", "4294967296", "2147483648", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "123456789012345678.123456789012345678",
)  # fmt: skip
_TWICE = (
    "", " ", ".", "..", "-", "+", "--1", "++1", "+-1", "1-", "1+", "1 2", "1.2.3", "1..2", ".5", "5.", "0.", ".0",
    "1,000", "1.000,5", "0,5", "1'000", "1_000", "1_0.5", "0._5", "_1", "1_", "1__0", "00", "01", "007", "00.5", "-0",
    "-1", "-0.5", "+1", "+0.5", "(1)", "1/2", "1%", "1*2", "1+1", "1-1", "2^3", "1!", "1;", "1#", "$1", "1$", "#1",
    "1:2", "~1", "1=1", "1?", "1\\2", "1|2", "1@2", "a", "one", "1a", "a1", "1l", "1L", "1f", "1d", "1m", "1n", "1BTC",
    "0b11", "0o17", "0x1F", "0X1f", "0xG", "&h1F", "1Fh", "017", "08", "1r", "1j", "1i", "(0,1)", "0x1.8p3", "1p3",
    "nan", "NaN", "NAN", "+nan", "snan", "nan123", "inf", "Inf", "-inf", "+inf", "Infinity", "-Infinity", "INF",
    "1#INF", "null", "None", "nil", "true", "True", "false", "undefined", "[]", "{}", "[1]", '{"a":1}', '"1"', "'1'",
    "`1`",
    "\"1\"", "1&price=2", "1&quantity=2", "1=2", "1;quantity=2", "1 OR 1=1", "1--", "1/*x*/", "1//2", "${1}", "{{1}}",
    "%31", "1%30", "1%2e5", "%2B1", "1%00", "\\u0031", "\\x31", "\\1", "&#49;", "1\\n", "=1", "@1", "1,2", "[1,2]",
)  # fmt: skip
_EXPONENTS = (
    "1e3", "1E3", "1e+3", "1e-3", "1E-3", "1E+3", "0e0", "1e0", "1e00", "1e", "e1", "1e+", "1e-", "1.5e2", "1.e2",
    ".5e2", "1e1.5", "1e1e1", "1e999", "1e-999", "1e99999999", "-1e3", "+1e3", "1 e3", "1e 3", "1d3", "1D-3", "1ee3",
    "1^3", "1x10^3", "1*10**3", "9e18", "1e18", "1e-18", "0.1e1", "10e-1", "1\u00d710\u00b3", "1\u212f3",
)  # fmt: skip
# Blanks and signs that nobody sees, in front, behind and inside.
_UNSEEN = (
    "\t\n\r\x0b\x0c\x00\x01\x1b\x7f\x85\xa0\xad\u1680\u2000\u2003\u2007\u2009\u200a\u200b\u200d\u200e\u2028\u202e"
    "\u202f\u205f\u2060\u2066\u3000\ufeff"
)
# What looks like a sign, a dot or a comma.
_LIKE = (
    ("\u2212", "{}1"), ("\u2010", "{}1"), ("\u2013", "{}1"), ("\uff0d", "{}1"), ("\ufe63", "{}1"), ("\uff0b", "{}1"),
    ("\u207b", "{}1"), ("\uff0e", "1{}5"), ("\u3002", "1{}5"), ("\u00b7", "1{}5"), ("\u2024", "1{}5"),
    ("\u066b", "1{}5"), ("\u066c", "1{}000"), ("\uff0c", "1{}000"), ("\u2019", "1{}000"), ("\u2044", "1{}2"),
)  # fmt: skip


def _other_digits() -> Iterator[str]:
    """Digits of every script, and characters with the value of one."""
    for code in range(0x80, 0x1FBFA):
        character = chr(code)
        if unicodedata.category(character) == "Nd" and unicodedata.decimal(character) == 1:
            yield character
            yield f"0.00{character}"
    yield from ("\u00b9", "\u00bd", "\u2081", "\u2160", "\u2460", "\u2776", "\u3021", "\u4e00", "\u58f9", "\u5146")
    yield from ("1\u00b2", "\U0001d7d9", "1\u0301", "1\u20e3", "\u0967\u0966", "\uff11\uff10", "\uff10\uff0e\uff11")


def _long() -> Iterator[str]:
    for count in (17, 18, 19, 20, 21, 30, 64, 100, 400, 1000):
        yield "9" * count
        yield "0." + "1" * count
        yield "0" * count + "1"
        yield "1" + "0" * count
        yield "1." + "0" * count


def _drawn(dice: random.Random) -> Iterator[str]:
    """Without end: half of them plain numbers of every length, half with one character too many."""
    while True:
        whole = str(dice.randrange(10 ** dice.randint(1, 17)))
        text = f"{whole}.{''.join(dice.choices('0123456789', k=dice.randint(1, 17)))}" if dice.random() < 0.6 else whole
        if dice.random() < 0.5:
            at = dice.randrange(len(text) + 1)
            text = text[:at] + dice.choice(" +-.,_eE'xX:;/\u0660\uff10\u200b") + text[at:]
        yield text


def spellings() -> list[str]:
    """Give the 600, each once, the same ones in each run."""
    found = dict.fromkeys([*_PLAIN, *_TWICE, *_EXPONENTS, *_other_digits(), *_long()])
    for unseen in _UNSEEN:
        found.update(dict.fromkeys((f"{unseen}1", f"1{unseen}", f"1{unseen}5")))
    found.update(dict.fromkeys(shape.format(sign) for sign, shape in _LIKE))
    for drawn in _drawn(random.Random(600)):
        if len(found) >= COUNT:
            return list(found)[:COUNT]
        found[drawn] = None
    raise AssertionError("the drawing has no end")
