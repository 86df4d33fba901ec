"""What a scope of the ladder reaches is cancelled and closed, and nobody else's."""

from decimal import Decimal

import pytest
from tests.guard.hands.house import Stage, on_stage

from counterseal.core.reach import Reach
from counterseal.guard.hands.reached import Reaching

TWO = {"alpha": "main", "beta": "main"}


Books = dict[tuple[str, str, str], dict[tuple[str, str], Decimal]]


def reaching(stage: Stage, books: Books | None = None) -> Reaching:
    """`books` are what each bot holds by account, market and name; what is not in them is not known."""

    def held(account: str, family: str, bot: str) -> dict[tuple[str, str], Decimal] | None:
        return (books or {}).get((account, family, bot))

    def owner(_account: str, _family: str, name: str) -> str | None:
        return stage.owners.get(name)

    return Reaching(stage.hands, stage.hands._config, owner, lambda _account, _family, ids: stage.learn(ids), held)


def test_a_bot_that_shares_its_account_loses_its_own_orders_alone() -> None:
    async def act(stage: Stage) -> None:
        for at, owner in enumerate(["alpha", "beta", "alpha"]):
            stage.order(price=str(80_000 - at), newClientOrderId=f"o-{at}")
            stage.owners[f"o-{at}"] = owner
        stage.order(price="79000", newClientOrderId="nobody-knows")
        proof = await reaching(stage).cancel(Reach("main", "usdm", None, ("alpha",)))

        assert proof.done, proof
        assert {each["clientOrderId"] for each in stage.open_orders()} == {"o-1", "nobody-knows"}

    on_stage(act, TWO)


@pytest.mark.threat(61)
def test_whose_orders_are_is_asked_for_where_no_event_has_told() -> None:
    """A guard that has just begun, or a feed that did not stand when they were placed."""

    async def act(stage: Stage) -> None:
        for at, owner in enumerate(["alpha", "beta", "alpha"]):
            stage.order(price=str(80_000 - at), newClientOrderId=f"o-{at}")
            stage.known[f"o-{at}"] = owner
        stage.order(price="79000", newClientOrderId="nobody-knows")
        proof = await reaching(stage).cancel(Reach("main", "usdm", None, ("alpha",)))

        assert proof.done and proof.text.endswith("1 open of which nobody knows whose they are")
        assert {each["clientOrderId"] for each in stage.open_orders()} == {"o-1", "nobody-knows"}

    on_stage(act, TWO)


def test_a_bot_that_is_alone_on_its_account_and_all_bots_together_lose_everything() -> None:
    async def act(stage: Stage) -> None:
        stage.order(newClientOrderId="nobody-knows")
        stage.order(symbol="ETHUSDT", quantity="0.1", price="1500")
        bots = tuple(stage.hands._config().bots)
        assert (await reaching(stage).cancel(Reach("main", "usdm", ("BTCUSDT",), bots))).done
        assert [each["symbol"] for each in stage.open_orders()] == ["ETHUSDT"]
        assert (await reaching(stage).cancel(Reach("main", "usdm"))).done
        assert stage.open_orders() == []

    on_stage(act)
    on_stage(act, TWO)


def test_what_is_held_is_closed_of_all_symbols_or_of_some() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.1")
        stage.order(price="", quantity="1", symbol="ETHUSDT")
        proof = await reaching(stage).flatten(Reach("main", "usdm", ("BTCUSDT",)))
        assert proof.done, proof
        assert (stage.position(), stage.position("ETHUSDT")) == (0, 1)
        proof = await reaching(stage).flatten(Reach("main", "usdm"))
        assert proof.done, proof
        assert stage.position("ETHUSDT") == 0

    on_stage(act)


ALPHA = Reach("main", "usdm", None, ("alpha",))


def holds(bot: str, amount: str) -> Books:
    return {("main", "usdm", bot): {("BTCUSDT", ""): Decimal(amount)}}


@pytest.mark.threat(62)
@pytest.mark.parametrize(("side", "sign"), [("BUY", 1), ("SELL", -1)])
def test_of_what_several_bots_hold_one_bot_s_part_is_closed_and_no_more(side: str, sign: int) -> None:
    """Its stop goes too, because it protects nothing of its any more; the others' orders and stops stay."""

    async def act(stage: Stage) -> None:
        stage.order(side=side, price="", quantity="0.5")
        other = "SELL" if sign > 0 else "BUY"
        trigger = "50000" if sign > 0 else "150000"
        for name, owner in (("a-stop", "alpha"), ("b-stop", "beta")):
            stage.bot("POST", "/fapi/v1/algoOrder", symbol="BTCUSDT", side=other, type="STOP_MARKET",
                      algoType="CONDITIONAL", triggerPrice=trigger, quantity="0.1", reduceOnly="true",
                      clientAlgoId=name)  # fmt: skip
            stage.owners[name] = owner
        stage.order(price="79000", newClientOrderId="b-1")
        stage.owners["b-1"] = "beta"
        proof = await reaching(stage, holds("alpha", f"{sign * 0.2}")).flatten(ALPHA)
        assert proof.done, proof
        assert stage.position() == Decimal(sign) * Decimal("0.3")
        left = {each.get("clientOrderId") or each.get("clientAlgoId") for each in stage.open_orders()}
        assert left == {"b-stop", "b-1"}
        sent = [row for row in stage.records if row.get("act") == "send"]
        assert {row["bot"] for row in sent} == {"alpha"}
        assert sum(Decimal(row["quantity"]) for row in sent) == Decimal("0.2")

    on_stage(act, TWO)


def test_what_is_smaller_than_its_part_is_closed_whole_and_never_turned() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.2")
        assert (await reaching(stage, holds("alpha", "0.5")).flatten(ALPHA)).done
        assert stage.position() == 0

    on_stage(act, TWO)


def test_what_others_hold_the_other_way_cannot_be_reduced_and_is_named() -> None:
    async def act(stage: Stage) -> None:
        stage.order(side="SELL", price="", quantity="0.2")
        proof = await reaching(stage, holds("alpha", "0.5")).flatten(ALPHA)
        assert not proof.done and "the other way" in str(proof.left)
        assert stage.position() == Decimal("-0.2")

    on_stage(act, TWO)


@pytest.mark.threat(62)
def test_where_nobody_knows_what_it_holds_nothing_is_closed() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.2")
        proof = await reaching(stage).flatten(ALPHA)
        assert not proof.done and "what alpha holds is not known" in proof.left[0]
        assert stage.position() == Decimal("0.2")

    on_stage(act, TWO)


def test_a_bot_that_holds_nothing_is_said_to_and_loses_its_stops() -> None:
    """What nobody owns is closed with the account alone."""

    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.2")
        stage.stop(clientAlgoId="a-stop")
        stage.owners["a-stop"] = "alpha"
        proof = await reaching(stage, holds("alpha", "0")).flatten(ALPHA)
        assert proof.done and "alpha holds nothing there, by the guard's books" in proof.text
        assert (stage.position(), stage.open_orders()) == (Decimal("0.2"), [])

    on_stage(act, TWO)


@pytest.mark.parametrize("fault", ["answer:503-unknown", "reset"])
def test_an_order_without_an_answer_never_has_others_parts_closed(fault: str) -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.fault(fault, "after", times=1, method="POST", path="/fapi/v1/order")
        proof = await reaching(stage, holds("alpha", "0.2")).flatten(ALPHA)
        assert stage.position() == Decimal("0.3")
        assert not proof.done and "an order had no answer" in str(proof.left)

    on_stage(act, TWO)


def test_of_a_strategy_each_bot_s_part_is_closed() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        books = {**holds("alpha", "0.2"), **holds("beta", "0.1")}
        proof = await reaching(stage, books).flatten(Reach("main", "usdm", None, ("alpha", "beta")))
        assert proof.done, proof
        assert stage.position() == Decimal("0.2")

    on_stage(act, {**TWO, "gamma": "main"})
