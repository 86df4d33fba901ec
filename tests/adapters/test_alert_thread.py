"""Blocking calls in threads: one at a time, and nobody waits for them at the end."""

import asyncio
import logging
import threading

import pytest

from counterseal.adapters.alert_thread import OneAtATime, silence
from counterseal.ports.alert_sink import SinkError


def test_it_gives_what_the_call_gives_and_raises_what_it_raises() -> None:
    def fails() -> int:
        raise LookupError("no")

    async def work() -> None:
        one = OneAtATime("x")
        assert await one.run(lambda: 7) == 7
        with pytest.raises(LookupError):
            await one.run(fails)
        assert await one.run(lambda: None) is None

    asyncio.run(work())


def test_a_call_that_nobody_waits_for_ends_by_itself() -> None:
    """Given up by whoever waited, it blocks the next until it has come back; after the loop's end it harms nobody."""
    gate = threading.Event()

    async def work() -> None:
        one = OneAtATime("x")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.run(gate.wait), 0.05)
        with pytest.raises(SinkError, match="still being sent"):
            await one.run(lambda: 1)
        gate.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            try:
                assert await one.run(lambda: 1) == 1
            except SinkError:
                continue
            return
        pytest.fail("it never came back")

    asyncio.run(work())


def test_a_call_that_outlives_the_loop_harms_nobody() -> None:
    gate, ended = threading.Event(), threading.Event()

    def late() -> None:
        gate.wait()
        ended.set()

    async def work() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(OneAtATime("x").run(late), 0.05)

    asyncio.run(work())
    gate.set()
    assert ended.wait(5)


def test_a_silenced_library_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    silence("some.library")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("some.library").critical("https://hush")  # noqa: TID251
    assert caplog.text == ""
