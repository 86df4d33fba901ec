"""Packets in, packets out: numbers, lengths, what is no request, and the bytes that are signed."""

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.signer.desks import KEYS, NOW_MS, ORDER, SECRET, TABLE, ask, desk, good

from counterseal.adapters import packets
from counterseal.adapters.signing import KeyUnavailable, SigningKey
from counterseal.core.messages import MAX_PACKET, HeldKey, Hello, HelloRequest, Refused, Signed
from counterseal.signer.desk import MAX_QUERY, Desk, HeldSigningKey, Line

MALFORMED, TOO_LONG = [Refused(0, "malformed")], [Refused(0, "too_long")]


def _said(answers: list[bytes]) -> list[object]:
    return [message for answer in answers for message in packets.decode(answer)]


def test_without_pairs_and_without_window_only_the_timestamp_is_signed() -> None:
    where = {"method": "GET", "path": "/api/v3/account", "pairs": (), "recv_window_ms": 0, "offset_ms": 7}
    (answer,) = ask(desk(), good(**where))

    assert answer.query.startswith(b"timestamp=%d&signature=" % (NOW_MS + 7))
    assert answer.timestamp_ms == NOW_MS + 7


def test_the_signature_covers_exactly_the_bytes_before_it() -> None:
    (answer,) = ask(desk(), good(pairs=(*ORDER, ("newClientOrderId", "ä &=+/\u5e01"))))

    payload, _, signature = answer.query.partition(b"&signature=")
    assert payload == (
        b"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&newClientOrderId=%C3%A4%20%26%3D%2B%2F%E5%B8%81"
        b"&recvWindow=5000&timestamp=1699999995000"
    )
    assert signature.decode() == hmac.new(SECRET, payload, hashlib.sha256).hexdigest()


def test_base64_is_percent_encoded() -> None:
    key = HeldSigningKey(HeldKey("main", "api", "ed25519", "paper"), SigningKey("ed25519", lambda _: b"a+b/c=="))
    at = Desk(TABLE, {"main": key}, "incarnation", lambda: NOW_MS)

    assert ask(at, good())[0].query.endswith(b"&signature=a%2Bb%2Fc%3D%3D")


def test_a_key_that_cannot_sign_now_refuses_and_the_others_go_on() -> None:
    def gone(_payload: bytes) -> bytes:
        raise KeyUnavailable

    broken = HeldSigningKey(HeldKey("token", "api", "ed25519", "paper"), SigningKey("ed25519", gone))
    at = Desk(TABLE, {**KEYS, "token": broken}, "incarnation", lambda: NOW_MS)

    refused, signed = ask(at, good(key_ref="token"), good(id=2))
    assert refused == Refused(1, "key_unavailable")
    assert isinstance(signed, Signed)


# -- length


def test_a_query_that_would_not_fit_a_packet_is_refused_rather_than_cut() -> None:
    values = ["\u5e01" * (MAX_QUERY // 9 + 1), "a" * (MAX_QUERY + 1)]

    for value in values:
        assert ask(desk(), good(pairs=(("symbol", value),))) == [Refused(1, "too_long")]


def test_the_longest_query_is_signed_and_one_byte_more_is_not() -> None:
    at, fixed = desk(), len("symbol=&side=BUY&quantity=1&recvWindow=5000&timestamp=1699999995000")
    fits, over = ("A" * (MAX_QUERY - fixed + more) for more in (0, 1))

    def pairs(value: str) -> tuple[tuple[str, str], ...]:
        return (("symbol", value), ("side", "BUY"), ("quantity", "1"))

    assert isinstance(ask(at, good(pairs=pairs(fits)))[0], Signed)
    assert ask(at, good(id=2, pairs=pairs(over))) == [Refused(2, "too_long")]


def test_a_packet_that_is_too_long_is_told_so_and_none_of_it_is_signed() -> None:
    (packet,) = packets.encode([good()])

    assert _said(desk().answer(packet + packets.encode([good(id=2)])[0][1:] * 700)) == TOO_LONG
    assert _said(desk().answer(bytes(MAX_PACKET + 1))) == TOO_LONG


def test_a_message_that_fills_more_than_a_packet_is_told_so() -> None:
    (packet,) = packets.encode([good(pairs=(("symbol", "A" * MAX_PACKET),))])

    assert _said(desk().answer(packet)) == TOO_LONG


# -- numbers


def test_numbers_must_rise_within_a_connection() -> None:
    at = desk()
    answers = ask(at, good(id=5), good(id=5), good(id=4), good(id=6)) + ask(at, good(id=6), good(id=7), good(id=-1))

    assert [(a.id, getattr(a, "reason", "signed")) for a in answers] == [
        (5, "signed"), (5, "out_of_order"), (4, "out_of_order"), (6, "signed"),
        (6, "out_of_order"), (7, "signed"), (-1, "out_of_order"),
    ]  # fmt: skip


def test_a_refused_request_has_used_its_number_and_an_unordered_one_has_not() -> None:
    answers = ask(desk(), good(id=9, path="/x"), good(id=9), good(id=2), good(id=10))

    assert [getattr(a, "reason", "signed") for a in answers] == [
        "not_in_table",
        "out_of_order",
        "out_of_order",
        "signed",
    ]


def test_connections_count_apart() -> None:
    at, guard, gateway = desk(), Line(), Line()

    assert isinstance(ask(at, good(id=100), line=gateway)[0], Signed)
    assert isinstance(ask(at, good(id=1), line=guard)[0], Signed)
    assert ask(at, good(id=1), line=guard) == [Refused(1, "out_of_order")]


def test_a_hello_starts_the_numbers_anew() -> None:
    """A gateway that was started again numbers from anywhere; and it asks again what another signer owed it."""
    at = desk()
    answers = ask(at, good(id=100), HelloRequest("next"), good(id=1), good(id=100))

    assert [type(answer) for answer in answers] == [Signed, Hello, Signed, Signed]


# -- what is no request


def test_one_bad_frame_spoils_its_packet_only() -> None:
    at, packet = desk(), packets.encode([good()])[0]

    assert _said(at.answer(packet + b"\x00")) == MALFORMED
    assert isinstance(ask(at, good())[0], Signed)


@pytest.mark.parametrize("body", [b"", b"\xc0", b"\x90", b"\x99" + b"\x01" * 9, b"\x81\xa2id\x01", b"\xff" * 40])
def test_a_body_of_another_form_is_malformed(body: bytes) -> None:
    frame = b"\x01" + len(body).to_bytes(4) + b"\x03" + body

    assert _said(desk().answer(frame)) == MALFORMED


def test_text_that_is_no_utf_8_is_malformed() -> None:
    (packet,) = packets.encode([good(key_ref="ABCD")])

    assert _said(desk().answer(packet.replace(b"ABCD", b"A\xffCD"))) == MALFORMED


def test_messages_of_the_signer_itself_are_no_requests() -> None:
    for message in (Hello("x", ()), Signed(1, b"", 1), Refused(1, "x")):
        assert ask(desk(), message) == MALFORMED


def test_many_answers_fill_several_packets_and_keep_their_order() -> None:
    requests = [good(id=number, pairs=(("symbol", "\u5e01" * 40), *ORDER[1:])) for number in range(300)]
    (packet,) = packets.encode(requests)
    answers = desk().answer(packet)

    assert len(answers) > 1
    assert all(len(answer) <= MAX_PACKET for answer in answers)
    assert [message.id for message in _said(answers)] == list(range(300))  # type: ignore[attr-defined]


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 300), st.binary(max_size=4)))
def test_any_bytes_get_refusals_and_never_raise(mutation: bytes | tuple[int, bytes]) -> None:
    packet = packets.encode([good()])[0]
    if isinstance(mutation, tuple):
        at, insertion = min(mutation[0], len(packet)), mutation[1]
        mutation = packet[:at] + insertion + packet[at + len(insertion) :]

    for answer in desk().answer(mutation):
        assert len(answer) <= MAX_PACKET
        assert list(packets.decode(answer))


def test_the_largest_packet_is_read() -> None:
    assert _said(desk().answer(b"\xff" * MAX_PACKET)) == MALFORMED
    assert _said(desk().answer(b"\xff" * (MAX_PACKET + 1))) == TOO_LONG


@pytest.mark.parametrize(("offset_ms", "is_signed"), [(-5_001, False), (-5_000, True), (5_000, True), (5_001, False)])
def test_five_seconds_either_way_are_signed(offset_ms: int, is_signed: bool) -> None:
    (answer,) = ask(desk(), good(offset_ms=offset_ms))
    assert isinstance(answer, Signed) is is_signed


def test_a_query_has_32_kibibytes_at_most() -> None:
    assert MAX_QUERY == 32_768
