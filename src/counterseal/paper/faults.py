"""Faults in force: which requests they hit, how often, and whether the request is executed all the same.

A fault is ordered as `{"fault": "kind:argument", "match": {...}, "when": "before" | "after", "times": N, "nth": N,
"probability": P}`.  Kinds are the answers of `faults_answers` (`answer:NAME`), the broken bodies of `faults_body`, the
broken wires of `faults_wire`, and the few below.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import blake2b

from counterseal.paper.errors import ApiError, Json
from counterseal.paper.faults_answers import ANSWERS, OPEN_ENDED, answer
from counterseal.paper.faults_body import SPOILERS
from counterseal.paper.faults_wire import PLANNERS

BEFORE, AFTER = "before", "after"
PPM = 1_000_000
# Kinds that are neither an answer, nor a body, nor a wire; and whether the request is executed.
TIMED = ("delay", "late", "reset_during")
STREAM_KINDS = (
    "ws_close",
    "server_shutdown",
    "no_pong",
    "stream_gap",
    "stream_repeat",
    "stream_reorder",
    "stream_stall",
)
OLD_NAMES = {
    "status": ("answer", BEFORE),
    "status_after_execute": ("answer", AFTER),
    "reset_before": ("reset", BEFORE),
    "reset_after_execute": ("reset", AFTER),
    "stall_after_execute": ("stall", AFTER),
}
NUMBERS = ("delay", "late")  # kinds whose argument is ms
MATCHES = ("method", "path", "key", "client_id", "symbol", "peer")
CLIENT_IDS = ("newClientOrderId", "origClientOrderId", "listClientOrderId", "clientAlgoId", "newClientStrategyId")
CHAOS = ("answer:503-unknown", "answer:-1007", "answer:502", "answer:429", "answer:-1021", "reset", "close", "stall",
         "fin_in_body", "tls_cut", "truncated", "wrong_client_id", "wrong_symbol", "duplicate_keys", "nan_price",
         "delay:300")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is matched by.  `pairs` may be empty when it was not read."""

    method: str
    path: str
    key: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    peer: str = ""


@dataclass(slots=True)
class Fault:
    """One order for trouble.  `times` None has no end; `ppm` of the matching requests, or every `nth` of them."""

    number: int
    kind: str
    argument: str
    when: str
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    nth: int = 1
    ppm: int = PPM
    seen: int = 0
    hits: int = 0

    def takes(self, asked: Asked, draw: int) -> bool:
        """Whether this request is hit; counts it as seen when it matches."""
        if not matches(self.match, asked):
            return False
        self.seen += 1
        if self.seen % self.nth or draw >= self.ppm:
            return False
        self.hits += 1
        return True

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def shown(self) -> Json:
        return {
            "number": self.number, "fault": f"{self.kind}:{self.argument}" if self.argument else self.kind,
            "when": self.when, "match": self.match, "times": self.times, "nth": self.nth,
            "probability": str(Decimal(self.ppm) / PPM), "seen": self.seen, "hits": self.hits,
        }  # fmt: skip


def matches(wanted: dict[str, str], asked: Asked) -> bool:
    """Method, address and symbol are exact; path too unless it ends with `*`; key and client id are beginnings."""
    if wanted.get("method") not in (None, asked.method) or wanted.get("peer") not in (None, asked.peer):
        return False
    path = wanted.get("path", asked.path)
    if path != asked.path and not (path.endswith("*") and asked.path.startswith(path[:-1])):
        return False
    if not asked.key.startswith(wanted.get("key", "")):
        return False
    if "symbol" in wanted and ("symbol", wanted["symbol"]) not in asked.pairs:
        return False
    return "client_id" not in wanted or _bears(wanted["client_id"], asked)


def _bears(prefix: str, asked: Asked) -> bool:
    """Whether the request or one of its legs has a client id with that beginning."""
    for name, value in asked.pairs:
        if name in CLIENT_IDS or name.endswith("ClientOrderId"):
            if value.startswith(prefix):
                return True
        elif name == "batchOrders" and f'ClientOrderId":"{prefix}' in value.replace(" ", ""):
            return True
    return False


class Faults:
    """The faults in force, oldest first, and the seeded chaos."""

    def __init__(self, seed: int = 1) -> None:
        self._faults: list[Fault] = []
        self._seed = seed
        self._draws = 0
        self._number = 0
        self._chaos: tuple[int, tuple[str, ...], dict[str, str]] | None = None
        self.done: Counter[str] = Counter()  # how often each kind was done, for who watches

    def order(self, body: bytes) -> Json:
        """Take one fault as JSON, `{"clear": true}`, or `{"chaos": {"per_mille": N}}`; -1135 when malformed."""
        try:
            return self.take(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
            raise ApiError(-1135, "Invalid JSON Request") from None

    def take(self, wanted: Json) -> Json:
        """The same, decoded.  ValueError, TypeError or KeyError when it is no fault."""
        if wanted.get("clear") is True:
            self._faults.clear()
            self._chaos = None
            return {"faults": 0}
        if "chaos" in wanted:
            self._set_chaos(wanted["chaos"])
            return {"faults": len(self._faults), "chaos": wanted["chaos"]}
        self._number += 1
        self._faults.append(_fault(wanted, self._number))
        return {"faults": len(self._faults)}

    def remove(self, number: int) -> bool:
        """Whether there was such a fault."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.number != number]
        return len(self._faults) < before

    def listed(self) -> list[Json]:
        return [fault.shown() for fault in self._faults]

    @property
    def is_idle(self) -> bool:
        return not self._faults and self._chaos is None

    def next_for(self, method: str, path: str, asked: Asked | None = None, *, is_stream: bool = False) -> Fault | None:
        """The fault of this request (or stream message), counted as done."""
        if self.is_idle:
            return None
        asked = asked or Asked(method, path)
        for fault in self._faults:
            if (
                (fault.kind in STREAM_KINDS) == is_stream
                and fault.kind != "reset_during"
                and fault.takes(asked, self._draw())
            ):
                return self._hit(fault)
        return None if is_stream else self._by_chaos(asked)

    def resets_during(self, method: str, path: str, peer: str) -> bool:
        """Whether the connection is to be reset now that the request line has come in, the rest unread."""
        asked = Asked(method, path, peer=peer)
        for fault in self._faults:
            if fault.kind == "reset_during" and fault.takes(asked, self._draw()):
                self._hit(fault)
                return True
        return False

    def _hit(self, fault: Fault) -> Fault:
        self.done[fault.kind] += 1
        self._faults = [other for other in self._faults if not other.is_spent]
        return fault

    def _draw(self) -> int:
        """A number below PPM that depends on the seed and on how many were drawn before."""
        self._draws += 1
        digest = blake2b(b"%d:%d" % (self._seed, self._draws), digest_size=8).digest()
        return int.from_bytes(digest, "big") % PPM

    def _set_chaos(self, wanted: object) -> None:
        if not isinstance(wanted, dict):
            raise TypeError("chaos is an object")
        kinds = tuple(wanted.get("kinds", CHAOS))
        for kind in kinds:
            name, _, argument = str(kind).partition(":")
            _checked(name, argument, AFTER)
        rate = int(Decimal(str(wanted["per_mille"])) * 1000)
        self._chaos = (rate, kinds, _match(wanted.get("match", {})))
        self._seed, self._draws = int(wanted.get("seed", self._seed)), 0

    def _by_chaos(self, asked: Asked) -> Fault | None:
        if self._chaos is None or not matches(self._chaos[2], asked):
            return None
        rate, kinds, _ = self._chaos
        if self._draw() >= rate:
            return None
        kind, _, argument = kinds[self._draw() % len(kinds)].partition(":")
        may_be_executed = kind != "answer" or argument in OPEN_ENDED
        when = AFTER if kind in SPOILERS or (self._draw() % 2 and may_be_executed) else BEFORE
        self.done[kind] += 1
        return Fault(0, kind, argument, when)


def _fault(wanted: Json, number: int) -> Fault:
    kind, _, argument = str(wanted["fault"]).partition(":")
    kind, when = OLD_NAMES.get(kind, (kind, BEFORE if kind == "answer" else AFTER))
    when = str(wanted.get("when", when))
    _checked(kind, argument, when)
    times = wanted.get("times", 1 if "probability" not in wanted and "nth" not in wanted else None)
    nth = int(str(wanted.get("nth", 1)))
    ppm = int(Decimal(str(wanted.get("probability", 1))) * PPM)
    if nth < 1 or not 0 < ppm <= PPM:
        raise ValueError("nth is at least 1, probability in (0, 1]")
    return Fault(number, kind, argument, when, _match(wanted.get("match", {})),
                 None if times is None else int(str(times)), nth, ppm)  # fmt: skip


def _match(wanted: object) -> dict[str, str]:
    if not isinstance(wanted, dict) or not set(wanted) <= set(MATCHES):
        raise ValueError(f"match is an object of {MATCHES}")
    return {name: str(value) for name, value in wanted.items() if value is not None}


def _checked(kind: str, argument: str, when: str) -> None:
    if kind not in {"answer", *SPOILERS, *PLANNERS, *TIMED, *STREAM_KINDS} or when not in (BEFORE, AFTER):
        raise ValueError(kind)
    if kind == "answer":
        answer(argument, 0)
    if kind in NUMBERS:
        int(argument)
    if kind in SPOILERS and when == BEFORE:
        raise ValueError(f"{kind} spoils the reply of an executed request")


def catalogue() -> Json:
    """Everything that can be ordered, for the command line's help."""
    return {"answers": list(ANSWERS), "bodies": list(SPOILERS), "wires": list(PLANNERS), "timed": list(TIMED),
            "streams": list(STREAM_KINDS)}  # fmt: skip
