"""The operators' socket: one line in, one line out, and who may connect."""

import asyncio
import json
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters.control_socket import (
    MAX_LINE,
    ControlError,
    NotRunningError,
    bind,
    call,
    parse_request,
    serve,
)
from counterseal.adapters.home import HomeError
from counterseal.adapters.peer import Peer, peer_of, refusal


async def _answer(verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
    if verb == "slow":
        await asyncio.sleep(1)
    return {"ok": verb != "bad", "result": {"verb": verb, **(args if verb == "told" else {})}, "error": "no such thing"}


@contextmanager
def _serving(path: Path, own_uid: int) -> Iterator[Path]:
    """Serve in a thread until the block ends."""
    listener = bind(path)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve(listener, _answer, own_uid))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield path
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_cancel_others())
        loop.run_until_complete(server.wait_closed())
        loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Iterator[Path]:
    with _serving(tmp_path / "control.sock", os.geteuid()) as path:
        yield path


def _raw(path: Path, request: bytes) -> list[Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as incoming:
            return [json.loads(line) for line in incoming]


def test_a_verb_gets_its_result_and_a_refusal_its_reason(path: Path) -> None:
    assert call(path, "status", 5) == {"verb": "status"}
    with pytest.raises(ControlError, match="no such thing"):
        call(path, "bad", 5)


def test_arguments_arrive_with_the_user_that_the_kernel_names(path: Path) -> None:
    """A caller cannot name another user."""
    told = call(path, "told", 5, {"bot": "alpha", "uid": "0"})

    assert told == {"verb": "told", "bot": "alpha", "uid": os.geteuid()}


def test_several_requests_on_one_connection_are_answered_in_order_with_their_ids(path: Path) -> None:
    answers = _raw(path, b'{"id": 4, "verb": "a"}\n{"id": 9, "verb": "b"}\n')

    assert [(answer["id"], answer["result"]["verb"]) for answer in answers] == [(4, "a"), (9, "b")]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[1]\n",
        b'{"id": "1", "verb": "status"}\n',
        b'{"id": true, "verb": "a"}\n',
        b"\xff\n",
        b"[" * 9999,
    ],
)
def test_what_is_no_request_is_refused_and_the_next_caller_served(path: Path, line: bytes) -> None:
    (answer,) = _raw(path, line)

    assert answer["ok"] is False
    assert "one line" in answer["error"]
    assert call(path, "status", 5) == {"verb": "status"}


def test_a_line_without_end_is_refused(path: Path) -> None:
    (answer,) = _raw(path, b"x" * (MAX_LINE + 10))

    assert "longer than" in answer["error"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may everywhere")
def test_another_user_is_refused_with_the_reason(tmp_path: Path) -> None:
    with (
        _serving(tmp_path / "control.sock", os.geteuid() + 1) as path,
        pytest.raises(ControlError, match="may not"),
    ):
        call(path, "status", 5)


@pytest.mark.parametrize(
    ("uid", "own", "allowed"), [(1000, 1000, True), (0, 1000, True), (1001, 1000, False), (1000, 0, False)]
)
def test_the_owner_and_root_may(uid: int, own: int, allowed: bool) -> None:
    assert (refusal(Peer(pid=1, uid=uid, gid=1), own) is None) == allowed


@pytest.mark.threat(59)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user_is_refused_by_the_kernels_word() -> None:
    # Not below tmp_path, which is closed to others.
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder) / "control.sock", 0) as path:
        path.parent.chmod(0o755)
        path.chmod(0o666)
        child = os.fork()
        if child == 0:
            os.setuid(12345)
            try:
                call(path, "status", 5)
            except ControlError as refused:
                os._exit(7 if "user 12345 may not" in str(refused) else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_the_kernel_names_the_peer() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert peer_of(one) == Peer(os.getpid(), os.geteuid(), os.getegid())


def test_nobody_listening_and_no_answer_are_told_apart(path: Path) -> None:
    with pytest.raises(NotRunningError, match="counterseal up"):
        call(path.with_name("other.sock"), "status", 5)
    with pytest.raises(ControlError, match="no answer within"):
        call(path, "slow", 0.1)


def test_the_socket_is_0600_whatever_the_umask_and_replaces_a_stale_one(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        bind(tmp_path / "control.sock").close()
        with bind(tmp_path / "control.sock") as again:
            assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
            assert again.getsockname() == str(tmp_path / "control.sock")
    finally:
        os.umask(before)


def test_a_path_too_long_for_a_socket_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="shorter --home"):
        bind(tmp_path / ("x" * 110))


def test_requests_are_parsed_strictly() -> None:
    assert parse_request(b'{"id": 1, "verb": "status", "more": 2}') == (1, "status", {})
    assert parse_request(b'{"id": 1, "verb": "a", "args": {"bot": "b"}}') == (1, "a", {"bot": "b"})
    assert parse_request(b'{"id": 1, "verb": "a", "args": {"bot": 1}}') is None
    assert parse_request(b'{"id": 1, "verb": "a", "args": ["bot"]}') is None
    assert parse_request(b'{"id": 1.0, "verb": "status"}') is None
