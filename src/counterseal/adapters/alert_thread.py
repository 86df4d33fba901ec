"""Work of libraries that block, in a thread that nobody waits for at the end."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from counterseal.core.alerts.model import Failure
from counterseal.ports.alert_sink import SinkError

_T = TypeVar("_T")


class OneAtATime:
    """Runs one call at a time. One that hangs keeps its own channel busy and nothing else."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._busy = False

    async def run(self, work: Callable[[], _T]) -> _T:
        """Give what the call gives. Raises what it raises, and SinkError while an earlier one has not come back."""
        if self._busy:
            raise SinkError(Failure.TRANSIENT, "an earlier message is still being sent")
        self._busy = True
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(value: _T | None, error: BaseException | None) -> None:
            self._busy = False
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(value)  # type: ignore[arg-type]  # None only beside an error, or as the value itself

        def call() -> None:
            value, error = None, None
            try:
                value = work()
            except Exception as fault:  # noqa: BLE001  it is raised where it is waited for
                error = fault
            try:
                loop.call_soon_threadsafe(settle, value, error)
            except RuntimeError:
                pass  # the loop has ended; nobody waits any more

        threading.Thread(target=call, name=self._name, daemon=True).start()
        return await done


def silence(*names: str) -> None:
    """Have libraries write no log of their own: it would hold URLs whose path is a secret."""
    for name in names:
        logging.getLogger(name).disabled = True  # noqa: TID251  not to log, but to stop others from it
