"""Withdrawals, transfers, key management, others' streams: documented reasons, nothing received, no switch."""

import json
from pathlib import Path

import pytest
from stack import Stack
from wire import Wire

import counterseal

ROWS = json.loads((Path(counterseal.__file__).parent / "data/rest_endpoints.json").read_text())
# What the exchange is never asked for bots: their listen keys are made here.
ANSWERED_HERE = ("/fapi/v1/listenKey", "/dapi/v1/listenKey")
REFUSED = [row for row in ROWS if row["purpose"] == "refused" and row["path"] not in ANSWERED_HERE]


def query_of(row: dict) -> str:  # type: ignore[type-arg]  # a row of the shipped table
    """Give every demanded parameter some value."""
    return "&".join(
        f"{name}=1" for name in row["params"] if not name.endswith("?") and name not in ("timestamp", "signature")
    )


@pytest.mark.threat(22)
def test_every_refused_endpoint_of_the_catalogue(shared_stack: Stack) -> None:
    """Each with a good signature of a bot that has every right there is."""
    assert len(REFUSED) > 100
    reasons = set()
    mark = shared_stack.journal_mark()
    with shared_stack.nothing_received(), Wire(shared_stack.port) as wire:
        for row in REFUSED:
            host = {"papi": "/papi.binance.com", "www": "/www.binance.com", "options": "/eapi.binance.com"}.get(
                row["family"], ""
            )
            reply = wire.send(shared_stack.request(row["method"], host + row["path"], query_of(row))).reply()
            wanted = "stream_not_available" if row["refusal"] == "stream" else "endpoint_refused"
            assert (reply.status, reply.code, reply.reason) == (403, -1002, wanted), row
            reasons.add(reply.reason)
    assert reasons == {"stream_not_available", "endpoint_refused"}
    assert len(shared_stack.denials_since(mark)) == len(REFUSED)


@pytest.mark.threat(22)
def test_the_ones_that_cost_most_are_among_them() -> None:
    """Named one by one, so that a slip in the table shows here."""
    known = {(row["method"], row["path"]) for row in REFUSED}
    for method, path in (
        ("POST", "/sapi/v1/capital/withdraw/apply"),
        ("POST", "/sapi/v1/asset/transfer"),
        ("POST", "/sapi/v1/sub-account/universalTransfer"),
        ("POST", "/sapi/v1/margin/listen-key"),
        ("PUT", "/sapi/v1/margin/listen-key"),
        ("POST", "/papi/v1/listenKey"),
        ("POST", "/dapi/v1/countdownCancelAll"),
        ("PUT", "/papi/v1/listenKey"),
        ("DELETE", "/eapi/v1/listenKey"),
    ):
        assert (method, path) in known, path


@pytest.mark.threat(25)
def test_a_listen_key_is_never_the_exchanges(shared_stack: Stack) -> None:
    """With the key id alone: one of our own, or refused; and without anything."""
    key_id = shared_stack.keys["alpha"].key_id
    with shared_stack.nothing_received():
        for method in ("POST", "PUT", "DELETE"):
            for path in (*ANSWERED_HERE, "/sapi/v1/margin/listen-key"):
                reply = shared_stack.send(method, path, {"X-MBX-APIKEY": key_id})
                wanted = (200, None) if path in ANSWERED_HERE else (403, "stream_not_available")
                assert (reply.status, reply.reason) == wanted, (method, path, reply)
                assert shared_stack.send(method, path).reason == "credential_missing"


@pytest.mark.threat(12)
def test_changes_without_types_are_refused(shared_stack: Stack) -> None:
    """Orders of margin, portfolio margin and options: what cannot be judged is not signed."""
    changing = [row for row in ROWS if row["purpose"] in ("trade", "settings")]
    refused = set()
    with shared_stack.nothing_received(), Wire(shared_stack.port) as wire:
        for row in changing:
            reply = wire.send(shared_stack.request(row["method"], row["path"], "nonsense=1")).reply()
            product = row["path"].split("/")[1]
            wanted = "unknown_parameter" if product in ("api", "fapi", "dapi") else "endpoint_not_typed"
            assert reply.reason == wanted, (row["path"], reply)
            if reply.reason == "endpoint_not_typed":
                refused.add(product)
    assert refused == {"sapi", "papi", "eapi"}


def test_websocket_on_a_used_connection_is_told_no_and_rest_goes_on(shared_stack: Stack) -> None:
    """REST, then the upgrade, then REST again on one connection: an error in JSON, no half-upgraded state."""
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    host = f"Host: 127.0.0.1:{shared_stack.port}\r\n"
    mark = shared_stack.journal_mark()
    refusals = {
        "/pm/ws": (501, -1020, "websocket_not_available"),
        "/private/ws?listenKey=" + "a" * 64: (400, -1100, "stream_unknown"),
        "/pm-classic/ws": (501, -1020, "websocket_not_available"),
    }
    with Wire(shared_stack.port) as wire:
        for path, refusal in refusals.items():
            assert wire.send(shared_stack.request("GET", "/api/v3/account")).reply().status == 200
            upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            upgrade += f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            reply = wire.send(f"GET {path} HTTP/1.1\r\n{host}{upgrade}\r\n".encode()).reply()
            assert (reply.status, reply.code, reply.reason) == refusal, path
            assert reply.headers["content-type"].startswith("application/json")
            assert "upgrade" not in reply.headers
        assert wire.send(shared_stack.request("GET", "/api/v3/account")).reply().status == 200
    assert shared_stack.denials_since(mark) == [reason for _, _, reason in refusals.values()]
