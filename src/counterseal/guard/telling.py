"""What of the ladder people are told: each change, what could not be proven, and what keeps the guard from its work."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.alerts.codes import code_of
from counterseal.core.alerts.model import Alert
from counterseal.core.guardrails.breach import Breach
from counterseal.core.ladder import Actor, Kind, Rung, Scope, Trip
from counterseal.core.resting import Place
from counterseal.guard.acting import Act
from counterseal.guard.alerting.sources import of_breach, of_critical, of_deadman, of_spend
from counterseal.ports.clock import Clock

_CODE = {Rung.REDUCING: "ladder_reducing", Rung.HALTED: "ladder_halted", Rung.FLATTEN: "ladder_flatten"}
_MAX_TEXT = 500


class Telling:
    """Raises alerts by `raise_`, which neither waits nor fails."""

    def __init__(self, raise_: Callable[[Alert], None], clock: Clock) -> None:
        self._raise, self._clock = raise_, clock

    def tripped(self, trip: Trip) -> None:
        """A scope was taken to a rung."""
        by = f"{trip.actor.value} {trip.who}" if trip.actor is not Actor.GUARD else "the guard"
        text = f"{trip.scope} is {trip.rung.name} by {by}: {trip.cause}"
        # Each time is told: a second halt soon after the first one was answered is news.
        self._tell(_CODE[trip.rung], text, f"ladder {trip.scope} {trip.rung.name} {trip.at_ms}", trip.scope)

    def resumed(self, scope: Scope, operator: str) -> None:
        """A scope was given back."""
        self._tell(
            "ladder_resumed",
            f"{scope} is active again by {operator}",
            f"resumed {scope} {self._clock.wall_ns()}",
            scope,
        )

    def acted(self, act: Act) -> None:
        """An act is over: proven, or not."""
        unproven = [step for step in act.steps if not step.done]
        if not unproven:
            steps = "; ".join(f"{step.what}: {step.text}" for step in act.steps)
            self._tell("ladder_proven", f"{act.trip.scope}: {steps}", f"proven {act.trip.scope}", act.trip.scope)
            return
        steps = "; ".join(f"{step.what}: {step.text} {', '.join(step.left)}".strip() for step in unproven)
        self._tell("ladder_unproven", f"{act.trip.scope}: {steps}", f"unproven {act.trip.scope}", act.trip.scope)

    def unreadable(self, why: str) -> None:
        """The ladder's state could not be read."""
        self._tell("ladder_unreadable", f"the fleet is halted: {why}", "ladder unreadable")

    def interrupted(self, trip: Trip) -> None:
        """An earlier guard ended while a trip was being carried out."""
        text = f"{trip.scope}: the guard ended before all was done; ask for it again"
        self._tell("ladder_unproven", text, f"unproven {trip.scope}", trip.scope)

    def stuck(self) -> None:
        """The gateway did not hear a stop in time."""
        self._tell("gateway_stuck", "the gateway did not acknowledge a stop in time and is killed", "gateway stuck")

    def silent(self) -> None:
        """The gateway says nothing."""
        self._tell("gateway_stuck", "the gateway says nothing", "gateway silent")

    def limit(self, breach: Breach) -> None:
        """A limit is neared or passed."""
        alert = of_breach(breach, self._now_ms())
        if alert is not None:
            self._raise(alert)

    def dead_man(self, what: str, place: Place, text: str) -> None:
        """A countdown at the exchange could not be set or has run out, a silent bot's orders go or stay."""
        self._raise(of_deadman(what, *place, text, self._now_ms()))

    def intruder(self, code: str, text: str, account: str, symbol: str) -> None:
        """Something did not come through the gateway."""
        self._tell(code, f"account {account}: {text}", f"{code} {account} {text}", None, symbol)

    def stuck_reduce(self, place: tuple[str, str], text: str) -> None:
        """Positions could not be made as small as they must be."""
        self._tell("reduce_stuck", text, f"reduce {' '.join(place)}")

    def journal(self, why: str) -> None:
        """The guard's journal fails."""
        self._tell("journal_failing", f"the guard's journal: {why}", "guard journal")

    def settings(self) -> None:
        """The settings could not be read; the old ones hold."""
        self._tell("settings_unreadable", "a reload could not read them; the old ones stay in force", "settings")

    def from_gateway(self, message: Mapping[str, Any]) -> None:
        """The gateway has something critical to say."""
        alert = of_critical(message, self._now_ms())
        if alert is not None:
            self._raise(alert)

    def foreign_spend(self, message: Mapping[str, Any], *, is_noise: bool) -> None:
        """Others spend our limits."""
        self._raise(of_spend(message, self._now_ms(), is_noise=is_noise))

    def _tell(self, name: str, text: str, key: str, scope: Scope | None = None, symbol: str = "") -> None:
        code = code_of(name)
        symbol = scope.name if scope is not None and scope.kind is Kind.SYMBOL else symbol
        symbols = (symbol,) if symbol else ()
        title, at_ms = code.title, self._now_ms()
        self._raise(Alert(code.severity, name, title, text[:_MAX_TEXT], key[:_MAX_TEXT], at_ms, symbols))

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000
