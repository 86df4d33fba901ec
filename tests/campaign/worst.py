"""The costliest inputs that anybody could think of, each at the bound that the gateway sets to its kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.campaign.bombs import nested, wide
from tests.campaign.costs import Kind
from tests.campaign.house import SPOT_ORDER, House, raw
from tests.gateway.rig import HOST
from tests.gateway.wsapi.rig import KEY, public_pem

from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.http1 import MAX_BODY, MAX_HEAD

ORDER, BATCH, INFO = "/api/v3/order", "/fapi/v1/batchOrders", "/api/v3/exchangeInfo"
RSA_KEY, STRANGER = "R" * 64, "U" * 64
WS_ORDER = dict(pair.split("=") for pair in SPOT_ORDER.split("&"))
HELLO = (
    f"GET %s HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
API, STREAMS = (HELLO % "/ws-api/v3").encode(), (HELLO % "/ws").encode()
BODY, QUERY = MAX_BODY - 500, MAX_HEAD - 400


def an_order(house: House, number: int = 0) -> bytes:
    """Give an order unlike those before it."""
    size = f"quantity=0.{house.clock.monotonic_ns() // 10**8 + number + 1:06}"
    return house.request("POST", ORDER, SPOT_ORDER.replace("quantity=0.001", size))


# What all others are compared with: an order among others, as a gateway that has much to do meets it; and alone, for
# the memory that it needs.
AMONG = 10
ORDERS = Kind("plain orders", lambda house, _scale: [b"".join(an_order(house, n) for n in range(AMONG))], units=AMONG)
ALONE = Kind("a plain order", lambda house, _scale: [an_order(house)])


# -- HTTP


def heads() -> Iterator[Kind]:
    """Give heads at their bounds."""
    lines = {
        "one header of 15 KiB": lambda n: [f"X-A: {'a' * n}"],
        "60 headers of 240 bytes, one name": lambda n: [f"X-A: {'a' * 240}"] * (n // 256),
        "60 headers of 240 bytes": lambda n: [f"X-{k}: {'a' * 240}" for k in range(n // 256)],
        "4,000 headers": lambda n: ["a:"] * (n // 4),
        "60 headers of blanks": lambda n: [f"X-{k}:{' ' * 240}" for k in range(n // 256)],
        "a Connection of 5,000 tokens": lambda n: [f"Connection: {'a,' * (n // 2)}"],
        "a Cache-Control of 5,000 tokens": lambda n: [f"Cache-Control: {'a,' * (n // 2)}"],
        "an unknown key of 15 KiB": lambda n: [f"X-MBX-APIKEY: {'u' * n}"],
    }
    for name, of in lines.items():
        yield Kind(name, lambda h, s, of=of: [_keyless(h.request("POST", ORDER, SPOT_ORDER), *of(int(14_500 * s)))])
    for name, character in (("a path of 4 KiB", "a"), ("a path of 4 KiB of dashes", "-"), ("a path of colons", ":")):
        yield Kind(name, lambda _h, s, c=character: [raw("GET", "/" + c * int(4_090 * s))])
    for text in ("signature", "api_key=", "-----BEGIN A-----", "a.", "%41", "secret-", "listen_key", "x/"):
        yield Kind(
            f"a path of {text!r} over and over", lambda _h, s, t=text: [raw("GET", "/" + fill(t, int(4_090 * s)))]
        )
        yield Kind(f"a path of 15 KiB of {text!r}", lambda _h, s, t=text: [raw("GET", "/" + fill(t, int(QUERY * s)))])
    yield Kind("bytes that are no request", lambda _h, _s: [b"\x16\x03\x01\x02\x00\x01"])
    yield Kind("a head that is too large", lambda _h, _s: [b"GET /" + b"a" * 60_000])


def _keyless(request: bytes, *lines: str) -> bytes:
    """Put header lines in, in the key's place where they name one."""
    head, _, body = request.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not (lines[0].startswith("X-MBX") and line.startswith(b"X-MBX"))]
    return b"\r\n".join([*kept, *(line.encode() for line in lines)]) + b"\r\n\r\n" + body


def fill(text: str, size: int) -> str:
    """Repeat a text up to a size."""
    return (text * (size // len(text) + 1))[:size]


def pairs(text: str, size: int, before: str = "") -> str:
    """Repeat a parameter up to a size."""
    return before + text * ((size - len(before)) // len(text))


PARAMETERS = {
    "plain pairs": "&a=1",
    "pairs with an escape": "&a=%41",
    "names in escapes": "&%61=1",
    "pairs with a plus": "&a=+",
    "empty values": "&a=",
    "empty elements": "&",
    "signatures": "&signature=a",
    "elements without a value": "&a",
    "characters of four bytes": "&a=%F0%9F%98%80",
    "names that nobody knows": "&symbol2=BTCUSDT",
    "one value of plain text": "a",
    "one value of escapes": "%41",
    "one value of escapes of four bytes": "%F0%9F%98%80",
    "one value of pluses": "+",
    "one value of percents twice": "%2525",
    "one value of marks": "'",
    "one value of broken escapes": "%4",
    "one value of JSON": '{"a":1},',
}


def parameters() -> Iterator[Kind]:
    """Give queries and bodies at their bounds, under several credentials: the known ways to sign are tried on each."""
    for name, text in PARAMETERS.items():
        for who, key in (("a stranger", STRANGER), ("a bot with a wrong signature", KEY), ("an RSA bot", RSA_KEY)):
            wrong = "a" * 64 if who != "an RSA bot" else quote64(b"a" * 256)
            yield Kind(
                f"a body of {name}, by {who}",
                lambda _h, s, t=text, k=key, w=wrong: [
                    raw(
                        "POST",
                        ORDER,
                        body=f"{pairs(t, int(BODY * s), 'symbol=A&a=b')}&timestamp=1&signature={w}",
                        key=k,
                    )
                ],
                settle=with_rsa,
            )
        yield Kind(
            f"a body of {name}, signed",
            lambda h, s, t=text: [raw("POST", ORDER, body=h.signed(pairs(t, int(BODY * s), "symbol=A&a=b")))],
        )
        yield Kind(
            f"a query of {name}, signed",
            lambda h, s, t=text: [raw("GET", f"{ORDER}?{h.signed(pairs(t, int(QUERY * s), 'symbol=A&a=b'))}")],
        )
        yield Kind(
            f"a public query of {name}",
            lambda h, s, t=text: [raw("GET", f"{INFO}?{pairs(t, int(QUERY * s), 'symbol=A&a=b')}")],
        )
    yield Kind(
        "a signature of 64 KiB",
        lambda _h, s: [raw("POST", ORDER, body=f"{SPOT_ORDER}&timestamp=1&signature={fill('%2525', int(BODY * s))}")],
    )
    yield Kind(
        "a signature of 64 KiB of base64, by an RSA bot",
        lambda _h, s: [
            raw("POST", ORDER, body=f"{SPOT_ORDER}&timestamp=1&signature={'A' * int(BODY * s)}", key=RSA_KEY)
        ],
        settle=with_rsa,
    )


def lists() -> Iterator[Kind]:
    """Give lists and orders in orders at their bounds, signed by a bot."""
    leg = json.dumps({**WS_ORDER, "newClientOrderId": "x" * 30}, separators=(",", ":"))
    yield Kind(
        "ten orders in one", lambda h, _s: [raw("POST", BATCH, body=h.signed(f"batchOrders=[{','.join([leg] * 10)}]"))]
    )
    shapes = {
        "[": lambda n: nested("[", n),
        '{"a":': lambda n: nested('{"a":', n),
        "objects": lambda n: wide("{}", n),
        "numbers": lambda n: wide("1", n),
        "texts": lambda n: wide('"a"', n),
        "texts with escapes": lambda n: wide(r'"\u0061"', n),
        "lone surrogates": lambda n: wide(r'"\ud800"', n),
        "lists": lambda n: wide("[]", n),
        "a text in a text": lambda n: json.dumps(wide("1", n)),
        "names": lambda n: "{" + ",".join(f'"{k}":1' for k in range(n // 9)) + "}",
    }
    for name, of in shapes.items():
        yield Kind(
            f"orders of {name}",
            lambda h, s, of=of: [raw("POST", BATCH, body=h.signed(f"batchOrders={of(int(4_000 * s))}"))],
        )
        yield Kind(
            f"64 KiB of {name} to cancel",
            lambda h, s, of=of: [
                raw("DELETE", BATCH, body=h.signed(f"symbol=BTCUSDT&orderIdList={of(int(BODY * s))}"))
            ],
        )
        yield Kind(
            f"15 KiB of symbols, {name}",
            lambda _h, s, of=of: [raw("GET", f"{INFO}?symbols={escaped(of(int(5_000 * s)))}")],
        )
    symbols = json.dumps([f"S{n}USDT" for n in range(900)], separators=(",", ":"))
    yield Kind("900 symbols", lambda _h, _s: [raw("GET", f"{INFO}?symbols={escaped(symbols)}")])


def escaped(text: str) -> str:
    """Escape what cannot stand in a request line."""
    return text.replace('"', "%22").replace("\\", "%5C").replace("{", "%7B").replace("}", "%7D")


def credentials() -> Iterator[Kind]:
    """Give orders that are costly to verify."""
    yield Kind("an order by an RSA bot", lambda h, _s: [rsa_signed(h, SPOT_ORDER)], settle=with_rsa)
    yield Kind(
        "an order by an RSA bot, signed in the last of the ways",
        lambda h, _s: [rsa_signed(h, f"{SPOT_ORDER}&newClientOrderId=a%20b", "&newClientOrderId=a+b")],
        settle=with_rsa,
    )
    wrong = f"{ORDER}?{SPOT_ORDER}&timestamp=1&signature={quote64(b'a' * 512)}"
    yield Kind(
        "an order by an RSA bot, signed by nobody", lambda _h, _s: [raw("POST", wrong, key=RSA_KEY)], settle=with_rsa
    )
    yield Kind("an order by a stranger", lambda _h, _s: [raw("POST", wrong, key=STRANGER)])


@lru_cache(maxsize=1)
def _private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 4096)


def with_rsa(house: House) -> None:
    """Let bot alpha hold an RSA key of the largest size too."""
    known = Credential(RSA_KEY, "alpha", CredentialKind.RSA, None, public_pem(_private()), 0)  # type: ignore[arg-type]
    house.rig.state.credentials = {**house.rig.state.credentials, RSA_KEY: known}


def rsa_signed(house: House, query: str, other: str = "") -> bytes:
    """Sign a query with the RSA key; with `other` what is signed ends otherwise than what is sent."""
    stamp = f"&timestamp={house.clock.wall_ns() // 1_000_000}"
    covered = (SPOT_ORDER + other if other else query) + stamp
    signature = _private().sign(covered.encode(), padding.PKCS1v15(), hashes.SHA256())
    return raw("POST", f"{ORDER}?{query}{stamp}&signature={quote64(signature)}", key=RSA_KEY)


def quote64(data: bytes) -> str:
    """Give base64 as it stands in a query."""
    return base64.b64encode(data).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


# -- how bytes come


def packets() -> Iterator[Kind]:
    """Give requests in the smallest packets, and as many in one as there is room for."""
    for name, size in (("head", 14_000), ("body", BODY)):
        yield Kind(f"a {name} byte by byte", lambda h, s, n=name, z=size: by_bytes(_long(h, n, int(z * s))))
    yield Kind(
        "a pipeline byte by byte behind a request that waits",
        lambda h, s: [h.request("POST", ORDER, SPOT_ORDER), *by_bytes(raw("GET", "/api/v3/ping") * int(500 * s))],
    )
    for count in (100, 700):
        many = {
            "pings": lambda _h, _k: raw("GET", "/api/v3/ping"),
            "paths that are none": lambda _h, _k: raw("GET", "/x"),
            "orders": lambda h, k: h.request("POST", ORDER, f"{SPOT_ORDER}&newClientOrderId=n{k}"),
            "orders by a stranger": lambda _h, k: raw(
                "POST", f"{ORDER}?{SPOT_ORDER}&timestamp={k}&signature=a", key=STRANGER
            ),
        }
        for name, one in many.items():
            yield Kind(
                f"{count} {name} at once",
                lambda h, s, of=one, n=count: [b"".join([of(h, k) for k in range(int(n * s))])],
                units=count,
            )
    yield Kind(
        "10,000 pings at once", lambda _h, s: packets_of(raw("GET", "/api/v3/ping") * int(10_000 * s)), units=10_000
    )


def _long(house: House, where: str, size: int) -> bytes:
    if where == "head":
        return house.request("GET", "/api/v3/account", "omitZeroBalances=true", f"X-A: {'a' * size}")
    return raw("POST", ORDER, body=house.signed(f"symbol=A&a={'b' * size}"))


def by_bytes(data: bytes) -> list[bytes]:
    """Cut into single bytes."""
    return [data[at : at + 1] for at in range(len(data))]


def packets_of(data: bytes, size: int = 65_536) -> list[bytes]:
    """Cut into pieces of so many bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def all_kinds() -> list[Kind]:
    """Give all of them."""
    return list(chain(heads(), parameters(), lists(), credentials(), packets()))
