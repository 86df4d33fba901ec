"""How the two children are started and what belongs to each of them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from counterseal.adapters import config_file
from counterseal.adapters.home import Home
from counterseal.core.config.model import Fault
from counterseal.supervisor.child import Child, spawn
from counterseal.supervisor.keeper import Keeper
from counterseal.supervisor.link import GONE, Link
from counterseal.supervisor.wires import Wires

# -P: what lies in the operator's working directory is never imported.
PYTHON = (sys.executable, "-P", "-m")
GATEWAY = (*PYTHON, "counterseal.gateway")
SIGNER = (*PYTHON, "counterseal.signer")
# The signer's exit status when starting it again changes nothing (`signer.filling`).
NEEDS_OPERATOR = 3
MAX_REPORT = 65_536

Clock = Callable[[], int]
Say = Callable[[str], None]


class SignerChild:
    """The signer with its lifeline (closing it ends the signer) and the pipe on which it says it serves.

    `on_helpless` is called when a first signer ended and only an operator can help.
    """

    def __init__(
        self,
        home: Home,
        wires: Wires,
        keeper: Keeper,
        command: Sequence[str],
        environ: Mapping[str, str],
        clock_ms: Clock,
        say: Say,
        on_helpless: Callable[[], None],
    ) -> None:
        self._home, self._wires, self._keeper = home, wires, keeper
        self._command, self._environ = command, environ
        self._say, self._on_helpless = say, on_helpless
        self._lifeline = self._ready = -1
        self._report: dict[str, Any] = {}
        self.child = Child("signer", self._launch, self._cleanup, clock_ms, say, self._is_final)
        wires.on_new_pair = self._move

    def view(self) -> dict[str, Any]:
        """What `status` shows: of the process, and what the signer last said of itself."""
        return {**self.child.view(), **self._report}

    def refill(self) -> None:
        """Have the signer replaced by one that opens the key file anew."""
        self._keeper.forget()
        self.child.replace(self.end)

    def end(self) -> None:
        """Close the lifeline."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _move(self) -> None:
        """Have the signer replaced by one on the new pair; one that does not run takes it when its time comes.

        Killed, not asked to end: it leaves the keys in the memory for the next one, and a signer that turns round on a
        shut pair cannot delay it.
        """
        if self.child.view()["pid"] is not None:
            self.child.replace(lambda: self.child.signal(signal.SIGKILL))

    def _launch(self) -> subprocess.Popen[bytes]:
        lifeline, self._lifeline = os.pipe()
        self._ready, ready = os.pipe()
        fds = (self._wires.pair.signer_end.fileno(), lifeline, ready)
        names = ("--gateway-fd", "--lifeline-fd", "--ready-fd")
        argv = (*self._command, "--home", str(self._home.root), *_flags(names, fds), *self._keeper.flags())
        try:
            process = spawn(argv, (*fds, *self._keeper.fds), self._environ, self._keeper.stdin())
        except OSError:
            self._cleanup()
            raise
        finally:
            os.close(lifeline)
            os.close(ready)
        asyncio.get_running_loop().add_reader(self._ready, self._says_ready)
        return process

    def _says_ready(self) -> None:
        report = os.read(self._ready, MAX_REPORT)
        if report:
            self._report = dict(json.loads(report))
            self._keeper.ready()
            self.child.mark_ready()
        self._close_ready()

    def _is_final(self, code: int) -> bool:
        if code != NEEDS_OPERATOR:
            return False
        if self._keeper.filled is None and not self._report:
            self._on_helpless()
        self._say("signer ended and is not started again before an operator has done what it asks for")
        return True

    def _cleanup(self) -> None:
        self.end()
        self._close_ready()

    def _close_ready(self) -> None:
        if self._ready >= 0:
            asyncio.get_running_loop().remove_reader(self._ready)
            os.close(self._ready)
            self._ready = -1


class GatewayChild:
    """The gateway with its control link; each process has its own pair, so no reply reaches the wrong one.

    A gateway that shuts its pair with the signer is killed; the next one and a new signer get a new pair.
    """

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

    async def ask(self, verb: str, timeout_s: float, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the gateway; always a reply, with an error when none runs."""
        return await self._link.ask(verb, timeout_s, args=args) if self._link is not None else dict(GONE)

    async def reload_config(self, timeout_s: float) -> dict[str, Any]:
        """Have the gateway take up counterseal.toml, opened here: a file replaced since its start is closed to it."""
        file = config_file.open_only(self._home.config)
        if isinstance(file, Fault):
            # Nobody else tells the gateway that its policy is not the one that was meant.
            await self.ask("config_unreadable", timeout_s)
            return {"ok": False, "error": str(file)}
        try:
            return await self._link.ask("reload_config", timeout_s, [file]) if self._link is not None else dict(GONE)
        finally:
            os.close(file)

    def _launch(self) -> subprocess.Popen[bytes]:
        self._wires.renew_if_shut()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end = self._wires.pair.gateway_end
        fds: tuple[int, ...] = (self._wires.listener.fileno(), end.fileno(), theirs.fileno())
        flags = _flags(("--listen-fd", "--signer-fd", "--control-fd"), fds)
        for name, fd in self._wires.named_fds:
            fds, flags = (*fds, fd), [*flags, name, str(fd)]
        with theirs:
            try:
                process = spawn((*self._command, "--home", str(self._home.root), *flags), fds, self._environ)
            except OSError:
                ours.close()
                raise
        self._link = Link(ours, self._event)
        asyncio.get_running_loop().add_reader(self._wires.pair.fileno(), self._pair_shut)
        return process

    def _pair_shut(self) -> None:
        """Kill the gateway: of the two, it is the one that talks to strangers. Its end brings the new pair."""
        asyncio.get_running_loop().remove_reader(self._wires.pair.fileno())
        self._say("gateway shut its connection to the signer; both are replaced")
        self.child.signal(signal.SIGKILL)

    def _event(self, event: str) -> None:
        if event == "ready":
            self.child.mark_ready()
            self._say(f"serving on {self._wires.listen}{_others(self._wires)}")

    def _cleanup(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        asyncio.get_running_loop().remove_reader(self._wires.pair.fileno())
        with suppress(OSError):  # no descriptor to be had: the next launch tries again, and says so
            self._wires.renew_if_shut()
        self._wires.drop_stale()


def _others(wires: Wires) -> str:
    proxy = f", proxy on {wires.named['proxy']}" if wires.proxy else ""
    return proxy + (f", TLS on {', '.join(wires.named['tls'])}" if wires.tls else "")


def _flags(names: Sequence[str], fds: Sequence[int]) -> list[str]:
    return [word for name, fd in zip(names, fds, strict=True) for word in (name, str(fd))]
