"""When a signer that serves is left alone, and when one is ended or started although no successor can be made."""

import asyncio
import signal
import subprocess
from collections.abc import Coroutine
from typing import Any

import pytest

from counterseal.supervisor.child import Child
from counterseal.supervisor.operator import Operator


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"])


class Signer:
    """A signer's child that cannot be given a successor; its process is real."""

    is_alone = False

    def __init__(self, *, ends_while_one_is_made: bool = False) -> None:
        self.child = Child("signer", sleeper, lambda: None, lambda: 0, lambda _text: None)
        self._is_told_to_end = ends_while_one_is_made

    async def prepare(self, _within_s: float) -> bool:
        if self._is_told_to_end:
            self.child.retire()
        return False

    def refill(self) -> None:
        self.child.replace(lambda: self.child.signal(signal.SIGKILL))
        asyncio.get_running_loop().call_later(0.02, self.child.mark_ready)

    def view(self) -> dict[str, Any]:
        return self.child.view()

    @property
    def pid(self) -> int | None:
        pid: int | None = self.child.view()["pid"]
        return pid

    async def asked(self, **args: str) -> dict[str, Any]:
        operator: Any = Operator
        answer: dict[str, Any] = await operator(self, None, None, dict).handle("restart_signer", args)
        return answer

    async def end(self) -> None:
        self.child.retire()
        self.child.signal(signal.SIGKILL)
        await self.child.wait_gone()


def ran(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


@pytest.mark.parametrize("args", [{}, {"keep": "yes"}])
@pytest.mark.parametrize("is_late", [False, True])
def test_what_is_being_ended_keeps_its_signer(args: dict[str, str], is_late: bool) -> None:
    """The gateway still drains, and nobody would start another signer; also when the end is asked for meanwhile."""

    async def act() -> None:
        signer = Signer(ends_while_one_is_made=is_late)
        signer.child.start()
        before = signer.pid
        if not is_late:
            signer.child.retire()
        answer = await signer.asked(**args)
        assert answer["ok"] is False and "being ended" in answer["error"]
        signer.refill()
        await asyncio.sleep(0.05)
        assert before is not None and signer.pid == before
        await signer.end()
        signer.child.replace(lambda: None)
        assert signer.pid is None

    ran(act())


def test_asked_to_keep_one_that_serves_it_stays_where_no_other_can_be_made() -> None:
    async def act() -> None:
        signer = Signer()
        signer.child.start()
        before = signer.pid
        answer = await signer.asked(keep="yes")
        assert answer["ok"] is False and "serves on" in answer["error"] and signer.pid == before
        assert (await signer.asked())["ok"] is True
        assert signer.pid not in (None, before)
        await signer.end()

    ran(act())


def test_where_there_is_none_to_keep_one_is_started() -> None:
    """The one before had ended for good: what was wrong with the key file has just been mended."""

    async def act() -> None:
        signer = Signer()
        assert (await signer.asked(keep="yes"))["ok"] is True
        assert signer.pid is not None
        await signer.end()

    ran(act())
