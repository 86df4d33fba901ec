"""Order lists and amendments: every order has its id, an answer must speak of all of them, the ledger knows each."""

from typing import Any

import pytest
from tests.gateway.rig import ORDER, Rig, on_virtual_time, why

from counterseal.core.orders import IdLedger
from counterseal.gateway.recovery import recover

SPOT, OTOCO, AMEND = "/api/v3/order", "/api/v3/orderList/otoco", "/api/v3/order/amend/keepPriority"
LIST = (
    "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingTimeInForce=GTC&workingPrice=90000&workingQuantity=0.001"
    "&pendingSide=SELL&pendingQuantity=0.001&pendingAboveType=LIMIT_MAKER&pendingAbovePrice=99000"
    "&pendingBelowType=STOP_LOSS&pendingBelowStopPrice=80000"
)
IDS = ("listClientOrderId", "workingClientOrderId", "pendingAboveClientOrderId", "pendingBelowClientOrderId")
MINE = ("list", "working", "above", "below")
NAMED = LIST + "".join(f"&{name}={value}" for name, value in zip(IDS, MINE, strict=True))


def listed(ids: tuple[str, ...], **changes: Any) -> tuple[int, dict[str, Any]]:
    """The exchange's answer to a list."""
    orders = [{"symbol": "BTCUSDT", "orderId": n, "clientOrderId": name} for n, name in enumerate(ids[1:], 1)]
    return 200, {"orderListId": 5, "listClientOrderId": ids[0], "symbol": "BTCUSDT", "orders": orders, **changes}


def restarted(rig: Rig) -> IdLedger:
    """The ledger as the next gateway reads it from the journal."""
    return recover([{**entry, "t": 0} for entry in rig.journal.records], 1000, 1000).ledger


def state_of(ledger: IdLedger, client_id: str) -> str | None:
    entry = ledger.get("spot", client_id)
    return None if entry is None else entry.order_status


@pytest.mark.threat(54)
@on_virtual_time
async def test_each_order_of_a_list_is_given_an_id_that_the_ledger_knows() -> None:
    """In pairs, journal and ledger alike, so that each order can be asked for when the answer is lost."""
    rig = await Rig().warm()
    rig.venue.script[OTOCO] = ["lost"]
    reply = await rig.ask("POST", OTOCO, LIST)
    assert why(reply) == "outcome_unknown", reply
    made = [next(sent for sent in rig.venue.sent if sent.path == OTOCO).params[name] for name in IDS]
    assert made == [f"cs-rig-{number}" for number in range(1, 5)]
    assert rig.journal.of("intent")[-1]["client_ids"] == tuple(made)
    for ledger in (rig.state.ledger, restarted(rig)):
        assert all(ledger.get("spot", name) is not None for name in made)


@pytest.mark.threat(34)
@pytest.mark.parametrize(
    ("answer", "status", "taken"),
    [
        (listed(MINE), 200, True),
        (listed(("list", "below", "working", "above")), 200, True),
        (listed(("list", "working", "above", "another")), 503, True),
        (listed(("list", "working", "above")), 503, True),
        (listed(("another", "working", "above", "below")), 503, True),
        (listed(MINE, symbol="ETHUSDT"), 503, True),
        ((400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}), 400, False),
    ],
)
def test_a_list_is_accepted_when_the_answer_names_all_its_orders(
    answer: tuple[int, dict[str, Any]], status: int, taken: bool
) -> None:
    """Of an answer for another list nobody knows what happened; a refused list frees every id."""

    @on_virtual_time
    async def ask() -> None:
        rig = await Rig().warm()
        rig.venue.script[OTOCO] = [answer]
        reply = await rig.ask("POST", OTOCO, NAMED)
        assert reply.status == status, reply
        for ledger in (rig.state.ledger, restarted(rig)):
            assert [ledger.get("spot", name) is not None for name in MINE] == [taken] * 4

    ask()


@pytest.mark.threat(54)
@on_virtual_time
async def test_an_id_of_a_list_s_order_is_used_once() -> None:
    """Not by another list, not by a single order, not twice in one list."""
    rig = await Rig().warm()
    rig.venue.script[OTOCO] = [listed(MINE)]
    assert (await rig.ask("POST", OTOCO, NAMED)).status == 200
    rig.venue.sent.clear()
    for path, query in (
        (SPOT, f"{ORDER}&newClientOrderId=below"),
        (OTOCO, NAMED.replace("ClientOrderId=list", "ClientOrderId=other")),
        (OTOCO, f"{LIST}&workingClientOrderId=x&pendingAboveClientOrderId=x"),
    ):
        assert why(await rig.ask("POST", path, query)) == "duplicate_client_order_id"
    assert rig.venue.sent == []


def amended(number: int, old: str, new: str, status: str = "NEW") -> tuple[int, dict[str, Any]]:
    """The exchange's answer to an amendment."""
    order = {"symbol": "BTCUSDT", "orderId": number, "origClientOrderId": old, "clientOrderId": new, "status": status}
    return 200, {"transactTime": 1, "executionId": 3, "amendedOrder": order}


@pytest.mark.threat(54)
@on_virtual_time
async def test_an_amended_order_is_known_by_both_ids() -> None:
    """The new one is the order's, the old one no longer: neither can name another order."""
    rig = await Rig().warm()
    await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=first")
    rig.venue.script[AMEND] = [amended(7, "first", "cs-rig-1"), amended(7, "cs-rig-1", "third", "PARTIALLY_FILLED")]
    reply = await rig.ask("PUT", AMEND, "symbol=BTCUSDT&orderId=7&newQty=0.0005")
    assert (reply.status, rig.venue.sent[-1].params["newClientOrderId"]) == (200, "cs-rig-1")
    await rig.ask("PUT", AMEND, "symbol=BTCUSDT&origClientOrderId=cs-rig-1&newQty=0.0003&newClientOrderId=third")
    for ledger in (rig.state.ledger, restarted(rig)):
        assert [state_of(ledger, name) for name in ("first", "cs-rig-1", "third")] == [
            "REPLACED", "REPLACED", "PARTIALLY_FILLED",
        ]  # fmt: skip
        assert ledger.owners("spot", "BTCUSDT", "third", None) == ("alpha",)
    assert [entry["order_id"] for entry in rig.journal.of("outcome")] == [7, 7, 7]
    for name in ("first", "cs-rig-1", "third"):
        reply = await rig.ask("POST", SPOT, f"{ORDER.replace('0.001', '0.002')}&newClientOrderId={name}")
        assert why(reply) == "duplicate_client_order_id"


@on_virtual_time
async def test_an_amended_order_may_keep_its_id() -> None:
    """Named by its id and given the same one: nothing is new, and nothing is a duplicate."""
    rig = await Rig().warm()
    await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=mine")
    rig.venue.script[AMEND] = [amended(7, "mine", "mine")]
    query = "symbol=BTCUSDT&origClientOrderId=mine&newClientOrderId=mine&newQty=0.0005"
    assert (await rig.ask("PUT", AMEND, query)).status == 200
    assert state_of(rig.state.ledger, "mine") == "NEW"


@pytest.mark.threat(34)
@on_virtual_time
async def test_of_an_amendment_that_nobody_can_prove_the_new_id_stays_taken() -> None:
    """An answer for another order is none; a refusal for wanting more frees the id."""
    rig = await Rig().warm()
    await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=first")
    more = {"code": -2038, "msg": "Order amend (quantity increase) is not supported."}
    rig.venue.script[AMEND] = [amended(8, "other", "a"), amended(7, "first", "stranger"), (400, more), "lost"]
    statuses = []
    for name in ("a", "b", "c", "d"):
        query = f"symbol=BTCUSDT&orderId=7&newQty=0.0005&newClientOrderId={name}"
        statuses.append((await rig.ask("PUT", AMEND, query)).status)
    assert statuses == [503, 503, 400, 503]
    for ledger in (rig.state.ledger, restarted(rig)):
        assert [ledger.get("spot", name) is not None for name in "abcd"] == [True, True, False, True]
        assert state_of(ledger, "first") == "NEW"
