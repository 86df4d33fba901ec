"""How signer and gateway are started and what belongs to each of them."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterseal.adapters import hsm_file
from counterseal.adapters.home import Home
from counterseal.supervisor.child import Child, spawn
from counterseal.supervisor.keeper import Keeper
from counterseal.supervisor.linked_child import PYTHON, Clock, LinkedChild, Say, flags
from counterseal.supervisor.successor import Successor, make
from counterseal.supervisor.wires import Pair, Wires

GATEWAY = (*PYTHON, "counterseal.gateway")
SIGNER = (*PYTHON, "counterseal.signer")
# The signer's exit status when starting it again changes nothing (`signer.filling`).
NEEDS_OPERATOR = 3
MAX_REPORT = 65_536


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
        self._successor: Successor | None = None
        self._report: dict[str, Any] = {}
        self.child = Child("signer", self._launch, self._cleanup, clock_ms, say, self._is_final)
        wires.gateway_signer.on_new_pair = wires.guard_signer.on_new_pair = self._move

    def view(self) -> dict[str, Any]:
        """What `status` shows: of the process, and what the signer last said of itself."""
        return {**self.child.view(), **self._report}

    @property
    def is_alone(self) -> bool:
        """Whether no other signer can be made beside it: some hardware tokens serve one process at a time."""
        return hsm_file.path_of(self._home).exists()

    async def prepare(self, within_s: float) -> bool:
        """Make a successor that opens the key file anew while this one serves; False when that cannot be done.

        Then whatever was wrong has been said on standard error, and this one serves on.
        """
        self._drop_successor()
        level = str(self._report.get("secret_memory", ""))
        if self.child.is_retired or self._keeper.waits or self.is_alone or not self.child.view()["ready"]:
            return False
        pairs = self._pairs()
        try:
            made = await make(self._start_beside, self._keeper.beside(), level, within_s)
        except OSError as fault:
            self._say(f"no signer can be started beside the one that serves: {fault.strerror}")
            return False
        if made is not None and (self.child.is_retired or self._pairs() != pairs):
            # Its turn will not come, or it was given sockets that have been replaced meanwhile.
            made.give_up()
            return False
        self._successor = made
        return made is not None

    def _pairs(self) -> tuple[Pair, Pair]:
        return self._wires.guard_signer.pair, self._wires.gateway_signer.pair

    def refill(self) -> None:
        """Have the signer replaced: by the prepared one, else by one that opens the key file anew."""
        if self._successor is None:
            self._keeper.forget()
        self.child.replace(self._close_lifeline)

    def end(self) -> None:
        """Close the lifeline, also that of one that waits for its turn."""
        self._drop_successor()
        self._close_lifeline()

    def _close_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _drop_successor(self) -> None:
        successor, self._successor = self._successor, None
        if successor is not None:
            successor.give_up()

    def _move(self) -> None:
        """Have the signer replaced by one on the new pair; one that does not run takes it when its time comes.

        Killed, not asked to end: it leaves the keys in the memory for the next one, and a signer that turns round on a
        shut pair cannot delay it.
        """
        self._drop_successor()
        if self.child.view()["pid"] is not None:
            self.child.replace(lambda: self.child.signal(signal.SIGKILL))

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._successor is not None:
            return self._take_over(self._successor)
        lifeline, self._lifeline = os.pipe()
        self._ready, ready = os.pipe()
        try:
            process = self._spawn((("--lifeline-fd", lifeline), ("--ready-fd", ready)), self._keeper.flags(), ())
        except OSError:
            self._cleanup()
            raise
        finally:
            os.close(lifeline)
            os.close(ready)
        asyncio.get_running_loop().add_reader(self._ready, self._says_ready)
        return process

    def _take_over(self, successor: Successor) -> subprocess.Popen[bytes]:
        """Let the one that waits serve: the one before has ended."""
        self._successor = None
        self._keeper.adopt(successor.page)
        self._lifeline, self._ready, after = successor.pipes
        asyncio.get_running_loop().add_reader(self._ready, self._says_ready)
        os.close(after)
        return successor.process

    def _start_beside(self, named: Sequence[tuple[str, int]], page: int | None) -> subprocess.Popen[bytes]:
        return self._spawn(named, self._keeper.flags_beside(page), () if page is None else (page,))

    def _spawn(
        self, named: Sequence[tuple[str, int]], more: Sequence[str], fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        pairs = (("--guard-fd", self._wires.guard_signer), ("--gateway-fd", self._wires.gateway_signer))
        all_named = (*((name, wire.pair.answerer_end.fileno()) for name, wire in pairs), *named)
        argv = (*self._command, "--home", str(self._home.root), *flags(all_named), *more)
        inherited = (*(fd for _, fd in all_named), *self._keeper.fds, *fds)
        return spawn(argv, inherited, self._environ, self._keeper.stdin())

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
        self._close_lifeline()
        self._close_ready()

    def _close_ready(self) -> None:
        if self._ready >= 0:
            asyncio.get_running_loop().remove_reader(self._ready)
            os.close(self._ready)
            self._ready = -1


class GatewayChild(LinkedChild):
    """The gateway. `on_state` is told whenever one is "starting", is "serving", and has "ended".

    A gateway that shuts one of its pairs is killed; the next one and whoever is at the other end get a new pair.
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
        self._wires = wires
        self.on_state: Callable[[str], None] = lambda _state: None
        self._keystore: dict[str, Any] | None = None
        answers_for = {"signer": wires.gateway_signer, "guard": wires.guard_gateway}
        super().__init__("gateway", home, answers_for, command, environ, clock_ms, say)

    def _fds(self) -> list[tuple[str, int]]:
        return [
            ("--listen-fd", self._wires.listener.fileno()),
            ("--signer-fd", self._wires.gateway_signer.pair.asker_end.fileno()),
            ("--guard-fd", self._wires.guard_gateway.pair.answerer_end.fileno()),
            *self._wires.named_fds,
        ]

    def _launch(self) -> subprocess.Popen[bytes]:
        process = super()._launch()
        self.on_state("starting")
        if self._keystore is not None:
            self.keystore_is(self._keystore)
        return process

    def keystore_is(self, told: dict[str, Any]) -> None:
        """Tell the gateway, and each one after it, how the store of keys is."""
        self._keystore = told
        if self._link is not None:
            self._link.tell("keystore", told)

    def _event(self, event: str, _message: Mapping[str, Any]) -> None:
        if event == "ready":
            self.child.mark_ready()
            self.on_state("serving")
            self._say(f"serving on {self._wires.listen}{_others(self._wires)}")

    def _cleanup(self) -> None:
        super()._cleanup()
        self.on_state("ended")


def _others(wires: Wires) -> str:
    proxy = f", proxy on {wires.named['proxy']}" if wires.proxy else ""
    return proxy + (f", TLS on {', '.join(wires.named['tls'])}" if wires.tls else "")
