"""Keys that the exchange refuses: who is held back, what is tried, and when it is over.

The exchange answers -2015 for four different things and does not say which. A refusal is followed by one probe; only
what the probe shows to be closed stays closed: the whole key, or what it lacks one permission for. Exits go on until
then, and afterwards once a second for each bot, because a wrong quarantine must not lock anybody in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from counterseal.core.config.model import Config
from counterseal.core.key_facts import RESTRICTED
from counterseal.core.key_refusal import WHOLE, Diagnosis, Evidence, Need, Probe, diagnose, lacking
from counterseal.core.messages import HeldKey

# How long until a closed key is tried again, doubled each time up to the second figure.
PROBE_MS, MOST_PROBE_MS = 30_000, 300_000
EXIT_MS = 1_000
# A refusal that a probe could not explain begins no other one for so long.
UNEXPLAINED_MS = 30_000
# A probe that nobody answered is tried again so soon.
SILENT_MS = 2_000
# A suspicion that no probe has settled in this time is dropped: what nobody can look into must not close a key.
SUSPECT_MS = 10_000


class Closed(NamedTuple):
    """Why a request is held back: a code of `core.reasons`, since when (monotonic ms), and how long at least."""

    reason: str
    since_ms: int
    wait_ms: int


class Phase(Enum):
    """Of a ward: it is being probed for the first time, or found closed."""

    SUSPECT = "suspect"
    SHUT = "shut"


@dataclass(slots=True)
class Ward:
    """One key, or what it needs one permission for, that is held back. `exits` gives by bot when its next may go."""

    ref: str
    api_key: str
    need: Need
    asked: Need
    since_ms: int
    probe_at_ms: int
    phase: Phase = Phase.SUSPECT
    backoff_ms: int = PROBE_MS
    exits: dict[str, int] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None


class Change(NamedTuple):
    """What people are told: a ward was shut, or is over."""

    ward: Ward
    ended: bool

    @property
    def is_open_question(self) -> bool:
        """Whether it is over without anybody knowing why the key was refused."""
        return self.ended and self.ward.phase is Phase.SUSPECT


class Quarantine:
    """The keys of one process. Nothing here asks or waits; `now_ms` is monotonic.

    `version` grows whenever another key may be the right one.
    """

    def __init__(self) -> None:
        self.version = 0
        self._wards: dict[tuple[str, Need], Ward] = {}
        self._refused: dict[str, tuple[str, int]] = {}
        self._worked_ms: dict[str, int] = {}
        self._restricted: dict[str, bool] = {}
        self._unexplained_ms: dict[tuple[str, Need], int] = {}
        self._over_ms: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._wards or self._refused)

    # -- requests

    def judge(self, ref: str, need: Need, now_ms: int, *, is_exit: bool, bot: str = "") -> Closed | None:
        """Give why a request is held back; None when it may go on. An exit that then leaves is told to `leaves`."""
        ward = self._ward(ref, need)
        if ward is None:
            told = self._refused.get(ref)
            return None if told is None or is_exit else Closed("key_refused", told[1], 0)
        at_ms = ward.exits.get(bot, now_ms) if is_exit else ward.probe_at_ms
        if is_exit and (ward.phase is Phase.SUSPECT or at_ms <= now_ms):
            return None
        return Closed(_reason(ward), ward.since_ms, max(at_ms - now_ms, 0))

    def leaves(self, ref: str, need: Need, now_ms: int, bot: str = "") -> None:
        """An exit of a bot leaves now: where the key is closed, the bot's next one has its turn in a second."""
        ward = self._ward(ref, need)
        if ward is not None:
            ward.exits[bot] = now_ms + EXIT_MS

    def holds_back(self, ref: str, need: Need) -> bool:
        """Tell whether what is no exit is held back."""
        return self._ward(ref, need) is not None or ref in self._refused

    def _ward(self, ref: str, need: Need) -> Ward | None:
        return self._wards.get((ref, WHOLE)) or self._wards.get((ref, need))

    # -- what the exchange says

    def refused(self, key: HeldKey, need: Need, sent_ms: int, now_ms: int) -> bool:
        """The exchange refused a request that left at `sent_ms`. Tells whether the key is to be probed now."""
        ref = key.ref
        if self._ward(ref, need) is not None or sent_ms < self._over_ms.get(ref, sent_ms):
            return False
        told_ms = self._unexplained_ms.get((ref, need))
        if told_ms is not None and now_ms - told_ms < UNEXPLAINED_MS:
            return False
        # Until the probe is back nobody knows how much of the key is closed.
        self._wards[ref, WHOLE] = Ward(ref, key.api_key, WHOLE, need, now_ms, now_ms)
        self.version += 1
        return True

    def worked(self, ref: str, now_ms: int) -> None:
        """The exchange has taken a request that the key signed, and nothing is held back."""
        self._worked_ms[ref] = now_ms

    def taken(self, ref: str, need: Need, sent_ms: int, now_ms: int) -> tuple[Change, ...]:
        """The exchange has taken a request that the key signed and that left at `sent_ms`."""
        self.worked(ref, now_ms)
        over = [ward for ward in (self._wards.get((ref, WHOLE)), self._wards.get((ref, need))) if ward is not None]
        return self._end([ward for ward in over if ward.since_ms <= sent_ms], now_ms)

    def due(self, now_ms: int) -> list[Ward]:
        """Give the wards whose key is to be probed now, each key once."""
        found: dict[str, Ward] = {}
        for ward in self._wards.values():
            if ward.probe_at_ms <= now_ms:
                found.setdefault(ward.ref, ward)
        return list(found.values())

    def next_ms(self) -> int | None:
        """Give when the next probe is due, None where nothing is held back."""
        return min((ward.probe_at_ms for ward in self._wards.values()), default=None)

    def probed(self, key: HeldKey, probe: Probe, now_ms: int, *, fits: bool = True) -> tuple[Change, ...]:
        """A probe of a key came back: what it shows to be open is over, what it does not explain too."""
        if probe.restrictions is not None:
            self._learn(key.ref, probe.restrictions)
        wards = [ward for ward in self._wards.values() if ward.ref == key.ref]
        if probe.is_taken:
            self._worked_ms[key.ref] = now_ms
            return tuple([change for ward in wards for change in self._opened(ward, probe, now_ms)])
        if not probe.is_refused:
            return self._unsettled(wards, now_ms)
        return tuple([change for ward in wards for change in self._stays(ward, probe, now_ms, fits=fits)])

    def _unsettled(self, wards: Iterable[Ward], now_ms: int) -> tuple[Change, ...]:
        """The probe says nothing: it is tried again soon, but what is a mere suspicion ends in time, and is told."""
        late = []
        for ward in wards:
            ward.probe_at_ms = now_ms + SILENT_MS
            if ward.phase is Phase.SUSPECT and now_ms - ward.since_ms >= SUSPECT_MS:
                self._unexplained_ms[ward.ref, ward.asked] = now_ms
                late.append(ward)
        self._end(late, now_ms)
        return tuple([Change(ward, ended=True) for ward in late])

    def _opened(self, ward: Ward, probe: Probe, now_ms: int) -> tuple[Change, ...]:
        """The key is let in: then only what it lacks a permission for is closed."""
        found = lacking(ward.asked, probe)
        if found is not None and ward.need == ward.asked:
            return self._stays(ward, probe, now_ms)
        ended = self._end([ward], now_ms)
        if found is None:
            if ward.phase is Phase.SUSPECT:
                self._unexplained_ms[ward.ref, ward.asked] = now_ms
            return ended
        narrow = Ward(ward.ref, ward.api_key, ward.asked, ward.asked, ward.since_ms, now_ms)
        self._wards[ward.ref, ward.asked] = narrow
        return ended + self._stays(narrow, probe, now_ms)

    def _stays(self, ward: Ward, probe: Probe, now_ms: int, *, fits: bool = True) -> tuple[Change, ...]:
        is_news = ward.phase is Phase.SUSPECT
        ward.phase = Phase.SHUT
        self.version += 1 if is_news else 0
        ward.probe_at_ms = now_ms + ward.backoff_ms
        ward.backoff_ms = min(MOST_PROBE_MS, ward.backoff_ms * 2)
        ward.diagnosis = diagnose(self._evidence(ward, probe, fits=fits))
        return (Change(ward, ended=False),) if is_news else ()

    def _evidence(self, ward: Ward, probe: Probe, *, fits: bool) -> Evidence:
        shut = {each.ref for each in self._wards.values() if each.need == WHOLE}
        others = [ref for ref in self._worked_ms if ref != ward.ref]
        work = any(ref not in shut and self._worked_ms[ref] >= ward.since_ms for ref in others)
        all_shut = bool(others) and all(ref in shut for ref in others)
        return Evidence(
            ward.asked, probe, fits, ward.ref in self._worked_ms or ward.ref in self._restricted,
            self._restricted.get(ward.ref), True if work else False if all_shut else None,
        )  # fmt: skip

    def _end(self, wards: Iterable[Ward], now_ms: int) -> tuple[Change, ...]:
        changes = []
        for ward in wards:
            del self._wards[ward.ref, ward.need]
            self._over_ms[ward.ref] = now_ms
            self.version += 1
            if ward.phase is Phase.SHUT:
                changes.append(Change(ward, ended=True))
        return tuple(changes)

    # -- what others say

    def _learn(self, ref: str, restrictions: Mapping[str, bool | int]) -> None:
        told = restrictions.get(RESTRICTED)
        if type(told) is bool:
            self._restricted[ref] = told

    def hear(self, refused: Mapping[str, str], restricted: Mapping[str, bool], now_ms: int) -> None:
        """Take which keys the settings refuse (each with why), and whether each that was asked is bound to addresses.

        What was refused before and has not been asked since stays so.
        """
        self._restricted |= restricted
        before = {ref: why for ref, (why, _) in self._refused.items()}
        after = {ref: why for ref, why in before.items() if ref not in restricted} | dict(refused)
        if after != before:
            self._refused = {ref: (why, self._refused.get(ref, (why, now_ms))[1]) for ref, why in after.items()}
            self.version += 1

    def keep(self, held: Mapping[str, HeldKey], now_ms: int) -> tuple[Change, ...]:
        """The signer holds these keys now: what is not among them, or has another key id, is nobody's any more."""
        over = [
            ward for ward in self._wards.values()
            if ward.ref not in held or held[ward.ref].api_key != ward.api_key
        ]  # fmt: skip
        gone = {ward.ref for ward in over} | {ref for ref in (*self._worked_ms, *self._refused) if ref not in held}
        for ref in gone:
            self._worked_ms.pop(ref, None)
            self._restricted.pop(ref, None)
            self._refused.pop(ref, None)
        return self._end(over, now_ms)

    # -- who else

    def is_shut(self, ref: str) -> bool:
        """Tell whether a key as a whole is known to be closed."""
        ward = self._wards.get((ref, WHOLE))
        return ref in self._refused or (ward is not None and ward.phase is Phase.SHUT)

    def stand_in(self, name: str, config: Config, active: Mapping[str, HeldKey], need: Need) -> HeldKey | None:
        """Give another key of an account that may read in the place of one that cannot, None where there is none.

        `active` are the keys that may sign, by their names. What the settings no longer name is of nobody's account.
        """
        known = config.keys.get(name)
        if known is None:
            return None
        fitting = [
            (len(key.functions), key.name) for key in config.keys.values()
            if key.account == known.account and key.name != name and key.functions & {"account", "trade"}
            and key.name in active and active[key.name].environment == config.venue.environment
            and not self.holds_back(active[key.name].ref, need)
        ]  # fmt: skip
        return active[min(fitting)[1]] if fitting else None

    def report(self, now_ms: int) -> list[dict[str, object]]:
        """Give what `status` shows."""
        rows = [_row(ward, now_ms) for ward in self._wards.values()]
        return rows + [
            {"key": ref, "what": "all but exits", "phase": "refused by the settings", "since_ms_ago": now_ms - since_ms,
             "cause": "settings", "why": why, "probe_in_ms": None}
            for ref, (why, since_ms) in self._refused.items()
        ]  # fmt: skip


def _reason(ward: Ward) -> str:
    return "key_quarantined" if ward.need == WHOLE else "key_lacks_permission"


def _row(ward: Ward, now_ms: int) -> dict[str, object]:
    found = ward.diagnosis
    return {
        "key": ward.ref,
        "what": "all of it" if ward.need == WHOLE else str(ward.need),
        "phase": ward.phase.value,
        "since_ms_ago": now_ms - ward.since_ms,
        "cause": None if found is None else found.cause.value,
        "why": "it is being tried" if found is None else found.text,
        "probe_in_ms": max(0, ward.probe_at_ms - now_ms),
    }
