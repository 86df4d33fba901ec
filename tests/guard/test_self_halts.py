"""What the guard makes of a bot's word: a trip of that bot to HALTED, and nothing else."""

from typing import Any

import pytest
from tests.guard.test_verbs import Desk

from counterseal.guard.self_halts import SelfHalts


class Told(Desk):
    """A desk whose gateway speaks."""

    def __init__(self, *, has_settings: bool = True) -> None:
        super().__init__(has_settings=has_settings)
        self.answers: list[Any] = []
        self.self_halts = SelfHalts(self.stopping, lambda: self.config, self._answer, self.clock)

    def _answer(self, message: Any) -> None:
        self.answers.append(message)

    def hear(self, *rows: Any) -> None:
        self.self_halts.hear({"type": "halts", "wanted": list(rows)})


def row(bot: str = "alpha", *, cancels: bool = False, cause: str = "the bot's own word") -> dict[str, Any]:
    return {"bot": bot, "cause": cause, "cancels": cancels}


@pytest.mark.threat(62)
def test_it_is_latched_recorded_told_and_given_back_by_an_operator_alone() -> None:
    desk = Told()
    desk.hear(row(cause="c" * 1_000))
    assert desk.rungs() == {"bot alpha": "HALTED"}
    (record,) = desk.records
    assert (record["type"], record["act"], record["actor"], record["who"]) == ("ladder", "trip", "bot", "alpha")
    assert len(record["cause"]) == 400
    assert desk.answers == [{"type": "halts_ack", "bots": [{"bot": "alpha", "cancels": False}]}]
    assert [trip.cancels for trip, _ in desk.acts] == [False]
    assert desk.alerts == ["ladder_halted"]
    assert desk.ask("resume", scope="bot alpha")["is_done"] and desk.rungs() == {}


def test_the_same_again_is_confirmed_and_costs_nothing() -> None:
    desk = Told()
    for _ in range(5):
        desk.hear(row())
    assert (len(desk.records), len(desk.acts), len(desk.answers)) == (1, 1, 5)
    # More than before is news: its orders shall go too.
    desk.hear(row(cancels=True))
    assert (len(desk.records), len(desk.acts)) == (2, 2)
    assert desk.answers[-1]["bots"] == [{"bot": "alpha", "cancels": True}]


def test_a_higher_rung_stays() -> None:
    desk = Told()
    desk.ask("flatten", scope="bot gamma")
    desk.hear(row("gamma"))
    assert desk.rungs() == {"bot gamma": "FLATTEN"} and desk.answers[-1]["bots"][0]["bot"] == "gamma"


@pytest.mark.threat(62)
def test_nobody_is_halted_whom_the_settings_do_not_name() -> None:
    """A gateway in other hands cannot fill ladder and journal with names."""
    desk = Told()
    desk.hear(row("nobody"), row("fleet"), row("account main"))
    assert (desk.rungs(), desk.records, desk.answers) == ({}, [], [{"type": "halts_ack", "bots": []}])


def test_without_settings_the_gateway_s_word_is_enough() -> None:
    desk = Told(has_settings=False)
    desk.hear(row())
    assert desk.rungs() == {"bot alpha": "HALTED"}


@pytest.mark.parametrize(
    "message",
    [
        {}, {"wanted": {}}, {"wanted": [1]}, {"wanted": [{}]}, {"wanted": [{**row(), "bot": ""}]},
        {"wanted": [{**row(), "bot": 1}]}, {"wanted": [{**row(), "cause": None}]},
        {"wanted": [{**row(), "cancels": 1}]}, {"wanted": [row(), {**row(), "cancels": None}]},
    ],
)  # fmt: skip
def test_nonsense_halts_nobody(message: Any) -> None:
    desk = Told()
    with pytest.raises(ValueError, match="no halt"):
        desk.self_halts.hear(message)
    assert (desk.rungs(), desk.answers) == ({}, [])
