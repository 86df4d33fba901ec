"""Drives one key as far as it can go now: reads, decides by `core.rotation_step`, does one thing, and again.

Nothing is remembered but the key file: whoever ends it at any moment, the next run goes on where it stood.
"""

import time
from collections.abc import Callable

from counterseal.adapters.control_socket import ControlError, NotRunningError
from counterseal.adapters.home import HomeError
from counterseal.cli.rotator.house import House
from counterseal.core.rotation import SUCCESSORS, Event, Stage, only
from counterseal.core.rotation_step import Do, Facts, Probe, Step, next_step

# How long one run waits for what still stands on the version before.
DRAIN_S, LOOK_S = 60.0, 0.1
# How long a signer that was replaced may take to be heard of by the gateway.
HEARD_S = 5.0
# A rotation has six steps with a refill and two probes between them.
MAX_STEPS = 64


class Rotator:
    """One run. `say` tells the operator a sentence; `monotonic` and `pause` are in seconds."""

    def __init__(
        self,
        house: House,
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,  # noqa: TID251 - this process does nothing else
    ) -> None:
        self._house, self._say, self._monotonic, self._pause = house, say, monotonic, pause
        self._probes: dict[str, Probe] = {}
        self._drain_until: float | None = None

    def advance(self, name: str, *, is_wanted: bool = False, from_spare: bool = False) -> Step:
        """Go on until there is nothing to do now; gives the last step, which says why. Raises HomeError, ControlError.

        With `is_wanted` another version is begun when none is on its way.
        """
        self._probes, self._drain_until = {}, None
        for _ in range(MAX_STEPS):
            step = self.look(name, is_wanted=is_wanted, from_spare=from_spare)
            if step.do in (Do.WAIT, Do.DONE):
                return step
            is_wanted = is_wanted and step.do is not Do.MAKE and step.event is not Event.TAKE
            given_up = self._do(name, step)
            if given_up is not None:
                return given_up
        raise HomeError(f"the rotation of {name} does not come to an end; see: counterseal key rotate {name} --status")

    def look(self, name: str, *, is_wanted: bool = False, from_spare: bool = False) -> Step:
        """Tell what would be done now."""
        versions = [key.version for key in self._house.versions(name).values()]
        used = self._house.use(name)
        held, in_use = (None, None) if used is None else used
        return next_step(versions, Facts(is_wanted, from_spare, held, in_use, self._probes))

    # -- one step

    def _do(self, name: str, step: Step) -> Step | None:
        """Do it; gives a step where waiting for something was given up."""
        if step.do is Do.APPLY and step.event is not None:
            self._house.apply(name, step.ref, step.event)
            # Its API key may have been corrected meanwhile: what was proven of the one before proves nothing of it.
            self._probes.pop(step.ref, None)
            self._say(f"{step.ref}: {step.event.value} ({step.why})")
        elif step.do is Do.MAKE:
            self._say(f"{self._house.stage_pair(name)}: {step.why}")
        elif step.do is Do.PROBE:
            self._probes[step.ref] = self._house.probe(self._house.versions(name)[step.ref])
        elif step.do is Do.REFILL:
            self._refill(name)
        elif step.do is Do.DRAIN:
            return self._drain(name)
        return None

    def _drain(self, name: str) -> Step | None:
        """Look until nothing stands on it any more, or something else is to be done."""
        if self._drain_until is None:
            self._drain_until = self._monotonic() + DRAIN_S
        while (step := self.look(name)).do is Do.DRAIN:
            if self._monotonic() >= self._drain_until:
                return Step(Do.WAIT, step.ref, step.why)
            self._pause(LOOK_S)
        return None

    def _refill(self, name: str) -> None:
        """Have the signer replaced. A version that it cannot hold is taken back: the active one must sign.

        Not where it is only not told what is held: whoever does not tell would have successors thrown away.
        """
        for tries_left in (1, 0):
            fault = self._refilled() or self._not_held(name)
            if fault is None:
                return
            if not tries_left:
                self._take_back(name, fault)
                raise fault

    def _refilled(self) -> ControlError | None:
        try:
            self._house.refill()
        except NotRunningError:
            raise
        except ControlError as fault:
            return fault
        return None

    def _not_held(self, name: str) -> ControlError | None:
        until = self._monotonic() + HEARD_S
        while self.look(name).do is Do.REFILL:
            if self._monotonic() >= until:
                return ControlError("the signer does not hold what the key file says; see: counterseal status")
            self._pause(LOOK_S)
        return None

    def _take_back(self, name: str, fault: ControlError) -> None:
        pending = only([key.version for key in self._house.versions(name).values()], *SUCCESSORS)
        if pending is None or pending.stage is Stage.STAGED:
            return
        self._say(f"{pending.ref} is taken back: {fault}")
        self._house.apply(name, pending.ref, Event.ABORT)
        self._house.refill()
