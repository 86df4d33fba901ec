"""Waiting for a channel no longer than it may take, by the product's own clock."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.model import Failure
from counterseal.ports.alert_sink import SinkError
from counterseal.ports.clock import Clock

_T = TypeVar("_T")


async def within(seconds: float, work: Coroutine[Any, Any, _T], clock: Clock, tasks: Tasks) -> _T:
    """Give what the work gives. Raises what it raises, and SinkError when it takes too long; then it is cancelled.

    What does not heed its cancellation is not waited for.
    """
    done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()

    async def carry_out() -> None:
        try:
            result = await work
        except asyncio.CancelledError:
            raise
        except Exception as fault:  # noqa: BLE001  raised where it is waited for
            if not done.done():
                done.set_exception(fault)
        else:
            if not done.done():
                done.set_result(result)

    def late() -> None:
        if not done.done():
            done.set_exception(SinkError(Failure.TRANSIENT, "no answer in time"))
        task.cancel()

    task = tasks.spawn(carry_out(), "alert")
    timer = clock.call_later(seconds, late)
    try:
        return await done
    finally:
        timer.cancel()
        task.cancel()
