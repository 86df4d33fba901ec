"""`unknown list` and `unknown end`: a named person ends an UNKNOWN request that the exchange never proves."""

import asyncio
import json
from typing import Any

import pytest
from tests.gateway.rig import ORDER, Rig, on_virtual_time, why

from counterseal.core.outcome import Outcome
from counterseal.gateway.control import ControlError
from counterseal.gateway.unproven import MAX_BYTES, Unproven

SPOT = "/api/v3/order"
BY = {"operator": "jane", "uid": 1000}


async def doubtful(rig: Rig, name: str = "a", *, seconds: float = 61) -> str:
    """Place an order whose answer and every question about it are lost; gives its request's id."""
    rig.venue.script[SPOT] = ["lost"] * 400
    assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId={name}")) == "outcome_unknown"
    await rig.clock.advance(seconds)
    entry = rig.state.ledger.get("spot", name)
    assert entry is not None
    return entry.request


def desk(rig: Rig) -> Unproven:
    """The operator's part of a gateway."""
    return Unproven(rig.state, rig.resolver, rig.log)


async def end(rig: Rig, request: str, outcome: str, **more: Any) -> dict[str, Any]:
    """End a request as the control socket asks it."""
    return await desk(rig).end({"id": request, "as": outcome, **BY, **more})


@on_virtual_time
async def test_the_list_tells_what_is_doubtful_since_when_and_what_the_exchange_said() -> None:
    rig = await Rig().warm()
    assert (await desk(rig).list())["unknown"] == []
    request = await doubtful(rig)
    (row,) = (await desk(rig).list())["unknown"]
    assert {name: row[name] for name in ("id", "bot", "path", "symbols", "client_ids")} == {
        "id": request, "bot": "alpha", "path": SPOT, "symbols": ["BTCUSDT"], "client_ids": ["a"],
    }  # fmt: skip
    assert row["age_ms"] == 61_000
    assert row["why"] == "by its id: no sound answer"
    rig.venue.script[SPOT] = [(400, {"code": -2013, "msg": "Order does not exist."})] * 50
    await rig.clock.advance(11)
    assert (await desk(rig).list())["unknown"][0]["why"] == "by its id: not there"
    await rig.end()


@on_virtual_time
async def test_the_list_fits_into_its_packet_whatever_names_bots_give() -> None:
    """The oldest are shown; when one is ended the next one is."""
    rig = await Rig().warm()
    request = await doubtful(rig)
    (case,) = rig.resolver.cases()
    case.client_ids = ("\U0001f4b0" * 64,) * 10
    cases = [case] * 150
    rig.resolver.cases = lambda: cases  # type: ignore[method-assign]
    found = await desk(rig).list()
    assert len(json.dumps(found)) < MAX_BYTES + 1_000
    assert len(found["unknown"]) + found["left_off"] == 150
    assert found["unknown"][0]["id"] == request
    await rig.end()


@pytest.mark.parametrize(("outcome", "known_as"), [("accepted", Outcome.ACCEPTED), ("never-born", Outcome.ABSENT)])
def test_it_ends_by_name_and_its_id_is_never_used_again(outcome: str, known_as: Outcome) -> None:
    """Its symbol opens, nothing is asked any more, and the next run of the gateway knows it the same way."""

    async def run() -> None:
        rig = await Rig().warm()
        rig.refresher.start()
        request = await doubtful(rig)
        assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=b")) == "symbol_unresolved"
        assert (await end(rig, request, outcome))["outcome"] == known_as.value
        await rig.clock.advance(0)
        (record,) = rig.journal.of("resolved")
        assert {name: record[name] for name in ("id", "outcome", "operator", "uid", "freed")} == {
            "id": request, "outcome": known_as.value, "operator": "jane", "uid": 1000, "freed": [],
        }  # fmt: skip
        asked = len([sent for sent in rig.venue.sent if "origClientOrderId" in sent.params])
        rig.venue.script[SPOT] = []
        await rig.clock.advance(120)
        assert len([sent for sent in rig.venue.sent if "origClientOrderId" in sent.params]) == asked
        assert why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=b")) is None
        for gateway in (rig, await Rig(after=rig).warm()):
            entry = gateway.state.ledger.get("spot", "a")
            assert entry is not None
            assert (entry.outcome, entry.bot) == (known_as, "alpha")
            assert not gateway.left
            assert why(await gateway.ask("POST", SPOT, f"{ORDER}&newClientOrderId=a")) == "duplicate_client_order_id"
        assert "ended by an operator" in rig.log.criticals[-1][0]
        await rig.end()

    asyncio.run(run())


@on_virtual_time
async def test_what_may_not_be_ended() -> None:
    """Not in the first minute, in which it may still be executed or proven; not without a name; nothing else."""
    rig = await Rig().warm()
    request = await doubtful(rig, seconds=59)
    for given, told in (
        ({}, "in 1 s"),
        ({"id": "none"}, "no request of that id"),
        ({"as": "gone"}, "accepted or as never-born"),
        ({"operator": "a b"}, "an operator's name"),
        ({"operator": ""}, "an operator's name"),
    ):
        with pytest.raises(ControlError, match=told):
            await end(rig, request, "accepted", **given)
    assert len(rig.state.unknowns) == 1
    assert rig.journal.of("resolved") == []
    await rig.clock.advance(2)
    await end(rig, request, "never-born")
    with pytest.raises(ControlError, match="no request of that id"):
        await end(rig, request, "never-born")
    await rig.end()


@on_virtual_time
async def test_a_recovered_request_is_asked_for_a_minute_too() -> None:
    """However old it is: what another run knew of the exchange is nothing."""
    rig = await Rig().warm()
    request = await doubtful(rig)
    await rig.tasks.cancel_all()
    after = await Rig(after=rig).warm()
    opening = asyncio.get_running_loop().create_task(after.resolver.before_opening(after.left))
    await after.clock.advance(6)
    await opening
    with pytest.raises(ControlError, match="in 54 s"):
        await end(after, request, "accepted")
    await after.clock.advance(55)
    await end(after, request, "accepted")
    await after.end()
