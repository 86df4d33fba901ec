"""Somebody outside hears that all is well, while it is."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from tests.guard.alerting.sinks import Log, in_loop

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Failure
from counterseal.core.secret import Secret
from counterseal.guard.alerting.outside import Outside
from counterseal.ports.alert_sink import SinkError


class Answer(NamedTuple):
    """As much of an answer as is looked at."""

    status: int


class Caller:
    """Answers as it is told; counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Answer | SinkError | None = Answer(200)
        self.closed = False

    async def post(self, url: Secret, content: bytes, headers: dict[str, str]) -> Answer:
        assert url.reveal() == b"https://life.example/hush" and content == b"" and not headers
        self.calls += 1
        if isinstance(self.answer, SinkError):
            raise self.answer
        return self.answer or await asyncio.Future()

    async def close(self) -> None:
        self.closed = True


@in_loop
async def test_it_is_called_as_long_as_all_is_well_and_no_longer(tmp_path: Path) -> None:
    clock, caller, log, well, failed = VirtualClock(), Caller(), Log(), [True], []
    tasks = Tasks(lambda _name, error: failed.append(error))
    outside = Outside(Secret(b"https://life.example/hush"), caller, 60.0)
    outside.start(lambda: well[0], clock, tasks, log)
    await clock.advance(180)
    assert caller.calls == 4
    well[0] = False
    await clock.advance(600)
    assert caller.calls == 4
    well[0] = True
    for answer, why in (
        (Answer(404), "answered 404"),
        (SinkError(Failure.TRANSIENT, "no connection"), "no connection"),
        (None, "no answer in time"),
    ):
        caller.answer = answer
        await clock.advance(75)
        assert log.lines[-1][2]["why"] == why
    assert outside.failures >= 3 and "hush" not in repr(log.lines)
    caller.answer = Answer(204)
    await clock.advance(120)
    assert outside.failures == 0 and failed == []
    await tasks.cancel_all()
    await outside.close()
    assert caller.closed
