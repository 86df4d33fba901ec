"""200 header names that the exchange, its content networks, proxies or frameworks are known to read.

Each with a value that would do something where it is believed.
"""

from typing import NamedTuple


class Header(NamedTuple):
    """A name and what a bot sends under it."""

    name: str
    value: str


_TEXT = """
X-MBX-APIKEY: KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK
X-MBX-TIME-UNIT: MICROSECOND
X-MBX-SECRETKEY: s
X-MBX-SIGNATURE: 0
X-MBX-TIMESTAMP: 1
X-MBX-RECVWINDOW: 60000
X-MBX-UUID: 0
X-MBX-BROKER: b
X-MBX-USED-WEIGHT: 0
X-MBX-USED-WEIGHT-1M: 0
X-MBX-ORDER-COUNT-10S: 0
X-MBX-ORDER-COUNT-1D: 0
X-SAPI-USED-IP-WEIGHT-1M: 0
X-SAPI-USED-UID-WEIGHT-1M: 0
X-Binance-Apikey: k
Bnc-Uuid: 0
Bnc-Location: US
Bnc-Time-Zone: UTC
Clienttype: web
Csrftoken: t
Fvideo-Id: f
Fvideo-Token: f
Device-Info: d
Lang: en
Versioncode: 1
Mclient-X-Tag: t
X-Gray-Env: gray
X-Passthrough-Token: t
X-Trace-Id: 1
X-UI-Request-Trace: 1
Host: api.binance.com
Connection: close
Content-Length: 5
Content-Type: application/json
Content-Encoding: gzip
Transfer-Encoding: chunked
Expect: 100-continue
Upgrade: h2c
HTTP2-Settings: AAMAAABkAAQAAP__
TE: trailers
Trailer: X-MBX-APIKEY
Keep-Alive: timeout=5
Proxy-Connection: close
Max-Forwards: 0
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13
Sec-WebSocket-Protocol: binary
Sec-WebSocket-Extensions: permessage-deflate
X-HTTP-Method-Override: DELETE
X-HTTP-Method: DELETE
X-Method-Override: DELETE
X-Original-Method: DELETE
X-Forwarded-Method: DELETE
X-Original-URL: /api/v3/account
X-Original-URI: /api/v3/account
X-Rewrite-URL: /api/v3/account
X-Override-URL: /api/v3/account
X-Forwarded-URI: /api/v3/account
X-Forwarded-Path: /api/v3/account
X-Forwarded-Prefix: /sapi
X-Envoy-Original-Path: /api/v3/account
X-Envoy-Decorator-Operation: account
X-HTTP-Path-Override: /api/v3/account
X-HTTP-DestinationURL: https://203.0.113.9/
X-Proxy-URL: https://203.0.113.9/
Destination: https://203.0.113.9/
Base-Url: https://203.0.113.9/
Request-Uri: https://203.0.113.9/
X-Accel-Redirect: /account
X-Sendfile: /etc/passwd
X-Forwarded-Host: evil.example
X-Host: evil.example
X-HTTP-Host-Override: evil.example
X-Forwarded-Server: evil.example
X-Original-Host: evil.example
X-Server-Name: evil.example
X-Backend-Host: evil.example
Alt-Used: evil.example
Forwarded: for=203.0.113.9;host=evil.example;proto=http
X-Forwarded-Port: 80
X-Forwarded-Proto: http
X-Forwarded-Scheme: http
X-Forwarded-SSL: off
X-Scheme: http
X-URL-Scheme: http
Front-End-Https: off
X-Forwarded-For: 203.0.113.9
X-Forward-For: 203.0.113.9
X-Forwarded: 203.0.113.9
X-Forwarded-By: 203.0.113.9
Forwarded-For: 203.0.113.9
X-Original-Forwarded-For: 203.0.113.9
X-Original-Remote-Addr: 203.0.113.9
X-Real-IP: 203.0.113.9
X-Real-Port: 1
X-Client-IP: 203.0.113.9
Client-IP: 203.0.113.9
True-Client-IP: 203.0.113.9
X-Cluster-Client-IP: 203.0.113.9
X-ProxyUser-Ip: 203.0.113.9
X-Remote-IP: 203.0.113.9
X-Remote-Addr: 203.0.113.9
X-Originating-IP: 203.0.113.9
X-Custom-IP-Authorization: 203.0.113.9
X-IP: 203.0.113.9
Proxy-Client-IP: 203.0.113.9
WL-Proxy-Client-IP: 203.0.113.9
CF-Connecting-IP: 203.0.113.9
CF-Connecting-IPv6: 2001:db8::9
Fastly-Client-IP: 203.0.113.9
Incap-Client-IP: 203.0.113.9
Fly-Client-IP: 203.0.113.9
Ali-CDN-Real-IP: 203.0.113.9
Cdn-Src-Ip: 203.0.113.9
X-Azure-ClientIP: 203.0.113.9
X-Azure-SocketIP: 203.0.113.9
X-Appengine-User-IP: 203.0.113.9
X-Envoy-External-Address: 203.0.113.9
X-Sucuri-ClientIP: 203.0.113.9
CDN-Loop: cloudflare; loops=9
CF-Ray: 0
CF-Visitor: {"scheme":"http"}
CF-Worker: evil.example
CF-IPCountry: US
CF-EW-Via: 15
X-Amz-Cf-Id: 0
X-Amzn-Trace-Id: Root=1
CloudFront-Viewer-Country: US
CloudFront-Forwarded-Proto: http
X-Akamai-Edgescape: country_code=US
Akamai-Origin-Hop: 9
Fastly-FF: 0
Fastly-SSL: 0
Fastly-Debug: 1
Surrogate-Capability: a="ESI/1.0"
Surrogate-Control: no-store
X-Azure-Ref: 0
X-Azure-FDID: 0
X-Varnish: 1
X-Timer: S1
Via: 1.1 evil.example
Cache-Control: no-cache
Pragma: no-cache
Age: 1
Date: Thu, 01 Jan 1970 00:00:00 GMT
If-Match: "x"
If-None-Match: *
If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT
If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT
If-Range: "x"
Range: bytes=0-0
Content-Range: bytes 0-0/1
Prefer: respond-async
Early-Data: 1
Idempotency-Key: 1
Digest: sha-256=x
Want-Digest: sha-256
Content-MD5: x
Accept: text/html
Accept-Charset: utf-16
Accept-Encoding: gzip, br
Accept-Language: zh
User-Agent: curl
Content-Language: zh
Content-Location: /account
From: a@evil.example
Referer: https://evil.example/
Origin: https://evil.example
DNT: 1
Sec-CH-UA: "x"
Sec-Fetch-Site: cross-site
Sec-Fetch-Mode: navigate
Sec-Fetch-Dest: document
Upgrade-Insecure-Requests: 1
Access-Control-Request-Method: DELETE
X-Requested-With: XMLHttpRequest
Authorization: Basic YTpi
Proxy-Authorization: Basic YTpi
Cookie: p20t=x
Cookie2: $Version=1
X-Api-Key: k
Api-Key: k
X-Auth-Token: t
X-Access-Token: t
X-CSRF-Token: t
X-Forwarded-User: root
X-Forwarded-Client-Cert: Hash=0
X-SSL-Client-Cert: x
Ssl-Client-Verify: SUCCESS
Remote-User: root
X-User-Id: 1
Signature-Input: sig=()
Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
Tracestate: a=1
Baggage: a=1
X-B3-TraceId: 1
X-Request-ID: 1
X-Correlation-ID: 1
X-Datadog-Trace-Id: 1
X-Debug: 1
"""
HEADERS = [Header(name, value) for name, _, value in (line.partition(": ") for line in _TEXT.strip().split("\n"))]
