"""The course of an emergency: every step in its turn, timed, on the guard's record; none holds up the others."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from counterseal.adapters import control_socket
from counterseal.adapters.control_socket import ControlError
from counterseal.adapters.home import Home, HomeError
from counterseal.cli.shared import CONFIRM_S, UsageError
from counterseal.core.emergency import PLANS, Done, Step, Subject, is_proven, unproven
from counterseal.ports.clock import Clock

# How long the guard is watched while it halts and cancels, and how often it is asked.
WATCH_S, STEP_S = 15.0, 0.05
_WORDS: Mapping[bool | None, str] = {True: "yes", False: "no", None: ""}
_MOST_TEXT = 900


class Result(NamedTuple):
    """What a step came to; `done` is None where there was nothing to do."""

    done: bool | None
    text: str


Work = Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an emergency takes place. `say` tells the operator a line, `wait` waits so many seconds."""

    home: Home
    clock: Clock
    say: Callable[[str], None]
    wait: Callable[[float], None]

    def ask(self, verb: str, args: Mapping[str, str], timeout_s: float = CONFIRM_S) -> Any:
        """Ask what runs. Raises ControlError."""
        return control_socket.call(self.home.control_socket, verb, timeout_s, args)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self.clock.wall_ns() // 1_000_000

    def until(self, seconds: float) -> Iterator[None]:
        """Give a turn now, and another after each short wait, until the time is over."""
        deadline_ns = self.clock.monotonic_ns() + int(seconds * 1e9)
        while True:
            yield
            if self.clock.monotonic_ns() >= deadline_ns:
                return
            self.wait(STEP_S)


@dataclass(slots=True)
class Course:
    """Carries out the plan of one subject. What came of each step is in `done`."""

    ground: Ground
    subject: Subject
    name: str
    operator: str
    cause: str
    done: list[Done] = field(default_factory=list)
    _begun_ns: int = 0

    def run(self, works: Mapping[str, Work]) -> bool:
        """Do every step; whether all of it is proven."""
        self._begun_ns = self.ground.clock.monotonic_ns()
        self._note("begin", text=self.cause)
        for step in PLANS[self.subject]:
            self._do(step, works[step.name])
        left = unproven(self.done)
        text = f"not proven: {', '.join(left)}" if left else "every step is proven"
        self._note("end", done=not left, text=text)
        self.ground.say(f"{self._now()} {self.subject.value} {self.name}: {text}")
        return is_proven(self.done)

    def _do(self, step: Step, work: Work) -> None:
        begun_ns = self.ground.clock.monotonic_ns()
        try:
            result = work()
        except (ControlError, HomeError, UsageError) as fault:
            result = Result(False, str(fault))
        except OSError as fault:
            result = Result(False, f"{fault.filename or 'the system'}: {fault.strerror or 'input or output failed'}")
        except KeyboardInterrupt:
            result = Result(False, "given up by the operator")
        except Exception as fault:  # noqa: BLE001 - whatever breaks in one step must not keep the others from being done
            result = Result(False, f"a fault of ours ({type(fault).__name__})")
        took_ms = (self.ground.clock.monotonic_ns() - begun_ns) // 1_000_000
        one = Done(step, result.done, result.text, (begun_ns - self._begun_ns) // 1_000_000, took_ms)
        self.done.append(one)
        self.ground.say(f"{self._now()} {step.name}: {one.word} after {took_ms} ms: {one.text}")
        self._note("step", step.name, done=one.done, text=f"{one.text} ({took_ms} ms)")

    def _note(self, act: str, step: str = "", *, done: bool | None = None, text: str) -> None:
        """Have the guard put it on record; where it cannot, the operator knows."""
        text = "".join(letter if letter.isprintable() else "?" for letter in text)[:_MOST_TEXT]
        told = {"act": act, "kind": self.subject.value, "name": self.name, "operator": self.operator, "step": step,
                "done": _WORDS[done], "text": text}  # fmt: skip
        try:
            kept = self.ground.ask("emergency", told)
        except ControlError as fault:
            self.ground.say(f"this is not on the guard's record, and nobody was told: {fault}")
        else:
            if not kept["journalled"]:
                self.ground.say("the guard cannot write its journal: this is in its log alone")

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self.ground.now_ms() / 1000, UTC)
        return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


# -- what both kinds begin with


class Freeze:
    """Halts bots through the guard, which cancels their orders too. `scopes` are as the ladder writes them."""

    def __init__(self, ground: Ground, scopes: tuple[str, ...], operator: str, cause: str) -> None:
        self._ground, self._scopes, self._operator, self._cause = ground, scopes, operator, cause
        self._acts: dict[str, Mapping[str, Any]] = {}

    def freeze(self) -> Result:
        """Halt them all at once, and wait until nothing of theirs that raises risk can leave."""
        if not self._scopes:
            return Result(None, "no bot uses it")
        faults = [fault for scope in self._scopes if (fault := self._halt(scope))]
        for _ in self._ground.until(WATCH_S):
            self._look()
            if all(_block(act) is not None for act in self._acts.values()):
                break
        blocks = {scope: _block(act) for scope, act in self._acts.items()}
        faults += [f"{scope}: {_told(block)}" for scope, block in blocks.items() if not (block and block["done"])]
        if faults:
            return Result(False, "; ".join(faults))
        return Result(True, "; ".join(f"{scope}: {_told(block)}" for scope, block in blocks.items()))

    def cancel(self) -> Result:
        """Wait until the guard has cancelled what was open, and see whether it is proven."""
        for _ in self._ground.until(WATCH_S):
            if all(act["over"] for act in self._acts.values()):
                break
            self._look()
        steps = [step for act in self._acts.values() for step in act["steps"] if step["what"] != "block"]
        unasked = [scope for scope in self._scopes if scope not in self._acts]
        if unasked:
            return Result(False, f"nobody was asked to cancel for {', '.join(unasked)}")
        if not steps:
            return Result(None, "none of them may place orders")
        wrong = [f"{step['what']}: {_told(step)}" for step in steps if not step["done"]]
        return Result(not wrong, "; ".join(wrong or [f"{step['what']}: {_told(step)}" for step in steps]))

    def _halt(self, scope: str) -> str:
        asked = {"scope": scope, "operator": self._operator, "cause": self._cause, "cancel": "yes"}
        try:
            self._acts[scope] = self._ground.ask("halt", asked)["act"]
        except ControlError as fault:
            return f"{scope}: {fault}"
        return ""

    def _look(self) -> None:
        """Take the newest of what the guard does for each; the others' acts are no affair of ours."""
        if self._acts:
            try:
                acts = self._ground.ask("guard_status", {})["acts"]
            except ControlError:
                return
            self._acts |= {act["scope"]: act for act in acts if act["scope"] in self._acts}


def _block(act: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((step for step in act["steps"] if step["what"] == "block"), None)


def _told(step: Mapping[str, Any] | None) -> str:
    if step is None:
        return "not known yet"
    left = f" ({', '.join(step['left'][:10])})" if step["left"] else ""
    return f"{step['text']}{left}"
