"""Payloads seen: one use for everything that changes something, on any path, over restarts and cuts."""

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.replay import KEEP_MS, Seen, SeenWindow, digest, path_mark, signature_digest

PAIRS = (("symbol", "BTCUSDT"), ("side", "BUY"), ("timestamp", "1"))
READ, ORDER, BATCH = (path_mark(n) for n in ("spot GET /api/v3/order", "spot DELETE /api/v3/order", "usdm POST /b"))
MARKS = (b"d" * 16, b"s" * 16)
Pair = tuple[str, str]


# -- names of payloads


def test_the_digest_is_stable_over_releases() -> None:
    """Marks are written to disk: the same payload must give the same bytes in the next version."""
    assert digest("key", 1, PAIRS).hex() == "5f3d338aa95fbac0639d61ba532112c5"
    assert digest("key", 1, PAIRS[::-1]) == digest("key", 1, PAIRS)
    assert signature_digest("key", "ab" * 32).hex() == "c8a5c3ec02b7080d05e9726d093b8b15"
    assert READ == 475575796747327186


def test_anything_else_is_another_payload() -> None:
    others = [
        digest("key", 1, PAIRS),
        digest("kez", 1, PAIRS),
        digest("key", 2, PAIRS),
        digest("key", 1, PAIRS[:2]),
        digest("key", 1, (*PAIRS, PAIRS[0])),
        digest("key", 1, (("symbol", "BTCUSDTside"), ("", "BUY"), ("timestamp", "1"))),
        digest("key", 1, (("symbolB", "TCUSDT"), *PAIRS[1:])),
        digest("key1", 1, PAIRS),
        digest("key", 11, PAIRS),
    ]
    assert len(set(others)) == len(others)


_TEXT = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs",)), max_size=6)


@given(st.lists(st.tuples(_TEXT, _TEXT), max_size=4), st.lists(st.tuples(_TEXT, _TEXT), max_size=4))
def test_equal_digests_are_equal_multisets(one: list[Pair], other: list[Pair]) -> None:
    assert (digest("k", 1, one) == digest("k", 1, other)) is (sorted(one) == sorted(other))


@pytest.mark.threat(18)
def test_spellings_of_one_hex_signature_are_one() -> None:
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert signature_digest("k", signature) == signature_digest("k", signature.upper())
    assert signature_digest("k", signature) != signature_digest("j", signature)
    assert signature_digest("k", signature) != signature_digest("k", signature[:-1] + "2")


@pytest.mark.threat(18)
@given(
    st.sampled_from([64, 256, 384, 512]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.integers(0, 15),
)
def test_spellings_of_one_base64_signature_are_one(raw: bytes, spare: int) -> None:
    """Bits that base64 leaves over verify as the same bytes, so they must not make another mark."""
    text = base64.b64encode(raw).decode()
    body, padding = text.rstrip("="), text[len(text.rstrip("=")) :]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    free = {0: 1, 1: 4, 2: 16}[len(padding)]
    last = alphabet.index(body[-1])
    other = body[:-1] + alphabet[last - last % free + spare % free] + padding
    assert base64.b64decode(other, validate=True) == raw
    assert signature_digest("k", other) == signature_digest("k", text)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=100))
def test_no_text_of_a_signature_makes_it_raise(text: str) -> None:
    assert len(signature_digest("k", text)) == 16


def test_the_mark_of_a_path_is_64_bits_and_its_own() -> None:
    assert len({READ, ORDER, BATCH}) == 3
    assert all(0 <= mark < 2**64 for mark in (READ, ORDER, BATCH))


# -- the window


@pytest.mark.threat(18)
def test_a_payload_is_new_once() -> None:
    window = SeenWindow()
    assert window.spend(MARKS, ORDER, 0) is Seen.NEW
    assert window.spend(MARKS, ORDER, 1) is Seen.SAME_PATH
    assert window.spend(MARKS, BATCH, 2) is Seen.OTHER_PATH
    assert window.spend(MARKS, READ, 3) is Seen.OTHER_PATH
    assert window.spend(MARKS, ORDER, 4) is Seen.SAME_PATH
    assert window.spend((b"e" * 16, b"t" * 16), ORDER, 5) is Seen.NEW
    assert len(window) == 4


@pytest.mark.threat(18)
@pytest.mark.parametrize("turns", [0, 1])
def test_a_refused_replay_does_not_make_its_own_path_the_origin(turns: int) -> None:
    """A read's payload tried twice on the cancel path; between read and first try the window may have turned."""
    window = SeenWindow(now_ms=0)
    assert window.spend(MARKS, READ, KEEP_MS) is Seen.NEW
    now_ms = KEEP_MS + turns
    assert window.spend(MARKS, ORDER, now_ms) is Seen.OTHER_PATH
    assert window.spend(MARKS, ORDER, now_ms) is Seen.OTHER_PATH
    assert window.spend(MARKS, READ, now_ms) is Seen.SAME_PATH


@pytest.mark.threat(18)
@pytest.mark.parametrize(
    "cut",
    [
        pytest.param((b"x" * 16, b"s" * 16), id="pairs cut anew under a seen signature"),
        pytest.param((b"d" * 16, b"x" * 16), id="seen pairs and timestamp under a new signature"),
    ],
)
@pytest.mark.parametrize("path", [ORDER, BATCH])
def test_half_known_payloads_are_never_the_same(cut: Sequence[bytes], path: int) -> None:
    """SAME_PATH lets an unknown cancel pass; a signature that covers two cuts must not come to that."""
    window = SeenWindow()
    window.spend(MARKS, ORDER, 0)
    assert window.spend(cut, path, 1) is Seen.OTHER_PATH


@pytest.mark.threat(18)
def test_marks_of_two_payloads_together_are_another() -> None:
    window = SeenWindow()
    window.spend((b"a" * 16, b"b" * 16), ORDER, 0)
    window.spend((b"c" * 16, b"e" * 16), BATCH, 0)
    assert window.spend((b"a" * 16, b"e" * 16), ORDER, 0) is Seen.OTHER_PATH


@pytest.mark.threat(18)
@pytest.mark.parametrize("age", [1, KEEP_MS - 1, KEEP_MS])
@pytest.mark.parametrize("start", [0, 1, KEEP_MS - 1, KEEP_MS, KEEP_MS + 1])
def test_a_payload_is_remembered_at_least_as_long_as_it_can_be_fresh(start: int, age: int) -> None:
    window = SeenWindow(now_ms=0)
    window.spend((b"o" * 16,), ORDER, 0)
    assert window.spend(MARKS, ORDER, start) is Seen.NEW
    for now_ms in range(start + 1, start + age, 997):
        window.spend((now_ms.to_bytes(16, "big"),), ORDER, now_ms)
    assert window.spend(MARKS, ORDER, start + age) is Seen.SAME_PATH


def test_the_window_forgets() -> None:
    window = SeenWindow(now_ms=0)
    for n in range(10):
        window.spend((bytes([n]) * 16,), ORDER, n * (KEEP_MS + 1))
        assert len(window) <= 3
    assert window.spend((bytes([0]) * 16,), ORDER, 10 * (KEEP_MS + 1)) is Seen.NEW


def test_a_clock_that_steps_back_forgets_nothing() -> None:
    window = SeenWindow(now_ms=0)
    window.spend(MARKS, ORDER, 15_000)
    assert window.spend(MARKS, ORDER, -60_000) is Seen.SAME_PATH


@pytest.mark.threat(18)
def test_marks_of_an_earlier_life_count() -> None:
    """What the file remembers is refused as if it had been seen in this life, over one turn at least."""
    window = SeenWindow(dict.fromkeys(MARKS, READ), now_ms=1_000)
    assert window.spend(MARKS, ORDER, 1_000) is Seen.OTHER_PATH
    late = SeenWindow(dict.fromkeys(MARKS, READ), now_ms=1_000)
    assert late.spend(MARKS, READ, 1_000 + 10 * KEEP_MS) is Seen.SAME_PATH


_STEP = st.tuples(st.integers(0, 5), st.sampled_from([READ, ORDER]), st.integers(0, 9_000))


@pytest.mark.threat(18)
@given(st.lists(_STEP, max_size=40))
def test_the_window_agrees_with_one_that_never_forgets(steps: list[tuple[int, int, int]]) -> None:
    """While a payload is young enough to be fresh the answer is that of a plain dictionary of first paths."""
    window, first, last, now_ms = SeenWindow(), dict[int, int](), dict[int, int](), 0
    for payload, path, wait_ms in steps:
        now_ms += wait_ms
        seen = window.spend((bytes([payload]) * 16, bytes([payload + 100]) * 16), path, now_ms)
        if now_ms - last.get(payload, now_ms) <= KEEP_MS:
            expected = (
                Seen.NEW if payload not in first else Seen.SAME_PATH if first[payload] == path else Seen.OTHER_PATH
            )
            assert seen is expected
        elif seen is Seen.NEW:
            first[payload] = path
        first.setdefault(payload, path)
        last[payload] = now_ms
