"""The guard asks the exchange what each key may do, tells people and the gateway, and tries keys that are refused."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.codes import code_of
from counterseal.core.alerts.model import Alert, Severity
from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Config
from counterseal.core.key_facts import NOTE, Finding, Lock, Use, judge, locks_in, refusing, use_of
from counterseal.core.key_facts import RESTRICTED as IS_RESTRICTED
from counterseal.core.key_refs import name_of
from counterseal.core.key_refusal import Need, Probe, is_expired, is_refusal
from counterseal.core.messages import HeldKey
from counterseal.core.quarantine import Change, Ward
from counterseal.core.rotation import Stage
from counterseal.guard.hands.asker import Asker, Told
from counterseal.guard.keys.probe import RESTRICTIONS, TRADING_STATUS, WITHOUT_WALLET, Prober, facts_of
from counterseal.ports.clock import Clock

# So often it is looked whether something is due: more often at the start, and while a key is refused.
LOOK_S, IDLE_S = 0.5, 5.0
HOUR_MS = 3_600_000
# A key that could not be asked is asked again so soon, and people are told after the second figure.
AGAIN_MS, UNASKED_MS = 60_000, 600_000
# What the gateway was told is told again, in case it was lost.
TELL_MS = 30_000
USDM_STATUS = "/fapi/v1/apiTradingStatus"
ASKING = Need("sapi", changes=False)


@dataclass(slots=True)
class Known:
    """What is known of one version of a key. `asked_ms` is wall time, None as long as it could not be asked.

    `due_ms` and `failing_ms` are monotonic: when it is asked next, and since when it could not be.
    """

    due_ms: int = 0
    asked_ms: int | None = None
    restrictions: Mapping[str, bool | int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    why: str = "not asked yet"
    failing_ms: int | None = None


class KeyKeeper:
    """Runs from `keep` on. `raise_` tells people, `send` the gateway, `record` writes into the guard's journal.

    `draw(n)` gives an unforeseeable number from 0 to n - 1.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        asker: Asker,
        held: Callable[[], Mapping[str, HeldKey]],
        raise_: Callable[[Alert], None],
        send: Callable[[Mapping[str, Any]], None],
        record: Callable[[Mapping[str, Any]], object],
        clock: Clock,
        tasks: Tasks,
        draw: Callable[[int], int],
    ) -> None:
        self._config, self._held, self._clock, self._tasks, self._draw = config, held, clock, tasks, draw
        self._raise, self._send, self._record = raise_, send, record
        self.prober = Prober(asker, config)
        self._asker, self._quarantine = asker, asker.quarantine
        self._known: dict[str, Known] = {}
        self._probing: set[str] = set()
        self._told: Mapping[str, Any] = {}
        self._told_ms: int | None = None
        self._settings: Config | None = None
        asker.on_refused, asker.on_change = self._suspect, self._tell_people

    # -- life

    async def keep(self) -> None:
        """Ask every key at once, then each in its own time, for ever."""
        while True:
            ref = ""
            try:
                self._look()
                for ref in self._due():
                    await self._ask(ref)
                self._tell_gateway()
            except Exception as fault:  # noqa: BLE001 - what breaks once must not end the asking for all keys
                self._failed(ref, fault)
            is_idle = bool(self._known) and not self._quarantine
            await self._clock.sleep(IDLE_S if is_idle else LOOK_S)

    def _failed(self, ref: str, fault: Exception) -> None:
        known, why = self._known.get(ref), f"a fault of ours ({type(fault).__name__})"
        if known is not None:
            known.due_ms, known.why = self._now_ms() + AGAIN_MS, why
        self._alert("key_unasked", ref or "all", why)

    def again(self) -> None:
        """Tell a new gateway."""
        self._told_ms = None
        self._tell_gateway()

    def reload(self) -> None:
        """Judge what is known by the settings that are in force now."""
        for ref, known in self._known.items():
            known.due_ms = 0 if name_of(ref) in self._config().keys else known.due_ms

    def _look(self) -> None:
        """See which keys there are, and what of the quarantine is due."""
        config, held = self._config(), self._held()
        if config is not self._settings:
            self._settings = config
            self.reload()
        self._known = {ref: self._known.get(ref) or Known() for ref, key in held.items() if key.name in config.keys}
        self._tell_people(self._quarantine.keep(held, self._now_ms()))
        for ward in self._quarantine.due(self._now_ms()):
            self._try_again(ward)

    def _due(self) -> list[str]:
        now_ms = self._now_ms()
        return [ref for ref, known in self._known.items() if known.due_ms <= now_ms]

    # -- asking

    async def _ask(self, ref: str) -> None:
        held, config, known = self._held().get(ref), self._config(), self._known.get(ref)
        if held is None or known is None or held.name not in config.keys:
            return
        if held.stage == Stage.DRAINING:
            # It is on its way out, and nothing new may stand on it.
            known.due_ms, known.why = self._now_ms() + AGAIN_MS, "it is being replaced"
            return
        known.due_ms = self._now_ms() + self._period_ms(config)
        if config.venue.environment in WITHOUT_WALLET or held.environment != config.venue.environment:
            known.why = "this environment does not tell"
            return
        told = await self.prober.read(ref, held.name, "spot", RESTRICTIONS, Lane.ACCOUNT)
        restrictions = facts_of(told)
        if restrictions is None:
            self._unasked(held, known, told)
            return
        use = use_of(config, held.name)
        locks = await self._locks(held, use)
        self._learn(held, known, restrictions, locks, use)

    async def _locks(self, held: HeldKey, use: Use) -> tuple[Lock, ...]:
        """Ask whether trading is locked; what cannot be asked locks nothing."""
        found: list[Lock] = []
        for family, path in self._statuses(use):
            told = await self.prober.read(held.ref, held.name, family, path, Lane.ACCOUNT)
            found += locks_in(told.answer.body) if told.answer.status == 200 else ()
        return tuple(found)

    @staticmethod
    def _statuses(use: Use) -> Iterator[tuple[str, str]]:
        if use.trades:
            yield "spot", TRADING_STATUS
            if "usdm" in use.products:
                yield "usdm", USDM_STATUS

    def _learn(
        self, held: HeldKey, known: Known, restrictions: Mapping[str, bool | int], locks: tuple[Lock, ...], use: Use
    ) -> None:
        wall_ms = self._clock.wall_ns() // 1_000_000
        known.asked_ms, known.restrictions, known.why, known.failing_ms = wall_ms, restrictions, "", None
        exchange_ms = self._asker.exchange_ms(self._now_ms())
        known.findings = judge(restrictions, locks, use, self._config().facts, exchange_ms)
        self._quarantine.hear({}, _bound({held.ref: known}), self._now_ms())
        codes = [one.code for one in known.findings]
        self._record({"type": "keys", "what": "facts", "ref": held.ref, "flags": dict(restrictions), "found": codes})
        for one in known.findings:
            if one.action != NOTE:
                self._alert(one.code, held.ref, one.text, one.severity)

    def _unasked(self, held: HeldKey, known: Known, told: Told) -> None:
        now_ms = self._now_ms()
        known.due_ms = now_ms + AGAIN_MS
        known.why = told.why or f"the exchange answered {told.answer.status}"
        known.failing_ms = now_ms if known.failing_ms is None else known.failing_ms
        if told.reply is not None and is_refusal(told.answer.status, told.answer.code) and held.stage == Stage.ACTIVE:
            self._suspect(held, ASKING, told.sent_ms)
        elif now_ms - known.failing_ms >= UNASKED_MS:
            self._alert("key_unasked", held.ref, f"for ten minutes: {known.why}")
            known.failing_ms = now_ms

    def _period_ms(self, config: Config) -> int:
        """Give how long until a key is asked again: never all of them at one moment."""
        whole = config.facts.ask_hours * HOUR_MS
        return whole - self._draw(whole // 10 + 1)

    # -- keys that are refused

    def _suspect(self, key: HeldKey, need: Need, sent_ms: int) -> None:
        """The exchange has refused a key: try it once."""
        if self._quarantine.refused(key, need, sent_ms, self._now_ms()):
            self._begin(key, need)

    def _try_again(self, ward: Ward) -> None:
        held = self._held().get(ward.ref)
        if held is not None and held.api_key == ward.api_key:
            self._begin(held, ward.asked)

    def _begin(self, key: HeldKey, need: Need) -> None:
        if key.ref not in self._probing:
            self._probing.add(key.ref)
            self._tasks.spawn(self._try(key, need), f"probe key {key.ref}")

    async def _try(self, key: HeldKey, need: Need) -> None:
        has_wallet = self._config().venue.environment not in WITHOUT_WALLET
        identity = self.prober.identity(key.name)
        family, path = ("spot", RESTRICTIONS) if has_wallet else (identity.family, identity.path)
        try:
            told = await self.prober.read(key.ref, key.name, family, path)
        finally:
            self._probing.discard(key.ref)
        flags = facts_of(told) if has_wallet else None
        expired = flags is not None and is_expired(flags, self._asker.exchange_ms(self._now_ms()))
        probe = Probe(told.answer.status, told.answer.code, flags, expired=expired)
        fits = key.environment == self._config().venue.environment
        changes = self._quarantine.probed(key, probe, self._now_ms(), fits=fits)
        self._tell_people(changes)
        known = self._known.get(key.ref)
        if known is not None and probe.is_taken:
            known.due_ms = 0

    def _tell_people(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            found, of = change.ward.diagnosis, "" if not change.ward.need.product else f", {change.ward.need}"
            why = "" if found is None else f": {found.cause.value}, {found.text}"
            if change.is_open_question:
                self._alert("key_unasked", change.ward.ref, "it was refused and cannot be tried: it goes on as before")
                continue
            self._alert("key_back" if change.ended else "key_quarantined", change.ward.ref, f"{of}{why}".lstrip(", :"))

    # -- telling

    def _tell_gateway(self) -> None:
        """Tell which keys the settings refuse, if that is news or a while ago. As long as nothing is known: nothing."""
        asked = {ref: known for ref, known in self._known.items() if known.asked_ms is not None}
        message = {"type": "keys", "refused": _refused(asked), "restricted": _bound(asked)}
        now_ms, is_old = self._now_ms(), self._told_ms is None or self._now_ms() - self._told_ms >= TELL_MS
        if asked and (message != self._told or is_old):
            self._told, self._told_ms = message, now_ms
            self._send(message)

    def _alert(self, name: str, ref: str, text: str, severity: Severity | None = None) -> None:
        code = code_of(name)
        at_ms = self._clock.wall_ns() // 1_000_000
        loud = code.severity if severity is None else severity
        self._raise(Alert(loud, name, f"{code.title}: {ref}", f"key {ref}: {text}", f"{name} {ref}", at_ms))

    def view(self) -> dict[str, Any]:
        """Give by ref what `counterseal key list` shows."""
        return {
            ref: {
                "asked_ms": known.asked_ms,
                "why": known.why,
                "bound": known.restrictions.get(IS_RESTRICTED),
                "findings": [
                    {"code": one.code, "action": one.action, "severity": one.severity.name.lower(), "text": one.text}
                    for one in known.findings
                ],
            }
            for ref, known in self._known.items()
        }

    def quarantined(self) -> list[dict[str, object]]:
        """Give the keys that the guard holds back."""
        return self._quarantine.report(self._now_ms())

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


def _refused(asked: Mapping[str, Known]) -> dict[str, str]:
    found = {ref: refusing(known.findings) for ref, known in asked.items()}
    return {ref: one.text for ref, one in found.items() if one is not None}


def _bound(asked: Mapping[str, Known]) -> dict[str, bool]:
    """Give of each key whether it is bound to addresses."""
    found = {ref: known.restrictions.get(IS_RESTRICTED) for ref, known in asked.items()}
    return {ref: told for ref, told in found.items() if type(told) is bool}
