"""The signer's decision: a table of refusals, and a fuzz that finds nothing signed outside the table."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.adapters import packets, signing
from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.messages import MAX_PACKET, SIGNER_REASONS, HeldKey, Hello, Refused, Sign, Signed
from counterseal.core.secret import Secret
from counterseal.signer import table
from counterseal.signer.desk import MAX_QUERY, Desk, HeldSigningKey
from counterseal.signer.judge import judge

TABLE = table.load()
KEYS = {"main": HeldSigningKey(HeldKey("main", "api", "hmac", "paper"), signing.load("hmac", Secret(b"k" * 64)))}
NOW_MS = 1_700_000_000_000
DESK = Desk(TABLE, KEYS, "incarnation", lambda: NOW_MS)
PLACES = [(e.family, e.method, e.path) for e in load_catalogue()]
NAMES = sorted({name for e in load_catalogue() for name in e.params} | {"timestamp", "signature", "recvWindow"})
GOOD: dict[str, Any] = {
    "id": 1,
    "key_ref": "main",
    "family": "spot",
    "method": "POST",
    "path": "/api/v3/order",
    "pairs": (("symbol", "BTCUSDT"), ("side", "BUY")),
    "recv_window_ms": 5000,
    "offset_ms": -5000,
}


def _answers(*requests: Sign) -> list[Any]:
    return [m for p in packets.encode(requests) for a in DESK.answer(p) for m in packets.decode(a)]


def test_what_is_in_the_table_and_within_bounds_is_signed() -> None:
    assert judge(Sign(**GOOD), TABLE, KEYS) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key_ref": "other"}, "unknown_key"),
        ({"family": "usdm"}, "not_in_table"),
        ({"method": "post"}, "not_in_table"),
        ({"path": "/api/v3/order/"}, "not_in_table"),
        ({"path": "/sapi/v1/capital/withdraw/apply"}, "not_in_table"),
        ({"method": "GET", "path": "/api/v3/depth"}, "not_in_table"),
        ({"pairs": (("Symbol", "BTCUSDT"),)}, "unknown_parameter"),
        ({"pairs": (("timestamp", "1"),)}, "unknown_parameter"),
        ({"pairs": (("recvWindow", "1"),)}, "unknown_parameter"),
        ({"pairs": (("signature", "1"),)}, "unknown_parameter"),
        ({"pairs": (("symbol", "A"), ("side", "BUY"), ("symbol", "B"))}, "repeated_parameter"),
        ({"offset_ms": 5001}, "offset_out_of_bounds"),
        ({"offset_ms": -5001}, "offset_out_of_bounds"),
        ({"recv_window_ms": 5001}, "recv_window_out_of_bounds"),
        ({"recv_window_ms": -1}, "recv_window_out_of_bounds"),
        ({"epoch": 1}, "malformed"),
    ],
)
def test_what_is_outside_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    assert judge(Sign(**(GOOD | changes)), TABLE, KEYS) == reason
    assert _answers(Sign(**(GOOD | changes))) == [Refused(1, reason)]
    assert reason in SIGNER_REASONS


def test_a_list_may_repeat() -> None:
    place = ("spot", "POST", "/api/v3/order")
    lists = {place: table.Entry(frozenset({"asset", "side"}), frozenset({"asset"}))}
    several, twice = (("asset", "A"), ("asset", "B")), (("side", "BUY"), ("side", "SELL"))

    assert judge(Sign(**(GOOD | {"pairs": several})), lists, KEYS) is None
    assert judge(Sign(**(GOOD | {"pairs": several + twice})), lists, KEYS) == "repeated_parameter"


@pytest.mark.threat(22)
def test_nothing_that_moves_funds_out_or_makes_keys_is_in_the_table() -> None:
    suspects = ("withdraw", "transfer", "apiKey", "sub-account", "broker", "loan", "borrow", "convert")
    found = [place for place in TABLE if place[1] != "GET" and any(word in place[2] for word in suspects)]

    assert found == []
    assert ("spot", "POST", "/api/v3/order") in TABLE
    assert ("usdm", "POST", "/fapi/v1/leverage") in TABLE


def test_a_purpose_that_is_refused_in_the_catalogue_is_in_no_row_of_the_table() -> None:
    purposes = {e.purpose for e in load_catalogue() if (e.family, e.method, e.path) in TABLE}

    assert purposes == {"account", "trade", "settings"}


def test_without_pairs_and_without_window_only_the_timestamp_is_signed() -> None:
    where = {"method": "GET", "path": "/api/v3/account", "pairs": (), "recv_window_ms": 0, "offset_ms": 7}
    (answer,) = _answers(Sign(**(GOOD | where)))

    assert answer.query.startswith(b"timestamp=%d&signature=" % (NOW_MS + 7))
    assert answer.timestamp_ms == NOW_MS + 7


def test_a_query_that_would_not_fit_a_packet_is_refused_rather_than_cut() -> None:
    pairs = (("symbol", "\u5e01" * (MAX_QUERY // 9 + 1)),)

    assert _answers(Sign(**(GOOD | {"pairs": pairs}))) == [Refused(1, "malformed")]


def test_one_bad_frame_spoils_its_packet_only() -> None:
    good = packets.encode([Sign(**GOOD)])[0]

    assert [list(packets.decode(p)) for p in DESK.answer(good + b"\x00")] == [[Refused(0, "malformed")]]
    assert isinstance(_answers(Sign(**GOOD))[0], Signed)


def test_messages_of_the_signer_itself_are_no_requests() -> None:
    packet = packets.encode([Hello("x", ())])[0]

    assert list(packets.decode(DESK.answer(packet)[0])) == [Refused(0, "malformed")]


_pairs = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=9), st.text(max_size=20)), max_size=6)
_requests = st.builds(
    lambda place, **fields: Sign(**fields, family=place[0], method=place[1], path=place[2]),
    place=st.sampled_from(PLACES) | st.sampled_from(sorted(TABLE)) | st.tuples(*[st.text(max_size=20)] * 3),
    id=st.integers(0, 2**63 - 1),
    key_ref=st.sampled_from(["main", "main", "main", "other", ""]),
    pairs=_pairs.map(tuple),
    recv_window_ms=st.integers(-10, 6000) | st.integers(-(2**63), 2**63 - 1),
    offset_ms=st.integers(-5100, 5100) | st.integers(-(2**63), 2**63 - 1),
    epoch=st.sampled_from([0, 0, 0, 0, 1]),
)


def _within(request: Sign) -> bool:
    """The reference: the rules of the brief, written a second time and over the catalogue itself."""
    endpoint = load_catalogue().get(request.family, request.method, request.path)
    if endpoint is None or not endpoint.signed or endpoint.purpose not in ("account", "trade", "settings"):
        return False
    if endpoint.mutating and not endpoint.typed:
        return False
    names = [name for name, _ in request.pairs]
    known = all(name in endpoint.params and name not in ("timestamp", "recvWindow", "signature") for name in names)
    unique = all(names.count(name) == 1 or name in endpoint.lists for name in names)
    bounds = abs(request.offset_ms) <= 5000 and 0 <= request.recv_window_ms <= 5000
    return request.key_ref == "main" and request.epoch == 0 and known and unique and bounds


@pytest.mark.threat(22)
@settings(max_examples=1250, deadline=None)
@given(st.lists(_requests, min_size=8, max_size=8))
def test_10_000_messages_sign_nothing_outside_the_table(batch: list[Sign]) -> None:
    answers = _answers(*batch)

    assert [answer.id for answer in answers] == [request.id for request in batch]
    for request, answer in zip(batch, answers, strict=True):
        assert isinstance(answer, Signed) == _within(request)
        if isinstance(answer, Signed):
            own = ["recvWindow"] * bool(request.recv_window_ms) + ["timestamp", "signature"]
            decoded = parse_qsl(answer.query.decode(), keep_blank_values=True)
            assert tuple(decoded[: -len(own)]) == request.pairs
            assert [name for name, _ in decoded[-len(own) :]] == own


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 300), st.binary(max_size=4)))
def test_any_bytes_get_refusals_and_never_raise(mutation: bytes | tuple[int, bytes]) -> None:
    packet = packets.encode([Sign(**GOOD)])[0]
    if isinstance(mutation, tuple):
        at, insertion = min(mutation[0], len(packet)), mutation[1]
        mutation = packet[:at] + insertion + packet[at + len(insertion) :]

    for answer in DESK.answer(mutation):
        assert len(answer) <= MAX_PACKET
        assert list(packets.decode(answer))
