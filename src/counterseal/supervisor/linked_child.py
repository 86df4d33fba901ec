"""A child that answers verbs on a control link of its own, and answers for the pairs that it shares with others."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from counterseal.adapters import config_file
from counterseal.adapters.home import Home
from counterseal.core.config.model import Fault
from counterseal.supervisor.child import Child, spawn
from counterseal.supervisor.link import Link, gone
from counterseal.supervisor.wires import Wire

# -P: what lies in the operator's working directory is never imported.
PYTHON = (sys.executable, "-P", "-m")

Clock = Callable[[], int]
Say = Callable[[str], None]


class LinkedChild(ABC):
    """Gateway or guard. Each process has its own control link, so that no reply reaches the wrong one.

    `answers_for` are the wires to others, by their names, for whose pair this child is to blame when it is shut: it is
    killed then, and its end brings the new pair.
    """

    def __init__(
        self,
        name: str,
        home: Home,
        answers_for: Mapping[str, Wire],
        command: Sequence[str],
        environ: Mapping[str, str],
        clock_ms: Clock,
        say: Say,
    ) -> None:
        self._name, self._home, self._answers_for = name, home, answers_for
        self._command, self._environ, self._say = command, environ, say
        self._link: Link | None = None
        self._alarms: list[int] = []
        self.child = Child(name, self._launch, self._cleanup, clock_ms, say)

    async def ask(self, verb: str, timeout_s: float, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask it; always a reply, with an error when none runs."""
        return await self._link.ask(verb, timeout_s, args=args) if self._link is not None else gone(self._name)

    async def reload_config(self, timeout_s: float) -> dict[str, Any]:
        """Have it take up counterseal.toml, opened here: a file replaced since its start is closed to it."""
        file = config_file.open_only(self._home.config)
        if isinstance(file, Fault):
            # Nobody else tells it that its policy is not the one that was meant.
            await self.ask("config_unreadable", timeout_s)
            return {"ok": False, "error": str(file)}
        try:
            return await self._link.ask("reload_config", timeout_s, [file]) if self._link else gone(self._name)
        finally:
            os.close(file)

    @abstractmethod
    def _fds(self) -> list[tuple[str, int]]:
        """Give the flags that name descriptors, with those that hold now."""

    @abstractmethod
    def _event(self, event: str, message: Mapping[str, Any]) -> None:
        """Hear what it says unasked."""

    def _launch(self) -> subprocess.Popen[bytes]:
        for wire in self._answers_for.values():
            wire.renew_if_shut()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = [*self._fds(), ("--control-fd", theirs.fileno())]
        with theirs:
            try:
                argv = (*self._command, "--home", str(self._home.root), *flags(fds))
                process = spawn(argv, [fd for _, fd in fds], self._environ)
            except OSError:
                ours.close()
                raise
        self._link = Link(ours, self._event, self._name)
        self._listen_to_alarms()
        return process

    def _listen_to_alarms(self) -> None:
        loop = asyncio.get_running_loop()
        for other, wire in self._answers_for.items():
            self._alarms.append(wire.pair.fileno())
            loop.add_reader(wire.pair.fileno(), self._pair_shut, other)

    def _deaf_to_alarms(self) -> None:
        alarms, self._alarms = self._alarms, []
        for alarm in alarms:
            asyncio.get_running_loop().remove_reader(alarm)

    def _pair_shut(self, other: str) -> None:
        """Kill it: of the two at a pair, it is the one that talks to strangers."""
        self._deaf_to_alarms()
        self._say(f"{self._name} shut its connection to the {other}; it is replaced, and they get another")
        self.child.signal(signal.SIGKILL)

    def _cleanup(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        self._deaf_to_alarms()
        for wire in self._answers_for.values():
            with suppress(OSError):  # no descriptor to be had: the next launch tries again, and says so
                wire.renew_if_shut()
            wire.drop_stale()


def flags(fds: Iterable[tuple[str, int]]) -> list[str]:
    """Give the arguments that name these descriptors."""
    return [word for name, fd in fds for word in (name, str(fd))]
