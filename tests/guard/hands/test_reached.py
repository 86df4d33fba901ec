"""What a scope of the ladder reaches is cancelled and closed, and nobody else's."""

from tests.guard.hands.house import Stage, on_stage

from counterseal.core.reach import Reach
from counterseal.guard.hands.reached import Reaching

TWO = {"alpha": "main", "beta": "main"}


def reaching(stage: Stage) -> Reaching:
    return Reaching(stage.hands, stage.hands._config, lambda _account, _family, name: stage.owners.get(name))


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
