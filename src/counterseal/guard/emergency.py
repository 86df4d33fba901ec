"""Emergencies: what an operator does is on the guard's record and told to people, and a key that nobody holds any more
is tried at the exchange.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from counterseal.adapters.control_link import ControlError
from counterseal.core.alerts.model import Alert
from counterseal.core.budget.share import Lane
from counterseal.core.config.grammar import parse_label
from counterseal.core.emergency import NAMES, Subject
from counterseal.guard.alerting.sources import plain
from counterseal.guard.hands.asker import Asker, Told
from counterseal.ports.clock import Clock

ACTS = ("begin", "step", "end")
MAX_TEXT = 1_000
# What came of a step; "" where there was nothing to do.
_DONE: Mapping[str, bool | None] = {"yes": True, "no": False, "": None}
_CODES: Mapping[bool | None, str] = {True: "emergency_over", False: "emergency_unproven", None: "emergency_over"}
_MAX_KEY = 256
# A key's own account is not known here; this read is on every account.
_FAMILY, _PATH = "spot", "/api/v3/account"
WAIT_S = 2.0


class EmergencyVerbs:
    """Answers `emergency` and `key_refused`. `record` writes into the guard's journal, `raise_` alerts people.

    `asker` gives the way to the exchange, None while there is none.
    """

    def __init__(
        self,
        record: Callable[[Mapping[str, Any]], bool],
        raise_: Callable[[Alert], None],
        asker: Callable[[], Asker | None],
        clock: Clock,
    ) -> None:
        self._record, self._raise, self._asker, self._clock = record, raise_, asker, clock

    def table(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Give the verbs by name; each takes arguments."""
        return {"emergency": self.note, "key_refused": self.refused}

    async def note(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Put what an operator has done on record; its beginning and its end are told. Raises ControlError."""
        noted = _noted(args)
        is_kept = self._record({"type": "emergency", **noted, "uid": args.get("uid")})
        if noted["act"] != "step":
            self._tell(noted)
        return {"journalled": is_kept}

    async def refused(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Show the exchange an API key with a signature that is none: what it finds wrong first tells whether it knows
        the key. For keys that the signer no longer holds. Raises ControlError.
        """
        key, asker = args.get("api_key"), self._asker()
        if type(key) is not str or not 0 < len(key) <= _MAX_KEY or not (key.isascii() and key.isalnum()):
            raise ControlError("an API key is letters and digits")
        if asker is None:
            raise ControlError("the guard has no settings and cannot reach the exchange; see: counterseal status")
        told = await asker.show_key(key, _FAMILY, _PATH, Lane.RISK, WAIT_S)
        return _view(told)

    def _tell(self, noted: Mapping[str, Any]) -> None:
        about = f"{noted['kind']} {noted['name']}"
        code = "emergency_begun" if noted["act"] == "begin" else _CODES[noted["done"]]
        text = f"{about}, by {noted['operator']}: {noted['text']}"
        at_ms = self._clock.wall_ns() // 1_000_000
        # Each time is told: a second emergency soon after the first one is news.
        self._raise(replace(plain(code, text, at_ms, about), dedup_key=f"{code} {about} {at_ms}"))


def _noted(args: Mapping[str, Any]) -> dict[str, Any]:
    """Read what an operator noted. Raises ControlError."""
    texts = {name: str(args.get(name, "")) for name in ("act", "kind", "name", "operator", "step", "done", "text")}
    is_named = parse_label(texts["name"]) is not None and parse_label(texts["operator"]) is not None
    is_step = texts["step"] in NAMES if texts["act"] == "step" else texts["step"] == ""
    is_known = texts["act"] in ACTS and texts["kind"] in {kind.value for kind in Subject} and texts["done"] in _DONE
    if not (is_named and is_step and is_known):
        raise ControlError("this is no step of an emergency; do both run the same version?")
    if len(texts["text"]) > MAX_TEXT or not texts["text"].isprintable():
        raise ControlError(f"what is noted is one line of at most {MAX_TEXT} characters")
    return {**texts, "done": _DONE[texts["done"]]}


def _view(told: Told) -> dict[str, Any]:
    answer = told.answer
    code = answer.code if told.reply is not None else None
    why = f"the exchange answered {answer.status} with code {code}" if told.reply is not None else told.why
    return {"signature": False, "code": code, "text": why or "no answer came"}
