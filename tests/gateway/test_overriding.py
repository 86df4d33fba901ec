"""Loosened limits in the gateway: in force for orders at once, and over by its own clock if the guard is silent."""

from typing import Any

import pytest
from tests.gateway.rig import CONFIG, ORDER, Rig, on_virtual_time, why

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.overrides import Override, Place, override_data
from counterseal.gateway.overriding import Overriding

LIMIT = "max_order_notional = 50\n"
NOTIONAL = Place("alpha", "max_order_notional")


def row(value: str = "250", left_ms: int = 60_000) -> dict[str, Any]:
    at_ms = 1_795_392_000_000
    made = Override(NOTIONAL, value, at_ms + 3_600_000, at_ms, ("jane",), "a test")
    return {**override_data(made), "left_ms": left_ms}


def tell(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"type": "overrides", "rows": list(rows)}


class Told:
    """A rig whose bot may place 50 dollars, and what was told of changes."""

    def __init__(self) -> None:
        self.rig = Rig(LIMIT)
        self.changes: list[list[dict[str, Any]]] = []
        self.overriding = Overriding(self.rig.state, self.changes.append)

    async def places(self, name: str) -> str | None:
        return why(await self.rig.ask("POST", "/api/v3/order", f"{ORDER}&newClientOrderId={name}"))


@on_virtual_time
async def test_an_order_passes_while_its_limit_is_loosened_and_no_longer() -> None:
    told = Told()
    await told.rig.warm()
    assert await told.places("a") == "notional_over_limit"
    told.overriding.hear(tell(row(left_ms=800)))
    assert await told.places("b") is None
    assert [change[0]["value"] for change in told.changes] == ["250"]
    await told.rig.clock.advance(0.7)
    assert await told.places("c") is None
    await told.rig.clock.advance(0.2)
    assert await told.places("d") == "notional_over_limit"
    assert told.changes[-1] == [] and told.rig.state.config is told.overriding.written
    await told.rig.end()


@on_virtual_time
async def test_said_again_it_lasts_no_longer_and_what_is_not_said_is_over() -> None:
    told = Told()
    written = told.overriding.written
    told.overriding.hear(tell(row(left_ms=1_000)))
    await told.rig.clock.advance(0.9)
    told.overriding.hear(tell(row(left_ms=1_000)))
    assert len(told.changes) == 1 and told.rig.state.config is not written
    await told.rig.clock.advance(0.2)
    assert told.rig.state.config is written
    told.overriding.hear(tell(row("300")))
    assert told.rig.state.config is not written
    told.overriding.hear(tell())
    assert told.rig.state.config is written


@on_virtual_time
async def test_other_settings_are_taken_up_beside_it() -> None:
    told = Told()
    told.overriding.hear(tell(row()))
    found = load(CONFIG + LIMIT + "max_orders_10s = 7\n")
    assert isinstance(found, Config), found
    told.overriding.reloaded(found)
    bot = told.rig.state.config.bots["alpha"]
    assert (bot.max_order_notional, bot.max_orders_10s) == (250, 7)
    told.overriding.close()
    told.overriding.close()


@pytest.mark.parametrize(
    "message",
    [{}, {"rows": "all"}, tell({**row(), "left_ms": -1}), tell({**row(), "left_ms": 86_400_001}),
     tell({**row(), "left_ms": "1"}), tell({**row(), "limit": "share"}), tell(row(), {})],
)  # fmt: skip
def test_what_cannot_be_read_changes_nothing(message: dict[str, Any]) -> None:
    told = Told()
    told.overriding.hear(tell(row()))
    loosened = told.rig.state.config
    with pytest.raises(ValueError, match="not"):
        told.overriding.hear(message)
    assert told.rig.state.config is loosened and len(told.changes) == 1
