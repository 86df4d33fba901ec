"""The gateway tells a guard that has just begun whose the orders are, also those of before its own start."""

from typing import Any

import pytest
from tests.gateway.failing_rig import FUTURES
from tests.gateway.guarded import Guarded
from tests.gateway.rig import ORDER, on_virtual_time
from tests.gateway.test_halts import asked, ready
from tests.gateway.test_limits import SPOT

from counterseal.core.orders import Entry
from counterseal.gateway.whose import AT_ONCE


def told(rig: Guarded) -> dict[tuple[str, str], dict[str, str]]:
    """Whose orders are, by place; the last message has the number of the question."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for message in rig.said("owners"):
        assert len(message["rows"]) <= AT_ONCE
        if message["rows"]:
            assert message["seq"] is None
            found.setdefault((message["account"], message["family"]), {}).update(map(tuple, message["rows"]))  # type: ignore[arg-type]
    return found


@on_virtual_time
async def test_all_that_rests_is_told_to_who_asks() -> None:
    rig = await ready()
    for path, name in ((FUTURES, "one"), (SPOT, "two"), (SPOT, "gone")):
        await asked(rig, "POST", path, f"{ORDER}&newClientOrderId={name}")
    rig.state.resting.resolve("spot", ["gone"])  # type: ignore[union-attr]
    await rig.tell({"type": "whose", "seq": 7})
    assert told(rig) == {("main", "usdm"): {"one": "alpha"}, ("main", "spot"): {"two": "alpha"}}
    assert rig.said("owners")[-1]["seq"] == 7
    await rig.end()


@on_virtual_time
async def test_an_id_is_known_from_before_the_gateway_s_start_too() -> None:
    """By its ledger, which the journal restores; nobody's stays nobody's."""
    rig = await ready()
    for number in range(3 * AT_ONCE):
        rig.state.ledger.open("usdm", (f"old-{number}",), Entry("beta", "x", b"", 0))
    ids = [*(f"old-{number}" for number in range(AT_ONCE - 1)), "nobody's"]
    await rig.tell({"type": "whose", "seq": 1, "account": "main", "family": "usdm", "ids": ids})
    assert told(rig) == {("main", "usdm"): {f"old-{number}": "beta" for number in range(AT_ONCE - 1)}}
    await rig.tell({"type": "whose", "seq": 2, "account": "main", "family": "spot", "ids": ["old-1"]})
    assert rig.said("owners")[-1] == {"type": "owners", "seq": 2, "account": "", "family": "", "rows": []}
    assert len(told(rig)) == 1
    await rig.end()


@pytest.mark.parametrize(
    "message",
    [
        {}, {"seq": "1"}, {"seq": 1, "ids": {}}, {"seq": 1, "ids": ["a"]},
        {"seq": 1, "account": 1, "family": "x", "ids": []},
        {"seq": 1, "account": "main", "family": "usdm", "ids": [1]},
        {"seq": 1, "account": "main", "family": "usdm", "ids": ["x"] * (AT_ONCE + 1)},
    ],
)  # fmt: skip
def test_nonsense_is_counted_and_answered_by_nothing(message: dict[str, Any]) -> None:
    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        await rig.tell({"type": "whose", **message})
        assert rig.link._link.bad == 1 and rig.said("owners") == []
        await rig.end()

    run()


@on_virtual_time
async def test_without_anything_at_rest_the_answer_is_empty() -> None:
    rig = await ready()
    rig.state.resting = None
    await rig.tell({"type": "whose", "seq": 1})
    assert [message["rows"] for message in rig.said("owners")] == [[]]
    await rig.end()
