"""What the gateway does about keys that the exchange refuses: one probe, then local refusals until it takes them again.

`core.quarantine` decides; here are the probe, the record, and what people are told.
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.budget.share import Lane
from counterseal.core.intent import Intent
from counterseal.core.key_refusal import Need, Probe, is_expired, is_refusal, need_of
from counterseal.core.messages import HeldKey
from counterseal.core.quarantine import Change, Closed, Quarantine, Ward
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import OWN, Budget, NoRoom
from counterseal.gateway.cases import MAX_RECV_WINDOW_MS
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable, SigningClient
from counterseal.ports.venue import Lost, NotSent, VenueReply

# What a probe asks: the key's own permissions, or where the wallet's paths do not exist, an account.
RESTRICTIONS = ("spot", "/sapi/v1/account/apiRestrictions")
_ACCOUNTS: Mapping[str, tuple[str, str]] = {
    "spot": ("spot", "/api/v3/account"),
    "usdm": ("usdm", "/fapi/v3/balance"),
    "coinm": ("coinm", "/dapi/v1/balance"),
}
WITHOUT_WALLET = frozenset({"testnet", "demo"})
# So often it is looked whether a probe is due, at least.
LOOK_MS = 500


class KeyWards:
    """Hears what the exchange says of keys, probes them, and says which requests are held back.

    `record` puts fields on record; `outbound` is set by whoever makes both.
    """

    def __init__(
        self,
        state: State,
        budget: Budget,
        signer: SigningClient,
        tasks: Tasks,
        record: Callable[[Mapping[str, Any]], None],
        log: Any,
    ) -> None:
        self._state, self._budget, self._signer = state, budget, signer
        self._tasks, self._record, self._log = tasks, record, log
        self._quarantine: Quarantine = state.quarantine
        self._probing: set[str] = set()
        self._is_waiting = False
        self._strangers: set[str] = set()
        self._refused_from: dict[str, str] = {}
        self.outbound: Outbound | None = None

    # -- requests

    def shut(self, admitted: Admitted, key: HeldKey | None) -> Reply | None:
        """Give the refusal of a request whose key is held back; None when it may go on, and `leaves` is told of it."""
        if key is None or not self._quarantine or admitted.endpoint.security == "NONE":
            return None
        return self._closed(admitted, key, is_exit=_is_exit(admitted))

    def leaves(self, admitted: Admitted, key: HeldKey) -> None:
        """A request goes on to the exchange: an exit takes its bot's turn, and one that was refused here took none."""
        if self._quarantine and _is_exit(admitted):
            now_ms = self._state.monotonic_ms()
            self._quarantine.leaves(key.ref, need_of(admitted.endpoint), now_ms, admitted.bot)

    def stops(self, admitted: Admitted, key: HeldKey | None) -> bool:
        """Tell whether a request that was let through may not leave any more; exits have had their turn."""
        if key is None or not self._quarantine or _is_exit(admitted) or admitted.endpoint.security == "NONE":
            return False
        return self._quarantine.holds_back(key.ref, need_of(admitted.endpoint))

    def stopped(self, admitted: Admitted, key: HeldKey | None) -> Reply | None:
        """Give the refusal of a request that did not leave for that; None when it was for something else."""
        return self._closed(admitted, key, is_exit=False) if key is not None and self.stops(admitted, key) else None

    def _closed(self, admitted: Admitted, key: HeldKey, *, is_exit: bool) -> Reply | None:
        need, now_ms = need_of(admitted.endpoint), self._state.monotonic_ms()
        closed = self._quarantine.judge(key.ref, need, now_ms, is_exit=is_exit, bot=admitted.bot)
        return None if closed is None else self._refusal(closed)

    def _refusal(self, closed: Closed) -> Reply:
        seconds = -(-closed.wait_ms // 1000) or 1
        since_ms = self._state.told_ms(closed.since_ms)
        return replies.denial(closed.reason, retry_after_s=seconds, since_ms=since_ms)

    # -- what the exchange says

    def heard(self, key: HeldKey, endpoint: Endpoint, reply: VenueReply, egress: str) -> None:
        """Take an answer to what a key was named in, and left from `egress`. Answers to a probe come otherwise."""
        code = answers.parse(reply).code if reply.status >= 400 else None
        self.told(key, endpoint, reply.status, code, reply.sent_ns // 1_000_000, egress)

    def told(
        self, key: HeldKey, endpoint: Endpoint, status: int, code: int | None, sent_ms: int, egress: str = ""
    ) -> None:
        """The same of an answer in parts."""
        now_ms = self._state.monotonic_ms()
        if status >= 300:
            if is_refusal(status, code):
                self._refused(key, need_of(endpoint), sent_ms, egress)
        elif not endpoint.signed:
            return  # it shows the key's id to be good, and nothing of the key
        elif self._quarantine:
            self._tell(self._quarantine.taken(key.ref, need_of(endpoint), sent_ms, now_ms))
        else:
            self._quarantine.worked(key.ref, now_ms)

    def _refused(self, key: HeldKey, need: Need, sent_ms: int, egress: str) -> None:
        held = self._signer.keys().get(key.ref)
        if held is None or held.api_key != key.api_key:
            return  # it has been replaced meanwhile, and nothing more is asked with it
        if self._quarantine.refused(key, need, sent_ms, self._state.monotonic_ms()):
            self._log.warning("the exchange refuses a key; it is being tried", key=key.ref)
            self._refused_from[key.ref] = egress
            self._probe(key, need)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take what the guard says of keys. Raises ValueError for nonsense."""
        refused, restricted = _table(message.get("refused"), str), _table(message.get("restricted"), bool)
        before = {row["key"] for row in self._quarantine.report(0)}
        self._quarantine.hear(refused, restricted, self._state.monotonic_ms())
        for ref in sorted(refused.keys() - before):
            self._log.warning("the settings refuse a key for what the exchange says of it", key=ref, why=refused[ref])
            self._record({"type": "event", "what": "key_refused", "key": ref, "why": refused[ref]})

    def keys_changed(self) -> None:
        """The signer has said which keys it holds."""
        held, environment = self._signer.keys(), self._state.config.venue.environment
        self._tell(self._quarantine.keep(held, self._state.monotonic_ms()))
        strangers = {ref for ref, key in held.items() if key.environment != environment}
        for ref in sorted(strangers - self._strangers):
            self._log.critical(
                "the signer holds a key of another environment: it signs nothing here", key=ref,
                sealed_for=held[ref].environment, here=environment,
            )  # fmt: skip
        self._strangers = strangers

    # -- the probe

    def _probe(self, key: HeldKey, need: Need) -> None:
        if key.ref not in self._probing:
            self._probing.add(key.ref)
            self._tasks.spawn(self._try(key, need), f"probe key {key.ref}")

    async def _try(self, key: HeldKey, need: Need) -> None:
        probe = Probe(0)
        try:
            probe = await self._tried(key, need)
        finally:
            # Whatever broke, the key is tried again: a probe that did not end says nothing.
            self._probing.discard(key.ref)
            fits = key.environment == self._state.config.venue.environment
            self._tell(self._quarantine.probed(key, probe, self._state.monotonic_ms(), fits=fits))
            self._plan()

    async def _tried(self, key: HeldKey, need: Need) -> Probe:
        """Ask from the address that was refused; where that is refused again, once more from another one of ours."""
        egresses = self._state.config.venue.egress
        first = self._refused_from.get(key.ref, "")
        others = [egress for egress in egresses if egress != first]
        probe = await self._ask(key, need, first if first in egresses else None)
        if not probe.is_refused or not others or first not in egresses:
            return probe
        elsewhere = await self._ask(key, need, others[0])
        return probe._replace(elsewhere=elsewhere.is_taken)

    async def _ask(self, key: HeldKey, need: Need, egress: str | None) -> Probe:
        """Ask once, ahead of everybody; without an answer the probe says nothing."""
        has_wallet = self._state.config.venue.environment not in WITHOUT_WALLET
        family, path = RESTRICTIONS if has_wallet else _ACCOUNTS.get(need.product, _ACCOUNTS["spot"])
        endpoint = self._state.catalogue.get(family, "GET", path)
        if endpoint is None or self.outbound is None or key.environment != self._state.config.venue.environment:
            return Probe(0)
        intent = Intent(endpoint, (), {}, (), (), (), places=False)
        admitted = Admitted(OWN, None, endpoint, intent, None, (), MAX_RECV_WINDOW_MS, None)
        try:
            permit = self._budget.take_own(endpoint, {}, self._state.account_of(key.ref), Lane.RISK, egress)
        except NoRoom:
            return Probe(0)
        try:
            with self.outbound.uses.using(key.ref):
                query = await self.outbound.sign(admitted, key)
                reply = await self.outbound.send(admitted, query, key, permit, is_probe=True)
        except (SignerRefused, SignerUnavailable, JournalError, NotSent, Lost):
            return Probe(0)
        finally:
            self._budget.close(permit)
        parsed = answers.parse(reply)
        flags = parsed.body if has_wallet and reply.status == 200 and isinstance(parsed.body, dict) else None
        expired = flags is not None and is_expired(flags, self._state.told_ms(self._state.monotonic_ms()))
        return Probe(reply.status, parsed.code, flags, expired=expired)

    def _plan(self) -> None:
        """Have what stays closed tried again when its time comes."""
        if not self._is_waiting and self._quarantine.next_ms() is not None:
            self._is_waiting = True
            self._tasks.spawn(self._wait(), "try quarantined keys again")

    async def _wait(self) -> None:
        try:
            while (next_ms := self._quarantine.next_ms()) is not None:
                wait_ms = min(max(next_ms - self._state.monotonic_ms(), 1), LOOK_MS)
                await self._state.clock.sleep(wait_ms / 1000)
                for ward in self._quarantine.due(self._state.monotonic_ms()):
                    self._again(ward)
        finally:
            self._is_waiting = False

    def _again(self, ward: Ward) -> None:
        held = self._signer.keys().get(ward.ref)
        if held is not None and held.api_key == ward.api_key:
            self._probe(held, ward.asked)

    # -- telling

    def _tell(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            ward, found = change.ward, change.ward.diagnosis
            cause = None if found is None else found.cause.value
            what = "key_back" if change.ended else "key_quarantined"
            what = "key_untried" if change.is_open_question else what
            of = "" if ward.need.product == "" else str(ward.need)
            fields = {"key": ward.ref, "of": of or None, "cause": cause}
            self._record({"type": "event", "what": what, **fields})
            if change.is_open_question:
                self._log.critical("a key was refused and cannot be tried: it goes on as before", **fields)
            elif change.ended:
                self._log.warning("a key works again", **fields)
            else:
                certain = found and found.is_certain
                self._log.critical(
                    "the exchange refuses a key: it is quarantined",
                    **fields,
                    is_certain=certain,
                    why=found and found.text,
                )

    def report(self) -> list[dict[str, object]]:
        """Give what `counterseal status` shows."""
        return self._quarantine.report(self._state.monotonic_ms())


def _is_exit(admitted: Admitted) -> bool:
    return admitted.endpoint.mutating and admitted.intent.reduces


def _table(found: object, kind: type) -> dict[str, Any]:
    """Give what the guard says of keys by their refs. Raises ValueError for nonsense."""
    if not isinstance(found, dict) or not all(
        type(name) is str and len(name) <= 64 and type(value) is kind for name, value in found.items()
    ):
        raise ValueError("not facts of keys")
    return found
