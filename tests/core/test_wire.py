"""From wire bytes to pairs: one reading or none."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.wire import MAX_PAIRS, WireError, decode_pairs


@pytest.mark.parametrize(
    ("part", "pairs"),
    [
        (b"", []),
        (b"a=1", [("a", "1")]),
        (b"a=", [("a", "")]),
        (b"symbol=BTCUSDT&side=BUY", [("symbol", "BTCUSDT"), ("side", "BUY")]),
        (b"a=1=2", [("a", "1=2")]),
        (b"a==", [("a", "=")]),
        (b"a=x+y", [("a", "x y")]),
        (b"a=x%2By", [("a", "x+y")]),
        (b"a=%2520", [("a", "%20")]),
        (b"a=1%26b=2", [("a", "1&b=2")]),
        (b"a=%3D", [("a", "=")]),
        (b"symbol=%E6%B5%8B%E8%AF%95USDT", [("symbol", "测试USDT")]),
        ("symbol=测试USDT".encode(), [("symbol", "测试USDT")]),
        (b'batchOrders=[{"symbol":"BTCUSDT"}]', [("batchOrders", '[{"symbol":"BTCUSDT"}]')]),
        (b"a=?;#", [("a", "?;#")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a=%f0%9f%98%80", [("a", "\U0001f600")]),
    ],
)
def test_pairs_are_decoded_once_and_keep_their_order(part: bytes, pairs: list[tuple[str, str]]) -> None:
    assert decode_pairs(part) == pairs


@pytest.mark.threat(9)
@pytest.mark.threat(10)
@pytest.mark.parametrize(
    ("part", "names"),
    [
        (b"symbol=A&symbol=B", ["symbol", "symbol"]),
        (b"symbol=A&Symbol=B", ["symbol", "Symbol"]),
        (b"%73ymbol=A&symbol=B", ["symbol", "symbol"]),
        (b"symbo%6c=A&s%79mbol=B", ["symbol", "symbol"]),
    ],
)
def test_repeated_names_are_kept_for_the_judge_also_when_spelled_in_escapes(part: bytes, names: list[str]) -> None:
    assert [name for name, _ in decode_pairs(part)] == names


@pytest.mark.threat(2)
@pytest.mark.threat(10)
@pytest.mark.parametrize(
    "part",
    [
        b"a", b"=1", b"=", b"&", b"&&", b"a=1&", b"&a=1", b"a=1&&b=2", b"a=1&b", b"1a=1", b"_a=1", b"a-b=1",
        b"a.b=1", b"a[]=1", b"a[0]=1", b"a b=1", b"a+b=1", b"+a=1", b"%20a=1", b"a%20=1", b"a%00=1", b"a%0a=1",
        b"\xef\xbb\xbfa=1", "ａ=1".encode(), "ſymbol=1".encode(), "symbo\u217c=1".encode(), b"%C5%BFymbol=1",
        b"a%=1", b"a%7=1", b"a=%", b"a=%2", b"a=%2G", b"a=%G2", b"a=%%20", b"a=%u0041", b"a=% 20", b"a=%+1", b"a=%-1",
        b"a=%ff", b"a=%80", b"a=%c0%80", b"a=%c1%bf", b"a=%ed%a0%80", b"a=%f5%80%80%80", b"a=%e6%b5", b"a=\xff",
        b"a=\xe6\xb5", b"a=%00", b"a=%0d%0aX-Evil:1", b"a=%0A", b"a=%1b[31m", b"a=%7f", b"a=%09", b"a=\x00", b"a=\t",
        b"a=\r\n", b"a=x\ny", b"a=\x7f", b"a=1\n", b"a\n=1", b'{"symbol":"BTCUSDT"}', b"\x1f\x8b\x08\x00",
    ],
)  # fmt: skip
def test_what_has_no_single_reading_is_refused(part: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode_pairs(part)
    assert caught.value.reason == str(caught.value) == "malformed_parameter"
    assert caught.value.name == ""


NAME = st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}"), fullmatch=True)
VALUE = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters=[*map(chr, range(0x20)), "\x7f"]), max_size=30
)


@given(st.lists(st.tuples(NAME, VALUE), max_size=6), st.sampled_from([quote_plus, quote, lambda v: quote(v, safe="")]))
def test_every_client_spelling_of_pairs_decodes_to_them(
    pairs: list[tuple[str, str]], encode: Callable[[str], str]
) -> None:
    part = "&".join(f"{name}={encode(value)}" for name, value in pairs).encode()
    assert decode_pairs(part) == pairs


@given(st.one_of(st.binary(max_size=60), st.text(alphabet="abS=&%+20Ef~.,/\n\x7f", max_size=40).map(str.encode)))
def test_what_is_accepted_reads_the_same_to_the_standard_library(part: bytes) -> None:
    """A differential reading: whatever passes, urllib reads as the very same pairs, names clean and no control."""
    try:
        pairs = decode_pairs(part)
    except WireError:
        return
    expected = parse_qsl(part.decode(), keep_blank_values=True, strict_parsing=bool(part), errors="strict")
    assert pairs == expected
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII) for name, _ in pairs)
    assert not any(ord(c) < 0x20 or ord(c) == 0x7F for _, value in pairs for c in value)


@pytest.mark.threat(39)
@pytest.mark.parametrize("element", [b"a=1", b"a=%41", b"a=+", b"%61=1"])
def test_no_request_has_more_than_128_parameters(element: bytes) -> None:
    """Anybody can send sixteen thousand: they are counted, not decoded."""
    assert decode_pairs(b"&".join([element] * MAX_PAIRS))[-1][0] == "a"
    with pytest.raises(WireError) as caught:
        decode_pairs(b"&".join([element] * (MAX_PAIRS + 1)))
    assert caught.value.reason == "malformed_parameter"


def test_the_128th_parameter_is_the_last() -> None:
    assert len(decode_pairs(b"&".join([b"a=1"] * 128))) == 128
    with pytest.raises(WireError):
        decode_pairs(b"&".join([b"a=1"] * 129))
