"""The exchange's limits, spent by one ledger: who gets room, who waits, who is refused, and what is learnt of it."""

import asyncio
import json

import pytest
from tests.gateway.rig import ORDER, Rig, on_virtual_time, why

from counterseal.core.budget.ledger import Ledger
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.messages import HeldKey
from counterseal.core.outcome import Outcome
from counterseal.core.reasons import REASONS
from counterseal.core.secret import Secret
from counterseal.gateway.reply import Reply
from counterseal.gateway.report import limits_report
from counterseal.gateway.state import BotCounters

SPOT, ACCOUNT, CANCEL = "/api/v3/order", "/api/v3/account", "symbol=BTCUSDT&orderId=1"
REJECTED = (400, {"code": -2010, "msg": "Account has insufficient balance for requested action."})


async def ready(limits: str = "") -> Rig:
    """Give a warm rig, a second into all windows."""
    rig = await Rig(limits).warm()
    await rig.clock.advance(1)
    return rig


def used(rig: Rig, pool: str) -> int:
    """What of a pool is spent or in flight."""
    found = [row for row in rig.plane.budget.ledger.report(rig.plane.budget.moment()) if row.pool == pool]
    return sum(row.spent + row.in_flight for row in found)


def shrink(rig: Rig, pool: tuple[str, str, str, int], limit: int) -> None:
    """Let exchangeInfo tell another limit."""
    family, kind, interval, number = pool
    row = {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
    rig.plane.budget.learn_limits(family, [row])


WEIGHT = ("spot", "REQUEST_WEIGHT", "MINUTE", 1)
ORDERS = ("spot", "ORDERS", "SECOND", 10)


def named(number: int) -> str:
    return f"{ORDER}&newClientOrderId=o-{number}"


async def drain(rig: Rig) -> list[Reply]:
    """Ask for the account until a refusal comes; all answers."""
    replies = [await rig.ask("GET", ACCOUNT)]
    while why(replies[-1]) is None:
        replies.append(await rig.ask("GET", ACCOUNT))
    return replies


@pytest.mark.threat(40)
@on_virtual_time
async def test_a_spent_budget_is_told_as_the_exchange_does_and_leaves_exits_open() -> None:
    """Account reads stop first, then orders; cancels go on; the next minute opens everything."""
    rig = await ready()
    shrink(rig, WEIGHT, 400)
    await rig.clock.advance(30)
    replies = await drain(rig)
    # Of 400 the guard has 80, exits 40, orders 20 before account reads: 260. The start cost 27, each read 20.
    assert (len(replies), used(rig, "spot_weight")) == (12, 247)
    last = replies[-1]
    assert (last.status, json.loads(last.body)["code"], why(last)) == (429, -1003, "weight_budget_spent")
    assert 29 <= int(last.headers["Retry-After"]) <= 31
    sent = len(rig.venue.sent)
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    assert why(await rig.ask("POST", SPOT, named(1))) is None
    assert len(rig.venue.sent) == sent + 2
    await rig.clock.advance(31)
    assert why(await rig.ask("GET", ACCOUNT)) is None
    assert [entry["reason"] for entry in rig.journal.of("denied")] == ["weight_budget_spent"]
    await rig.end()


@pytest.mark.threat(40)
@on_virtual_time
async def test_three_exits_may_overdraw_a_limit_that_is_spent() -> None:
    """Where others have spent the address's weight a refusal of ours would be certain: the exchange is asked."""
    rig = await ready()
    await rig.clock.advance(61)
    rig.venue.script[ACCOUNT] = [(200, {}, {"x-mbx-used-weight-1m": "5999"})]
    await rig.ask("GET", ACCOUNT)
    exits = [why(await rig.ask("DELETE", SPOT, f"symbol=BTCUSDT&orderId={number}")) for number in range(5)]
    assert exits == [None, None, None, "weight_budget_spent", "weight_budget_spent"]
    await rig.clock.advance(60)
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    await rig.end()


@on_virtual_time
async def test_an_answer_tells_what_it_cost_and_what_is_left() -> None:
    """A spot order that succeeds is free; a read costs its weight; a refusal of ours costs and tells nothing."""
    rig = await ready()
    placed = await rig.ask("POST", SPOT, named(1))
    assert placed.headers["X-Counterseal-Weight"] == "0"
    read = await rig.ask("GET", ACCOUNT)
    assert read.headers["X-Counterseal-Weight"] == "20"
    left = int(read.headers["X-Counterseal-Budget-Left"])
    again = await rig.ask("GET", ACCOUNT)
    assert int(again.headers["X-Counterseal-Budget-Left"]) == left - 20
    assert "X-Counterseal-Weight" not in (await rig.ask("POST", "/api/v3/nothing")).headers
    assert rig.state.counter("alpha").weight == 40
    await rig.end()


@on_virtual_time
async def test_what_was_lost_stays_spent_and_what_never_left_comes_back() -> None:
    rig = await ready()
    before = used(rig, "spot_weight")
    rig.venue.script[SPOT] = ["not_sent"]
    assert why(await rig.ask("POST", SPOT, named(1))) == "venue_unreachable"
    assert (used(rig, "spot_weight") - before, used(rig, "spot_orders_10s")) == (0, 0)
    rig.venue.script[SPOT] = ["lost"]
    assert why(await rig.ask("POST", SPOT, named(2))) == "outcome_unknown"
    assert used(rig, "spot_orders_10s") == 1
    await rig.end()


@on_virtual_time
async def test_a_refused_signature_gives_everything_back() -> None:
    rig = await ready()
    rig.signer.silent = True
    task = rig.start("POST", SPOT, named(1))
    await rig.clock.advance(0)
    assert used(rig, "spot_orders_10s") == 1
    await rig.clock.advance(4)
    assert why(task.result()) == "signer_unavailable"
    assert used(rig, "spot_orders_10s") == 0
    await rig.end()


@on_virtual_time
async def test_an_order_waits_for_the_turn_of_a_window_that_is_near() -> None:
    """The count is spent at 9.9 s of ten: the next order leaves in the next window, its intent on record before."""
    rig = await ready()
    shrink(rig, ORDERS, 10)
    await rig.clock.advance(8.85)
    for number in range(7):
        assert why(await rig.ask("POST", SPOT, named(number))) is None
    waiting = rig.start("POST", SPOT, named(7))
    again = rig.start("POST", SPOT, named(7))
    await rig.clock.advance(0.1)
    assert not waiting.done()
    assert rig.journal.of("intent")[-1]["client_ids"] == ("o-7",)
    await rig.clock.advance(0.1)
    assert (why(waiting.result()), why(again.result())) == (None, None)
    assert [sent.at_ms >= 10_000 for sent in rig.venue.sent if sent.method == "POST"] == [False] * 7 + [True]
    assert rig.state.counter("alpha").waited == 1
    await rig.end()


@on_virtual_time
async def test_who_waits_in_vain_is_told_after_a_quarter_of_a_second() -> None:
    """An order in flight may give its weight back: one waits for it, 250 ms at most, and nothing was sent."""
    rig = await ready()
    shrink(rig, WEIGHT, 10)
    await rig.clock.advance(61)
    rig.venue.script[SPOT] = ["stall"] * 9
    flying = [rig.start("POST", SPOT, named(number)) for number in range(9)]
    await rig.clock.advance(0.2)
    refused = [task for task in flying if task.done()]
    assert refused == []
    await rig.clock.advance(0.06)
    refused = [task for task in flying if task.done()]
    assert {why(task.result()) for task in refused} == {"weight_budget_spent"}
    sent = sum(each.method == "POST" for each in rig.venue.sent)
    assert 0 < sent < 9
    assert len(refused) == 9 - sent
    assert [entry["outcome"] for entry in rig.journal.of("outcome")] == [Outcome.NOT_SENT.value] * len(refused)
    await rig.clock.advance(13)
    await rig.end()


@on_virtual_time
async def test_room_that_comes_back_goes_to_who_waits() -> None:
    """The free weight of a spot order that succeeded lets the next one go, long before the window turns."""
    rig = await ready()
    shrink(rig, WEIGHT, 10)
    await rig.clock.advance(61)
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    answer = rig.venue.send

    async def slow(*args: object, **more: object) -> object:
        if not gate.done():
            await asyncio.shield(gate)
        return await answer(*args, **more)  # type: ignore[arg-type]  # passed on as it came

    rig.venue.send = slow  # type: ignore[method-assign,assignment]  # the same exchange, later
    tasks = [rig.start("POST", SPOT, named(number)) for number in range(9)]
    await rig.clock.advance(0.1)
    assert not any(task.done() for task in tasks)
    gate.set_result(None)
    await rig.clock.advance(0.01)
    assert [why(task.result()) for task in tasks] == [None] * 9
    await rig.end()


@on_virtual_time
async def test_a_bot_that_leaves_while_it_waits_costs_nothing() -> None:
    rig = await ready()
    shrink(rig, ORDERS, 10)
    await rig.clock.advance(8.85)
    for number in range(7):
        await rig.ask("POST", SPOT, named(number))
    inquiry = rig.inquiry("POST", SPOT, named(7))
    task = asyncio.get_running_loop().create_task(rig.finish(inquiry))
    await rig.clock.advance(0.05)
    inquiry.gone = True
    await rig.clock.advance(0.2)
    assert why(task.result()) == "bot_gone"
    assert sum(sent.method == "POST" for sent in rig.venue.sent) == 7
    assert used(rig, "spot_orders_10s") == 0
    await rig.end()


@pytest.mark.threat(40)
@on_virtual_time
async def test_somebody_else_spending_it_is_an_event_with_its_evidence() -> None:
    rig = await ready()
    await rig.clock.advance(61)
    rig.venue.script[ACCOUNT] = [(200, {}, {"x-mbx-used-weight-1m": "1500"})]
    await rig.clock.advance(1)
    await rig.ask("GET", ACCOUNT)
    await rig.clock.advance(0)
    (event,) = [entry for entry in rig.journal.of("event") if entry["what"] == "foreign_spend"]
    # Beside this read at most the first measurements of time, made while nobody knew which minute it was.
    assert (event["pool"], event["header"], event["ours"]) in [("spot_weight", 1500, ours) for ours in range(20, 24)]
    assert used(rig, "spot_weight") <= 40
    row = next(row for row in limits_report(rig.state, rig.plane.budget)["pools"] if row["pool"] == "spot_weight")
    assert row["others"] >= 1400
    await rig.end()


@on_virtual_time
async def test_a_bot_in_a_reject_loop_is_slowed_alone() -> None:
    rig = await ready()
    other = Credential("W" * 64, "beta", CredentialKind.HMAC, Secret(b"S" * 64), None, 0)
    rig.state.credentials[other.key_id] = other
    rig.venue.script[SPOT] = [REJECTED] * 11
    for number in range(11):
        assert why(await rig.ask("POST", SPOT, named(number))) is None
    slowed = await rig.ask("POST", SPOT, named(11))
    assert (slowed.status, why(slowed), slowed.headers["Retry-After"]) == (429, "bot_slowed", "1")
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    assert why(await rig.ask("GET", ACCOUNT)) is None
    await rig.clock.advance(0.2)
    assert why(await rig.ask("POST", SPOT, named(12))) is None
    assert why(await rig.ask("POST", SPOT, named(13))) is None, "one success ends it"
    await rig.end()


@on_virtual_time
async def test_a_batch_is_a_refusal_when_all_its_legs_are() -> None:
    rig = await ready()
    legs = json.dumps([{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}])
    path = "/fapi/v1/batchOrders"
    rig.venue.script[path] = [(200, [{"code": -2019, "msg": "Margin is insufficient."}])] * 11
    for _ in range(11):
        assert why(await rig.ask("POST", path, f"batchOrders={legs}".replace('"', "%22").replace(" ", ""))) is None
        await rig.clock.advance(0.001)
    refused = await rig.ask("POST", path, f"batchOrders={legs}".replace('"', "%22").replace(" ", ""))
    assert why(refused) == "bot_slowed"
    await rig.end()


@on_virtual_time
async def test_a_host_that_fails_is_left_alone_and_exits_still_go() -> None:
    rig = await ready()
    rig.venue.script[ACCOUNT] = [(502, {})] * 5
    for _ in range(5):
        await rig.ask("GET", ACCOUNT)
    refused = await rig.ask("GET", ACCOUNT)
    assert (refused.status, why(refused)) == (503, "venue_breaker_open")
    assert "Retry-After" in refused.headers
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    assert why(await rig.ask("POST", SPOT, named(1))) is None, "orders have a breaker of their own"
    await rig.clock.advance(1.3)
    assert why(await rig.ask("GET", ACCOUNT)) is None
    await rig.end()


@on_virtual_time
async def test_too_many_orders_stop_the_account_s_orders_alone() -> None:
    """429 with -1015 is the account's: reads and cancels from the same address go on."""
    rig = await ready()
    told = {"code": -1015, "msg": "Too many new orders; current limit is 100 orders per TEN_SECONDS."}
    rig.venue.script[SPOT] = [(429, told, {"retry-after": "5"})]
    assert (await rig.ask("POST", SPOT, named(1))).status == 429
    refused = await rig.ask("POST", SPOT, named(2))
    assert (why(refused), refused.headers["Retry-After"]) == ("venue_backoff", "5")
    assert why(await rig.ask("GET", ACCOUNT)) is None
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    await rig.clock.advance(5.1)
    assert why(await rig.ask("POST", SPOT, named(3))) is None
    await rig.end()


@on_virtual_time
async def test_a_shared_read_is_served_while_nothing_may_leave() -> None:
    """During a ban what is kept still serves who asks."""
    rig = await ready()
    rig.venue.script[ACCOUNT] = [(418, {}, {"retry-after": "60"})]
    await rig.ask("GET", ACCOUNT)
    sent = len(rig.venue.sent)
    assert why(await rig.ask("GET", "/api/v3/exchangeInfo")) is None
    banned = await rig.ask("GET", ACCOUNT)
    assert (banned.status, why(banned), banned.headers["Retry-After"]) == (418, "venue_ban", "60")
    assert len(rig.venue.sent) == sent
    await rig.end()


@on_virtual_time
async def test_our_own_refreshes_are_paid_for_and_go_first() -> None:
    """Prices stay fresh while bots have spent all they may."""
    rig = await ready("max_order_notional = 1000000")
    shrink(rig, WEIGHT, 400)
    rig.refresher.start()
    await rig.clock.advance(61)
    await drain(rig)
    for _ in range(3):
        await rig.clock.advance(2)
        market = rig.state.market("spot")
        assert market.prices_at_ms is not None
        assert rig.state.monotonic_ms() - market.prices_at_ms <= 2_000
    gateway = [row for row in rig.plane.budget.ledger.report_bots() if row.bot == "gateway"]
    assert {row.endpoint for row in gateway} >= {"spot GET /api/v3/ticker/price"}
    await rig.end()


@on_virtual_time
async def test_the_report_fits_one_packet_however_many_bots_there_are() -> None:
    rig = await ready()
    long = "b" * 26
    for number in range(300):
        denied = {reason: 10**9 + place for place, reason in enumerate(REASONS)}
        rig.state.counters[f"{long}-{number:03}"] = BotCounters(denied=denied, weight=number)
    report = limits_report(rig.state, rig.plane.budget)
    assert len(json.dumps(report)) < 60_000
    told = report["bots"][f"{long}-299"]["denied"]
    assert (len(told), sum(told.values())) == (13, sum(denied.values()))
    assert report["left_off"] == 300 - 64
    await rig.end()


@on_virtual_time
async def test_quotas_of_a_bot_hold_for_it_alone_and_never_for_its_exits() -> None:
    rig = await ready("max_weight_1m = 50\nmax_orders_10s = 2")
    assert [why(await rig.ask("GET", ACCOUNT)) for _ in range(3)] == [None, None, "bot_quota_spent"]
    assert [why(await rig.ask("POST", SPOT, named(n))) for n in range(3)] == [None, None, "bot_quota_spent"]
    assert why(await rig.ask("DELETE", SPOT, CANCEL)) is None
    await rig.end()


def two_addresses() -> Config:
    """A configuration with two addresses to leave from."""
    config = load(
        '[venue]\nenvironment = "testnet"\negress = ["10.0.0.5", "10.0.0.6"]\n'
        '[keys.main]\nfunctions = ["account", "trade"]\n'
        '[bots.alpha]\nkeys = ["main"]\nproducts = ["spot"]\npurposes = ["account", "trade"]\nsymbols = ["*"]\n'
    )
    assert isinstance(config, Config), config
    return config


@on_virtual_time
async def test_only_addresses_that_exist_have_a_ledger() -> None:
    """Neither a bot's request nor one of our own opens windows of an address that nothing leaves from."""
    rig = await ready()
    rig.state.config = two_addresses()
    ledger = rig.plane.budget.ledger = Ledger()
    held = {"main": HeldKey("main", "K" * 64, "hmac", "testnet")}
    rig.signer.keys = lambda: held  # type: ignore[method-assign]
    assert why(await rig.ask("GET", ACCOUNT)) is None
    time = rig.state.catalogue.get("usdm", "GET", "/fapi/v1/time")
    assert time is not None
    rig.plane.budget.close(rig.plane.budget.take_own(time, {}))
    found = {row.key for row in ledger.report(rig.plane.budget.moment()) if row.scope == "ip"}
    assert found == {"10.0.0.5", "10.0.0.6"}
    await rig.end()


@on_virtual_time
async def test_several_addresses_have_limits_of_their_own() -> None:
    """A ban of one leaves the other; the one with more room is taken."""
    rig = await ready()
    rig.state.config = two_addresses()
    left: list[str] = []
    answer = rig.venue.send

    async def watched(family: str, request: bytes, terms: object) -> object:
        left.append(terms.egress)  # type: ignore[attr-defined]  # what the gateway sends on
        return await answer(family, request, terms)  # type: ignore[arg-type]

    rig.venue.send = watched  # type: ignore[method-assign,assignment]
    held = {"main": HeldKey("main", "K" * 64, "hmac", "testnet")}
    rig.signer.keys = lambda: held  # type: ignore[method-assign]
    await rig.ask("GET", ACCOUNT)
    await rig.ask("GET", ACCOUNT)
    assert sorted(left) == ["10.0.0.5", "10.0.0.6"]
    rig.venue.script[ACCOUNT] = [(418, {}, {"retry-after": "60"})]
    await rig.ask("GET", ACCOUNT)
    banned = left[-1]
    assert why(await rig.ask("GET", ACCOUNT)) is None
    assert left[-1] != banned
    rig.venue.script[ACCOUNT] = [(418, {}, {"retry-after": "30"})]
    await rig.ask("GET", ACCOUNT)
    told = await rig.ask("GET", ACCOUNT)
    assert (why(told), told.headers["Retry-After"]) == ("venue_ban", "30")
    await rig.end()
