"""LIM-1: after every step of a random history each sum is what the oracle makes of the whole of it.

`LIM1_STEPS` says how many steps each of the seeds takes: 50,000 is the whole, `make test` takes one in a hundred.
"""

import os
from collections import Counter

import pytest
from tests.core.exposure.world import World

SEEDS, WHOLE = 20, 50_000
STEPS = int(os.environ.get("LIM1_STEPS", str(WHOLE // 100)))
_counts: Counter[str] = Counter()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_sum_is_the_oracles_at_every_step(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    _counts.update(world.counts)
    assert world.counts["accepted"] or STEPS < 200
    assert world.counts["refused"] or STEPS < 200


def test_how_much_was_done() -> None:
    print(f"LIM-1: {SEEDS} seeds x {STEPS} of {WHOLE} steps: {dict(sorted(_counts.items()))}")
    done = {"place", "settle", "fill", "end", "price", "state", "modify", "list", "batch", "old", "restart"}
    assert done <= set(_counts)
    assert {"ACCEPTED", "REJECTED", "UNKNOWN", "NOT_SENT", "ABSENT"} <= set(_counts)
