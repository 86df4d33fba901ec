"""User data of futures: a listen key of the account, by REST with the API key alone, and kept alive."""

import re
from collections.abc import Mapping

import msgspec

from counterseal.core.intent import Intent
from counterseal.core.key_refusal import need_of
from counterseal.core.messages import HeldKey
from counterseal.core.secret import Secret
from counterseal.gateway import answers
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import OWN, Budget, NoRoom
from counterseal.gateway.outbound import Outbound
from counterseal.gateway.state import State
from counterseal.gateway.userdata.way import (
    NOTHING,
    QUARANTINED,
    QUARANTINED_S,
    REFUSED_S,
    Closed,
    Heard,
    Kind,
    Opening,
)
from counterseal.ports.venue import Lost, NotSent, VenueReply

KEEP_MS = 300_000
# A key that nobody extends is valid for an hour: when extending fails, it is tried again long before.
AGAIN_MS = 60_000
_PATHS: Mapping[str, str] = {"usdm": "/fapi/v1/listenKey", "coinm": "/dapi/v1/listenKey"}
_PLACES: Mapping[str, str] = {"usdm": "/private/ws?listenKey={}", "coinm": "/ws/{}"}
_is_key = re.compile(r"[A-Za-z0-9]{16,256}").fullmatch
_kind = msgspec.json.Decoder(Kind).decode
EXPIRED, SHUTDOWN = "listenKeyExpired", "serverShutdown"


class ListenKey:
    """The one listen key of an account in one futures market; it is a secret, for it opens the account's data.

    The exchange gives the same key for as long as it is valid, so an account has one, whoever asks for it.
    """

    def __init__(self, state: State, outbound: Outbound, budget: Budget, family: str, held: HeldKey) -> None:
        self._state = state
        self._outbound = outbound
        self._budget = budget
        self._family = family
        self._held = held
        self._key: Secret | None = None
        self.keep_at_ms: int | None = None

    @property
    def ref(self) -> str:
        """The version of the key that is named."""
        return self._held.ref

    async def open(self) -> Opening:
        """Ask for the key. Raises Closed."""
        key = self._key_in(await self._ask("POST"))
        # What another version of the API key was given before does not end with the first that this one is given.
        is_other = self._key is not None and not self._is_ours(key)
        self._key = Secret(key.encode())
        self.keep_at_ms = self._state.monotonic_ms() + KEEP_MS
        return Opening(_PLACES[self._family].format(key), is_other=is_other)

    async def greeting(self) -> bytes:
        """Nothing is said: the address says it."""
        return b""

    def hear(self, text: bytes) -> Heard:
        """Every message is an event."""
        kind = _kind(text).e
        if kind == EXPIRED:
            return Heard(fault=Closed("the listen key has ended"))
        if kind == SHUTDOWN:
            return Heard(is_last=True)
        return Heard(event=text, kind=kind) if kind else NOTHING

    async def keep(self) -> None:
        """Extend the key. Raises Closed when it is gone or another has taken its place."""
        now_ms = self._state.monotonic_ms()
        self.keep_at_ms = now_ms + AGAIN_MS
        try:
            key = self._key_in(await self._ask("PUT"), may_be_absent=True)
        except Closed as fault:
            if fault.is_refused:
                raise Closed("the listen key cannot be extended") from None
            return
        if key and not self._is_ours(key):
            raise Closed("the listen key was replaced")
        self.keep_at_ms = now_ms + KEEP_MS

    def _is_ours(self, key: str) -> bool:
        return self._key is not None and self._key.reveal() == key.encode()

    async def _ask(self, method: str) -> VenueReply:
        """Ask with the API key alone. Raises Closed when no good answer came."""
        endpoint = self._state.catalogue.get(self._family, method, _PATHS[self._family])
        if endpoint is None:
            raise Closed("the exchange has no listen keys there", REFUSED_S, is_refused=True)
        if self._state.quarantine.holds_back(self._held.ref, need_of(endpoint)):
            raise Closed(QUARANTINED, QUARANTINED_S)
        admitted = Admitted(OWN, None, endpoint, Intent(endpoint, (), {}, (), (), (), places=False), None, (), 0, None)
        try:
            permit = self._budget.take_own(endpoint, {}, self._state.account_of(self._held.ref))
        except NoRoom as short:
            raise Closed(f"no room for a listen key: {short.reason}", short.wait_s) from None
        try:
            answer = await self._outbound.send(admitted, b"", self._held, permit)
        except (NotSent, Lost):
            raise Closed("no answer to a listen key's request") from None
        finally:
            self._budget.close(permit)
        if answer.status != 200:
            raise _refusal(answer)
        return answer

    def _key_in(self, answer: VenueReply, *, may_be_absent: bool = False) -> str:
        body = answers.parse(answer).body
        found = body.get("listenKey") if isinstance(body, dict) else None
        if may_be_absent and found is None:
            return ""
        # It goes into an address: whoever answers must not say where.
        if not isinstance(found, str) or not _is_key(found):
            raise Closed("unreadable answer to a listen key's request", REFUSED_S)
        return found


def _refusal(answer: VenueReply) -> Closed:
    code = answers.parse(answer).code
    told = f"listen key refused: status {answer.status}, code {code}"
    is_refused = 400 <= answer.status < 500 and answer.status not in (418, 429)
    return Closed(told, REFUSED_S if is_refused else 0, is_refused=is_refused)
