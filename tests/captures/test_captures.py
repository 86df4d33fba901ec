"""What unmodified client libraries send goes through the gateway: verified, judged, signed anew (ruling 37).

Every request of the captures reaches the gateway as the bytes that the library sent, at the time at which it sent them;
each library has a gateway with a fresh ledger. An exchange key of each kind stands behind it. All of it twice: by the
base URL, and as the proxy hands requests on, under the exchange's own host names.
"""

import asyncio
import re
from collections import Counter
from dataclasses import replace
from urllib.parse import quote, unquote

import pytest
from tests.captures import comparison, exchange_keys
from tests.captures.recorder import Arrived
from tests.captures.rig import VIRTUAL, Passage, credentials, replay
from tests.captures.rows import AUTH_NAMES, Row, by_client, load_frames, load_rows

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.binance import canonical
from counterseal.core.wire import decode_pairs

FORMS = {"raw": "raw", "decoded": "decoded", "encodeURIComponent": "encode_uri_component"}
# ccxt encodes one part of what it signs and sends another: the exchange refuses it too.
OWN_BUG = frozenset({"ccxt-py@4.5.90-sync-hmac", "ccxt-py@4.5.90-sync-ed", "ccxt-py@4.5.90-sync-rsa"})
# python-binance encodes the signature twice; decoded twice it covers the decoded text.
ENCODED_TWICE = frozenset({"python-binance@1.0.37-async-ed", "python-binance@1.0.37-async-rsa"})
# Data that takes a key and no signature; ccxt signs all the same.
PUBLIC = frozenset({"/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs"})
REFUSED = {
    "/sapi/v1/capital/withdraw/apply": "endpoint_refused",
    "/sapi/v1/asset/dust": "endpoint_refused",
    "/fapi/v1/listenKey": "stream_not_available",
    "/api/v3/userDataStream": "unknown_endpoint",
}
RFC3986 = re.compile(r"[A-Za-z0-9._~-]+=(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*").fullmatch


@pytest.fixture(name="kind", scope="module", params=exchange_keys.KINDS)
def _kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="under_names", scope="module", params=[False, True], ids=["base URL", "proxy"])
def _under_names(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(name="passages", scope="module")
def _passages(kind: str, under_names: bool) -> list[Passage]:
    return asyncio.run(replay(by_client(load_rows()), exchange_keys.make(kind), under_names=under_names))


def expected_form(row: Row) -> str | None:
    """Give the form in which the signature covers the request; None when it has none or covers nothing."""
    if row.verifies_as == "NONE":
        return "decoded" if row.client in ENCODED_TWICE else None
    return None if row.verifies_as is None else FORMS[row.verifies_as]


def expected_reason(row: Row) -> str | None:
    """Give the reason of the refusal; None for what goes on."""
    if row.header("upgrade") is not None:
        return "websocket_not_available"
    if row.verifies_as == "NONE" and row.client in OWN_BUG:
        return "credential_or_signature"
    return REFUSED.get(row.path)


def verified_form(row: Row) -> str | None:
    """Find the form by the product's verification alone."""
    query, body, wire = canonical.split_signature(row.query.encode(), row.body)
    if wire is None:
        return None
    credential = credentials()[str(row.header("x-mbx-apikey"))]
    pairs = decode_pairs(query) + decode_pairs(body)
    candidates = [("raw", query + body), *canonical.other_payloads(query + body, pairs)]
    signature = canonical.decode_signature(wire)
    fits = SignatureVerifier().verify
    return next((form for form, payload in candidates if fits(credential, payload, signature)), None)


def passed(passages: list[Passage]) -> list[tuple[Row, Arrived]]:
    """Give the rows that went on with what arrived of each."""
    return [(p.row, p.arrived[0]) for p in passages if expected_reason(p.row) is None]


def is_signed(row: Row) -> bool:
    return row.verifies_as is not None and row.path not in PUBLIC


def test_every_signature_verifies_in_its_form() -> None:
    """Of the 235 signed rows all verify but three."""
    rows = load_rows()
    assert [str(row) for row in rows if verified_form(row) != expected_form(row)] == []
    counts = Counter(verified_form(row) for row in rows if row.verifies_as is not None)
    print("verified by form:", dict(counts))
    assert counts == {"raw": 214, "decoded": 9, "encode_uri_component": 9, None: 3}


def test_the_gateway_verifies_in_the_same_form(passages: list[Passage]) -> None:
    """A signature on public data is verified too, though it does not go on."""
    wrong = [str(p.row) for p in passages if p.form != (expected_form(p.row) if p.row.verifies_as else None)]
    assert wrong == []


def test_refusals_have_their_reason(passages: list[Passage]) -> None:
    """The reason is the expected one, the answer an error, and nothing reaches the exchange."""
    assert [(str(p.row), p.reason) for p in passages if p.reason != expected_reason(p.row)] == []
    refused = [p for p in passages if p.reason is not None]
    assert [str(p.row) for p in refused if p.arrived or p.status < 400] == []


def test_the_rest_arrives_once_and_its_answer_goes_back(passages: list[Passage]) -> None:
    """One request at the exchange for one of the bot, and the exchange's answer as it came."""
    rest = [p for p in passages if p.reason is None]
    wrong = [str(p.row) for p in rest if len(p.arrived) != 1 or (p.status, p.body) != (200, p.arrived[0].answer)]
    assert wrong == []


def test_it_arrives_signed_anew_over_its_raw_bytes(passages: list[Passage]) -> None:
    """The exchange's key signs what the bot signed, and the signature is the last element."""
    rest = passed(passages)
    assert [str(row) for row, arrived in rest if arrived.verified is not (True if is_signed(row) else None)] == []
    signed = [(row, arrived) for row, arrived in rest if arrived.verified is not None]
    tail = ["recvWindow", "timestamp", "signature"]
    assert [str(row) for row, arrived in signed if [name for name, _ in arrived.pairs][-3:] != tail] == []
    assert [str(row) for row, arrived in signed if arrived.headers["x-mbx-apikey"] != exchange_keys.API_KEY] == []
    assert [str(row) for row, arrived in signed if dict(arrived.pairs)["timestamp"] != str(row.at_ms)] == []


def test_public_data_is_asked_without_a_signature(passages: list[Passage]) -> None:
    """Nothing of a signature goes along, whether the bot signed or not."""
    public = [(row, arrived) for row, arrived in passed(passages) if not is_signed(row)]
    assert [str(row) for row, arrived in public if AUTH_NAMES & {name for name, _ in arrived.pairs}] == []


def test_it_arrives_as_the_bot_asked(passages: list[Passage]) -> None:
    """Method, path, names and values are the bot's, non-ASCII symbols included."""
    rest = passed(passages)
    moved = [str(row) for row, arrived in rest if (row.method, row.path) != (arrived.method, arrived.path)]
    assert moved == []
    changed = [str(row) for row, arrived in rest if comparison.asked(row) != comparison.received(arrived.pairs)]
    assert changed == []
    assert sum("币安人生USDT" in str(arrived.pairs) for _, arrived in rest) == 59


def test_what_arrives_is_encoded_by_rfc_3986(passages: list[Passage]) -> None:
    """One spelling only, whatever the library's was."""
    queries = [arrived.raw.split(b" ")[1].decode().partition("?")[2] for _, arrived in passed(passages)]
    elements = [element for query in queries if query for element in query.split("&")]
    assert [element for element in elements if not RFC3986(element)] == []
    assert all(quote(unquote(value), safe="") == value for _, _, value in (e.partition("=") for e in elements))


def test_nothing_virtual_arrives(passages: list[Passage]) -> None:
    """No virtual key, no virtual secret and no signature of a bot goes upstream."""
    everything = unquote(b"\n".join(arrived.bare for p in passages for arrived in p.arrived).decode())
    assert {name: everything.count(name) for name in VIRTUAL} == dict.fromkeys(VIRTUAL, 0)
    theirs = {signature for row in load_rows() if (signature := _signature(row))}
    ours = {unquote(arrived.signature) for p in passages for arrived in p.arrived}
    assert len(theirs) == 235 and not theirs & ours
    assert not any(signature in everything for signature in theirs)


def test_counts(passages: list[Passage], kind: str) -> None:
    """Figures of the whole run; a change in any of them is a change in what the gateway does."""
    forms = Counter(p.form for p in passages if p.form)
    reasons = Counter(p.reason for p in passages if p.reason)
    arrived = Counter(arrived.verified for p in passages for arrived in p.arrived)
    print(f"exchange key {kind}: verified {dict(forms)}; refused {dict(reasons)}; arrived {dict(arrived)}")
    assert len(passages) == 385
    assert forms == {"raw": 214, "decoded": 9, "encode_uri_component": 9}
    assert reasons == {
        "websocket_not_available": 87,
        "stream_not_available": 14,
        "endpoint_refused": 10,
        "credential_or_signature": 3,
        "unknown_endpoint": 1,
    }
    assert arrived == {True: 202, None: 68}


def test_one_digit_changed_and_no_signature_verifies() -> None:
    """The timestamp's last digit is changed, which leaves it fresh: only the signature can tell."""
    changed = tuple(_changed(row) for row in load_rows() if row.verifies_as is not None)
    passages = asyncio.run(replay(by_client(changed), exchange_keys.make("hmac")))
    assert Counter(p.reason for p in passages) == {"credential_or_signature": 235}
    assert not [p for p in passages if p.arrived]


def test_no_frame_follows_a_refused_upgrade(passages: list[Passage]) -> None:
    """Every captured WebSocket frame belongs to a connection whose upgrade was refused."""
    refused = {(p.row.client, p.row.path) for p in passages if p.reason == "websocket_not_available"}
    frames = load_frames()
    assert len(frames) == 102
    assert [frame for frame in frames if frame not in refused] == []


def _signature(row: Row) -> str | None:
    wire = canonical.split_signature(row.query.encode(), row.body)[2]
    return None if wire is None else canonical.decode_signature(wire)


def _changed(row: Row) -> Row:
    def next_digit(found: re.Match[str]) -> str:
        return f"{found[1]}{(int(found[2]) + 1) % 10}"

    target, in_query = re.subn(r"(timestamp=\d+)(\d)", next_digit, row.target)
    body, in_body = re.subn(r"(timestamp=\d+)(\d)", next_digit, row.body.decode())
    assert in_query + in_body == 1
    return replace(row, target=target, body=body.encode())
