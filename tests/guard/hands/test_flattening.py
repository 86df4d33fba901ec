"""Positions are made smaller and closed against the paper exchange; RED-2 with answers that do not come, RED-3.

`RED2_RUNS` and `RED3_RUNS` say how many: 500 and 50 are the whole; `make test` takes some by seed.
"""

# ruff: noqa: TID251 - randomness is seeded
import asyncio
import os
import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from tests.guard.hands.house import ApiError, Stage, on_stage

from counterseal.core.holdings import Holding
from counterseal.core.reducing import GUARD_PREFIX
from counterseal.guard.hands.proof import Proof

RED2_WHOLE, RED3_WHOLE = 500, 50
RED2 = int(os.environ.get("RED2_RUNS", "70"))
RED3 = int(os.environ.get("RED3_RUNS", "20"))
ORDER = "/fapi/v1/order"
ZERO = Decimal(0)


def sent(stage: Stage) -> list[Any]:
    """The guard's orders as they came."""
    return [one for one in stage.asked(ORDER) if one.method == "POST"]


def test_a_position_is_closed_and_only_then_its_stop_goes() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.order()
        stage.stop()
        proof = await stage.hands.flatten("main", "usdm")

        assert proof.done, proof
        assert stage.position() == 0
        assert stage.open_orders() == []
        kinds = [one.method + " " + one.path for one in stage.house.served if one.method != "GET"]
        closing = kinds.index(f"POST {ORDER}")
        assert kinds.index("DELETE /fapi/v1/algoOpenOrders") > closing > kinds.index("DELETE /fapi/v1/allOpenOrders")
        assert all("reduceOnly=true" in one.query for one in sent(stage))

    on_stage(act)


def test_a_short_position_of_one_symbol_is_bought_back_and_the_others_stay() -> None:
    async def act(stage: Stage) -> None:
        stage.order("SELL", price="", quantity="0.5")
        stage.order(price="", symbol="ETHUSDT", quantity="1")
        proof = await stage.hands.flatten("main", "usdm", "BTCUSDT")

        assert proof.done, proof
        assert stage.position() == 0
        assert stage.position("ETHUSDT") == 1

    on_stage(act)


def test_both_sides_of_hedge_mode_are_closed_without_reduce_only() -> None:
    async def act(stage: Stage) -> None:
        stage.bot("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        stage.order(price="", quantity="0.5", positionSide="LONG")
        stage.order("SELL", price="", quantity="0.3", positionSide="SHORT")
        proof = await stage.hands.flatten("main", "usdm")

        assert proof.done, proof
        assert stage.position(side="LONG") == stage.position(side="SHORT") == 0
        assert len(sent(stage)) == 2
        assert not [one for one in sent(stage) if "reduceOnly" in one.query]

    on_stage(act)


def test_coin_m_positions_are_closed_in_contracts() -> None:
    async def act(stage: Stage) -> None:
        stage.bot("POST", "/dapi/v1/order", symbol="BTCUSD_PERP", side="BUY", type="MARKET", quantity="7")
        proof = await stage.hands.flatten("main", "coinm")

        assert proof.done, proof
        held = stage.bot("GET", "/dapi/v1/positionRisk")
        assert not [row for row in held if Decimal(row["positionAmt"])]

    on_stage(act)


def test_on_spot_what_bots_bought_is_sold_and_nothing_else() -> None:
    async def act(stage: Stage) -> None:
        before = stage.free("BTC")
        stage.bot("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.02")
        stop = {"type": "STOP_LOSS_LIMIT", "stopPrice": "80000", "price": "79900", "timeInForce": "GTC"}
        stage.bot("POST", "/api/v3/order", symbol="BTCUSDT", side="SELL", quantity="0.02", **stop)
        stage.bought["main"] = {"BTCUSDT": Decimal("0.02")}

        def sold(row: Any) -> None:
            if row.get("act") == "answered" and row["outcome"] == "ACCEPTED":
                stage.bought["main"] = {"BTCUSDT": max(ZERO, stage.free("BTC") - before)}

        stage.on_record = sold
        proof = await stage.hands.flatten("main", "spot")

        assert proof.done, proof
        assert abs(stage.free("BTC") - before) < Decimal("0.0001")

    on_stage(act, spot_taker_fee=ZERO)


def test_on_spot_nothing_is_sold_when_nobody_knows_what_bots_bought() -> None:
    async def act(stage: Stage) -> None:
        before = stage.free("BTC")
        proof = await stage.hands.flatten("main", "spot")

        assert not proof.done
        assert "not known" in proof.left[0]
        assert stage.free("BTC") == before

    on_stage(act)


def test_a_target_is_reached_and_not_overshot() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        proof = await stage.hands.reduce("main", "usdm", lambda _one: Decimal("0.2"))

        assert proof.done, proof
        assert stage.position() == Decimal("0.2")
        assert len(sent(stage)) == 1
        # Inside, nothing is sent.
        assert (await stage.hands.reduce("main", "usdm", lambda _one: Decimal("0.2"))).done
        assert len(sent(stage)) == 1

    on_stage(act)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("target", ["0.2", "-0.2"])
def test_a_target_is_a_size_whatever_the_side(side: str, target: str) -> None:
    async def act(stage: Stage) -> None:
        stage.order(side, price="", quantity="0.5")
        assert (await stage.hands.reduce("main", "usdm", lambda _one: Decimal(target))).done
        assert abs(stage.position()) == Decimal("0.2")

    on_stage(act)


def test_a_large_position_goes_in_slices_and_every_id_is_registered_before() -> None:
    async def act(stage: Stage) -> None:
        stage.deepen()
        for _ in range(4):
            stage.order(price="", quantity="2")
        proof = await stage.hands.flatten("main", "usdm")

        assert proof.done, proof
        assert stage.position() == 0
        assert len(sent(stage)) >= 4
        ids = [name for _, _, name in stage.registered]
        assert all(name.startswith(GUARD_PREFIX) for name in ids)
        assert [one.query.partition("newClientOrderId=")[2].partition("&")[0] for one in sent(stage)] == ids
        rows = [row for row in stage.records if row["type"] == "guard_order"]
        assert [row["act"] for row in rows] == ["send", "answered"] * len(ids)

    on_stage(act)


def test_the_first_order_of_a_confirmed_position_goes_without_another_read() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        await stage.hands.market.lots("usdm")
        before = len(stage.house.served)
        fresh = [Holding("BTCUSDT", "BOTH", stage.position(), stage.mark("BTCUSDT"))]
        await stage.hands.reduce("main", "usdm", lambda _one: ZERO, fresh=fresh)

        assert stage.house.served[before].path == ORDER

    on_stage(act)


def test_what_was_seen_before_an_order_of_ours_is_read_again() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        await stage.hands.market.lots("usdm")

        def seen() -> list[Holding]:
            now_ms = stage.clock.monotonic_ns() // 1_000_000
            return [Holding("BTCUSDT", "BOTH", stage.position(), stage.mark("BTCUSDT"), now_ms)]

        before, old = len(stage.house.served), seen()
        await stage.hands.reduce("main", "usdm", lambda _one: Decimal("0.3"), fresh=old)
        assert [one.path for one in stage.house.served[before:]] == [ORDER, "/fapi/v3/positionRisk"]
        # Had it been believed, this would go beyond its target.
        before = len(stage.house.served)
        await stage.hands.reduce("main", "usdm", lambda _one: Decimal("0.2"), fresh=old)
        assert stage.house.served[before].path == "/fapi/v3/positionRisk"
        assert stage.position() == Decimal("0.2")
        await stage.pass_s(0.01)
        before = len(stage.house.served)
        await stage.hands.reduce("main", "usdm", lambda _one: Decimal("0.1"), fresh=seen())
        assert stage.house.served[before].path == ORDER
        assert stage.position() == Decimal("0.1")

    on_stage(act)


def test_that_nothing_is_to_be_done_is_believed_only_when_it_was_read() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        proof = await stage.hands.reduce("main", "usdm", lambda _one: ZERO, fresh=[])

        assert proof.done, proof
        assert stage.position() == 0

    on_stage(act)


@pytest.mark.parametrize("hedged", [False, True])
def test_a_picture_that_is_too_large_turns_nothing(hedged: bool) -> None:
    """RED-1: of what was seen, half is gone already."""

    async def act(stage: Stage) -> None:
        more = {"positionSide": "LONG"} if hedged else {}
        if hedged:
            stage.bot("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        stage.order(price="", quantity="0.2", **more)
        await stage.hands.market.lots("usdm")
        seen = [Holding("BTCUSDT", more.get("positionSide", "BOTH"), Decimal("0.5"), stage.mark("BTCUSDT"), 0)]
        proof = await stage.hands.reduce("main", "usdm", lambda _one: ZERO, fresh=seen)

        assert proof.done, proof
        assert stage.position(side=more.get("positionSide", "BOTH")) == 0
        assert stage.position(side="SHORT") == 0
        assert all(("reduceOnly=true" in one.query) != hedged for one in sent(stage))

    on_stage(act)


def test_where_nobody_buys_it_says_what_is_left_in_time() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.dry()
        begun = stage.loop.time()
        proof = await stage.hands.reduce("main", "usdm", lambda _one: ZERO, deadline_s=5)

        assert not proof.done
        assert "0.500 is still open" in proof.left[0]
        assert stage.position() == Decimal("0.5")
        assert stage.loop.time() - begun <= 6

    on_stage(act)


def test_what_the_signer_caps_goes_in_smaller_orders() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.cap("BTCUSDT", "0.1")
        proof = await stage.hands.flatten("main", "usdm")

        assert proof.done, proof
        assert stage.position() == 0
        assert len(sent(stage)) >= 5

    on_stage(act)


def test_a_refusal_that_nothing_would_change_is_given_up_and_named() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.fault("answer:-2015", times=100, method="POST", path=ORDER)
        begun = stage.loop.time()
        proof = await stage.hands.reduce("main", "usdm", lambda _one: ZERO)

        assert not proof.done
        assert "-2015" in proof.left[0]
        assert len(sent(stage)) == 1
        assert stage.loop.time() - begun < 10

    on_stage(act)


@pytest.mark.parametrize(
    ("fault", "when"),
    [("reset", "after"), ("answer:503-unknown", "after"), ("answer:-1007", "after"), ("truncated", "after"),
     ("reset", "before"), ("answer:503-unknown", "before"), ("wrong_client_id", "after")],
)  # fmt: skip
@pytest.mark.threat(46)
def test_after_an_unknown_answer_no_other_order_goes_before_it_is_proven(fault: str, when: str) -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.fault(fault, when, times=1, method="POST", path=ORDER)
        proof = await stage.hands.reduce("main", "usdm", lambda _one: Decimal("0.25"))

        assert proof.done, proof
        assert stage.position() == Decimal("0.25")
        rows = [(row["act"], row.get("outcome")) for row in stage.records if row["type"] == "guard_order"]
        assert rows[:3] == [("send", None), ("answered", "UNKNOWN"), ("resolved", rows[2][1])]
        assert rows[2][1] == ("ACCEPTED" if when == "after" else "ABSENT")
        assert len(sent(stage)) == (1 if when == "after" else 2)
        assert len({name for _, _, name in stage.registered}) == len(sent(stage))

    on_stage(act)


def test_an_unknown_order_that_is_not_proven_in_time_is_left_and_named() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.fault("reset", "before", times=1, method="POST", path=ORDER)
        stage.fault("answer:502", times=1_000, method="GET", path=ORDER)
        proof = await stage.hands.reduce("main", "usdm", lambda _one: ZERO, deadline_s=20)

        assert not proof.done
        assert "is unanswered" in proof.left[0]
        assert len(sent(stage)) == 1

    on_stage(act)


def test_without_the_symbol_s_rules_a_position_is_closed_as_it_stands() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.512")
        stage.fault("answer:502", times=1_000, path="/fapi/v1/exchangeInfo")
        proof = await stage.hands.flatten("main", "usdm")

        assert proof.done, proof
        assert stage.position() == 0
        assert ["type=MARKET" in one.query for one in sent(stage)] == [True]

    on_stage(act)


def test_two_who_reduce_the_same_position_at_once_do_not_overshoot() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.8")
        stage.order(price="", quantity="1", symbol="ETHUSDT")
        await stage.hands.market.lots("usdm")
        fresh = [Holding("BTCUSDT", "BOTH", stage.position(), stage.mark("BTCUSDT"))]

        def half(one: Holding) -> Decimal | None:
            return Decimal("0.4") if one.symbol == "BTCUSDT" else None

        proofs = await asyncio.gather(
            *(stage.hands.reduce("main", "usdm", half, fresh=fresh) for _ in range(3)),
            stage.hands.reduce("main", "usdm", half),
        )

        assert all(proof.done for proof in proofs), proofs
        assert stage.position() == Decimal("0.4")
        assert len(sent(stage)) == 1
        assert stage.position("ETHUSDT") == 1

    on_stage(act)


def test_an_order_of_a_bot_that_stands_in_the_way_of_closing_is_cancelled_and_its_stop_stays() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.order("SELL", price="110000", reduceOnly="true")
        stage.stop()
        routes = stage.house.exchange._routes
        place = routes["POST", ORDER]

        def jealous(call: Any) -> Any:
            if stage.bot("GET", "/fapi/v1/openOrders"):
                raise ApiError(-2022, "ReduceOnly Order is rejected.")
            return place(call)

        routes["POST", ORDER] = jealous
        proof = await stage.hands.flatten("main", "usdm")

        assert proof.done, proof
        assert stage.position() == 0
        changes = [one.path for one in stage.house.served if one.method != "GET"]
        assert changes[-1] == "/fapi/v1/algoOpenOrders"

    on_stage(act)


# -- RED-2: somebody else closes the position at the same moment, or the answer does not come

KINDS = ("closed", "partly", "liquidated", "lost", "unknown", "throttled", "partial fill")


@pytest.mark.slow
@pytest.mark.threat(46)
def test_red_2_races_at_the_exchange() -> None:
    ends: Counter[str] = Counter()
    for seed in range(RED2):
        kind = KINDS[seed % len(KINDS)]
        chance = random.Random(seed)
        proofs: list[Proof] = []

        async def act(
            stage: Stage, kind: str = kind, chance: random.Random = chance, proofs: list[Proof] = proofs
        ) -> None:
            hedged = chance.random() < 0.4
            side = chance.choice(["BUY", "SELL"])
            held = ("LONG" if side == "BUY" else "SHORT") if hedged else "BOTH"
            more = {"positionSide": held} if hedged else {}
            if hedged:
                stage.bot("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
            size = Decimal(chance.randrange(100, 900)) / 1_000
            if kind == "liquidated":
                stage.bot("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
                stage.bot("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage="20")
            stage.order(side, price="", quantity=str(size), **more)
            begun = stage.position(side=held)
            stage.network.on_answer = lambda: sizes.append(stage.position(side=held))
            sizes: list[Decimal] = []
            spoil(stage, kind, chance, side, more)
            target = chance.choice([ZERO, begun / 2])
            fresh = None
            if chance.random() < 0.5:
                # What the watch would know: as it was before anything happened beside the guard's order.
                await stage.hands.market.lots("usdm")
                fresh = [
                    Holding("BTCUSDT", held, begun, stage.mark("BTCUSDT"), stage.clock.monotonic_ns() // 1_000_000)
                ]
            proof = await stage.hands.reduce("main", "usdm", lambda _one: target, deadline_s=50, fresh=fresh)
            ends["from a picture"] += fresh is not None
            now = stage.position(side=held)
            proofs.append(proof)
            ends["refused with -2022"] += sum(one.code == -2022 for one in sent(stage))

            assert all(abs(after) <= abs(before) for before, after in zip([begun, *sizes], sizes, strict=False))
            assert all(each * begun >= 0 for each in sizes), "the position was turned"
            assert not proof.done or abs(now) <= abs(target), (proof, now)
            assert proof.done or proof.left
            assert all(("reduceOnly=true" in one.query) != hedged for one in sent(stage))

        on_stage(act, seed=seed, trip_s=None)
        ends[f"{kind} {'inside' if proofs[0].done else 'escalated'}"] += 1
    print(f"\nRED-2: {RED2} of {RED2_WHOLE} races at the exchange: {dict(sorted(ends.items()))}")
    assert {f"{kind} inside" for kind in KINDS} <= set(ends)


def spoil(stage: Stage, kind: str, chance: random.Random, side: str, more: dict[str, str]) -> None:
    """Let something happen beside the guard's order."""
    other = "SELL" if side == "BUY" else "BUY"
    path = {"method": "POST", "path": ORDER}

    async def meanwhile() -> None:
        await stage.pass_s(chance.uniform(0, 0.08))
        if kind == "liquidated":
            stage.shift("BTCUSDT", Decimal("0.93") if side == "BUY" else Decimal("1.07"))
            stage.house.exchange.advance()
            return
        size = abs(stage.position(side=more.get("positionSide", "BOTH")))
        part = size if kind == "closed" else size / 2
        quantity = (part // Decimal("0.001")) * Decimal("0.001")
        exempt = {} if more else {"reduceOnly": "true"}
        if quantity:
            try:
                stage.order(other, price="", quantity=str(quantity), **more, **exempt)
            except ApiError as fault:
                assert fault.code == -2022, fault.code

    if kind in ("closed", "partly", "liquidated"):
        stage.tasks.spawn(meanwhile(), kind)
    elif kind == "lost":
        stage.fault("reset", chance.choice(["before", "after"]), times=1, **path)
    elif kind == "unknown":
        stage.fault("answer:503-unknown", chance.choice(["before", "after"]), times=1, **path)
    elif kind == "throttled":
        stage.fault("answer:-1008", "before", times=chance.randrange(1, 4), **path)
    else:
        stage.thin(chance.randrange(1, 4))


def test_red_3_overloaded_reduce_only_is_still_sent_and_others_are_held() -> None:
    """RED-3: -1008 again and again. What can only reduce goes on being sent; what nothing exempts waits."""
    counts: Counter[str] = Counter()
    for seed in range(RED3):
        chance = random.Random(seed)
        hedged = seed % 2 == 1
        found: list[int] = []

        async def act(
            stage: Stage, chance: random.Random = chance, hedged: bool = hedged, found: list[int] = found
        ) -> None:
            more = {"positionSide": "LONG"} if hedged else {}
            if hedged:
                stage.bot("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
            stage.order(price="", quantity="0.5", **more)
            throttled = chance.randrange(3, 12)
            stage.fault("answer:-1008", "before", times=throttled, method="POST", path=ORDER)
            proof = await stage.hands.reduce("main", "usdm", lambda _one: ZERO)

            assert proof.done, proof
            assert stage.position(side=more.get("positionSide", "BOTH")) == 0
            assert len(sent(stage)) == throttled + 1
            gaps = [after.at_ms - before.at_ms for before, after in zip(sent(stage), sent(stage)[1:], strict=False)]
            assert min(gaps) >= 2_000 if hedged else min(gaps) < 500
            found.append(throttled)

        on_stage(act, seed=seed)
        counts["hedge" if hedged else "one-way"] += found[0]
    print(f"\nRED-3: {RED3} of {RED3_WHOLE} runs, refused as overloaded: {dict(counts)}")
