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

from counterseal.adapters import control_socket, pin_memory, unlock
from counterseal.adapters.home import Home, HomeBusyError, locked, replace_private
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import Report
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.config.model import Signer
from counterseal.supervisor.certificates import Certificates
from counterseal.supervisor.child import Child, clean_environ, with_credentials
from counterseal.supervisor.children import GATEWAY, SIGNER, GatewayChild, SignerChild
from counterseal.supervisor.confinement import confine, flags
from counterseal.supervisor.keeper import Keeper, keeper
from counterseal.supervisor.operator import Operator
from counterseal.supervisor.prune import pruning
from counterseal.supervisor.wires import Wires, open_wires

DRAIN_S = 10.0
SIGNER_END_S = 2.0
LOCK = "supervisor"
_DEFAULT_SIGNER = Signer()


def _say(text: str) -> None:
    sys.stderr.write(f"counterseal: {text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a test may exchange: the gateway's command, the children's environment, how it speaks; and the sandbox."""

    gateway: Sequence[str] = GATEWAY
    environ: Mapping[str, str] = field(default_factory=lambda: clean_environ(os.environ))
    say: Callable[[str], None] = _say
    sandbox: str = "best"


def up(
    home: Home,
    address: str,
    setting: Setting | None = None,
    *,
    proxy: str | None = None,
    tls: Sequence[str] = (),
    signer: Signer = _DEFAULT_SIGNER,
) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP; addresses are "host:port". 0 after an orderly end, 1 after a forced one.

    Raises HomeError when the home, the address or the socket cannot be used, one runs already, or the signer's memory
    or passphrase cannot be had as `signer` says.
    """
    harden()
    home.check()
    try:
        with locked(home, LOCK):
            kept = keeper(home, signer, unlock.source(home, signer, os.environ))
            wires = open_wires(address, proxy, tls)
            try:
                setting = setting or Setting()
                kept.pins = pin_memory.ask(home, setting.say)
                if wires.named:
                    Certificates(home, setting.environ, setting.say).prepare()
                control = control_socket.bind(home.control_socket)
                report = confine(home, setting.sandbox)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    return runner.run(_Supervisor(home, wires, kept, setting, report).run(control))
            finally:
                wires.close()
                kept.close()
    except HomeBusyError:
        raise HomeBusyError(f"{home.root} is already being served; see: counterseal status") from None


class _Supervisor:
    def __init__(self, home: Home, wires: Wires, kept: Keeper, setting: Setting, sandbox: Report) -> None:
        self._home, self._wires, self._keeper, self._setting = home, wires, kept, setting
        self._sandbox = sandbox.as_data()
        self._started_ms = SystemClock().wall_ns() // 1_000_000
        self._signals = 0
        self._stop = asyncio.Event()
        self._helpless = False
        self._children: tuple[Child, ...] = ()

    async def run(self, control: socket.socket) -> int:
        """Serve until told to stop."""
        say, environ, mode = self._setting.say, self._setting.environ, flags(self._setting.sandbox)
        own = with_credentials(environ, os.environ)
        signer = SignerChild(
            self._home, self._wires, self._keeper, (*SIGNER, *mode), own, _monotonic_ms, say, self._give_up
        )
        command = (*self._setting.gateway, *mode)
        gateway = GatewayChild(self._home, self._wires, command, environ, _monotonic_ms, say)
        self._children = (signer.child, gateway.child)
        loop = asyncio.get_running_loop()
        # A terminal that is closed (SIGHUP) is no reason to leave without draining.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled)
        server = await control_socket.serve(control, Operator(signer, gateway, self._view).handle, os.geteuid())
        replace_private(self._home.supervisor_file, json.dumps(self._view()).encode() + b"\n")
        if self._wires.named:
            Certificates(self._home, environ, say).start()
        pruning(self._home, environ, say).start()
        try:
            await self._start(signer, gateway)
            await self._stop.wait()
            return await self._end(signer, gateway)
        finally:
            server.close()
            self._home.control_socket.unlink(missing_ok=True)
            self._home.supervisor_file.unlink(missing_ok=True)

    async def _start(self, signer: SignerChild, gateway: GatewayChild) -> None:
        """Start both; the gateway only when the passphrase was given, so that nothing is printed over its prompt."""
        waits = self._keeper.waits
        if waits and self._keeper.page is None:
            self._setting.say("without memfd_secret the passphrase is needed again each time the signer ends")
        signer.child.start()
        if waits:
            await _first(signer.child.wait_ready(), self._stop.wait())
        if not self._stop.is_set():
            gateway.child.start()

    def _give_up(self) -> None:
        self._helpless = True
        self._stop.set()
        for child in self._children:
            child.retire()

    def _signalled(self) -> None:
        self._signals += 1
        self._stop.set()
        for child in self._children:
            child.retire()
            if self._signals > 1:
                child.signal(signal.SIGKILL)

    def _view(self) -> dict[str, Any]:
        own = {"pid": os.getpid(), "listen": self._wires.listen, "started_ms": self._started_ms}
        return {**own, "sandbox": self._sandbox, **self._wires.named}

    async def _end(self, signer: SignerChild, gateway: GatewayChild) -> int:
        """Drain the gateway, then end the signer; a second signal has killed both and shortens every wait."""
        if not self._helpless:
            self._setting.say("draining; a second signal ends at once")
        drained = await _within(DRAIN_S, self._drain(gateway), gateway.child)
        signer.end()
        ended = await _within(SIGNER_END_S, signer.child.wait_gone(), signer.child)
        orderly = drained and ended and self._signals == 1 and not self._helpless
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


async def _first(*works: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them is done; the others are given up."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


def _monotonic_ms() -> int:
    return SystemClock().monotonic_ns() // 1_000_000
