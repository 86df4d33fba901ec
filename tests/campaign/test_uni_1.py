"""UNI-1: a symbol is one byte for byte; other text arrives as the text that it is."""

import asyncio
import json
from typing import NamedTuple
from urllib.parse import quote

import pytest
from tests.campaign.house import Answer, Outcome, raw
from tests.campaign.tally import Tally, campaign
from tests.campaign.texts import FIELDS, MAY, SPOT_WS, SYMBOLS, USDM_WS, Field, confusables, naughty, unwrapped, wrapped
from tests.campaign.wiretap import Heard, Wiretap, hear, open_house, some_at_a_time
from tests.gateway.wsapi.rig import reason

# A list counts as two orders, and a bot may place some 70 in ten seconds.
AT_ONCE = 30
Pairs = dict[str, str]


class Said(NamedTuple):
    """One naughty text in one field. `price` makes its order differ from all others."""

    field: Field
    text: str
    price: int


class LookAlike(NamedTuple):
    """A look-alike on one way, before a bot whose policy allows `allowed`."""

    text: str
    way: Field
    allowed: tuple[str, ...]


# -- asking


def encoded(pairs: Pairs) -> str:
    """Write pairs as a query."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items())


async def by_rest(tap: Wiretap, request: str, pairs: Pairs) -> Outcome:
    """Ask by REST, everything in the query."""
    method, path = request.split(" ")
    return await tap.house.feed(tap.house.request(method, path, encoded(pairs)))


async def by_body(tap: Wiretap, request: str, pairs: Pairs) -> Outcome:
    """Ask by REST, everything in the body, and not percent-encoded at all where that says the same."""
    method, path = request.split(" ")
    is_plain = not any(set(value) & set("&=%+") for value in pairs.values())
    query = "&".join(f"{name}={value}" for name, value in pairs.items()) if is_plain else encoded(pairs)
    return await tap.house.feed(raw(method, path, body=tap.house.signed(query).encode().decode("latin-1")))


async def by_socket(tap: Wiretap, path: str, method: str, pairs: Pairs, asked: str = "1") -> tuple[Outcome, object]:
    """Ask by the WebSocket API on a connection of its own; gives the answer's id as well."""
    caller, before = tap.house.rig.bot(path), len(tap.house.venue.sent)
    caller.say(method, caller.signed(pairs), id=asked)
    await tap.house.rig.wait(0.002)
    answers = caller.answers()
    caller.wire.close()
    told = tuple(Answer(one["status"], reason(one), json.dumps(one).encode()) for one in answers)
    return Outcome(told, closed=False, sent=tuple(tap.house.venue.sent[before:])), answers and answers[0]["id"]


# -- naughty strings


def pairs_of(said: Said) -> Pairs:
    """Give a request's parameters, the text among them."""
    rest = dict(pair.split("=") for pair in said.field.rest.format(price=said.price).split("&"))
    if said.field.name == "id":
        return rest
    return {**rest, said.field.name: wrapped(said.field, said.text, said.price)}


async def say(tap: Wiretap, said: Said) -> tuple[Outcome, object]:
    """Send a text; gives the id under which it was answered as well."""
    field = said.field
    if field.door == "rest":
        return await by_rest(tap, field.request, pairs_of(said)), None
    return await by_socket(tap, field.door, field.request, pairs_of(said), said.text if field.name == "id" else "1")


def faults_of(said: Said, outcome: Outcome, asked: object, heard: list[Heard]) -> list[str]:
    """Say what is not as the grammar of the field has it."""
    may, found = MAY[said.field.kind](said.text), []
    if len(outcome.answers) != 1:
        found.append(f"{len(outcome.answers)} answers")
    if (may is True and len(heard) != 1) or (may is False and heard) or len(heard) > 1:
        found.append(f"may pass: {may}, sent {len(heard)} times, {outcome.reason}")
    if not heard and outcome.reason is None:
        found.append("neither sent nor refused")
    if said.field.kind == "echo" and asked != (said.text if may else None):
        found.append(f"answered under {asked!r}")
    return found + [fault for one in heard for fault in _other(said, one)]


def _other(said: Said, heard: Heard) -> list[str]:
    """Say what the paper exchange reads otherwise than it was meant."""
    meant, name = pairs_of(said), said.field.name
    meant.pop("recvWindow", None)
    found = [] if heard.is_plain else ["not plain"]
    if name != "id" and unwrapped(said.field, heard.values.get(name, '[""]')) != said.text:
        found.append(f"{name} arrived as {heard.values.get(name)!r}")
    others = {other: heard.values.get(other) for other in meant if other != name}
    return found + ([] if others == {o: meant[o] for o in others} else [f"others arrived as {others}"])


async def _naughty(tally: Tally, cases: list[Said]) -> None:
    for group in some_at_a_time(tally.some(cases), AT_ONCE, lambda said: said.text):
        async with open_house() as tap:
            for said in group:
                outcome, asked = await say(tap, said)
                sent = tap.take()
                tally.note(forwarded=len(sent), reason=outcome.reason)
                faults = faults_of(said, outcome, asked, [hear(request) for request in sent])
                for fault in (*faults, *tap.unread()):
                    tally.disagree(f"{said.text!r} as {said.field.name} of {said.field.request}: {fault}")


@pytest.mark.slow
@pytest.mark.threat(15)
def test_naughty_strings_pass_as_they_are_or_not_at_all() -> None:
    """515 strings in 30 fields, by REST and WebSocket API: each passes or is refused as its field's grammar says, what
    passes is read by the paper exchange as the very text; one line and one record each.
    """
    texts = naughty()
    cases = [Said(field, text, 80_000 + at) for field in FIELDS for at, text in enumerate(texts)]
    assert len(FIELDS) == 30
    with campaign("UNI-1", "515 naughty strings in 30 fields of text: as they are, or not at all", len(cases)) as tally:
        asyncio.run(_naughty(tally, cases))


# -- look-alikes

_ORDER = "symbol=?&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000"
_LIST = "symbol=?&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=110000&belowType=STOP_LOSS&belowStopPrice=1"
_ALGO = "algoType=CONDITIONAL&symbol=?&side=BUY&type=STOP_MARKET&triggerPrice=1&quantity=1"
_REPLACE = f"{_ORDER}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=7"
# Where the list of the exchange's symbols decides: what can raise exposure.
ENTRIES = [
    Field("symbol", "rest", "POST /api/v3/order", "symbol", _ORDER),
    Field("symbol", "body", "POST /api/v3/order", "symbol", _ORDER),
    Field("symbol", "rest", "POST /fapi/v1/order", "symbol", _ORDER),
    Field("symbol", "body", "POST /fapi/v1/algoOrder", "symbol", _ALGO),
    Field("symbol", "rest", "POST /fapi/v1/batchOrders", "batchOrders", "recvWindow=5000"),
    Field("symbol", "rest", "POST /api/v3/orderList/oco", "symbol", _LIST),
    Field("symbol", "rest", "POST /api/v3/order/cancelReplace", "symbol", _REPLACE),
    Field("symbol", "rest", "PUT /api/v3/order/amend/keepPriority", "symbol", "symbol=?&orderId=7&newQty=0.0005"),
    Field("symbol", SPOT_WS, "order.place", "symbol", _ORDER),
    Field("symbol", USDM_WS, "order.place", "symbol", _ORDER),
]
# Where the bot's own list decides as well.
OTHERS = [
    Field("symbol", "rest", "DELETE /api/v3/order", "symbol", "symbol=?&orderId=7"),
    Field("symbol", "body", "DELETE /api/v3/openOrders", "symbol", "symbol=?"),
    Field("symbol", "rest", "GET /api/v3/openOrders", "symbol", "symbol=?"),
    Field("symbol", "rest", "GET /fapi/v1/userTrades", "symbol", "symbol=?"),
    Field("symbol", "body", "POST /fapi/v1/leverage", "symbol", "symbol=?&leverage=5"),
    Field("symbol", "rest", "POST /fapi/v1/order", "symbol", f"{_ORDER}&reduceOnly=true"),
    Field("symbol", "rest", "DELETE /fapi/v1/batchOrders", "symbol", "symbol=?&orderIdList=[7]"),
    Field("symbol", SPOT_WS, "order.cancel", "symbol", "symbol=?&orderId=7"),
    Field("symbol", USDM_WS, "order.status", "symbol", "symbol=?&orderId=7"),
]
ANY = ("*",)


def look_alikes() -> list[LookAlike]:
    """Give every look-alike on one way: half of them before the exchange's list alone, half before the bot's."""
    texts = [text for symbol in SYMBOLS for text in confusables(symbol)]
    open_to_all = [LookAlike(text, ENTRIES[at % len(ENTRIES)], ANY) for at, text in enumerate(texts[::2])]
    ways, allowed = ENTRIES + OTHERS, tuple(SYMBOLS)
    return open_to_all + [LookAlike(text, ways[at % len(ways)], allowed) for at, text in enumerate(texts[1::2])]


def bounded_by_nobody() -> list[LookAlike]:
    """Give a quarter of them where neither list decides: exits and reads of a bot that may trade anything."""
    texts = [text for symbol in SYMBOLS for text in confusables(symbol)][::4]
    return [LookAlike(text, OTHERS[at % len(OTHERS)], ANY) for at, text in enumerate(texts)]


async def ask(tap: Wiretap, text: str, way: Field) -> Outcome:
    """Name a symbol on a way."""
    pairs = {name: text if value == "?" else value for name, value in (one.split("=") for one in way.rest.split("&"))}
    if way.name == "batchOrders":
        leg = {"symbol": text, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "1"}
        pairs["batchOrders"] = json.dumps([leg], ensure_ascii=False)
    if way.door in ("rest", "body"):
        return await (by_rest if way.door == "rest" else by_body)(tap, way.request, pairs)
    return (await by_socket(tap, way.door, way.request, pairs))[0]


async def _listed() -> int:
    """Name every listed symbol on every way: each arrives as it is."""
    cases = [(way, symbol) for way in ENTRIES + OTHERS for symbol in SYMBOLS]
    for group in some_at_a_time(cases, AT_ONCE):
        async with open_house(SYMBOLS, SYMBOLS) as tap:
            for way, symbol in group:
                outcome, sent = await ask(tap, symbol, way), tap.take()
                assert len(sent) == 1, (way, symbol, outcome)
                values = hear(sent[0]).values
                told = json.loads(values["batchOrders"])[0] if way.name == "batchOrders" else values
                assert told["symbol"] == symbol, (way, outcome)
    return len(cases)


def _faults(case: LookAlike, outcome: Outcome, sent: list[bytes]) -> list[str]:
    """Say what became of a look-alike that should not: it is refused, or goes as itself where no list decides."""
    found = [] if len(outcome.answers) == 1 and (sent or outcome.reason) else [f"answered otherwise: {outcome}"]
    is_open = case.allowed == ANY and case.way in OTHERS
    for heard in map(hear, sent):
        if not is_open or not heard.is_plain or heard.values["symbol"] != case.text:
            found.append(f"sent as {heard}")
    return found


async def _look_alikes(tally: Tally, cases: list[LookAlike]) -> None:
    # Where there are two lists, the first half of the cases has one, the second the other.
    for group in some_at_a_time(tally.some(cases), 2 * AT_ONCE):
        for allowed in dict.fromkeys(case.allowed for case in group):
            async with open_house(SYMBOLS, allowed) as tap:
                for case in (case for case in group if case.allowed == allowed):
                    outcome, sent = await ask(tap, case.text, case.way), tap.take()
                    tally.note(forwarded=len(sent), reason=outcome.reason)
                    for fault in (*_faults(case, outcome, sent), *tap.unread()):
                        tally.disagree(f"{case!a}: {fault}")


@pytest.mark.slow
@pytest.mark.threat(15)
def test_no_look_alike_passes_for_a_symbol() -> None:
    """What looks like, folds to or hides one of 50 symbols is never sent, on 19 ways; the symbols themselves are."""
    cases = look_alikes()
    assert len(cases) >= 20_000
    with campaign("UNI-1b", "look-alikes of the 50 largest symbols: none is sent", len(cases)) as tally:
        asyncio.run(_look_alikes(tally, cases))
        tally.figures["listed symbols"] = f"{asyncio.run(_listed())} forwarded as they are"


@pytest.mark.slow
@pytest.mark.threat(15)
def test_a_look_alike_is_asked_for_as_itself_or_not_at_all() -> None:
    """Exits and reads of a bot that may trade anything need no list: the exchange reads the very text, and refuses."""
    cases = bounded_by_nobody()
    title = "look-alikes in exits and reads of a bot held to no symbols: sent as they are, or not at all"
    with campaign("UNI-1c", title, len(cases)) as tally:
        asyncio.run(_look_alikes(tally, cases))
