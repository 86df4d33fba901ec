"""What operators ask of the guard: stop, give back, close, show. Every action is in the journal with its operator."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.control_link import ControlError
from counterseal.core.config.grammar import ANY_SYMBOL, parse_label, parse_symbol
from counterseal.core.config.model import Config
from counterseal.core.ladder import REFUSALS, Actor, Kind, Refusal, Rung, Scope, Trip, scope_of, trip_data
from counterseal.core.reach import is_known
from counterseal.guard.stopping import Stopping
from counterseal.ports.clock import Clock
from counterseal.ports.journal import JournalError

MAX_CAUSE = 200
_YES = "yes"


class Verbs:
    """Answers `halt`, `resume` and `flatten`. `config` gives the settings, None while there are none."""

    def __init__(self, stopping: Stopping, config: Callable[[], Config | None], clock: Clock) -> None:
        self._stopping, self._config, self._clock = stopping, config, clock

    async def halt(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Halt a scope in the name of a person. Raises ControlError."""
        scope = self._scope(args)
        cancels = args.get("cancel") == _YES or scope.kind in (Kind.ACCOUNT, Kind.FLEET)
        return self._trip(scope, Rung.HALTED, args, cancels=cancels)

    async def flatten(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Halt a scope, cancel its orders, close its positions: of a bot that shares an account its own part of them.

        Raises ControlError.
        """
        scope, operator = self._scope(args), _operator(args)
        operators = self.operators()
        if operators and operator not in operators:
            raise ControlError(REFUSALS["unknown_operator"])
        return self._trip(scope, Rung.FLATTEN, args, cancels=True)

    async def resume(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give a scope back in the name of a person; the fleet in the names of two. Raises ControlError."""
        scope, operator = self._scope(args, must_be_known=False), _operator(args)
        if self._config() is None:
            # Who may resume stands there: without the settings anybody could.
            raise ControlError(
                "the settings could not be read when the guard started; mend them, then: counterseal reload"
            )
        try:
            found = self._stopping.give_back(scope, operator, self.operators(), {"uid": args.get("uid")})
        except JournalError:
            raise ControlError("the guard's journal cannot be written, so that nothing is given back") from None
        if isinstance(found, Refusal):
            raise ControlError(REFUSALS[found.reason])
        left = [trip_data(trip) for trip in found.ladder.trips.values()]
        return {"scope": str(scope), "is_done": found.is_done, "trips": left}

    def _trip(self, scope: Scope, rung: Rung, args: Mapping[str, Any], *, cancels: bool) -> dict[str, Any]:
        operator = _operator(args)
        now_ms = self._clock.wall_ns() // 1_000_000
        trip = Trip(scope, rung, Actor.OPERATOR, operator, _cause(args), now_ms, cancels)
        act = self._stopping.stop(trip, {"uid": args.get("uid")})
        if act is None or isinstance(act, Refusal):
            raise ControlError(REFUSALS[act.reason] if act is not None else "it is so already")
        return {"trip": trip_data(self._stopping.ladder.trips[scope]), "act": act.view()}

    def _scope(self, args: Mapping[str, Any], *, must_be_known: bool = True) -> Scope:
        text = str(args.get("scope", ""))
        try:
            scope = scope_of(text)
        except ValueError:
            raise ControlError("a scope is fleet, or bot, strategy, symbol or account with a name") from None
        grammar = parse_symbol if scope.kind is Kind.SYMBOL else parse_label
        if scope.name and (grammar(scope.name) is None or scope.name == ANY_SYMBOL):
            raise ControlError(f"this is no name that a {scope.kind.value} can have")
        config = self._config()
        # What was halted and then left the settings must still be given back.
        if must_be_known and config is not None and not is_known(scope, config):
            raise ControlError(f"the settings name no {scope}; is it spelled as in counterseal.toml?")
        return scope

    def operators(self) -> tuple[str, ...]:
        """Give who may resume."""
        config = self._config()
        return () if config is None else config.guard.operators


def _operator(args: Mapping[str, Any]) -> str:
    operator = parse_label(str(args.get("operator", "")))
    if operator is None:
        raise ControlError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
    return operator


def _cause(args: Mapping[str, Any]) -> str:
    cause = str(args.get("cause", "")).strip() or "by hand"
    if len(cause) > MAX_CAUSE or not cause.isprintable():
        raise ControlError(f"a cause is one line of at most {MAX_CAUSE} characters")
    return cause
