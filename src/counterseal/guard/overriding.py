"""Loosened limits: kept and ended by the guard, on its record, told to the gateway and to people.

They end by the wall clock and by the monotonic clock, whichever comes first: a clock that is put back makes none last.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from counterseal.adapters.control_link import ControlError
from counterseal.core.alerts.model import Alert
from counterseal.core.config.grammar import parse_label
from counterseal.core.config.model import Config
from counterseal.core.ladder import Refusal
from counterseal.core.overrides import (
    MAX_CAUSE,
    REFUSALS,
    Override,
    Place,
    Wanted,
    config_with,
    fold,
    override_data,
    place_of,
    span_ms,
)
from counterseal.guard.alerting.sources import plain
from counterseal.ports.clock import Clock
from counterseal.ports.journal import JournalError

# A gateway hears them at each change, at its start, and so often besides.
AGAIN_NS = 5_000_000_000


class Book(Protocol):
    """Where changes are written."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record. Raises JournalError."""
        ...

    def try_write(self, record: Mapping[str, Any]) -> bool:
        """Write a record of what goes on in any case."""
        ...


class Overriding:
    """Holds the overrides. `written` gives the settings as they are written, None while there are none.

    `send` tells the gateway, `changed` is called when other limits hold than before.
    """

    def __init__(
        self,
        book: Book,
        records: Iterable[Mapping[str, Any]],
        written: Callable[[], Config | None],
        send: Callable[[Mapping[str, Any]], None],
        raise_: Callable[[Alert], None],
        changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._book, self._written, self._send, self._raise = book, written, send, raise_
        self._changed, self._clock = changed, clock
        self._overrides = fold(records, self._now_ms())
        self._ends_ns = {place: self._end_ns(held) for place, held in self._overrides.held.items()}
        self._told_ns: int | None = None
        self._known: tuple[Config | None, tuple[Override, ...], Config | None] = (None, (), None)

    @property
    def config(self) -> Config | None:
        """The settings as they hold now: the same object until something changes."""
        written, live = self._written(), tuple(self._overrides.held.values())
        if self._known[0] is not written or self._known[1] != live:
            held = None if written is None else config_with(written, live, 0)
            self._known = (written, live, held)
        return self._known[2]

    def table(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Give the verbs by name; each takes arguments."""
        return {"override_set": self.set, "override_end": self.end, "override_list": self.listed}

    def view(self) -> list[dict[str, Any]]:
        """Give what is loosened, for `status`."""
        return [override_data(held) for held in self._overrides.held.values()]

    def restate(self) -> None:
        """Write down anew what holds: the journal's older segments may go."""
        for held in self._overrides.held.values():
            self._book.try_write({"type": "override", "act": "set", **override_data(held)})

    # -- from second to second

    def look(self) -> None:
        """End what has had its time, and tell the gateway now and again."""
        now_ms, now_ns = self._now_ms(), self._clock.monotonic_ns()
        for place, held in list(self._overrides.held.items()):
            if now_ms >= held.until_ms or now_ns >= self._ends_ns[place]:
                self._end(place, {"why": "time"}, f"{place}: its time is over")
        if self._told_ns is None or now_ns - self._told_ns >= AGAIN_NS:
            self.tell()

    def tell(self) -> None:
        """Tell the gateway, which ends each by its own clock where it hears nothing more."""
        now_ns = self._told_ns = self._clock.monotonic_ns()
        rows = [
            {**override_data(held), "left_ms": max(0, (self._ends_ns[place] - now_ns) // 1_000_000)}
            for place, held in self._overrides.held.items()
        ]
        self._send({"type": "overrides", "rows": rows})

    # -- verbs

    async def set(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Take an operator's word that a limit shall be wider for a while. Raises ControlError."""
        wanted, operator, cause, config = self._asked(args)
        found = self._overrides.ask(wanted, operator, config.guard.operators, config, self._now_ms(), cause)
        if isinstance(found, Refusal):
            raise ControlError(REFUSALS[found.reason])
        by = {"operator": operator, "uid": args.get("uid"), "cause": cause}
        if found.override is None:
            wish = {**wanted.place._asdict(), "value": wanted.value, "for_ms": wanted.for_ms}
            self._write({"type": "override", "act": "wish", **wish, **by})
            self._overrides = found.overrides
            self._tell_people("limit_overridden", wanted.place, f"{operator} wants {wanted.value}; a second must agree")
            return {"is_done": False, "override": None}
        self._write({"type": "override", "act": "set", **by, **override_data(found.override)})
        self._overrides = found.overrides
        self._ends_ns[wanted.place] = self._end_ns(found.override)
        self.tell()
        self._changed()
        who = " and ".join(found.override.operators)
        self._tell_people("limit_overridden", wanted.place, f"{wanted.value} by {who}: {cause}")
        return {"is_done": True, "override": override_data(found.override)}

    async def end(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """End an override before its time; that needs one person. Raises ControlError."""
        place, operator = _place(args), _operator(args)
        held = self._overrides.held.get(place)
        if held is None:
            raise ControlError(REFUSALS["not_overridden"])
        self._end(place, {"why": "operator", "operator": operator, "uid": args.get("uid")}, f"{place}: by {operator}")
        return override_data(held)

    async def listed(self, _args: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is loosened, and what waits for a second person."""
        config, wishes = self._written(), self._overrides.wishes.values()
        waiting = [{**wanted.place._asdict(), "value": wanted.value, "for_ms": wanted.for_ms, **wish._asdict()}
                   for wanted, wish in wishes]  # fmt: skip
        operators = [] if config is None else list(config.guard.operators)
        return {"overrides": self.view(), "wishes": waiting, "operators": operators}

    # -- parts

    def _asked(self, args: Mapping[str, Any]) -> tuple[Wanted, str, str, Config]:
        config, place, operator = self._written(), _place(args), _operator(args)
        if config is None:
            # Who may decide stands there: without the settings anybody could.
            raise ControlError("the guard has no settings; mend them, then: counterseal reload")
        for_ms, cause = span_ms(str(args.get("until", ""))), str(args.get("cause", "")).strip()
        if for_ms is None:
            raise ControlError(REFUSALS["malformed_until"])
        if not 0 < len(cause) <= MAX_CAUSE or not cause.isprintable():
            raise ControlError(f"a cause is one line of at most {MAX_CAUSE} characters")
        return Wanted(place, str(args.get("value", "")), for_ms), operator, cause, config

    def _end(self, place: Place, by: Mapping[str, Any], text: str) -> None:
        """The limit holds again, whatever the disk says."""
        self._overrides = self._overrides.without(place)
        self._ends_ns.pop(place, None)
        self._book.try_write({"type": "override", "act": "end", **place._asdict(), **by})
        self.tell()
        self._changed()
        self._tell_people("override_ended", place, text)

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self._book.write(record)
        except JournalError:
            raise ControlError("the guard's journal cannot be written, so that no limit is loosened") from None

    def _tell_people(self, code: str, place: Place, text: str) -> None:
        at_ms = self._now_ms()
        self._raise(replace(plain(code, text, at_ms, str(place)), dedup_key=f"{code} {place} {at_ms}"))

    def _end_ns(self, held: Override) -> int:
        return self._clock.monotonic_ns() + (held.until_ms - self._now_ms()) * 1_000_000

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000


def _place(args: Mapping[str, Any]) -> Place:
    found = place_of(*[str(args.get(name, "")) for name in ("bot", "limit", "symbol")])
    if isinstance(found, Refusal):
        raise ControlError(REFUSALS[found.reason])
    return found


def _operator(args: Mapping[str, Any]) -> str:
    operator = parse_label(str(args.get("operator", "")))
    if operator is None:
        raise ControlError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
    return operator
