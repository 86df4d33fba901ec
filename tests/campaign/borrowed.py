"""Inputs of the other campaigns, to be measured: of each as many as are asked for, drawn by seed."""

# ruff: noqa: TID251 - randomness is seeded
from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import TypeVar
from urllib.parse import quote

from tests.campaign import json_cases, numbers_spelled, schema_cases, smuggling, smuggling_written, spellings, texts
from tests.campaign import test_hdr_1 as headers
from tests.campaign import test_hpp_1 as twice
from tests.campaign.costs import Kind
from tests.campaign.house import SPOT_ORDER, House, raw
from tests.campaign.tally import SEED
from tests.campaign.worst import HELLO, STREAMS, packets_of
from tests.gateway.streams.floods import FLOODS
from websockets.frames import Frame, Opcode

T = TypeVar("T")
NUMBERS = ("quantity", "price")
COUNT = 10_000


def drawn(name: str, cases: Iterable[T], count: int) -> list[T]:
    """Draw so many cases of a campaign."""
    whole = list(cases)
    return random.Random(f"{name} {SEED}").sample(whole, min(count, len(whole)))


def smuggled(count: int) -> Iterator[Kind]:
    """SMG: requests that two readers could cut differently."""
    for case in drawn("SMG", smuggling.cases(COUNT), count):
        yield Kind(
            f"SMG {case.number}",
            lambda h, _s, c=case: [smuggling_written.write(c, h.signed).data],
            units=len(case.shapes),
        )


def with_headers(count: int) -> Iterator[Kind]:
    """HDR: headers that somebody else reads."""
    for header, form in drawn("HDR", product(headers.HEADERS, headers.FORMS), count):
        yield Kind(
            f"HDR {header.name} {form}",
            lambda h, _s, one=header, way=form: [
                h.request("POST", "/api/v3/order", SPOT_ORDER, *headers.lines_of(one, way))
            ],
        )


def spelled(count: int) -> Iterator[Kind]:
    """PATH: other ways to write a path."""
    ways = [
        (request, path)
        for request in spellings.REQUESTS
        for times in range(3)
        for path in spellings.spellings(request.path, spellings.escape(times))
    ]
    for request, path in drawn("PATH", ways, count):
        yield Kind(
            f"PATH {request.method} {path!r}",
            lambda h, _s, r=request, p=path: [raw(r.method, f"/@?{h.signed(r.query)}").replace(b"/@", p.encode(), 1)],
        )


def said_twice(count: int) -> Iterator[Kind]:
    """HPP: parameters that stand twice."""
    for case in drawn("HPP", twice.cases(), count):
        yield Kind(
            f"HPP {case}",
            lambda h, _s, c=case: [twice.signed(h, c.request, *twice.laid_out(c, h.clock.wall_ns() // 1_000_000))],
        )


def by_schema(count: int) -> Iterator[Kind]:
    """SCH: names and values that an endpoint takes, and others."""
    found = [case for case in schema_cases.cases() if not case.row.address and not case.row.is_leg]
    for case in drawn("SCH", found, count):
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in case.pairs)
        yield Kind(
            f"SCH {case.what} {case.row.method} {case.row.path} {query[:60]}",
            lambda h, _s, c=case, q=query: [h.request(c.row.method, c.row.path, q)],
        )


def numbers(count: int) -> Iterator[Kind]:
    """NUM: other ways to write a number."""
    for name, text in drawn("NUM", product(NUMBERS, numbers_spelled.spellings()), count):
        yield Kind(f"NUM {name} {text[:40]!r}", lambda h, _s, n=name, t=text: [_order(h, n, t)])


def symbols(count: int) -> Iterator[Kind]:
    """UNI: symbols that look alike."""
    for text in drawn("UNI", (text for one in ("BTCUSDT", "ETHUSDT") for text in texts.confusables(one)), count):
        yield Kind(f"UNI {text[:40]!r}", lambda h, _s, t=text: [_order(h, "symbol", t)])


def _order(house: House, name: str, text: str) -> bytes:
    value = quote(text.encode("utf-8", "surrogatepass"), safe="")
    pairs = [pair for pair in SPOT_ORDER.split("&") if not pair.startswith(f"{name}=")]
    return house.request("POST", "/api/v3/order", "&".join([*pairs, f"{name}={value}"]))


def documents(count: int) -> Iterator[Kind]:
    """JSON: orders that were changed at random, as batches and as frames."""
    for mutant in drawn("JSON", json_cases.mutants(COUNT), count):
        path = mutant.address[0]
        if path.startswith("/ws"):
            yield Kind(f"JSON {mutant}", lambda h, _s, m=mutant: [_framed(h, m)], (HELLO % path).encode())
        else:
            yield Kind(f"JSON {mutant}", lambda h, _s, m=mutant: [_batch(h, m)])


def _framed(house: House, mutant: json_cases.Mutant) -> bytes:
    data = json_cases.frame(mutant, house.clock.wall_ns() // 1_000_000)
    return Frame(Opcode.TEXT, data).serialize(mask=True)


def _batch(house: House, mutant: json_cases.Mutant) -> bytes:
    method, path = mutant.address
    method, path = (path, method) if method.startswith("/") else (method, path)
    value = quote(json_cases.batch(mutant), safe="")
    return raw(method, path, body=house.signed(f"batchOrders={value}"))


def floods(_count: int) -> Iterator[Kind]:
    """WSF: forty shapes of frames in numbers; what comes in a piece is one packet."""
    for flood in FLOODS:
        data = packets_of(flood.data, flood.piece)
        yield Kind(f"WSF {flood.name}", lambda _h, _s, d=data: d, STREAMS)


SOURCES: Sequence[Callable[[int], Iterator[Kind]]] = (
    smuggled, with_headers, spelled, said_twice, by_schema, numbers, symbols, documents, floods,
)  # fmt: skip


def borrowed(count: int) -> list[Kind]:
    """Give as many of each campaign."""
    return [kind for source in SOURCES for kind in source(count)]
