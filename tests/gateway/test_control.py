"""The supervisor's channel: verbs, verbs that come with an open file, what is no verb."""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters.tasks import Tasks
from counterseal.gateway.control import Control, ControlError

Ask = Callable[..., dict[str, Any]]


class Service:
    """Answers two verbs and remembers the descriptor that it was given."""

    def __init__(self) -> None:
        self.file = -1

    async def status(self) -> dict[str, Any]:
        return {"fine": True}

    async def read(self, file: int) -> dict[str, Any]:
        self.file = file
        text = os.read(file, 100).decode()
        if not text:
            raise ControlError("the file is empty")
        return {"text": text, "inheritable": os.get_inheritable(file)}


@pytest.fixture(name="service")
def _service() -> Service:
    return Service()


@pytest.fixture(name="ask")
def _ask(service: Service) -> Iterator[Ask]:
    """One request over a real pair, each in a loop of its own."""

    async def exchange(verb: str, files: list[int]) -> dict[str, Any]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        failures: list[str] = []
        control = Control(
            theirs, {"status": service.status}, {"read": service.read}, Tasks(lambda name, _: failures.append(name)),
            lambda: None,
        )  # fmt: skip
        with ours:
            ours.setblocking(False)
            control.start()
            socket.send_fds(ours, [json.dumps({"id": 7, "verb": verb}).encode()], files)
            answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, 65_536), 5)
            await asyncio.sleep(0)  # the task's own end comes after its answer
            control.close()
        assert failures == []
        return dict(json.loads(answer))

    yield lambda verb, files=(): asyncio.run(exchange(verb, list(files)))


def is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


def test_a_verb_is_answered(ask: Ask) -> None:
    assert ask("status") == {"id": 7, "ok": True, "result": {"fine": True}}


def test_a_file_that_comes_along_is_read_and_closed(ask: Ask, service: Service, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("settings")
    with (tmp_path / "given").open() as given:
        answer = ask("read", [given.fileno()])
        assert answer == {"id": 7, "ok": True, "result": {"text": "settings", "inheritable": False}}
        assert service.file != given.fileno() and not is_open(service.file)


def test_a_file_is_closed_after_a_fault_too(ask: Ask, service: Service) -> None:
    with Path(os.devnull).open() as given:
        assert ask("read", [given.fileno()]) == {"id": 7, "ok": False, "error": "the file is empty"}
        assert not is_open(service.file)


def test_files_beyond_the_first_do_not_arrive(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("settings")
    before = len(os.listdir("/proc/self/fd"))
    with (tmp_path / "given").open() as given:
        assert ask("read", [given.fileno()] * 5)["ok"] is True
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("verb", ["read", "no_such_verb", ""])
def test_no_verb_and_no_file_is_told(ask: Ask, verb: str) -> None:
    answer = ask(verb)
    assert (answer["ok"], answer["id"]) == (False, 7)
    assert "does not know this verb" in answer["error"]
