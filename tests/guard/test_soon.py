"""What waits for a moment comes in its order, once, and at once when the guard ends."""

import asyncio

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.guard.soon import SOON_S, Soon


def test_what_waits_comes_a_moment_later_and_once() -> None:
    clock, told = VirtualClock(), list[int]()
    soon = Soon(told.append, clock)
    soon(1)
    soon(2)
    assert told == []
    asyncio.run(clock.advance(SOON_S))
    assert told == [1, 2]
    soon(3)
    soon.flush()
    assert told == [1, 2, 3]
    asyncio.run(clock.advance(1))
    assert told == [1, 2, 3]
