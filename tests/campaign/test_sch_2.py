"""SCH-2: one bad order among several refuses all of them, and nothing leaves; where all are good, all leave."""

import asyncio
import json
from typing import NamedTuple

import pytest
from tests.campaign.echoing import EchoHouse, Houses
from tests.campaign.house import Outcome
from tests.campaign.legs_spoiled import BY_SOCKET, Request, batches, cancels, lists
from tests.campaign.tally import Tally, campaign

from counterseal.core.binance.schema import Kind
from counterseal.core.judge import _LEG_KINDS

# What a bot may do here: no order above that notional, no order in ETHUSDT.
LIMIT = "max_order_notional = 400000"
SYMBOLS = '"BTCUSDT", "LUNAUSDT", "NOSUCHUSDT", "BTCUSD_PERP"'
ORDER_S = 1.0


class Case(NamedTuple):
    """A request and the way it takes: "query", "body" or "socket"."""

    request: Request
    way: str


def cases() -> list[Case]:
    """Give every request by two ways."""
    return [
        *[Case(request, way) for request in (*batches(), *cancels()) for way in ("query", "body")],
        *[Case(request, way) for request in lists() for way in ("query", "socket")],
    ]


async def send(house: EchoHouse, case: Case, seconds: float) -> Outcome:
    """Send a request by its way."""
    request = case.request
    if case.way != "socket":
        return await house.ask(request.method, request.path, request.pairs, seconds, in_body=case.way == "body")
    caller = house.caller()
    params = caller.signed(dict(request.pairs))
    frame = {"id": 1, "method": BY_SOCKET[request.path], "params": params}
    out = await house.frame(caller, json.dumps(frame).encode(), seconds)
    caller.wire.close()
    return out


def judge(tally: Tally, house: EchoHouse, case: Case, out: Outcome, intents: int) -> None:
    """Compare what became of a request with what should have."""
    request, got = case.request, house.take()
    name = f"{case.way} {request.method} {request.path}: {request.what}"
    tally.note(forwarded=len(got), reason=out.reason)
    if request.reason is not None:
        if got or len(house.journal.of("intent")) != intents:
            tally.disagree(f"{name}: {got} was sent")
        elif out.reason != request.reason:
            tally.disagree(f"{name}: {request.reason} is due, not {out.reason}")
        return
    if [(one.method, one.path) for one in got] != [(request.method, request.path)]:
        tally.disagree(f"{name}: should be forwarded, not {out.reason}, sent {got}")
        return
    difference = differs(request, dict(got[0].said()))
    if difference:
        tally.disagree(f"{name}: {difference}")


def differs(request: Request, said: dict[str, str]) -> str:
    """Say in what the exchange got something else, "" where it did not. Made ids stand aside."""
    if request.reads_as:
        legs = json.loads(said["batchOrders"])
        ids = [leg.pop("newClientOrderId", None) for leg in legs]
        if request.method == "POST" and (None in ids or len(set(ids)) != len(ids)):
            return f"ids {ids}"
        return "" if legs == list(request.reads_as) and set(said) == {"batchOrders"} else f"the exchange got {said}"
    kept = {name: said.get(name) for name, _ in request.pairs}
    more = {name for name in said if name not in kept and not name.endswith("ClientOrderId")}
    return f"the exchange got {said}" if more or kept != dict(request.pairs) else ""


@pytest.mark.slow
@pytest.mark.threat(12)
@pytest.mark.threat(13)
def test_one_bad_order_refuses_all() -> None:
    """Batches of futures placed, changed and cancelled; lists and replacements of spot, by both ways."""

    async def whole() -> None:
        houses, every = Houses(LIMIT, SYMBOLS), cases()
        with campaign("SCH-2", "one bad order among several", len(every)) as tally:
            # The good ones are tried whole: without them a gateway that refuses everything would do.
            good = [case for case in every if case.request.reason is None]
            for case in (*good, *tally.some([case for case in every if case.request.reason is not None])):
                house = await houses.get()
                await house.keep_prices()
                intents = len(house.journal.of("intent"))
                out = await send(house, case, 0.002 if case.request.reason else ORDER_S)
                judge(tally, house, case, out, intents)
            await houses.end()

    asyncio.run(whole())


def test_a_more_lenient_gateway_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were one name more known in an order of a batch, its cases would say so."""
    monkeypatch.setitem(_LEG_KINDS["usdm", "POST"], "isIsolated", Kind.TEXT)
    tally = Tally("SCH-2", "", 0)

    async def whole() -> None:
        houses = Houses(LIMIT, SYMBOLS)
        for case in [case for case in cases() if "isIsolated" in case.request.what][:40]:
            house = await houses.get()
            await house.keep_prices()
            judge(tally, house, case, await send(house, case, ORDER_S), len(house.journal.of("intent")))
        await houses.end()

    asyncio.run(whole())
    assert len(tally.disagreements) == tally.tried == 40


def test_there_are_enough_cases_of_both_kinds() -> None:
    """Good ones too: a gateway that refuses everything refuses every bad one."""
    every = cases()
    good = [case for case in every if case.request.reason is None]
    assert len(every) >= 500
    assert len(good) > 100
