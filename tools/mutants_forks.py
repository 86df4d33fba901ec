"""Jobs in forked children, a few at a time: each starts with all that its parent has imported and leaves nothing."""

import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

Job = TypeVar("Job")
# What a mistake may take of the machine before it counts as noticed.
_MEMORY_BYTES = 6 << 30


class _Child(NamedTuple):
    pid: int
    fd: int
    until: float
    folder: Path


def forked(
    jobs: Iterable[Job], work: Callable[[Job, Path], str], children: int, seconds_of: Callable[[Job], float]
) -> Iterator[tuple[Job, str]]:
    """Give each job with what `work` said of it, as they end: "crash" when it died, "time" when it took too long.

    `work` gets a folder of its own, which is removed afterwards.
    """
    waiting, running = iter(jobs), dict[int, tuple[_Child, Job]]()
    poll = select.poll()
    try:
        while True:
            while len(running) < children and (job := next(waiting, None)) is not None:
                child = _start(job, work, seconds_of(job))
                poll.register(child.fd, select.POLLIN)
                running[child.fd] = child, job
            if not running:
                return
            ended = {fd for fd, _ in poll.poll(200)}
            for fd, (child, job) in list(running.items()):
                if fd in ended or time.monotonic() > child.until:
                    poll.unregister(fd)
                    del running[fd]
                    yield job, _end(child)
    finally:
        for child, _ in running.values():
            _end(child)


def _start(job: Job, work: Callable[[Job, Path], str], seconds: float) -> _Child:
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_child(job, work, folder)
    return _Child(pid, os.pidfd_open(pid), time.monotonic() + seconds, folder)


def _be_child(job: Job, work: Callable[[Job, Path], str], folder: Path) -> None:
    """Do the work with nothing to be seen of it but its word."""
    try:
        os.setsid()
        silent = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(silent, fd)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        scratch = folder / "scratch"
        scratch.mkdir()
        os.chdir(scratch)
        (folder / "said").write_text(work(job, scratch), encoding="utf-8")
    finally:
        os._exit(0)


def _end(child: _Child) -> str:
    """Take the child's word, and leave nothing of it."""
    is_late = os.waitpid(child.pid, os.WNOHANG) == (0, 0)
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all of its group have ended
    if is_late:
        os.waitpid(child.pid, 0)
    os.close(child.fd)
    said = child.folder / "said"
    word = said.read_text(encoding="utf-8") if said.exists() else "time" if is_late else "crash"
    shutil.rmtree(child.folder, ignore_errors=True)
    return word
