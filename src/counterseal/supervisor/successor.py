"""A signer that is made beside the one that serves, so that a change of keys costs nobody more than a moment."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_WORD = 256


class Pipes(NamedTuple):
    """Our ends: closing `lifeline` ends it, closing `after` lets it serve; `ready` is what it tells on."""

    lifeline: int
    ready: int
    after: int


@dataclass(frozen=True, slots=True)
class Successor:
    """One that has its keys and waits for its turn. `page` is the memory that they lie in, None where it is its own."""

    process: "subprocess.Popen[bytes]"
    pipes: Pipes
    page: int | None

    def give_up(self) -> None:
        """End it, and everything that was made for it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for fd in (*self.pipes, *(() if self.page is None else (self.page,))):
            os.close(fd)


Start = Callable[[Sequence[tuple[str, int]], int | None], "subprocess.Popen[bytes]"]


async def make(start: Start, page: int | None, level: str, within_s: float) -> Successor | None:
    """Start one and wait until it has its keys in memory of at least `level`; None when it does not get there.

    `start` is given the flags that name descriptors, and the memory. Raises OSError.
    """
    made = _started(start, page)
    try:
        is_loaded = await _tells(made, level, within_s)
    except BaseException:
        made.give_up()
        raise
    if not is_loaded:
        made.give_up()
        return None
    return made


def _started(start: Start, page: int | None) -> Successor:
    theirs, ours = zip(*[(read, write) for read, write in (os.pipe(), os.pipe())], strict=True)
    ready, their_ready = os.pipe()
    pipes = Pipes(ours[0], ready, ours[1])
    named = (("--lifeline-fd", theirs[0]), ("--ready-fd", their_ready), ("--after-fd", theirs[1]))
    try:
        return Successor(start(named, page), pipes, page)
    except OSError:
        for fd in (*pipes, *(() if page is None else (page,))):
            os.close(fd)
        raise
    finally:
        for _, fd in named:
            os.close(fd)


async def _tells(made: Successor, level: str, within_s: float) -> bool:
    """Wait for its word; a pipe that closes without one tells that it has ended."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(made.pipes.ready, told.set)
    try:
        await asyncio.wait_for(told.wait(), within_s)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(made.pipes.ready)
    word = os.read(made.pipes.ready, MAX_WORD)
    return bool(word) and json.loads(word).get("loaded") == level
