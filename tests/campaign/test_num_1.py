"""NUM-1: 600 spellings of a number in 12 fields, by REST and by the WebSocket API (as JSON text and as JSON number).

What has no single plain reading is refused as a number and nothing leaves; what has one arrives as the text it was.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from tests.campaign.echoing import EchoHouse, Houses
from tests.campaign.house import Outcome
from tests.campaign.numbers_spelled import COUNT, is_plain, is_plain_int, spellings
from tests.campaign.tally import Tally, campaign
from tests.gateway.wsapi.rig import KEY, payload, sign

from counterseal.paper.errors import ApiError
from counterseal.paper.params import check_value

# Time for the exchange's counts of orders to run off.
AFTER_AN_ORDER_S = 0.35


class Place(NamedTuple):
    """A request, and the field whose number is spelled. `by_socket` is the WebSocket API's path and method."""

    method: str
    path: str
    field: str
    base: str
    by_socket: tuple[str, str]
    is_int: bool = False


SPOT = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
ALGO = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP&quantity=0.01&price=80000&triggerPrice=81000"
SPOT_PLACE, ALGO_PLACE = ("/ws-api/v3", "order.place"), ("/ws-fapi/v1", "algoOrder.place")
PLACES = (
    Place("POST", "/api/v3/order", "quantity", SPOT, SPOT_PLACE),
    Place("POST", "/api/v3/order", "price", SPOT, SPOT_PLACE),
    Place("POST", "/api/v3/order", "stopPrice", SPOT, SPOT_PLACE),
    Place("POST", "/api/v3/order", "quoteOrderQty", "symbol=BTCUSDT&side=BUY&type=MARKET", SPOT_PLACE),
    Place("POST", "/api/v3/order", "icebergQty", SPOT, SPOT_PLACE),
    Place("POST", "/api/v3/order", "trailingDelta", SPOT, SPOT_PLACE, is_int=True),
    Place("PUT", "/api/v3/order/amend/keepPriority", "newQty", "symbol=BTCUSDT&orderId=7",
          ("/ws-api/v3", "order.amend.keepPriority")),
    Place("DELETE", "/api/v3/order", "orderId", "symbol=BTCUSDT", ("/ws-api/v3", "order.cancel"), is_int=True),
    Place("PUT", "/fapi/v1/order", "price", "symbol=BTCUSDT&side=BUY&orderId=7&quantity=0.01",
          ("/ws-fapi/v1", "order.modify")),
    Place("POST", "/fapi/v1/algoOrder", "triggerPrice", ALGO, ALGO_PLACE),
    Place("POST", "/fapi/v1/algoOrder", "callbackRate", ALGO, ALGO_PLACE),
    Place("POST", "/fapi/v1/algoOrder", "goodTillDate", ALGO, ALGO_PLACE, is_int=True),
)  # fmt: skip
WAYS = ("rest", "text", "number")
FULL = COUNT * len(PLACES) * len(WAYS)
# JSON's own blanks belong to the document, not to the number.
BLANKS = " \t\n\r"
# A text that reaches no judge of numbers: control characters (by the way they come), and names or values in it.
NO_VALUE = {"rest": {"malformed_parameter"}, "text": {"ws_params_malformed"}}


def pairs_of(place: Place, spelled: str) -> dict[str, str]:
    """Give the request with one number spelled."""
    values = dict(element.split("=") for element in place.base.split("&"))
    return {**values, place.field: spelled}


async def by_rest(house: EchoHouse, place: Place, spelled: str, seconds: float) -> Outcome:
    """Percent-encoded in a query."""
    return await house.ask(place.method, place.path, pairs_of(place, spelled).items(), seconds)


async def by_text(house: EchoHouse, place: Place, spelled: str, seconds: float) -> Outcome:
    """As a JSON string in a signed frame."""
    caller = house.rig.bot(place.by_socket[0])
    params = caller.signed(pairs_of(place, spelled))
    return await _told(house, caller, place, json.dumps(params, ensure_ascii=False), seconds)


async def by_number(house: EchoHouse, place: Place, spelled: str, seconds: float) -> Outcome:
    """As it stands in the frame, where a JSON number would be; its text is under the signature."""
    caller = house.rig.bot(place.by_socket[0])
    whole: dict[str, Any] = {**pairs_of(place, spelled.strip(BLANKS)), "apiKey": KEY, "timestamp": caller.now_ms()}
    whole["signature"] = sign(payload(whole))
    text = json.dumps({**whole, place.field: "@"}, ensure_ascii=False).replace('"@"', spelled)
    return await _told(house, caller, place, text, seconds)


async def _told(house: EchoHouse, caller: Any, place: Place, params: str, seconds: float) -> Outcome:
    frame = f'{{"id":1,"method":"{place.by_socket[1]}","params":{params}}}'
    try:
        return await house.frame(caller, frame.encode(), seconds)
    finally:
        caller.wire.close()


SENDERS: dict[str, Callable[[EchoHouse, Place, str, float], Awaitable[Outcome]]] = {
    "rest": by_rest,
    "text": by_text,
    "number": by_number,
}


def expected(place: Place, way: str, spelled: str) -> str | None:
    """Give the text that the exchange must get, None where nothing may leave."""
    number = spelled.strip(BLANKS) if way == "number" else spelled
    return number if (is_plain_int if place.is_int else is_plain)(number) else None


def judge(tally: Tally, house: EchoHouse, case: tuple[Place, str, str], out: Outcome) -> None:
    """Compare what became of one number with what should have."""
    place, way, spelled = case
    wanted, got, name = expected(place, way, spelled), house.take(), f"{way} {place.path} {place.field}={spelled!r}"
    tally.note(forwarded=len(got), reason=out.reason, other="closed" if out.closed else "answered")
    if wanted is None:
        if got or not (out.answers or out.closed):
            tally.disagree(f"{name}: should be refused, {out.reason}, sent {got}")
        # As a JSON number it may be no JSON, or break the signature: then the reason is not the number's.
        elif way != "number" and out.reason not in {"malformed_number"} | NO_VALUE[way]:
            tally.disagree(f"{name}: refused with {out.reason}")
        return
    if [(one.method, one.path) for one in got] != [(place.method, place.path)]:
        tally.disagree(f"{name}: should be forwarded, {out.reason}, sent {got}")
        return
    said = [pair for pair in got[0].said() if pair[0] not in ("newClientOrderId", "clientAlgoId")]
    if sorted(said) != sorted(pairs_of(place, wanted).items()):
        tally.disagree(f"{name}: the exchange got {said}")
    try:
        check_value(place.field, dict(said)[place.field])
    except ApiError as error:
        tally.disagree(f"{name}: the exchange itself would refuse it: {error.msg}")


@pytest.mark.slow
@pytest.mark.threat(14)
@pytest.mark.threat(16)
def test_a_number_is_forwarded_as_it_is_spelled_or_not_at_all() -> None:
    """Each spelling in each field by each way."""

    async def whole() -> None:
        houses = Houses()
        with campaign("NUM-1", "spellings of numbers", FULL) as tally:
            cases = [(place, way, text) for place in PLACES for way in WAYS for text in spellings()]
            for case in tally.some(cases):
                house = await houses.get()
                seconds = AFTER_AN_ORDER_S if expected(*case) is not None else 0.002
                judge(tally, house, case, await SENDERS[case[1]](house, *case[::2], seconds))
            await houses.end()

    asyncio.run(whole())


def test_the_spellings_are_600_and_the_grammar_is_neither_wider_nor_empty() -> None:
    """What is plain to the oracle is a number to the exchange's own grammar."""
    texts = spellings()
    assert len(set(texts)) == COUNT
    assert sum(map(is_plain, texts)) > 90
    assert sum(map(is_plain_int, texts)) > 35
    for text in filter(is_plain, texts):
        check_value("price", text)
    for text in filter(is_plain_int, texts):
        check_value("orderId", text)
