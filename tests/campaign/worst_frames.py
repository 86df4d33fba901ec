"""The costliest messages, frames and addresses of WebSockets, each at the bound that the gateway sets to its kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from tests.campaign.bombs import nested, wide
from tests.campaign.costs import Kind
from tests.campaign.house import House
from tests.campaign.worst import API, HELLO, STREAMS, WS_ORDER, by_bytes, packets_of
from tests.gateway.wsapi.rig import KEY
from websockets.frames import Frame, Opcode

from counterseal.core.binance.hosts import STREAM_HOSTS
from counterseal.core.http1 import MAX_BODY
from counterseal.gateway.streams.hub import Hub

# What a message may hold beside its frame.
MESSAGE = MAX_BODY - 200


def text(data: str, fin: bool = True, opcode: Opcode = Opcode.TEXT) -> bytes:
    """Give a client's frame."""
    return Frame(opcode, data.encode(), fin=fin).serialize(mask=True)


def call(params: Any, method: str = "order.place") -> str:
    """Give a request of the WebSocket API."""
    return json.dumps({"id": 1, "method": method, "params": params}, separators=(",", ":"))


MESSAGES: dict[str, Callable[[int], str]] = {
    "[": lambda n: nested("[", n),
    '{"a":': lambda n: nested('{"a":', n),
    "objects": lambda n: wide("{}", n),
    "lists": lambda n: wide("[]", n),
    "numbers": lambda n: wide("1", n),
    "texts": lambda n: wide('""', n),
    "texts that are not ASCII": lambda n: wide('"é"', n // 2),
    "names": lambda n: "{" + ",".join(f'"{k}":1' for k in range(n // 9)) + "}",
    "one name twice": lambda n: "{" + ",".join(['"a":1'] * (n // 6)) + "}",
    "parameters": lambda n: call({f"a{k}": 1 for k in range(n // 11)}),
    "parameters of nothing": lambda n: call({f"a{k}": None for k in range(n // 14)}),
    "parameters of text to escape": lambda n: call({f"a{k}": "é" for k in range(n // 18)}),
    "a parameter with a list": lambda n: call({"symbols": [1] * (n // 2 - 40)}, "exchangeInfo"),
    "a parameter with a list of texts": lambda n: call({"symbols": ["A"] * (n // 4 - 40)}, "exchangeInfo"),
    "a parameter with objects": lambda n: call({"symbols": [{}] * (n // 3 - 40)}, "exchangeInfo"),
    "a parameter of text": lambda n: call({"symbol": "a" * (n - 80)}),
    "a parameter of text to escape": lambda n: call({"symbol": "'" * (n - 80)}),
    "a parameter of escapes": lambda n: (
        '{"id":1,"method":"order.place","params":{"symbol":"' + r"\u0041" * (n // 6 - 20) + '"}}'
    ),
    "a method": lambda n: call({}, "a" * (n - 80)),
    "an id": lambda n: '{"id":"' + "a" * (n - 20) + '"}',
    "an id of digits": lambda n: '{"id":' + "9" * (n - 20) + "}",
}


def unproven(message: str) -> str:
    """Put a key and a wrong signature into a request."""
    return message.replace('"params":{', f'"params":{{"apiKey":"{KEY}","signature":"{"a" * 64}","timestamp":1,', 1)


def messages() -> Iterator[Kind]:
    """Give messages at their bound, on the WebSocket API and on streams."""
    for name, of in MESSAGES.items():
        yield Kind(f"a message of {name}", lambda _h, s, of=of: [text(of(int(MESSAGE * s)))], API)
        if "param" in name:
            yield Kind(
                f"a message of {name}, not proven",
                lambda _h, s, of=of: [text(unproven(of(int((MESSAGE - 300) * s))))],
                API,
            )
        yield Kind(f"a command of {name}", lambda _h, s, of=of: [text(of(int(MESSAGE * s)))], STREAMS)
    for name, one in (("nothing", ""), ("numbers", "1"), ("one stream", "btcusdt@trade"), ("what is none", "x@y")):
        for method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            yield Kind(
                f"a {method} of {name}",
                lambda _h, s, o=one, m=method: [text(call([o] * (int(MESSAGE * s) // (len(o) + 3) - 20), m))],
                STREAMS,
                settle=with_streams,
            )
    yield Kind("a signed order as a message", lambda h, _s: [text(call(h.caller().signed(WS_ORDER)))], API)


def frames() -> Iterator[Kind]:
    """Give frames in numbers."""
    count = 1_000
    small = {
        "pings": Frame(Opcode.PING, b"").serialize(mask=True),
        "pongs": Frame(Opcode.PONG, b"").serialize(mask=True),
        "empty messages": text(""),
        "messages of a digit": text("1"),
        "requests of no method": text('{"id":1,"method":"x"}'),
        "questions for the time": text('{"id":1,"method":"time"}'),
        "status questions": text('{"id":1,"method":"session.status"}'),
    }
    for name, frame in small.items():
        for path, first in (("API", API), ("stream", STREAMS)):
            yield Kind(
                f"{count} {name} on a connection to {path}",
                lambda _h, s, f=frame: packets_of(f * int(count * s)), first, units=count,
            )  # fmt: skip
    pieces = [text("{", fin=False), *[text(" ", fin=False, opcode=Opcode.CONT)] * 13, text("}", opcode=Opcode.CONT)]
    yield Kind("a message in fifteen fragments", lambda _h, _s: pieces, API)
    empty = [text("", fin=False), *[text("", fin=False, opcode=Opcode.CONT)] * 40]
    yield Kind("fragments without end", lambda _h, _s: empty, API)
    yield Kind("a message byte by byte", lambda _h, s: by_bytes(text("[" * int(60_000 * s))), API)
    yield Kind("a frame without a mask", lambda _h, _s: [Frame(Opcode.TEXT, b"{}").serialize(mask=False)], API)
    yield Kind(
        "a frame of 2^62 bytes", lambda _h, _s: [b"\x81\xff" + (1 << 62).to_bytes(8, "big") + b"x" * 60_000], API
    )


def handshakes() -> Iterator[Kind]:
    """Give addresses of streams at their bounds."""
    names = "/".join(f"s{n}@trade" for n in range(1_000))
    paths = {
        "1,000 streams": f"/stream?streams={names}",
        "one stream 1,400 times": "/stream?streams=" + "s@trade/" * 1_900,
        "a path of many parts": "/ws" + "/a" * 7_000,
        "a path of escapes": "/ws/" + "%41" * 4_500,
        "a path of parts with escapes": "/ws" + "/%41" * 3_500,
        "many parameters": "/ws?" + "streams=&" * 1_600,
        "parameters with escapes": "/ws?" + "a=%41&" * 2_400,
        "events": "/ws?events=" + "a/" * 7_000,
        "numbers as streams": "/ws" + "/1" * 7_000,
    }
    for name, path in paths.items():
        yield Kind(f"a handshake: {name}", lambda _h, _s, p=path: [(HELLO % p).encode()], settle=with_streams)


def with_streams(house: House) -> None:
    """Let bots name streams: the exchange's side never answers."""
    rig = house.rig
    rig.upgrades._hub = rig.hub = Hub(
        rig.clock, STREAM_HOSTS["paper"], _silence, lambda n: n // 2, rig.gateway.tasks, lambda **_: None
    )


async def _silence(_family: str, _link: Any) -> None:
    await asyncio.get_running_loop().create_future()


def all_kinds() -> list[Kind]:
    """Give all of them."""
    return list(chain(messages(), frames(), handshakes()))
