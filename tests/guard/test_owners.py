"""Whose an order is: by events, by the gateway's answers, and by nobody's word where nobody knows."""

import asyncio
from typing import Any

import pytest

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.guard import owners as module
from counterseal.guard.owners import ANSWER_S, AT_ONCE, Owners


class Desk:
    """Owners whose gateway is the test."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.asked: list[dict[str, Any]] = []
        self.owners = Owners(lambda message: self.asked.append(dict(message)), self.clock)

    def answer(self, number: int | None, *rows: list[str]) -> None:
        self.owners.answered({"type": "owners", "seq": number, "account": "main", "family": "usdm", "rows": list(rows)})


def event(owner: str | None, client_id: str) -> dict[str, Any]:
    body = {"e": "executionReport", "s": "BTCUSDT", "c": client_id, "i": 7, "X": "NEW"}
    place = {"what": "order", "account": "main", "family": "spot", "owner": owner}
    return {**place, "kind": "executionReport", "body": body}


def test_an_event_tells_whose_an_order_is() -> None:
    desk = Desk()
    desk.owners.hear(event("alpha", "a-1"))
    desk.owners.hear(event(None, "x-1"))
    desk.owners.hear({"what": "account", "owner": "alpha", "kind": "x", "body": {}})
    assert desk.owners.of("main", "spot", "a-1") == "alpha"
    assert desk.owners.of("main", "spot", "x-1") is None is desk.owners.of("main", "usdm", "a-1")


def test_what_nobody_knows_is_asked_for_and_waited_for() -> None:
    desk = Desk()
    desk.owners.ask()
    desk.answer(None, ["a-1", "alpha"])
    desk.answer(1)

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(desk.owners.learn("main", "usdm", ["a-1", "b-1", "x"]))
        await desk.clock.advance(0.1)
        assert not task.done()
        desk.answer(None, ["b-1", "beta"])
        desk.answer(2)
        await desk.clock.advance(0.01)
        assert task.done()
        # Known by now, and asked for no more.
        await desk.owners.learn("main", "usdm", ["a-1", "b-1"])

    asyncio.run(run())
    assert desk.asked == [
        {"type": "whose", "seq": 1},
        {"type": "whose", "seq": 2, "account": "main", "family": "usdm", "ids": ["b-1", "x"]},
    ]
    assert [desk.owners.of("main", "usdm", name) for name in ("a-1", "b-1", "x")] == ["alpha", "beta", None]


def test_without_ids_all_that_rests_is_asked_for() -> None:
    desk = Desk()

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(desk.owners.learn("main", "usdm", ()))
        await desk.clock.advance(0.1)
        assert desk.asked == [{"type": "whose", "seq": 1}] and not task.done()
        desk.answer(1)
        await desk.clock.advance(0.01)
        assert task.done()

    asyncio.run(run())


def test_a_gateway_that_does_not_answer_is_waited_for_a_moment_only() -> None:
    desk = Desk()

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(
            desk.owners.learn("main", "usdm", [f"a-{n}" for n in range(2 * AT_ONCE + 1)])
        )
        await desk.clock.advance(ANSWER_S - 0.1)
        assert not task.done()
        await desk.clock.advance(0.2)
        assert task.done()

    asyncio.run(run())
    assert [len(each["ids"]) for each in desk.asked] == [AT_ONCE, AT_ONCE, 1]


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 10)
    desk = Desk()
    desk.answer(1, *[[f"a-{number}", "alpha"] for number in range(15)])
    assert [desk.owners.of("main", "usdm", f"a-{number}") for number in (4, 5)] == [None, "alpha"]


@pytest.mark.parametrize("rows", [None, {}, [1], [["a"]], [["a", 1]], [["a", "b", "c"]]])
def test_nonsense_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="no owner"):
        Desk().owners.answered({"type": "owners", "seq": 1, "rows": rows})
