"""One child process: started, watched through a pidfd, started again."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterseal.adapters.process import die_with_parent
from counterseal.supervisor.decide import History, restart, restart_as_asked

_KEPT = ("PATH", "LANG", "TZ")


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep what a child needs to run Python; nothing else that the operator's shell holds reaches it."""
    return {name: value for name, value in environ.items() if name in _KEPT or name.startswith("PYTHON")}


def with_credentials(environ: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Add the name of systemd's folder of credentials, for the one child that reads passphrases and PINs there."""
    name = "CREDENTIALS_DIRECTORY"
    return {**environ, name: ours[name]} if name in ours else dict(environ)


def spawn(
    argv: Sequence[str], fds: Sequence[int], environ: Mapping[str, str], stdin: int | None = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a process of its own session that dies with us and inherits `fds` and the standard streams for output.

    `stdin` is None for a process that may read ours.
    Its own session: the terminal's Ctrl-C reaches the supervisor alone, which then drains. Raises OSError.
    """
    return subprocess.Popen(
        argv,
        pass_fds=fds,
        env=dict(environ),
        stdin=stdin,
        start_new_session=True,
        preexec_fn=die_with_parent,  # safe: the supervisor has one thread
    )


class Child:
    """A child kept alive. `launch` starts a process, `cleanup` frees what belonged to the one that ended.

    `clock_ms` is monotonic. `is_final` judges an exit status: after a final one no process is started until `replace`.
    To be used inside the running event loop.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], subprocess.Popen[bytes]],
        cleanup: Callable[[], None],
        clock_ms: Callable[[], int],
        say: Callable[[str], None],
        is_final: Callable[[int], bool] = lambda _code: False,
    ) -> None:
        self.name = name
        self._is_final = is_final
        self._launch, self._cleanup, self._clock_ms, self._say = launch, cleanup, clock_ms, say
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._started_ms = 0
        self._history = History()
        self._asked = self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._gone, self._ready = asyncio.Event(), asyncio.Event()
        self._gone.set()

    def start(self) -> None:
        """Start the process; a failure to start counts as a death."""
        self._timer = None
        self._started_ms = self._clock_ms()
        self._ready.clear()
        try:
            self._process = self._launch()
        except OSError as fault:
            self._say(f"{self.name} cannot be started: {fault.strerror}")
            self._after_end()
            return
        self._gone.clear()
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._reap)

    def mark_ready(self) -> None:
        """Note that the process says it serves."""
        self._ready.set()

    async def wait_ready(self) -> None:
        """Wait until the present or next process serves."""
        await self._ready.wait()

    async def wait_gone(self) -> None:
        """Wait until no process runs."""
        await self._gone.wait()

    def replace(self, end: Callable[[], None]) -> None:
        """Have `end` end the process and the next one started at once; without a process start one now.

        Once it is retired nothing is ended or started: what runs then is the last one.
        """
        if self._stopping:
            return
        if not self._gone.is_set():
            self._asked = True
            self._ready.clear()
            end()
        else:
            if self._timer is not None:
                self._timer.cancel()
            self.start()

    @property
    def is_retired(self) -> bool:
        """Whether no further process is started."""
        return self._stopping

    def retire(self) -> None:
        """Start no further process."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process if one runs; the pidfd cannot name a stranger."""
        if not self._gone.is_set():
            try:
                signal.pidfd_send_signal(self._pidfd, number)
            except ProcessLookupError:
                pass  # it has ended and is about to be reaped

    def view(self) -> dict[str, Any]:
        """What `status` shows."""
        alive = not self._gone.is_set()
        return {
            "pid": self._process.pid if alive and self._process else None,
            "ready": alive and self._ready.is_set(),
            "uptime_s": (self._clock_ms() - self._started_ms) // 1000 if alive else None,
            "restarts": self._history.total,
        }

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait() if self._process else 0
        self._gone.set()
        self._ready.clear()
        self._cleanup()
        if not self._stopping and self._is_final(code):
            self._asked = False
            return
        if not self._stopping and not self._asked:
            self._say(f"{self.name} ended {_cause(code)} and is started again")
        self._after_end()

    def _after_end(self) -> None:
        asked, self._asked = self._asked, False
        if self._stopping:
            return
        lived_ms = self._clock_ms() - self._started_ms
        self._history, delay_ms = restart_as_asked(self._history) if asked else restart(self._history, lived_ms)
        self._timer = self._loop.call_later(delay_ms / 1000, self.start)


def _cause(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with code {code}"
