"""The header set that the exchange sees is ours, whatever a bot sends."""

import pytest
from stack import Stack, signed
from wire import Wire

FIXED = ["host", "user-agent", "accept", "x-mbx-apikey"]
# Names that the exchange, its CDN, web firewalls and proxies are known to read.
NAMES = """
Accept Accept-Charset Accept-Encoding Accept-Language Accept-Datetime A-IM Age Alt-Used Authorization Cache-Control
CDN-Loop CF-Connecting-IP CF-Connecting-IPv6 CF-IPCountry CF-Ray CF-Visitor CF-Worker CF-EW-Via Client-IP Clienttype
Content-Encoding Content-Language Content-Location Content-MD5 Content-Range Content-Type Cookie Cookie2 Date
Device-Info DNT Early-Data ETag Fastly-Client-IP Fastly-FF Fastly-SSL Forwarded From Front-End-Https Grpc-Timeout
HTTP2-Settings If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Incap-Client-IP Keep-Alive Lang
Last-Event-ID Link Max-Forwards Origin Origin-Trial Ping-From Pragma Prefer Priority Proxy Proxy-Authorization
Proxy-Connection Proxy-Status Range Referer Referrer-Policy Sec-CH-UA Sec-GPC Sec-Fetch-Dest Sec-Fetch-Mode
Sec-Fetch-User Service-Worker Signature Signature-Input Surrogate-Capability TE Timing-Allow-Origin Trailer
Traceparent Tracestate True-Client-IP User-Agent Via Viewport-Width Want-Digest Warning WL-Proxy-Client-IP
X-Accel-Redirect X-Akamai-Edgescape X-Amz-Cf-Id X-Amzn-Trace-Id X-Api-Key X-ATT-DeviceId X-Azure-ClientIP X-B3-TraceId
X-B3-SpanId X-B3-Sampled X-Bapi-Api-Key X-Broker-Id X-Client-IP X-Cluster-Client-IP X-Correlation-ID X-Csrf-Token
X-Custom-IP-Authorization X-Debug X-Envoy-External-Address X-Envoy-Original-Path X-Forward-For X-Forwarded
X-Forwarded-By X-Forwarded-For X-Forwarded-Host X-Forwarded-Path X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto
X-Forwarded-Scheme X-Forwarded-Server X-Forwarded-SSL X-From X-Host X-HTTP-DestinationURL X-HTTP-Host-Override
X-HTTP-Method X-HTTP-Method-Override X-Method-Override X-IP X-IP-Trail X-MBX-BROKER X-MBX-ORDER X-MBX-SECRETKEY
X-MBX-SIGNATURE X-MBX-UUID X-MBX-USED-WEIGHT X-MBX-USED-WEIGHT-1M X-MBX-ORDER-COUNT-10S X-ORIGINAL-APIKEY
X-Original-Forwarded-For X-Original-Host X-Original-Method X-Original-Remote-Addr X-Original-URI X-Original-URL
X-Originating-IP X-Override-URL X-ProxyUser-Ip X-Real-IP X-Real-Port X-Remote-Addr X-Remote-IP X-Request-ID
X-Request-Start X-Requested-With X-Rewrite-URL X-Scheme X-Sent-Time X-Sapi-Used-Ip-Weight-1m X-Server-Name X-Timer
X-Token X-Trace-ID X-UIDH X-UI-Request-Trace X-Unit-Id X-URL-Scheme X-User-ID X-Varnish X-WAF-Bypass X-Wap-Profile
X_Forwarded_For X_MBX_APIKEY X-Binance-Apikey Bnc-Uuid Bnc-Location Bnc-Time-Zone Csrftoken Fvideo-Id Fvideo-Token
Versioncode Mclient-X-Tag X-Gray-Env X-Seq X-Nonce X-Timestamp X-Window X-Subaccount X-Target-Account X-Transaction-Id
Idempotency-Key Digest Expect-CT Upgrade-Insecure-Requests X-Forwarded-User X-Forwarded-Groups X-Auth-Token Save-Data
Downlink RTT ECT Width DPR Device-Memory
""".split()  # noqa: SIM905 - a list of 200 lines reads worse


@pytest.mark.threat(6)
def test_about_200_names_in_five_forms(shared_stack: Stack) -> None:
    """Plain, other case, underscored, named in Connection, twice: the exchange sees the same names in one order."""
    assert len(NAMES) >= 200
    before = len(shared_stack.received())
    sent = 0
    with Wire(shared_stack.port) as wire:
        for name in NAMES:
            forms = (
                f"{name}: x\r\n",
                f"{name.swapcase()}: x\r\n",
                f"{name.replace('-', '_')}: x\r\n",
                f"Connection: keep-alive, {name}, X-MBX-APIKEY\r\n{name}: x\r\n",
                f"{name}: x\r\n{name}: y\r\n",
            )
            for form in forms:
                reply = wire.send(
                    shared_stack.request("GET", "/api/v3/openOrders", "symbol=BNBUSDT", headers=form)
                ).reply()
                if name == "Content-Type" and form.count("x\r\n") == 1 and "y\r\n" in form:
                    assert reply.reason == "repeated_header"
                    wire.__exit__(None, None, None)
                    wire.__init__(shared_stack.port)  # type: ignore[misc]  # the same connection again, anew
                    continue
                assert reply.status == 200, (form, reply)
                sent += 1
    rows = shared_stack.received()[before:]
    assert len(rows) == sent == len(NAMES) * 5 - 1
    assert {tuple(row["headers"]) for row in rows} == {tuple(FIXED)}
    assert {row["key"] for row in rows} == {shared_stack.exchange_api_key[:8]}
    assert {row["host"] for row in rows} == {"api.binance.com"}


def test_the_one_judged_header_is_passed_on(shared_stack: Stack) -> None:
    """X-MBX-TIME-UNIT changes the answer's unit; any other value of it is refused."""
    before = len(shared_stack.received())
    for unit in ("MICROSECOND", "millisecond"):
        reply = shared_stack.call("GET", "/api/v3/openOrders", "symbol=BNBUSDT", headers={"X-MBX-TIME-UNIT": unit})
        assert reply.status == 200
    rows = shared_stack.received()[before:]
    assert [row["headers"] for row in rows] == [[*FIXED, "x-mbx-time-unit"]] * 2
    with shared_stack.nothing_received():
        for unit in ("NANOSECOND", "", "MICROSECOND, x", "Microsecond"):
            reply = shared_stack.call("GET", "/api/v3/openOrders", "symbol=BNBUSDT", headers={"X-MBX-TIME-UNIT": unit})
            assert reply.reason == "malformed_value", unit


def test_changes_have_the_same_headers_and_an_empty_body(shared_stack: Stack) -> None:
    """What a bot sends in a body goes upstream in the query; nothing of its framing does."""
    key = shared_stack.keys["alpha"]
    body = signed(key, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00")
    before = len(shared_stack.received())
    reply = shared_stack.send(
        "POST",
        "/api/v3/order",
        {"X-MBX-APIKEY": key.key_id, "Content-Type": "application/x-www-form-urlencoded"},
        body.encode(),
    )
    assert reply.status == 200, reply
    (row,) = shared_stack.received()[before:]
    assert row["headers"] == [*FIXED, "content-length"]
