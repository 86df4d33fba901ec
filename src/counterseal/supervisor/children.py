"""How the two children are started and what belongs to each of them."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterseal.adapters.home import Home
from counterseal.supervisor.child import Child, spawn
from counterseal.supervisor.link import GONE, Link
from counterseal.supervisor.wires import Wires

# -P: what lies in the operator's working directory is never imported.
PYTHON = (sys.executable, "-P", "-m")
GATEWAY = (*PYTHON, "counterseal.gateway")
SIGNER = (*PYTHON, "counterseal.signer")

Clock = Callable[[], int]
Say = Callable[[str], None]


class SignerChild:
    """The signer with its lifeline (closing it ends the signer) and the pipe on which it says it serves."""

    def __init__(self, home: Home, wires: Wires, environ: Mapping[str, str], clock_ms: Clock, say: Say) -> None:
        self._home, self._wires, self._environ = home, wires, environ
        self._lifeline = self._ready = -1
        self.child = Child("signer", self._launch, self._cleanup, clock_ms, say)

    def end(self) -> None:
        """Close the lifeline."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _launch(self) -> subprocess.Popen[bytes]:
        lifeline, self._lifeline = os.pipe()
        self._ready, ready = os.pipe()
        fds = (self._wires.signer_end.fileno(), lifeline, ready)
        names = ("--gateway-fd", "--lifeline-fd", "--ready-fd")
        try:
            process = spawn((*SIGNER, "--home", str(self._home.root), *_flags(names, fds)), fds, self._environ)
        except OSError:
            self._cleanup()
            raise
        finally:
            os.close(lifeline)
            os.close(ready)
        asyncio.get_running_loop().add_reader(self._ready, self._says_ready)
        return process

    def _says_ready(self) -> None:
        if os.read(self._ready, 1):
            self.child.mark_ready()
        self._close_ready()

    def _cleanup(self) -> None:
        self.end()
        self._close_ready()

    def _close_ready(self) -> None:
        if self._ready >= 0:
            asyncio.get_running_loop().remove_reader(self._ready)
            os.close(self._ready)
            self._ready = -1


class GatewayChild:
    """The gateway with its control link; each process has its own pair, so no reply reaches the wrong one."""

    def __init__(
        self,
        home: Home,
        wires: Wires,
        command: Sequence[str],
        environ: Mapping[str, str],
        clock_ms: Clock,
        say: Say,
    ) -> None:
        self._home, self._wires, self._command, self._environ, self._say = home, wires, command, environ, say
        self._link: Link | None = None
        self.child = Child("gateway", self._launch, self._cleanup, clock_ms, say)

    async def ask(self, verb: str, timeout_s: float) -> dict[str, Any]:
        """Ask the gateway; always a reply, with an error when none runs."""
        return await self._link.ask(verb, timeout_s) if self._link is not None else dict(GONE)

    def _launch(self) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = (self._wires.listener.fileno(), self._wires.gateway_end.fileno(), theirs.fileno())
        flags = _flags(("--listen-fd", "--signer-fd", "--control-fd"), fds)
        with theirs:
            try:
                process = spawn((*self._command, "--home", str(self._home.root), *flags), fds, self._environ)
            except OSError:
                ours.close()
                raise
        self._link = Link(ours, self._event)
        return process

    def _event(self, event: str) -> None:
        if event == "ready":
            self.child.mark_ready()
            self._say(f"serving on {self._wires.listen}")

    def _cleanup(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        self._wires.drop_stale()


def _flags(names: Sequence[str], fds: Sequence[int]) -> list[str]:
    return [word for name, fd in zip(names, fds, strict=True) for word in (name, str(fd))]
