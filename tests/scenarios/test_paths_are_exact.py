"""A path is an endpoint byte for byte or it is nothing; the method belongs to it."""

import pytest
from stack import Stack, signed
from wire import Wire

ENDPOINTS = (
    ("POST", "/api/v3/order"),
    ("DELETE", "/api/v3/order"),
    ("GET", "/api/v3/account"),
    ("DELETE", "/api/v3/openOrders"),
    ("POST", "/fapi/v1/order"),
    ("PUT", "/fapi/v1/order"),
    ("POST", "/fapi/v1/leverage"),
    ("POST", "/fapi/v1/batchOrders"),
)
QUERY = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


def spellings(path: str) -> list[str]:
    """25 ways to write a path that some server would take for it."""
    first, _, rest = path[1:].partition("/")
    tail = rest.rpartition("/")[2]
    return [
        f"/{path}",
        f"{path}/",
        f"//{first}//{rest}",
        f"/./{first}/{rest}",
        f"/x/..{path}",
        f"/{first}/../{first}/{rest}",
        f"/%61{first[1:]}/{rest}" if first[0] == "a" else f"/%66{first[1:]}/{rest}",
        path.replace("/v", "%2fv", 1),
        path.replace("/v", "%2Fv", 1),
        path.replace("/v", "%252fv", 1),
        path.replace("/v", "\\v", 1),
        path.replace("/v", "/%2e/v", 1),
        path.replace("/v", "/%2e%2e/x/v", 1),
        f"{path};x",
        f"{path};jsessionid=1",
        f"{path}.json",
        f"{path}%00",
        f"{path}%20",
        f"{path}%09",
        path.upper(),
        path.replace(tail, tail.capitalize()),
        path.replace("/v", "/V", 1),
        f"{path}%3f",
        f"/{first}/{rest}/.",
        f"/{first};a=b/{rest}",
    ]


@pytest.mark.threat(7)
def test_25_spellings_of_8_endpoints_are_unknown(shared_stack: Stack) -> None:
    """Well signed, one connection, each refused; nothing received; the connection goes on serving."""
    key = shared_stack.keys["alpha"]
    mark = shared_stack.journal_mark()
    count = 0
    with shared_stack.nothing_received(), Wire(shared_stack.port) as wire:
        for method, path in ENDPOINTS:
            for spelling in spellings(path):
                reply = wire.send(shared_stack.request(method, spelling, QUERY)).reply()
                assert (reply.status, reply.reason) == (404, "unknown_endpoint"), spelling
                count += 1
    assert count == 200
    assert shared_stack.denials_since(mark) == ["unknown_endpoint"] * 200
    assert key.key_id not in str(shared_stack.journal_since(mark))


@pytest.mark.threat(8)
def test_an_endpoint_under_another_method_is_unknown(shared_stack: Stack) -> None:
    """And headers or parameters that claim another method change nothing."""
    overrides = "".join(
        f"{name}: DELETE\r\n" for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    )
    pairs = (
        ("PUT", "/api/v3/order"),
        ("POST", "/api/v3/account"),
        ("DELETE", "/fapi/v1/leverage"),
        ("GET", "/fapi/v1/leverage"),
        ("PUT", "/api/v3/openOrders"),
        ("GET", "/api/v3/order/cancelReplace"),
        ("POST", "/api/v3/openOrders"),
    )
    with shared_stack.nothing_received(), Wire(shared_stack.port) as wire:
        for method, path in pairs:
            reply = wire.send(shared_stack.request(method, path, QUERY, headers=overrides)).reply()
            assert reply.reason == "unknown_endpoint", (method, path)
        reply = wire.send(shared_stack.request("POST", "/api/v3/order", f"{QUERY}&method=DELETE")).reply()
        assert reply.reason == "unknown_parameter"
    before = len(shared_stack.received())
    with Wire(shared_stack.port) as wire:
        assert (
            wire.send(shared_stack.request("GET", "/api/v3/openOrders", "symbol=BTCUSDT", headers=overrides))
            .reply()
            .status
            == 200
        )
    assert [row["method"] for row in shared_stack.received()[before:]] == ["GET"]


@pytest.mark.threat(5)
def test_nothing_in_a_parameter_becomes_a_header(shared_stack: Stack) -> None:
    """CR, LF and NUL in names and values, once and twice encoded, raw where the line can hold them."""
    values = (
        "a%0d%0aX-MBX-APIKEY:%20b",
        "a%0aHost:%20evil",
        "a%0d",
        "a%00",
        "%0d%0a%0d%0aGET%20/%20HTTP/1.1",
        "a%7f",
        "a%1b[0m",
        "a%09b",
    )
    with shared_stack.nothing_received(), Wire(shared_stack.port) as wire:
        for value in values:
            for query in (
                f"{QUERY}&newClientOrderId={value}",
                f"{QUERY}&{value}=1",
                f"symbol={value}&side=BUY&type=MARKET&quantity=1",
            ):
                reply = wire.send(shared_stack.request("POST", "/api/v3/order", query)).reply()
                assert reply.reason in ("malformed_parameter", "malformed_value"), (query, reply)


@pytest.mark.threat(5)
def test_what_is_encoded_twice_stays_text(shared_stack: Stack) -> None:
    """`%250d` is the text `%0d`: the exchange gets it as text and says itself what it thinks of it."""
    before = len(shared_stack.received())
    reply = shared_stack.call("POST", "/api/v3/order", f"{QUERY}&newClientOrderId=a%250d%250aX")
    rows = shared_stack.received()[before:]
    assert [dict(row["params"])["newClientOrderId"] for row in rows] == ["a%0d%0aX"]
    assert reply.code == -1100
    assert {name.lower() for name in rows[0]["headers"]} == {
        "host",
        "user-agent",
        "accept",
        "x-mbx-apikey",
        "content-length",
    }


@pytest.mark.threat(59)
def test_a_foreign_host_and_a_web_page_are_refused(shared_stack: Stack) -> None:
    """DNS rebinding and cross-site requests get nothing, public data included."""
    with shared_stack.nothing_received(), Wire(shared_stack.port) as wire:
        for host in (
            "evil.example",
            "127.0.0.1",
            f"127.0.0.1:{shared_stack.port}.evil",
            f"LOCALHOST:{shared_stack.port}",
            "api.binance.com",
        ):
            request = shared_stack.request("GET", "/api/v3/account", host=host)
            assert wire.send(request).reply().reason == "host_not_allowed", host
        for site in ("cross-site", "same-site", "CROSS-SITE", "x"):
            request = shared_stack.request("GET", "/api/v3/account", headers=f"Sec-Fetch-Site: {site}\r\n")
            assert wire.send(request).reply().reason == "cross_site", site


def test_signed_with_the_right_path_the_order_passes(shared_stack: Stack) -> None:
    """The control: the same request on the exact path is an order, also behind one of the exchange's own host names."""
    key = shared_stack.keys["alpha"]
    for path in ("/api/v3/order", "/api.binance.com/api/v3/order"):
        reply = shared_stack.send("POST", f"{path}?{signed(key, QUERY)}", {"X-MBX-APIKEY": key.key_id})
        assert reply.status == 200, reply
