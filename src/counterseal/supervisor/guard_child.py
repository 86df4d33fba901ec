"""How the guard is started, and what it asks of the supervisor."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterseal.adapters.home import Home
from counterseal.supervisor.linked_child import PYTHON, Clock, LinkedChild, Say
from counterseal.supervisor.wires import Wires

GUARD = (*PYTHON, "counterseal.guard")


class GuardChild(LinkedChild):
    """The guard. `on_stuck` is called when it says that the gateway does not hear it.

    A guard that shuts its pair with the signer is killed, as a gateway is. The pair with the gateway is the gateway's:
    a guard that runs is handed its end of a new one and need not be started again. What one guard said that is halted,
    the next one is told: a disk that took nothing must not let anybody go.
    """

    def __init__(
        self,
        home: Home,
        wires: Wires,
        command: Sequence[str],
        environ: Mapping[str, str],
        clock_ms: Clock,
        say: Say,
        on_stuck: Callable[[], None],
    ) -> None:
        self._wires, self._on_stuck = wires, on_stuck
        self._gateway = "ended"
        self._trips: list[Any] = []
        wires.guard_gateway.on_new_pair = self._rewire
        super().__init__("guard", home, {"signer": wires.guard_signer}, command, environ, clock_ms, say)

    def gateway_is(self, state: str) -> None:
        """Note that the gateway is "starting", is "serving" or has "ended", and tell the guard."""
        self._gateway = state
        if self._link is not None:
            self._link.tell("gateway_is", {"state": state, "trips": self._trips})

    def _fds(self) -> list[tuple[str, int]]:
        return [
            ("--signer-fd", self._wires.guard_signer.pair.asker_end.fileno()),
            ("--gateway-fd", self._wires.guard_gateway.pair.asker_end.fileno()),
        ]

    def _launch(self) -> subprocess.Popen[bytes]:
        process = super()._launch()
        self.gateway_is(self._gateway)
        return process

    def _event(self, event: str, message: Mapping[str, Any]) -> None:
        if event == "ready":
            self.child.mark_ready()
        elif event == "ladder" and isinstance(message.get("trips"), list):
            self._trips = message["trips"]
        elif event == "stuck_gateway":
            self._say("gateway does not hear the guard and is killed")
            self._on_stuck()

    def _rewire(self) -> None:
        """Hand the guard its end of the new pair; one that cannot take it is replaced."""
        end = self._wires.guard_gateway.pair.asker_end
        if self._link is not None and not self._link.tell("gateway_end", files=[end.fileno()]):
            self.child.replace(lambda: self.child.signal(signal.SIGKILL))
