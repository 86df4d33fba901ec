"""A helper that is started every hour, does its work and ends."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

from counterseal.supervisor.child import spawn

EVERY_S = 3600.0


class Hourly:
    """To be used inside the running event loop. `complaint` is what to say where `argv` cannot be started."""

    def __init__(
        self, argv: Sequence[str], environ: Mapping[str, str], complaint: str, say: Callable[[str], None]
    ) -> None:
        self._argv, self._environ, self._complaint, self._say = argv, environ, complaint, say

    def start(self) -> None:
        """Look every hour from now on."""
        asyncio.get_running_loop().call_later(EVERY_S, self._look)

    def _look(self) -> None:
        try:
            process = spawn(self._argv, (), self._environ)
        except OSError as fault:
            self._say(f"{self._complaint}: {fault.strerror}")
        else:
            _reap_later(process)
        self.start()


def _reap_later(process: "subprocess.Popen[bytes]") -> None:
    loop, pidfd = asyncio.get_running_loop(), os.pidfd_open(process.pid)

    def reap() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        process.wait()

    loop.add_reader(pidfd, reap)
