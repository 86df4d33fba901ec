"""HPP-1: a parameter that stands twice is refused, whatever its place, case or encoding; each once is not."""

import asyncio
import hashlib
import hmac
from typing import NamedTuple

import pytest
from tests.campaign.house import House, Outcome, raw
from tests.campaign.spellings import REQUESTS, Request
from tests.campaign.tally import Tally, campaign
from tests.campaign.wiretap import Wiretap, hear, open_house, some_at_a_time
from tests.gateway.wsapi.rig import SECRET

ENDPOINTS = (
    ("POST", "/api/v3/order"),
    ("DELETE", "/api/v3/order"),
    ("POST", "/api/v3/order/cancelReplace"),
    ("DELETE", "/api/v3/openOrders"),
    ("POST", "/api/v3/orderList/oco"),
    ("PUT", "/api/v3/order/amend/keepPriority"),
    ("POST", "/fapi/v1/order"),
    ("PUT", "/fapi/v1/order"),
    ("DELETE", "/fapi/v1/batchOrders"),
    ("POST", "/fapi/v1/leverage"),
    ("GET", "/api/v3/openOrders"),
    ("GET", "/fapi/v1/order"),
)
PLACES = ("query", "body", "both")
ORDERS = ("first", "last", "the same")
ENCODINGS = ("plain", "one letter", "every letter", "twice", "as an array")
# Another value of the same grammar for each name, so that nothing but the repetition is wrong.
OTHER = {
    "symbol": "ETHUSDT", "side": "SELL", "type": "MARKET", "timeInForce": "IOC", "quantity": "9", "price": "1",
    "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "8", "orderId": "8", "orderIdList": "[8]", "newQty": "9",
    "aboveType": "STOP_LOSS_LIMIT", "aboveStopPrice": "1", "belowType": "STOP_LOSS", "belowPrice": "1",
    "leverage": "20", "recvWindow": "4000", "timestamp": "1", "signature": "0" * 64,
}  # fmt: skip
# The only name that clients write in another case as well; it is the same parameter then.
ALIASES = {"orderidlist": "orderIdList"}
AT_ONCE = 200


class Case(NamedTuple):
    """One parameter said twice: under which name the second time, where, and which of the two comes first."""

    request: Request
    name: str
    again: str
    place: str
    order: str
    encoding: str


def names_of(request: Request) -> list[str]:
    """Give the parameters of a request, the signer's included."""
    return [pair.partition("=")[0] for pair in request.query.split("&")] + ["recvWindow", "timestamp", "signature"]


def cases() -> list[Case]:
    """Give every parameter of twelve requests, in every place, order, case and encoding."""
    wanted = [one for one in REQUESTS if (one.method, one.path) in ENDPOINTS]
    found = []
    for request in wanted:
        for name in names_of(request):
            in_cases = dict.fromkeys((name, name.lower(), name.upper(), name[0].swapcase() + name[1:]))
            ways = (
                (case, place, order, enc)
                for case in in_cases
                for place in PLACES
                for order in ORDERS
                for enc in ENCODINGS
            )
            found += [Case(request, name, *way) for way in ways]
    return found


def written(name: str, encoding: str) -> str:
    """Write a parameter's name."""
    if encoding == "as an array":
        return f"{name}[]"
    if encoding == "every letter":
        return "".join(f"%{ord(letter):02x}" for letter in name)
    mark = {"plain": name[0], "one letter": f"%{ord(name[0]):02x}", "twice": f"%25{ord(name[0]):02x}"}[encoding]
    return mark + name[1:]


def expected(case: Case) -> set[str]:
    """Give the reasons of which one must refuse it."""
    if case.request.method == "GET" and case.place != "query":
        return {"body_on_get"}
    if case.encoding in ("twice", "as an array"):
        return {"malformed_parameter"}
    if ALIASES.get(case.again, case.again) != case.name:
        return {"unknown_parameter"}
    # Of two signatures the wrong one may be taken for the signature, then the bot is not known at all.
    return {"repeated_parameter", "credential_or_signature"} if case.name == "signature" else {"repeated_parameter"}


def pairs_of(request: Request, now_ms: int) -> list[str]:
    """Give a request's good elements, its signature apart."""
    return [*request.query.split("&"), "recvWindow=5000", f"timestamp={now_ms}"]


def laid_out(case: Case, now_ms: int) -> tuple[list[str], list[str]]:
    """Lay the elements out: what stands in the query, what in the body."""
    good = pairs_of(case.request, now_ms)
    value = OTHER[case.name] if case.name != "timestamp" else str(now_ms + 1)
    if case.order == "the same" and case.name != "signature":
        value = next(pair.partition("=")[2] for pair in good if pair.startswith(f"{case.name}="))
    evil = [f"{written(case.again, case.encoding)}={value}"]
    whole = evil + good if case.order == "first" else good + evil
    if case.place == "both":
        return (evil, good) if case.order == "first" else (good, evil)
    return (whole, []) if case.place == "query" else ([], whole)


def signed(house: House, request: Request, query: list[str], body: list[str]) -> bytes:
    """Sign what stands there as it stands; the signature comes last of all."""
    asked, told = "&".join(query), "&".join(body)
    mark = f"&signature={hmac.new(SECRET, (asked + told).encode(), hashlib.sha256).hexdigest()}"
    asked, told = (asked, told + mark) if told else (asked + mark, told)
    lines = (f"Content-Length: {len(told)}",) if told and request.method == "GET" else ()
    target = f"{request.path}?{asked}" if asked else request.path
    return raw(request.method, target, *lines, body=told)


async def send(tap: Wiretap, request: Request, query: list[str], body: list[str]) -> tuple[Outcome, list[bytes]]:
    """Send it, and give what became of it."""
    outcome = await tap.house.feed(signed(tap.house, request, query, body))
    return outcome, tap.take()


def now_ms(tap: Wiretap) -> int:
    """The bot's clock."""
    return tap.house.clock.wall_ns() // 1_000_000


async def _try(case: Case, tap: Wiretap, tally: Tally) -> None:
    outcome, sent = await send(tap, case.request, *laid_out(case, now_ms(tap)))
    tally.note(forwarded=len(sent), reason=outcome.reason)
    statuses = {answer.status for answer in outcome.answers}
    if sent or outcome.reason not in expected(case) or not statuses <= {400, 401}:
        tally.disagree(f"{case}: {outcome.reason} {statuses}, {len(sent)} sent")
    for fault in tap.unread():
        tally.disagree(f"{case}: {fault}")


async def controls() -> int:
    """Say each parameter once: all in the query, all in the body, parted between both at every place, backwards."""
    ways = []
    for request in [one for one in REQUESTS if (one.method, one.path) in ENDPOINTS]:
        count = len(pairs_of(request, 0))
        parted = range(count if request.method == "GET" else 0, count + 1)
        ways += [(request, at, step) for at in parted for step in (1, -1)]
    for group in some_at_a_time(ways, 20):
        async with open_house() as tap:
            for way in group:
                await _control(tap, *way)
    return len(ways)


async def _control(tap: Wiretap, request: Request, parted: int, step: int) -> None:
    good = pairs_of(request, now_ms(tap))[::step]
    outcome, sent = await send(tap, request, good[:parted], good[parted:])
    assert len(sent) == 1, (request, parted, outcome)
    heard, meant = hear(sent[0]), dict(pair.split("=") for pair in request.query.split("&"))
    assert heard.is_plain
    assert {name: heard.values[name] for name in meant} == meant


async def _all() -> None:
    every = cases()
    assert len(every) >= 5_000
    title = "a parameter twice, in query, body or both, by order, case and encoding, on 12 endpoints: refused"
    with campaign("HPP-1", title, len(every)) as tally:
        for group in some_at_a_time(tally.some(every), AT_ONCE):
            async with open_house() as tap:
                for case in group:
                    await _try(case, tap, tally)
        tally.figures["each parameter once"] = f"{await controls()} forwarded"


@pytest.mark.slow
@pytest.mark.threat(9)
@pytest.mark.threat(10)
def test_no_parameter_stands_twice() -> None:
    """Well signed as it stands, refused for its reason, nothing sent. The controls say each parameter once, wherever:
    the paper exchange reads the very values, and none twice.
    """
    asyncio.run(_all())
