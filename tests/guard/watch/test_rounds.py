"""Work that begins together does not go on together; none of it is done less often for that."""

import asyncio

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.guard.watch.plan import BOUND_MS, plan_of
from counterseal.guard.watch.rounds import Rounds


def test_the_second_turn_is_later_by_so_much_and_then_it_keeps_its_time() -> None:
    began: dict[str, list[int]] = {"one": [], "other": []}

    async def story() -> None:
        clock = VirtualClock()
        rounds = Rounds(clock, Tasks(lambda _name, _error: None))

        def work(name: str) -> None:
            async def note() -> bool:
                began[name].append(clock.monotonic_ns() // 1_000_000)
                return True

            rounds.every(name, note, 3_000, 2_000, 1_000 if name == "other" else 0)

        work("one")
        work("other")
        for _ in range(110):
            rounds.step()
            await clock.advance(0.1)

    asyncio.run(story())
    assert began == {"one": [0, 3_000, 6_000, 9_000], "other": [0, 4_000, 7_000, 10_000]}


def test_no_account_gets_too_old_by_it() -> None:
    for family in ("spot", "usdm", "coinm"):
        for accounts in range(1, 60):
            plan = plan_of(family, accounts)
            assert plan.account_ms + plan.late_ms < BOUND_MS or not plan.fits or plan.late_ms == 0
