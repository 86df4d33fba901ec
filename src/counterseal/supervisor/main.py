"""The supervisor: binds, keeps signer and gateway alive, answers operators, ends all in order."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home, HomeBusyError, locked, replace_private
from counterseal.adapters.system_clock import SystemClock
from counterseal.supervisor.child import Child, clean_environ
from counterseal.supervisor.children import GATEWAY, GatewayChild, SignerChild
from counterseal.supervisor.operator import Operator
from counterseal.supervisor.wires import Wires, open_wires

DRAIN_S = 10.0
SIGNER_END_S = 2.0
LOCK = "supervisor"


def _say(text: str) -> None:
    sys.stderr.write(f"counterseal: {text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a test may exchange: the gateway's command, the children's environment, how it speaks."""

    gateway: Sequence[str] = GATEWAY
    environ: Mapping[str, str] = field(default_factory=lambda: clean_environ(os.environ))
    say: Callable[[str], None] = _say


def up(home: Home, address: str, setting: Setting | None = None) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP; `address` is "host:port". 0 after an orderly end, 1 after a forced one.

    Raises HomeError when the home, the address or the socket cannot be used, or one runs already.
    """
    home.check()
    try:
        with locked(home, LOCK):
            wires = open_wires(address)
            try:
                control = control_socket.bind(home.control_socket)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    return runner.run(_Supervisor(home, wires, setting or Setting()).run(control))
            finally:
                wires.close()
    except HomeBusyError:
        raise HomeBusyError(f"{home.root} is already being served; see: counterseal status") from None


class _Supervisor:
    def __init__(self, home: Home, wires: Wires, setting: Setting) -> None:
        self._home, self._wires, self._setting = home, wires, setting
        self._started_ms = SystemClock().wall_ns() // 1_000_000
        self._signals = 0
        self._stop = asyncio.Event()
        self._children: tuple[Child, ...] = ()

    async def run(self, control: socket.socket) -> int:
        """Serve until told to stop."""
        say, environ = self._setting.say, self._setting.environ
        signer = SignerChild(self._home, self._wires, environ, _monotonic_ms, say)
        gateway = GatewayChild(self._home, self._wires, self._setting.gateway, environ, _monotonic_ms, say)
        self._children = (signer.child, gateway.child)
        loop = asyncio.get_running_loop()
        # A terminal that is closed (SIGHUP) is no reason to leave without draining.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled)
        server = await control_socket.serve(control, Operator(signer, gateway, self._view).handle, os.geteuid())
        replace_private(self._home.supervisor_file, json.dumps(self._view()).encode() + b"\n")
        for child in self._children:
            child.start()
        try:
            await self._stop.wait()
            return await self._end(signer, gateway)
        finally:
            server.close()
            self._home.control_socket.unlink(missing_ok=True)
            self._home.supervisor_file.unlink(missing_ok=True)

    def _signalled(self) -> None:
        self._signals += 1
        self._stop.set()
        for child in self._children:
            child.retire()
            if self._signals > 1:
                child.signal(signal.SIGKILL)

    def _view(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "listen": self._wires.listen, "started_ms": self._started_ms}

    async def _end(self, signer: SignerChild, gateway: GatewayChild) -> int:
        """Drain the gateway, then end the signer; a second signal has killed both and shortens every wait."""
        self._setting.say("draining; a second signal ends at once")
        drained = await _within(DRAIN_S, self._drain(gateway), gateway.child)
        signer.end()
        ended = await _within(SIGNER_END_S, signer.child.wait_gone(), signer.child)
        orderly = drained and ended and self._signals == 1
        self._setting.say("ended" if orderly else "ended before everything was drained")
        return 0 if orderly else 1

    async def _drain(self, gateway: GatewayChild) -> None:
        if gateway.child.view()["ready"]:
            await gateway.ask("drain", DRAIN_S)
        gateway.child.signal(signal.SIGTERM)
        await gateway.child.wait_gone()


async def _within(seconds: float, work: Coroutine[Any, Any, None], child: Child) -> bool:
    """Wait for the work, which ends with the child's end; kill the child when the time is over."""
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        child.signal(signal.SIGKILL)
        await child.wait_gone()
        return False
    return True


def _monotonic_ms() -> int:
    return SystemClock().monotonic_ns() // 1_000_000
