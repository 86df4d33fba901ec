"""UNKNOWN requests for an operator: which there are and why, and ending one that nobody can prove."""

import json
from collections.abc import Mapping
from typing import Any

from counterseal.core.config.grammar import parse_label
from counterseal.core.outcome import Outcome
from counterseal.core.resolver import OVERDUE_MS
from counterseal.gateway.cases import Case
from counterseal.gateway.control import ControlError
from counterseal.gateway.resolver import Resolver
from counterseal.gateway.state import State

# The list travels in one packet; the ids in it are the bots' own, and as long as these like.
MAX_ROWS, MAX_BYTES = 200, 100_000
# What an operator may say that it came to. NEVER_BORN gives no id back.
ACCEPTED, NEVER_BORN = "accepted", "never-born"
_OUTCOMES = {ACCEPTED: Outcome.ACCEPTED, NEVER_BORN: Outcome.ABSENT}


class Unproven:
    """Answers the verbs `unknown_list` and `unknown_end`."""

    def __init__(self, state: State, resolver: Resolver, log: Any) -> None:
        self._state = state
        self._resolver = resolver
        self._log = log

    async def list(self) -> dict[str, Any]:
        """Give every UNKNOWN request, the oldest first, as far as they fit."""
        cases, rows, size = self._resolver.cases(), [], 0
        for case in cases[:MAX_ROWS]:
            row = self._row(case)
            size += len(json.dumps(row))
            if size > MAX_BYTES:
                break
            rows.append(row)
        return {"unknown": rows, "left_off": len(cases) - len(rows)}

    async def end(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """End one in the name of a person. Raises ControlError."""
        operator, outcome = parse_label(str(args.get("operator", ""))), _OUTCOMES.get(str(args.get("as", "")))
        if operator is None:
            raise ControlError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
        if outcome is None:
            raise ControlError(f"a request ends as {ACCEPTED} or as {NEVER_BORN}")
        case = self._case(str(args.get("id", "")))
        row = self._row(case)
        self._resolver.end(case, outcome, {"operator": operator, "uid": args["uid"]})
        self._log.critical("unknown request is ended by an operator", operator=operator, outcome=outcome.value, **row)
        return {**row, "outcome": outcome.value}

    def _case(self, request: str) -> Case:
        for case in self._resolver.cases():
            if case.entry.request == request:
                break
        else:
            raise ControlError("no request of that id is UNKNOWN; see: counterseal unknown list")
        # Until then it may still be executed, or be about to be proven.
        left_ms = OVERDUE_MS - (self._state.monotonic_ms() - case.sent_ms)
        if left_ms > 0:
            raise ControlError(f"the gateway is still asking for it; it can be ended in {-(-left_ms // 1000)} s")
        return case

    def _row(self, case: Case) -> dict[str, Any]:
        return {
            "id": case.entry.request,
            "bot": case.entry.bot,
            "family": case.family,
            "path": case.path,
            "symbols": sorted({subject.symbol for subject in case.subjects if subject.symbol}),
            "client_ids": list(case.client_ids)[:10],
            "age_ms": self._state.monotonic_ms() - case.entry.at_ms,
            "why": "; ".join(sorted(set(case.heard.values()))) or "not asked yet",
        }
