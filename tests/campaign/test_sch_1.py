"""SCH-1: what each endpoint takes, by the exchange's documents: names alone, unknown ones, pairs that change a meaning.

The gateway's decision is compared with tests/campaign/schemas.py; what is forwarded must be what was asked.
"""

import asyncio
import json
import re
from collections import Counter

import pytest
from tests.campaign.echoing import EchoHouse, Got, Houses
from tests.campaign.house import Outcome
from tests.campaign.schema_cases import FLAGGED, LIMIT, ROWS, Case, cases, flag_cases, limited
from tests.campaign.schemas import FACTS_OF, STRICTER, Decision, Pairs, Row, decide, new_ids
from tests.campaign.tally import Tally, campaign

from counterseal.adapters.catalogue_data import load_catalogue

AT_LEAST = 4_000
ORDER_S, READ_S = 1.0, 4.0
LONGEST_PLACING_MS, LONGEST_MS = 2_000, 5_000
MADE_ID = re.compile(r"[\.A-Z\:/a-z0-9_-]{1,36}").fullmatch

# -- the ways


async def send(house: EchoHouse, case: Case, seconds: float) -> Outcome:
    """Send a request: by REST, as the one order of a batch, or by the WebSocket API."""
    row = case.row
    if row.address:
        caller = house.rig.bot(row.address)
        frame = {"id": 1, "method": row.name, "params": caller.signed(dict(case.pairs))}
        out = await house.frame(caller, json.dumps(frame).encode(), seconds)
        caller.wire.close()
        return out
    pairs = [("batchOrders", json.dumps([dict(case.pairs)]))] if row.is_leg else case.pairs
    return await house.ask(row.method, row.path, pairs, seconds)


# -- the comparison


def judge(tally: Tally, house: EchoHouse, case: Case, wanted: Decision, out: Outcome) -> None:
    """Compare what became of a request with what should have."""
    got, row = house.take(), case.row
    name = f"{case.what}: {row.name or row.method} {row.path} {case.pairs}"
    tally.note(forwarded=len(got), reason=out.reason)
    if wanted.reason is not None:
        if got or out.reason != wanted.reason:
            tally.disagree(f"{name}: {wanted.reason} is due, not {out.reason}, sent {got}")
    elif [(one.method, one.path) for one in got] != [(row.method, row.path)]:
        tally.disagree(f"{name}: should be forwarded, not {out.reason}, sent {got}")
    else:
        difference = differs(row, wanted, got[0])
        if difference:
            tally.disagree(f"{name}: {difference}")


def differs(row: Row, wanted: Decision, got: Got) -> str:
    """Say in what the exchange got something else, "" where it did not."""
    said, made, arrived = [], [], got.said()
    if row.is_leg:
        (leg,) = json.loads(dict(arrived)["batchOrders"])
        arrived = list(leg.items()) if len(arrived) == 1 else arrived
    for pair in arrived:
        (made if pair[0] in wanted.made else said).append(pair)
    if sorted(name for name, _ in made) != sorted(wanted.made) or not all(MADE_ID(value) for _, value in made):
        return f"ids made: {made}"
    asked = [pair for pair in wanted.pairs if pair[0] != "recvWindow"]
    if _plain(said, drop="newClientOrderId") != _plain(asked, drop=""):
        return f"the exchange got {said}"
    window, most = dict(wanted.pairs).get("recvWindow", "5000"), LONGEST_PLACING_MS if new_ids(row) else LONGEST_MS
    if row.method == "POST" and int(dict(got.pairs)["recvWindow"]) > min(float(window), most):
        return f"recvWindow {got.pairs}"
    return ""


def _plain(pairs: Pairs, drop: str) -> list[tuple[str, object]]:
    """Pairs in their order; lists of orders as orders, without the ids that were made."""
    return [(name, _legs(value, drop) if name == "batchOrders" else value) for name, value in pairs]


def _legs(text: str, drop: str) -> object:
    return [{name: value for name, value in leg.items() if name != drop} for leg in json.loads(text)]


@pytest.mark.slow
@pytest.mark.threat(10)
@pytest.mark.threat(11)
def test_the_decision_is_that_of_the_documents() -> None:
    """Every case of every typed endpoint."""

    async def whole() -> None:
        houses, tight, named, meant = Houses(), Houses(LIMIT), cases(), flag_cases()
        stricter: Counter[str] = Counter()
        with campaign("SCH-1", f"parameters of the documents of {FACTS_OF}", len(named) + len(meant)) as tally:
            assert tally.full >= AT_LEAST
            for case in tally.some(named):
                house, wanted = await houses.get(), decide(case.row, case.pairs)
                stricter[wanted.by] += 1
                seconds = 0.002 if wanted.reason else READ_S if case.row.method == "GET" else ORDER_S
                judge(tally, house, case, wanted, await send(house, case, seconds))
            for case in tally.some(meant):
                house, wanted = await tight.get(), limited(case)
                await house.keep_prices()
                judge(tally, house, case, wanted, await send(house, case, ORDER_S))
            tally.figures["refused though documented"] = ", ".join(
                f"{stricter[why]} {why}" for why in sorted(stricter) if why
            )
            assert stricter.keys() - {""} <= STRICTER.keys()
            await houses.end()
            await tight.end()

    asyncio.run(whole())


def test_the_oracle_has_every_typed_endpoint() -> None:
    """A new typed endpoint needs a row."""
    typed = {(one.family, one.method, one.path) for one in load_catalogue() if one.typed}
    assert {row[:3] for row in ROWS} == typed
    assert len(flag_cases()) == 144 * len(FLAGGED)
