"""A drill's report says no more than was seen: each thing that is missing makes it fail, and says so."""

from typing import Any

import pytest

from counterseal.cli.drill_report import DEADLINE_MS, TOLD, Report, render
from counterseal.cli.drill_world import Found
from counterseal.core.emergency import PLANS, REVOKE, Done, Subject

GOOD = Found(20, 9, ("halted",), -8, 0, TOLD, len(PLANS[Subject.KEY]) + 2)


def report(found: Found = GOOD, steps: tuple[Done, ...] | None = None) -> Report:
    made = [Done(step, True, "as | it is", 100 * n, 50) for n, step in enumerate(PLANS[Subject.KEY], 1)]
    return Report(1_795_000_000_000, 1_795_000_005_000, "jane", "paper", tuple(made) if steps is None else steps, found)


def test_a_drill_in_which_all_is_seen_has_passed() -> None:
    good = report()
    text = render(good)
    assert good.is_passed and ": passed" in text and "| NO |" not in text
    assert "From freeze to proven dead: 0.65 s" in text and "as \\| it is" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"placed_before": 0}, "the bot was under way"),
        ({"last_order_ms": 160}, "no order reaches the exchange"),
        ({"last_order_ms": None}, "no order reaches the exchange"),
        ({"refused_after": 0}, "the bot is told so"),
        ({"reasons": ("accepted", "halted")}, "the bot is told so"),
        ({"open_orders": 1}, "nothing rests"),
        ({"open_orders": None}, "nothing rests"),
        ({"alerts": TOLD[:-1]}, "people were told"),
        ({"journalled": 3}, "every step is on the guard's record"),
    ],
)
def test_whatever_is_not_seen_makes_it_fail(change: dict[str, Any], said: str) -> None:
    bad = report(GOOD._replace(**change))
    lines = [line for line in render(bad).splitlines() if line.endswith("| NO |")]
    assert not bad.is_passed and len(lines) == 1 and said in lines[0]
    assert "FAILED" in render(bad)


def test_a_step_that_is_not_proven_or_too_late_makes_it_fail() -> None:
    steps = report().steps
    assert not report(steps=(*steps[:-1], steps[-1]._replace(done=False))).is_passed
    late = tuple(one._replace(begun_ms=DEADLINE_MS) if one.step is REVOKE else one for one in steps)
    assert not report(steps=late).is_passed
    assert not report(steps=()).is_passed
