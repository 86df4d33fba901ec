"""Which bytes are signed: published vectors, every deviation of the clients, and the round trip."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.binance.canonical import VARIANTS, decode_signature, encode_query, other_payloads, split_signature
from counterseal.core.wire import decode_pairs

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors/signing_vectors.json").read_text(encoding="utf-8")
)
REST = [v for v in VECTORS if "REST" in v["name"] and "mixed" not in v["name"]]
MIXED = next(v for v in VECTORS if "mixed" in v["name"])


def _hmac(key: str, payload: bytes) -> str:
    return hmac.new(key.encode(), payload, hashlib.sha256).hexdigest()


# -- published vectors


@pytest.mark.threat(15)
@pytest.mark.parametrize("vector", REST, ids=lambda v: v["name"])
def test_rebuilt_rest_vectors_give_the_published_bytes_and_signature(vector: dict[str, Any]) -> None:
    """Decoded, encoded again and signed: the very bytes the exchange documents."""
    encoded = encode_query(decode_pairs(vector["payload"].encode()))
    assert encoded == vector["payload"].encode()
    assert _hmac(vector["key"], encoded) == vector["expected"]


def test_all_vectors_of_the_file_are_accounted_for() -> None:
    assert [v["name"] for v in REST] == [
        "spot REST ascii",
        "spot REST non-ascii (percent-encoded first)",
        "usdm REST",
    ]
    assert len(VECTORS) == 7


def test_query_and_body_are_joined_by_nothing() -> None:
    """The published mixed vector; its stray space after `timestamp=` is in the document."""
    query = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = b"quantity=1&price=9000&recvWindow=5000&timestamp= 1591702613943"
    assert (query + body).decode() == MIXED["payload"]
    assert _hmac(MIXED["key"], query + body) == MIXED["expected"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if "WS-API" in v["name"]], ids=lambda v: v["name"])
def test_websocket_vectors_hold_for_their_sorted_text(vector: dict[str, Any]) -> None:
    """Kept here for the WebSocket way in: sorted, not percent-encoded, UTF-8."""
    pairs = [tuple(element.split("=", 1)) for element in vector["payload"].split("&")]
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    assert _hmac(vector["key"], text.encode()) == vector["expected"]


def test_the_ed25519_vector_holds_for_its_text() -> None:
    """The only published Ed25519 vector is of the FIX logon."""
    vector = next(v for v in VECTORS if "Ed25519" in v["alg"])
    key = load_der_private_key(base64.b64decode(vector["key_pkcs8_der_base64"]), None)
    assert isinstance(key, Ed25519PrivateKey)
    assert base64.b64encode(key.sign(vector["payload"].encode())).decode() == vector["expected"]


# -- the signature element


@pytest.mark.parametrize(
    ("query", "body", "split"),
    [
        (b"", b"", (b"", b"", None)),
        (b"a=1", b"b=2", (b"a=1", b"b=2", None)),
        (b"a=1&signature=x", b"", (b"a=1", b"", b"x")),
        (b"signature=x&a=1", b"", (b"a=1", b"", b"x")),
        (b"a=1&signature=x&b=2", b"", (b"a=1&b=2", b"", b"x")),
        (b"signature=x", b"", (b"", b"", b"x")),
        (b"signature=x", b"a=1", (b"", b"a=1", b"x")),
        (b"", b"a=1&signature=x", (b"", b"a=1", b"x")),
        (b"", b"signature=x&a=1", (b"", b"a=1", b"x")),
        (b"q=1", b"a=1&signature=x&b=2", (b"q=1", b"a=1&b=2", b"x")),
        (b"&signature=x&a=1", b"", (b"&a=1", b"", b"x")),
        (b"a=1&signature=", b"", (b"a=1", b"", b"")),
        (b"a=1&signature=x%2By%3D%3D", b"", (b"a=1", b"", b"x%2By%3D%3D")),
        (b"a=1&signature=x==", b"", (b"a=1", b"", b"x==")),
        # Near misses stay parameters.
        (b"xsignature=1&a=1", b"", (b"xsignature=1&a=1", b"", None)),
        (b"a=signature=1", b"", (b"a=signature=1", b"", None)),
        (b"Signature=x", b"", (b"Signature=x", b"", None)),
        (b"%73ignature=x", b"", (b"%73ignature=x", b"", None)),
        (b"xsignature=1", b"a=1&signature=y", (b"xsignature=1", b"a=1", b"y")),
    ],
)
def test_the_signature_is_found_wherever_it_stands(
    query: bytes, body: bytes, split: tuple[bytes, bytes, bytes | None]
) -> None:
    assert split_signature(query, body) == split


@pytest.mark.threat(9)
@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"signature=x&a=1&signature=y", b""),
        (b"a=1&signature=x&signature=y", b""),
        (b"a=1&signature=x", b"signature=y"),
        (b"a=1&signature=x", b"b=2&signature=x"),
        (b"signature=x&signature=y&a=1", b""),
        (b"", b"signature=x&b=1&signature=y"),
        (b"%73ignature=x&signature=y", b""),
    ],
)
def test_a_second_signature_stays_to_be_refused(query: bytes, body: bytes) -> None:
    """Only one is taken; what is left names `signature` again."""
    query, body, signature = split_signature(query, body)
    assert signature is not None
    assert "signature" in [name for name, _ in decode_pairs(query) + decode_pairs(body)]


@pytest.mark.parametrize(
    ("wire", "signature"),
    [
        (b"abcDEF012", "abcDEF012"),
        (b"a%2Bb%2Fc%3D%3D", "a+b/c=="),
        (b"a+b/c==", "a+b/c=="),
        (b"a%252Fb%253D", "a/b="),
        (b"a%25", "a%"),
        (b"", ""),
    ],
)
def test_signature_values_are_decoded_twice_at_most(wire: bytes, signature: str) -> None:
    assert decode_signature(wire) == signature


@pytest.mark.threat(39)
def test_of_an_endless_signature_no_more_is_read_than_the_longest_has() -> None:
    """A signature of 4096 bits, all of it encoded twice, is read whole; 64 KiB never become 64 KiB."""
    longest = base64.b64encode(b"\xff" * 512)
    twice = b"".join(b"%%25%02X" % byte for byte in longest)
    assert decode_signature(twice) == longest.decode()
    assert len(decode_signature(b"a" * 65_536)) == 8_192


@given(st.binary(max_size=40))
def test_no_bytes_of_a_signature_make_it_raise(wire: bytes) -> None:
    assert isinstance(decode_signature(wire), str)


# -- what clients sign

SYMBOL = "测试USDT"
TRICKY = "a b+c!'()*~:/[]{}\"é"


def _variants(query: bytes, body: bytes = b"") -> dict[str, bytes]:
    pairs = decode_pairs(query) + decode_pairs(body)
    return {"raw": query + body, **dict(other_payloads(query + body, pairs))}


def test_the_other_forms_come_in_the_documented_order() -> None:
    query = urlencode({"x": TRICKY}).encode()
    assert ["raw", *(name for name, _ in other_payloads(query, decode_pairs(query)))] == list(VARIANTS)


@pytest.mark.parametrize(
    ("variant", "sent", "signed"),
    [
        ("raw", quote(TRICKY, safe=""), quote(TRICKY, safe="")),
        # A form-encoding client that signs the text before encoding.
        ("decoded", quote_plus(TRICKY), TRICKY),
        # A client that sends a literal plus or encodes spaces as %20 and signs the text.
        ("decoded_no_plus", "a+b%20c", "a+b c"),
        # JavaScript: encodeURIComponent leaves !'()*~ alone, the URL class and the form encoder do not.
        ("encode_uri_component", quote_plus(TRICKY), quote(TRICKY, safe="!'()*~")),
        ("encode_uri_component", "it%27s%7E", "it's~"),
        # Sent by RFC 3986, signed as a form.
        ("form", quote(TRICKY, safe=""), quote_plus(TRICKY)),
        ("form", "a%20b", "a+b"),
    ],
)
@pytest.mark.parametrize("in_body", [False, True])
def test_each_known_deviation_is_among_the_candidates(variant: str, sent: str, signed: str, in_body: bool) -> None:
    part = b"newClientOrderId=" + sent.encode()
    found = _variants(b"", part) if in_body else _variants(part)
    assert found[variant] == f"newClientOrderId={signed}".encode()


@pytest.mark.threat(15)
def test_a_symbol_beyond_ascii_is_found_in_every_spelling() -> None:
    encoded = quote(SYMBOL, safe="")
    found = _variants(f"symbol={encoded}&x=1".encode())
    assert found["raw"] == f"symbol={encoded}&x=1".encode()
    assert found["decoded"] == found["decoded_no_plus"] == f"symbol={SYMBOL}&x=1".encode()
    assert found["encode_uri_component"] == found["form"] == found["raw"]


@pytest.mark.threat(15)
def test_raw_utf8_next_to_escapes_is_decoded_as_what_it_is() -> None:
    """A form body may hold plain UTF-8 beside escapes; reading it as Latin-1 would sign other letters."""
    found = _variants(b"", f"symbol={SYMBOL}&newClientOrderId=a%20b".encode())
    assert found["decoded"] == f"symbol={SYMBOL}&newClientOrderId=a b".encode()
    assert found["decoded_no_plus"] == found["decoded"]


def test_query_and_body_become_one_list_in_the_encoded_variants() -> None:
    found = _variants(b"a=x%20y", b"b=1")
    assert found["raw"] == b"a=x%20yb=1"
    assert found["encode_uri_component"] == b"a=x%20y&b=1"
    assert found["form"] == b"a=x+y&b=1"


# -- ours

NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True)
VALUE = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters=[*map(chr, range(0x20)), "\x7f"]), max_size=30
)
PAIRS = st.lists(st.tuples(NAME, VALUE), max_size=6)


@pytest.mark.threat(5)
@given(PAIRS)
def test_what_is_encoded_decodes_to_itself(pairs: list[tuple[str, str]]) -> None:
    encoded = encode_query(pairs)
    assert decode_pairs(encoded) == pairs
    assert encode_query(decode_pairs(encoded)) == encoded


@pytest.mark.threat(5)
@given(st.lists(st.tuples(NAME, st.text(st.characters(exclude_categories=("Cs",)), max_size=30)), max_size=6))
def test_no_value_leaves_its_place(pairs: list[tuple[str, str]]) -> None:
    """Only unreserved ASCII and escapes go out: no control, no separator, no blank, whatever the value holds."""
    encoded = encode_query(pairs).decode("ascii")
    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%&=")
    assert encoded.count("=") == len(pairs)
    assert encoded.count("&") == max(0, len(pairs) - 1)
