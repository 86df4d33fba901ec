"""JSON-1: JSONTestSuite, names twice at every depth, and 10,000 mutated orders, as frames and as batches.

What is no JSON, or has two readings, is refused; what is forwarded says the same to two other readers.
"""

# ruff: noqa: TID251 - randomness is seeded
import asyncio
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.campaign.echoing import EchoHouse, Got, Houses
from tests.campaign.house import Outcome
from tests.campaign.json_cases import ADDRESSES, Mutant, batch, frame, members_of, mutants
from tests.campaign.json_oracle import Wanted, of_batch, of_frame, without_made
from tests.campaign.json_reader import Bad, read
from tests.campaign.tally import Tally, campaign
from tests.gateway.wsapi.rig import ED_KEY, Caller

from counterseal.core import strict_json
from counterseal.paper.errors import ApiError
from counterseal.paper.futures_batch import _legs as papers_legs
from counterseal.paper.ws_params import decode as papers_frame
from counterseal.paper.ws_params import texts as papers_texts

CORPORA = os.environ.get("COUNTERSEAL_CORPORA")
MUTANTS = 10_000
ORDER_S, READ_S = 0.35, 0.5
# Ten malformed messages in a row end a connection; so many are sent on one.
MOST_IN_A_ROW = 8
LEG = '"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"1","price":"90000"'
NO_JSON = frozenset({"ws_frame_malformed", "malformed_value", "malformed_parameter"})
# Good, with a name twice: what the suite allows and we refuse on purpose.
TWICE = frozenset({"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"})


class Speaker:
    """A bot on the WebSocket API whose connection is logged on, so that a frame needs no signature."""

    def __init__(self) -> None:
        self._callers: dict[str, tuple[EchoHouse, Caller, int]] = {}

    async def ready(self, house: EchoHouse, address: str) -> Caller:
        """Give a connection that is logged on."""
        known, caller, count = self._callers.get(address, (None, None, 0))
        if known is not house or caller is None or caller.code is not None or caller.wire.is_over or not count:
            if caller is not None:
                caller.wire.close()
            caller, count = house.rig.bot(address), MOST_IN_A_ROW
            answer = await caller.ask("session.logon", caller.signed({}, key=ED_KEY), 0.002)
            assert answer["status"] == 200, answer
            self._callers[address] = (house, caller, count)
        return caller

    async def say(self, house: EchoHouse, address: str, text: bytes, seconds: float) -> Outcome:
        """Send a frame as it stands."""
        caller = await self.ready(house, address)
        self._callers[address] = (house, caller, self._callers[address][2] - 1)
        return await house.frame(caller, text, seconds)


# -- JSONTestSuite and names twice


class Document(NamedTuple):
    """A document of the suite. `good` is what the suite says: None where it is for each to decide."""

    name: str
    data: bytes
    good: bool | None


def suite() -> list[Document]:
    """Give the 318 and the 22."""
    good = {"y": True, "n": False, "i": None}
    folder = Path(CORPORA or "") / "json"
    parsing = [
        Document(path.name, path.read_bytes(), good[path.name[0]])
        for path in sorted(folder.glob("test_parsing/*.json"))
    ]
    return parsing + [
        Document(path.name, path.read_bytes(), None) for path in sorted(folder.glob("test_transform/*.json"))
    ]


def _frame(method: str, params: bytes) -> bytes:
    return b'{"id":1,"method":"%b","params":%b}' % (method.encode(), params)


# Where a document is put: only the first two places tell what the gateway thinks of it as JSON.
TELLING = 2
PLACES = (
    "frame: a value that is forwarded",
    "batch: a value of an order",
    "frame",
    "frame: params",
    "batch",
    "batch: order",
)


async def put(house: EchoHouse, speaker: Speaker, document: Document, place: str, number: int) -> Outcome:
    """Send a document at its place."""
    data = document.data
    if place == "frame: a value that is forwarded":
        params = b'{"symbol":"N%d","permissions":[%b,1]}' % (number, data)
        return await speaker.say(house, "/ws-api/v3", _frame("exchangeInfo", params), READ_S)
    if place.startswith("frame"):
        text = data if place == "frame" else _frame("order.place", data)
        return await speaker.say(house, "/ws-api/v3", text, 0.002)
    leg = LEG.encode()
    text = {
        "batch": data,
        "batch: order": b"[{%b},%b]" % (leg, data),
        "batch: a value of an order": b'[{"nothing":%b,%b}]' % (data, leg),
    }[place]
    return await post(house, "POST", "/fapi/v1/batchOrders", text, 0.002)


async def post(house: EchoHouse, method: str, path: str, text: bytes, seconds: float) -> Outcome:
    """Send bytes as the parameter batchOrders, every one percent-encoded."""
    encoded = "".join(f"%{byte:02X}" for byte in text)
    stamp = house.clock.wall_ns() // 1_000_000
    in_body = len(encoded) > 8_000
    return await house.ask_raw(method, path, f"timestamp={stamp}&batchOrders={encoded}", seconds, in_body=in_body)


def judge_document(tally: Tally, place: str, document: Document, out: Outcome, got: list[Got]) -> bool | None:
    """Compare; gives whether the gateway took the document for JSON, None where the place does not tell."""
    name = f"{place}: {document.name}"
    tally.note(forwarded=len(got), reason=out.reason, other="closed" if out.closed else "answered")
    if place == "frame: a value that is forwarded":
        return _judge_forwarded(tally, name, document, out, got)
    if got:
        tally.disagree(f"{name}: sent {got}")
    if place != "batch: a value of an order":
        return None
    # A control character is refused in every parameter, whatever JSON says of line ends.
    if any(byte < 0x20 or byte == 0x7F for byte in document.data):
        return None
    return out.reason == "unknown_parameter"


def _judge_forwarded(tally: Tally, name: str, document: Document, out: Outcome, got: list[Got]) -> bool:
    """What is forwarded must read as it was; what is not must have been refused as no JSON.

    DEL is a control character to us: JSON may have it, a value may not.
    """
    if not got:
        if out.reason == "ws_params_malformed" and b"\x7f" in document.data:
            return True
        if out.reason not in NO_JSON and not out.closed:
            tally.disagree(f"{name}: refused with {out.reason}")
        return False
    try:
        same = read(dict(got[0].pairs)["permissions"]) == [read(document.data), "1"]
    except Bad as bad:
        tally.disagree(f"{name}: forwarded, but {bad}")
        return True
    if not same:
        tally.disagree(f"{name}: the exchange got {got}")
    return True


async def try_suite(tally: Tally, houses: Houses, speaker: Speaker) -> None:
    """Each document at each place; where the place tells what was thought of it, always all of them."""
    documents, taken = suite(), {True: 0, False: 0}
    telling = [(document, place) for document in documents for place in PLACES[:TELLING]]
    others = [(document, place) for document in documents for place in PLACES[TELLING:]]
    for number, (document, place) in enumerate((*telling, *tally.some(others))):
        house = await houses.get()
        out = await put(house, speaker, document, place, number)
        took = judge_document(tally, place, document, out, house.take())
        if took is None or document.good is None:
            continue
        if took != (document.good and document.name not in TWICE):
            tally.disagree(f"{place}: {document.name} was {'taken' if took else 'refused'}")
        if place == PLACES[0]:
            taken[document.good] += took
    bad, good = (sum(document.good is kind for document in documents) for kind in (False, True))
    tally.figures["no JSON, refused"] = f"{bad - taken[False]}/{bad}"
    tally.figures["JSON, taken"] = f"{taken[True]}/{good}"
    assert (bad, good, len(documents)) == (188, 95, 340)


def twice() -> Iterator[tuple[tuple[str, str], bytes, str]]:
    """Give (address, text, place): a name twice at every depth of a frame and of a batch, spelled in several ways."""
    pair = '"a":1,"b":2,"{}":{}'
    for again in ("a", "\\u0061"):
        for value in ("1", "3", "null", '"1"', "{}"):
            inner = f"{{{pair.format(again, value)}}}"
            for depth in range(7):
                nested = "[" * (depth % 2) + '{"x":' * (depth // 2) + inner + "}" * (depth // 2) + "]" * (depth % 2)
                text = _frame("exchangeInfo", f'{{"permissions":{nested}}}'.encode())
                yield ("/ws-api/v3", "order.place"), text, f"depth {depth} of a value, {again}, {value}"
                yield (
                    ("POST", "/fapi/v1/batchOrders"),
                    f'[{{{LEG},"x":{nested}}}]'.encode(),
                    f"depth {depth} of an order",
                )
    for address in ADDRESSES:
        yield from _members_twice(address)


def _members_twice(address: tuple[str, str]) -> Iterator[tuple[tuple[str, str], bytes, str]]:
    members = members_of(address, random.Random(0))
    for name, value in members:
        for again in (name, f'"\\u{ord(name[1]):04x}{name[2:]}'):
            for other in (value, '"SELL"', "null"):
                whole = f"{{{','.join(f'{n}:{v}' for n, v in [*members, (again, other)])}}}"
                text = _frame(address[1], whole.encode()) if address[0].startswith("/ws") else f"[{whole}]".encode()
                yield address, text, f"{again} twice"
    if address[0].startswith("/ws"):
        whole = f"{{{','.join(f'{n}:{v}' for n, v in members)}}}"
        for name, value in (("id", "1"), ("method", f'"{address[1]}"'), ("params", whole), ("params", "{}")):
            text = f'{{"id":1,"method":"{address[1]}","params":{whole},"{name}":{value}}}'
            yield address, text.encode(), f"{name} twice"
            yield (
                address,
                text.replace(f'"{name}":', f'"\\u{ord(name[0]):04x}{name[1:]}":', 1).encode(),
                f"{name} escaped",
            )


async def send(house: EchoHouse, speaker: Speaker, address: tuple[str, str], text: bytes, seconds: float) -> Outcome:
    """Send a text where it belongs."""
    if address[0].startswith("/ws"):
        return await speaker.say(house, address[0], text, seconds)
    return await post(house, *address, text, seconds)


async def try_twice(tally: Tally, houses: Houses, speaker: Speaker) -> None:
    """A name twice is refused as such wherever it stands."""
    for address, text, place in tally.some(list(twice())):
        house = await houses.get()
        out = await send(house, speaker, address, text, 0.002)
        got = house.take()
        tally.note(forwarded=len(got), reason=out.reason)
        if got or out.reason not in NO_JSON:
            tally.disagree(f"{address} {place}: {out.reason}, sent {got}")


# -- mutated orders


async def try_mutant(tally: Tally, house: EchoHouse, speaker: Speaker, mutant: Mutant) -> None:
    """Send one, and compare what became of it with what two other readers say."""
    method, path = mutant.address
    by_socket = method.startswith("/ws")
    if by_socket:
        # First: a logon takes time, and the frame states a moment.
        await speaker.ready(house, method)
    now_ms = house.clock.wall_ns() // 1_000_000
    text = frame(mutant, now_ms) if by_socket else batch(mutant)
    wanted = of_frame(method, text, now_ms) if by_socket else of_batch(path, method, text)
    out = await send(house, speaker, mutant.address, text, 0.002 if wanted is None else ORDER_S)
    got = house.take()
    tally.note(forwarded=len(got), reason=out.reason, other="closed" if out.closed else "answered")
    told = differs(wanted, got, text)
    if told:
        tally.disagree(f"{mutant} {text!r}: {told}, {out.reason}")


def differs(wanted: Wanted | None, got: list[Got], text: bytes) -> str:
    """Say in what the outcome is another than the oracle's, "" where it is not."""
    if wanted is None:
        return f"should be refused, sent {got}" if got else ""
    if [(one.method, one.path) for one in got] != [(wanted.method, wanted.path)]:
        return f"should be forwarded, sent {got}"
    said = dict(got[0].said())
    if len(said) != len(got[0].said()):
        return f"a name twice: {got}"
    asked = [{name: value for name, value in one.items() if name != "recvWindow"} for one in wanted.orders]
    if not wanted.path.endswith("batchOrders"):
        return _differ(without_made([said], asked), asked) or _paper_of_frame(text, asked[0])
    orders = read(said["batchOrders"])
    if set(said) != {"batchOrders"} or len(orders) != len(asked):
        return f"the exchange got {said}"
    return _differ(without_made(orders, asked), asked) or _paper_of_batch(text, said["batchOrders"], asked)


def _differ(said: list[dict[str, str]], asked: list[dict[str, str]]) -> str:
    return "" if said == asked else f"the exchange got {said}, not {asked}"


def _paper_of_frame(text: bytes, asked: dict[str, str]) -> str:
    """The paper exchange reads the bot's own frame: it must see the same order."""
    try:
        params = papers_frame(text)["params"]
    except ApiError as error:
        return f"the exchange would not read it: {error.msg}"
    assert isinstance(params, dict)
    seen = papers_texts(params)
    other = {name: seen.get(name) for name, value in asked.items() if not _same(seen.get(name), value)}
    return f"the exchange would have read {other}" if other else ""


def _same(seen: str | None, value: str) -> bool:
    """Flags are read in any case, and sent in small letters."""
    return seen is not None and (seen == value or (value in ("true", "false") and seen.lower() == value))


def _paper_of_batch(text: bytes, sent: str, asked: list[dict[str, str]]) -> str:
    """The paper exchange reads what was sent, and what the bot said: it must see the same orders in both.

    It does not read a list that came as one JSON text.
    """
    for read_by_it in (sent.encode(), text) if text.lstrip()[:1] == b"[" else (sent.encode(),):
        seen = without_made(papers_legs(read_by_it.decode()), asked)
        if not all(
            one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
            for one, other in zip(seen, asked, strict=True)
        ):
            return f"the exchange reads {seen}"
    return ""


@pytest.mark.slow
@pytest.mark.threat(13)
@pytest.mark.skipif(CORPORA is None, reason="COUNTERSEAL_CORPORA is not set: JSONTestSuite is not here")
def test_json_has_one_reading_or_none() -> None:
    """The suite is always tried whole, names twice and mutants by their share."""

    async def whole() -> None:
        houses, speaker = Houses(), Speaker()
        sure = 340 * len(PLACES) + sum(1 for _ in twice())
        with campaign("JSON-1", "JSONTestSuite, names twice, mutated orders", sure + MUTANTS) as tally:
            await try_suite(tally, houses, speaker)
            await try_twice(tally, houses, speaker)
            for mutant in tally.some(list(mutants(MUTANTS))):
                await try_mutant(tally, await houses.get(), speaker, mutant)
            await houses.end()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("lenient", "document"),
    [({"object_pairs_hook": None}, b'{"a":1,"a":1}'), ({"parse_constant": None}, b"NaN"), ({"strict": False}, b'"\t"')],
)
def test_a_more_lenient_gateway_is_found_out(
    lenient: dict[str, None], document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two values of one name the last counts, NaN is a number, a tab a character: the campaign must see each."""
    strict = {"object_pairs_hook": strict_json._unique, "parse_constant": strict_json._refuse_constant}
    numbers = {"parse_int": strict_json.NumberText, "parse_float": strict_json.NumberText}
    decoder = json.JSONDecoder(**{**strict, **numbers, **lenient})  # type: ignore[arg-type]
    monkeypatch.setattr(strict_json, "_decoder", decoder)
    tally = Tally("JSON-1", "", 0)

    async def whole() -> None:
        houses, speaker = Houses(), Speaker()
        house = await houses.get()
        out = await put(house, speaker, Document("", document, good=False), PLACES[0], 0)
        judge_document(tally, PLACES[0], Document("", document, good=False), out, house.take())
        await houses.end()

    asyncio.run(whole())
    assert len(tally.disagreements) == 1


def test_about_a_third_of_the_mutants_are_good_orders_still() -> None:
    """A campaign of broken ones alone would not notice a gateway that refuses everything."""
    drawn = list(mutants(600))
    now_ms = 1_795_392_000_000
    good = [
        mutant
        for mutant in drawn
        if (
            of_frame(mutant.address[0], frame(mutant, now_ms), now_ms)
            if mutant.address[0].startswith("/ws")
            else of_batch(mutant.address[1], mutant.address[0], batch(mutant))
        )
    ]
    assert 0.15 < len(good) / len(drawn) < 0.6
    assert json.loads(frame(drawn[0], now_ms)) if drawn[0] in good else True
