"""The supervisor: binds, keeps signer, gateway and guard alive, answers operators, ends all in order."""

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

from counterseal.adapters import control_socket, key_source, pin_memory, unlock
from counterseal.adapters.home import Home, HomeBusyError, locked, replace_private
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import Report
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tasks import Tasks
from counterseal.core.config.model import Signer
from counterseal.supervisor.certificates import Certificates
from counterseal.supervisor.child import Child, clean_environ, with_credentials
from counterseal.supervisor.children import GATEWAY, SIGNER, GatewayChild, SignerChild
from counterseal.supervisor.confinement import confine, flags
from counterseal.supervisor.guard_child import GUARD, GuardChild
from counterseal.supervisor.keeper import Keeper, keeper
from counterseal.supervisor.operator import Operator
from counterseal.supervisor.prune import pruning
from counterseal.supervisor.rotate import rotating
from counterseal.supervisor.store_watch import StoreWatch
from counterseal.supervisor.wires import Wires, open_wires

DRAIN_S = 10.0
# It renews countdowns a last time and puts alerts on disk; a busy machine takes its time.
GUARD_END_S = 5.0
SIGNER_END_S = 2.0
LOCK = "supervisor"
_DEFAULT_SIGNER = Signer()


def _say(text: str) -> None:
    sys.stderr.write(f"counterseal: {text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a test may exchange: commands, the children's environment, how it speaks; and the sandbox."""

    gateway: Sequence[str] = GATEWAY
    environ: Mapping[str, str] = field(default_factory=lambda: clean_environ(os.environ))
    say: Callable[[str], None] = _say
    sandbox: str = "best"
    guard: Sequence[str] = GUARD


def up(
    home: Home,
    address: str,
    setting: Setting | None = None,
    *,
    proxy: str | None = None,
    tls: Sequence[str] = (),
    signer: Signer = _DEFAULT_SIGNER,
    environment: str = "",
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
                kept.environment = environment
                kept.pins = pin_memory.ask(home, setting.say)
                if wires.named:
                    Certificates(home, setting.environ, setting.say).prepare()
                control = control_socket.bind(home.control_socket)
                # Homes of before the guard have none; whoever is confined can no longer make it.
                for folder in (home.guard_journal, home.guard_spool):
                    folder.mkdir(mode=0o700, exist_ok=True)
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
        guard = self._guard(gateway, mode)
        self._children = (signer.child, gateway.child, guard.child)
        loop = asyncio.get_running_loop()
        # A terminal that is closed (SIGHUP) is no reason to leave without draining.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled)
        operator = Operator(signer, gateway, guard, self._view)
        server = await control_socket.serve(control, operator.handle, os.geteuid())
        replace_private(self._home.supervisor_file, json.dumps(self._view()).encode() + b"\n")
        if self._wires.named:
            Certificates(self._home, environ, say).start()
        pruning(self._home, environ, say).start()
        rotating(self._home, own, say).start()
        self._watch_keystore(gateway, signer, operator, own)
        try:
            await self._start(signer, gateway, guard)
            await self._stop.wait()
            return await self._end(signer, gateway, guard)
        finally:
            server.close()
            self._home.control_socket.unlink(missing_ok=True)
            self._home.supervisor_file.unlink(missing_ok=True)

    def _watch_keystore(
        self, gateway: GatewayChild, signer: SignerChild, operator: Operator, environ: Mapping[str, str]
    ) -> None:
        """Have the store of keys asked now and then, where that is one elsewhere."""
        settings, say = key_source.settings_of(self._home), self._setting.say
        if settings.kind not in key_source.REMOTE:
            return
        tasks = Tasks(lambda name, error: say(f"{name} failed: {type(error).__name__}"))

        async def take_up() -> None:
            await operator.handle("restart_signer", {"keep": "yes"})

        def refill() -> bool:
            if not signer.child.view()["ready"]:
                return False
            tasks.spawn(take_up(), "taking up new keys")
            return True

        every_s = settings.check_minutes * 60.0
        StoreWatch(self._home, every_s, environ, _monotonic_ms, gateway.keystore_is, refill, say).start()

    def _guard(self, gateway: GatewayChild, mode: Sequence[str]) -> GuardChild:
        """Make the guard, which may have the gateway killed and hears when one begins."""
        setting = self._setting
        # Secrets of alert channels may be systemd's credentials.
        own = with_credentials(setting.environ, os.environ)
        guard = GuardChild(
            self._home, self._wires, (*setting.guard, *mode), own, _monotonic_ms, setting.say,
            lambda: gateway.child.signal(signal.SIGKILL),
        )  # fmt: skip
        gateway.on_state = guard.gateway_is
        return guard

    async def _start(self, signer: SignerChild, gateway: GatewayChild, guard: GuardChild) -> None:
        """Start all; the others only when the passphrase was given, so that nothing is printed over its prompt."""
        waits = self._keeper.waits
        if waits and self._keeper.page is None:
            self._setting.say("without memfd_secret the passphrase is needed again each time the signer ends")
        signer.child.start()
        if waits:
            await _first(signer.child.wait_ready(), self._stop.wait())
        if not self._stop.is_set():
            gateway.child.start()
            guard.child.start()

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

    async def _end(self, signer: SignerChild, gateway: GatewayChild, guard: GuardChild) -> int:
        """Drain the gateway, end the guard, then the signer; a second signal has killed all and shortens every wait."""
        if not self._helpless:
            self._setting.say("draining; a second signal ends at once")
        drained = await _within(DRAIN_S, self._drain(gateway), gateway.child)
        guard.child.signal(signal.SIGTERM)
        kept = await _within(GUARD_END_S, guard.child.wait_gone(), guard.child)
        signer.end()
        ended = await _within(SIGNER_END_S, signer.child.wait_gone(), signer.child)
        orderly = drained and kept and ended and self._signals == 1 and not self._helpless
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
